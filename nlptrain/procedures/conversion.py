"""Convert gold files to another format."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from nlptrain.config.data import DataConfig
from nlptrain.data.converting import Conversion, convert
from nlptrain.data.corpus import Corpus
from nlptrain.data.formats import SUFFIXES, GoldFormat
from nlptrain.data.formats.registry import output_files
from nlptrain.data.tag_schemes import Scheme
from nlptrain.data.text_files import without_gz
from nlptrain.errors import InputError, Setting


def convert_files(
    sources: Sequence[str],
    out: Path,
    data: DataConfig,
    target: GoldFormat | None = None,
    *,
    write_scheme: Scheme | None = None,
    comments: bool = False,
    overwrite: bool = False,
    log: Callable[[str], None] = lambda _: None,
) -> Conversion:
    """Write the gold sentences of ``sources`` to ``out``.

    Args:
        sources: files and globs, in any format that a run reads.
        out: the new file.
        data: format, columns and tag scheme of ``sources``.
        target: format of ``out``; None: that of its suffix.
        write_scheme: tag scheme of ``out``; None: that of ``sources``.
        comments: of CoNLL: write ids and texts as comments.
        overwrite: replace ``out``.
        log: receives what is skipped or repaired in ``sources``, and what ``out`` cannot hold.

    Returns:
        The counts and the tag schemes.

    Raises:
        InputError: a file cannot be read, ``out`` exists, or its name does not fit its format.
    """
    target = target or _format_by_suffix(out)
    _check_name(out, target)
    for path in output_files(out, target):
        if path.exists() and not path.is_file():
            raise InputError("is not a file", location=str(path), hint="give the name of a file")
        if path.exists() and not overwrite:
            raise InputError(
                "exists already", location=str(path), hint=("give another name, or ", Setting("overwrite"))
            )
    corpus = Corpus(sources, data, log=log)
    conversion = convert(corpus, out, target, write_scheme=write_scheme, comments=comments, log=log)
    for kind, count in conversion.lost.items():
        log(f"{target} has no place for {kind}: left out of {count:,} sentence{'s' * (count > 1)}")
    return conversion


def _format_by_suffix(out: Path) -> GoldFormat:
    """Return the first format with the suffix of ``out``; for JSON Lines, that of tokens with tags."""
    suffix = without_gz(out).suffix.lower()
    target = next((target for target, suffixes in SUFFIXES.items() if suffix in suffixes), None)
    if target is None:
        known = ", ".join(dict.fromkeys(name for suffixes in SUFFIXES.values() for name in suffixes))
        raise InputError(
            f"found the suffix {suffix!r}",
            location=str(out),
            expected=f"that of a format ({known})",
            hint=("or give ", Setting("target")),
        )
    return target


def _check_name(out: Path, target: GoldFormat) -> None:
    """Raise unless the suffix of ``out`` is one that readers of ``target`` accept."""
    if target == "brat" and out.suffix.lower() != ".ann":
        raise InputError(
            f"found the suffix {out.suffix!r}",
            location=str(out),
            expected=".ann for brat, whose text file is written next to it",
        )
    if target in ("parquet", "arrow") and out.suffix.lower() == ".gz":
        raise InputError(
            "found the suffix '.gz'", location=str(out), expected=f"none: {target} files are not gzip-compressed"
        )
