"""Whether an exported tagger says what the model says: logits, tags, and what a lower precision costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nlptrain.data.sentence import Sentence
from nlptrain.errors import InputError
from nlptrain.models.exported import MADE
from nlptrain.models.token_model import TokenModel
from nlptrain.training.evaluation import score
from nlptrain_runtime import Tagger

LOGITS = 1e-4  # the most by which a logit may differ in float32
_TIES = 1e-4  # share of words whose tag may differ in float32: the last bit decides between two that are as likely
_COMPARED = 500  # dev sentences whose logits are compared


@dataclass(frozen=True)
class Parity:
    """How an exported tagger compares with its model.

    Attributes:
        precision: of its net.
        logits: the largest difference of two logits.
        words: how many were compared.
        changed: words with another tag.
        score: what it scores on dev, as a percentage; None: there is no dev.
        lost: points of the model's score that it lacks; None: there is no dev.
    """

    precision: str
    logits: float
    words: int
    changed: int
    score: float | None
    lost: float | None

    def describe(self) -> str:
        """In one line."""
        scored = "" if self.score is None else f", dev {self.score:.2f} ({self.lost or 0:+.2f} lost)"
        changed = f"{self.changed:,} of {self.words:,} words have another tag ({self.changed / self.words:.2%})"
        return f"{self.precision}: {changed}, logits differ by {self.logits:.2g} at most{scored}"

    def to_json(self) -> dict[str, Any]:
        """As ``nlptrain.json`` keeps it."""
        return {
            "logits": self.logits,
            "words": self.words,
            "changed": self.changed,
            "dev": self.score,
            "lost": self.lost,
        }


class Check:
    """What a model says of the sentences that its exports are compared on, computed once."""

    def __init__(self, model: TokenModel, dev: Sequence[Sentence]) -> None:
        """Read ``dev`` and the made sentences with ``model``."""
        self._labels = model.labels
        self._dev = [list(sentence.words) for sentence in dev]
        self._gold = [list(sentence.tags or ()) for sentence in dev]
        self._sentences = [*(list(words) for words in MADE), *self._dev]
        emissions = model.predict_emissions(self._sentences)
        self._emissions = emissions[: len(MADE) + _COMPARED]
        names = model.labels.names
        self._tags = [[names[index] for index in answer.label_ids] for answer in model.decoder.predict(emissions)]
        self._score = self._scored(self._tags)

    def of(self, tagger: Tagger, precision: str) -> Parity:
        """Compare ``tagger``, whose net is of ``precision``."""
        compared = self._sentences[: len(self._emissions)]
        found = tagger.emissions(compared)
        logits = max(
            float(np.abs(one - other).max(initial=0.0)) for one, other in zip(self._emissions, found, strict=True)
        )
        if not np.isfinite(logits):
            raise InputError(f"{precision}: the exported net answers what is no number; export another precision")
        tags = [tagged.tags for tagged in tagger.predict_words(self._sentences)]
        pairs = [pair for one, other in zip(self._tags, tags, strict=True) for pair in zip(one, other, strict=True)]
        changed = sum(one != other for one, other in pairs)
        scored = self._scored(tags)
        lost = None if scored is None or self._score is None else self._score - scored
        return Parity(precision, logits, len(pairs), changed, scored, lost)

    def _scored(self, tags: list[list[str]]) -> float | None:
        if not self._dev:
            return None
        scores = score(self._gold, tags[len(MADE) :], self._labels.scheme)
        return 100 * scores.value


def check_parity(parity: Parity, *, max_loss: float) -> None:
    """Refuse an export that says something else than its model.

    Args:
        parity: how it compares.
        max_loss: the most points of the dev score that a lower precision may lose.

    Raises:
        InputError: it does, with how much.
    """
    if parity.precision == "fp32":
        if parity.logits > LOGITS or parity.changed > max(1, _TIES * parity.words):
            raise InputError(
                f"fp32: the exported net does not say what the model says ({parity.describe()}); nothing was written. "
                "This is a fault of nlptrain or of the exporter: please report it with the model's config.json"
            )
    elif parity.lost is None:
        raise InputError(
            f"{parity.precision}: without dev sentences nobody can say what it costs; name gold files: --dev FILE"
        )
    elif parity.lost > max_loss:
        raise InputError(
            f"{parity.precision}: loses {parity.lost:.2f} points on dev, and {max_loss:g} are allowed; nothing was "
            "written. Allow more with --max-f1-loss, export another precision, or name more gold sentences to judge "
            "by: --dev FILE"
        )
