"""TransformerTeacher: a token classifier of transformers, or a student that was trained here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray

from nlptrain.config.teachers import TransformerTeacherConfig
from nlptrain.data.labels import Labels
from nlptrain.data.sentence import Sentence
from nlptrain.distillation.teachers.ensemble import infer_scheme
from nlptrain.distillation.teachers.inference import backend, check_teacher_precision, logits_workers
from nlptrain.distillation.teachers.teacher import Precision, Submit, Teacher, TeacherContext
from nlptrain.models.heads import LabelDecoder, Prediction
from nlptrain.models.token_model import TokenModel
from nlptrain.models.transformer import load_token_model


class TransformerTeacher(Teacher):
    """A teacher that is a ``TokenModel``; with a CRF, its logits are log-marginals."""

    precisions: tuple[Precision, ...] = ("fp32", "bf16", "int8")

    def __init__(self, model: TokenModel, precision: Precision = "fp32") -> None:
        """Wrap ``model``, which labels in ``precision``.

        Raises:
            InputError: it cannot compute in this precision.
        """
        check_teacher_precision(model, precision)
        self.token_model: TokenModel = model
        self.precision = precision
        self.name = model.name
        self.labels = model.labels
        self.has_raw_logits = not model.decoder.is_constrained

    @property
    def decoder(self) -> LabelDecoder:
        """The model's, if it corrects labels that break the tag scheme; transitions of a CRF are in its logits."""
        return super().decoder if self.token_model.decoder.is_constrained else self.token_model.decoder

    def fingerprint(self) -> str:
        """Return a hash of weights, configuration, tokenizer, labels and splitter, and the backend."""
        return f"{self.token_model.fingerprint()}-{backend(self.precision)}"

    def predict_logits(self, sentences: Sequence[Sentence]) -> list[NDArray[np.float32]]:
        """Return the logits of each sentence, [words, C], computed in float32."""
        return self.token_model.logits([sentence.words for sentence in sentences])

    def predict_labels(self, sentences: Sequence[Sentence]) -> list[Prediction]:
        """Return logits and label of each word; with a CRF, the labels of the best sequence."""
        return self.token_model.predict_labels([sentence.words for sentence in sentences])

    def parameters(self) -> int:
        """Return the number of parameters."""
        return self.token_model.parameters()

    def to(self, device: torch.device | str) -> None:
        """Move the weights to ``device``."""
        self.token_model.to(device)

    @contextmanager
    def labeling(self, workers: int) -> Iterator[Submit]:
        """Label in ``self.precision``, in one process or in several; as in the base."""
        with logits_workers(self.token_model, self.precision, workers) as submit:
            yield lambda sentences: submit([sentence.words for sentence in sentences])


def build_transformer_teacher(config: TransformerTeacherConfig, context: TeacherContext) -> TransformerTeacher:
    """Load the teacher of ``config``.

    Raises:
        InputError: it is missing or invalid, or cannot compute in the precision.
    """
    data = context.data
    scheme = None if data.teacher_scheme == "auto" else data.teacher_scheme
    labels = None if data.labels is None else Labels.from_names(data.labels, scheme)
    model = load_token_model(config.path, labels=labels, scheme=scheme)
    if model.labels.is_guessed and context.sample is not None:
        model.to(context.device)
        model.labels = infer_scheme(model.labels, model.tag(context.sample()))
        model.to("cpu")
        if not model.labels.is_guessed:
            detected = f"{model.labels.scheme}, detected from the predictions of {model.name}"
            context.log(f"labels: {detected} (data.teacher_scheme)")
    return TransformerTeacher(model, context.precision)
