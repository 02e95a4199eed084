"""Exported folders of tiny models, written once."""

from __future__ import annotations

from pathlib import Path

import pytest

from nlptrain.deployment.export import export_onnx
from tests.helpers.small_models import PLAIN_LABELS, SENTENCES, small_model


@pytest.fixture(scope="session")
def folders(tiny_bert: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Export a model of each kind of featurizer, and one of plain tags."""
    root = tmp_path_factory.mktemp("exported")
    kinds = {
        "teacher": "teacher",
        "pieces": "subword-lstm-crf",
        "pooled": "pooled-lstm-crf",
        "words": "word-lstm-softmax",
    }
    for name, kind in kinds.items():
        export_onnx(small_model(tiny_bert, kind), root / name, ["fp32"], dev=SENTENCES)
    export_onnx(small_model(tiny_bert, "pooled-gru-softmax", PLAIN_LABELS), root / "plain", ["fp32"])
    return {name: root / name for name in (*kinds, "plain")}
