"""The ``student:`` map, and the defaults of students that depend on their kind and on the teacher."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, Tag, model_validator

from nlptrain.config.section import Invalid, ModelRef, Rate, Section, by_kind

MAX_CRF_LABELS = 100  # `head.kind: auto` is a softmax for more: a CRF's time grows with their square


class SubwordEmbedderConfig(Section):
    """An embedding table with a row for each subword of a transformer's tokenizer."""

    kind: Literal["subword"] = Field("subword", description="Embeddings of the tokenizer's subwords.")
    dim: int = Field(64, ge=1, le=4096, description="Columns of the embedding table.")
    init: Literal["random"] | ModelRef | None = Field(
        None,
        description="How the table is initialized: `random`, or from the input embeddings of a model (as `teacher`), reduced to `dim` columns by PCA. Default: the teacher; without one, `student.tokenizer`.",
    )
    vocab_size: Literal["auto", "all"] | Annotated[int, Field(ge=1)] = Field(
        "auto",
        description="Number of subwords with a row of their own: all of the tokenizer, or the most frequent ones of the training text (train, unlabeled and synthetic). auto: as many as fit into 2 million parameters, those of the text first. Every other subword shares the row of the nearest subword (with `init: random`, that of the unknown token).",
    )
    cased: bool = Field(
        True,
        description="If the tokenizer lowercases (BERT's uncased WordPiece), the student keeps case: `Ada`, `ADA` and `ada` share a row, and a row for their casing is added to it. Has no effect on other tokenizers and with `init_from`.",
    )


class PooledEmbedderConfig(SubwordEmbedderConfig):
    """An embedding table of subwords, which are summed to words."""

    kind: Literal["pooled"] = Field(  # type: ignore[assignment]
        "pooled",
        description="As subword, but the subwords of a word are summed to one vector before the encoder, whose sequences are shorter by a third or more. At most the first 16 subwords of a word are read.",
    )


class WordEmbedderConfig(Section):
    """Word embeddings, a CNN over characters, and embeddings of word shapes."""

    kind: Literal["word"] = Field("word", description="Words, their characters and their shape; no tokenizer.")
    dim: int = Field(100, ge=1, le=4096, description="Columns of the word embeddings.")
    vocab_size: int = Field(20_000, ge=1, description="Maximum number of words that have a row.")
    min_count: int = Field(
        2, ge=1, description="Minimum frequency of a word that has a row, in train, unlabeled and synthetic text."
    )
    lowercase: bool = Field(
        True, description="Words that differ in case share a row; their characters and shapes still differ."
    )
    vectors: str | None = Field(
        None,
        min_length=1,
        description="A GloVe or fastText text file that initializes the word embeddings. Default: none.",
    )
    init: Literal["random", "teacher"] | ModelRef | None = Field(
        None,
        description="How the word embeddings are initialized without `vectors`: `random`, or from a model (`teacher`: the teacher), where a word's row is the mean of its subwords' input embeddings, reduced to `dim` columns by PCA. Default: the teacher; without one, random.",
    )
    char_dim: int = Field(24, ge=0, le=1024, description="Columns of the character embeddings; 0: no characters.")
    char_filters: int = Field(64, ge=1, le=4096, description="Channels of the character CNN.")
    char_kernel: Literal[1, 3, 5, 7] = Field(3, description="Kernel size of the character CNN.")
    max_characters: int = Field(
        24, ge=4, le=512, description="Maximum number of characters per word; of longer words the middle is cut out."
    )
    shape_dim: int = Field(8, ge=1, le=256, description="Columns of the shape embeddings.")

    @model_validator(mode="after")
    def _check_single_init(self) -> WordEmbedderConfig:
        if self.vectors is not None and self.init is not None:
            raise Invalid("found vectors and init", expected="only one of them")
        return self


EncoderLayers = Literal["auto"] | Annotated[int, Field(ge=1, le=8)]
_LAYERS_DESCRIPTION = "Number of layers. auto: 1 in tagger_kd with raw text, for a student of subwords with a CRF; else 2. With `init_from`: as in that student."


class LSTMEncoderConfig(Section):
    """A bidirectional LSTM."""

    kind: Literal["lstm"] = Field("lstm", description="Bidirectional LSTM.")
    hidden: int = Field(128, ge=1, le=4096, description="Units per direction and layer.")
    layers: EncoderLayers = Field("auto", description=_LAYERS_DESCRIPTION)


class GRUEncoderConfig(Section):
    """A bidirectional GRU."""

    kind: Literal["gru"] = Field("gru", description="Bidirectional GRU.")
    hidden: int = Field(128, ge=1, le=4096, description="Units per direction and layer.")
    layers: EncoderLayers = Field("auto", description=_LAYERS_DESCRIPTION)


class IDCNNEncoderConfig(Section):
    """Iterated dilated convolutions (Strubell et al. 2017)."""

    kind: Literal["idcnn"] = Field("idcnn", description="Blocks of dilated convolutions with shared weights.")
    filters: int = Field(256, ge=1, le=4096, description="Channels of each convolution.")
    kernel: Literal[3, 5, 7] = Field(3, description="Kernel size of each convolution.")
    dilations: list[Annotated[int, Field(ge=1, le=64)]] = Field(
        [1, 2, 4], min_length=1, max_length=8, description="Dilation of each layer of a block."
    )
    blocks: int = Field(3, ge=1, le=16, description="How often the block is applied, with the same weights.")


class AutoHeadConfig(Section):
    """A CRF for labels of a tag scheme, else a softmax."""

    kind: Literal["auto"] = Field(
        "auto",
        description=f"crf, but softmax for plain tags, for more than {MAX_CRF_LABELS} labels, with `train.label_pipeline_words` and with `objective.loss: mse`. With `init_from`: as in that student.",
    )


class SoftmaxHeadConfig(Section):
    """A linear layer and a softmax per word."""

    kind: Literal["softmax"] = Field("softmax", description="Linear layer and a softmax per word.")


class CRFHeadConfig(Section):
    """A conditional random field: label sequences that violate the tag scheme are impossible."""

    kind: Literal["crf"] = Field("crf", description="Linear layer and a linear-chain CRF over the words of a sentence.")


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
    """Initialization from a trained student."""

    init_from: ModelRef | None = Field(
        None,
        description="Run or folder of a trained student whose weights initialize this one; architecture and sizes must be the same. Default: none.",
    )
    init_label_map: dict[str, str] | None = Field(
        None,
        min_length=1,
        description="Maps labels or entity types of `init_from` to those of this run, where they differ; O: not used. Default: the same names.",
    )

    @model_validator(mode="after")
    def _check_label_map_has_model(self) -> WarmStart:
        if self.init_label_map is not None and self.init_from is None:
            raise Invalid("found init_label_map without init_from", hint="remove it, or set init_from")
        return self


class StudentConfig(WarmStart):
    """A NeuralTagger: embedder, encoder and head."""

    kind: Literal["tagger"] = Field("tagger", description="A NeuralTagger.")
    tokenizer: ModelRef | None = Field(
        None,
        description="Model folder, package:NAME/folder or Hub name whose tokenizer the student uses. Default: that of the (first) teacher. Must be given for `tagger`, which has no teacher: name the pretrained model, not a fine-tuned one.",
    )
    embedder: Embedder = Field(SubwordEmbedderConfig(), description="Turns subwords or words into vectors.")
    encoder: Encoder = Field(LSTMEncoderConfig(), description="Turns vectors into vectors with context.")
    head: Head = Field(AutoHeadConfig(), description="Turns vectors into label scores.")
    dropout: Rate = Field(
        0.3,
        description="Dropout after the embedder and the encoder layers. The default is 0.1 in tagger_kd with an LSTM or GRU over subwords.",
    )
    max_subwords: int = Field(
        4096,
        ge=16,
        description="Maximum number of subwords per sequence; longer sentences are read in overlapping windows.",
    )


class TransformerStudentConfig(WarmStart):
    """A small transformer: a pretrained one, or layers of the teacher."""

    kind: Literal["transformer"] = Field("transformer", description="A Hugging Face encoder.")
    model: ModelRef | None = Field(
        None, description="The pretrained transformer. Default: the teacher, of which `layers` layers are kept."
    )
    layers: int | None = Field(
        None,
        ge=1,
        description="Number of layers that are kept, evenly spaced. Default: all; must be given without `model`.",
    )


Student = Annotated[
    Annotated[StudentConfig, Tag("tagger")] | Annotated[TransformerStudentConfig, Tag("transformer")],
    by_kind("tagger"),
]

# A transformer needs a smaller learning rate. A student of words is trained with more unknown words, because it has no
# row for most words of new text.
_TRANSFORMER_TRAIN = {"learning_rate": 3e-4, "clip_norm": 1.0, "unk_dropout": 0.0}
_WORD_TRAIN = {"unk_dropout": 0.15}
# A student that learns a teacher's probabilities on much text overfits less than with gold tags, so it gets less dropout
# and a larger learning rate. Not with pseudo-labels: there, these values cost the demo's student 1.8 points of dev F1.
_DISTILLED_TRAIN, _DISTILLED_STUDENT = {"learning_rate": 5e-3}, {"dropout": 0.1}
_DEFAULT_KINDS = (("embedder", "subword"), ("encoder", "lstm"), ("head", "auto"))
_RECURRENT_ENCODERS = ("lstm", "gru")
# One layer is enough with a teacher's probabilities on much text. Otherwise, two layers have a higher F1: by 2.8 points
# with gold tags alone (WNUT17), by 1.4 points with synthetic sentences (dev).
_AUTO_LAYERS_WITHOUT_RAW_TEXT = 2


def with_defaults(values: dict[str, Any], *, learns_logits: bool) -> dict[str, Any]:
    """Return ``values`` with the defaults that depend on the kind of student.

    Args:
        values: the configuration of a command that trains a student, not validated yet.
        learns_logits: whether the student learns from a teacher's logits, as in tagger_kd.
    """
    student, train = values.get("student", {}), values.get("train", {})
    if not isinstance(student, dict) or not isinstance(train, dict):
        return values
    if student.get("kind", "tagger") == "transformer":
        return {**values, "train": {**_TRANSFORMER_TRAIN, **train}}
    embedder, encoder, head = (_kind(student.get(part), default) for part, default in _DEFAULT_KINDS)
    if head == "auto" and (train.get("label_pipeline_words") or _kind(values.get("objective"), None, "loss") == "mse"):
        student = {**student, "head": {"kind": "softmax"}}
    uses_distillation_defaults = encoder in _RECURRENT_ENCODERS and embedder != "word" and learns_logits
    if (
        encoder in _RECURRENT_ENCODERS
        and not (uses_distillation_defaults and _has_raw_text(values))
        and not student.get("init_from")
    ):
        student = _with_layers(student)
    if uses_distillation_defaults:
        student, train = {**_DISTILLED_STUDENT, **student}, {**_DISTILLED_TRAIN, **train}
    if embedder == "word":
        train = {**_WORD_TRAIN, **train}
    return {**values, **({"student": student} if student else {}), "train": train}


def _has_raw_text(values: dict[str, Any]) -> bool:
    data = values.get("data")
    return isinstance(data, dict) and data.get("unlabeled") is not None


def _with_layers(student: dict[str, Any]) -> dict[str, Any]:
    encoder = student.get("encoder", {})
    if not isinstance(encoder, dict) or encoder.get("layers", "auto") != "auto":
        return student
    return {**student, "encoder": {**encoder, "layers": _AUTO_LAYERS_WITHOUT_RAW_TEXT}}


def _kind(part: object, default: str | None, key: str = "kind") -> object:
    return part.get(key, default) if isinstance(part, dict) else default
