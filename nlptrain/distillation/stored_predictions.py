"""The predictions of a teacher on gold sentences, which are computed once and stored."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from nlptrain.atomic_files import move_aside, put_if_absent
from nlptrain.data.sentence import Sentence
from nlptrain.distillation.sealed_files import DamagedFileError, open_sealed, sealed_content
from nlptrain.models.heads import Prediction

FOLDER = "predictions"  # in the folder of a teacher


def predict_once(
    predict: Callable[[], Sequence[Prediction]], sentences: Sequence[Sentence], key: str, folder: Path
) -> Sequence[Prediction]:
    """Return the predictions of ``predict``, or those that were stored before.

    Args:
        predict: predicts ``sentences``.
        sentences: their words and texts are part of the name of the file.
        key: of all else that decides a prediction.
        folder: of the teacher's store.
    """
    name = hashlib.blake2b(key.encode(), digest_size=16)
    for sentence in sentences:
        name.update(sentence.hash() + (sentence.text or "").encode("utf-8", "surrogatepass") + b"\0")
    path = folder / FOLDER / f"{name.hexdigest()}.arrow"
    try:
        return _read(open_sealed(path), sentences)
    except FileNotFoundError:
        pass
    except DamagedFileError:
        move_aside(path)
    batch = _batch(predict())
    path.parent.mkdir(parents=True, exist_ok=True)
    put_if_absent(path, sealed_content(batch))
    return _read(batch, sentences)


def _batch(predictions: Sequence[Prediction]) -> pa.RecordBatch:
    label_ids = [prediction.label_ids.astype(np.int32) for prediction in predictions]
    logits = [prediction.logits.astype(np.float32).reshape(-1) for prediction in predictions]
    return pa.record_batch(
        {"label_ids": pa.array(label_ids, pa.list_(pa.int32())), "logits": pa.array(logits, pa.list_(pa.float32()))}
    )


def _read(batch: pa.RecordBatch, sentences: Sequence[Sentence]) -> list[Prediction]:
    """Return the predictions of ``batch``.

    Raises:
        DamagedFileError: they are not those of ``sentences``.
    """
    if batch.schema.names != ["label_ids", "logits"] or batch.num_rows != len(sentences):
        raise DamagedFileError("it has other predictions")
    predictions = []
    for label_ids, logits, sentence in zip(*map(_rows, batch.columns), sentences, strict=True):
        if len(label_ids) != len(sentence.words) or (len(label_ids) and len(logits) % len(label_ids)):
            raise DamagedFileError("it has other predictions")
        shaped = logits.reshape(len(label_ids), -1) if len(label_ids) else logits.reshape(0, 0)
        predictions.append(Prediction(shaped.astype(np.float32), label_ids.astype(np.int64)))
    return predictions


def _rows(column: pa.ListArray) -> list[NDArray[np.number]]:
    values, offsets = column.values.to_numpy(), column.offsets.to_numpy()
    return [values[start:end] for start, end in zip(offsets, offsets[1:], strict=False)]
