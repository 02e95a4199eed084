"""Build a student from its configuration.

``build_student`` passes the configuration on to ``build_tagger``, ``build_transformer`` or ``warm_start``;
``build_tagger`` builds the head, the encoder and the embedder from their parts of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, assert_never

import torch
from transformers import PreTrainedTokenizerBase

from nlptrain.config import auto
from nlptrain.config.components import (
    EMBEDDERS,
    HEADS,
    AutoHeadConfig,
    EncoderConfig,
    HeadConfig,
    SubwordEmbedderConfig,
    WordEmbedderConfig,
)
from nlptrain.config.student import StudentConfig, TransformerStudentConfig
from nlptrain.data.labels import Labels
from nlptrain.data.sentence import Sentence
from nlptrain.data.vocabulary import SHAPES, Vocabulary
from nlptrain.data.word_splitter import WordSplitter
from nlptrain.errors import InputError, Setting
from nlptrain.models.embedders import SubwordTable
from nlptrain.models.neural_tagger import NeuralTagger, NeuralTaggerConfig
from nlptrain.models.pretrained import resolve_model
from nlptrain.models.students.embeddings import TrainingText, assign_rows, init_subword_table, init_word_table
from nlptrain.models.students.warm_start import build_transformer, warm_start
from nlptrain.models.token_model import TokenModel
from nlptrain.models.tokenization import Featurizer, PooledFeaturizer, SubwordFeaturizer, WordFeaturizer
from nlptrain.models.tokenization.subword_boundaries import subword_boundaries
from nlptrain.models.tokenization.tokenizer import CASINGS, add_cased_subwords, load_tokenizer
from nlptrain.run.run import quiet_transformers

MAX_TABLE_PARAMETERS = 2_000_000  # of an embedding table with vocab_size: auto


@quiet_transformers()
def build_student(
    config: StudentConfig | TransformerStudentConfig,
    labels: Labels,
    *,
    seed: int,
    teacher: TokenModel | None = None,
    splitter: WordSplitter | None = None,
    text: Callable[[], Iterable[Sentence]] | None = None,
    log: Callable[[str], None] = lambda _: None,
) -> TokenModel:
    """Build a student with new weights, or with those of the student in ``config.init_from``.

    Args:
        config: kind, parts and sizes.
        labels: its columns; with a teacher, the teacher's labels in their order.
        seed: for the initial weights.
        teacher: source of the tokenizer and of the embedding table, unless ``config`` names others.
        splitter: its word splitter.
        text: reads the sentences of train and unlabeled text; only called if they decide the vocabulary.
        log: receives the values of keys that are ``auto``, and other decisions.

    Raises:
        InputError: a model or file of ``config`` does not exist, or does not match.
    """
    torch.manual_seed(seed)
    if config.init_from is not None:
        return warm_start(config, labels, splitter=splitter, log=log)
    options: dict[str, Any] = {"seed": seed, "teacher": teacher, "splitter": splitter, "log": log}
    match config:
        case StudentConfig():
            return build_tagger(config, labels, text=TrainingText(text), **options)
        case TransformerStudentConfig():
            return build_transformer(config, labels, **options)
        case unknown:
            assert_never(unknown)


def build_tagger(
    config: StudentConfig,
    labels: Labels,
    *,
    seed: int,
    teacher: TokenModel | None = None,
    splitter: WordSplitter | None = None,
    text: TrainingText | None = None,
    log: Callable[[str], None] = lambda _: None,
) -> TokenModel:
    """Build a NeuralTagger with new weights; arguments and errors as for ``build_student``."""
    kind = config.embedder.name
    build_inputs: BuildInputs = EMBEDDERS.load(kind, EMBEDDERS[kind].build)
    inputs = build_inputs(config, teacher, text or TrainingText(), log)
    featurizer = inputs.featurizer
    head = _resolve_head(config.head, labels, log)
    encoder = _resolve_encoder(config.encoder, head, log)
    torch.manual_seed(seed)
    model_config = NeuralTaggerConfig(  # type: ignore[call-arg]  # transformers' own keys are untyped
        embedder=inputs.embedder,
        encoder=encoder.model_dump(),
        head=head.model_dump(),
        dropout=auto.resolved_number(config.dropout, auto.dropout()),
        max_pieces=config.max_subwords,
        max_characters=getattr(config.embedder, "max_characters", None),
        id2label=dict(enumerate(labels.names)),
        label2id=dict(labels.ids),
        pad_token_id=None if featurizer.tokenizer is None else featurizer.tokenizer.pad_token_id,
    )
    model = NeuralTagger(model_config)
    model.head.constrain(labels)
    if featurizer.tokenizer is not None and (model.head.is_structured or model.embedder.reads == "pooled_subwords"):
        boundaries = subword_boundaries(featurizer.tokenizer, splitter or WordSplitter.default())
        if boundaries is not None:
            model.set_subword_boundaries(boundaries)
    inputs.init_table(model)
    return TokenModel(
        model.eval(), featurizer, labels, max_subwords=config.max_subwords, splitter=splitter, name="student"
    )


def _resolve_head(config: HeadConfig, labels: Labels, log: Callable[[str], None]) -> HeadConfig:
    if not isinstance(config, AutoHeadConfig):
        return config
    choice = auto.head_kind_for(len(labels), labels.scheme)
    log(choice.describe("student.head.kind"))
    return HEADS[str(choice.value)].config()


def _resolve_encoder(config: EncoderConfig, head: HeadConfig, log: Callable[[str], None]) -> EncoderConfig:
    if getattr(config, "layers", None) != "auto":
        return config
    choice = auto.encoder_layers_for(head)
    log(choice.describe("student.encoder.layers"))
    return config.model_copy(update={"layers": choice.value})


class TaggerInputs(NamedTuple):
    """How a new tagger reads words.

    Attributes:
        featurizer: turns words into inputs.
        embedder: kind and sizes of the embedder, for ``NeuralTaggerConfig``.
        init_table: initializes the embedding table of the built model.
    """

    featurizer: Featurizer
    embedder: dict[str, Any]
    init_table: Callable[[NeuralTagger], None]


BuildInputs = Callable[[StudentConfig, TokenModel | None, TrainingText, Callable[[str], None]], TaggerInputs]


def pooled_inputs(
    config: StudentConfig, teacher: TokenModel | None, text: TrainingText, log: Callable[[str], None]
) -> TaggerInputs:
    """Return the inputs of a student of pooled subwords."""
    inputs = subword_inputs(config, teacher, text, log)
    assert inputs.featurizer.tokenizer is not None
    return inputs._replace(featurizer=PooledFeaturizer(inputs.featurizer.tokenizer))


def subword_inputs(
    config: StudentConfig, teacher: TokenModel | None, text: TrainingText, log: Callable[[str], None]
) -> TaggerInputs:
    """Return the inputs of a student of subwords."""
    embedder = config.embedder
    assert isinstance(embedder, SubwordEmbedderConfig)
    featurizer = SubwordFeaturizer(_tokenizer(config, teacher))
    vocab_size = len(featurizer.tokenizer)
    kept = _kept_subwords(embedder, featurizer, text)
    if kept is not None:
        log(f"student.embedder.vocab_size: {len(kept):,} of the tokenizer's {vocab_size:,} subwords have their own row")
    sizes: dict[str, Any] = {"kind": embedder.kind, "dim": embedder.dim, "vocab_size": vocab_size}
    if kept is not None:
        sizes["kept"] = len(kept)
    unknown = _unknown(featurizer.tokenizer)
    cased = add_cased_subwords(featurizer.tokenizer) if embedder.cased else None
    if cased is not None:
        featurizer = SubwordFeaturizer(cased.tokenizer)
        sizes.update(vocab_size=len(cased.uncased_ids), kept=sizes.get("kept", vocab_size), forms=CASINGS)
    init = embedder.init or (None if teacher is not None else config.tokenizer)

    def init_table(model: NeuralTagger) -> None:
        if init != "random":
            rows = init_subword_table(model, embedder.dim, init, teacher, vocab_size, kept)
        elif kept is not None:
            rows = assign_rows(kept, torch.full((vocab_size,), kept.index(unknown)))
        else:
            rows = torch.arange(vocab_size)
        assert isinstance(model.embedder, SubwordTable)
        if cased is not None:
            model.embedder.share(rows[torch.tensor(cased.uncased_ids)], cased.casings)
        elif kept is not None:
            model.embedder.share(rows)

    return TaggerInputs(featurizer, sizes, init_table)


def word_inputs(
    config: StudentConfig, teacher: TokenModel | None, text: TrainingText, log: Callable[[str], None]
) -> TaggerInputs:
    """Return the inputs of a student of words."""
    embedder = config.embedder
    assert isinstance(embedder, WordEmbedderConfig)
    if config.tokenizer is not None:
        raise InputError(
            "a student with embedder kind word has no tokenizer",
            location=Setting("student.tokenizer"),
            hint=("remove ", Setting("student.tokenizer")),
        )
    vocabulary = Vocabulary.collect(
        text.words, min_count=embedder.min_count, max_size=embedder.vocab_size, lowercase=embedder.lowercase
    )
    log(
        f"student.embedder.vocab_size: {len(vocabulary.words):,} of the {len(text.words):,} distinct words of the "
        "training text have their own row"
    )
    sizes = {
        **{key: getattr(embedder, key) for key in ("kind", "dim", "shape_dim", "char_dim", "char_filters")},
        "char_kernel": embedder.char_kernel,
        "vocab_size": len(vocabulary),
        "shapes": len(SHAPES),
    }

    def init_table(model: NeuralTagger) -> None:
        init_word_table(model, embedder, vocabulary, teacher, log)

    return TaggerInputs(WordFeaturizer(vocabulary, embedder.max_characters), sizes, init_table)


def _tokenizer(config: StudentConfig, teacher: TokenModel | None) -> PreTrainedTokenizerBase:
    if config.tokenizer is not None:
        return load_tokenizer(resolve_model(config.tokenizer))[0]
    if teacher is None:
        raise InputError(
            "missing",
            location=Setting("student.tokenizer"),
            expected="the pretrained model whose tokenizer to use, since no teacher has one",
        )
    return teacher.tokenizer


def _kept_subwords(
    config: SubwordEmbedderConfig, featurizer: SubwordFeaturizer, text: TrainingText
) -> list[int] | None:
    """Return the subwords with a row of their own, in the order of the rows; None: all of them."""
    tokenizer = featurizer.tokenizer
    vocab_size = len(tokenizer)
    if config.vocab_size == "all" or (config.vocab_size == "auto" and vocab_size * config.dim <= MAX_TABLE_PARAMETERS):
        return None
    special = sorted({*featurizer.prefix, *featurizer.suffix, *tokenizer.all_special_ids, _unknown(tokenizer)})
    by_frequency = text.subwords(featurizer)
    if config.vocab_size == "auto":
        # After the subwords of the text, those of the tokenizer in its own order, which is by frequency, too.
        by_frequency, rows = [*by_frequency, *range(vocab_size)], MAX_TABLE_PARAMETERS // config.dim
    else:
        rows = int(config.vocab_size)
    return list(dict.fromkeys([*special, *by_frequency]))[: max(rows, len(special))]


def _unknown(tokenizer: PreTrainedTokenizerBase) -> int:
    """Return the id for subwords without a row: the unknown token, or the padding in byte-level tokenizers."""
    unknown = tokenizer.unk_token_id
    return int(unknown if unknown is not None else tokenizer.pad_token_id or 0)
