"""Byte ranges of raw text: each is cut into the blocks that reading all files from the start would cut.

A range has the blocks from its first cut to the first cut in the next range, as the input splits of Hadoop have whole
records (White 2015, "Hadoop: The Definitive Guide", chapter 8).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from nlptrain.config.data import DataConfig
from nlptrain.config.formats import FORMATS
from nlptrain.data import blocks
from nlptrain.data.blocks import Block, is_cut
from nlptrain.data.corpus import new_report, raw_files, source_weights
from nlptrain.data.duplicates import HeldOut
from nlptrain.data.raw_files import Line, check_raw, raw_format
from nlptrain.data.raw_text import RawCounts, check_limits, checked_lines, read_sentences, used_sentences
from nlptrain.data.read_report import ReadReport
from nlptrain.data.sentence import Sentence
from nlptrain.data.standard_input import STANDARD_INPUT
from nlptrain.data.text_files import is_gz, is_utf16, read_lines_from
from nlptrain.data.word_splitter import WordSplitter
from nlptrain.errors import InputError
from nlptrain.urls import is_url


@dataclass(frozen=True)
class TextRange:
    """A part of a file.

    Attributes:
        path: of the file.
        start: its first byte.
        end: the byte after its last one; None: the whole file, e.g. of rows, which has no byte ranges.
        first_line: the number of its first line; 0: unknown, and positions in the file are those of bytes.
        lines: their number, if the first one's is known.
    """

    path: Path
    start: int
    end: int | None
    first_line: int = 0
    lines: int = 0

    @property
    def last_position(self) -> int | None:
        """The position after the last one of its sentences; None: the whole file."""
        return self.first_line + self.lines if self.first_line and self.end is not None else self.end


@dataclass(frozen=True)
class BlockSource:
    """Where the sentences of a block are.

    Attributes:
        path: of the file.
        start: the first byte of the line of the first sentence; the number of its row in a file without byte ranges.
        skipped: sentences of this line or row that belong to the block before.
        count: the number of sentences, repeats included.
        name: of the block.
    """

    path: Path
    start: int
    skipped: int
    count: int
    name: str


@dataclass(frozen=True)
class TextFiles:
    """Files of raw text, and how they are read; can be sent to other processes.

    Attributes:
        data: how files are read.
        splitter: splits lines into words.
        held_out: sentences that are left out, as are their near-duplicates.
        paths: of the files.
        names: of the files as they were given, for messages and ids.
        weights: the sampling weight of a file's sentences, where that is not 1.
        uses_repeats: whether repeated sentences count as used.
    """

    data: DataConfig
    splitter: WordSplitter
    held_out: HeldOut | None
    paths: Sequence[Path]
    names: Mapping[Path, str] = field(default_factory=dict)
    weights: Mapping[Path, float] = field(default_factory=dict)
    uses_repeats: bool = False

    @classmethod
    def of(
        cls, data: DataConfig, splitter: WordSplitter, held_out: HeldOut | None, *, uses_repeats: bool = False
    ) -> TextFiles:
        """Return the files of ``data.unlabeled``.

        Raises:
            InputError: there is no such file, or ``min_words`` is more than ``max_words``.
        """
        check_limits(data.min_words, data.max_words)
        weights = {path.absolute(): weight for path, weight in source_weights(data).items()}
        names = {path.absolute(): str(path) for path in raw_files(data)}
        return cls(data, splitter, held_out, list(names), names, weights, uses_repeats)

    @property
    def are_shared(self) -> bool:
        """Whether other machines can read the files: copies of URLs and of the Hub are in this machine's cache."""
        paths = self.data.paths_of("unlabeled")
        return not any(is_url(path) or path.startswith("hub:") or path == STANDARD_INPUT for path in paths)

    def ranges(self, size: int) -> list[TextRange]:
        """Return the ranges of all files, of at most ``size`` bytes where a file can be cut.

        Raises:
            InputError: a file is not raw text.
        """
        ranges: list[TextRange] = []
        for path in self.paths:
            check_raw(path)
            if not has_byte_ranges(path):
                ranges.append(TextRange(path, 0, None))
                continue
            length = path.stat().st_size
            ranges += [TextRange(path, start, min(start + size, length)) for start in range(0, length, size)]
        return ranges

    @property
    def size(self) -> int:
        """The bytes of all files."""
        return sum(path.stat().st_size for path in self.paths)

    def sentences(self, part: TextRange) -> Iterator[Sentence]:
        """Yield the sentences of the lines that begin in ``part``, repeats included; nothing is counted.

        Raises:
            InputError: the file cannot be read.
        """
        yield from self._sentences(part, self.new_counts(), new_report(self.data))[0]

    def cut(self, part: TextRange, counts: RawCounts, report: ReadReport) -> Iterator[tuple[Block, BlockSource]]:
        """Yield the blocks of a range, with their sources.

        Args:
            part: the range.
            counts: is updated by the lines of the range.
            report: receives what is skipped.

        Raises:
            InputError: the file cannot be read.
        """
        sentences: list[Sentence] = []
        hashes: list[bytes] = []
        first = previous = (-1, 0)  # position of the line, and index of the sentence in it
        is_open = part.start == 0
        inside, after = self._sentences(part, counts, report)

        def all_sentences() -> Iterator[Sentence]:
            yield from inside
            if is_open:  # else no block begins in this range
                yield from after

        for sentence in all_sentences():
            position = _position(sentence)
            previous = (position, previous[1] + 1 if position == previous[0] else 0)
            sentence_hash = sentence.hash()
            if not is_open:
                is_open = is_cut(sentence_hash)
                continue
            first = first if sentences else previous
            sentences.append(sentence)
            hashes.append(sentence_hash)
            if is_cut(sentence_hash) or len(sentences) == blocks.MAX_SENTENCES:
                yield _block(part.path, first, sentences, hashes)
                sentences, hashes = [], []
                if is_cut(sentence_hash) and part.last_position is not None and position >= part.last_position:
                    return
        if sentences:
            yield _block(part.path, first, sentences, hashes)

    def _sentences(
        self, part: TextRange, counts: RawCounts, report: ReadReport
    ) -> tuple[Iterator[Sentence], Iterator[Sentence]]:
        """Return the sentences of ``part``, and those after it to the end of the file, which are not counted."""
        lines = self._lines(part.path, part.start, report)
        end = part.last_position
        if part.first_line and end is not None:
            lines = enumerate((line for _, line in lines), start=part.first_line)
        if end is None:
            return self._used(lines, part.path, counts), iter(())
        following: list[tuple[int, Line]] = []

        def inside() -> Iterator[tuple[int, Line]]:
            for position, line in lines:
                if position >= end:
                    following.append((position, line))
                    return
                report.sentences += 1
                yield position, line

        def after() -> Iterator[tuple[int, Line]]:
            yield from following
            yield from lines

        return self._used(inside(), part.path, counts), self._used(after(), part.path, self.new_counts())

    def new_counts(self) -> RawCounts:
        """Return empty counts."""
        return RawCounts(self.data.min_words, self.data.max_words, uses_repeats=self.uses_repeats)

    def _lines(self, path: Path, start: int, report: ReadReport) -> Iterator[tuple[int, Line]]:
        """Yield the lines from the byte ``start`` on, or the rows from that number on."""
        if has_byte_ranges(path):
            return read_lines_from(path, start)
        return (item for item in checked_lines(path, self.data, report) if item[0] >= start)

    def _used(self, lines: Iterable[tuple[int, Line]], path: Path, counts: RawCounts) -> Iterator[Sentence]:
        weight = self.weights.get(path, 1.0)
        sentences = read_sentences(lines, self.names[path], self.splitter, counts, weight, keep_text=True)
        return used_sentences(sentences, self.held_out, counts, keep_repeats=True)


def numbered(ranges: Sequence[TextRange], lines: Sequence[int]) -> list[TextRange]:
    """Return all ``ranges`` of files, in their order, with the numbers of their lines, given how many each has."""
    result: list[TextRange] = []
    for part, count in zip(ranges, lines, strict=True):
        first = result[-1].first_line + result[-1].lines if part.start else 1
        result.append(replace(part, first_line=first, lines=count))
    return result


def has_byte_ranges(path: Path) -> bool:
    """Return whether a file of raw text can be read from any byte."""
    return raw_format(path) not in FORMATS and not is_gz(path) and not is_utf16(path)


def _position(sentence: Sentence) -> int:
    return int(sentence.where.rpartition(":")[2])


def _block(
    path: Path, first: tuple[int, int], sentences: Sequence[Sentence], hashes: Sequence[bytes]
) -> tuple[Block, BlockSource]:
    block = Block.of(sentences, hashes)
    return block, BlockSource(path, *first, len(sentences), block.name)


class BlockReader:
    """Reads blocks of text files again; fastest in the order of the files."""

    def __init__(self, files: TextFiles) -> None:
        """Read blocks of ``files``."""
        self._files = files
        self._path: Path | None = None
        self._rest: Iterator[Sentence] = iter(())
        self._next: Sentence | None = None
        self._place = (-1, -1)  # of the next sentence: position of its line, and index in the line

    def read(self, source: BlockSource) -> Block:
        """Read the block at ``source``.

        Raises:
            InputError: the file has changed since it was cut, or cannot be read.
        """
        place = source.start, source.skipped
        is_ahead = source.path == self._path and self._next is not None and self._place <= place
        has_ranges = has_byte_ranges(source.path)
        if not is_ahead or (has_ranges and self._place < place):
            self._open(source.path, source.start if has_ranges else 0)
        while self._next is not None and self._place < place:
            self._advance()
        sentences: list[Sentence] = []
        while self._next is not None and len(sentences) < source.count:
            sentences.append(self._next)
            self._advance()
        block = Block.of(sentences, [sentence.hash() for sentence in sentences]) if sentences else None
        if block is None or block.name != source.name:
            raise InputError(
                "has changed since the start of this command",
                location=str(source.path),
                hint="give the same command again",
            )
        return block

    def _open(self, path: Path, start: int) -> None:
        lines = self._files._lines(path, start, new_report(self._files.data))
        self._path, self._rest = path, self._files._used(lines, path, self._files.new_counts())
        self._place = (-1, -1)
        self._advance()

    def _advance(self) -> None:
        self._next = next(self._rest, None)
        if self._next is not None:
            position = _position(self._next)
            self._place = position, self._place[1] + 1 if position == self._place[0] else 0
