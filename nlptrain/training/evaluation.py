"""Scores: seqeval's entity F1, or accuracy for plain tags, always over all gold words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from seqeval.metrics import classification_report

from nlptrain.data.labels import Labels
from nlptrain.data.sentence import Sentence
from nlptrain.data.tag_schemes import Scheme, Span, tags_to_spans, to_scheme
from nlptrain.models.arguments import check_iterable


@dataclass(frozen=True)
class Counts:
    """What each sentence adds to a score: entities, or of plain tags words, one number for each sentence.

    Attributes:
        correct: those that are both predicted and gold, with the same type and the same words.
        predicted: those that the model found; of plain tags all words.
        gold: those that are there; of plain tags all words.
    """

    correct: tuple[int, ...] = ()
    predicted: tuple[int, ...] = ()
    gold: tuple[int, ...] = ()

    @classmethod
    def of(cls, gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]], scheme: Scheme) -> Counts:
        """The counts of ``predicted`` tags against ``gold`` ones, sentence by sentence."""
        rows = [_sentence(one, other, scheme) for one, other in zip(gold, predicted, strict=True)]
        return cls(*zip(*rows, strict=True)) if rows else cls()

    def shares(self) -> tuple[float, float, float]:
        """Precision, recall and F1 of all sentences together, 0 where seqeval has 0; of plain tags each is accuracy."""
        return _shares(sum(self.correct), sum(self.predicted), sum(self.gold))

    def to_json(self) -> dict[str, list[int]]:
        """What ``counts.json`` holds of a split."""
        return {"correct": list(self.correct), "predicted": list(self.predicted), "gold": list(self.gold)}


def _sentence(gold: Sequence[str], predicted: Sequence[str], scheme: Scheme) -> tuple[int, int, int]:
    if scheme == "plain":
        return sum(one == other for one, other in zip(gold, predicted, strict=True)), len(gold), len(gold)
    there, found = set(tags_to_spans(gold)), set(tags_to_spans(predicted))
    return len(there & found), len(found), len(there)


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
        counts: what the overall shares are made of, sentence by sentence.
    """

    metric: str
    value: float
    sentences: int
    words: int
    precision: float | None = None
    recall: float | None = None
    types: dict[str, dict[str, float]] = field(default_factory=dict)
    counts: Counts = field(default_factory=Counts, repr=False)

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


def evaluate(model: Tagger, sentences: Iterable[Sentence], *, metric: str | None = None) -> Scores:
    """The scores of ``model`` on tagged sentences of any length; ``metric`` is another name for what is measured.

    Raises:
        TypeError: ``sentences`` is not a list of sentences, but a string, or holds one.
    """
    check_iterable(sentences, "sentences", "a list of Sentence: Corpus(FILE) reads them")
    sentences = list(sentences)
    for number, sentence in enumerate(sentences):
        if not isinstance(sentence, Sentence):
            raise TypeError(f"sentences[{number}]: found {type(sentence).__name__}; must be a Sentence, words and tags")
    predicted = model.tag([sentence.words for sentence in sentences])
    return evaluate_tags(sentences, predicted, model.labels.scheme, metric=metric)


def evaluate_tags(
    sentences: Sequence[Sentence], predicted: list[list[str]], scheme: Scheme, *, metric: str | None = None
) -> Scores:
    """The scores of ``predicted`` tags on tagged sentences; ``metric`` as for ``evaluate``."""
    scores = score([list(sentence.tags or ()) for sentence in sentences], predicted, scheme)
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
    counts = Counts.of(gold, predicted, scheme)
    precision, recall, f1 = counts.shares()
    if scheme == "plain":
        tally = ScoreTally(scheme)
        tally.add(gold, predicted)
        return replace(tally.scores(), counts=counts)
    types = _types(gold, predicted) if any(counts.predicted + counts.gold) else {}
    return Scores("f1", f1, len(gold), words, precision, recall, types, counts)


def _types(gold: list[list[str]], predicted: list[list[str]]) -> dict[str, dict[str, float]]:
    written = [[to_scheme(tags, "iob2") for tags in part] for part in (gold, predicted)]
    report = classification_report(*written, output_dict=True, zero_division=0)
    return {
        name: {
            "precision": float(row["precision"]),
            "recall": float(row["recall"]),
            "f1": float(row["f1-score"]),
            "support": int(row["support"]),
        }
        for name, row in report.items()
        if name not in ("micro avg", "macro avg", "weighted avg")
    }


class ScoreTally:
    """Scores that add up, for more sentences than memory holds: those of ``score``, without what each sentence adds."""

    def __init__(self, scheme: Scheme) -> None:
        """Nothing yet; the tags that come are in ``scheme``."""
        self._scheme = scheme
        self._sentences = self._words = 0
        self._correct: Counter[str] = Counter()
        self._predicted: Counter[str] = Counter()
        self._gold: Counter[str] = Counter()

    def add(self, gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> None:
        """Count ``predicted`` tags against ``gold`` ones, sentence by sentence, each as many as the other."""
        for one, other in zip(gold, predicted, strict=True):
            self._sentences += 1
            self._words += len(one)
            if self._scheme == "plain":
                self._correct.update(tag for tag, answer in zip(one, other, strict=True) if tag == answer)
                self._predicted.update(other)
                self._gold.update(one)
            else:
                there, found = set(tags_to_spans(one)), set(tags_to_spans(other))
                self._correct.update(span.label for span in there & found)
                self._predicted.update(span.label for span in found)
                self._gold.update(span.label for span in there)

    def scores(self) -> Scores:
        """The scores of all that was counted."""
        names = sorted({*self._predicted, *self._gold})
        types = {name: self._row(self._correct[name], self._predicted[name], self._gold[name]) for name in names}
        totals = (counter.total() for counter in (self._correct, self._predicted, self._gold))
        precision, recall, f1 = _shares(*totals)
        if self._scheme == "plain":
            return Scores("accuracy", recall, self._sentences, self._words, types=types)
        return Scores("f1", f1, self._sentences, self._words, precision, recall, types)

    @staticmethod
    def _row(correct: int, predicted: int, gold: int) -> dict[str, float]:
        precision, recall, f1 = _shares(correct, predicted, gold)
        return {"precision": precision, "recall": recall, "f1": f1, "support": gold}


def _shares(correct: int, predicted: int, gold: int) -> tuple[float, float, float]:
    """Precision, recall and F1; 0 where there is nothing to share."""
    precision, recall = correct / (predicted or 1), correct / (gold or 1)
    return precision, recall, 2 * precision * recall / (precision + recall or 1)


NOTHING = "-"
_KINDS = ("exact", "type", "boundary", "type and boundary", "missed", "spurious")


@dataclass(frozen=True)
class Confusion:
    """Gold against predicted, counted.

    Attributes:
        pairs: how often a gold type was answered by a predicted one; ``-`` on one side where the other stands alone. Of
            plain tags, the words' tags.
        kinds: of entities: how each gold one was answered (``exact``; the same words as another ``type``; other words
            that overlap, of the same type (``boundary``) or of another one; ``missed``), and predicted ones that
            overlap no gold one (``spurious``). Empty for plain tags.
    """

    pairs: Counter[tuple[str, str]]
    kinds: Counter[str]

    def __add__(self, other: Confusion) -> Confusion:
        """Both together."""
        return Confusion(self.pairs + other.pairs, self.kinds + other.kinds)

    def to_json(self) -> dict[str, Any]:
        """Nested maps: gold type, predicted type, count."""
        table: dict[str, dict[str, int]] = {}
        for (gold, predicted), count in sorted(self.pairs.items()):
            table.setdefault(gold, {})[predicted] = count
        kinds = {kind: self.kinds[kind] for kind in _KINDS}
        return {**({"spans": kinds} if self.kinds else {}), "types": table}

    def mistakes(self) -> list[tuple[str, str, int]]:
        """Gold, predicted and count of what is not right, the most frequent first."""
        wrong = [(gold, predicted, count) for (gold, predicted), count in self.pairs.items() if gold != predicted]
        return sorted(wrong, key=lambda row: (-row[2], row[0], row[1]))


def confusion(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]], scheme: Scheme) -> Confusion:
    """The confusion of ``predicted`` tags with ``gold`` ones, sentence by sentence.

    A gold entity is answered by a predicted one of the same words if there is one, or else by the first that overlaps
    it, one of its own type before others.
    """
    pairs: Counter[tuple[str, str]] = Counter()
    if scheme == "plain":
        for one, other in zip(gold, predicted, strict=True):
            pairs.update(zip(one, other, strict=True))
        return Confusion(pairs, Counter())
    kinds: Counter[str] = Counter()
    for one, other in zip(gold, predicted, strict=True):
        wanted, found = tags_to_spans(one), tags_to_spans(other)
        for span in wanted:
            answer = _answer(span, found)
            kinds[_kind(span, answer)] += 1
            pairs[span.label, answer.label if answer else NOTHING] += 1
        for span in found:
            if not any(_overlap(span, gold_one) for gold_one in wanted):
                kinds["spurious"] += 1
                pairs[NOTHING, span.label] += 1
    return Confusion(pairs, kinds)


def _answer(span: Span, found: Sequence[Span]) -> Span | None:
    over = [other for other in found if _overlap(span, other)]
    return min(over, key=lambda other: (other[1:] != span[1:], other.label != span.label, other.start), default=None)


def _kind(span: Span, answer: Span | None) -> str:
    if answer is None:
        return "missed"
    same_type, same_words = answer.label == span.label, answer[1:] == span[1:]
    if same_words:
        return "exact" if same_type else "type"
    return "boundary" if same_type else "type and boundary"


def _overlap(one: Span, other: Span) -> bool:
    return one.start < other.end and other.start < one.end
