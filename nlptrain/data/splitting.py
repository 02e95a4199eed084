"""Splitting of sentences without leaks: documents and near-duplicates stay together, entity types are balanced."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from nlptrain.data.near_duplicates import MIN_WORDS, near_duplicate_groups
from nlptrain.data.sentence import Sentence
from nlptrain_runtime.schemes import Span, tags_to_spans

TRAIN = "train"
_DEV_SHARE = 10  # one in ten train sentences
_MIN_DEV, _MAX_DEV = 100, 2_000
_MAX_DOCUMENTS = 3  # a sentence that occurs in more of them is boilerplate, which does not join them


@dataclass(frozen=True)
class SentenceGroup:
    """Sentences that must be in the same split.

    Attributes:
        rows: their positions.
        key: the smallest of their hashes, by which groups are ordered.
        types: the number of entities of each type; of plain tags, the number of words of each tag.
    """

    rows: tuple[int, ...]
    key: bytes
    types: Mapping[str, int]


@dataclass
class Assignment:
    """The split of each sentence.

    Attributes:
        splits: the name of the split of each sentence.
        by_document: whether documents were kept together.
        documents: the number of documents.
        too_large: the sizes of the groups that are in train because they are larger than any other split.
    """

    splits: list[str]
    by_document: bool = False
    documents: int = 0
    too_large: list[int] = field(default_factory=list)

    def rows(self, split: str) -> list[int]:
        """Return the positions of the sentences of ``split``."""
        return [row for row, name in enumerate(self.splits) if name == split]


@dataclass(frozen=True)
class SplitCounts:
    """The contents of a split.

    Attributes:
        sentences: the number of sentences.
        words: the number of words.
        types: the number of entities of each type; of plain tags, the number of words of each tag.
    """

    sentences: int
    words: int
    types: Mapping[str, int]

    @classmethod
    def of(cls, sentences: Sequence[Sentence]) -> SplitCounts:
        """Count ``sentences``."""
        types: Counter[str] = Counter()
        for sentence in sentences:
            types.update(count_types(sentence))
        return cls(len(sentences), sum(len(sentence.words) for sentence in sentences), dict(types))


def dev_size(sentences: int) -> int:
    """Return how many of ``sentences`` become dev, at most."""
    return min(max(sentences // _DEV_SHARE, _MIN_DEV), sentences // 3, _MAX_DEV)


def take_dev(sentences: Sequence[Sentence]) -> tuple[list[Sentence], list[Sentence]]:
    """Split ``sentences`` into train and dev: 10 % become dev, at least 100 but at most a third, at most 2,000.

    Near-duplicates stay together, and so do the sentences of a document, if enough documents fit into dev; dev may
    therefore have a few less. Each entity type has about the same share of its entities in dev as any other.

    Sentences are taken in the order of their hashes, so that the choice depends on neither seed nor order. A sentence
    that is added changes how many of its rarest type are taken: it hardly moves others.
    """
    assignment = assign_splits(sentences, {"dev": dev_size(len(sentences))})
    return [sentences[row] for row in assignment.rows(TRAIN)], [sentences[row] for row in assignment.rows("dev")]


def assign_splits(sentences: Sequence[Sentence], sizes: Mapping[str, int]) -> Assignment:
    """Return the split of each sentence, by document unless they are too few.

    Args:
        sentences: the sentences; the order has no effect.
        sizes: the most sentences of each split; the others are ``train``.
    """
    duplicates = near_duplicate_groups([sentence.words for sentence in sentences])
    types = [count_types(sentence) for sentence in sentences]
    hashes = [sentence.hash() for sentence in sentences]
    documents = document_numbers(sentences)
    candidates = [duplicates] if documents is None else [_join_documents(sentences, documents, duplicates), duplicates]
    assignment = Assignment([TRAIN] * len(sentences))
    for numbers in candidates:
        assignment = _assign(_groups(numbers, hashes, types), len(sentences), sizes)
        counts = Counter(assignment.splits)
        if all(2 * counts[split] >= size for split, size in sizes.items()):
            break
    assignment.by_document = documents is not None and numbers is candidates[0]
    assignment.documents = 0 if documents is None else len(set(documents.tolist()))
    return assignment


def document_numbers(sentences: Sequence[Sentence]) -> NDArray[np.int64] | None:
    """Return the number of the document of each sentence, another one for each file; None: there are no two documents.

    A sentence without a document, in a file of documents, is one of its own.
    """
    names: dict[tuple[str, str], int] = {}
    numbers = np.arange(len(sentences)) + len(sentences)
    for row, sentence in enumerate(sentences):
        if sentence.document is not None:
            numbers[row] = names.setdefault((sentence.file, sentence.document), len(names))
    return numbers if len(names) > 1 else None


def count_types(sentence: Sentence) -> Counter[str]:
    """Return the number of entities of each type; of plain tags, the number of words of each tag.

    Example:
        >>> count_types(Sentence(("Ada", "sings"), ("B-person", "O")))
        Counter({'person': 1})
    """
    tags = sentence.tags or ()
    if spans := entity_spans(tags):
        return Counter(span.label for span in spans)
    return Counter(tag for tag in tags if tag != "O")


def entity_spans(tags: Sequence[str]) -> list[Span]:
    """Return the entities of a sentence; of plain tags, none.

    Example:
        >>> entity_spans(("O", "B-person")), entity_spans(("X", "NOUN"))
        ([Span(label='person', start=1, end=2)], [])
    """
    return tags_to_spans(tags) if any(tag[1:2] == "-" and len(tag) > 2 for tag in tags) else []


def _join_documents(
    sentences: Sequence[Sentence],
    documents: NDArray[np.int64],
    duplicates: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Return the group of each sentence: its document with those that share a sentence with it.

    Short sentences ("Thank you .") and those of more than three documents join none: they would join nearly all.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    documents_of: dict[int, set[int]] = {}
    for sentence, document, group in zip(sentences, documents.tolist(), duplicates.tolist(), strict=True):
        if len(sentence.words) >= MIN_WORDS:
            documents_of.setdefault(group, set()).add(document)
    links = [
        (min(group), document)
        for group in documents_of.values()
        if 1 < len(group) <= _MAX_DOCUMENTS
        for document in group - {min(group)}
    ]
    if not links:
        return documents
    names, rows = np.unique(documents, return_inverse=True)
    firsts, seconds = np.searchsorted(names, np.array(links)).T
    graph = coo_array((np.ones(len(links)), (firsts, seconds)), shape=(len(names), len(names)))
    components: NDArray[np.int64] = connected_components(graph, directed=False)[1].astype(np.int64)
    return components[rows]


def _groups(numbers: NDArray[np.int64], hashes: Sequence[bytes], types: Sequence[Counter[str]]) -> list[SentenceGroup]:
    """Return the groups in the order of their keys."""
    rows_of: dict[int, list[int]] = {}
    for row, group in enumerate(numbers.tolist()):
        rows_of.setdefault(group, []).append(row)
    groups = []
    for rows in rows_of.values():
        counts = types[rows[0]] if len(rows) == 1 else sum((types[row] for row in rows), Counter())
        groups.append(SentenceGroup(tuple(rows), min(hashes[row] for row in rows), counts))
    return sorted(groups, key=lambda group: group.key)


def _assign(groups: Sequence[SentenceGroup], total: int, sizes: Mapping[str, int]) -> Assignment:
    """Assign each group to a split.

    A group belongs to the rarest of its types. Rare types come first: of each, the groups with the smallest keys are
    taken until a split has its share of the entities. Groups without an entity then fill the splits, and at last any
    group. (Iterative stratification, Sechidis et al. 2011, with an order that does not depend on earlier choices.)
    """
    totals = sum((Counter(group.types) for group in groups), Counter[str]())
    rare_first = sorted(totals, key=lambda name: (totals[name], name))
    ranks = {name: rank for rank, name in enumerate(rare_first)}
    strata: list[list[SentenceGroup]] = [[] for _ in range(len(rare_first) + 1)]
    for group in groups:
        strata[min((ranks[name] for name in group.types), default=-1)].append(group)
    largest = max(sizes.values(), default=0)
    assignment = Assignment([TRAIN] * total, too_large=[len(g.rows) for g in groups if len(g.rows) > largest])
    openings = [_Opening(name, size, size / max(1, total)) for name, size in sizes.items()]
    for name, stratum in zip([*rare_first, None], strata, strict=True):
        for opening in openings:
            opening.fill(stratum, name, totals, assignment.splits)
    for opening in openings:
        opening.fill(groups, None, totals, assignment.splits)
    return assignment


@dataclass
class _Opening:
    """A split that is being filled.

    Attributes:
        name: its name.
        room: how many more sentences it takes.
        share: the share of all sentences that it shall have.
        types: the entities of each type that it has.
    """

    name: str
    room: int
    share: float
    types: Counter[str] = field(default_factory=Counter)

    def fill(
        self, groups: Sequence[SentenceGroup], entity_type: str | None, totals: Mapping[str, int], splits: list[str]
    ) -> None:
        """Take groups, in their order, while they fit; at most the split's share of the entities of a type."""
        for group in groups:
            if not self.room:
                return
            if len(group.rows) > self.room or splits[group.rows[0]] != TRAIN:
                continue
            if entity_type is not None:
                missing = self.share * totals[entity_type] - self.types[entity_type]
                if missing <= 0:
                    return
                if 2 * missing < group.types[entity_type]:
                    continue
            self.room -= len(group.rows)
            self.types.update(group.types)
            for row in group.rows:
                splits[row] = self.name
