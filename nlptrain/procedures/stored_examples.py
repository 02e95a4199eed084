"""Where the examples of a training are stored, so that the next run need not encode its sentences again."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nlptrain.config.train import TrainConfig
from nlptrain.distillation.transfer_set import TeacherLogitsDataset
from nlptrain.models.token_model import TokenModel
from nlptrain.procedures.text_labeling import LabeledText
from nlptrain_runtime.windows import window_rule

FOLDER = "examples"  # below the folder of all teachers
_FORMAT = 2  # increment it when sentences are encoded in another way


def examples_folder(
    labeled: LabeledText,
    model: TokenModel,
    text: TeacherLogitsDataset,
    config: TrainConfig,
    label_ids: NDArray[np.int16] | None = None,
) -> Path | None:
    """Return the folder of the examples of the train sentences and ``text``; None if they cannot be stored.

    What is known of partial sentences is not stored.

    Args:
        labeled: the train sentences, and where examples may be stored.
        model: that is trained.
        text: the sentences after the train sentences.
        config: decides which parts of words are labeled.
        label_ids: of the words of ``text`` with pseudo-labels.
    """
    gold = labeled.splits.train
    is_partial = any(sentence.asked is not None or sentence.rejected for sentence in gold)
    if labeled.folder is None or is_partial:
        return None
    description = {
        "format": _FORMAT,
        "featurizer": [type(model.featurizer).__name__, model.featurizer.describe()],
        "windows": [window_rule(model.max_subwords), model.max_subwords],
        "labels": model.labels.names,
        "label_pipeline_words": config.label_pipeline_words,
        "text": text.sets[0].identity(),
    }
    name = hashlib.blake2b(json.dumps(description, sort_keys=True, default=str).encode(), digest_size=16)
    for sentence in gold:
        name.update(sentence.hash() + "\n".join(sentence.tags or ()).encode("utf-8", "surrogatepass") + b"\0")
    if label_ids is not None:
        name.update(np.ascontiguousarray(label_ids).data)
    return labeled.folder / FOLDER / name.hexdigest()
