"""Features of each distinct word, by the kind of model that reads them.

A transformer reads the subwords, each a step of the model. Other models read one vector per word, computed by a graph
of its own from the subwords, or from a vocabulary row, a shape and characters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tokenizers import Tokenizer

from nlptrain_runtime.arrays import GrowableArray, GrowableLists, pad_lists, ranges
from nlptrain_runtime.description import INPUT_FILES
from nlptrain_runtime.errors import FolderError
from nlptrain_runtime.folder import DESCRIPTION, Folder, parse_object
from nlptrain_runtime.onnx_graph import OnnxGraph
from nlptrain_runtime.subwords import SubwordTokenizer
from nlptrain_runtime.word_features import UNKNOWN, character_codes, vocabulary_rows, word_shape

if TYPE_CHECKING:
    from nlptrain_runtime.arrays import FloatArray, IntArray

_BATCH_WORDS = 256  # words that the graph of words reads at once
_FEW_WORDS = 8  # words that are not sorted by length

Tokenize = Callable[[Sequence[str]], "tuple[IntArray, IntArray]"]  # words to their subwords, and the number of each


class SubwordFeatures:
    """Extracts the subwords of each word.

    Attributes:
        batch_words: words to extract at once; between batches, other threads may run.
    """

    batch_words = 256

    def __init__(self, tokenize: Tokenize) -> None:
        """Use the subwords of ``tokenize``."""
        self._tokenize = tokenize

    def empty(self) -> GrowableLists:
        """Return an empty store for the subwords of words."""
        return GrowableLists()

    def extract(self, words: Sequence[str]) -> tuple[IntArray, IntArray]:
        """Return the subwords of ``words``, concatenated, and how many each word has; nothing is stored."""
        return self._tokenize(words)


@dataclass(frozen=True)
class WordInputs:
    """The inputs of the graph of words for some words.

    Attributes:
        name: the name of the input of lists: subwords or characters.
        flat: these lists, concatenated.
        sizes: length of each list, [words].
        others: the other inputs, one value per word.
    """

    name: str
    flat: IntArray
    sizes: IntArray
    others: dict[str, IntArray]


class VectorFeatures:
    """Computes the vector of each word.

    Attributes:
        batch_words: as for ``SubwordFeatures``; in more words, more have a similar length and share a batch.
    """

    batch_words = 4 * _BATCH_WORDS

    def __init__(
        self, graph: OnnxGraph, word_inputs: Callable[[Sequence[str]], WordInputs], *, max_length: int
    ) -> None:
        """Compute vectors by ``graph`` from ``word_inputs`` of words, whose lists are cut to ``max_length``."""
        self._graph = graph
        self._word_inputs = word_inputs
        self._max_length = max_length
        self._width = graph.width

    def empty(self) -> GrowableArray:
        """Return an empty store for the vectors of words."""
        return GrowableArray((self._width,), np.float32)

    def extract(self, words: Sequence[str]) -> tuple[FloatArray]:
        """Return the vectors of ``words``, [words, width]; nothing is stored."""
        inputs = self._word_inputs(words)
        if len(words) <= _FEW_WORDS:
            return (self._run(inputs.name, inputs.flat, inputs.sizes, inputs.others),)
        begins = np.cumsum(inputs.sizes) - inputs.sizes
        order = np.argsort(inputs.sizes, kind="stable")  # words of similar length share a batch, for little padding
        vectors = np.empty((len(words), self._width), dtype=np.float32)
        for start in range(0, len(words), _BATCH_WORDS):
            batch = order[start : start + _BATCH_WORDS]
            sizes = inputs.sizes[batch]
            flat = inputs.flat[ranges(begins[batch], sizes)]
            others = {name: values[batch] for name, values in inputs.others.items()}
            vectors[batch] = self._run(inputs.name, flat, sizes, others)
        return (vectors,)

    def _run(self, name: str, flat: IntArray, sizes: IntArray, others: dict[str, IntArray]) -> FloatArray:
        """Return the vectors of words, [words, width]; ``others`` are the inputs besides ``name``."""
        vectors: FloatArray = self._graph.run(
            None, {name: pad_lists(flat, sizes, max_length=self._max_length), **others}
        )[0]
        return vectors


FeatureExtractor = SubwordFeatures | VectorFeatures


def load_features(folder: Folder) -> FeatureExtractor:
    """Return the feature extractor of the model in ``folder``.

    Raises:
        FolderError: one of its files cannot be read.
    """
    described: dict[str, Any] = folder.described
    if described["reads"] == "words":
        word_inputs = _load_vocabulary(folder)
        return VectorFeatures(OnnxGraph(folder, "words"), word_inputs, max_length=described["characters"])
    tokenize = _load_tokenizer(folder)
    if described["reads"] == "pieces":
        return SubwordFeatures(tokenize)
    return VectorFeatures(
        OnnxGraph(folder, "words"),
        lambda words: WordInputs("pieces", *tokenize(words), {}),
        max_length=described["most_pieces"],
    )


def _load_tokenizer(folder: Folder) -> Tokenize:
    name = INPUT_FILES[folder.described["reads"]]
    path = folder.path / name
    subwords = folder.described["pieces"]
    with _tokenizer_errors(path, "cannot be read"):
        tokenizer = Tokenizer.from_buffer(folder.read(name))
        _check_known_subwords(tokenizer, subwords, path)
        tokenize = SubwordTokenizer(
            tokenizer, space=subwords["space"], unknown=subwords["unknown"], encodes_together=subwords["together"]
        )

    def tokenize_words(words: Sequence[str]) -> tuple[IntArray, IntArray]:
        with _tokenizer_errors(path, "fails"):
            return tokenize(words)

    return tokenize_words


def _check_known_subwords(tokenizer: Tokenizer, subwords: dict[str, Any], path: Path) -> None:
    special = [*subwords["prefix"], *subwords["suffix"], *(subwords[name] or 0 for name in ("unknown", "padding"))]
    missing = next((token for token in special if token and tokenizer.id_to_token(token) is None), None)
    if missing is not None:
        raise FolderError(f"{path}: has no token {missing}, which {DESCRIPTION} names; export the tagger again")


@contextmanager
def _tokenizer_errors(path: Path, failure: str) -> Iterator[None]:
    """Turn the exceptions of tokenizers into a ``FolderError``: plain exceptions, and Rust's panics.

    All others pass: a signal handler may raise anything here.
    """
    try:
        yield
    except FolderError:
        raise
    except BaseException as error:
        is_tokenizer_error = (
            type(error) is Exception or isinstance(error, ValueError) or type(error).__name__ == "PanicException"
        )
        if not is_tokenizer_error:
            raise
        raise FolderError(f"{path}: {failure} ({ascii(str(error)[:200])}); export the tagger again") from error


def _load_vocabulary(folder: Folder) -> Callable[[Sequence[str]], WordInputs]:
    name = INPUT_FILES["words"]
    path = folder.path / name
    rows, lowercase = vocabulary_rows(parse_object(folder.read(name), path), path)
    max_characters: int = folder.described["characters"]

    def word_inputs(words: Sequence[str]) -> WordInputs:
        codes = [character_codes(word, max_characters) for word in words]
        word_rows = [rows.get(word.lower() if lowercase else word, UNKNOWN) for word in words]
        return WordInputs(
            "characters",
            np.array([code for codes_of_word in codes for code in codes_of_word]),
            np.fromiter(map(len, codes), dtype=np.int64, count=len(words)),
            {"rows": np.array(word_rows), "shapes": np.array([word_shape(word) for word in words])},
        )

    return word_inputs
