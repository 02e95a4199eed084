"""The teacher: words of a list are entities."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from nlptrain.plugins import Labels, Sentence, Teacher, TeacherContext
from nlptrain_example.plugin import NamesConfig


class NamesTeacher(Teacher):
    """Gives a probability of 0.9 to the label that its list has for a word."""

    def __init__(self, config: NamesConfig, labels: Sequence[str]) -> None:
        """Read the list; ``labels`` are those of the data, of which it knows one type."""
        text = Path(config.path).read_text(encoding="utf-8")
        self.name, self.words, self.type = config.path, set(text.split()), config.type
        self.labels, self.asked_types = Labels.from_names(labels, "iob2"), (config.type,)
        self.key = hashlib.sha256(f"{self.labels.names} {self.type} {text}".encode()).hexdigest()

    def fingerprint(self) -> str:
        """Return a hash of the list and the labels."""
        return f"names-{self.key[:32]}"

    def predict_logits(self, sentences: Sequence[Sentence]) -> list[np.ndarray]:
        """Return the logarithms of the probabilities, [words, C] for each sentence."""
        rest = np.log(0.1 / (len(self.labels) - 1), dtype=np.float32)
        logits = [np.full((len(sentence.words), len(self.labels)), rest) for sentence in sentences]
        for sentence, values in zip(sentences, logits, strict=True):
            for row, word in enumerate(sentence.words):
                values[row, self.labels.ids[f"B-{self.type}" if word in self.words else "O"]] = np.log(0.9)
        return logits


def build(config: NamesConfig, context: TeacherContext) -> NamesTeacher:
    """Build the teacher of a configuration; ``data.labels`` names the labels of the student."""
    return NamesTeacher(config, context.data.labels or ["O", f"B-{config.type}", f"I-{config.type}"])
