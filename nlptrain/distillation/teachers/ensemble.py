"""TeacherEnsemble: the teacher or teachers of a run, with the labels of the data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nlptrain.data.labels import Labels, map_labels
from nlptrain.data.tag_schemes import SCHEME_PREFIXES, Scheme, split_tag
from nlptrain.errors import InputError
from nlptrain.models.heads import ConstrainedDecoder, IndependentDecoder, Prediction, constrained_decoder
from nlptrain.models.token_model import TokenModel

Floats = NDArray[np.floating]


@dataclass(frozen=True)
class EnsembleTeacher:
    """One teacher of an ensemble.

    Attributes:
        model: the token classifier, with its own labels.
        weight: of its probabilities in the weighted mean.
        columns: the index of each of its labels in the labels of the ensemble.
    """

    model: TokenModel
    weight: float
    columns: tuple[int, ...]


@dataclass(frozen=True)
class TeacherEnsemble:
    """Teachers whose probabilities are averaged, each with its own labels mapped to those of the data.

    Attributes:
        teachers: with their weights.
        labels: of the ensemble: those of the first teacher, mapped, in its order.
        merges: whether several labels of a teacher are mapped to one, so that only probabilities are known.
    """

    teachers: tuple[EnsembleTeacher, ...]
    labels: Labels
    merges: bool

    @classmethod
    def of(
        cls,
        teacher: TokenModel | TeacherEnsemble | Sequence[tuple[TokenModel, float]],
        label_map: Mapping[str, str] | None = None,
    ) -> TeacherEnsemble:
        """Build an ensemble of one teacher, or of several with their weights; return an ensemble unchanged.

        Args:
            teacher: a model, an ensemble, or pairs of a model and its weight.
            label_map: from labels or entity types to new names; ``O`` removes a type.

        Raises:
            InputError: the labels differ after the mapping, or the mapping has a name that no teacher has.
        """
        if isinstance(teacher, TeacherEnsemble):
            return teacher
        pairs = [(teacher, 1.0)] if isinstance(teacher, TokenModel) else list(teacher)
        named = [_mapped_labels(model, label_map or {}, pairs) for model, _ in pairs]
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
        teachers = tuple(
            EnsembleTeacher(model, weight, tuple(labels.ids[name] for name in names))
            for (model, weight), names in zip(pairs, named, strict=True)
        )
        return cls(teachers, labels, any(len(set(names)) < len(names) for names in named))

    @property
    def name(self) -> str:
        """The names of all teachers, for messages."""
        return ", ".join(teacher.model.name for teacher in self.teachers)

    @property
    def mixes(self) -> bool:
        """Whether only probabilities are known, and no logits of one model."""
        return self.merges or len(self.teachers) > 1

    @property
    def decoder(self) -> IndependentDecoder:
        """How the logits of a sentence become labels: by the rule of a single teacher, or each word by itself.

        The logits of a student with a CRF are log-marginals of single words, so its chain is not used.
        """
        alone = len(self.teachers) == 1 and not self.merges
        keeps = alone and isinstance(self.teachers[0].model.decoder, ConstrainedDecoder)
        return constrained_decoder(self.labels) if keeps else IndependentDecoder()

    def parameters(self) -> int:
        """Return the number of parameters of all teachers."""
        return sum(teacher.model.parameters() for teacher in self.teachers)

    def mix(self, logits: Sequence[Floats]) -> NDArray[np.float32]:
        """Return the logits of the ensemble for W words, [W, C], from those of each teacher, [W, its labels].

        The logits of a single teacher only change the order of their columns. Labels that are mapped to the same label
        add their probabilities. Several teachers give the log of the weighted mean of their probabilities.
        """
        mapped = [self._mapped(values.astype(np.float32), m) for values, m in zip(logits, self.teachers, strict=True)]
        if len(mapped) == 1:
            return mapped[0]
        total = sum(teacher.weight for teacher in self.teachers)
        logs = [
            values - _log_sum_exp(values)[:, None] + np.log(teacher.weight / total)
            for values, teacher in zip(mapped, self.teachers, strict=True)
        ]
        mean: NDArray[np.float32] = np.logaddexp.reduce(np.stack(logs), axis=0)
        return mean

    def predict(self, sentences: Sequence[Sequence[str]]) -> list[Prediction]:
        """Return logits and label of each word: those of a single teacher, or the argmax of the mean of several."""
        if len(self.teachers) == 1 and not self.merges:
            (teacher,) = self.teachers
            columns = np.array(teacher.columns)
            return [
                Prediction(self.mix([answer.logits]), columns[answer.label_ids])
                for answer in teacher.model.predict(sentences)
            ]
        logits = [teacher.model.logits(sentences) for teacher in self.teachers]
        mixed = [self.mix(values) for values in zip(*logits, strict=True)]
        return [Prediction(values, values.argmax(axis=1)) for values in mixed]

    def tag(self, sentences: Sequence[Sequence[str]]) -> list[list[str]]:
        """Return the label of each word."""
        return [[self.labels.names[index] for index in answer.label_ids] for answer in self.predict(sentences)]

    def _mapped(self, logits: NDArray[np.float32], teacher: EnsembleTeacher) -> NDArray[np.float32]:
        columns = np.array(teacher.columns)
        if np.array_equal(columns, np.arange(len(self.labels))):
            return logits
        mapped = np.empty((len(logits), len(self.labels)), dtype=np.float32)
        for column in range(len(self.labels)):
            sources = np.flatnonzero(columns == column)
            mapped[:, column] = logits[:, sources[0]] if len(sources) == 1 else _log_sum_exp(logits[:, sources])
        return mapped


def check_label_map(labels: Labels, gold: Collection[str], label_map: Mapping[str, str]) -> None:
    """Check that each entity type of the teacher is mapped or occurs in the ``gold`` tags.

    Raises:
        InputError: with all types that are neither.
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
    return {part[1] if (part := split_tag(name)) else name for name in names}


def _mapped_labels(
    model: TokenModel, mapping: Mapping[str, str], pairs: Sequence[tuple[TokenModel, float]]
) -> list[str]:
    """Map the labels of ``model``; names in the mapping that only another teacher of ``pairs`` has are no error."""
    known = set(model.labels.names) | {name[2:] for name in model.labels.names}
    others = {name for other, _ in pairs for name in other.labels.names}
    others |= {name[2:] for name in others}
    mine = {name: wanted for name, wanted in mapping.items() if name in known or name not in others}
    return map_labels(model.labels.names, mine, plain=model.labels.scheme == "plain", key="data.label_map")


def _log_sum_exp(values: NDArray[np.float32]) -> NDArray[np.float32]:
    most = values.max(axis=1)
    summed: NDArray[np.float32] = most + np.log(np.exp(values - most[:, None]).sum(axis=1))
    return summed


_ENOUGH = 20  # entities
_MOSTLY = 0.8  # of them: a teacher makes mistakes


def shown_scheme(labels: Labels, answers: Iterable[Sequence[str]]) -> Labels:
    """``labels`` in the scheme that a teacher's ``answers`` show, no longer guessed; or unchanged, if these show none.

    IOB1 and IOB2 can have the same names, and differ in what opens an entity behind O: I- or B-. The names of IOBES and
    BILOU are their own, and prove it where no type lacks one.

    Args:
        labels: the teacher's.
        answers: its best label for each word of some sentences.

    Example:
        >>> labels = Labels.from_names(["O", "B-x", "I-x"])
        >>> shown_scheme(labels, [["O", "I-x", "I-x"]] * 20)
        Labels(names=('O', 'B-x', 'I-x'), scheme='iob1', guessed=False)
    """
    if not labels.guessed:
        return labels
    scheme = labels.scheme
    needed: Sequence[str] = SCHEME_PREFIXES[scheme]
    if scheme in ("iob1", "iob2"):
        opens = _opening(answers)
        shown = {"iob1": opens["I"], "iob2": opens["B"]}
        found: Scheme = "iob1" if opens["I"] > opens["B"] else "iob2"
        if opens.total() < _ENOUGH or shown[found] < _MOSTLY * opens.total():
            return labels
        scheme, needed = found, ("I",) if found == "iob1" else ("B",)
    complete = all(f"{prefix}-{name}" in labels.ids for name in labels.types for prefix in needed)
    return replace(labels, scheme=scheme, guessed=False) if complete else labels


def _opening(answers: Iterable[Sequence[str]]) -> Counter[str]:
    """How many entities behind O are opened by which prefix."""
    opens: Counter[str] = Counter()
    for tags in answers:
        for previous, tag in zip(("O", *tags), tags, strict=False):
            part = split_tag(tag)
            if part is not None and previous == "O":
                opens[part[0]] += 1
    return opens
