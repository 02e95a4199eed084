"""Corpora in each scheme, and tags that are broken in the ways of real files."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from nlptrain_runtime.schemes import Scheme, Span, spans_to_tags, split_tag

TYPES = (("PER", "LOC", "ORG", "MISC"), ("person", "geo-loc", "other"), ("Disease",), ("B", "S", "x_1"), ("per", "PER"))
_PREFIXES = "BIESLU"


@dataclass
class TaggedCorpus:
    """Sentences of words that occur once, with their entities and tags.

    Attributes:
        scheme: that of the tags.
        types: of the entities.
        words: of each sentence.
        spans: the entities of each sentence, before tags were broken.
        tags: of each sentence.
        broken: the indices of the broken tags of each sentence.
    """

    scheme: Scheme
    types: Sequence[str]
    words: list[list[str]] = field(default_factory=list)
    spans: list[list[Span]] = field(default_factory=list)
    tags: list[list[str]] = field(default_factory=list)
    broken: list[set[int]] = field(default_factory=list)

    def touched(self, sentence: int, span: Span) -> bool:
        """Return whether a broken tag is in ``span`` or next to it."""
        return any(span.start - 1 <= index <= span.end for index in self.broken[sentence])


def new_corpus(scheme: Scheme, seed: int) -> TaggedCorpus:
    """Return a corpus of at least 200 entities, of one and of several words, some of them neighbors of one type."""
    rng = random.Random(seed)
    corpus = TaggedCorpus(scheme, rng.choice(TYPES))
    density, neighbors = rng.choice((0.02, 0.1, 0.3, 0.6)), rng.uniform(0.02, 0.2)
    count = rng.randint(200, 220 if density == 0.02 else 400)
    while sum(map(len, corpus.spans)) < count:
        spans: list[Span] = []
        length, position = rng.randint(1, 30), 0
        while position < length:
            if rng.random() < density:
                end = min(length, position + rng.choice((1, 1, 2, 2, 3, 5)))
                is_neighbor = spans and spans[-1].end == position and rng.random() < neighbors
                label = spans[-1].label if is_neighbor else rng.choice(corpus.types)
                if spans and spans[-1].end == position and spans[-1].label == label and not is_neighbor:
                    position += 1
                    continue
                spans.append(Span(label, position, end))
                position = end
            else:
                position += 1
        corpus.words.append([f"w{len(corpus.words)}.{index}" for index in range(length)])
        corpus.spans.append(spans)
        corpus.tags.append(spans_to_tags(spans, length, scheme))
        corpus.broken.append(set())
    return corpus


def break_tags(corpus: TaggedCorpus, share: float, seed: int) -> None:
    """Break ``share`` of the tags, all in one way or each in another one."""
    rng = random.Random(seed)
    ways = _WAYS if rng.random() < 0.5 else rng.sample(_WAYS, 1)
    positions = [(row, column) for row, tags in enumerate(corpus.tags) for column in range(len(tags))]
    for row, column in rng.sample(positions, max(1, round(share * len(positions)))):
        tag = corpus.tags[row][column]
        broken = rng.choice(ways)(tag, corpus, rng)
        if broken != tag:
            corpus.tags[row][column] = broken
            corpus.broken[row].add(column)


def _random_tag(corpus: TaggedCorpus, rng: random.Random) -> str:
    return f"{rng.choice(_PREFIXES)}-{rng.choice(corpus.types)}"


def _of_entity(change: Callable[[str, str], str]) -> Callable[[str, TaggedCorpus, random.Random], str]:
    """Return a function that changes the prefix and the type of a tag; ``O`` becomes a tag first."""

    def broken(tag: str, corpus: TaggedCorpus, rng: random.Random) -> str:
        prefix, label = split_tag(tag) or split_tag(_random_tag(corpus, rng)) or ("", "")
        return change(prefix, label)

    return broken


def _other_prefix(tag: str, corpus: TaggedCorpus, rng: random.Random) -> str:
    prefix, label = split_tag(tag) or ("", rng.choice(corpus.types))
    return f"{rng.choice(_PREFIXES.replace(prefix, '') if prefix else _PREFIXES)}-{label}"


def _other_type(tag: str, corpus: TaggedCorpus, rng: random.Random) -> str:
    prefix, _ = split_tag(tag) or (rng.choice(_PREFIXES), "")
    return f"{prefix}-{rng.choice([*corpus.types, 'NEW'])}"


_WAYS: tuple[Callable[[str, TaggedCorpus, random.Random], str], ...] = (
    _other_prefix,
    _other_prefix,
    _other_type,
    lambda tag, corpus, rng: _random_tag(corpus, rng) if tag == "O" else "O",
    lambda tag, corpus, rng: _random_tag(corpus, rng) if tag == "O" else "O",
    _of_entity(lambda prefix, label: label),
    _of_entity(lambda prefix, label: prefix),
    _of_entity(lambda prefix, label: f"{prefix}-"),
    _of_entity(lambda prefix, label: f"-{label}"),
    _of_entity(lambda prefix, label: f"{prefix}_{label}"),
    _of_entity(lambda prefix, label: f"{prefix}{label}"),
    lambda tag, corpus, rng: tag.lower(),
    _of_entity(lambda prefix, label: f"{prefix.lower()}-{label}"),
    _of_entity(lambda prefix, label: f"{prefix}-{label.lower()}"),
    _of_entity(lambda prefix, label: f"{prefix}--{label}"),
    _of_entity(lambda prefix, label: f"X-{label}"),
    _of_entity(lambda prefix, label: f"{prefix}-{label}-"),
    _of_entity(lambda prefix, label: f"{label}-{prefix}"),
    lambda tag, corpus, rng: rng.choice(("", "0", "o", "?", "NNP", "00", "-", "_")),
)
