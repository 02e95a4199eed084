"""Scores: seqeval's entity F1, or accuracy for plain tags, always over all gold words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from seqeval.metrics import classification_report

from nlptrain.data.corpus import Sentence
from nlptrain.labels import Labels
from nlptrain.schemes import Scheme, valid


@dataclass(frozen=True)
class Scores:
    """How well a model does on tagged sentences; all shares from 0 to 1.

    Attributes:
        metric: ``f1`` (micro average over entities) or ``accuracy`` (over words); ``agreement`` where the tags that
            are compared with are a teacher's.
        value: the share that ``metric`` names.
        sentences: how many were scored.
        words: how many words they have.
        precision: of the entities, micro average; None for plain tags.
        recall: the same.
        types: per entity type or tag: precision, recall, f1, support.
    """

    metric: str
    value: float
    sentences: int
    words: int
    precision: float | None = None
    recall: float | None = None
    types: dict[str, dict[str, float]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """A map with the metric under its own name."""
        overall = {self.metric: self.value}
        if self.precision is not None and self.recall is not None:
            overall |= {"precision": self.precision, "recall": self.recall}
        return {**overall, "metric": self.metric, "sentences": self.sentences, "words": self.words, "types": self.types}


class Tagger(Protocol):
    """Whatever tags words: a model, or several teachers together."""

    @property
    def labels(self) -> Labels:
        """The labels that it tags with."""
        ...

    def tag(self, sentences: Sequence[Sequence[str]]) -> list[list[str]]:
        """The label of every word of every sentence."""
        ...


def evaluate(model: Tagger, sentences: Sequence[Sentence], *, metric: str | None = None) -> Scores:
    """The scores of ``model`` on tagged sentences of any length; ``metric`` is another name for what is measured."""
    predicted = model.tag([sentence.words for sentence in sentences])
    scores = score([list(sentence.tags or ()) for sentence in sentences], predicted, model.labels.scheme)
    return scores if metric is None else replace(scores, metric=metric)


def score(gold: list[list[str]], predicted: list[list[str]], scheme: Scheme) -> Scores:
    """The scores of ``predicted`` tags against ``gold`` ones, sentence by sentence.

    Entities are what is compared, in whatever scheme; they are read as seqeval's default mode reads them (an I- behind
    another type opens one).

    Raises:
        ValueError: a sentence has more or fewer predicted tags than gold ones.
    """
    for number, (one, other) in enumerate(zip(gold, predicted, strict=True)):
        if len(one) != len(other):
            raise ValueError(f"sentence {number} has {len(one)} gold tags and {len(other)} predicted ones")
    words = sum(map(len, gold))
    if scheme == "plain":
        return _plain(gold, predicted, words)
    if not any(tag != "O" for tags in (*gold, *predicted) for tag in tags):
        return Scores("f1", 0.0, len(gold), words, 0.0, 0.0)
    written = [[valid(tags, "iob2") for tags in part] for part in (gold, predicted)]
    report = classification_report(*written, output_dict=True, zero_division=0)
    types = {
        name: {
            "precision": float(row["precision"]),
            "recall": float(row["recall"]),
            "f1": float(row["f1-score"]),
            "support": int(row["support"]),
        }
        for name, row in report.items()
        if name not in ("micro avg", "macro avg", "weighted avg")
    }
    micro = report["micro avg"]
    return Scores(
        "f1", float(micro["f1-score"]), len(gold), words, float(micro["precision"]), float(micro["recall"]), types
    )


def _plain(gold: list[list[str]], predicted: list[list[str]], words: int) -> Scores:
    pairs = [pair for one, other in zip(gold, predicted, strict=True) for pair in zip(one, other, strict=True)]
    right = sum(one == other for one, other in pairs)
    types = {}
    for name in sorted({tag for pair in pairs for tag in pair}):
        hits = sum(one == other == name for one, other in pairs)
        found, there = sum(other == name for _, other in pairs), sum(one == name for one, _ in pairs)
        precision, recall = hits / max(1, found), hits / max(1, there)
        f1 = 2 * precision * recall / max(1e-12, precision + recall)
        types[name] = {"precision": precision, "recall": recall, "f1": f1, "support": there}
    return Scores("accuracy", right / max(1, words), len(gold), words, types=types)
