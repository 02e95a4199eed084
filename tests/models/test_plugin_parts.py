"""Embedders and heads of other packages: built, saved, loaded and exported by their entries alone."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from torch import Tensor

from nlptrain.config.components import EMBEDDERS, HEADS, SubwordEmbedderConfig
from nlptrain.config.student import StudentConfig
from nlptrain.models import TokenModel, build_student, load_token_model
from nlptrain.models.embedders import SubwordEmbedder
from nlptrain.models.students.building import subword_inputs
from nlptrain.models.students.embeddings import TrainingText
from nlptrain.plugins import EmbedderEntry, Head, HeadConfig, HeadEntry, TaggerInputs
from nlptrain_runtime import Tagger
from tests.helpers.small_models import LABELS, SENTENCES

WORDS = [sentence.words for sentence in SENTENCES[:6]]


class ScaledHeadConfig(HeadConfig):
    """Logits with a learned scale."""

    kind: Literal["scaled"] = "scaled"
    scale: float = 2.0


class ScaledHead(Head):
    """A linear layer whose logits are multiplied by a learned number."""

    def __init__(self, width: int, labels: int, *, scale: float) -> None:
        super().__init__(width, labels)
        self.scale = torch.nn.Parameter(torch.tensor(scale))

    def forward(self, states: Tensor) -> Tensor:
        return super().forward(states) * self.scale


class NormedEmbedderConfig(SubwordEmbedderConfig):
    """Subwords with vectors of length 1."""

    kind: Literal["normed"] = "normed"  # type: ignore[assignment]


class NormedEmbedder(SubwordEmbedder):
    """Embeds each subword as a vector of length 1."""

    def forward(self, input_ids: Tensor) -> Tensor:
        return torch.nn.functional.normalize(super().forward(input_ids), dim=-1)


def normed_inputs(config: StudentConfig, teacher: TokenModel | None, text: TrainingText, log: object) -> TaggerInputs:
    return subword_inputs(config, teacher, text, lambda _: None)


@pytest.fixture
def student(tiny_bert: Path, monkeypatch: pytest.MonkeyPatch) -> TokenModel:
    embedder = EmbedderEntry(
        NormedEmbedderConfig,
        module=f"{__name__}:NormedEmbedder",
        build=f"{__name__}:normed_inputs",
        load_featurizer=EMBEDDERS["subword"].load_featurizer,
        build_graphs=EMBEDDERS["subword"].build_graphs,
    )
    monkeypatch.setitem(EMBEDDERS.entries, "normed", embedder)
    monkeypatch.setitem(HEADS.entries, "scaled", HeadEntry(ScaledHeadConfig, module=f"{__name__}:ScaledHead"))
    config = StudentConfig(tokenizer=str(tiny_bert)).model_copy(
        update={"embedder": NormedEmbedderConfig(dim=16), "head": ScaledHeadConfig(scale=3.0)}
    )
    return build_student(config, LABELS, seed=1, text=lambda: SENTENCES)


def test_an_embedder_and_a_head_are_built_saved_and_loaded(student: TokenModel, tmp_path: Path) -> None:
    assert (type(student.model.embedder).__name__, type(student.model.head).__name__) == (
        "NormedEmbedder",
        "ScaledHead",
    )
    lengths = student.model.embedder(torch.tensor([[5, 6, 7]])).norm(dim=-1)
    torch.testing.assert_close(lengths, torch.ones(1, 3))
    assert student.model.head.scale.item() == 3.0
    student.save_pretrained(tmp_path / "student")
    loaded = load_token_model(tmp_path / "student")
    for own, again in zip(student.logits(WORDS), loaded.logits(WORDS), strict=True):
        assert np.array_equal(own, again)
    assert loaded.tag(WORDS) == student.tag(WORDS)


def test_labels_of_such_a_student_can_be_reordered(student: TokenModel, tmp_path: Path, tiny_bert: Path) -> None:
    student.save_pretrained(tmp_path / "student")
    config = StudentConfig(init_from=str(tmp_path / "student")).model_copy(
        update={"embedder": NormedEmbedderConfig(dim=16), "head": ScaledHeadConfig(scale=3.0)}
    )
    names = LABELS.names[::-1]
    again = build_student(config, type(LABELS).from_names(names, "iob2"), seed=0)
    for own, other in zip(student.logits(WORDS), again.logits(WORDS), strict=True):
        np.testing.assert_allclose(own, other[:, ::-1], atol=1e-6)


@pytest.mark.slow
def test_such_a_student_is_exported(student: TokenModel, tmp_path: Path) -> None:
    from nlptrain.deployment.export import export_onnx

    export_onnx(student, tmp_path / "exported", ["fp32"])
    tagged = Tagger(tmp_path / "exported").predict_words(WORDS)
    assert [list(sentence.tags) for sentence in tagged] == student.tag(WORDS)
