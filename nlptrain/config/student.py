"""The `student:` map: the small tagger, as embedder -> encoder -> head."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from nlptrain.config.section import ModelRef, Rate, Section


class SubwordEmbedderConfig(Section):
    """A table with a row for each piece of a transformer's tokenizer."""

    kind: Literal["subword"] = Field("subword", description="A row for each piece of the tokenizer.")
    dim: int = Field(64, ge=1, le=4096, description="Columns of the table.")
    init: Literal["random"] | ModelRef | None = Field(
        None,
        description="What the table starts from: `random`, or a model (as `teacher`) whose input embeddings are cut to `dim` columns by PCA. Default: the teacher; without one, `student.tokenizer`.",
    )


class LSTMEncoderConfig(Section):
    """A bidirectional LSTM."""

    kind: Literal["lstm"] = Field("lstm", description="Bidirectional LSTM.")
    hidden: int = Field(128, ge=1, le=4096, description="Units of each direction of each layer.")
    layers: int = Field(2, ge=1, le=8, description="Layers.")


class SoftmaxHeadConfig(Section):
    """A linear layer; each word's label is chosen by itself."""

    kind: Literal["softmax"] = Field("softmax", description="Linear layer, a softmax for each word.")


class StudentConfig(Section):
    """The student that is trained."""

    kind: Literal["tagger"] = Field("tagger", description="NeuralTagger.")
    tokenizer: ModelRef | None = Field(
        None,
        description="Model folder, package:NAME/folder or Hub name whose tokenizer the student reads with. Default: the teacher's. `tagger` has no teacher, so there it must be given: name the pretrained model, never the fine-tuned one.",
    )
    embedder: SubwordEmbedderConfig = Field(SubwordEmbedderConfig(), description="Pieces to vectors.")
    encoder: LSTMEncoderConfig = Field(
        LSTMEncoderConfig(), description="Vectors to vectors that know their neighbours."
    )
    head: SoftmaxHeadConfig = Field(SoftmaxHeadConfig(), description="Vectors to logits.")
    dropout: Rate = Field(0.3, description="Share of values dropped behind embedder and encoder layers in training.")
    max_pieces: int = Field(
        4096, ge=16, description="Pieces read in one go; longer sentences go through overlapping windows."
    )
