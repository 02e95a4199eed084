"""Check of gold sentences and raw text: duplicates, contradictions, rare types, long sentences, drift."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from nlptrain.data.duplicates import Duplicate, HeldOut, find_duplicates, find_in
from nlptrain.data.near_duplicates import NearDuplicateIndex
from nlptrain.data.sentence import Sentence
from nlptrain.data.splitting import TRAIN, SplitCounts, entity_spans
from nlptrain.data.tag_schemes import list_names

RARE = 20  # entities in train below which a type is rare
LONG = 200  # words above which a sentence is long
_EXAMPLES = 3


@dataclass(frozen=True)
class Overlap:
    """Sentences of a split, or of the raw text, that also occur in another split.

    Attributes:
        split: the name of the split.
        other: the name of the other split.
        sentences: the number of sentences of the split.
        exact: the number of those with the same words.
        near: the number of further near-duplicates.
        near_duplicates: their locations, in the split and in the other one.
    """

    split: str
    other: str
    sentences: int
    exact: int
    near: int
    near_duplicates: list[tuple[str, str]]


@dataclass(frozen=True)
class Conflict:
    """Two sentences of the same words with other tags.

    Attributes:
        text: the words.
        locations: the two sentences.
        word: the first word whose tags differ.
        tags: its tags.
    """

    text: str
    locations: tuple[str, str]
    word: str
    tags: tuple[str, str]


@dataclass(frozen=True)
class Drift:
    """How much a split differs from train.

    Attributes:
        split: the name of the split.
        unseen_words: the share of its words that do not occur in train, as they are written.
        unseen_mentions: the share of its entities whose words are no entity in train; None if it has none.
        type_distance: the total variation distance of the distributions of types: half the sum of the differences of
            their shares, 0 if they are equal and 1 if no type is in both.
        unknown_types: types that train lacks.
    """

    split: str
    unseen_words: float
    unseen_mentions: float | None
    type_distance: float
    unknown_types: list[str]


@dataclass(frozen=True)
class DataCheck:
    """The result of ``check_data``.

    Attributes:
        counts: the contents of each split.
        overlaps: duplicates between the splits and in the raw text; those without any are omitted.
        conflicts: the sentences with the same words as an earlier one, and other tags.
        rare_types: types of few entities in train, with their number.
        long_sentences: locations of the long sentences, with the number of their words, the longest one first.
        drifts: how much the other splits differ from train.
    """

    counts: Mapping[str, SplitCounts]
    overlaps: list[Overlap]
    conflicts: list[Conflict]
    rare_types: Mapping[str, int]
    long_sentences: list[tuple[str, int]]
    drifts: list[Drift]

    def to_json(self) -> dict[str, Any]:
        """Return the result as plain values."""
        return asdict(self)

    def describe(self) -> list[str]:
        """Return what is wrong, and the drift, in lines: ``topic: value``, and the first three cases, indented."""
        lines = []
        for overlap in self.overlaps:
            near = f", {overlap.near:,} more nearly" if overlap.near else ""
            sentences = f"{overlap.exact:,} of {overlap.sentences:,} {overlap.split} sentences"
            lines.append(f"duplicates: {sentences} also occur in {overlap.other}{near}")
            lines += _first([f"{first} is nearly {second}" for first, second in overlap.near_duplicates])
        if self.conflicts:
            lines.append(f"same words with other tags: {len(self.conflicts):,} sentences")
            lines += _first(
                [
                    f"{conflict.locations[1]}: {conflict.word!r} is {conflict.tags[1]}, and {conflict.tags[0]} in "
                    f"{conflict.locations[0]}"
                    for conflict in self.conflicts
                ]
            )
        if self.long_sentences:
            lines.append(f"long sentences (more than {LONG} words): {len(self.long_sentences):,}")
            lines += _first([f"{location}: {words:,} words" for location, words in self.long_sentences])
        for drift in self.drifts:
            unknown = f"; types that train lacks: {list_names(drift.unknown_types)}" if drift.unknown_types else ""
            mentions = "" if drift.unseen_mentions is None else f" and {drift.unseen_mentions:.1%} of the entities"
            lines.append(
                f"drift ({drift.split}): {drift.unseen_words:.1%} of the words{mentions} are not in train, "
                f"distance of the types {drift.type_distance:.2f} (0 to 1){unknown}"
            )
        return lines


def check_data(splits: Mapping[str, Sequence[Sentence]], raw: Iterable[Sentence] = ()) -> DataCheck:
    """Check the sentences of a run.

    Args:
        splits: train, dev and test, or some of them; without train, the drift is not measured.
        raw: the sentences of the raw text, read once; all of them, without an exception for dev and test.
    """
    counts = {name: SplitCounts.of(sentences) for name, sentences in splits.items()}
    every = [sentence for sentences in splits.values() for sentence in sentences]
    lengths = sorted(
        ((sentence.where, len(sentence.words)) for sentence in every if len(sentence.words) > LONG),
        key=lambda item: (-item[1], item[0]),
    )
    types = counts[TRAIN].types if TRAIN in counts else {}
    return DataCheck(
        counts=counts,
        overlaps=[*_overlaps(splits), *raw_overlap(splits, raw)],
        conflicts=find_conflicts(every),
        rare_types={name: count for name, count in sorted(types.items(), key=_by_count) if count < RARE},
        long_sentences=lengths,
        drifts=[
            measure_drift(name, sentences, splits[TRAIN])
            for name, sentences in splits.items()
            if name != TRAIN and splits.get(TRAIN) and sentences
        ],
    )


def find_conflicts(sentences: Iterable[Sentence]) -> list[Conflict]:
    """Return the sentences with the same words as an earlier one, but other tags; partly annotated ones are omitted."""
    earlier: dict[bytes, Sentence] = {}
    conflicts = []
    for sentence in sentences:
        if sentence.is_partial or sentence.tags is None:
            continue
        first = earlier.setdefault(sentence.hash(), sentence)
        if first.tags is None or first.tags == sentence.tags:
            continue
        word, tags = next(
            (word, pair)
            for word, pair in zip(sentence.words, zip(first.tags, sentence.tags, strict=True), strict=True)
            if pair[0] != pair[1]
        )
        conflicts.append(Conflict(" ".join(sentence.words), (first.where, sentence.where), word, tags))
    return conflicts


def raw_overlap(splits: Mapping[str, Sequence[Sentence]], raw: Iterable[Sentence]) -> list[Overlap]:
    """Return how many sentences of the raw text occur in dev or test, or nearly; empty if there are none."""
    held_out = [sentence for name, sentences in splits.items() if name != TRAIN for sentence in sentences]
    hashes = HeldOut(held_out).hashes
    total = exact = 0
    locations: list[tuple[str, str]] = []
    for sentence, position in find_in(NearDuplicateIndex([sentence.words for sentence in held_out]), raw):
        total += 1
        if sentence.hash() in hashes:
            exact += 1
        elif position >= 0:
            locations.append((sentence.where, held_out[position].where))
    near = len(locations)
    return [Overlap("raw", "dev or test", total, exact, near, locations)] if exact or near else []


def measure_drift(name: str, sentences: Sequence[Sentence], train: Sequence[Sentence]) -> Drift:
    """Return how much ``sentences``, the split ``name``, differ from ``train``."""
    known = {word for sentence in train for word in sentence.words}
    words = [word for sentence in sentences for word in sentence.words]
    known_mentions = set(_mentions(train))
    mentions = list(_mentions(sentences))
    types, train_types = SplitCounts.of(sentences).types, SplitCounts.of(train).types
    return Drift(
        name,
        sum(word not in known for word in words) / max(1, len(words)),
        sum(mention not in known_mentions for mention in mentions) / len(mentions) if mentions else None,
        type_distance(types, train_types),
        sorted(set(types) - set(train_types)),
    )


def type_distance(first: Mapping[str, int], second: Mapping[str, int]) -> float:
    """Return the total variation distance of two distributions, given as counts.

    Example:
        >>> type_distance({"person": 3, "group": 1}, {"person": 10, "event": 10})
        0.5
    """
    totals = max(1, sum(first.values())), max(1, sum(second.values()))
    shares = [(first.get(name, 0) / totals[0], second.get(name, 0) / totals[1]) for name in {*first, *second}]
    return sum(abs(share - other) for share, other in shares) / 2


def _overlaps(splits: Mapping[str, Sequence[Sentence]]) -> list[Overlap]:
    """Return the duplicates of each split in those before it."""
    names = list(splits)
    overlaps = []
    for index, name in enumerate(names):
        for other in names[:index]:
            duplicates = find_duplicates(splits[name], splits[other])
            if duplicates:
                overlaps.append(_overlap(name, other, len(splits[name]), duplicates))
    return overlaps


def _overlap(name: str, other: str, total: int, duplicates: Sequence[Duplicate]) -> Overlap:
    near = [(item.sentence.where, item.other.where) for item in duplicates if not item.is_exact]
    return Overlap(name, other, total, len(duplicates) - len(near), len(near), near)


def _mentions(sentences: Iterable[Sentence]) -> Iterable[tuple[str, ...]]:
    """Yield the words of each entity."""
    for sentence in sentences:
        for span in entity_spans(sentence.tags or ()):
            yield sentence.words[span.start : span.end]


def _by_count(item: tuple[str, int]) -> tuple[int, str]:
    return item[1], item[0]


def _first(cases: Sequence[str]) -> list[str]:
    more = [f"(+{len(cases) - _EXAMPLES:,} more)"] if len(cases) > _EXAMPLES else []
    return [f"  {case}" for case in [*cases[:_EXAMPLES], *more]]
