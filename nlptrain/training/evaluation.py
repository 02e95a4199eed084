"""Scores of predicted tags: entity F1 as in seqeval, or accuracy for plain tags; and the confusion of types."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from nlptrain.data.labels import Labels
from nlptrain.data.partial_annotation import comparable_tags
from nlptrain.data.sentence import Sentence, check_iterable
from nlptrain.data.tag_schemes import Scheme, Span, tags_to_spans, to_scheme


@dataclass(frozen=True)
class Counts:
    """The counts of entities (plain tags: words) per sentence, from which scores are computed.

    Attributes:
        correct: predicted entities that gold has with the same type and the same words.
        predicted: predicted entities (plain tags: all words).
        gold: gold entities (plain tags: all words).
    """

    correct: tuple[int, ...] = ()
    predicted: tuple[int, ...] = ()
    gold: tuple[int, ...] = ()

    @classmethod
    def of(cls, gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]], scheme: Scheme) -> Counts:
        """Count ``predicted`` tags against ``gold`` ones, sentence by sentence."""
        rows = [_sentence_counts(*tags, scheme) for tags in zip(gold, predicted, strict=True)]
        return cls(*zip(*rows, strict=True)) if rows else cls()

    def scores(self) -> tuple[float, float, float]:
        """Return precision, recall and F1 of all sentences together, 0 where seqeval has 0; accuracy for plain tags."""
        return _precision_recall_f1(sum(self.correct), sum(self.predicted), sum(self.gold))

    def to_json(self) -> dict[str, list[int]]:
        """Return the entry of a split in ``counts.json``."""
        return {"correct": list(self.correct), "predicted": list(self.predicted), "gold": list(self.gold)}


def _sentence_counts(gold: Sequence[str], predicted: Sequence[str], scheme: Scheme) -> tuple[int, int, int]:
    if scheme == "plain":
        return sum(tag == gold_tag for gold_tag, tag in zip(gold, predicted, strict=True)), len(gold), len(gold)
    gold_spans, predicted_spans = set(tags_to_spans(gold)), set(tags_to_spans(predicted))
    return len(gold_spans & predicted_spans), len(predicted_spans), len(gold_spans)


@dataclass(frozen=True)
class Scores:
    """The scores of a model on tagged sentences, from 0 to 1.

    Attributes:
        metric: ``f1`` (micro average over entities) or ``accuracy`` (over words); ``agreement`` if the reference tags
            are a teacher's.
        value: of ``metric``.
        sentences: number of evaluated sentences.
        words: number of their words.
        precision: of the entities, micro average; None for plain tags.
        recall: of the entities, micro average; None for plain tags.
        types: per entity type or tag: precision, recall, f1, support.
        counts: per sentence, of entities or words.
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
        """Return a map with the metric under its own name."""
        overall = {self.metric: self.value}
        if self.precision is not None and self.recall is not None:
            overall |= {"precision": self.precision, "recall": self.recall}
        return {**overall, "metric": self.metric, "sentences": self.sentences, "words": self.words, "types": self.types}


class Tagger(Protocol):
    """Anything that tags words: a model, or an ensemble of teachers."""

    @property
    def labels(self) -> Labels:
        """The labels of its tags."""
        ...

    def tag(self, sentences: Sequence[Sequence[str]]) -> list[list[str]]:
        """Return the tag of every word of every sentence."""
        ...


def score_model(model: Tagger, sentences: Iterable[Sentence], *, metric: str | None = None) -> Scores:
    """Return the scores of ``model`` on tagged sentences of any length; ``metric`` is another name for the metric.

    Raises:
        TypeError: ``sentences`` is a string, or holds anything but ``Sentence``.
    """
    check_iterable(sentences, "sentences", "a list of Sentence: Corpus(FILE) reads them")
    sentences = list(sentences)
    for index, sentence in enumerate(sentences):
        if not isinstance(sentence, Sentence):
            raise TypeError(f"sentences[{index}]: found {type(sentence).__name__}; must be a Sentence, words and tags")
    predicted = model.tag([sentence.words for sentence in sentences])
    return evaluate_tags(sentences, predicted, model.labels.scheme, metric=metric)


def evaluate_tags(
    sentences: Sequence[Sentence], predicted: list[list[str]], scheme: Scheme, *, metric: str | None = None
) -> Scores:
    """Return the scores of ``predicted`` tags on tagged sentences; ``metric`` as for ``score_model``.

    In each sentence, entities of types that were not looked for do not count.
    """
    scores = score(*comparable_tags(sentences, predicted, scheme), scheme)
    return scores if metric is None else replace(scores, metric=metric)


def score(gold: list[list[str]], predicted: list[list[str]], scheme: Scheme) -> Scores:
    """Return the scores of ``predicted`` tags against ``gold`` ones, sentence by sentence.

    Entities are compared, in any tag scheme, and are read as in seqeval's default mode (an I- after another type opens
    an entity).

    Raises:
        ValueError: a sentence has more or fewer predicted tags than gold ones.
    """
    for index, (gold_tags, tags) in enumerate(zip(gold, predicted, strict=True)):
        if len(gold_tags) != len(tags):
            raise ValueError(f"sentence {index} has {len(gold_tags)} gold tags and {len(tags)} predicted ones")
    words = sum(map(len, gold))
    counts = Counts.of(gold, predicted, scheme)
    precision, recall, f1 = counts.scores()
    if scheme == "plain":
        tally = ScoreTally(scheme)
        tally.add(gold, predicted)
        return replace(tally.scores(), counts=counts)
    types = _scores_by_type(gold, predicted) if any(counts.predicted + counts.gold) else {}
    return Scores("f1", f1, len(gold), words, precision, recall, types, counts)


def _scores_by_type(gold: list[list[str]], predicted: list[list[str]]) -> dict[str, dict[str, float]]:
    iob2_tags = [[to_scheme(tags, "iob2") for tags in part] for part in (gold, predicted)]
    from seqeval.metrics import classification_report  # imports pandas and scikit-learn, which takes seconds

    report = classification_report(*iob2_tags, output_dict=True, zero_division=0)
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
    """Sums scores block by block, for more sentences than fit in memory; as ``score``, without counts per sentence."""

    def __init__(self, scheme: Scheme) -> None:
        """Start at zero; the tags are in ``scheme``."""
        self._scheme = scheme
        self._sentences = self._words = 0
        self._correct: Counter[str] = Counter()
        self._predicted: Counter[str] = Counter()
        self._gold: Counter[str] = Counter()

    def add(self, gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> None:
        """Count ``predicted`` tags against ``gold`` ones, sentence by sentence."""
        for gold_tags, tags in zip(gold, predicted, strict=True):
            self._sentences += 1
            self._words += len(gold_tags)
            if self._scheme == "plain":
                self._correct.update(tag for gold_tag, tag in zip(gold_tags, tags, strict=True) if tag == gold_tag)
                self._predicted.update(tags)
                self._gold.update(gold_tags)
            else:
                gold_spans, predicted_spans = set(tags_to_spans(gold_tags)), set(tags_to_spans(tags))
                self._correct.update(span.label for span in gold_spans & predicted_spans)
                self._predicted.update(span.label for span in predicted_spans)
                self._gold.update(span.label for span in gold_spans)

    def scores(self) -> Scores:
        """Return the scores of all sentences so far."""
        names = sorted({*self._predicted, *self._gold})
        types = {name: self._row(self._correct[name], self._predicted[name], self._gold[name]) for name in names}
        totals = (counter.total() for counter in (self._correct, self._predicted, self._gold))
        precision, recall, f1 = _precision_recall_f1(*totals)
        if self._scheme == "plain":
            return Scores("accuracy", recall, self._sentences, self._words, types=types)
        return Scores("f1", f1, self._sentences, self._words, precision, recall, types)

    @staticmethod
    def _row(correct: int, predicted: int, gold: int) -> dict[str, float]:
        precision, recall, f1 = _precision_recall_f1(correct, predicted, gold)
        return {"precision": precision, "recall": recall, "f1": f1, "support": gold}


def _precision_recall_f1(correct: int, predicted: int, gold: int) -> tuple[float, float, float]:
    """Return precision, recall and F1; 0 where they are undefined."""
    precision, recall = correct / (predicted or 1), correct / (gold or 1)
    return precision, recall, 2 * precision * recall / (precision + recall or 1)


NOTHING = "-"
_KINDS = ("exact", "type", "boundary", "type and boundary", "missed", "spurious")


@dataclass(frozen=True)
class Confusion:
    """Counts of gold types (plain tags: tags) against predicted ones, which show where a model goes wrong.

    Attributes:
        pairs: counts of (gold type, predicted type); ``-`` for a gold or predicted entity without a counterpart.
        kinds: counts of gold entities by how they were predicted (``exact``; the same words with another ``type``;
            overlapping words with the same type (``boundary``) or another one; ``missed``), and of predicted entities
            that overlap no gold one (``spurious``). Empty for plain tags.
    """

    pairs: Counter[tuple[str, str]]
    kinds: Counter[str]

    def __add__(self, other: Confusion) -> Confusion:
        """Return the sum of both."""
        return Confusion(self.pairs + other.pairs, self.kinds + other.kinds)

    def to_json(self) -> dict[str, Any]:
        """Return nested maps: gold type, predicted type, count."""
        table: dict[str, dict[str, int]] = {}
        for (gold, predicted), count in sorted(self.pairs.items()):
            table.setdefault(gold, {})[predicted] = count
        kinds = {kind: self.kinds[kind] for kind in _KINDS}
        return {**({"spans": kinds} if self.kinds else {}), "types": table}

    def mistakes(self) -> list[tuple[str, str, int]]:
        """Return gold type, predicted type and count of the mistakes, the most frequent first."""
        wrong = [(gold, predicted, count) for (gold, predicted), count in self.pairs.items() if gold != predicted]
        return sorted(wrong, key=lambda row: (-row[2], row[0], row[1]))


def confusion(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]], scheme: Scheme) -> Confusion:
    """Return the confusion of ``predicted`` tags with ``gold`` ones, sentence by sentence.

    The counterpart of a gold entity is the predicted entity with the same words, or else the first that overlaps it,
    with the same type if there is one.
    """
    pairs: Counter[tuple[str, str]] = Counter()
    if scheme == "plain":
        for gold_tags, tags in zip(gold, predicted, strict=True):
            pairs.update(zip(gold_tags, tags, strict=True))
        return Confusion(pairs, Counter())
    kinds: Counter[str] = Counter()
    for gold_tags, tags in zip(gold, predicted, strict=True):
        gold_spans, predicted_spans = tags_to_spans(gold_tags), tags_to_spans(tags)
        for gold_span in gold_spans:
            counterpart = _counterpart(gold_span, predicted_spans)
            kinds[_kind(gold_span, counterpart)] += 1
            pairs[gold_span.label, counterpart.label if counterpart else NOTHING] += 1
        for span in predicted_spans:
            if not any(_do_overlap(span, gold_span) for gold_span in gold_spans):
                kinds["spurious"] += 1
                pairs[NOTHING, span.label] += 1
    return Confusion(pairs, kinds)


def _counterpart(span: Span, predicted: Sequence[Span]) -> Span | None:
    overlapping = [other for other in predicted if _do_overlap(span, other)]
    return min(
        overlapping, key=lambda other: (other[1:] != span[1:], other.label != span.label, other.start), default=None
    )


def _kind(gold: Span, counterpart: Span | None) -> str:
    if counterpart is None:
        return "missed"
    same_type, same_words = counterpart.label == gold.label, counterpart[1:] == gold[1:]
    if same_words:
        return "exact" if same_type else "type"
    return "boundary" if same_type else "type and boundary"


def _do_overlap(first: Span, second: Span) -> bool:
    return first.start < second.end and second.start < first.end
