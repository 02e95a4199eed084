"""TeacherEnsemble: the teacher or teachers of a run, with their labels mapped to those of the data."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from nlptrain.data.labels import Labels, map_labels
from nlptrain.data.sentence import Sentence
from nlptrain.data.tag_schemes import SCHEME_PREFIXES, Scheme, split_tag
from nlptrain.distillation.teachers.teacher import Teacher
from nlptrain.errors import InputError, Setting
from nlptrain.models.heads import (
    ConstrainedDecoder,
    IndependentDecoder,
    LabelDecoder,
    Prediction,
    constrained_decoder,
)

Floats = NDArray[np.floating]
_MIN_ENTITIES = 20  # fewer do not show the scheme of a teacher
_MIN_SHARE = 0.8  # of entities that fit the scheme, as a teacher makes mistakes


@dataclass(frozen=True)
class WeightedTeacher:
    """One teacher of an ensemble.

    Attributes:
        teacher: with its own labels.
        weight: of its probabilities in the mean of all teachers.
        columns: the index of each of its labels in the labels of the ensemble.
    """

    teacher: Teacher
    weight: float
    columns: tuple[int, ...]


class TeacherEnsemble(Teacher):
    """Teachers whose probabilities are averaged, each with its own labels mapped to those of the data.

    Attributes:
        teachers: with their weights.
        labels: those of the first teacher, mapped, in its order.
        asked_types: the types that every teacher was asked for.
        merges_labels: whether several labels of a teacher are mapped to one, which only probabilities allow.
    """

    def __init__(self, teachers: Sequence[WeightedTeacher], labels: Labels, *, merges_labels: bool) -> None:
        """Combine the parts; ``TeacherEnsemble.of`` computes them."""
        self.teachers = tuple(teachers)
        self.labels = labels
        self.merges_labels = merges_labels
        self.name = ", ".join(part.teacher.name for part in self.teachers)
        self.reads = "text" if any(part.teacher.reads == "text" for part in self.teachers) else "words"
        self.has_raw_logits = self._is_single and self.teachers[0].teacher.has_raw_logits
        self.asked_types: Collection[str] = frozenset.intersection(*map(self._asked_types, self.teachers))
        models = (part.teacher.token_model for part in self.teachers)
        self.token_model = next((model for model in models if model is not None), None)

    @classmethod
    def of(
        cls,
        teacher: Teacher | Sequence[tuple[Teacher, float]],
        label_map: Mapping[str, str] | None = None,
    ) -> TeacherEnsemble:
        """Build an ensemble of one teacher, or of several with their weights; return an ensemble unchanged.

        Args:
            teacher: a teacher, an ensemble, or pairs of a teacher and its weight.
            label_map: from labels or entity types to new names; ``O`` removes a type.

        Raises:
            InputError: the labels differ after the mapping, or the mapping has a name that no teacher has.
        """
        if isinstance(teacher, TeacherEnsemble):
            return teacher
        pairs = list(teacher) if isinstance(teacher, Sequence) else [(teacher, 1.0)]
        names_of = [_mapped_labels(item.labels, label_map or {}, pairs) for item, _ in pairs]
        first = pairs[0][0]
        is_guessed = any(item.labels.is_guessed for item, _ in pairs)
        labels = Labels(tuple(dict.fromkeys(names_of[0])), first.labels.scheme, is_guessed)
        for (item, _), names in zip(pairs, names_of, strict=True):
            if set(names) != set(labels.names) or item.labels.scheme != labels.scheme:
                missing = ", ".join(name for name in labels.names if name not in names) or "none"
                extra = ", ".join(name for name in dict.fromkeys(names) if name not in labels.ids) or "none"
                raise InputError(
                    f"the labels of {item.name} ({item.labels.scheme}) differ: missing {missing}, additional {extra}",
                    location="teachers",
                    expected=f"those of {first.name} ({labels.scheme})",
                    hint=("map them in ", Setting("data.label_map")),
                )
        weighted = [
            WeightedTeacher(item, weight, tuple(labels.ids[name] for name in names))
            for (item, weight), names in zip(pairs, names_of, strict=True)
        ]
        return cls(weighted, labels, merges_labels=any(len(set(names)) < len(names) for names in names_of))

    @property
    def _is_single(self) -> bool:
        """Whether the ensemble's logits are those of one teacher."""
        return len(self.teachers) == 1 and not self.merges_labels

    def _asked_types(self, part: WeightedTeacher) -> frozenset[str]:
        """Return the types that a teacher was asked for, by the names of the ensemble."""
        own = part.teacher
        asked = frozenset(own.labels.types if own.asked_types is None else own.asked_types)
        if unknown := sorted(asked - set(own.labels.types)):
            raise InputError(
                f"was asked for {', '.join(unknown)}",
                location=own.name,
                expected=f"types of its labels: {', '.join(own.labels.types)}",
            )
        labels = zip(part.teacher.labels.names, part.columns, strict=True)
        return frozenset(
            self.labels.type_of(self.labels.names[column])
            for name, column in labels
            if part.teacher.labels.type_of(name) in asked
        )

    @property
    def decoder(self) -> LabelDecoder:
        """Decodes the logits of a sentence: as a single teacher does, or else the argmax of each word."""
        is_constrained = self._is_single and isinstance(self.teachers[0].teacher.decoder, ConstrainedDecoder)
        return constrained_decoder(self.labels) if is_constrained else IndependentDecoder()

    def fingerprint(self) -> str:
        """Return the keys of the teachers, with their weights and columns."""
        parts = (f"{part.teacher.fingerprint()} {part.weight} {part.columns}" for part in self.teachers)
        return hashlib.blake2b("\n".join(parts).encode(), digest_size=16).hexdigest()

    def parameters(self) -> int:
        """Return the number of parameters of all teachers."""
        return sum(part.teacher.parameters() for part in self.teachers)

    def to(self, device: torch.device | str) -> None:
        """Move all teachers to ``device``."""
        for part in self.teachers:
            part.teacher.to(device)

    def mix(self, logits: Sequence[Floats]) -> NDArray[np.float32]:
        """Return the ensemble's logits of W words, [W, C], from those of each teacher, [W, its labels].

        For a single teacher, only the order of the columns changes. The probabilities of labels that are mapped to one
        label are summed. For several teachers, the result is the log of the weighted mean of their probabilities.
        """
        mapped = [
            self._map_columns(values.astype(np.float32), part)
            for values, part in zip(logits, self.teachers, strict=True)
        ]
        if len(mapped) == 1:
            return mapped[0]
        total = sum(part.weight for part in self.teachers)
        logs = [
            values - _log_sum_exp(values)[:, None] + np.log(part.weight / total)
            for values, part in zip(mapped, self.teachers, strict=True)
        ]
        mean: NDArray[np.float32] = np.logaddexp.reduce(np.stack(logs), axis=0)
        return mean

    def predict_logits(self, sentences: Sequence[Sentence]) -> list[NDArray[np.float32]]:
        """Return the ensemble's logits of each sentence, [words, C]."""
        logits = [part.teacher.predict_logits(sentences) for part in self.teachers]
        return [self.mix(values) for values in zip(*logits, strict=True)]

    def predict_labels(self, sentences: Sequence[Sentence]) -> list[Prediction]:
        """Return logits and label of each word: those of a single teacher, or the argmax of the mean of several."""
        if self._is_single:
            (part,) = self.teachers
            columns = np.array(part.columns)
            predictions = part.teacher.predict_labels(sentences)
            return [
                Prediction(self.mix([prediction.logits]), columns[prediction.label_ids]) for prediction in predictions
            ]
        return [Prediction(values, values.argmax(axis=1)) for values in self.predict_logits(sentences)]

    def _map_columns(self, logits: NDArray[np.float32], part: WeightedTeacher) -> NDArray[np.float32]:
        columns = np.array(part.columns)
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
        InputError: some types are neither.
    """
    if not gold:
        return
    plain = labels.scheme == "plain"
    known = {*gold, *label_map.values()} if plain else _types_of([*gold, *label_map.values()])
    if unmapped := [name for name in labels.types if name not in known]:
        raise InputError(
            f"the teacher's {', '.join(unmapped)} is neither mapped nor in the data",
            location=Setting("data.label_map"),
            expected=f"a label of the data: {', '.join(sorted(known - {'O'}))}",
            hint="map it, to O if you do not need it",
        )


def _types_of(names: Iterable[str]) -> set[str]:
    return {part[1] if (part := split_tag(name)) else name for name in names}


def _mapped_labels(own: Labels, mapping: Mapping[str, str], pairs: Sequence[tuple[Teacher, float]]) -> list[str]:
    """Map the labels ``own``; a name in the mapping that only another teacher of ``pairs`` has is no error."""
    known = set(own.names) | {name[2:] for name in own.names}
    others = {name for other, _ in pairs for name in other.labels.names}
    others |= {name[2:] for name in others}
    applied = {name: target for name, target in mapping.items() if name in known or name not in others}
    return map_labels(own.names, applied, is_plain=own.scheme == "plain", key="data.label_map")


def _log_sum_exp(values: NDArray[np.float32]) -> NDArray[np.float32]:
    highest = values.max(axis=1)
    summed: NDArray[np.float32] = highest + np.log(np.exp(values - highest[:, None]).sum(axis=1))
    return summed


def infer_scheme(labels: Labels, predictions: Iterable[Sequence[str]]) -> Labels:
    """Return ``labels`` in the tag scheme that a teacher's ``predictions`` show; unchanged if they do not show any.

    The labels of IOB1 and IOB2 can have the same names; the schemes differ in what opens an entity after O: I- or B-.
    The names of IOBES and BILOU are their own, and are proof if no type lacks one.

    Args:
        labels: of the teacher.
        predictions: its labels for the words of some sentences.

    Example:
        >>> labels = Labels.from_names(["O", "B-x", "I-x"])
        >>> infer_scheme(labels, [["O", "I-x", "I-x"]] * 20)
        Labels(names=('O', 'B-x', 'I-x'), scheme='iob1', is_guessed=False)
    """
    if not labels.is_guessed:
        return labels
    scheme = labels.scheme
    needed: Sequence[str] = SCHEME_PREFIXES[scheme]
    if scheme in ("iob1", "iob2"):
        counts = _opening_prefixes(predictions)
        iob_counts = {"iob1": counts["I"], "iob2": counts["B"]}
        likelier: Scheme = "iob1" if counts["I"] > counts["B"] else "iob2"
        if counts.total() < _MIN_ENTITIES or iob_counts[likelier] < _MIN_SHARE * counts.total():
            return labels
        scheme, needed = likelier, ("I",) if likelier == "iob1" else ("B",)
    is_complete = all(f"{prefix}-{name}" in labels.ids for name in labels.types for prefix in needed)
    return replace(labels, scheme=scheme, is_guessed=False) if is_complete else labels


def _opening_prefixes(predictions: Iterable[Sequence[str]]) -> Counter[str]:
    """Count the prefixes of the first tag of each entity after O."""
    counts: Counter[str] = Counter()
    for tags in predictions:
        for previous, tag in zip(("O", *tags), tags, strict=False):
            part = split_tag(tag)
            if part is not None and previous == "O":
                counts[part[0]] += 1
    return counts
