"""Export a model to ONNX, and check that the exported tagger predicts what the model predicts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nlptrain.atomic_files import whole_folder
from nlptrain.data.sentence import Sentence, check_iterable
from nlptrain.errors import InputError, Setting, suggestion
from nlptrain.models.exported import PROBE_SENTENCES, check_exportable, write_description, write_tagger
from nlptrain.models.token_model import TokenModel
from nlptrain.training.evaluation import evaluate_tags
from nlptrain_runtime import FolderError, Tagger
from nlptrain_runtime.description import PRECISIONS
from nlptrain_runtime.folder import DESCRIPTION

MAX_LOGIT_DIFFERENCE = 1e-4  # of a logit in float32
# Share of words whose tag may change in float32: the last bit decides between two labels that are equally likely.
_MAX_CHANGED = 1e-4
_LOGIT_SENTENCES = 500  # dev sentences whose logits are compared


@dataclass(frozen=True)
class Parity:
    """The comparison of an exported tagger with its model.

    Attributes:
        precision: of the exported tagger.
        logits: the largest difference of two logits.
        words: number of words that were compared.
        changed: number of words with another tag.
        score: the dev score of the exported tagger, in percent; None without dev sentences.
        lost: points of the model's dev score that it loses; None without dev sentences.
    """

    precision: str
    logits: float
    words: int
    changed: int
    score: float | None
    lost: float | None

    def describe(self) -> str:
        """Return the comparison as one log line."""
        changed = f"{self.changed:,} of {self.words:,} words have another tag ({self.changed / self.words:.2%})"
        scored = "" if self.score is None else f", dev {self.score:.2f} ({self.lost or 0:+.2f} lost)"
        return f"{self.precision}: {changed}, logits differ by {self.logits:.2g} at most{scored}"

    def to_json(self) -> dict[str, Any]:
        """Return the entry of ``nlptrain.json``."""
        return {
            "logits": self.logits,
            "words": self.words,
            "changed": self.changed,
            "dev": self.score,
            "lost": self.lost,
        }


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
    """Write ``model`` as ONNX into ``folder`` and compare it with the model; a failed export writes nothing.

    Args:
        model: any model with a fast tokenizer, or without a tokenizer.
        folder: is created; an exported folder is replaced only with ``overwrite``.
        precisions: ``fp32``, ``fp16``, ``int8``.
        dev: gold sentences, tagged with the model's labels, to compare the scores of lower precisions.
        max_loss: points of the dev score that a lower precision may lose.
        min_confidence: the default of a tagger loaded from this folder: entities below it are omitted.
        overwrite: replace an exported folder.
        log: receives one line per precision.

    Returns:
        The comparison of each precision with the model, in the order of ``precisions``.

    Raises:
        InputError: the model cannot be exported, the folder has other content, or predictions differ too much.
    """
    folder = Path(folder)
    check_iterable(precisions, "precisions", 'a list of them, e.g. ["fp32"]')
    for name in precisions:
        if name not in PRECISIONS:
            raise InputError(
                f"found {name!r}",
                location="precision",
                expected=f"one of {', '.join(sorted(PRECISIONS))}",
                hint=suggestion(name, PRECISIONS),
            )
    check_exportable(model)
    _check_output_folder(folder, overwrite=overwrite)
    reference = ReferencePredictions(model, dev)
    with whole_folder(folder) as temporary:
        description = write_tagger(model, temporary, precisions, min_confidence=min_confidence)
        comparisons = []
        for precision in precisions:
            parity = _compare(reference, temporary, precision)
            log(parity.describe())
            check_parity(parity, max_loss=max_loss)
            comparisons.append(parity)
        parity_entry = {parity.precision: parity.to_json() for parity in comparisons}
        write_description(temporary, {**description, "parity": parity_entry})
    return comparisons


class ReferencePredictions:
    """The predictions of a model for the sentences on which its exports are compared, computed once."""

    def __init__(self, model: TokenModel, dev: Sequence[Sentence]) -> None:
        """Predict the built-in test sentences and ``dev``."""
        self._labels = model.labels
        self._dev = [list(sentence.words) for sentence in dev]
        self._gold = list(dev)
        self._sentences = [*(list(words) for words in PROBE_SENTENCES), *self._dev]
        emissions = model.predict_emissions(self._sentences)
        self._emissions = emissions[: len(PROBE_SENTENCES) + _LOGIT_SENTENCES]
        names = model.labels.names
        predictions = model.decoder.predict(emissions)
        self._tags = [[names[label_id] for label_id in prediction.label_ids] for prediction in predictions]
        self._score = self._dev_score(self._tags)

    def compare(self, tagger: Tagger, precision: str) -> Parity:
        """Compare the predictions of ``tagger``, exported in ``precision``.

        Raises:
            InputError: a logit is not finite.
        """
        emissions = tagger.emissions(self._sentences[: len(self._emissions)])
        logits = max(
            float(np.abs(expected - exported).max(initial=0.0))
            for expected, exported in zip(self._emissions, emissions, strict=True)
        )
        if not np.isfinite(logits):
            hint = "export another precision"
            raise InputError("the exported model returns values that are not finite", location=precision, hint=hint)
        tags = [tagged.tags for tagged in tagger.predict_words(self._sentences)]
        pairs = [
            pair
            for expected, exported in zip(self._tags, tags, strict=True)
            for pair in zip(expected, exported, strict=True)
        ]
        changed = sum(expected != exported for expected, exported in pairs)
        dev_score = self._dev_score(tags)
        lost = None if dev_score is None or self._score is None else self._score - dev_score
        return Parity(precision, logits, len(pairs), changed, dev_score, lost)

    def _dev_score(self, tags: list[list[str]]) -> float | None:
        if not self._dev:
            return None
        scores = evaluate_tags(self._gold, tags[len(PROBE_SENTENCES) :], self._labels.scheme)
        return 100 * scores.value


def check_parity(parity: Parity, *, max_loss: float) -> None:
    """Check that an export predicts what its model predicts, up to rounding.

    Args:
        parity: the comparison.
        max_loss: points of the dev score that a lower precision may lose.

    Raises:
        InputError: it differs more.
    """
    if parity.precision == "fp32":
        if parity.logits > MAX_LOGIT_DIFFERENCE or parity.changed > max(1, _MAX_CHANGED * parity.words):
            raise InputError(
                f"the exported model differs from the model ({parity.describe()}); nothing was written",
                location="fp32",
                hint="this is a bug of nlptrain or of the exporter: please report it with the model's config.json",
            )
    elif parity.lost is None:
        raise InputError(
            "found no dev sentences to measure the loss on",
            location=parity.precision,
            hint=("set ", Setting("dev"), " to gold files"),
        )
    elif parity.lost > max_loss:
        raise InputError(
            f"loses {parity.lost:.2f} points on dev; nothing was written",
            location=parity.precision,
            expected=f"at most {max_loss:g}",
            hint=(
                "raise ",
                Setting("max_f1_loss"),
                ", export another precision, or set ",
                Setting("dev"),
                " to more files",
            ),
        )


def _compare(reference: ReferencePredictions, folder: Path, precision: str) -> Parity:
    try:
        return reference.compare(Tagger(folder, precision=precision), precision)
    except FolderError as error:
        hint = "export another precision"
        raise InputError(f"the exported model cannot be used: {error}", location=precision, hint=hint) from error


def _check_output_folder(folder: Path, *, overwrite: bool) -> None:
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    if not (folder / DESCRIPTION).is_file():
        raise InputError(
            "exists, and is no exported tagger", location=str(folder), hint="name a folder that does not exist"
        )
    if not overwrite:
        raise InputError(
            "has an exported tagger",
            location=str(folder),
            hint=("set ", Setting("overwrite"), " to replace it, or name another folder"),
        )
