"""Raw text: lines to sentences of words, each once, none of them a dev or test sentence, and the count of all that."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from nlptrain.data.digests import DigestSet, packed
from nlptrain.data.raw_files import Splitter, raw_words
from nlptrain.data.sentence import Sentence
from nlptrain.errors import InputError

_TERMINALS = ".!?\u2026\u3002\uff01\uff1f"
_BLOCK = 1024  # sentences that are looked up at once
_CLOSERS = "\"'\u2019\u201d\u00bb\u203a)]}\u300d\u300f\uff09"


@dataclass
class RawCounts:
    """What became of the lines of the raw text.

    Attributes:
        min_words: the fewest words of a sentence that is used.
        max_words: the most.
        lines: all lines that were read.
        blank: lines without a word.
        short: sentences left out for having fewer than ``min_words``.
        cut: lines of more than ``max_words``.
        parts: what these were cut into.
        repeats: sentences left out because their words had come before.
        held_out: sentences left out because they stand in dev or test.
        sentences: those that are used.
        words: their words.
    """

    min_words: int = 0
    max_words: int = 0
    lines: int = 0
    blank: int = 0
    short: int = 0
    cut: int = 0
    parts: int = 0
    repeats: int = 0
    held_out: int = 0
    sentences: int = 0
    words: int = 0

    def describe(self) -> str:
        """What was used and what was not, in one line.

        Example:
            >>> RawCounts(4, 80, lines=9, short=2, cut=1, parts=2, sentences=8, words=1200).describe()
            '9 lines: 8 sentences of 1,200 words used; left out 2 of fewer than 4 words; 1 line of more than 80 words cut in 2'
        """  # noqa: E501
        left_out = (
            (self.blank, "blank"),
            (self.short, f"of fewer than {self.min_words} words"),
            (self.repeats, "repeat" if self.repeats == 1 else "repeats"),
            (self.held_out, "that stand in dev or test"),
        )
        said = [f"{_count(self.lines, 'line')}: {_count(self.sentences, 'sentence')} of {self.words:,} words used"]
        if out := ", ".join(f"{number:,} {what}" for number, what in left_out if number):
            said.append(f"left out {out}")
        if self.cut:
            said.append(f"{_count(self.cut, 'line')} of more than {self.max_words} words cut in {self.parts:,}")
        return "; ".join(said)


def read_raw(
    paths: Sequence[Path],
    splitter: Splitter,
    *,
    min_words: int,
    max_words: int,
    held_out: Collection[bytes] = frozenset(),
    counts: RawCounts | None = None,
    weights: Mapping[Path, float] | None = None,
) -> Iterator[Sentence]:
    """The sentences of raw text, a sentence or a paragraph a line or row, without tags.

    Lines are kept whole, up to ``max_words``; longer ones are cut, see ``cut``. What is used once is not used again.

    Args:
        paths: the files.
        splitter: cuts a line into words.
        min_words: sentences of fewer words are left out.
        max_words: lines of more words are cut.
        held_out: digests of sentences that must not be used: those of dev and test.
        counts: counts along, for ``describe`` at the end.
        weights: how often the sentences of a file are read, where that is not 1.

    Raises:
        InputError: ``min_words`` is more than ``max_words``, or a file is not UTF-8.
    """
    if min_words > max_words:
        raise InputError(f"data.min_words: found {min_words}; it cannot be more than data.max_words, {max_words}")
    counts = RawCounts() if counts is None else counts
    counts.min_words, counts.max_words = min_words, max_words
    seen = DigestSet()
    rest = _sentences(paths, splitter, counts, weights or {})
    while block := list(islice(rest, _BLOCK)):
        digests = [sentence.digest() for sentence in block]
        known = seen.has(packed(digests)).tolist()
        new: dict[bytes, None] = {}
        for sentence, digest, is_known in zip(block, digests, known, strict=True):
            if digest in held_out:
                counts.held_out += 1
            elif is_known or digest in new:
                counts.repeats += 1
            else:
                new[digest] = None
                counts.sentences += 1
                counts.words += len(sentence.words)
                yield sentence
        seen.add(packed(list(new)))


def _sentences(
    paths: Sequence[Path], splitter: Splitter, counts: RawCounts, weights: Mapping[Path, float]
) -> Iterator[Sentence]:
    for path in paths:
        weight = weights.get(path, 1.0)
        for number, words in raw_words(path, splitter):
            for part in _parts(words, counts):
                yield Sentence(part, where=f"{path}:{number}", weight=weight)


def cut(words: tuple[str, ...], min_words: int, max_words: int) -> Iterator[tuple[str, ...]]:
    """``words`` in parts of at most ``max_words``, each as long as it can be while it ends behind a sentence.

    Where no sentence ends in reach, a part has ``max_words``. No part, the last one included, has fewer than
    ``min_words`` if that can be avoided, so that none of it is left out.

    Example:
        >>> for part in cut(tuple("They came . They saw . They won and went .".split()), 2, 7):
        ...     print(*part)
        They came . They saw .
        They won and went .
    """
    ends = _ends(words)
    start = 0
    while len(words) - start > max_words:
        most = min(max_words, max(len(words) - start - min_words, min_words))
        reach = range(start + most, start + min_words - 1, -1)
        stop = next((place for place in reach if ends[place - 1]), start + most)
        yield words[start:stop]
        start = stop
    yield words[start:]


def _parts(words: tuple[str, ...], counts: RawCounts) -> Iterator[tuple[str, ...]]:
    counts.lines += 1
    counts.blank += not words
    parts = list(cut(words, counts.min_words, counts.max_words)) if words else []
    if len(parts) > 1:
        counts.cut += 1
        counts.parts += len(parts)
    for part in parts:
        if len(part) >= counts.min_words:
            yield part
        else:
            counts.short += 1


def _ends(words: Sequence[str]) -> list[bool]:
    """For each word, whether a sentence ends behind it: at ``.``, or at the last quote or bracket that follows it."""
    ends: list[bool] = []
    for word in words:
        core = word.rstrip(_CLOSERS)
        closes_an_end = not core and bool(ends) and ends[-1]
        if closes_an_end:
            ends[-1] = False
        ends.append(closes_an_end or core.endswith(tuple(_TERMINALS)))
    return ends


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"
