"""``TagBatch``: a callable that adds the predictions of an exported tagger to the batches of a data pipeline.

Legend: R rows.
"""

from __future__ import annotations

import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np

from nlptrain_runtime.column_batch import Batch, Content, NewColumn, add_columns, column_names, read_column
from nlptrain_runtime.errors import BatchError, message_line, quoted
from nlptrain_runtime.folder import DESCRIPTION
from nlptrain_runtime.schemes import Scheme
from nlptrain_runtime.tagger import Tagger

Model = TypeVar("Model")
FileTimes = tuple[tuple[int, int] | None, ...]

_loaded: dict[Hashable, tuple[FileTimes, Any]] = {}  # models of this process, with the times of their files
_loading = threading.RLock()


class BatchTagger(ABC, Generic[Model]):
    """Adds predictions to a batch, which is returned as a batch of the same type with the rows in the same order.

    Subclasses define the model. It is loaded at the first call, once per process: objects with the same arguments share
    it. A pickled object has its arguments alone.
    """

    _model: Model | None = None

    def __init__(self, *, text: str, tokens: str | None, **names: str) -> None:
        """Take the names of the columns.

        Args:
            text: the column of texts.
            tokens: the column of words; None: texts are read.
            names: of the new columns, by their content.

        Raises:
            BatchError: two new columns have the same name.
        """
        repeated = [name for name in names.values() if list(names.values()).count(name) > 1]
        if repeated:
            raise BatchError(f"{type(self).__name__}: found two columns {repeated[0]!r}; expected different names")
        self._read = ("text", text) if tokens is None else ("tokens", tokens)
        self._names = names

    def __call__(self, batch: Batch) -> Batch:
        """Return ``batch`` with the predictions for its rows.

        Raises:
            BatchError: the column that is read is missing, or a new one exists.
            TypeError: ``batch`` is of another type.
            Exception: the model cannot be loaded, or fails for any text.
        """
        columns = column_names(batch)
        self._check_has_input(columns)
        model = self._load_once()
        contents = self._contents(model)
        self._check_are_new(contents, columns)
        _, name = self._read
        predictions, errors = self._predict_each(model, read_column(batch, name))
        new = [
            NewColumn(self._names[content], content, [row and row[content] for row in predictions])
            for content in contents[:-1]
        ]
        return add_columns(batch, [*new, NewColumn(self._names["error"], "error", errors)], like=name)

    def __getstate__(self) -> dict[str, Any]:
        """Return the arguments, without the model."""
        return {name: value for name, value in vars(self).items() if name != "_model"}

    @abstractmethod
    def _load_model(self) -> Model: ...

    @abstractmethod
    def _model_key(self) -> Hashable:
        """Return the arguments that the model depends on."""

    @abstractmethod
    def _model_files(self) -> Sequence[Path]:
        """Return files that are replaced with the model; others are ignored, and they may be missing."""

    def _check_model(self, model: Model) -> None:
        """Check that the arguments suit the model; raise if they do not."""

    @abstractmethod
    def _scheme(self, model: Model) -> Scheme: ...

    @abstractmethod
    def _predict_texts(self, model: Model, texts: list[str]) -> list[dict[str, Any]]:
        """Return ``entities`` of each text, or ``words`` for plain tags."""

    @abstractmethod
    def _predict_words(self, model: Model, sentences: list[list[str]]) -> list[dict[str, Any]]:
        """Return ``tags`` and ``confidences`` of each sentence."""

    def _load_once(self) -> Model:
        if self._model is None:
            with _loading:
                key, times = (type(self), self._model_key()), tuple(map(_file_time, self._model_files()))
                if _loaded.get(key, (None, None))[0] != times:
                    _loaded[key] = times, self._load_model()
                model = _loaded[key][1]
            self._check_model(model)
            self._model = model
        return self._model

    def _contents(self, model: Model) -> list[Content]:
        if self._read[0] == "tokens":
            return ["tags", "confidences", "error"]
        return ["words" if self._scheme(model) == "plain" else "entities", "error"]

    def _check_has_input(self, columns: list[str]) -> None:
        argument, name = self._read
        count = columns.count(name)
        if count != 1:
            problem = (
                f"{count} columns {name!r}; expected one"
                if count
                else f"the columns {quoted(columns)}; expected a column {name!r}"
            )
            raise BatchError(f"batch: found {problem}; name another: {type(self).__name__}(..., {argument}=NAME)")

    def _check_are_new(self, contents: list[Content], columns: list[str]) -> None:
        for content in contents:
            name = self._names[content]
            if name in columns:
                raise BatchError(
                    f"batch: found a column {name!r}; expected none of this name, because it is added; "
                    f"name the new one: {type(self).__name__}(..., {content}=NAME)"
                )

    def _predict_each(self, model: Model, values: list[Any]) -> tuple[list[dict[str, Any] | None], list[str | None]]:
        """Return the prediction for each row or None, [R], and the reason for each None, [R]."""
        check: Callable[[object], str | None]
        predict: Callable[[Model, list[Any]], list[dict[str, Any]]]
        if self._read[0] == "text":
            check, predict = _text_fault, self._predict_texts
        else:
            check, predict = _words_fault, self._predict_words
            values = [value.tolist() if isinstance(value, np.ndarray) else value for value in values]
        errors = [check(value) for value in values]
        predictions: list[dict[str, Any] | None] = [None] * len(values)
        valid = [row for row, error in enumerate(errors) if error is None]
        try:
            computed = predict(model, [values[row] for row in valid]) if valid else []
            for row, prediction in zip(valid, computed, strict=True):
                predictions[row] = prediction
        except Exception:
            for row in valid:
                try:
                    (predictions[row],) = predict(model, [values[row]])
                except Exception as error:
                    predictions[row], errors[row] = None, message_line(f"{type(error).__name__}: {error}")
            if all(errors[row] for row in valid):
                word: Any = "a" if check is _text_fault else ["a"]
                predict(model, [word])  # raises if the rows are not the cause
        return predictions, errors


class TagBatch(BatchTagger[Tagger]):
    """Adds the predictions of an exported tagger to the batches of Ray Data, ``datasets``, Spark and the like.

    A batch is a dictionary of lists or of numpy arrays, a ``pyarrow.Table``, a ``pyarrow.RecordBatch`` or a
    ``pandas.DataFrame``. The result is of the same type, with the same rows and these new columns:

    - ``entities`` of each text: a list of ``{"start", "end", "label", "text", "confidence"}``, as ``Tagger.predict``
      returns them; for plain tags ``words``, with ``tag`` instead of ``label``.
    - ``tags`` and ``confidences`` of each word, if ``tokens`` is given: in IOB2 or plain, as ``nlptrain predict``
      prints them for rows of words.
    - ``error``: None, or why the row has no prediction: it is missing, is not text, or the model failed for it. The
      other rows have their predictions. An error is raised only if the model fails for any text.

    In Arrow batches, and in Arrow arrays of the new lists, a new column has the same type in every batch; numpy arrays
    and pandas columns have objects. The tagger is loaded at the first call, once per process; a pickled object has its
    arguments alone. Several threads may call it at once.

    Example:
        ``TagBatch("exported")({"text": ["Ada Lovelace lived in London."]})["entities"]``
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        text: str = "text",
        tokens: str | None = None,
        entities: str = "entities",
        words: str = "words",
        tags: str = "tags",
        confidences: str = "confidences",
        error: str = "error",
        threads: int = 1,
        precision: str | None = None,
        min_confidence: float | None = None,
    ) -> None:
        """Take the arguments; nothing is loaded yet.

        Args:
            folder: a folder written by ``nlptrain export``, on every machine of a cluster.
            text: the column of texts.
            tokens: the column with the list of words of each row; None: ``text`` is read.
            entities: the new column of entities.
            words: the new column of tagged words.
            tags: the new column of tags.
            confidences: the new column of their confidences.
            error: the new column of errors.
            threads: CPU threads of the model.
            precision: ``fp32``, ``fp16`` or ``int8``, if the folder has several; default: the smallest.
            min_confidence: entities below it are omitted; plain tags become None in ``words`` and ``_`` in ``tags``;
                default: that of the folder.

        Raises:
            BatchError: two new columns have the same name.
        """
        names = {"entities": entities, "words": words, "tags": tags, "confidences": confidences, "error": error}
        super().__init__(text=text, tokens=tokens, **names)
        self._folder = os.fspath(folder)
        self._options: dict[str, Any] = {
            "threads": threads,
            "precision": precision,
            "min_confidence": min_confidence,
        }

    def _load_model(self) -> Tagger:
        return Tagger(self._folder, **self._options)

    def _model_key(self) -> Hashable:
        return (os.path.abspath(self._folder), *self._options.values())

    def _model_files(self) -> Sequence[Path]:
        return [Path(self._folder, DESCRIPTION)]

    def _scheme(self, model: Tagger) -> Scheme:
        return model.scheme

    def _predict_texts(self, model: Tagger, texts: list[str]) -> list[dict[str, Any]]:
        return model.predict(texts)

    def _predict_words(self, model: Tagger, sentences: list[list[str]]) -> list[dict[str, Any]]:
        return [tagged.to_row(model.scheme, model.min_confidence) for tagged in model.predict_words(sentences)]


def _text_fault(value: object) -> str | None:
    """Return why ``value`` is not a text, or None."""
    if not isinstance(value, str):
        return f"found {_kind(value)}; expected a string"
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return "found half of a character, which UTF-8 cannot encode; expected a string"
    return None


def _words_fault(value: object) -> str | None:
    """Return why ``value`` is not a list of words, or None."""
    if not isinstance(value, list | tuple):
        return f"found {_kind(value)}; expected a list of words"
    for position, word in enumerate(value, start=1):
        fault = _text_fault(word) if word != "" else "found an empty string; expected a word"
        if fault:
            return f"word {position}: {fault}"
    return None


def _kind(value: object) -> str:
    """Return the type of ``value`` for a message."""
    if isinstance(value, UnicodeDecodeError):
        return "bytes that are not UTF-8"
    return {"NoneType": "null", "str": "a string"}.get(type(value).__name__, type(value).__name__)


def _file_time(path: Path) -> tuple[int, int] | None:
    """Return the time and the inode of a file, which change when it is replaced; None if it is missing."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino


def _after_fork() -> None:
    global _loading
    _loading = threading.RLock()  # another thread of the parent may have locked it


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
