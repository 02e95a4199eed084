"""Teacher: anything that scores the labels of each word. What builds and labels knows this protocol alone."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from nlptrain.config.data import DataConfig
from nlptrain.data.labels import Labels
from nlptrain.data.sentence import Sentence
from nlptrain.errors import InputError, Setting
from nlptrain.models.heads import IndependentDecoder, LabelDecoder, Prediction
from nlptrain.models.token_model import TokenModel

Precision = Literal["fp32", "bf16", "int8"]
_MAX_LOGIT = 6e4  # the largest float16 is 65,504; a larger logit would become infinite, and NaN in the loss
_INDEPENDENT = IndependentDecoder()


class TeacherLogits(NamedTuple):
    """The teacher's logits of a block.

    Attributes:
        values: of all words of all sentences, concatenated, [words * C].
        sizes: number of values of each sentence, [sentences].
    """

    values: NDArray[np.float16]
    sizes: NDArray[np.int64]

    @classmethod
    def of(cls, logits: Sequence[NDArray[np.float32]]) -> TeacherLogits:
        """Return the logits of some sentences, [words, C] each, in float16; NaN for NaN and infinity."""
        flat = np.concatenate([values.reshape(-1) for values in logits])
        sizes = np.array([values.size for values in logits])
        clipped = np.clip(flat, -_MAX_LOGIT, _MAX_LOGIT).astype(np.float16)
        clipped[flat == np.inf] = np.nan  # the teacher has failed; minus infinity is a probability of 0
        return cls(clipped, sizes)


Submit = Callable[[Sequence[Sentence]], Callable[[], TeacherLogits]]


class Teacher(Protocol):
    """Scores the labels of each word.

    A class that derives from it has to define ``name``, ``labels``, ``fingerprint`` and ``predict_logits``; the rest is
    what most teachers have in common.

    Attributes:
        name: in messages.
        labels: names of the C columns.
        reads: ``words``, or ``text``: the original text of a sentence with the offsets of its words, where it is known
            (``Sentence.as_text``). The words decide which sentences are labeled, and are the same for all teachers.
        has_raw_logits: whether the logits are a network's; else they are log-probabilities, which mse cannot compare.
        precisions: the values of ``teacher_precision`` that it can compute in.
        token_model: a model with a tokenizer and word embeddings, of which students and synthetic sentences are built;
            None: it has none.
        asked_types: the entity types that it was asked for; its ``O`` does not exclude the others. None: all.
    """

    name: str
    labels: Labels
    reads: Literal["words", "text"] = "words"
    has_raw_logits: bool = False
    precisions: tuple[Precision, ...] = ("fp32",)
    token_model: TokenModel | None = None
    asked_types: Collection[str] | None = None

    def fingerprint(self) -> str:
        """Return a name for everything that decides a logit: letters, digits, dots and dashes.

        It is the key of the transfer set: logits that are stored under it are not computed again.
        """
        ...

    def predict_logits(self, sentences: Sequence[Sentence]) -> list[NDArray[np.float32]]:
        """Return the logits of each sentence, [words, C], whose softmax is the distribution over the word's labels."""
        ...

    @property
    def decoder(self) -> LabelDecoder:
        """Turns stored logits into labels."""
        return _INDEPENDENT

    def predict_labels(self, sentences: Sequence[Sentence]) -> list[Prediction]:
        """Return logits and label of each word."""
        return self.decoder.predict(self.predict_logits(sentences))

    def parameters(self) -> int:
        """Return the number of parameters, 0 if it is unknown."""
        return 0

    def to(self, device: torch.device | str) -> None:
        """Move the teacher to ``device``, before and after it labels; nothing, if it has no weights."""
        del device

    @contextmanager
    def labeling(self, workers: int) -> Iterator[Submit]:
        """Yield a function that starts labeling a block, and returns a function that waits for its logits.

        Args:
            workers: number of processes; 1: this process.

        Raises:
            InputError: the teacher cannot be loaded by several processes.
        """
        if workers != 1:
            raise InputError(
                f"found {workers}, and {self.name} labels in one process", location=Setting("workers"), expected="1"
            )

        def label(sentences: Sequence[Sentence]) -> Callable[[], TeacherLogits]:
            logits = TeacherLogits.of(check_logits(self, sentences, self.predict_logits(sentences)))
            return lambda: logits

        yield label


def check_logits(
    teacher: Teacher, sentences: Sequence[Sentence], logits: Sequence[NDArray[np.float32]]
) -> Sequence[NDArray[np.float32]]:
    """Return ``logits``, if they are [words, C] for each of ``sentences``.

    Raises:
        InputError: they are not; the teacher is wrong.
    """
    expected = [(len(sentence.words), len(teacher.labels)) for sentence in sentences]
    shapes = [tuple(np.shape(values)) for values in logits]
    if shapes != expected:
        wrong = next((pair for pair in zip(shapes, expected, strict=False) if pair[0] != pair[1]), None)
        actual = f"{len(shapes)} arrays" if wrong is None else f"logits of shape {list(wrong[0])}"
        right = f"{len(expected)}, one per sentence" if wrong is None else f"{list(wrong[1])}, words and labels"
        raise InputError(f"found {actual}", location=teacher.name, expected=right)
    return logits


@dataclass(frozen=True)
class TeacherContext:
    """What a teacher is built with, besides its own configuration.

    Attributes:
        data: of the run: the files, ``labels`` and ``teacher_scheme``.
        precision: ``teacher_precision``.
        device: that the teacher will compute on.
        sample: returns the words of some sentences, e.g. to detect the scheme of a teacher's labels; None: unknown.
        log: receives what was detected.
    """

    data: DataConfig = field(default_factory=DataConfig)
    precision: Precision = "fp32"
    device: torch.device | str = "cpu"
    sample: Callable[[], list[tuple[str, ...]]] | None = None
    log: Callable[[str], None] = lambda _: None


BuildTeacher = Callable[[Any, TeacherContext], Teacher]  # the configuration is that of the kind
