"""The fingerprint of a model: a hash of all that decides its logits, under which a teacher's logits are stored."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch

from nlptrain_runtime.windows import window_rule

if TYPE_CHECKING:
    from nlptrain.models.token_model import TokenModel


def fingerprint(model: TokenModel) -> str:
    """Return a hash of all that decides the logits: weights, configuration, tokenizer, labels and splitter."""
    hashed = hashlib.blake2b(digest_size=16)
    for part in _parts(model):
        hashed.update(part)
    return hashed.hexdigest()


def _parts(model: TokenModel) -> Iterator[bytes]:
    config = model.model.config.to_dict()
    for irrelevant in (
        "_name_or_path",
        "transformers_version",
        "dtype",
        "id2label",
        "label2id",
        "nlptrain_scheme",
        "nlptrain_temperature",
        "max_pieces",
        "architectures",
        "pieces",  # subword boundaries are only used without a featurizer
    ):
        config.pop(irrelevant, None)
    description = {
        "config": config,
        "labels": model.labels.names,
        **model.featurizer.describe(),
        "windows": [window_rule(model.max_subwords), model.max_subwords],
        "splitter": model.splitter.segmenter or model.splitter.version,
    }
    yield json.dumps(description, sort_keys=True, default=str).encode()
    for name, tensor in sorted(model.model.state_dict().items()):
        if name == "piece_roles":
            continue
        yield f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode()
        yield tensor.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes()
