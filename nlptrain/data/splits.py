"""Train, dev and test sentences of a run, with the labels that they are all tagged with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from nlptrain.config.data import DataConfig
from nlptrain.data.corpus import Corpus
from nlptrain.data.dev_split import take_dev
from nlptrain.data.scheme_conversion import convert_scheme, describe, detect_schemes, fit_to_labels
from nlptrain.data.sentence import Sentence
from nlptrain.data.tag_checks import check_known_labels
from nlptrain.errors import InputError
from nlptrain.labels import Labels
from nlptrain.schemes import Scheme

_TAUGHT = "if the teacher has other names for these, map them (data.label_map: {THEIRS: YOURS}, or O)"
_COLLECTED = "the labels are those of the train sentences; where others are meant, too, list all of them in data.labels"


@dataclass(frozen=True)
class Splits:
    """The gold sentences of a run; every tag is one of ``labels``.

    Attributes:
        labels: the labels, in the order of the logit columns.
        train: the sentences that are learned from.
        dev: those that choose the best step.
        test: those that are scored once, at the end; may be empty.
        dev_from_train: dev was taken out of the train files.
        dev_metric: what a score on dev is called; None: by the scheme.
    """

    labels: Labels
    train: list[Sentence]
    dev: list[Sentence]
    test: list[Sentence]
    dev_from_train: bool
    dev_metric: str | None = None


def read_splits(
    data: DataConfig,
    labels: Labels | None = None,
    *,
    log: Callable[[str], None],
    check: Callable[[set[str]], None] | None = None,
) -> Splits:
    """The splits that ``data`` names, checked; without ``data.dev``, dev is taken out of train.

    Entities are written as the labels are, whatever the scheme of the files: those of a teacher in its own, all others
    in IOB2.

    Args:
        data: the files and how they are written.
        labels: the teacher's; their order is kept. None: those of ``data.labels``, or else of train.
        check: is given all gold tags as they stand in the files, and may raise.
        log: receives what a reader of the run should know: how the tags are written, where dev comes from, and
            sentences of it that train has too.

    Raises:
        InputError: a file cannot be read, or a tag breaks its scheme or is none of the labels.
    """
    if data.train is None and labels is None:
        raise InputError("data.train: missing; name the files with the gold sentences to train on")
    parts = {key: _read(data, key, log) for key in ("train", "dev", "test")}
    schemes = detect_schemes(parts, data.scheme)
    collected = labels is None and data.labels is None
    labels = labels or _labels(parts["train"], schemes["train"], data)
    if schemes:
        log(describe(schemes, labels.scheme))
    if check is not None:
        check({tag for part in parts.values() for sentence in part for tag in sentence.tags or ()})
    if "plain" not in {labels.scheme, *schemes.values()} or set(schemes.values()) == {labels.scheme}:
        check_known_labels(  # those of all files in one message
            chain.from_iterable(parts.values()), labels, way_out=_COLLECTED if collected else _TAUGHT
        )
    train, dev, test = (convert_scheme(part, schemes[key], labels) if part else [] for key, part in parts.items())
    train = fit_to_labels(train, labels, log=log)
    dev_from_train = data.dev is None and data.train is not None
    if dev_from_train:
        train, dev = _take_dev(train, log)
    _log_duplicates(train, {"dev": dev, "test": test}, log)
    if labels.scheme != "plain":
        _log_no_entity({"dev": dev, "test": test}, log)
    return Splits(labels, train, dev, test, dev_from_train)


def held_out_digests(splits: Splits) -> frozenset[bytes]:
    """The digests of the dev and test sentences: what raw text must not teach."""
    return frozenset(sentence.digest() for sentence in (*splits.dev, *splits.test))


def _read(data: DataConfig, split: str, log: Callable[[str], None]) -> list[Sentence]:
    paths = getattr(data, split)
    return [] if paths is None else list(Corpus(paths, data, key=f"data.{split}", log=log))


def _labels(train: Sequence[Sentence], scheme: Scheme, data: DataConfig) -> Labels:
    """The labels of the configuration, or else those that stand in train, which are written in IOB2 or plain."""
    if data.labels is not None:
        labels = Labels.named(data.labels, "plain" if scheme == "plain" else None)
        return replace(labels, guessed=False)  # the tags are written in it, whatever it is
    return Labels.collect((sentence.tags or () for sentence in train), scheme)


def _take_dev(sentences: list[Sentence], log: Callable[[str], None]) -> tuple[list[Sentence], list[Sentence]]:
    train, dev = take_dev(sentences)
    if not dev:
        raise InputError(
            f"data.dev: missing, and the {len(sentences):,} sentences of data.train are too few (or too much alike) "
            "to take it from; name a file"
        )
    log(
        f"dev: {len(dev):,} of the {len(sentences):,} train sentences, chosen by a hash of the sentence and taken "
        "out of train, as there is no data.dev"
    )
    return train, dev


def _log_no_entity(splits: dict[str, list[Sentence]], log: Callable[[str], None]) -> None:
    for name, sentences in splits.items():
        if sentences and all(tag == "O" for sentence in sentences for tag in sentence.tags or ()):
            chosen = " and, where it chooses, the last weights are kept" if name == "dev" else ""
            log(f"{name}: there is no entity in its {len(sentences):,} sentences; its F1 is 0 whatever comes{chosen}")


def _log_duplicates(train: Sequence[Sentence], splits: dict[str, list[Sentence]], log: Callable[[str], None]) -> None:
    known = {sentence.digest() for sentence in train}
    for name, sentences in splits.items():
        if leaks := sum(sentence.digest() in known for sentence in sentences):
            log(f"{name}: {leaks:,} of {len(sentences):,} sentences stand in train word for word")
