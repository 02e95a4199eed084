"""What a student's table starts from: a model's input embeddings, or a file of word vectors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor
from transformers import MODEL_MAPPING

from nlptrain.config.student import WordEmbedderConfig
from nlptrain.data.sentence import Sentence
from nlptrain.data.vectors import read_vectors
from nlptrain.data.vocabulary import UNKNOWN, Vocabulary
from nlptrain.errors import InputError
from nlptrain.models.neural_tagger import NeuralTagger
from nlptrain.models.pretrained import load_net, resolve
from nlptrain.models.token_model import TokenModel
from nlptrain.models.tokenization import SubwordFeaturizer
from nlptrain.models.tokenization.tokenizer import load_config, load_tokenizer

_BLOCK = 2048  # vectors compared with all rows at once: 0.5 GB at 60,000 rows


@torch.no_grad()
def init_subword_table(
    model: NeuralTagger,
    dim: int,
    reference: str | None,
    teacher: TokenModel | None,
    pieces: int,
    kept: Sequence[int] | None,
) -> Tensor:
    """Start the table from the principal components of the input embeddings of ``reference``, or of the teacher.

    Where only some pieces are ``kept``, each of the others shares the row of the one that is nearest to it among these
    components: a name that has no row is then read as another name, and not as nothing at all.

    Returns:
        The row of each of the ``pieces``.

    Raises:
        InputError: they are too few, or too narrow.
    """
    table = input_embeddings(reference, teacher)
    if len(table) < pieces:
        named = reference or "the teacher"
        raise InputError(f"student.embedder.init: {named} has {len(table)} rows, and the tokenizer {pieces} pieces")
    _check_width(table, dim)
    components = principal_components(table[:pieces], dim)
    if kept is None:
        model.embedder.table.weight.copy_(components)
        return torch.arange(pieces)
    rows = components[torch.tensor(kept)]
    model.embedder.table.weight.copy_(rows)
    return rows_of(kept, _nearest(components, rows))


def rows_of(kept: Sequence[int], others: Tensor) -> Tensor:
    """Row n for the n-th piece that is ``kept``, and for all others their row in ``others``, one of each piece."""
    rows = others.clone()
    rows[torch.tensor(kept)] = torch.arange(len(kept), dtype=rows.dtype)
    return rows


def _nearest(vectors: Tensor, rows: Tensor) -> Tensor:
    """For each of ``vectors`` [V, D] the number of the nearest of ``rows`` [R, D], as int32 [V]."""
    half = rows.square().sum(dim=1) / 2  # |v - r|^2 is least where v r - |r|^2 / 2 is largest
    return torch.cat([(block @ rows.T - half).argmax(dim=1) for block in vectors.split(_BLOCK)]).to(torch.int32)


@torch.no_grad()
def init_word_table(
    model: NeuralTagger,
    config: WordEmbedderConfig,
    vocabulary: Vocabulary,
    teacher: TokenModel | None,
    log: Callable[[str], None],
) -> None:
    """Start the table as ``config`` says; the padding's row is 0.

    Raises:
        InputError: the vectors, or the model's embeddings, do not fit.
    """
    weight = model.embedder.table.weight
    init = config.init or ("random" if teacher is None else "teacher")
    if config.vectors is not None:
        _from_vectors(weight, config, vocabulary, log)
    elif init != "random":
        reference = None if init == "teacher" else init
        table = input_embeddings(reference, teacher)
        _check_width(table, config.dim)
        weight.copy_(principal_components(_means_of_pieces(vocabulary, table, reference, teacher), config.dim))
    weight[0] = 0


def input_embeddings(reference: str | None, teacher: TokenModel | None) -> Tensor:
    """The input embeddings [V, D] of the model in ``reference``, or of the teacher."""
    if reference is None:
        if teacher is None:
            raise InputError("student.embedder.init: teacher, and there is none; name a pretrained model, or random")
        vectors = teacher.subword_vectors()
        if vectors is None:
            raise InputError(f"student.embedder.init: {teacher.name} reads words; name a pretrained model, or random")
        return vectors
    source = resolve(reference)
    model, _ = load_net(source, load_config(source), MODEL_MAPPING)
    weight = model.get_input_embeddings().weight
    assert isinstance(weight, Tensor)
    return weight.detach()


def _means_of_pieces(
    vocabulary: Vocabulary, table: Tensor, reference: str | None, teacher: TokenModel | None
) -> Tensor:
    """The mean of the pieces of each word, [rows, D]; the unknown word's is that of the unknown piece."""
    if reference is None:
        assert teacher is not None
        featurizer = SubwordFeaturizer(teacher.tokenizer)
    else:
        featurizer = SubwordFeaturizer(load_tokenizer(resolve(reference))[0])
    means = table.new_zeros((len(vocabulary), table.shape[1]))
    unknown = featurizer.tokenizer.unk_token_id
    means[UNKNOWN] = table.mean(dim=0) if unknown is None else table[unknown]
    first = UNKNOWN + 1
    for row, pieces in enumerate(featurizer(vocabulary.words), start=first):
        means[row] = table[list(pieces)].mean(dim=0)
    means[0] = means[UNKNOWN]
    return means


def _from_vectors(
    weight: Tensor, config: WordEmbedderConfig, vocabulary: Vocabulary, log: Callable[[str], None]
) -> None:
    vectors = read_vectors(Path(str(config.vectors)), vocabulary.words)
    log(f"student: {config.vectors}: {vectors.describe()}")
    if vectors.dim < config.dim:
        raise InputError(
            f"student.embedder.dim: found {config.dim}, and the vectors in {config.vectors} have {vectors.dim} "
            "columns; give at most as many"
        )
    found = [(row, word) for row, word in enumerate(vocabulary.words, start=UNKNOWN + 1) if word in vectors.rows]
    if not found:
        raise InputError(f"student.embedder.vectors: {config.vectors} has none of the {len(vocabulary.words):,} words")
    rows = torch.stack([torch.from_numpy(vectors.rows[word]) for _, word in found])
    if vectors.dim > config.dim:
        rows = principal_components(rows, config.dim)
    else:
        rows = rows / rows.std().clamp(min=1e-6)  # the scale that the rest of the table is drawn at
    weight[torch.tensor([row for row, _ in found])] = rows


def _check_width(table: Tensor, dim: int) -> None:
    if dim > table.shape[1]:
        raise InputError(
            f"student.embedder.dim: found {dim}, and the input embeddings that the table starts "
            f"from have only {table.shape[1]} columns; give at most as many, or student.embedder.init: random"
        )


def principal_components(table: Tensor, dim: int) -> Tensor:
    """``table`` [V, D] as its first ``dim`` principal components [V, dim], scaled to a variance of 1 overall.

    Exact and the same on every run: an eigenvalue decomposition in float64, each component's sign set so that its
    largest loading is positive.

    Raises:
        ValueError: ``dim`` is larger than D.
    """
    if dim > table.shape[1]:
        raise ValueError(f"embedder.dim is {dim}, and the model's input embeddings have only {table.shape[1]} columns")
    exact = table.detach().to("cpu", torch.float64, copy=True)
    exact -= exact.mean(dim=0)  # in place: the table of a multilingual teacher is 1.5 GB
    _, vectors = torch.linalg.eigh(exact.T @ exact)
    loadings = vectors[:, -dim:].flip(1)
    loadings = loadings * loadings.gather(0, loadings.abs().argmax(dim=0, keepdim=True)).sign()
    cut = exact @ loadings
    spread = cut.std()
    scaled: Tensor = (cut / spread if spread > 0.0 else torch.zeros_like(cut)).float()  # equal rows differ in nothing
    return scaled


_HELD = 100_000  # different words that are counted before their pieces are: much text has ever more of them


class TrainingText:
    """How often words and pieces stand in train and unlabeled text; dev and test are never in it."""

    def __init__(self, sentences: Callable[[], Iterable[Sentence]] | None = None) -> None:
        """Read what ``sentences`` gives when it is needed."""
        self._read = sentences

    @property
    def _sentences(self) -> Iterable[Sentence]:
        if self._read is None:
            raise InputError("student.embedder: its vocabulary is chosen by the text; give the sentences of train")
        return self._read()

    @cached_property
    def words(self) -> Mapping[str, int]:
        """The count of each word.

        Raises:
            InputError: nobody gave sentences to read.
        """
        counts: Counter[str] = Counter()
        for sentence in self._sentences:
            counts.update(sentence.words)
        return counts

    def pieces(self, featurizer: SubwordFeaturizer) -> list[int]:
        """The pieces that the text uses, the most frequent first, ties by id; in bounded memory.

        Raises:
            InputError: nobody gave sentences to read.
        """
        counts: Counter[int] = Counter()
        words: Counter[str] = Counter()
        for sentence in self._sentences:
            words.update(sentence.words)
            if len(words) > _HELD:
                _add_pieces(counts, words, featurizer)
        _add_pieces(counts, words, featurizer)
        return sorted(counts, key=lambda piece: (-counts[piece], piece))


def _add_pieces(counts: Counter[int], words: Counter[str], featurizer: SubwordFeaturizer) -> None:
    """Count the pieces of ``words``, and forget these."""
    for count, pieces in zip(words.values(), featurizer(list(words)), strict=True):
        for piece in pieces:
            counts[piece] += count
    words.clear()
