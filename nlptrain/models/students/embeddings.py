"""Initialize a student's embedding table from a model's input embeddings or a file of word vectors; training text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor
from transformers import MODEL_MAPPING

from nlptrain.config.components import WordEmbedderConfig
from nlptrain.data.sentence import Sentence
from nlptrain.data.vocabulary import UNKNOWN, Vocabulary, read_vectors
from nlptrain.errors import InputError, Setting
from nlptrain.models.neural_tagger import NeuralTagger
from nlptrain.models.pretrained import load_net, resolve_model
from nlptrain.models.token_model import TokenModel
from nlptrain.models.tokenization import SubwordFeaturizer
from nlptrain.models.tokenization.tokenizer import load_config, load_tokenizer

_BLOCK = 2048  # vectors that are compared with all rows at once: 0.5 GB with 60,000 rows


@torch.no_grad()
def init_subword_table(
    model: NeuralTagger,
    dim: int,
    reference: str | None,
    teacher: TokenModel | None,
    vocab_size: int,
    kept: Sequence[int] | None,
) -> Tensor:
    """Initialize the table with principal components of the input embeddings of ``reference``, or of the teacher.

    If only some subwords are ``kept``, each of the others shares the row of the kept subword that is nearest in these
    components: a name without a row is then read as another name, and not as unknown.

    Returns:
        The row of each of the ``vocab_size`` subwords.

    Raises:
        InputError: the embeddings have too few rows or columns.
    """
    table = input_embeddings(reference, teacher)
    if len(table) < vocab_size:
        raise InputError(
            f"{reference or 'the teacher'} has {len(table)} embeddings, and the tokenizer {vocab_size} subwords",
            location=Setting("student.embedder.init"),
        )
    _check_width(table, dim)
    components = principal_components(table[:vocab_size], dim)
    if kept is None:
        model.embedder.table.weight.copy_(components)
        return torch.arange(vocab_size)
    rows = components[torch.tensor(kept)]
    model.embedder.table.weight.copy_(rows)
    return assign_rows(kept, _nearest(components, rows))


def assign_rows(kept: Sequence[int], others: Tensor) -> Tensor:
    """Return the row of each subword: row n for the n-th one of ``kept``, and that in ``others`` [V] for the rest."""
    rows = others.clone()
    rows[torch.tensor(kept)] = torch.arange(len(kept), dtype=rows.dtype)
    return rows


def _nearest(vectors: Tensor, rows: Tensor) -> Tensor:
    """Return the index of the nearest of ``rows`` [R, D] for each of ``vectors`` [V, D], as int32 [V]."""
    half = rows.square().sum(dim=1) / 2  # |v - r|^2 is minimal where v r - |r|^2 / 2 is maximal
    return torch.cat([(block @ rows.T - half).argmax(dim=1) for block in vectors.split(_BLOCK)]).to(torch.int32)


@torch.no_grad()
def init_word_table(
    model: NeuralTagger,
    config: WordEmbedderConfig,
    vocabulary: Vocabulary,
    teacher: TokenModel | None,
    log: Callable[[str], None],
) -> None:
    """Initialize the table according to ``config``; the row of the padding is 0.

    Raises:
        InputError: the vectors, or the model's embeddings, do not match.
    """
    weight = model.embedder.table.weight
    init = config.init or ("random" if teacher is None else "teacher")
    if config.vectors is not None:
        _from_vectors(weight, config, vocabulary, log)
    elif init != "random":
        reference = None if init == "teacher" else init
        table = input_embeddings(reference, teacher)
        _check_width(table, config.dim)
        weight.copy_(principal_components(_subword_means(vocabulary, table, reference, teacher), config.dim))
    weight[0] = 0


def input_embeddings(reference: str | None, teacher: TokenModel | None) -> Tensor:
    """Return the input embeddings [V, D] of the model ``reference``, or of the teacher."""
    if reference is None:
        if teacher is None:
            raise InputError(
                "found teacher, but there is no teacher",
                location=Setting("student.embedder.init"),
                expected="a pretrained model, or random",
            )
        vectors = teacher.subword_vectors()
        if vectors is None:
            raise InputError(
                f"{teacher.name} reads words, and has no embeddings of subwords",
                location=Setting("student.embedder.init"),
                expected="a pretrained model, or random",
            )
        return vectors
    source = resolve_model(reference)
    model, _ = load_net(source, load_config(source), MODEL_MAPPING)
    weight = model.get_input_embeddings().weight
    assert isinstance(weight, Tensor)
    return weight.detach()


def _subword_means(vocabulary: Vocabulary, table: Tensor, reference: str | None, teacher: TokenModel | None) -> Tensor:
    """Return the mean embedding of each word's subwords, [rows, D]; the unknown token's for the unknown word."""
    if reference is None:
        assert teacher is not None
        featurizer = SubwordFeaturizer(teacher.tokenizer)
    else:
        featurizer = SubwordFeaturizer(load_tokenizer(resolve_model(reference))[0])
    means = table.new_zeros((len(vocabulary), table.shape[1]))
    unknown = featurizer.tokenizer.unk_token_id
    means[UNKNOWN] = table.mean(dim=0) if unknown is None else table[unknown]
    first = UNKNOWN + 1
    for row, subwords in enumerate(featurizer(vocabulary.words), start=first):
        means[row] = table[list(subwords)].mean(dim=0)
    means[0] = means[UNKNOWN]
    return means


def _from_vectors(
    weight: Tensor, config: WordEmbedderConfig, vocabulary: Vocabulary, log: Callable[[str], None]
) -> None:
    vectors = read_vectors(Path(str(config.vectors)), vocabulary.words)
    log(f"student.embedder.vectors: {vectors.describe()} ({config.vectors})")
    if vectors.dim < config.dim:
        raise InputError(
            f"found {config.dim}",
            location=Setting("student.embedder.dim"),
            expected=f"at most {vectors.dim}, the dimensions of {config.vectors}",
        )
    known = [(row, word) for row, word in enumerate(vocabulary.words, start=UNKNOWN + 1) if word in vectors.rows]
    if not known:
        raise InputError(
            f"{config.vectors} has none of the {len(vocabulary.words):,} words",
            location=Setting("student.embedder.vectors"),
        )
    rows = torch.stack([torch.from_numpy(vectors.rows[word]) for _, word in known])
    if vectors.dim > config.dim:
        rows = principal_components(rows, config.dim)
    else:
        rows = rows / rows.std().clamp(min=1e-6)  # the scale of the other rows
    weight[torch.tensor([row for row, _ in known])] = rows


def _check_width(table: Tensor, dim: int) -> None:
    if dim > table.shape[1]:
        raise InputError(
            f"found {dim}",
            location=Setting("student.embedder.dim"),
            expected=f"at most {table.shape[1]}, the dimensions of the input embeddings that initialize the table",
            hint=("or set ", Setting("student.embedder.init"), " to random"),
        )


def principal_components(table: Tensor, dim: int) -> Tensor:
    """Return the first ``dim`` principal components [V, dim] of ``table`` [V, D], scaled to an overall variance of 1.

    The result is deterministic: an eigenvalue decomposition in float64, with the sign of each component set so that its
    largest loading is positive.

    Raises:
        ValueError: ``dim`` is larger than D.
    """
    if dim > table.shape[1]:
        raise ValueError(f"embedder.dim is {dim}, and the input embeddings have only {table.shape[1]} columns")
    centered = table.detach().to("cpu", torch.float64, copy=True)
    centered -= centered.mean(dim=0)  # saves memory: the table of a multilingual teacher has 1.5 GB
    _, vectors = torch.linalg.eigh(centered.T @ centered)
    loadings = vectors[:, -dim:].flip(1)
    loadings = loadings * loadings.gather(0, loadings.abs().argmax(dim=0, keepdim=True)).sign()
    cut = centered @ loadings
    spread = cut.std()
    scaled: Tensor = (cut / spread if spread > 0.0 else torch.zeros_like(cut)).float()  # all rows are equal
    return scaled


_MAX_WORDS = 100_000  # distinct words in memory before their subwords are counted


class TrainingText:
    """Counts of words and subwords in the training text (train and unlabeled text), which decide a vocabulary."""

    def __init__(self, sentences: Callable[[], Iterable[Sentence]] | None = None) -> None:
        """Take a function that reads the sentences; it is only called if they are needed."""
        self._read = sentences

    @property
    def _sentences(self) -> Iterable[Sentence]:
        if self._read is None:
            raise InputError(
                "the vocabulary depends on the training text, which is missing",
                location=Setting("student.embedder"),
                hint="pass text=... to build_student",
            )
        return self._read()

    @cached_property
    def words(self) -> Mapping[str, int]:
        """The count of each word.

        Raises:
            InputError: there is no text.
        """
        counts: Counter[str] = Counter()
        for sentence in self._sentences:
            counts.update(sentence.words)
        return counts

    def subwords(self, featurizer: SubwordFeaturizer) -> list[int]:
        """Return the subwords of the text, by frequency and then by id, in bounded memory.

        Raises:
            InputError: there is no text.
        """
        counts: Counter[int] = Counter()
        words: Counter[str] = Counter()
        for sentence in self._sentences:
            words.update(sentence.words)
            if len(words) > _MAX_WORDS:
                _count_subwords(counts, words, featurizer)
        _count_subwords(counts, words, featurizer)
        return sorted(counts, key=lambda subword: (-counts[subword], subword))


def _count_subwords(counts: Counter[int], words: Counter[str], featurizer: SubwordFeaturizer) -> None:
    """Add the subwords of ``words`` to ``counts``, and clear ``words``."""
    for count, subwords in zip(words.values(), featurizer(list(words)), strict=True):
        for subword in subwords:
            counts[subword] += count
    words.clear()
