"""The teacher: words of a list are entities."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nlptrain.plugins import Labels, Sentence, Teacher, TeacherContext
from nlptrain_example.plugin import NamesConfig


class NamesTeacher(Teacher):
    """Gives a probability of 0.9 to the label that its list has for a word."""

    def __init__(self, config: NamesConfig, labels: Sequence[str]) -> None:
        """Read the list; ``labels`` are those of the data, of which it knows one type."""
        text, self.name = Path(config.path).read_text(encoding="utf-8"), config.path
        self.words, self.labels = set(text.split()), Labels.from_names(labels, "iob2")
        self.type, self.asked_types = config.type, (config.type,)
        self.key = hashlib.sha256(f"{self.labels.names} {self.type} {text}".encode()).hexdigest()[:32]

    def fingerprint(self) -> str:
        """Return a hash of the list and the labels."""
        return f"names-{self.key}"

    def predict_logits(self, sentences: Sequence[Sentence]) -> list[NDArray[np.float32]]:
        """Return the logarithms of the probabilities, [words, C] for each sentence."""
        rows = np.log(np.full((2, len(self.labels)), 0.1 / (len(self.labels) - 1), dtype=np.float32))
        rows[[0, 1], [self.labels.ids["O"], self.labels.ids[f"B-{self.type}"]]] = np.log(0.9)
        return [rows[[int(word in self.words) for word in sentence.words]] for sentence in sentences]


def build(config: NamesConfig, context: TeacherContext) -> NamesTeacher:
    """Build the teacher of a configuration; ``data.labels`` names the labels of the student."""
    return NamesTeacher(config, context.data.labels or ["O", f"B-{config.type}", f"I-{config.type}"])
