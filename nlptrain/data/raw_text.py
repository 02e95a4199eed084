"""Raw text: files of lines or rows, cut into sentences, deduplicated, without near-duplicates of dev and test."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Protocol

from nlptrain.config.data import DataConfig
from nlptrain.data.duplicates import HeldOut
from nlptrain.data.raw_files import Line, check_raw, read_raw_lines
from nlptrain.data.read_report import ReadReport
from nlptrain.data.sentence import HashSet, Sentence, find_offsets, hash_array
from nlptrain.data.text_files import is_utf16
from nlptrain.errors import InputError, Setting

_TERMINALS = ".!?\u2026\u3002\uff01\uff1f"
_CLOSERS = "\"'\u2019\u201d\u00bb\u203a)]}\u300d\u300f\uff09"
_BLOCK = 1024  # sentences whose hashes are looked up at once


class Splitter(Protocol):
    """Anything that cuts a line into words."""

    def words(self, text: str) -> tuple[str, ...]:
        """Return the words of ``text``."""
        ...


@dataclass
class RawCounts:
    """Counts of the lines and sentences of raw text.

    Attributes:
        min_words: the fewest words of a sentence that is used.
        max_words: the most.
        lines: all lines that were read.
        blank: lines without a word.
        short: sentences omitted because they have fewer than ``min_words``.
        cut: lines of more than ``max_words``.
        parts: the sentences that these were cut into.
        repeats: sentences omitted because they occurred before.
        held_out: sentences omitted because they occur in dev or test.
        near_held_out: sentences omitted because they are near-duplicates of dev or test sentences.
        sentences: those that are used.
        words: their words.
        uses_repeats: whether sentences that occurred before count as used.
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
    near_held_out: int = 0
    sentences: int = 0
    words: int = 0
    uses_repeats: bool = False

    def add(self, other: RawCounts) -> None:
        """Add the counts of another part of the text."""
        for name in vars(self).keys() - {"min_words", "max_words", "uses_repeats"}:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def describe(self) -> str:
        """Return the counts in one line, for the log.

        Example:
            >>> RawCounts(4, 80, lines=9, short=2, cut=1, parts=2, sentences=8, words=1200).describe()
            '8 sentences (1,200 words) from 9 lines; omitted 2 of fewer than 4 words; 1 line of more than 80 words cut into 2'
        """  # noqa: E501
        omitted = (
            (self.blank, "blank"),
            (self.short, f"of fewer than {self.min_words} words"),
            (self.repeats, "repeat" if self.repeats == 1 else "repeats"),
            (self.held_out, "that occur in dev or test"),
            (self.near_held_out, "that nearly occur in dev or test"),
        )
        parts = [f"{_count(self.sentences, 'sentence')} ({self.words:,} words) from {_count(self.lines, 'line')}"]
        if reasons := ", ".join(f"{count:,} {reason}" for count, reason in omitted if count):
            parts.append(f"omitted {reasons}")
        if self.cut:
            parts.append(f"{_count(self.cut, 'line')} of more than {self.max_words} words cut into {self.parts:,}")
        return "; ".join(parts)


def read_raw(
    paths: Sequence[Path],
    splitter: Splitter,
    *,
    min_words: int,
    max_words: int,
    held_out: HeldOut | None = None,
    counts: RawCounts | None = None,
    weights: Mapping[Path, float] | None = None,
    keep_text: bool = False,
    keep_repeats: bool = False,
    data: DataConfig | None = None,
    report: ReadReport | None = None,
    on_fault: Callable[[Path, InputError], None] | None = None,
) -> Iterator[Sentence]:
    """Read the sentences of raw text; a line or row is a sentence or a paragraph.

    Lines are kept whole, up to ``max_words``; longer ones are cut, see ``split_long``.

    Args:
        paths: the files.
        splitter: cuts a line into words.
        min_words: sentences of fewer words are omitted.
        max_words: lines of more words are cut.
        held_out: sentences that are omitted, as are their near-duplicates: those of dev and test.
        counts: is updated while the text is read.
        weights: the sampling weight of a file's sentences, where that is not 1.
        keep_text: give each sentence its original text.
        keep_repeats: also yield sentences that occurred before, so that no part depends on what comes before it.
        data: how gold files, of which the words are read, are read, except for their format.
        report: receives the rows and gold sentences that are skipped; if it is strict, the faults of a file are raised
            at its end. None: the first fault is raised.
        on_fault: receives a file that cannot be read and its fault, and reading goes on with the next one; None: the
            fault is raised.

    Raises:
        InputError: ``min_words`` is more than ``max_words``, a file cannot be read, or see ``report``.
    """
    check_limits(min_words, max_words)
    counts = RawCounts() if counts is None else counts
    counts.min_words, counts.max_words = min_words, max_words

    def read(path: Path) -> Iterator[Sentence]:
        lines, weight = checked_lines(path, data, report, on_fault), (weights or {}).get(path, 1.0)
        return read_sentences(lines, str(path), splitter, counts, weight, keep_text=keep_text)

    yield from used_sentences(chain.from_iterable(map(read, paths)), held_out, counts, keep_repeats=keep_repeats)


def used_sentences(
    sentences: Iterator[Sentence], held_out: HeldOut | None, counts: RawCounts, *, keep_repeats: bool
) -> Iterator[Sentence]:
    """Yield ``sentences`` without those that are held out or nearly; the other arguments are those of ``read_raw``."""
    seen = HashSet()
    while block := list(islice(sentences, _BLOCK)):
        kept = _not_held_out(block, seen, held_out, counts)
        if not keep_repeats:
            kept = [(sentence, is_new) for sentence, is_new in kept if is_new]
        are_near = held_out.has_near([sentence.words for sentence, _ in kept]) if held_out else [False] * len(kept)
        for (sentence, is_new), is_near in zip(kept, are_near, strict=True):
            is_used = is_new or counts.uses_repeats
            if is_near:
                counts.near_held_out += is_used
                continue
            counts.sentences += is_used
            counts.words += is_used * len(sentence.words)
            yield sentence


def check_limits(min_words: int, max_words: int) -> None:
    """Raise if ``min_words`` is more than ``max_words``."""
    if min_words > max_words:
        raise InputError(
            f"found {min_words}",
            location=Setting("data.min_words"),
            expected=("at most ", Setting("data.max_words"), f" ({max_words})"),
        )


def _not_held_out(
    block: list[Sentence], seen: HashSet, held_out: HeldOut | None, counts: RawCounts
) -> list[tuple[Sentence, bool]]:
    """Return the sentences of ``block`` that are not held out, each with whether it is new and not in ``seen`` yet."""
    hashes = [sentence.hash() for sentence in block]
    are_known = seen.has(hash_array(hashes)).tolist()
    held_out_hashes = held_out.hashes if held_out else frozenset()
    kept: list[tuple[Sentence, bool]] = []
    new: set[bytes] = set()
    for sentence, words_hash, is_known in zip(block, hashes, are_known, strict=True):
        if words_hash in held_out_hashes:
            counts.held_out += 1
            continue
        is_new = not is_known and words_hash not in new
        if is_new:
            new.add(words_hash)
        counts.repeats += not (is_new or counts.uses_repeats)
        kept.append((sentence, is_new))
    seen.add(hash_array(list(new)))
    return kept


def read_raw_words(path: Path, splitter: Splitter) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Read the words of each line of raw text, with the number of its line or row, from 1.

    A text file has lines. A row of Parquet, Arrow, JSON, JSON Lines or CSV (by its content) has a ``text``, whose
    lines are read one by one, or else ``tokens`` or ``words``, which are read as they are.

    Args:
        path: the file.
        splitter: cuts texts into words.

    Raises:
        InputError: the file cannot be read, or a row has none of these or a value of another type.
    """
    for row_number, line in read_raw_lines(path):
        yield row_number, splitter.words(line) if isinstance(line, str) else line


def read_raw_texts(path: Path) -> Iterator[str]:
    """Read the lines of raw text; of rows without a text, their words joined by spaces.

    Raises:
        InputError: as for ``read_raw_words``.
    """
    yield from (line if isinstance(line, str) else " ".join(line) for _, line in read_raw_lines(path))


def split_long(words: tuple[str, ...], min_words: int, max_words: int) -> Iterator[tuple[str, ...]]:
    """Cut ``words`` into parts of at most ``max_words``, each as long as possible with a sentence end at its end.

    Where no sentence ends within reach, a part has ``max_words``. No part, the last one included, has fewer than
    ``min_words`` if that can be avoided, so that none is omitted.

    Example:
        >>> for part in split_long(tuple("They came . They saw . They won and went .".split()), 2, 7):
        ...     print(*part)
        They came . They saw .
        They won and went .
    """
    ends = _sentence_ends(words)
    start = 0
    while len(words) - start > max_words:
        longest = min(max_words, max(len(words) - start - min_words, min_words))
        reach = range(start + longest, start + min_words - 1, -1)
        stop = next((end for end in reach if ends[end - 1]), start + longest)
        yield words[start:stop]
        start = stop
    yield words[start:]


def checked_lines(
    path: Path,
    data: DataConfig | None,
    report: ReadReport | None,
    on_fault: Callable[[Path, InputError], None] | None = None,
) -> Iterator[tuple[int, Line]]:
    """Yield the lines of a file, up to its first fault if ``on_fault`` receives it; see ``read_raw``."""
    try:
        check_raw(path)
        if report is not None and is_utf16(path):
            report.note(f"{path}: UTF-16, converted")
        for numbered_line in read_raw_lines(path, data, report):
            yield numbered_line
            if report is not None:
                report.sentences += 1
        if report is not None and report.is_strict and on_fault is None:
            report.check()  # not only after all files, which may take hours to label
    except InputError as error:
        if on_fault is None:
            raise
        on_fault(path, error)


def read_sentences(
    lines: Iterable[tuple[int, Line]],
    name: str,
    splitter: Splitter,
    counts: RawCounts,
    weight: float,
    *,
    keep_text: bool,
) -> Iterator[Sentence]:
    """Yield the sentences of the lines of the file ``name``, each with the number of its line in ``where``."""
    for row_number, line in lines:
        words = splitter.words(line) if isinstance(line, str) else line
        offsets = find_offsets(line, words) if keep_text and isinstance(line, str) else ()
        for first, part in _parts(words, counts):
            text = None
            if offsets and isinstance(line, str):
                text = line[offsets[first][0] : offsets[first + len(part) - 1][1]]
            yield Sentence(part, where=f"{name}:{row_number}", text=text, weight=weight)


def _parts(words: tuple[str, ...], counts: RawCounts) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Yield the sentences of a line with the index of their first words."""
    counts.lines += 1
    counts.blank += not words
    parts = list(split_long(words, counts.min_words, counts.max_words)) if words else []
    if len(parts) > 1:
        counts.cut += 1
        counts.parts += len(parts)
    first = 0
    for part in parts:
        if len(part) >= counts.min_words:
            yield first, part
        else:
            counts.short += 1
        first += len(part)


def _sentence_ends(words: Sequence[str]) -> list[bool]:
    """Return for each word whether a sentence ends after it: at ``.``, or at the last quote or bracket after that."""
    ends: list[bool] = []
    for word in words:
        core = word.rstrip(_CLOSERS)
        closes_sentence = not core and bool(ends) and ends[-1]
        if closes_sentence:
            ends[-1] = False
        ends.append(closes_sentence or core.endswith(tuple(_TERMINALS)))
    return ends


def _count(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'s' * (count != 1)}"
