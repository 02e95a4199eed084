"""The ``student:`` map."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, Tag, model_validator

from nlptrain.config.components import (
    AutoHeadConfig,
    EmbedderConfig,
    EncoderConfig,
    HeadConfig,
    LSTMEncoderConfig,
    SubwordEmbedderConfig,
)
from nlptrain.config.section import Auto, Invalid, ModelRef, Rate, Section, by_tag


class WarmStart(Section):
    """Initialization from a trained student."""

    init_from: ModelRef | None = Field(
        default=None,
        description="Run or folder of a trained student whose weights initialize this one; architecture and sizes must be the same. Default: none.",
    )
    init_label_map: dict[str, str] | None = Field(
        default=None,
        min_length=1,
        description="Maps labels or entity types of `init_from` to those of this run, where they differ; O: not used. Default: the same names.",
    )

    @property
    def is_structured(self) -> bool:
        """Whether the configured head scores sequences of words."""
        return False

    @model_validator(mode="after")
    def _check_label_map_has_model(self) -> WarmStart:
        if self.init_label_map is not None and self.init_from is None:
            raise Invalid("found init_label_map without init_from", hint="remove it, or set init_from")
        return self


class StudentConfig(WarmStart):
    """A NeuralTagger: embedder, encoder and head."""

    kind: Literal["tagger"] = Field(default="tagger", description="A NeuralTagger.")
    tokenizer: ModelRef | None = Field(
        default=None,
        description="Model folder, package:NAME/folder or Hub name whose tokenizer the student uses. Default: that of the (first) teacher. Must be given for `tagger`, which has no teacher: name the pretrained model, not a fine-tuned one.",
    )
    embedder: EmbedderConfig = Field(
        default=SubwordEmbedderConfig(), description="Turns subwords or words into vectors."
    )
    encoder: EncoderConfig = Field(default=LSTMEncoderConfig(), description="Turns vectors into vectors with context.")
    head: HeadConfig = Field(default=AutoHeadConfig(), description="Turns vectors into label scores.")
    dropout: Auto | Rate = Field(
        default="auto",
        description="Dropout after the embedder and the encoder layers. auto: 0.1 in tagger_kd for an LSTM or GRU over subwords, else 0.3.",
    )
    max_subwords: int = Field(
        default=4096,
        ge=16,
        description="Maximum number of subwords per sequence; longer sentences are read in overlapping windows.",
    )

    @property
    def is_structured(self) -> bool:
        """Whether the configured head scores sequences of words; False for `auto`."""
        return self.head.is_structured


class TransformerStudentConfig(WarmStart):
    """A small transformer: a pretrained one, or layers of the teacher."""

    kind: Literal["transformer"] = Field(default="transformer", description="A Hugging Face encoder.")
    model: ModelRef | None = Field(
        default=None, description="The pretrained transformer. Default: the teacher, of which `layers` layers are kept."
    )
    layers: int | None = Field(
        default=None,
        ge=1,
        description="Number of layers that are kept, evenly spaced. Default: all; must be given without `model`.",
    )


Student = Annotated[
    Annotated[StudentConfig, Tag("tagger")] | Annotated[TransformerStudentConfig, Tag("transformer")],
    by_tag("kind", "tagger"),
]
