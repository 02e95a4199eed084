"""How large the student of a configuration is, part by part."""

from __future__ import annotations

from collections import Counter

from nlptrain.config.commands import CommandConfig, DistillationConfig, StudentCommandConfig
from nlptrain.data.corpus import splitter_of
from nlptrain.data.splits import read_splits
from nlptrain.models import NeuralTagger, TokenModel, build_student
from nlptrain.procedures.models import ensemble_of
from nlptrain.procedures.text import learned_from


def describe_student(config: CommandConfig) -> str | None:
    """The student's parameters by part and its bytes in one line, or None for a command without one.

    It is built as the command would build it, from the teacher or the train files and, where they decide the
    vocabulary, the words of the text.

    Raises:
        InputError: what it is built from is not there.
    """
    if not isinstance(config, StudentCommandConfig):
        return None
    ensemble = ensemble_of(config) if isinstance(config, DistillationConfig) else None
    splits = read_splits(config.data, ensemble.labels if ensemble else None, log=lambda _: None)
    splitter = splitter_of(config.data)
    student = build_student(
        config.student,
        ensemble.labels if ensemble else splits.labels,
        seed=0,
        teacher=ensemble.teachers[0].model if ensemble else None,
        splitter=splitter,
        text=learned_from(config, splits, splitter, ensemble),
    )
    parts = ", ".join(f"{name} {count:,}" for name, count in _parts(student).items())
    held = [*student.model.parameters(), *student.model.buffers()]
    size = sum(tensor.numel() * tensor.element_size() for tensor in held)
    return f"student: {student.parameters():,} parameters ({parts}); {size / 1e6:.1f} MB of weights"


def _parts(student: TokenModel) -> Counter[str]:
    counts: Counter[str] = Counter()
    for name, parameter in student.model.named_parameters():
        counts[name.split(".")[0]] += parameter.numel()
    if isinstance(student.model, NeuralTagger):
        counts[f"head {student.model.config.head['kind']}"] = counts.pop("head")
    return counts
