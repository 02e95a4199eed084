"""Building a NeuralTagger from its configuration."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from transformers import PreTrainedTokenizerBase

from nlptrain.config.student import (
    MOST_CHAINED_LABELS,
    Embedder,
    Encoder,
    Head,
    IDCNNEncoderConfig,
    PooledEmbedderConfig,
    StudentConfig,
    SubwordEmbedderConfig,
    TransformerStudentConfig,
    WordEmbedderConfig,
)
from nlptrain.data.labels import Labels
from nlptrain.data.sentence import Sentence
from nlptrain.data.vocabulary import SHAPES, Vocabulary
from nlptrain.data.word_splitter import WordSplitter
from nlptrain.errors import InputError
from nlptrain.models.embedders import SubwordTable
from nlptrain.models.heads import CRFHead
from nlptrain.models.neural_tagger import NeuralTagger, NeuralTaggerConfig
from nlptrain.models.pretrained import resolve
from nlptrain.models.students.embeddings import TrainingText, init_subword_table, init_word_table, rows_of
from nlptrain.models.students.warm_start import build_transformer, warm_start
from nlptrain.models.token_model import TokenModel
from nlptrain.models.tokenization import Featurizer, PooledFeaturizer, SubwordFeaturizer, WordFeaturizer
from nlptrain.models.tokenization.cased_tokenizer import FORMS, add_cased_subwords
from nlptrain.models.tokenization.subword_boundaries import subword_boundaries
from nlptrain.models.tokenization.tokenizer import load_tokenizer
from nlptrain.run.run import quiet_transformers

MOST_TABLE_PARAMETERS = 2_000_000  # of a table that is cut by itself


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
    """A NeuralTagger with new weights, drawn by ``seed``; arguments and errors as for ``build_student``."""
    text = text or TrainingText()
    build = _PARTS[config.embedder.kind]
    featurizer, embedder, begin = build(config, teacher, text, log)
    head = _head(config.head, labels, log)
    roles = None
    if featurizer.tokenizer is not None and (head["kind"] == "crf" or isinstance(featurizer, PooledFeaturizer)):
        roles = subword_boundaries(featurizer.tokenizer, splitter or WordSplitter.default())
    torch.manual_seed(seed)
    shape = NeuralTaggerConfig(  # type: ignore[call-arg]  # transformers' own keys are untyped
        embedder=embedder,
        encoder=_encoder(config.encoder, head, log),
        head=head,
        dropout=config.dropout,
        max_pieces=config.max_subwords,
        max_characters=getattr(config.embedder, "max_characters", None),
        id2label=dict(enumerate(labels.names)),
        label2id=dict(labels.ids),
        pad_token_id=None if featurizer.tokenizer is None else featurizer.tokenizer.pad_token_id,
    )
    model = NeuralTagger(shape)
    if isinstance(model.head, CRFHead):
        model.head.constrain(labels)
    if roles is not None:
        model.set_subword_boundaries(roles)
    begin(model)
    return TokenModel(
        model.eval(), featurizer, labels, max_subwords=config.max_subwords, splitter=splitter, name="student"
    )


def _encoder(config: Encoder, head: dict[str, Any], log: Callable[[str], None]) -> dict[str, Any]:
    if isinstance(config, IDCNNEncoderConfig) or config.layers != "auto":
        return config.model_dump()
    # Three seeds each: with a CRF, on WNUT17, a second layer gains nothing; with a softmax, on UD EWT, 0.2 points.
    layers = 1 if head["kind"] == "crf" else 2
    log(f"student: {'1 layer, under a CRF' if layers == 1 else '2 layers, under a softmax'} (student.encoder.layers)")
    return {**config.model_dump(), "layers": layers}


def _head(config: Head, labels: Labels, log: Callable[[str], None]) -> dict[str, Any]:
    if config.kind != "auto":
        return config.model_dump()
    chained = labels.scheme != "plain" and len(labels) <= MOST_CHAINED_LABELS
    why = f"for {len(labels)} labels of {'plain tags' if labels.scheme == 'plain' else labels.scheme}"
    log(f"student: {'a CRF' if chained else 'a softmax'} {why} (student.head.kind)")
    return {"kind": "crf" if chained else "softmax"}


Begin = Callable[[NeuralTagger], None]
Parts = tuple[Featurizer, dict[str, Any], Begin]


def _subword(
    config: StudentConfig, teacher: TokenModel | None, text: TrainingText, log: Callable[[str], None]
) -> Parts:
    embedder = config.embedder
    assert isinstance(embedder, SubwordEmbedderConfig)
    featurizer = SubwordFeaturizer(_tokenizer(config, teacher))
    pieces = len(featurizer.tokenizer)
    kept = _kept_pieces(embedder, featurizer, text)
    if kept is not None:
        log(f"student: {len(kept):,} of the tokenizer's {pieces:,} pieces have a row of their own")
    shape: dict[str, Any] = {"kind": embedder.kind, "dim": embedder.dim, "vocab_size": pieces}
    if kept is not None:
        shape["kept"] = len(kept)
    unknown = _unknown(featurizer.tokenizer)
    casing = add_cased_subwords(featurizer.tokenizer) if embedder.cased else None
    if casing is not None:
        featurizer = SubwordFeaturizer(casing.tokenizer)
        shape.update(vocab_size=len(casing.pieces), kept=shape.get("kept", pieces), forms=FORMS)
    if isinstance(embedder, PooledEmbedderConfig):
        featurizer = PooledFeaturizer(featurizer.tokenizer)
    init = embedder.init or (None if teacher is not None else config.tokenizer)

    def begin(model: NeuralTagger) -> None:
        if init != "random":
            rows = init_subword_table(model, embedder.dim, init, teacher, pieces, kept)
        elif kept is not None:
            rows = rows_of(kept, torch.full((pieces,), kept.index(unknown)))
        else:
            rows = torch.arange(pieces)
        assert isinstance(model.embedder, SubwordTable)
        if casing is not None:
            model.embedder.share(rows[torch.tensor(casing.pieces)], casing.forms)
        elif kept is not None:
            model.embedder.share(rows)

    return featurizer, shape, begin


def _word(config: StudentConfig, teacher: TokenModel | None, text: TrainingText, log: Callable[[str], None]) -> Parts:
    embedder = config.embedder
    assert isinstance(embedder, WordEmbedderConfig)
    if config.tokenizer is not None:
        raise InputError("student.tokenizer: with embedder kind word, the student reads words; leave the tokenizer out")
    vocabulary = Vocabulary.collect(
        text.words, min_count=embedder.min_count, max_size=embedder.vocab_size, lowercase=embedder.lowercase
    )
    log(f"student: {len(vocabulary.words):,} words have a row, of {len(text.words):,} of all that is learned from")
    shape = {
        **{key: getattr(embedder, key) for key in ("kind", "dim", "shape_dim", "char_dim", "char_filters")},
        "char_kernel": embedder.char_kernel,
        "vocab_size": len(vocabulary),
        "shapes": len(SHAPES),
    }

    def begin(model: NeuralTagger) -> None:
        init_word_table(model, embedder, vocabulary, teacher, log)

    return WordFeaturizer(vocabulary, embedder.max_characters), shape, begin


_PARTS: dict[str, Callable[..., Parts]] = {"subword": _subword, "pooled": _subword, "word": _word}


def _tokenizer(config: StudentConfig, teacher: TokenModel | None) -> PreTrainedTokenizerBase:
    if config.tokenizer is not None:
        return load_tokenizer(resolve(config.tokenizer))[0]
    if teacher is None:
        raise InputError("student.tokenizer: missing; without a teacher, name the pretrained model to read with")
    return teacher.tokenizer


def _kept_pieces(config: Embedder, featurizer: SubwordFeaturizer, text: TrainingText) -> list[int] | None:
    """The pieces with a row of their own, in the order of the rows; None: all of them."""
    assert isinstance(config, SubwordEmbedderConfig)
    pieces = len(featurizer.tokenizer)
    if config.vocab_size == "all" or (config.vocab_size == "auto" and pieces * config.dim <= MOST_TABLE_PARAMETERS):
        return None
    special = sorted(
        {*featurizer.prefix, *featurizer.suffix, *featurizer.tokenizer.all_special_ids, _unknown(featurizer.tokenizer)}
    )
    by_use = text.pieces(featurizer)
    if config.vocab_size == "auto":
        # Behind what the text uses, the tokenizer's own order: its first pieces are its most frequent ones.
        by_use, room = [*by_use, *range(pieces)], MOST_TABLE_PARAMETERS // config.dim
    else:
        room = int(config.vocab_size)
    return list(dict.fromkeys([*special, *by_use]))[: max(room, len(special))]


def _unknown(tokenizer: PreTrainedTokenizerBase) -> int:
    """The piece that stands for what has no row: the unknown one, or, in byte-level tokenizers without, the padding."""
    unknown = tokenizer.unk_token_id
    return int(unknown if unknown is not None else tokenizer.pad_token_id or 0)


STUDENTS: dict[str, Callable[..., TokenModel]] = {"tagger": build_tagger, "transformer": build_transformer}


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
    """A student with new weights, drawn by ``seed``, or with those of the student that it starts from.

    Args:
        config: kind, parts and sizes.
        labels: its columns; with a teacher, the teacher's in their order.
        seed: decides every weight.
        teacher: where tokenizer and first table come from unless ``config`` names others.
        splitter: how it will read raw text.
        text: reads the sentences of train and unlabeled text; asked only where they decide the vocabulary.
        log: receives what a reader of the run should know.

    Raises:
        InputError: a model or file that ``config`` names is not there, or does not fit.
    """
    torch.manual_seed(seed)
    if config.init_from is not None:
        return warm_start(config, labels, splitter=splitter, log=log)
    read = TrainingText(text)
    student = STUDENTS[config.kind](config, labels, seed=seed, teacher=teacher, splitter=splitter, text=read, log=log)
    return student
