"""The `student:` map: the small tagger, as embedder -> encoder -> head, or a small transformer."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, Tag, model_validator

from nlptrain.config.section import ModelRef, Rate, Section, by_kind

MOST_CHAINED_LABELS = 100  # by itself no student has a chain over more: its time grows with their square


class SubwordEmbedderConfig(Section):
    """A table with a row for each piece of a transformer's tokenizer."""

    kind: Literal["subword"] = Field("subword", description="A row for each piece of the tokenizer.")
    dim: int = Field(64, ge=1, le=4096, description="Columns of the table.")
    init: Literal["random"] | ModelRef | None = Field(
        None,
        description="What the table starts from: `random`, or a model (as `teacher`) whose input embeddings are cut to `dim` columns by PCA. Default: the teacher; without one, `student.tokenizer`.",
    )
    vocab_size: Literal["auto", "all"] | Annotated[int, Field(ge=1)] = Field(
        "auto",
        description="Pieces that have a row; each of the others shares the one of the nearest piece among the vectors that the table starts from (with init random: the unknown piece). all: every piece of the tokenizer. A number: that many, those most frequent in train, unlabeled and made text. auto: all, unless the table would pass 2 million parameters; then as many as fit, the text's first and then the tokenizer's first ones.",
    )
    cased: bool = Field(
        True,
        description="Where the tokenizer lowers its text (BERT's uncased WordPiece), the student's keeps upper case: `Ada`, `ADA` and `ada` share a row of the table, and a row for their form is added to it. Other tokenizers stay as they are, and so does a student that `init_from` names.",
    )


class PooledEmbedderConfig(SubwordEmbedderConfig):
    """A table with a row for each piece of a transformer's tokenizer, whose pieces are added up to words."""

    kind: Literal["pooled"] = Field(  # type: ignore[assignment]
        "pooled",
        description="As subword, with the pieces of a word added up to one vector in front of the encoder, whose steps are words: fewer by a third and more. Of a word the first 16 pieces are read.",
    )


class WordEmbedderConfig(Section):
    """A table of words, a CNN over their characters, and their shape."""

    kind: Literal["word"] = Field("word", description="Words, their characters and their shape; no tokenizer.")
    dim: int = Field(100, ge=1, le=4096, description="Columns of the word table.")
    vocab_size: int = Field(20_000, ge=1, description="Most words that have a row.")
    min_count: int = Field(
        2, ge=1, description="Fewest times that such a word stands in train, unlabeled and made text."
    )
    lowercase: bool = Field(True, description="Words that differ in case share a row; characters and shape still tell.")
    vectors: str | None = Field(
        None,
        min_length=1,
        description="A GloVe or fastText text file whose vectors the word table starts from. Default: none.",
    )
    init: Literal["random", "teacher"] | ModelRef | None = Field(
        None,
        description="What the word table starts from without `vectors`: `random`, or a model (`teacher`: the teacher): a word's row is the mean of its pieces' input embeddings there, cut to `dim` columns by PCA. Default: the teacher; without one, random.",
    )
    char_dim: int = Field(24, ge=0, le=1024, description="Columns of the characters' tables; 0: no characters.")
    char_filters: int = Field(64, ge=1, le=4096, description="Channels of the character CNN.")
    char_kernel: Literal[1, 3, 5, 7] = Field(3, description="Characters that it reads at once.")
    max_characters: int = Field(24, ge=4, le=512, description="Characters of a word that are read; its middle is cut.")
    shape_dim: int = Field(8, ge=1, le=256, description="Columns of the shapes' table.")

    @model_validator(mode="after")
    def _one_start(self) -> WordEmbedderConfig:
        if self.vectors is not None and self.init is not None:
            raise ValueError("vectors and init: the table starts from one of them; leave the other out")
        return self


Layers = Literal["auto"] | Annotated[int, Field(ge=1, le=8)]
_LAYERS = "Layers. auto: in tagger_kd with raw text, for a student of pieces with a CRF, 1; else 2. With `init_from`: those of that student."


class LSTMEncoderConfig(Section):
    """A bidirectional LSTM."""

    kind: Literal["lstm"] = Field("lstm", description="Bidirectional LSTM.")
    hidden: int = Field(128, ge=1, le=4096, description="Units of each direction of each layer.")
    layers: Layers = Field("auto", description=_LAYERS)


class GRUEncoderConfig(Section):
    """A bidirectional GRU."""

    kind: Literal["gru"] = Field("gru", description="Bidirectional GRU.")
    hidden: int = Field(128, ge=1, le=4096, description="Units of each direction of each layer.")
    layers: Layers = Field("auto", description=_LAYERS)


class IDCNNEncoderConfig(Section):
    """Iterated dilated convolutions (Strubell et al. 2017)."""

    kind: Literal["idcnn"] = Field("idcnn", description="Blocks of dilated convolutions with shared weights.")
    filters: int = Field(256, ge=1, le=4096, description="Channels of each convolution.")
    kernel: Literal[3, 5, 7] = Field(3, description="Places that each convolution reads.")
    dilations: list[Annotated[int, Field(ge=1, le=64)]] = Field(
        [1, 2, 4], min_length=1, max_length=8, description="Distance between these places in each layer of a block."
    )
    blocks: int = Field(3, ge=1, le=16, description="How often the block is applied, each time with the same weights.")


class AutoHeadConfig(Section):
    """A CRF where labels depend on each other by their scheme, a softmax where they do not."""

    kind: Literal["auto"] = Field(
        "auto",
        description=f"crf, unless tags are plain, there are more than {MOST_CHAINED_LABELS} labels, or `train.label_pipeline_words` or `objective.loss: mse` leave a chain no place: then softmax. With `init_from`: that of that student.",
    )


class SoftmaxHeadConfig(Section):
    """A linear layer; each word's label is chosen by itself."""

    kind: Literal["softmax"] = Field("softmax", description="Linear layer, a softmax for each word.")


class CRFHeadConfig(Section):
    """A conditional random field: label sequences that break the scheme are impossible."""

    kind: Literal["crf"] = Field("crf", description="Linear layer, and a chain over the words of a sentence.")


Embedder = Annotated[
    Annotated[SubwordEmbedderConfig, Tag("subword")]
    | Annotated[PooledEmbedderConfig, Tag("pooled")]
    | Annotated[WordEmbedderConfig, Tag("word")],
    by_kind("subword"),
]
Encoder = Annotated[
    Annotated[LSTMEncoderConfig, Tag("lstm")]
    | Annotated[GRUEncoderConfig, Tag("gru")]
    | Annotated[IDCNNEncoderConfig, Tag("idcnn")],
    by_kind("lstm"),
]
Head = Annotated[
    Annotated[AutoHeadConfig, Tag("auto")]
    | Annotated[SoftmaxHeadConfig, Tag("softmax")]
    | Annotated[CRFHeadConfig, Tag("crf")],
    by_kind("auto"),
]


class WarmStart(Section):
    """Starting from a student that is already trained."""

    init_from: ModelRef | None = Field(
        None,
        description="A finished student's run or folder whose weights this one starts from; parts and sizes must be the same. Default: none.",
    )
    init_label_map: dict[str, str] | None = Field(
        None,
        min_length=1,
        description="Names of the labels of `init_from` (or of their types) to those of this run, where they differ; O: not used. Default: the same names.",
    )

    @model_validator(mode="after")
    def _labels_of_a_start(self) -> WarmStart:
        if self.init_label_map is not None and self.init_from is None:
            raise ValueError("init_label_map: there is no init_from whose labels it could name")
        return self


class StudentConfig(WarmStart):
    """The student that is trained: a NeuralTagger."""

    kind: Literal["tagger"] = Field("tagger", description="NeuralTagger.")
    tokenizer: ModelRef | None = Field(
        None,
        description="Model folder, package:NAME/folder or Hub name whose tokenizer the student reads with. Default: the teacher's (of several, the first's). `tagger` has no teacher, so there it must be given: name the pretrained model, never the fine-tuned one.",
    )
    embedder: Embedder = Field(SubwordEmbedderConfig(), description="What is read to vectors.")
    encoder: Encoder = Field(LSTMEncoderConfig(), description="Vectors to vectors that know their neighbors.")
    head: Head = Field(AutoHeadConfig(), description="Vectors to labels.")
    dropout: Rate = Field(
        0.3,
        description="Share of values dropped behind embedder and encoder layers in training. In tagger_kd, with an LSTM or a GRU that reads pieces, the default is 0.1.",
    )
    max_subwords: int = Field(
        4096, ge=16, description="Pieces read in one go; longer sentences go through overlapping windows."
    )


class TransformerStudentConfig(WarmStart):
    """A small transformer as the student: from a folder, or cut out of the teacher."""

    kind: Literal["transformer"] = Field("transformer", description="A Hugging Face encoder.")
    model: ModelRef | None = Field(
        None, description="The pretrained transformer. Default: the teacher, of which `layers` layers are kept."
    )
    layers: int | None = Field(
        None, ge=1, description="Layers that are kept, spread over all. Default: all; without `model` it must be given."
    )


Student = Annotated[
    Annotated[StudentConfig, Tag("tagger")] | Annotated[TransformerStudentConfig, Tag("transformer")],
    by_kind("tagger"),
]
