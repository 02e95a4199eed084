"""Labels: the names of a model's logit columns, label maps, and the conversion of gold tags to the labels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from nlptrain.data.sentence import Sentence
from nlptrain.data.tag_schemes import (
    SCHEME_NAMES,
    Scheme,
    detect_scheme,
    list_names,
    raise_problems,
    split_tag,
    to_scheme,
)
from nlptrain.errors import InputError, Problem, Setting, Text, suggestion


def begin_inside_pairs(names: Sequence[str]) -> list[tuple[int, int]]:
    """Return the indices of B- and I- of each type in ``names`` that has both."""
    ids = {name: index for index, name in enumerate(names)}
    pairs = [(index, ids.get("I" + name[1:])) for name, index in ids.items() if name.startswith("B-")]
    return [(begin, inside) for begin, inside in pairs if inside is not None]


@dataclass(frozen=True)
class Labels:
    """The label names of a model in the order of its logit columns, and their tag scheme.

    Attributes:
        names: the name of each column.
        scheme: the scheme that the names are written in.
        is_guessed: the scheme was inferred from the names alone, which may be those of IOB1 and of IOB2.

    Example:
        >>> labels = Labels.collect([["B-person", "I-person", "O"]])
        >>> labels.names, labels.scheme
        (('O', 'B-person', 'I-person'), 'iob2')
    """

    names: tuple[str, ...]
    scheme: Scheme
    is_guessed: bool = False

    def __post_init__(self) -> None:
        """Check the names.

        Raises:
            InputError: there are fewer than two names, or two equal ones.
        """
        repeated = sorted({name for name in self.names if self.names.count(name) > 1})
        if repeated:
            raise InputError(
                f"found {', '.join(repeated)} more than once", location="labels", expected="one logit column per label"
            )
        if len(self.names) < 2:
            raise InputError(f"found {list(self.names)}", location="labels", expected="at least two labels")

    @cached_property
    def ids(self) -> dict[str, int]:
        """The logit column of each name."""
        return {name: index for index, name in enumerate(self.names)}

    @cached_property
    def types(self) -> tuple[str, ...]:
        """The entity types in the order of the names; of plain tags, the names."""
        if self.scheme == "plain":
            return self.names
        return tuple(dict.fromkeys(part[1] for name in self.names if (part := split_tag(name))))

    def type_of(self, name: str) -> str:
        """Return the entity type of the label ``name``, "" for ``O``; of plain tags, the name."""
        part = None if self.scheme == "plain" else split_tag(name)
        return part[1] if part else name if self.scheme == "plain" else ""

    @cached_property
    def begin_inside_pairs(self) -> list[tuple[int, int]]:
        """The columns of B- and I- of each type that has both (a classifier may lack one); none for plain tags."""
        return [] if self.scheme == "plain" else begin_inside_pairs(self.names)

    def __len__(self) -> int:
        """Return the number of labels, C."""
        return len(self.names)

    @classmethod
    def collect(cls, tag_sequences: Iterable[Sequence[str]], scheme: Scheme | None = None) -> Labels:
        """Collect the labels of gold tags, in an order that does not depend on the order of the sentences.

        Labels of entities are those of IOB2: ``O`` first, then B- and I- of each type, always both: a type that has
        only entities of one word in train may have longer ones in other text.

        Args:
            tag_sequences: the tags of each sentence.
            scheme: the scheme of the tags; detected if None.

        Raises:
            InputError: there are fewer than two labels.
        """
        sentences = [tags for tags in tag_sequences]
        scheme = scheme or detect_scheme(sentences)
        tags = {tag for sentence in sentences for tag in sentence}
        if scheme == "plain":
            return cls(tuple(sorted(tags)), scheme)
        types = sorted({part[1] for tag in tags if (part := split_tag(tag))})
        return cls(("O", *(f"{prefix}-{name}" for name in types for prefix in "BI")), "iob2")

    @classmethod
    def from_names(cls, names: Sequence[str], scheme: Scheme | None = None) -> Labels:
        """Return labels in the given order, as a model's configuration or ``data.labels`` lists them.

        Without a ``scheme``, it is guessed from the names (plain names are certain).

        Raises:
            InputError: the names have prefixes of two schemes.
        """
        if scheme is not None:
            return cls(tuple(names), scheme)
        likely = detect_scheme([[name] for name in names], are_label_names=True) or "iob2"
        return cls(tuple(names), likely, is_guessed=likely != "plain")


def map_labels(names: Sequence[str], mapping: Mapping[str, str], *, is_plain: bool, key: str) -> list[str]:
    """Map ``names`` to other names; those that ``mapping`` lacks stay as they are.

    Args:
        names: labels, e.g. ``B-PER`` or, for plain tags, ``NN``.
        mapping: from labels or entity types to new names; ``O`` removes a type.
        is_plain: whether the labels are plain tags, without entity types.
        key: the configuration key of the mapping, for messages.

    Raises:
        InputError: the mapping has a name that is neither a label nor a type.

    Example:
        >>> map_labels(["O", "B-PER", "B-MISC"], {"PER": "person", "B-MISC": "O"}, is_plain=False, key="label_map")
        ['O', 'B-person', 'O']
    """
    types = [] if is_plain else list(dict.fromkeys(part[1] for name in names if (part := split_tag(name))))
    unknown = [name for name in mapping if name not in names and name not in types]
    if unknown:
        known = [*types, *(name for name in names if is_plain or name == "O")]
        raise InputError(
            f"found {', '.join(unknown)}",
            location=Setting(key),
            expected=f"a label or type of the model ({', '.join(known)})",
            hint=suggestion(unknown[0], [*known, *names]),
        )
    return [_map_label(name, mapping, is_plain) for name in names]


def _map_label(name: str, mapping: Mapping[str, str], is_plain: bool) -> str:
    if name in mapping:
        return mapping[name]
    part = None if is_plain else split_tag(name)
    if part is None or part[1] not in mapping:
        return name
    new_type = mapping[part[1]]
    return "O" if new_type == "O" else f"{part[0]}-{new_type}"


def check_known_labels(sentences: Iterable[Sentence], labels: Labels, *, hint: Text = "") -> None:
    """Check that the tags of ``sentences``, in any scheme, have types that are among ``labels``.

    Raises:
        InputError: with the first location of each unknown tag, up to ten, followed by ``hint``.
    """
    raise_problems(_unknown_tags(sentences, labels), hint)


def _unknown_tags(sentences: Iterable[Sentence], labels: Labels) -> Iterator[Problem]:
    reported: set[str] = set()
    types = set(labels.types)
    is_plain = labels.scheme == "plain"
    for sentence in sentences:
        for index, tag in enumerate(sentence.tags or ()):
            part = None if is_plain else split_tag(tag)
            is_known = part[1] in types if part else tag in labels.ids
            if not is_known and tag not in reported:
                reported.add(tag)
                yield Problem(
                    f"found {tag!r}",
                    sentence.location(index),
                    f"one of {list_names(labels.names)}",
                    suggestion(tag, labels.names),
                )


def convert_scheme(sentences: Sequence[Sentence], scheme: Scheme, labels: Labels) -> list[Sentence]:
    """Convert the tags of ``sentences`` from ``scheme`` to the scheme of ``labels``; the entities stay the same.

    Raises:
        InputError: only one of tags and labels is plain, or an entity has a type without a label.
    """
    if (scheme == "plain") != (labels.scheme == "plain"):
        tags = {tag for sentence in sentences for tag in sentence.tags or ()}
        raise InputError(
            f"found {SCHEME_NAMES[scheme]} tags ({list_names(sorted(tags))})",
            location=sentences[0].file,
            expected=f"{SCHEME_NAMES[labels.scheme]} tags, as the labels of the model ({list_names(labels.names)})",
            hint="give files and a model of the same task",
        )
    check_known_labels(sentences, labels)
    if scheme == labels.scheme:
        return list(sentences)
    return [replace(sentence, tags=tuple(to_scheme(sentence.tags or (), labels.scheme))) for sentence in sentences]


def fit_to_labels(train: Sequence[Sentence], labels: Labels, *, log: Callable[[str], None]) -> list[Sentence]:
    """Return ``train`` with tags that are all labels.

    A classifier may have only an I- label for a type. An entity directly after another one of its type, which has a B-
    in IOB1, is then merged with that one; the number of such entities is logged.

    Raises:
        InputError: other labels are missing from the model.
    """
    absent = {tag for sentence in train for tag in sentence.tags or ()} - set(labels.names)
    merged = {tag for tag in absent if labels.scheme == "iob1" and f"I{tag[1:]}" in labels.ids}
    if missing := sorted(absent - merged):
        raise InputError(
            f"in {SCHEME_NAMES[labels.scheme]}, the scheme of the model's labels, the tags include "
            f"{list_names(missing)}",
            location=train[0].file,
            expected="labels of the model only",
            hint=("give the scheme of its labels in ", Setting("data.teacher_scheme")),
        )
    if not merged:
        return list(train)
    count = sum(tag in merged for sentence in train for tag in sentence.tags or ())
    log(f"train: {count:,} entities merged with the entity of the same type before them (the model has no B- label)")
    return [
        replace(sentence, tags=tuple(f"I{tag[1:]}" if tag in merged else tag for tag in sentence.tags or ()))
        for sentence in train
    ]
