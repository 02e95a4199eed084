"""The parts of a student: configurations of embedders, encoders and heads, and their registries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from nlptrain.config.registry import ConfiguredEntry, KindSection, Registry, register
from nlptrain.config.section import Invalid, ModelRef

MAX_CRF_LABELS = 100  # `head.kind: auto` is a softmax for more: a CRF's time grows with their square


class EmbedderConfig(KindSection):
    """The configuration of an embedder, which turns subwords or words into vectors."""

    default_kind = "subword"
    has_tokenizer: ClassVar[bool] = True  # whether it reads the subwords of a tokenizer, and no words

    def origin(self, teacher: str | None) -> str | None:
        """Return the model or file that initializes the table, or ``random``; None: the model of the tokenizer."""
        return teacher


class EncoderConfig(KindSection):
    """The configuration of an encoder, which turns vectors into vectors with context."""

    default_kind = "lstm"
    is_recurrent: ClassVar[bool] = False  # the defaults of tagger_kd are those of recurrent encoders


class HeadConfig(KindSection):
    """The configuration of a head, which turns vectors into label scores."""

    default_kind = "auto"
    is_structured: ClassVar[bool] = False  # whether it scores sequences of words, and no single words


class SubwordEmbedderConfig(EmbedderConfig):
    """An embedding table with a row for each subword of a transformer's tokenizer."""

    model_keys = ("init",)

    kind: Literal["subword"] = Field(default="subword", description="Embeddings of the tokenizer's subwords.")
    dim: int = Field(default=64, ge=1, le=4096, description="Columns of the embedding table.")
    init: Literal["random"] | ModelRef | None = Field(
        default=None,
        description="How the table is initialized: `random`, or from the input embeddings of a model (as `teacher`), reduced to `dim` columns by PCA. Default: the teacher; without one, `student.tokenizer`.",
    )
    vocab_size: Literal["auto", "all"] | Annotated[int, Field(ge=1)] = Field(
        default="auto",
        description="Number of subwords with a row of their own: all of the tokenizer, or the most frequent ones of the training text (train, unlabeled and synthetic; of more than 20 MB of unlabeled text, a sample of 20 MB). auto: as many as fit into 2 million parameters, those of the text first. Every other subword shares the row of the nearest subword (with `init: random`, that of the unknown token).",
    )
    cased: bool = Field(
        default=True,
        description="If the tokenizer lowercases (BERT's uncased WordPiece), the student keeps case: `Ada`, `ADA` and `ada` share a row, and a row for their casing is added to it. Has no effect on other tokenizers and with `init_from`.",
    )

    def origin(self, teacher: str | None) -> str | None:
        """Return the model that initializes the table; as in the base."""
        return self.init or teacher


class PooledEmbedderConfig(SubwordEmbedderConfig):
    """An embedding table of subwords, which are summed to words."""

    kind: Literal["pooled"] = Field(  # type: ignore[assignment]
        default="pooled",
        description="As subword, but the subwords of a word are summed to one vector before the encoder, whose sequences are shorter by a third or more. At most the first 16 subwords of a word are read.",
    )


class WordEmbedderConfig(EmbedderConfig):
    """Word embeddings, a CNN over characters, and embeddings of word shapes."""

    has_tokenizer = False
    model_keys = ("init",)
    file_keys = ("vectors",)

    kind: Literal["word"] = Field(default="word", description="Words, their characters and their shape; no tokenizer.")
    dim: int = Field(default=100, ge=1, le=4096, description="Columns of the word embeddings.")
    vocab_size: int = Field(default=20_000, ge=1, description="Maximum number of words that have a row.")
    min_count: int = Field(
        default=2,
        ge=1,
        description="Minimum frequency of a word that has a row, in train, unlabeled and synthetic text.",
    )
    lowercase: bool = Field(
        default=True, description="Words that differ in case share a row; their characters and shapes still differ."
    )
    vectors: str | None = Field(
        default=None,
        min_length=1,
        description="A GloVe or fastText text file that initializes the word embeddings. Default: none.",
    )
    init: Literal["random", "teacher"] | ModelRef | None = Field(
        default=None,
        description="How the word embeddings are initialized without `vectors`: `random`, or from a model (`teacher`: the teacher), where a word's row is the mean of its subwords' input embeddings, reduced to `dim` columns by PCA. Default: the teacher; without one, random.",
    )
    char_dim: int = Field(
        default=24, ge=0, le=1024, description="Columns of the character embeddings; 0: no characters."
    )
    char_filters: int = Field(default=64, ge=1, le=4096, description="Channels of the character CNN.")
    char_kernel: Literal[1, 3, 5, 7] = Field(default=3, description="Kernel size of the character CNN.")
    max_characters: int = Field(
        default=24,
        ge=4,
        le=512,
        description="Maximum number of characters per word; of longer words the middle is cut out.",
    )
    shape_dim: int = Field(default=8, ge=1, le=256, description="Columns of the shape embeddings.")

    @model_validator(mode="after")
    def _check_single_init(self) -> WordEmbedderConfig:
        if self.vectors is not None and self.init is not None:
            raise Invalid("found vectors and init", expected="only one of them")
        return self

    def origin(self, teacher: str | None) -> str:
        """Return the model or file that initializes the table; as in the base."""
        return self.vectors or (None if self.init == "teacher" else self.init) or teacher or "random"


EncoderLayers = Literal["auto"] | Annotated[int, Field(ge=1, le=8)]
_LAYERS_DESCRIPTION = "Number of layers. auto: 1 in tagger_kd with raw text, for a student of subwords with a CRF; else 2. With `init_from`: as in that student."


class LSTMEncoderConfig(EncoderConfig):
    """A bidirectional LSTM."""

    is_recurrent = True

    kind: Literal["lstm"] = Field(default="lstm", description="Bidirectional LSTM.")
    hidden: int = Field(default=128, ge=1, le=4096, description="Units per direction and layer.")
    layers: EncoderLayers = Field(default="auto", description=_LAYERS_DESCRIPTION)


class GRUEncoderConfig(EncoderConfig):
    """A bidirectional GRU."""

    is_recurrent = True

    kind: Literal["gru"] = Field(default="gru", description="Bidirectional GRU.")
    hidden: int = Field(default=128, ge=1, le=4096, description="Units per direction and layer.")
    layers: EncoderLayers = Field(default="auto", description=_LAYERS_DESCRIPTION)


class IDCNNEncoderConfig(EncoderConfig):
    """Iterated dilated convolutions (Strubell et al. 2017)."""

    kind: Literal["idcnn"] = Field(default="idcnn", description="Blocks of dilated convolutions with shared weights.")
    filters: int = Field(default=256, ge=1, le=4096, description="Channels of each convolution.")
    kernel: Literal[3, 5, 7] = Field(default=3, description="Kernel size of each convolution.")
    dilations: list[Annotated[int, Field(ge=1, le=64)]] = Field(
        default=[1, 2, 4], min_length=1, max_length=8, description="Dilation of each layer of a block."
    )
    blocks: int = Field(default=3, ge=1, le=16, description="How often the block is applied, with the same weights.")


class AutoHeadConfig(HeadConfig):
    """A CRF for labels of a tag scheme, else a softmax."""

    kind: Literal["auto"] = Field(
        default="auto",
        description=f"crf, but softmax for plain tags, for more than {MAX_CRF_LABELS} labels, with `train.label_pipeline_words` and with `objective.loss: mse`. With `init_from`: as in that student.",
    )


class SoftmaxHeadConfig(HeadConfig):
    """A linear layer and a softmax per word."""

    kind: Literal["softmax"] = Field(default="softmax", description="Linear layer and a softmax per word.")


class CRFHeadConfig(HeadConfig):
    """A conditional random field: label sequences that violate the tag scheme are impossible."""

    is_structured = True

    kind: Literal["crf"] = Field(
        default="crf", description="Linear layer and a linear-chain CRF over the words of a sentence."
    )


@dataclass(frozen=True)
class EmbedderEntry(ConfiguredEntry[EmbedderConfig]):
    """An embedder.

    Attributes:
        module: its class, an ``nn.Module``; see ``nlptrain.models.embedders``.
        build: returns how a new student reads words; see ``nlptrain.models.students.building.TaggerInputs``.
        load_featurizer: loads what turns words into ids from a student's folder.
        build_graphs: returns the graphs of a student for ONNX; "": it cannot be exported.
    """

    module: str
    build: str
    load_featurizer: str
    build_graphs: str = ""


@dataclass(frozen=True)
class EncoderEntry(ConfiguredEntry[EncoderConfig]):
    """An encoder.

    Attributes:
        module: its class, a subclass of ``nlptrain.models.encoders.Encoder``.
    """

    module: str


@dataclass(frozen=True)
class HeadEntry(ConfiguredEntry[HeadConfig]):
    """A head.

    Attributes:
        module: its class, a subclass of ``nlptrain.models.heads.Head``; "" for ``auto``, which is resolved to another kind.
    """

    module: str


_EMBEDDERS, _BUILDING = "nlptrain.models.embedders", "nlptrain.models.students.building"
_GRAPHS, _FEATURIZERS = "nlptrain.models.exported.graphs", "nlptrain.models.tokenization.featurizers"
EMBEDDERS = Registry(
    "embedder",
    "student.embedder.kind",
    "nlptrain.embedders",
    EmbedderEntry,
    {
        "subword": EmbedderEntry(
            SubwordEmbedderConfig,
            module=f"{_EMBEDDERS}:SubwordEmbedder",
            build=f"{_BUILDING}:subword_inputs",
            load_featurizer=f"{_FEATURIZERS}:load_subword_featurizer",
            build_graphs=f"{_GRAPHS}:subword_graphs",
        ),
        "pooled": EmbedderEntry(
            PooledEmbedderConfig,
            module=f"{_EMBEDDERS}:PooledEmbedder",
            build=f"{_BUILDING}:pooled_inputs",
            load_featurizer=f"{_FEATURIZERS}:load_pooled_featurizer",
            build_graphs=f"{_GRAPHS}:pooled_graphs",
        ),
        "word": EmbedderEntry(
            WordEmbedderConfig,
            module=f"{_EMBEDDERS}:WordEmbedder",
            build=f"{_BUILDING}:word_inputs",
            load_featurizer=f"{_FEATURIZERS}:load_word_featurizer",
            build_graphs=f"{_GRAPHS}:word_graphs",
        ),
    },
)
ENCODERS = Registry(
    "encoder",
    "student.encoder.kind",
    "nlptrain.encoders",
    EncoderEntry,
    {
        "lstm": EncoderEntry(LSTMEncoderConfig, module="nlptrain.models.encoders:LSTMEncoder"),
        "gru": EncoderEntry(GRUEncoderConfig, module="nlptrain.models.encoders:GRUEncoder"),
        "idcnn": EncoderEntry(IDCNNEncoderConfig, module="nlptrain.models.encoders:IDCNNEncoder"),
    },
)
HEADS = Registry(
    "head",
    "student.head.kind",
    "nlptrain.heads",
    HeadEntry,
    {
        "auto": HeadEntry(AutoHeadConfig, module=""),
        "softmax": HeadEntry(SoftmaxHeadConfig, module="nlptrain.models.heads:SoftmaxHead"),
        "crf": HeadEntry(CRFHeadConfig, module="nlptrain.models.heads:CRFHead"),
    },
)
register(EmbedderConfig, EMBEDDERS)
register(EncoderConfig, ENCODERS)
register(HeadConfig, HEADS)
