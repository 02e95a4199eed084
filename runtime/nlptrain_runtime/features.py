"""What is stored of each distinct word, by the kind of student that reads it.

``pieces``: a transformer's pieces, each a step of the net. ``pooled`` and ``words``: one vector, which a graph of its
own makes of the pieces, or of a row of a vocabulary, a shape and characters.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from tokenizers import Tokenizer

from nlptrain_runtime.errors import FolderError
from nlptrain_runtime.folder import Folder
from nlptrain_runtime.growing import Growing, Lists, padded, ranges
from nlptrain_runtime.pieces import WordTokenizer
from nlptrain_runtime.sessions import open_session
from nlptrain_runtime.vocabulary import UNKNOWN, characters_of, shape_of

if TYPE_CHECKING:
    import onnxruntime

    from nlptrain_runtime.arrays import Floats, Numbers


_WORDS = 256  # that the graph of words reads at once
_FEW = 8  # words that are read as they come


class PieceFeatures:
    """The pieces of each word."""

    def __init__(self, tokenizer: WordTokenizer) -> None:
        """Read words with ``tokenizer``."""
        self._tokenizer = tokenizer

    def empty(self) -> Lists:
        """Return what holds the pieces of words, without any."""
        return Lists()

    def read(self, words: Sequence[str]) -> tuple[Numbers, Numbers]:
        """Return the pieces of ``words``, one word after the other, and how many each has; nothing is kept."""
        return self._tokenizer(words)


@dataclass(frozen=True)
class Spelt:
    """What the graph of words reads of some words.

    Attributes:
        parts: the name of the input that holds their pieces or characters.
        flat: these, one word behind the other.
        sizes: how many each word has, [words].
        others: the other inputs, one value a word.
    """

    parts: str
    flat: Numbers
    sizes: Numbers
    others: dict[str, Numbers]


class VectorFeatures:
    """The vector of each word."""

    def __init__(
        self, session: onnxruntime.InferenceSession, spell: Callable[[Sequence[str]], Spelt], *, most: int
    ) -> None:
        """Compute vectors by ``session`` from what ``spell`` says of words, of which ``most`` parts are read."""
        self._session = session
        self._spell = spell
        self._most = most
        self._width = int(session.get_outputs()[0].shape[-1])

    def empty(self) -> Growing:
        """Return what holds the vectors of words, without any."""
        return Growing((self._width,), np.float32)

    def read(self, words: Sequence[str]) -> tuple[Floats]:
        """Return the vectors of ``words``, [words, width]; nothing is kept."""
        spelt = self._spell(words)
        if len(words) <= _FEW:
            return (self._read(spelt.flat, spelt.sizes, spelt.parts, spelt.others),)
        begins = np.cumsum(spelt.sizes) - spelt.sizes
        order = np.argsort(spelt.sizes, kind="stable")  # words of like length share a batch: little padding
        found = np.empty((len(words), self._width), dtype=np.float32)
        for start in range(0, len(words), _WORDS):
            chosen = order[start : start + _WORDS]
            sizes = spelt.sizes[chosen]
            flat = spelt.flat[ranges(begins[chosen], sizes)]
            others = {name: values[chosen] for name, values in spelt.others.items()}
            found[chosen] = self._read(flat, sizes, spelt.parts, others)
        return (found,)

    def _read(self, flat: Numbers, sizes: Numbers, parts: str, others: dict[str, Numbers]) -> Floats:
        """The vectors of words, [words, width]; ``others`` are the inputs beside their ``parts``."""
        found: Floats = self._session.run(None, {parts: padded(flat, sizes, most=self._most), **others})[0]
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
        return VectorFeatures(open_session(folder.net("words")), spell, most=described["characters"])
    tokenizer = _tokenizer(folder)
    if described["reads"] == "pieces":
        return PieceFeatures(tokenizer)
    return VectorFeatures(
        open_session(folder.net("words")),
        lambda words: Spelt("pieces", *tokenizer(words), {}),
        most=described["most_pieces"],
    )


def _tokenizer(folder: Folder) -> WordTokenizer:
    path = folder.path / "tokenizer.json"
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # tokenizers raises no narrower one
        raise FolderError(f"{path}: cannot be read ({error}); export the tagger again") from error
    told = folder.described["pieces"]
    return WordTokenizer(tokenizer, space=told["space"], unknown=told["unknown"], together=told["together"])


def _vocabulary(folder: Folder) -> Callable[[Sequence[str]], Spelt]:
    vocabulary = json.loads((folder.path / "words.json").read_text(encoding="utf-8"))
    rows = {word: row for row, word in enumerate(vocabulary["words"], start=UNKNOWN + 1)}
    lowercase: bool = vocabulary["lowercase"]
    most: int = folder.described["characters"]

    def spell(words: Sequence[str]) -> Spelt:
        spelt = [characters_of(word, most) for word in words]
        found = [rows.get(word.lower() if lowercase else word, UNKNOWN) for word in words]
        return Spelt(
            "characters",
            np.array([point for points in spelt for point in points]),
            np.fromiter(map(len, spelt), dtype=np.int64, count=len(words)),
            {"rows": np.array(found), "shapes": np.array([shape_of(word) for word in words])},
        )

    return spell
