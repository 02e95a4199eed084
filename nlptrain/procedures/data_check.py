"""Check of data files: what was repaired and skipped, what a training run would refuse, duplicates, types, drift."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nlptrain.analysis.data_check import DataCheck, check_data
from nlptrain.config.data import SPLITS, DataConfig, Split
from nlptrain.data.corpus import splitter_of
from nlptrain.data.formats.registry import format_of
from nlptrain.data.gold_files import common_scheme, read_gold_file
from nlptrain.data.labels import Labels
from nlptrain.data.partial_annotation import resolve_unknown
from nlptrain.data.raw_files import find_tag_column, raw_format
from nlptrain.data.raw_text import RawCounts, read_raw
from nlptrain.data.read_report import Action, Cause, ReadReport
from nlptrain.data.sentence import Sentence
from nlptrain.data.splits import SplitFiles, to_splits
from nlptrain.data.tag_reading import TagReading
from nlptrain.data.text_files import expand_paths
from nlptrain.errors import InputError, Problem, Setting


@dataclass(frozen=True)
class CheckedFile:
    """A file that was checked.

    Attributes:
        split: train, dev, test or unlabeled.
        path: the file, or what was given if there is no such file.
        format: its format; None: unknown.
        sentences: the number of its sentences; 0 for raw text, which is counted as a whole.
        words: the number of their words.
        tags: how its tags are written, with the evidence; "" for raw text.
        is_read: whether it could be read.
    """

    split: Split
    path: str
    format: str | None = None
    sentences: int = 0
    words: int = 0
    tags: str = ""
    is_read: bool = True


@dataclass
class DataReport:
    """The result of ``check_data_files``.

    Attributes:
        files: the files, in the order of the splits.
        causes: what was repaired and skipped, with all cases.
        omitted: the number of texts that annotators left out, by reason.
        mentions: how spans were found in their texts, see ``ReadReport``.
        notes: decisions about files, and what a run would log about its splits.
        raw: counts of the raw text; None: there is none.
        faults: what a training run would refuse; none if it can use the files.
        check: duplicates, contradictions, types, long sentences, drift.
    """

    files: list[CheckedFile] = field(default_factory=list)
    causes: list[Cause] = field(default_factory=list)
    omitted: Counter[str] = field(default_factory=Counter)
    mentions: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    raw: RawCounts | None = None
    faults: list[Problem] = field(default_factory=list)
    check: DataCheck = field(default_factory=lambda: DataCheck({}, [], [], {}, [], []))

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain values."""
        return {
            "is_usable": not self.faults,
            "faults": [fault.render() for fault in self.faults],
            "files": [vars(file) for file in self.files],
            "repaired": self._cases("repaired"),
            "skipped": self._cases("skipped"),
            "omitted": dict(self.omitted),
            "mentions": dict(self.mentions),
            "notes": self.notes,
            "raw": None if self.raw is None else vars(self.raw),
            **self.check.to_json(),
        }

    def _cases(self, action: Action) -> list[dict[str, Any]]:
        return [
            {"cause": cause.text, "count": cause.count, "cases": cause.cases()}
            for cause in self.causes
            if cause.action == action
        ]


def check_data_files(data: DataConfig, *, is_run: bool = True, has_teacher: bool = False) -> DataReport:
    """Check the files that ``data`` names, and report all faults; gold sentences are in memory.

    Args:
        data: the files and their format.
        is_run: whether they are all the files of a run: there must be labels, and dev sentences. Otherwise they are
            any gold files, each good for itself.
        has_teacher: whether the labels are those of a teacher, so that tags of dev need not be in train.
    """
    report = DataReport()
    gold: dict[str, SplitFiles] = {split: _read_split(data, split, report) for split in SPLITS if split != "unlabeled"}
    _merge_read_reports([part.report for part in gold.values()], report)
    splits: Mapping[str, list[Sentence]] = {name: part.sentences for name, part in gold.items() if part.sentences}
    if is_run and not all(file.is_read for file in report.files if file.split == "train"):
        report.notes.append("labels, and dev sentences from train: not checked, because a file of train is missing")
        is_run = False
    with _collecting(report.faults):
        common_scheme({path: reading for part in gold.values() for path, reading in part.readings.items()})
        if is_run:
            splits = _run_splits(gold, data, report, has_teacher=has_teacher)
        else:
            splits = resolve_unknown(splits, data.unknown_as, has_teacher=has_teacher, log=report.notes.append)
    raw_report = ReadReport(is_strict=data.strict, max_faulty=data.max_faulty, keeps_all=True)
    report.check = check_data(splits, _read_raw(data, report, raw_report) if data.unlabeled is not None else ())
    _merge_read_reports([raw_report], report)
    return report


@contextmanager
def _collecting(faults: list[Problem]) -> Iterator[None]:
    """Add the problems of an error to ``faults`` instead of raising it."""
    try:
        yield
    except InputError as error:
        faults += error.problems
    except OSError as error:
        faults.append(Problem(f"cannot be read: {error.strerror or error}", str(error.filename or "")))


def _expanded(data: DataConfig, split: Split, report: DataReport) -> Iterator[Path]:
    """Yield the files of a split, each once; what names no file is reported."""
    seen: set[Path] = set()
    for entry in data.paths_of(split):
        paths: list[Path] = []
        with _collecting(report.faults):
            paths = expand_paths(entry, key=f"data.{split}")
        if not paths:
            report.files.append(CheckedFile(split, entry, is_read=False))
        for path in paths:
            if path.resolve() not in seen:
                seen.add(path.resolve())
                yield path


def _read_split(data: DataConfig, split: Split, report: DataReport) -> SplitFiles:
    """Read the gold files of a split; those that cannot be read are reported, and left out."""
    read_report = ReadReport(is_strict=data.strict, max_faulty=data.max_faulty, keeps_all=True)
    sentences: list[Sentence] = []
    readings: dict[Path, TagReading] = {}
    for path in _expanded(data, split, report):
        name: str | None = None
        own: list[Sentence] = []
        faults: list[Problem] = []
        with _collecting(faults):
            name = format_of(path, data)
            own += read_gold_file(path, data, read_report, readings, keep=True)
        tags = readings[path].describe() if path in readings else ""
        words = sum(len(sentence.words) for sentence in own)
        report.files.append(CheckedFile(split, str(path), name, len(own), words, tags, is_read=not faults))
        report.faults += faults
        sentences += own
    return SplitFiles(sentences, readings, read_report)


def _merge_read_reports(read_reports: list[ReadReport], report: DataReport) -> None:
    """Add what was repaired and skipped, and faults for what a run would refuse of it."""
    causes = {(cause.action, cause.text): cause for cause in report.causes}
    for read_report in read_reports:
        for cause in read_report.causes:
            merged = causes.setdefault((cause.action, cause.text), Cause(cause.action, cause.text))
            merged.count += cause.count
            merged.problems += cause.problems
        report.omitted += read_report.omitted
        report.mentions += read_report.mentions
        report.notes += read_report.notes
        try:
            read_report.check()
        except InputError as error:
            count = sum(cause.count for cause in read_report.causes)
            strict = Problem(f"found {count:,} repairs and skipped sentences", Setting("data.strict"), "none")
            report.faults.append(strict if read_report.is_strict else error.problems[-1])
    report.causes = sorted(causes.values(), key=lambda cause: -cause.count)


def _run_splits(
    gold: Mapping[str, SplitFiles], data: DataConfig, report: DataReport, *, has_teacher: bool
) -> dict[str, list[Sentence]]:
    """Return the splits that a run would train on, select by and score.

    Raises:
        InputError: what the run would raise.
    """
    labels = None
    if has_teacher and data.labels is None:  # all labels are known, and there are at least two
        tags = [sentence.tags or () for part in gold.values() for sentence in part.sentences]
        is_plain = any(reading.scheme == "plain" for part in gold.values() for reading in part.readings.values())
        labels = Labels.collect([*tags, ("O", "B-ENTITY")], "plain" if is_plain else "iob2")
        report.notes.append("labels: those of the teacher, with which the tags are not compared")
    elif data.train is None:
        raise InputError("missing", location=Setting("data.train"), expected="the files of the gold train sentences")
    splits = to_splits(gold, data, labels, log=report.notes.append)
    by_name = {"train": splits.train, "dev": splits.dev, "test": splits.test}
    return {name: sentences for name, sentences in by_name.items() if sentences}


def _read_raw(data: DataConfig, report: DataReport, read_report: ReadReport) -> Iterator[Sentence]:
    """Yield the sentences of the raw text; files that cannot be read are reported, and left out."""
    paths = list(_expanded(data, "unlabeled", report))
    faults: dict[Path, InputError] = {}
    report.raw = RawCounts(data.min_words, data.max_words)
    with _collecting(report.faults):
        yield from read_raw(
            paths,
            splitter_of(data),
            min_words=data.min_words,
            max_words=data.max_words,
            counts=report.raw,
            data=data,
            report=read_report,
            on_fault=faults.__setitem__,
        )
    for path in paths:
        if path in faults:
            report.faults += faults[path].problems
            report.files.append(CheckedFile("unlabeled", str(path), is_read=False))
            continue
        report.files.append(CheckedFile("unlabeled", str(path), raw_format(path)))
        if column := find_tag_column(path):
            report.notes.append(f"{path}: tags ({column}) of raw text are ignored; tags are read from data.train")
