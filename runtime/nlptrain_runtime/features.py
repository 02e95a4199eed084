"""What is stored of each distinct word, by the kind of student that reads it.

``pieces``: a transformer's pieces, each a step of the net. ``pooled`` and ``words``: one vector, which a graph of its
own makes of the pieces, or of a row of a vocabulary, a shape and characters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tokenizers import Tokenizer

from nlptrain_runtime.arrays import GrowableArray, GrowableLists, padded, ranges
from nlptrain_runtime.description import READER
from nlptrain_runtime.errors import FolderError
from nlptrain_runtime.folder import DESCRIPTION, Folder, parsed
from nlptrain_runtime.onnx_graph import Graph
from nlptrain_runtime.subwords import WordTokenizer
from nlptrain_runtime.word_features import UNKNOWN, characters_of, rows_of_words, shape_of

if TYPE_CHECKING:
    from nlptrain_runtime.arrays import FloatArray, IntArray


_WORDS = 256  # that the graph of words reads at once
_FEW = 8  # words that are read as they come


Encode = Callable[[Sequence[str]], "tuple[IntArray, IntArray]"]  # words to their pieces, and how many each has


class PieceFeatures:
    """The pieces of each word.

    Attributes:
        together: words to read at once; a thread that reads more gives way to others in between.
    """

    together = 256

    def __init__(self, tokenizer: Encode) -> None:
        """Read words with ``tokenizer``."""
        self._tokenizer = tokenizer

    def empty(self) -> GrowableLists:
        """Return what holds the pieces of words, without any."""
        return GrowableLists()

    def read(self, words: Sequence[str]) -> tuple[IntArray, IntArray]:
        """Return the pieces of ``words``, one word after the other, and how many each has; nothing is kept."""
        return self._tokenizer(words)


@dataclass(frozen=True)
class Spelled:
    """What the graph of words reads of some words.

    Attributes:
        parts: the name of the input that holds their pieces or characters.
        flat: these, one word behind the other.
        sizes: how many each word has, [words].
        others: the other inputs, one value a word.
    """

    parts: str
    flat: IntArray
    sizes: IntArray
    others: dict[str, IntArray]


class VectorFeatures:
    """The vector of each word.

    Attributes:
        together: as for ``PieceFeatures``; more words of like length share a batch.
    """

    together = 4 * _WORDS

    def __init__(self, session: Graph, spell: Callable[[Sequence[str]], Spelled], *, most: int) -> None:
        """Compute vectors by ``session`` from what ``spell`` says of words, of which ``most`` parts are read."""
        self._session = session
        self._spell = spell
        self._most = most
        self._width = session.width

    def empty(self) -> GrowableArray:
        """Return what holds the vectors of words, without any."""
        return GrowableArray((self._width,), np.float32)

    def read(self, words: Sequence[str]) -> tuple[FloatArray]:
        """Return the vectors of ``words``, [words, width]; nothing is kept."""
        spelled = self._spell(words)
        if len(words) <= _FEW:
            return (self._read(spelled.flat, spelled.sizes, spelled.parts, spelled.others),)
        begins = np.cumsum(spelled.sizes) - spelled.sizes
        order = np.argsort(spelled.sizes, kind="stable")  # words of like length share a batch: little padding
        found = np.empty((len(words), self._width), dtype=np.float32)
        for start in range(0, len(words), _WORDS):
            chosen = order[start : start + _WORDS]
            sizes = spelled.sizes[chosen]
            flat = spelled.flat[ranges(begins[chosen], sizes)]
            others = {name: values[chosen] for name, values in spelled.others.items()}
            found[chosen] = self._read(flat, sizes, spelled.parts, others)
        return (found,)

    def _read(self, flat: IntArray, sizes: IntArray, parts: str, others: dict[str, IntArray]) -> FloatArray:
        """The vectors of words, [words, width]; ``others`` are the inputs beside their ``parts``."""
        found: FloatArray = self._session.run(None, {parts: padded(flat, sizes, most=self._most), **others})[0]
        return found


Features = PieceFeatures | VectorFeatures


def features_of(folder: Folder) -> Features:
    """What reads words for the net in ``folder``.

    Raises:
        FolderError: a file of it cannot be read.
    """
    described: dict[str, Any] = folder.described
    if described["reads"] == "words":
        spell = _vocabulary(folder)
        return VectorFeatures(Graph(folder, "words"), spell, most=described["characters"])
    tokenizer = _tokenizer(folder)
    if described["reads"] == "pieces":
        return PieceFeatures(tokenizer)
    return VectorFeatures(
        Graph(folder, "words"),
        lambda words: Spelled("pieces", *tokenizer(words), {}),
        most=described["most_pieces"],
    )


def _tokenizer(folder: Folder) -> Encode:
    name = READER[folder.described["reads"]]
    path = folder.path / name
    pieces = folder.described["pieces"]
    with _named(path, "cannot be read"):
        tokenizer = Tokenizer.from_buffer(folder.read(name))
        _check_known_subwords(tokenizer, pieces, path)
        read = WordTokenizer(tokenizer, space=pieces["space"], unknown=pieces["unknown"], together=pieces["together"])

    def encode(words: Sequence[str]) -> tuple[IntArray, IntArray]:
        with _named(path, "fails"):
            return read(words)

    return encode


def _check_known_subwords(tokenizer: Tokenizer, pieces: dict[str, Any], path: Path) -> None:
    named = [*pieces["prefix"], *pieces["suffix"], *(pieces[name] or 0 for name in ("unknown", "padding"))]
    missing = next((piece for piece in named if piece and tokenizer.id_to_token(piece) is None), None)
    if missing is not None:
        raise FolderError(f"{path}: has no piece {missing}, which {DESCRIPTION} names; export the tagger again")


@contextmanager
def _named(path: Path, what: str) -> Iterator[None]:
    """Turn what tokenizers raises into a ``FolderError``: plain exceptions, and Rust's panics.

    All others pass: a handler of signals may raise anything here.
    """
    try:
        yield
    except FolderError:
        raise
    except BaseException as error:
        own = type(error) is Exception or isinstance(error, ValueError) or type(error).__name__ == "PanicException"
        if not own:
            raise
        raise FolderError(f"{path}: {what} ({ascii(str(error)[:200])}); export the tagger again") from error


def _vocabulary(folder: Folder) -> Callable[[Sequence[str]], Spelled]:
    name = READER["words"]
    file = folder.path / name
    rows, lowercase = rows_of_words(parsed(folder.read(name), file), file)
    most: int = folder.described["characters"]

    def spell(words: Sequence[str]) -> Spelled:
        spelled = [characters_of(word, most) for word in words]
        found = [rows.get(word.lower() if lowercase else word, UNKNOWN) for word in words]
        return Spelled(
            "characters",
            np.array([point for points in spelled for point in points]),
            np.fromiter(map(len, spelled), dtype=np.int64, count=len(words)),
            {"rows": np.array(found), "shapes": np.array([shape_of(word) for word in words])},
        )

    return spell
