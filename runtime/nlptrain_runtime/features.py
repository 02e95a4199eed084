"""What is stored of each distinct word, by the kind of student that reads it.

``pieces``: a transformer's pieces, each a step of the net. ``pooled`` and ``words``: one vector, which a graph of its
own makes of the pieces, or of a row of a vocabulary, a shape and characters.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Tokenizer

from nlptrain_runtime.errors import FolderError
from nlptrain_runtime.folder import Folder
from nlptrain_runtime.growing import Growing, Lists, padded
from nlptrain_runtime.pieces import encode_words
from nlptrain_runtime.sessions import open_session
from nlptrain_runtime.vocabulary import UNKNOWN, characters_of, shape_of

_WORDS = 1024  # that the graph of words reads at once

Encode = Callable[[Sequence[str]], list[list[int]]]
Inputs = dict[str, NDArray[np.int64]]


class PieceFeatures:
    """The pieces of each word."""

    def __init__(self, encode: Encode) -> None:
        """Read words by ``encode``."""
        self._encode = encode
        self.clear()

    def __len__(self) -> int:
        """How many words there are."""
        return len(self.pieces)

    def extend(self, words: Sequence[str]) -> None:
        """Add ``words``, none of which is there."""
        self.pieces.extend(self._encode(words))

    def clear(self) -> None:
        """Forget all words."""
        self.pieces = Lists()


class VectorFeatures:
    """The vector of each word."""

    def __init__(self, session: onnxruntime.InferenceSession, inputs: Callable[[Sequence[str]], Inputs]) -> None:
        """Compute vectors by ``session`` from what ``inputs`` says of words."""
        self._session = session
        self._inputs = inputs
        self._width = int(session.get_outputs()[0].shape[-1])
        self.clear()

    def __len__(self) -> int:
        """How many words there are."""
        return len(self.vectors)

    def extend(self, words: Sequence[str]) -> None:
        """Add ``words``, none of which is there."""
        for start in range(0, len(words), _WORDS):
            (vectors,) = self._session.run(None, self._inputs(words[start : start + _WORDS]))
            self.vectors.extend(vectors)

    def clear(self) -> None:
        """Forget all words."""
        self.vectors = Growing((self._width,), np.float32)


Features = PieceFeatures | VectorFeatures


def features_of(folder: Folder) -> Features:
    """What reads words for the net in ``folder``.

    Raises:
        FolderError: a file of it cannot be read.
    """
    described: dict[str, Any] = folder.described
    if described["reads"] == "words":
        return VectorFeatures(open_session(folder.net("words")), _vocabulary(folder))
    encode = _encoder(folder)
    if described["reads"] == "pieces":
        return PieceFeatures(encode)
    most: int = described["most_pieces"]
    return VectorFeatures(
        open_session(folder.net("words")),
        lambda words: {"pieces": padded([pieces[:most] for pieces in encode(words)])},
    )


def _encoder(folder: Folder) -> Encode:
    path = folder.path / "tokenizer.json"
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # tokenizers raises no narrower one
        raise FolderError(f"{path}: cannot be read ({error}); export the tagger again") from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    told = folder.described["pieces"]
    return lambda words: encode_words(tokenizer, words, space=told["space"], unknown=told["unknown"])


def _vocabulary(folder: Folder) -> Callable[[Sequence[str]], Inputs]:
    vocabulary = json.loads((folder.path / "words.json").read_text(encoding="utf-8"))
    rows = {word: row for row, word in enumerate(vocabulary["words"], start=UNKNOWN + 1)}
    lowercase: bool = vocabulary["lowercase"]
    most: int = folder.described["characters"]

    def inputs(words: Sequence[str]) -> Inputs:
        return {
            "rows": np.array([rows.get(word.lower() if lowercase else word, UNKNOWN) for word in words]),
            "shapes": np.array([shape_of(word) for word in words]),
            "characters": padded([characters_of(word, most) for word in words]),
        }

    return inputs
