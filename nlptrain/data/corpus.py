"""Corpus: files of any format, read as gold sentences or as raw text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from nlptrain.config.data import DataConfig, Split
from nlptrain.data.duplicates import HeldOut
from nlptrain.data.gold_files import read_gold_file
from nlptrain.data.raw_files import find_tag_column
from nlptrain.data.raw_text import RawCounts, Splitter, read_raw
from nlptrain.data.read_report import ReadReport
from nlptrain.data.sentence import Sentence
from nlptrain.data.tag_reading import TagReading
from nlptrain.data.text_files import expand_paths
from nlptrain.data.word_splitter import WordSplitter
from nlptrain.errors import InputError

_SAMPLE_SENTENCES = 500  # of raw text
_SCHEME_SENTENCES = 300  # whose tags show a teacher's scheme


class Corpus:
    """The files that paths, globs and Hub references name, in any format: gold sentences, or raw text.

    Iterating yields the tagged sentences, file by file, with tags in IOB2 whatever the scheme of a file, or plain tags;
    ``raw`` yields those of raw text. Files are read anew each time, and long ones are never kept in memory (except
    ``.json``, which is one list).

    Attributes:
        paths: paths, globs or ``hub:OWNER/NAME:SPLIT``.
        data: the format of the files.
        readings: how the tags of each file that has been read are written.

    Example:
        ``for sentence in Corpus("train/*.parquet"): print(sentence.words, sentence.tags)``
    """

    def __init__(
        self,
        paths: str | Path | Sequence[str | Path],
        data: DataConfig | None = None,
        *,
        key: str = "",
        log: Callable[[str], None] = lambda _: None,
        report: ReadReport | None = None,
    ) -> None:
        """Create a corpus; no file is opened yet.

        Args:
            paths: one or several paths, globs or Hub references.
            data: the format of the files; None: by their contents and names.
            key: the configuration key that holds ``paths``, for messages.
            log: receives what was repaired and skipped each time that all files have been read.
            report: receives the same instead; the caller logs and checks it.
        """
        self.paths = [str(path) for path in ([paths] if isinstance(paths, str | Path) else paths)]
        self.data = data or DataConfig()
        self.readings: dict[Path, TagReading] = {}
        self._key = key
        self._log = log
        self._report = report

    @classmethod
    def of(
        cls,
        data: DataConfig,
        split: Split,
        *,
        log: Callable[[str], None] = lambda _: None,
        report: ReadReport | None = None,
    ) -> Corpus:
        """Return the corpus of a split of ``data``."""
        return cls(data.paths_of(split), data, key=f"data.{split}", log=log, report=report)

    @property
    def files(self) -> list[Path]:
        """The files, each once.

        Raises:
            InputError: a path or a glob names no file, or the Hub cannot be reached.
        """
        return expand_paths(self.paths, key=self._key)

    def __iter__(self) -> Iterator[Sentence]:
        """Yield the tagged sentences.

        Raises:
            InputError: a file is missing, has no known format, or has no sentence; with ``data.strict``, any fault.
        """
        return self._sentences(keep=False)

    def read(self) -> list[Sentence]:
        """Return all tagged sentences; each file is read once.

        Raises:
            InputError: as for iteration.
        """
        return list(self._sentences(keep=True))

    def _sentences(self, *, keep: bool) -> Iterator[Sentence]:
        report = self._report or new_report(self.data)
        for path in self.files:
            try:
                yield from read_gold_file(path, self.data, report, self.readings, keep=keep)
            except InputError as error:
                if not report.is_strict:
                    raise
                report.unreadable += error.problems  # raised with the faults of all files
        self._finish(report)

    def without_log(self) -> Corpus:
        """Return the same corpus without a log, for files that are read more than once."""
        return Corpus(self.paths, self.data, key=self._key)

    def raw(
        self,
        splitter: Splitter | None = None,
        *,
        held_out: HeldOut | None = None,
        counts: RawCounts | None = None,
        weights: Mapping[Path, float] | None = None,
        keep_text: bool = False,
        keep_repeats: bool = False,
    ) -> Iterator[Sentence]:
        """Read the sentences of raw text, with the limits of ``data``; see ``read_raw`` for the other arguments.

        What was skipped is logged and checked when all files have been read.

        Args:
            splitter: cuts a line into words; None: white space if ``data.pretokenized``, or else the default splitter.
            held_out: see ``read_raw``.
            counts: see ``read_raw``.
            weights: see ``read_raw``.
            keep_text: see ``read_raw``.
            keep_repeats: see ``read_raw``.
        """
        report = self._report or new_report(self.data)
        yield from read_raw(
            self.files,
            splitter or splitter_of(self.data),
            min_words=self.data.min_words,
            max_words=self.data.max_words,
            held_out=held_out,
            counts=counts,
            weights=weights,
            keep_text=keep_text,
            keep_repeats=keep_repeats,
            data=self.data,
            report=report,
        )
        self._finish(report)

    def _finish(self, report: ReadReport) -> None:
        """Log and check ``report``, unless it is the caller's."""
        if self._report is None:
            report.log(self._log)
            report.check()


def new_report(data: DataConfig) -> ReadReport:
    """Return an empty report with the limits of ``data``."""
    return ReadReport(is_strict=data.strict, max_faulty=data.max_faulty)


def splitter_of(data: DataConfig) -> WordSplitter:
    """Return the splitter of the raw text of ``data``.

    Raises:
        InputError: the segmenter is not installed.
    """
    if data.pretokenized:
        return WordSplitter.pretokenized()
    return WordSplitter.default() if data.segmenter is None else WordSplitter.segmented(data.segmenter)


def raw_text(
    data: DataConfig,
    splitter: WordSplitter,
    held_out: HeldOut | None = None,
    log: Callable[[str], None] | None = None,
    *,
    to_label: bool = False,
    uses_repeats: bool = False,
    read_counts: dict[str, Any] | None = None,
) -> Iterator[Sentence]:
    """Yield the raw sentences of ``data``, then log their counts; none without ``data.unlabeled``.

    Args:
        data: names the files, with their weights.
        splitter: splits the lines into words.
        held_out: sentences that are left out, as are their near-duplicates: those of dev and test.
        log: receives the log lines; None: the ignored tags of the files are not looked for, either.
        to_label: keep the original text of each sentence, which some teachers read, and repeated sentences, because
            blocks are labeled as a whole.
        uses_repeats: whether repeated sentences count as used.
        read_counts: receives what was read, repaired and skipped, for ``scores.json``.

    Raises:
        InputError: a file cannot be read, or too many of its rows or sentences.
    """
    if data.unlabeled is None:
        return
    counts, report = RawCounts(data.min_words, data.max_words, uses_repeats=uses_repeats), new_report(data)
    corpus = Corpus.of(data, "unlabeled", report=report)
    yield from corpus.raw(
        splitter,
        held_out=held_out,
        counts=counts,
        weights=source_weights(data),
        keep_text=to_label,
        keep_repeats=to_label,
    )
    finish_raw(corpus, counts, report, log, read_counts)


def finish_raw(
    corpus: Corpus,
    counts: RawCounts,
    report: ReadReport,
    log: Callable[[str], None] | None,
    read_counts: dict[str, Any] | None,
) -> None:
    """Log and check what was read of the raw text of ``corpus``; the other arguments are those of ``raw_text``.

    Raises:
        InputError: too many rows or sentences were skipped.
    """
    if read_counts is not None:
        read_counts["unlabeled"] = report.to_json()
    if log is not None:
        report.log(log)
        log(f"raw text: {counts.describe()}")
        if tagged := [f"{path} ({column})" for path in corpus.files if (column := find_tag_column(path))]:
            more = f" and {len(tagged) - 3} more" if len(tagged) > 3 else ""
            log(f"raw text: tags of {', '.join(tagged[:3])}{more} are ignored; tags are read from data.train")
    report.check()


def raw_sample(data: DataConfig) -> Iterator[Sentence]:
    """Return the first 500 raw sentences of ``data``."""
    return islice(Corpus.of(data, "unlabeled").raw(), _SAMPLE_SENTENCES)


def scheme_sample(data: DataConfig) -> list[tuple[str, ...]]:
    """Return the words of the first 300 sentences of dev, or else of train or of the raw text."""
    gold: tuple[Split, ...] = ("dev", "train")
    split = next((split for split in gold if getattr(data, split) is not None), None)
    sentences = raw_sample(data) if split is None else Corpus.of(data, split)
    return [sentence.words for sentence in islice(sentences, _SCHEME_SENTENCES)]


def raw_files(data: DataConfig) -> list[Path]:
    """Return the files of raw text of ``data``."""
    return Corpus.of(data, "unlabeled").files


def source_weights(data: DataConfig) -> dict[Path, float]:
    """Return the weights of the files of raw text whose weight is not 1."""
    weights: dict[Path, float] = {}
    for source in data.sources:
        for path in expand_paths(source.path, key="data.unlabeled"):
            weights.setdefault(path, source.weight)
    return {path: weight for path, weight in weights.items() if weight != 1.0}
