"""Partial annotation: what is known of sentences in which only some entity types, or no unmarked words, were checked.

A sentence may have the types that were looked for (``Sentence.asked``) and spans that are no entities
(``Sentence.rejected``). A word without a mark may be outside of entities, or in an entity of a type that was not looked
for: its label is one of several.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from nlptrain.data.labels import Labels
from nlptrain.data.sentence import Sentence
from nlptrain.data.tag_schemes import Scheme, Span, list_names, spans_to_tags, split_tag, tags_to_spans
from nlptrain.errors import InputError, Setting
from nlptrain_runtime.schemes import CLOSING, OPENING

Masks = NDArray[np.bool_]


def is_partial(asked: frozenset[str] | None, labels: Labels) -> bool:
    """Return whether words of a sentence that was checked for ``asked`` may have several of ``labels``.

    Plain tags are never partial.
    """
    return asked is not None and labels.scheme != "plain" and not asked.issuperset(labels.types)


class PossibleLabels:
    """The labels that are consistent with what is known of sentences.

    Example:
        >>> labels = Labels.from_names(["O", "B-person", "I-person", "B-group", "I-group"], "iob2")
        >>> allowed = PossibleLabels(labels).of_words(["B-person", "O", "O"], frozenset({"group"}))
        >>> [[name for name, is_allowed in zip(labels.names, row) if is_allowed] for row in allowed]
        [['B-person'], ['O', 'B-person'], ['O', 'B-person', 'I-person']]
    """

    def __init__(self, labels: Labels) -> None:
        """Create the masks for ``labels``."""
        self._labels = labels
        self._parts = [None if labels.scheme == "plain" else split_tag(name) for name in labels.names]
        self._of_type = cache(self._labels_of_type)
        self._continuing = cache(self._labels_that_continue)
        self._unmarked = cache(self._labels_of_unmarked_words)

    def of_words(self, tags: Sequence[str], asked: frozenset[str] | None) -> Masks:
        """Return which labels each word may have, [words, C].

        A word of a marked entity has its label. Another word may have ``O``, and any label of a type that is not in
        ``asked``, except a label that would extend a marked entity next to it. With IOB1, where entities of one type
        are separated only by the second one's B-, no entity of the same type ends directly before a marked one.

        Args:
            tags: in the scheme of the labels.
            asked: the types that were looked for; None: all.
        """
        ids, allowed = self._labels.ids, np.zeros((len(tags), len(self._labels)), dtype=bool)
        if self._labels.scheme == "plain":
            asked = None
        for index, tag in enumerate(tags):
            if tag != "O" or asked is None:
                if tag in ids:  # a classifier may lack an I- label
                    allowed[index, ids[tag]] = True
                continue
            allowed[index] = self._unmarked(asked)
            if index and (before := split_tag(tags[index - 1])):
                allowed[index] &= ~self._continuing(before[1])
            if index + 1 < len(tags) and (after := split_tag(tags[index + 1])) and after[0] not in OPENING:
                allowed[index] &= ~self._of_type(after[1])
        return allowed

    def without_span(self, span: Span, allowed: Masks) -> tuple[int, Masks] | None:
        """Return what is known of the words around a rejected span, in disjoint cases.

        Each labeling that ``allowed`` permits, and that has no entity of exactly this type and these words, is in
        exactly one of the cases: in the n-th, the first n - 1 words have the labels of the entity, and the n-th does
        not.

        Args:
            span: that is no entity.
            allowed: the labels that each word of the sentence may have, [words, C].

        Returns:
            The first of the K words that decide it, and the labels that each may have in each case, [cases, K, C].
            None if ``allowed`` excludes the span already, or if it is a marked entity.
        """
        entities = [rows for rows in self._as_entity(span, len(allowed)) if _is_possible(rows, allowed)]
        if not entities:
            return None
        positions = {position for rows in entities for position in rows}
        first, end = min(positions), max(positions) + 1
        cases = [allowed[first:end]]
        for rows in entities:
            differing = list(_differing(rows, first, end, len(self._labels)))
            both = [case & other for case in cases for other in differing]
            cases = [case for case in both if case.any(axis=1).all()]
        return (first, np.stack(cases)) if cases else None

    def _as_entity(self, span: Span, words: int) -> Iterator[dict[int, Masks]]:
        """Yield the labels of the words that together make ``span`` an entity, in disjoint cases, by position."""
        label, start, end = span
        if not 0 <= start < end <= words:
            return
        tags = spans_to_tags([Span(label, 0, end - start)], end - start, self._labels.scheme)
        rows = {start + offset: self._only(tag) for offset, tag in enumerate(tags)}
        if tags[-1][0] not in CLOSING and end < words:
            rows[end] = ~self._continuing(label)
        if tags[0][0] in OPENING:
            yield rows
            return
        yield rows | {start: self._only(f"B-{label}")}
        yield rows | ({start - 1: ~self._of_type(label)} if start else {})

    def _only(self, name: str) -> Masks:
        return np.array([other == name for other in self._labels.names])

    def _labels_of_type(self, label: str) -> Masks:
        return np.array([part is not None and part[1] == label for part in self._parts])

    def _labels_that_continue(self, label: str) -> Masks:
        return np.array([part is not None and part[1] == label and part[0] not in OPENING for part in self._parts])

    def _labels_of_unmarked_words(self, asked: frozenset[str]) -> Masks:
        return np.array([part is None or part[1] not in asked for part in self._parts])


def _is_possible(rows: Mapping[int, Masks], allowed: Masks) -> bool:
    return all(bool((row & allowed[position]).any()) for position, row in rows.items())


def _differing(rows: Mapping[int, Masks], first: int, end: int, labels: int) -> Iterator[Masks]:
    """Yield masks [K, C] of the labelings that first differ from ``rows`` at a position, for each position."""
    agreeing = np.ones((end - first, labels), dtype=bool)
    for position in sorted(rows):
        differing = agreeing.copy()
        differing[position - first] = ~rows[position]
        yield differing
        agreeing[position - first] = rows[position]


def tags_of_types(tags: Sequence[str], asked: frozenset[str] | None) -> list[str]:
    """Return ``tags`` with ``O`` for the entities of types that are not in ``asked``; None: all are.

    Example:
        >>> tags_of_types(["B-person", "I-person", "B-group"], frozenset({"group"}))
        ['O', 'O', 'B-group']
    """
    kept = list(tags)
    if asked is not None:
        for label, start, end in tags_to_spans(tags):
            if label not in asked:
                kept[start:end] = ["O"] * (end - start)
    return kept


def comparable_tags(
    sentences: Sequence[Sentence], predicted: Sequence[list[str]], scheme: Scheme
) -> tuple[list[list[str]], list[list[str]]]:
    """Return gold and predicted tags without the entities of types that were not looked for in their sentence."""
    gold = [list(sentence.tags or ()) for sentence in sentences]
    tags = list(predicted)
    if scheme != "plain":
        for index, sentence in enumerate(sentences):
            if sentence.asked is not None:
                gold[index], tags[index] = (tags_of_types(part[index], sentence.asked) for part in (gold, tags))
    return gold, tags


def resolve_unknown(
    splits: Mapping[str, Sequence[Sentence]],
    unknown_as: str | None,
    *,
    has_teacher: bool = False,
    log: Callable[[str], None] = lambda _: None,
) -> dict[str, list[Sentence]]:
    """Return the sentences of each split, without partial marks if ``unknown_as`` is ``O``; log what is unknown.

    Args:
        splits: the sentences of train, dev and test.
        unknown_as: the value of ``data.unknown_as``.
        has_teacher: whether a teacher labels the words that are outside of entities.
        log: receives the number of partial sentences, and the types that no train sentence was checked for.

    Raises:
        InputError: no word of train is known to be outside of entities, so that a model would learn that none is.
    """
    resolved = {name: list(sentences) for name, sentences in splits.items()}
    partial = Counter({name: sum(map(_is_marked_in_part, sentences)) for name, sentences in resolved.items()})
    if not partial.total():
        return resolved
    counts = ", ".join(f"{count:,} of {len(resolved[name]):,} {name}" for name, count in partial.items() if count)
    if unknown_as == "O":
        log(f"partial annotation: unmarked words of {counts} sentences are taken for O (data.unknown_as)")
        return {
            name: [
                replace(sentence, asked=None, rejected=()) if _is_marked_in_part(sentence) else sentence
                for sentence in part
            ]
            for name, part in resolved.items()
        }
    log(f"partial annotation: {counts} sentences; unmarked words may have types that were not looked for")
    for name in ("dev", "test"):
        if _asks_for_nothing(resolved.get(name, [])):
            log(f"partial annotation: no {name} sentence was checked for any type, so that its F1 is always 0")
    train = resolved.get("train", [])
    if _asks_for_nothing(train):
        if not has_teacher:
            raise InputError(
                f"none of the {len(train):,} train sentences has the types that were looked for, so that no word is "
                "known to be outside of entities",
                location=Setting("data.unknown_as"),
                expected="O, if words without a mark are outside of entities",
                hint=("or add sentences whose entities are all marked to ", Setting("data.train")),
            )
    elif missing := _types_never_asked(train):
        log(
            f"partial annotation: no train sentence was checked for {list_names(missing)}, so that a model learns only "
            "where these are, and not where they are not"
        )
    return resolved


def _is_marked_in_part(sentence: Sentence) -> bool:
    return sentence.asked is not None


def _asks_for_nothing(sentences: Sequence[Sentence]) -> bool:
    """Return whether there are sentences, and none was checked for any type."""
    return bool(sentences) and all(sentence.asked is not None and not sentence.asked for sentence in sentences)


def _types_never_asked(sentences: Iterable[Sentence]) -> list[str]:
    """Return the types of marks that no sentence was checked for; none if a sentence was checked for all types."""
    asked: set[str] = set()
    marked: set[str] = set()
    for sentence in sentences:
        if sentence.asked is None:
            return []
        asked |= sentence.asked
        marked |= {part[1] for tag in set(sentence.tags or ()) if (part := split_tag(tag))}
    return sorted(marked - asked)
