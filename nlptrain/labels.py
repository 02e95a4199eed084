"""Labels: the names of a model's logit columns, and their ids."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from nlptrain.errors import InputError
from nlptrain.schemes import Scheme, detect_scheme, parted


def begin_inside(names: Sequence[str]) -> list[tuple[int, int]]:
    """The places of B- and I- of each type in ``names`` that has both."""
    ids = {name: index for index, name in enumerate(names)}
    pairs = [(index, ids.get("I" + name[1:])) for name, index in ids.items() if name.startswith("B-")]
    return [(begin, inside) for begin, inside in pairs if inside is not None]


@dataclass(frozen=True)
class Labels:
    """The label names of a model in the order of its logit columns, and the scheme that they are written in.

    Attributes:
        names: one a column.
        scheme: of entities or ``plain``.
        guessed: the scheme is what the names look like, and nobody said so: those of IOB1 and IOB2 can be the same.

    Example:
        >>> labels = Labels.collect([["B-person", "I-person", "O"]])
        >>> labels.names, labels.scheme
        (('O', 'B-person', 'I-person'), 'iob2')
    """

    names: tuple[str, ...]
    scheme: Scheme
    guessed: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot be a set of logit columns.

        Raises:
            InputError: there are fewer than two names, or one of them stands twice.
        """
        repeated = sorted({name for name in self.names if self.names.count(name) > 1})
        if repeated:
            raise InputError(f"labels: {', '.join(repeated)} stands more than once; each label is one logit column")
        if len(self.names) < 2:
            raise InputError(f"labels: found {list(self.names)}; a tagger needs at least two labels to choose from")

    @cached_property
    def ids(self) -> dict[str, int]:
        """The logit column of each name."""
        return {name: index for index, name in enumerate(self.names)}

    @cached_property
    def types(self) -> tuple[str, ...]:
        """The entity types in the names, in their order; of plain tags, the names."""
        if self.scheme == "plain":
            return self.names
        return tuple(dict.fromkeys(part[1] for name in self.names if (part := parted(name))))

    @cached_property
    def begin_inside(self) -> list[tuple[int, int]]:
        """The columns of B- and I- of each type that has both (a classifier may lack one); plain tags have none."""
        return [] if self.scheme == "plain" else begin_inside(self.names)

    def __len__(self) -> int:
        """The number of labels, C."""
        return len(self.names)

    @classmethod
    def collect(cls, tagged: Iterable[Sequence[str]], scheme: Scheme | None = None) -> Labels:
        """The labels that stand in ``tagged``, ordered the same way whatever the order of the sentences.

        For entities they are those of IOB2: ``O`` comes first, then each type with its B- and its I-, both always: a
        type whose entities all have one word in train may have longer ones in use.

        Args:
            tagged: the tags of each sentence.
            scheme: what the tags are written in; detected if None.

        Raises:
            InputError: there are fewer than two labels.
        """
        sentences = [tags for tags in tagged]
        scheme = scheme or detect_scheme(sentences)
        found = {tag for tags in sentences for tag in tags}
        if scheme == "plain":
            return cls(tuple(sorted(found)), scheme)
        types = sorted({part[1] for tag in found if (part := parted(tag))})
        return cls(("O", *(f"{prefix}-{name}" for name in types for prefix in "BI")), "iob2")

    @classmethod
    def named(cls, names: Sequence[str], scheme: Scheme | None = None) -> Labels:
        """The labels ``names`` in the order given, as a model's configuration or ``data.labels`` lists them.

        Without a ``scheme`` it is guessed from the names, but for plain ones, which have no other.

        Raises:
            InputError: the names have prefixes of two schemes.
        """
        if scheme is not None:
            return cls(tuple(names), scheme)
        likely = detect_scheme([[name] for name in names], standing_alone=True)
        return cls(tuple(names), likely, guessed=likely != "plain")
