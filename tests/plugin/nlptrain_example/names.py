"""The teacher: words of a list are entities."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from nlptrain.plugins import Labels, Sentence, Teacher, TeacherContext
from nlptrain_example.plugin import NamesConfig


class NamesTeacher(Teacher):
    """Gives a probability of 0.9 to the label that its list has for a word."""

    def __init__(self, config: NamesConfig, labels: Sequence[str] | None) -> None:
        """Read the list; ``labels`` are those of the data, of which it knows one type."""
        text = Path(config.path).read_text(encoding="utf-8")
        self.name, self.words, self.type = config.path, set(text.split()), config.type
        self.labels = Labels.from_names(labels or ["O", f"B-{config.type}", f"I-{config.type}"], "iob2")
        self.asked_types = (config.type,)
        self._hash = hashlib.sha256(f"{self.labels.names} {config.type} {text}".encode()).hexdigest()

    def fingerprint(self) -> str:
        """Return a hash of the list and the labels."""
        return f"names-{self._hash[:32]}"

    def predict_logits(self, sentences: Sequence[Sentence]) -> list[np.ndarray]:
        """Return the logarithms of the probabilities, [words, C] for each sentence."""
        return [np.stack([self._logits(word) for word in sentence.words]) for sentence in sentences]

    def _logits(self, word: str) -> np.ndarray:
        probabilities = np.full(len(self.labels), 0.1 / (len(self.labels) - 1), dtype=np.float32)
        probabilities[self.labels.ids[f"B-{self.type}" if word in self.words else "O"]] = 0.9
        return np.log(probabilities)


def build(config: NamesConfig, context: TeacherContext) -> NamesTeacher:
    """Build the teacher of a configuration; ``data.labels`` names the labels of the student."""
    return NamesTeacher(config, context.data.labels)
