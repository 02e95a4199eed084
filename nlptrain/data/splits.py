"""Train, dev and test sentences of a run, with the labels of their tags; and a run's sample of dev."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

from nlptrain.atomic_files import write_text
from nlptrain.config.data import DataConfig
from nlptrain.data.corpus import Corpus, new_report
from nlptrain.data.duplicates import HeldOut, find_duplicates
from nlptrain.data.gold_files import common_scheme, describe_readings
from nlptrain.data.labels import Labels, check_known_labels, convert_scheme, fit_to_labels
from nlptrain.data.partial_annotation import resolve_unknown
from nlptrain.data.read_report import ReadReport
from nlptrain.data.sentence import Sentence
from nlptrain.data.splitting import dev_size, take_dev
from nlptrain.data.tag_reading import TagReading
from nlptrain.data.tag_schemes import Scheme
from nlptrain.errors import InputError, Problem, Setting, Text, suggestion

DEV_SAMPLE_FILE = "dev_sample.jsonl"
_MAX_SAMPLE_SENTENCES, _MAX_SAMPLE_WORDS = 500, 20_000
_MAP_HINT: Text = (
    "if the teacher has other names for these labels, map them in ",
    Setting("data.label_map"),
    " ({THEIRS: YOURS}, or O)",
)
_LABELS_HINT: Text = (
    "the labels are those of the train sentences; if there are others, list all labels in ",
    Setting("data.labels"),
)


@dataclass(frozen=True)
class Splits:
    """The gold sentences of a run; every tag is one of ``labels``.

    Attributes:
        labels: the labels, in the order of the logit columns.
        train: the training sentences.
        dev: the sentences that select the best step.
        test: the sentences that are scored once, at the end; may be empty.
        is_dev_from_train: dev was taken from the train files.
        dev_metric: the name of a score on dev; None: by the scheme.
        read_counts: of each split that was read, the sentences, and what was repaired and skipped.
    """

    labels: Labels
    train: list[Sentence]
    dev: list[Sentence]
    test: list[Sentence]
    is_dev_from_train: bool
    dev_metric: str | None = None
    read_counts: Mapping[str, Any] = field(default_factory=dict)


def read_splits(
    data: DataConfig,
    labels: Labels | None = None,
    *,
    log: Callable[[str], None],
    check: Callable[[set[str]], None] | None = None,
) -> Splits:
    """Read and check the splits that ``data`` names; without ``data.dev``, dev is taken from train.

    Tags are converted to the scheme of the labels, whatever the scheme of the files: that of the teacher's labels, or
    else IOB2.

    Args:
        data: the files and their format.
        labels: the teacher's; their order is kept. None: those of ``data.labels``, or else of train.
        check: receives all gold tags as they are in the files, and may raise.
        log: receives the schemes, the origin of dev, and the number of duplicates between the splits.

    Raises:
        InputError: a file cannot be read, or a tag is invalid in its scheme or is not one of the labels.
    """
    if data.train is None and labels is None:
        raise InputError("missing", location=Setting("data.train"), expected="the files of the gold train sentences")
    splits = to_splits(_read_files(data, log), data, labels, log=log, check=check)
    # Dev sentences that were taken from train have near-duplicates there only in other documents.
    is_apart = splits.is_dev_from_train and not any(sentence.document for sentence in splits.dev)
    _log_duplicates(splits.train, {"dev": [] if is_apart else splits.dev, "test": splits.test}, log)
    if splits.labels.scheme != "plain":
        _log_no_entity({"dev": splits.dev, "test": splits.test}, log)
    return splits


def to_splits(
    files: Mapping[str, SplitFiles],
    data: DataConfig,
    labels: Labels | None = None,
    *,
    log: Callable[[str], None],
    check: Callable[[set[str]], None] | None = None,
) -> Splits:
    """Return the splits of a run, from the sentences of its files.

    Args:
        files: those of train, dev and test.
        data: as for ``read_splits``.
        labels: as for ``read_splits``.
        log: as for ``read_splits``.
        check: as for ``read_splits``.

    Raises:
        InputError: some files have entities and others plain tags, or a tag is not one of the labels.
    """
    scheme = common_scheme({path: reading for part in files.values() for path, reading in part.readings.items()})
    scheme = scheme or "iob2"
    sentences = {name: part.sentences for name, part in files.items()}
    sentences = resolve_unknown(sentences, data.unknown_as, has_teacher=labels is not None, log=log)
    are_collected = labels is None and data.labels is None
    labels = labels or _labels(sentences["train"], scheme, data)
    readings = {name: part.readings for name, part in files.items() if part.readings}
    if readings:
        log(describe_readings(readings, labels.scheme))
    if check is not None:
        check({tag for split in sentences.values() for sentence in split for tag in sentence.tags or ()})
    scheme = "plain" if scheme == "plain" else "iob2"
    if (scheme == "plain") == (labels.scheme == "plain"):
        check_known_labels(  # those of all files in one message
            chain.from_iterable(sentences.values()), labels, hint=_LABELS_HINT if are_collected else _MAP_HINT
        )
    _log_unknown_types(sentences, labels, log)
    train, dev, test = (convert_scheme(split, scheme, labels) if split else [] for split in sentences.values())
    train = fit_to_labels(train, labels, log=log)
    is_dev_from_train = data.dev is None and data.train is not None
    if is_dev_from_train:
        train, dev = _take_dev(train, log)
    counts = {name: part.report.to_json() for name, part in files.items() if part.readings}
    return Splits(labels, train, dev, test, is_dev_from_train, read_counts=counts)


def held_out_sentences(splits: Splits) -> HeldOut:
    """Return the dev and test sentences, which must not be trained on as raw text, nor must their near-duplicates."""
    return HeldOut((*splits.dev, *splits.test))


def write_dev_sample(folder: Path, dev: Sequence[Sentence]) -> None:
    """Write up to 500 of the ``dev`` sentences, evenly spread, with their tags, into a run's ``folder``.

    The sample is used by later measurements, wherever the folder has been moved to.
    """
    lines, words = [], 0
    for sentence in dev[:: -(-len(dev) // _MAX_SAMPLE_SENTENCES) or 1]:
        words += len(sentence.words)
        if words > _MAX_SAMPLE_WORDS:
            break
        row: dict[str, Any] = {"tokens": sentence.words, "tags": sentence.tags or ()}
        if sentence.asked is not None:
            row["asked"] = sorted(sentence.asked)
        lines.append(json.dumps(row, ensure_ascii=False) + "\n")
    write_text(folder / DEV_SAMPLE_FILE, "".join(lines))


def read_dev_sample(folder: Path) -> list[Sentence]:
    """Read the dev sample of a run's ``folder``; empty if it has none.

    Raises:
        InputError: the file is damaged.
    """
    path = folder / DEV_SAMPLE_FILE
    if not path.is_file():
        return []
    sentences = []
    try:
        for line_number, line in enumerate(path.read_text(encoding="utf-8").removesuffix("\n").split("\n"), start=1):
            row = json.loads(line)
            words, tags = tuple(map(str, row["tokens"])), tuple(map(str, row["tags"]))
            if not words or len(words) != len(tags):
                raise ValueError(f"line {line_number} has {len(words)} words and {len(tags)} tags")
            asked = frozenset(map(str, row["asked"])) if row.get("asked") is not None else None
            sentences.append(Sentence(words, tags, f"{path}:{line_number}", asked=asked))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(
            f"damaged ({type(error).__name__}: {str(error)[:100]})", location=str(path), hint="remove it"
        ) from error
    return sentences


@dataclass(frozen=True)
class SplitFiles:
    """The gold files of a split.

    Attributes:
        sentences: their sentences, with tags in IOB2 or plain tags.
        readings: how the tags of each file are written.
        report: what was repaired and skipped.
    """

    sentences: list[Sentence]
    readings: Mapping[Path, TagReading]
    report: ReadReport


def _read_files(data: DataConfig, log: Callable[[str], None]) -> dict[str, SplitFiles]:
    """Read train, dev and test, log what was repaired and skipped, and check it.

    Raises:
        InputError: with the faults of all files.
    """
    files = {}
    for name in ("train", "dev", "test"):
        report = new_report(data)
        if getattr(data, name) is None:
            files[name] = SplitFiles([], {}, report)
            continue
        corpus = Corpus.of(data, name, report=report)
        files[name] = SplitFiles(corpus.read(), corpus.readings, report)
    problems: list[Problem] = []
    for part in files.values():
        part.report.log(log)
        try:
            part.report.check()
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(*problems)
    return files


def _labels(train: Sequence[Sentence], scheme: Scheme, data: DataConfig) -> Labels:
    """Return the labels of the configuration, or else those of train, in IOB2 or plain."""
    if data.labels is not None:
        labels = Labels.from_names(data.labels, "plain" if scheme == "plain" else None)
        return replace(labels, is_guessed=False)  # the tags are converted to this scheme
    return Labels.collect((sentence.tags or () for sentence in train), scheme)


def _log_unknown_types(splits: Mapping[str, list[Sentence]], labels: Labels, log: Callable[[str], None]) -> None:
    """Log types that sentences were checked for and that are no labels: typing errors, or types without an entity."""
    for name, sentences in splits.items():
        asked = Counter(kind for sentence in sentences for kind in sentence.asked or ())
        for kind, count in sorted(asked.items()):
            if kind not in labels.types:
                hint = f"; {similar}" if (similar := suggestion(kind, labels.types)) else ""
                log(f"{name}: {count:,} sentences were checked for {kind!r}, which is no type of the labels{hint}")


def _take_dev(sentences: list[Sentence], log: Callable[[str], None]) -> tuple[list[Sentence], list[Sentence]]:
    train, dev = take_dev(sentences)
    if not dev:
        raise InputError(
            (
                f"missing, and the {len(sentences):,} sentences of ",
                Setting("data.train"),
                " are too few (or too similar) to take dev sentences from",
            ),
            location=Setting("data.dev"),
            hint="name a file",
        )
    log(f"dev: {len(dev):,} of {len(sentences):,} train sentences, chosen by hash (data.dev is not set)")
    if 2 * len(dev) < (planned := dev_size(len(sentences))):
        log(
            f"dev: {len(dev):,} sentences instead of {planned:,}, as most of train are near-duplicates of each other; "
            "scores on so few are unreliable: set data.dev"
        )
    return train, dev


def _log_no_entity(splits: dict[str, list[Sentence]], log: Callable[[str], None]) -> None:
    for name, sentences in splits.items():
        if sentences and all(tag == "O" for sentence in sentences for tag in sentence.tags or ()):
            selection = ", the last step is kept if this F1 selects" if name == "dev" else ""
            log(f"{name}: no entity in {len(sentences):,} sentences, F1 is always 0{selection}")


def _log_duplicates(train: Sequence[Sentence], splits: dict[str, list[Sentence]], log: Callable[[str], None]) -> None:
    for name, sentences in splits.items():
        duplicates = find_duplicates(sentences, train)
        exact = sum(duplicate.is_exact for duplicate in duplicates)
        if duplicates:
            near = len(duplicates) - exact
            more = f", {near:,} more nearly" if near else ""
            log(f"duplicates: {exact:,} of {len(sentences):,} {name} sentences also occur in train{more}")
