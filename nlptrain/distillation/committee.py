"""Committee: the teacher or teachers of a run, read with the labels of the data."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nlptrain.errors import InputError
from nlptrain.label_mapping import map_labels
from nlptrain.labels import Labels
from nlptrain.models.heads import Answer, IndependentRule, SchemeRule, scheme_rule
from nlptrain.models.token_model import TokenModel
from nlptrain.schemes import parted

Floats = NDArray[np.floating]


@dataclass(frozen=True)
class Member:
    """One teacher.

    Attributes:
        model: the token classifier, with its own labels.
        weight: its share of the mean, beside those of the others.
        columns: for each of its labels, the column of the committee's labels that it counts for.
    """

    model: TokenModel
    weight: float
    columns: tuple[int, ...]


@dataclass(frozen=True)
class Committee:
    """Teachers whose probabilities are averaged, each with its own labels mapped to those of the data.

    Attributes:
        members: the teachers.
        labels: of the mixed logits; those of the first teacher, mapped, in its order.
        merges: some labels of a teacher count for one of these, so that only probabilities are known.
    """

    members: tuple[Member, ...]
    labels: Labels
    merges: bool

    @classmethod
    def of(
        cls,
        teacher: TokenModel | Committee | Sequence[tuple[TokenModel, float]],
        label_map: Mapping[str, str] | None = None,
    ) -> Committee:
        """A committee of one teacher or of several with their weights; a committee stays as it is.

        Args:
            teacher: one, or pairs of a teacher and its weight.
            label_map: other names for their labels or types; ``O`` for none.

        Raises:
            InputError: their labels differ after the mapping, or the map names what no teacher has.
        """
        if isinstance(teacher, Committee):
            return teacher
        pairs = [(teacher, 1.0)] if isinstance(teacher, TokenModel) else list(teacher)
        named = [_renamed(model, label_map or {}, pairs) for model, _ in pairs]
        first = pairs[0][0]
        guessed = any(model.labels.guessed for model, _ in pairs)
        labels = Labels(tuple(dict.fromkeys(named[0])), first.labels.scheme, guessed)
        for (model, _), names in zip(pairs, named, strict=True):
            if set(names) != set(labels.names) or model.labels.scheme != labels.scheme:
                missing = ", ".join(name for name in labels.names if name not in names) or "none"
                extra = ", ".join(name for name in dict.fromkeys(names) if name not in labels.ids) or "none"
                raise InputError(
                    f"teachers: the labels of {model.name} ({model.labels.scheme}) are not those of {first.name} "
                    f"({labels.scheme}); missing: {missing}; too many: {extra}; "
                    "see data.label_map"
                )
        members = tuple(
            Member(model, weight, tuple(labels.ids[name] for name in names))
            for (model, weight), names in zip(pairs, named, strict=True)
        )
        return cls(members, labels, any(len(set(names)) < len(names) for names in named))

    @property
    def name(self) -> str:
        """What messages call it."""
        return ", ".join(member.model.name for member in self.members)

    @property
    def mixes(self) -> bool:
        """Only probabilities are known, and no logits of one model."""
        return self.merges or len(self.members) > 1

    @property
    def rule(self) -> IndependentRule:
        """How its logits of one sentence become labels: those of one student as it answers, all others' each by itself.

        A student with a CRF is not one of these: what is stored of it are its words' own log-marginals.
        """
        alone = len(self.members) == 1 and not self.merges
        keeps = alone and isinstance(self.members[0].model.rule, SchemeRule)
        return scheme_rule(self.labels) if keeps else IndependentRule()

    def parameters(self) -> int:
        """The weights of all members."""
        return sum(member.model.parameters() for member in self.members)

    def mix(self, logits: Sequence[Floats]) -> NDArray[np.float32]:
        """The logits of the committee for W words, [W, C], from those of each member, [W, its labels].

        One teacher's logits stay what they are, up to the order of the columns; labels that count for the same column
        add their probabilities; of several teachers, the log of the weighted mean of the probabilities is what stands.
        """
        mapped = [self._mapped(values.astype(np.float32), m) for values, m in zip(logits, self.members, strict=True)]
        if len(mapped) == 1:
            return mapped[0]
        total = sum(member.weight for member in self.members)
        logs = [
            values - _log_sum_exp(values)[:, None] + np.log(member.weight / total)
            for values, member in zip(mapped, self.members, strict=True)
        ]
        mean: NDArray[np.float32] = np.logaddexp.reduce(np.stack(logs), axis=0)
        return mean

    def answers(self, sentences: Sequence[Sequence[str]]) -> list[Answer]:
        """Logits and label of every word: of one teacher its own answer, of several the argmax of the mean."""
        if len(self.members) == 1 and not self.merges:
            (member,) = self.members
            columns = np.array(member.columns)
            return [
                Answer(self.mix([answer.logits]), columns[answer.best]) for answer in member.model.answers(sentences)
            ]
        logits = [member.model.logits(sentences) for member in self.members]
        mixed = [self.mix(values) for values in zip(*logits, strict=True)]
        return [Answer(values, values.argmax(axis=1)) for values in mixed]

    def tag(self, sentences: Sequence[Sequence[str]]) -> list[list[str]]:
        """The label of every word."""
        return [[self.labels.names[index] for index in answer.best] for answer in self.answers(sentences)]

    def _mapped(self, logits: NDArray[np.float32], member: Member) -> NDArray[np.float32]:
        columns = np.array(member.columns)
        if np.array_equal(columns, np.arange(len(self.labels))):
            return logits
        mapped = np.empty((len(logits), len(self.labels)), dtype=np.float32)
        for column in range(len(self.labels)):
            sources = np.flatnonzero(columns == column)
            mapped[:, column] = logits[:, sources[0]] if len(sources) == 1 else _log_sum_exp(logits[:, sources])
        return mapped


def refuse_unmapped(labels: Labels, gold: Collection[str], label_map: Mapping[str, str]) -> None:
    """Refuse a map that leaves a name of the teacher's that the ``gold`` tags do not know.

    Raises:
        InputError: with all of these names.
    """
    if not gold:
        return
    plain = labels.scheme == "plain"
    known = {*gold, *label_map.values()} if plain else _types_of([*gold, *label_map.values()])
    if unmapped := [name for name in labels.types if name not in known]:
        raise InputError(
            f"data.label_map: the teacher's {', '.join(unmapped)} is neither mapped nor in the data "
            f"({', '.join(sorted(known - {'O'}))}); map it, to O if it is not wanted"
        )


def _types_of(names: Iterable[str]) -> set[str]:
    return {part[1] if (part := parted(name)) else name for name in names}


def _renamed(model: TokenModel, mapping: Mapping[str, str], pairs: Sequence[tuple[TokenModel, float]]) -> list[str]:
    """The labels of one of several teachers, which share a map: what another one has is no stranger in it."""
    known = set(model.labels.names) | {name[2:] for name in model.labels.names}
    others = {name for other, _ in pairs for name in other.labels.names}
    others |= {name[2:] for name in others}
    mine = {name: wanted for name, wanted in mapping.items() if name in known or name not in others}
    return map_labels(model.labels.names, mine, plain=model.labels.scheme == "plain", key="data.label_map")


def _log_sum_exp(values: NDArray[np.float32]) -> NDArray[np.float32]:
    most = values.max(axis=1)
    summed: NDArray[np.float32] = most + np.log(np.exp(values - most[:, None]).sum(axis=1))
    return summed
