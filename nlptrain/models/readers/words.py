"""The reader of students that read words: rows of a vocabulary, shapes, characters."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from nlptrain.data.vocabulary import PADDING, UNKNOWN, Vocabulary
from nlptrain.models.readers.numbered import Numbering, laid_out, spelled_out
from nlptrain_runtime.windows import Window


class WordReader(Numbering):
    """Words as numbers of this reader's own, each standing for a row, a shape and characters."""

    def __init__(self, vocabulary: Vocabulary, characters: int) -> None:
        """Read with ``vocabulary``, at most ``characters`` code points of a word."""
        self.vocabulary = vocabulary
        self.characters = characters
        self.tokenizer: PreTrainedTokenizerBase | None = None  # there is none
        self.prefix: list[int] = []
        self.suffix: list[int] = []
        self._forget()

    def __call__(self, words: Sequence[str]) -> list[tuple[int, ...]]:
        """The number of each of ``words``."""
        return [(self._number(word),) for word in words]

    def pieces(self, words: Sequence[str]) -> list[tuple[int, ...]]:
        """The number of each of ``words``: they have no pieces."""
        return self(words)

    def batch(self, windows: Sequence[Window]) -> tuple[dict[str, Tensor], list[int]]:
        """What ``WordEmbedder`` reads, with ``attention_mask`` [B, T]."""
        numbers, mask = laid_out(windows)
        distinct, which = np.unique(numbers, return_inverse=True)
        rows = np.array([self._rows[number] for number in distinct])
        shapes = np.array([self._shapes[number] for number in distinct])
        which = which.reshape(numbers.shape)
        characters = spelled_out([self._spelled[number] for number in distinct])
        arrays = {
            "word_ids": rows[which],
            "shape_ids": shapes[which],
            "characters": characters,
            "distinct": which,
            "attention_mask": mask,
        }
        return {name: torch.from_numpy(array) for name, array in arrays.items()}, [0] * len(windows)

    def hide(self, named: dict[str, Tensor], rate: float) -> dict[str, Tensor]:
        """``named`` with a share of the words shown as unknown; shape and characters stay (word dropout)."""
        if rate == 0.0:
            return named
        ids = named["word_ids"]
        hidden = (torch.rand(ids.shape) < rate) & (ids != PADDING)
        return {**named, "word_ids": ids.masked_fill(hidden, UNKNOWN)}

    def save(self, folder: str | Path) -> None:
        """Write the vocabulary."""
        self.vocabulary.save(folder)

    def describe(self) -> dict[str, Any]:
        """The vocabulary and the characters read."""
        return {"vocabulary": self.vocabulary.describe(), "characters": self.characters}

    def _count(self) -> int:
        return len(self._rows)

    def _forget(self) -> None:
        """Number 0 is the padding's."""
        self._numbers: dict[str, int] = {}
        self._rows, self._shapes = [PADDING], [0]
        self._spelled: list[list[int]] = [[]]

    def _number(self, word: str) -> int:
        number = self._numbers.get(word)
        if number is None:
            number = self._numbers[word] = len(self._rows)
            self._rows.append(self.vocabulary.id_of(word))
            self._shapes.append(self.vocabulary.shape_of(word))
            self._spelled.append(self.vocabulary.characters(word, self.characters))
        return number
