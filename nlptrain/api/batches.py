"""``LabelBatch``: a callable that adds the predictions of a teacher to the batches of a data pipeline."""

from __future__ import annotations

import os
from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any, Literal
from weakref import WeakSet

import torch

from nlptrain.api.paths import text_of
from nlptrain.api.process import restoring
from nlptrain.data.tag_schemes import Scheme
from nlptrain.errors import InputError
from nlptrain.models import TokenModel, load_token_model
from nlptrain.models.prediction import predict_rows, predict_texts
from nlptrain.models.tagged_text import check_min_confidence
from nlptrain.run.run import Run
from nlptrain_runtime.column_batch import Batch
from nlptrain_runtime.errors import BatchError
from nlptrain_runtime.tag_batch import BatchTagger

_models: WeakSet[LoadedModel] = WeakSet()
_is_forked = False
_AUTOCAST = {"bf16": torch.bfloat16, "fp16": torch.float16}


class LoadedModel:
    """A model of this process.

    Attributes:
        model: on the device that it computes on.
        lock: of its tokenizer and caches, which one thread may use at a time.
    """

    def __init__(self, model: TokenModel) -> None:
        """Use ``model``."""
        self.model = model
        self.lock = Lock()
        _models.add(self)


class LabelBatch(BatchTagger[LoadedModel]):
    """Adds the predictions of a teacher or a student to the batches of Ray Data, ``datasets``, Spark and the like.

    Batches, new columns and faulty rows are those of ``nlptrain_runtime.TagBatch``, which does the same with an
    exported tagger and without torch. Predictions are those of ``nlptrain predict``. The model is loaded at the first
    call, once per process; a pickled object has its arguments alone.

    Example:
        ``LabelBatch("runs/teacher")({"text": ["Ada Lovelace lived in London."]})["entities"]``
    """

    def __init__(
        self,
        teacher: str | Path,
        *,
        text: str = "text",
        tokens: str | None = None,
        entities: str = "entities",
        words: str = "words",
        tags: str = "tags",
        confidences: str = "confidences",
        error: str = "error",
        device: str = "auto",
        precision: Literal["fp32", "bf16", "fp16"] = "fp32",
        min_confidence: float | Mapping[str, float] = 0.0,
    ) -> None:
        """Take the arguments; nothing is loaded yet.

        Args:
            teacher: the folder of a run or of a model, a Hub name, or ``package:NAME/folder``; on every machine of a
                cluster.
            text: the column of texts.
            tokens: the column with the list of words of each row; None: ``text`` is read.
            entities: the new column of entities.
            words: the new column of tagged words, for plain tags.
            tags: the new column of tags, if ``tokens`` is given.
            confidences: the new column of their confidences.
            error: the new column of errors.
            device: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
            precision: in which the model computes; with ``bf16`` and ``fp16``, tags can change where two labels are
                nearly equal.
            min_confidence: entities below it are omitted; plain tags become None in ``words`` and ``_`` in ``tags``. A
                mapping has one value per type, and a default under "".

        Raises:
            InputError: two new columns have the same name.
        """
        names = {"entities": entities, "words": words, "tags": tags, "confidences": confidences, "error": error}
        try:
            super().__init__(text=text, tokens=tokens, **names)
        except BatchError as fault:
            raise InputError(str(fault)) from fault
        self._teacher = text_of(teacher, "teacher", "a folder or a Hub name")
        self._device, self._precision = device, precision
        self._min_confidence = min_confidence

    def __call__(self, batch: Batch) -> Batch:
        """Return ``batch`` with the predictions for its rows.

        Raises:
            InputError: the model cannot be loaded, or has not the types of ``min_confidence``; the column that is read
                is missing, or a new one exists.
            TypeError: ``batch`` is of another type.
        """
        try:
            return super().__call__(batch)
        except BatchError as error:
            raise InputError(str(error)) from error

    def _load_model(self) -> LoadedModel:
        with restoring():
            run = Run(None, device=self._device, precision=self._precision)
            return LoadedModel(load_token_model(self._teacher).to(run.device))

    def _model_key(self) -> Hashable:
        folder = Path(self._teacher)
        return (str(folder.absolute()) if folder.exists() else self._teacher, self._device, self._precision)

    def _model_files(self) -> Sequence[Path]:
        return [Path(self._teacher, name) for name in ("config.json", "model/config.json")]

    def _check_model(self, model: LoadedModel) -> None:
        check_min_confidence(self._min_confidence, model.model.labels.types)

    def _scheme(self, model: LoadedModel) -> Scheme:
        return model.model.labels.scheme

    def _predict_texts(self, model: LoadedModel, texts: list[str]) -> list[dict[str, Any]]:
        with self._computing(model):
            return list(predict_texts(model.model, texts, min_confidence=self._min_confidence))

    def _predict_words(self, model: LoadedModel, sentences: list[list[str]]) -> list[dict[str, Any]]:
        rows = [{"tokens": list(words)} for words in sentences]
        with self._computing(model):
            return list(predict_rows(model.model, rows, min_confidence=self._min_confidence))

    @contextmanager
    def _computing(self, loaded: LoadedModel) -> Iterator[None]:
        """Let one thread use the model in this block, in the precision of this object."""
        if _is_forked:
            torch.set_num_threads(1)  # a forked process has not the threads of its parent, and would wait for them
        dtype = _AUTOCAST.get(self._precision)
        with loaded.lock, torch.autocast(loaded.model.device.type, dtype, enabled=dtype is not None):
            yield


def _after_fork() -> None:
    global _is_forked
    _is_forked = True
    for loaded in list(_models):
        loaded.lock = Lock()  # another thread of the parent may have locked it


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
