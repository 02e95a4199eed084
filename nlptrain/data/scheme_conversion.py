"""Scheme conversion: check the tags of gold sentences and convert them to the scheme of a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Literal

from nlptrain.data.sentence import Sentence
from nlptrain.data.tag_checks import check_known_labels, check_tag_sequences, detect_scheme, listed
from nlptrain.errors import InputError
from nlptrain.labels import Labels
from nlptrain.schemes import NAMES, Scheme, valid

Parts = Mapping[str, Sequence[Sentence]]


def detect_schemes(parts: Parts, stated: Scheme | Literal["auto"]) -> dict[str, Scheme]:
    """Detect the scheme of each part (train, dev, test) that has sentences, and validate its tags.

    Each part is detected by itself. A part without evidence has the scheme of the first part with evidence, else IOB2.

    Args:
        parts: sentences by name.
        stated: the scheme of all parts, or ``auto``.

    Raises:
        InputError: a tag is invalid in its scheme, or some parts hold entities and others plain tags.
    """
    parts = {name: sentences for name, sentences in parts.items() if sentences}
    proven = {name: _scheme(part, stated) for name, part in parts.items()}
    known: Scheme = next((scheme for scheme in proven.values() if scheme), "iob2")
    schemes: dict[str, Scheme] = {name: scheme or known for name, scheme in proven.items()}
    plain = [name for name, scheme in schemes.items() if scheme == "plain"]
    if plain and len(plain) < len(schemes):
        other = next(name for name in schemes if name not in plain)
        raise InputError(
            f"data.{plain[0]}: the tags are plain ({_tags(parts[plain[0]])}), and those of data.{other} are "
            f"{NAMES[schemes[other]]}; give files of one task"
        )
    check_tag_sequences((sentences, schemes[name]) for name, sentences in parts.items())
    return schemes


def describe(schemes: Mapping[str, Scheme], target: Scheme) -> str:
    """Describe the schemes for the log.

    Example:
        >>> describe({"train": "iob1", "dev": "iob1", "test": "iob2"}, "iob2")
        'tags: IOB1 in train and dev, IOB2 in test; read as IOB2'
    """
    places: dict[Scheme, list[str]] = {}
    for name, scheme in schemes.items():
        places.setdefault(scheme, []).append(name)
    if len(places) > 1:
        summary = ", ".join(f"{NAMES[scheme]} in {' and '.join(names)}" for scheme, names in places.items())
    else:
        summary = NAMES[next(iter(places))]
    return f"tags: {summary}" if list(places) == [target] else f"tags: {summary}; read as {NAMES[target]}"


def convert_scheme(sentences: Sequence[Sentence], scheme: Scheme, labels: Labels) -> list[Sentence]:
    """Convert the tags of ``sentences`` to the scheme of ``labels``; the entities stay the same.

    Raises:
        InputError: one of tags and labels is plain and the other is not, or an entity has a type without a label.
    """
    if (scheme == "plain") != (labels.scheme == "plain"):
        raise InputError(
            f"{_file(sentences)}: the tags are {NAMES[scheme]} ({_tags(sentences)}), but the labels of the model are "
            f"{NAMES[labels.scheme]} ({listed(labels.names)}); give files and a model of the same task"
        )
    check_known_labels(sentences, labels)
    if scheme == labels.scheme:
        return list(sentences)
    return [replace(sentence, tags=tuple(valid(sentence.tags or (), labels.scheme))) for sentence in sentences]


def fit_to_labels(train: Sequence[Sentence], labels: Labels, *, log: Callable[[str], None]) -> list[Sentence]:
    """Return ``train`` with tags that are all labels.

    A classifier may have only an I- label for a type. An entity directly after another one of its type, which has a B-
    in IOB1, then becomes a part of that one; their number is logged.

    Raises:
        InputError: other labels are missing from the model.
    """
    absent = {tag for sentence in train for tag in sentence.tags or ()} - set(labels.names)
    joined = {tag for tag in absent if labels.scheme == "iob1" and f"I{tag[1:]}" in labels.ids}
    if missing := sorted(absent - joined):
        raise InputError(
            f"{_file(train)}: in {NAMES[labels.scheme]}, as the labels of the model are written, it has "
            f"{listed(missing)}, which the model has not; say how its labels are written in data.teacher_scheme"
        )
    if not joined:
        return list(train)
    count = sum(tag in joined for sentence in train for tag in sentence.tags or ())
    log(f"train: {count:,} entities stand directly behind one of their type, and the model has no B- to part them")
    return [
        replace(sentence, tags=tuple(f"I{tag[1:]}" if tag in joined else tag for tag in sentence.tags or ()))
        for sentence in train
    ]


def _scheme(part: Sequence[Sentence], stated: Scheme | Literal["auto"]) -> Scheme | None:
    return detect_scheme(part) if stated == "auto" else stated


def _file(sentences: Sequence[Sentence]) -> str:
    return sentences[0].where.rpartition(":")[0]


def _tags(sentences: Sequence[Sentence]) -> str:
    return listed(sorted({tag for sentence in sentences for tag in sentence.tags or ()}))
