"""A model's folder becomes one that runs without us: ONNX nets, tokenizer, and all that reads them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from nlptrain.atomic_files import whole_folder
from nlptrain.data.sentence import Sentence
from nlptrain.errors import InputError
from nlptrain.export.parity import Check, Parity, check_parity
from nlptrain.models.arguments import check_iterable
from nlptrain.models.exported import check_exportable, write_description, write_tagger
from nlptrain.models.token_model import TokenModel
from nlptrain_runtime import FolderError, Tagger
from nlptrain_runtime.folder import DESCRIPTION


def export_onnx(
    model: TokenModel,
    folder: str | Path,
    precisions: Sequence[str],
    *,
    dev: Sequence[Sentence] = (),
    max_loss: float = 0.3,
    min_confidence: float = 0.0,
    overwrite: bool = False,
    log: Callable[[str], None] = lambda _: None,
) -> list[Parity]:
    """Write ``model`` as ONNX into ``folder``, compared with the model itself; nothing is left of one that fails.

    Args:
        model: any whose tokenizer is a fast one, or that has none.
        folder: is made; an exported one that is there is replaced only with ``overwrite``.
        precisions: ``fp32``, ``fp16``, ``int8``: one net each.
        dev: gold sentences, tagged with the model's labels, on which a lower precision must not lose much.
        max_loss: the most points of the dev score that it may lose.
        min_confidence: what a tagger of this folder leaves out unless it is told otherwise.
        overwrite: replace an exported folder.
        log: receives one line per precision with its comparison.

    Returns:
        How each of them compares, in their order.

    Raises:
        InputError: the model cannot be exported, the folder holds something else, or a net says something else.
    """
    folder = Path(folder)
    check_iterable(precisions, "precisions", 'a list of them, e.g. ["fp32"]')
    check_exportable(model)
    _check_folder(folder, overwrite=overwrite)
    check = Check(model, dev)
    with whole_folder(folder) as part:
        described = write_tagger(model, part, precisions, min_confidence=min_confidence)
        found = []
        for precision in precisions:
            parity = _compared(check, part, precision)
            log(parity.describe())
            check_parity(parity, max_loss=max_loss)
            found.append(parity)
        write_description(part, {**described, "parity": {parity.precision: parity.to_json() for parity in found}})
    return found


def _compared(check: Check, part: Path, precision: str) -> Parity:
    try:
        return check.of(Tagger(part, precision=precision), precision)
    except FolderError as error:
        reason = str(error).removeprefix(f"{part}/").removesuffix("; export the tagger again")
        raise InputError(f"{precision}: the exported net cannot be used: {reason}; export another precision") from error


def _check_folder(folder: Path, *, overwrite: bool) -> None:
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    if not (folder / DESCRIPTION).is_file():
        raise InputError(f"{folder}: is there already, and no exported tagger; name a folder that is not there")
    if not overwrite:
        raise InputError(f"{folder}: holds an exported tagger; give --overwrite to replace it, or name another folder")
