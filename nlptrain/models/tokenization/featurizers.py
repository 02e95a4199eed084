"""The reader of every transformer, and of students that read its pieces."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from nlptrain.data.alignment import WordEncoder
from nlptrain.data.vocabulary import PADDING, UNKNOWN, Vocabulary
from nlptrain.models.architectures import Architecture
from nlptrain.models.tokenization.tokenizer import described, without_limits
from nlptrain_runtime.arrays import pad_lists
from nlptrain_runtime.windows import Window


class SubwordFeaturizer:
    """Words as a tokenizer's pieces, padded to the longest window of a batch."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, architecture: Architecture | None = None) -> None:
        """Read with ``tokenizer`` for a model of ``family``; None: one that takes ids and mask alone."""
        self.tokenizer = tokenizer
        self.architecture = architecture
        self.encoder = WordEncoder(tokenizer)
        self.prefix, self.suffix = self.encoder.prefix, self.encoder.suffix
        self._special = torch.tensor(sorted({*self.prefix, *self.suffix, tokenizer.pad_token_id or 0}))

    def __call__(self, words: Sequence[str]) -> list[tuple[int, ...]]:
        """The pieces of each of ``words``, at least one a word, without the sequence's special pieces."""
        return self.encoder(words)

    def subwords(self, words: Sequence[str]) -> list[tuple[int, ...]]:
        """The same: the pieces of each of ``words``, whatever stands for them in a window."""
        return self.encoder(words)

    def without_a_piece(self, words: Sequence[str]) -> list[str]:
        """Those of ``words`` that the tokenizer turns into nothing."""
        return self.encoder.unencodable(words)

    def pipeline_word_starts(self, word: str) -> list[int]:
        """See ``WordEncoder.pipeline_word_starts``."""
        return self.encoder.pipeline_word_starts(word)

    def batch(self, windows: Sequence[Window]) -> tuple[dict[str, Tensor], list[int]]:
        """``input_ids`` and ``attention_mask``, [B, T] each, and what the family reads beside them."""
        longest = max(len(window.subwords) for window in windows)
        pad = self.tokenizer.pad_token_id
        ids = np.full((len(windows), longest), 0 if pad is None else pad, dtype=np.int64)
        mask = np.zeros((len(windows), longest), dtype=np.int64)
        left = self.architecture is not None and self.architecture.pads_left
        shifts = [longest - len(window.subwords) if left else 0 for window in windows]
        for row, (window, first) in enumerate(zip(windows, shifts, strict=True)):
            ids[row, first : first + len(window.subwords)] = window.subwords
            mask[row, first : first + len(window.subwords)] = 1
        named = {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(mask)}
        if self.architecture is not None:
            named.update(self.architecture.inputs(named["input_ids"], named["attention_mask"]))
        return named, shifts

    def word_dropout(self, named: dict[str, Tensor], rate: float) -> dict[str, Tensor]:
        """``named`` with a share of the pieces that are not special shown as the unknown piece."""
        unknown = self.tokenizer.unk_token_id
        if rate == 0.0 or unknown is None:
            return named
        ids = named["input_ids"]
        hidden = (torch.rand(ids.shape) < rate) & ~torch.isin(ids, self._special)
        return {**named, "input_ids": ids.masked_fill(hidden, unknown)}

    def limit_cache(self) -> None:
        """Pieces stand for themselves."""

    def pin_ids(self) -> None:
        """Pieces stand for themselves."""

    def save(self, folder: str | Path) -> None:
        """Write the tokenizer, without truncation or padding, and without a length: a pipeline would cut silently."""
        without_limits(self.tokenizer)
        self.tokenizer.save_pretrained(folder)

    def describe(self) -> dict[str, Any]:
        """The tokenizer's own text, the special pieces around a sentence, and what few models have beside these."""
        unusual = {
            "inputs": "" if self.architecture is None else self.architecture.rule,
            "space": self.encoder.space,
            "language": self.tokenizer.init_kwargs.get("language"),
        }
        # Left out where empty: logits that were stored before these were known are found again.
        told = {name: value for name, value in unusual.items() if value}
        return {"tokenizer": described(self.tokenizer), "frame": [self.prefix, self.suffix], **told}


REMEMBERED = 500_000  # words, before all numbers are forgotten


class DynamicVocab:
    """Numbers that are given to words as they come, and forgotten once there are many, unless they are pinned."""

    _pinned = False

    @abstractmethod
    def _count(self) -> int:
        """How many numbers were given."""

    @abstractmethod
    def _forget(self) -> None:
        """Begin anew."""

    def pipeline_word_starts(self, word: str) -> list[int]:
        """None: a word has one number."""
        return []

    def limit_cache(self) -> None:
        """Forget all numbers, once there are many, unless they are pinned."""
        if self._count() > REMEMBERED and not self._pinned:
            self._forget()

    def pin_ids(self) -> None:
        """Never forget a number from now on."""
        self._pinned = True


def pad_batch(windows: Sequence[Window]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The numbers in ``windows``, 0 behind the end of each, and 1 where there is one, [B, T] each."""
    longest = max(len(window.subwords) for window in windows)
    numbers = np.zeros((len(windows), longest), dtype=np.int64)
    mask = np.zeros((len(windows), longest), dtype=np.int64)
    for row, window in enumerate(windows):
        numbers[row, : len(window.subwords)] = window.subwords
        mask[row, : len(window.subwords)] = 1
    return numbers, mask


def pad_ragged(lists: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    """``lists`` as rows, -1 behind the end of each, at least one column."""
    sizes = np.fromiter(map(len, lists), dtype=np.int64, count=len(lists))
    flat = np.fromiter(chain.from_iterable(lists), dtype=np.int64, count=int(sizes.sum()))
    return pad_lists(flat, sizes, max_length=int(sizes.max(initial=1)))


_PADDING, _UNKNOWN = 0, 1


class PooledFeaturizer(DynamicVocab, SubwordFeaturizer):
    """Words as numbers of this reader's own, each standing for the word's pieces; no special pieces around them."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        """Read with ``tokenizer``."""
        super().__init__(tokenizer)
        self.prefix, self.suffix = [], []
        self._forget()

    def __call__(self, words: Sequence[str]) -> list[tuple[int, ...]]:
        """The number of each of ``words``."""
        numbers = self._numbers
        new = [word for word in dict.fromkeys(words) if word not in numbers]
        for word, pieces in zip(new, self.encoder(new), strict=True):
            numbers[word] = (len(self._pieces),)
            self._pieces.append(pieces)
        return [numbers[word] for word in words]

    def batch(self, windows: Sequence[Window]) -> tuple[dict[str, Tensor], list[int]]:
        """What ``PooledEmbedder`` reads, with ``attention_mask`` [B, T]."""
        numbers, mask = pad_batch(windows)
        # Row 1 is the unknown word's, whether it stands there or not: words are hidden behind it.
        distinct, which = np.unique(np.append(numbers, (_PADDING, _UNKNOWN)), return_inverse=True)
        pieces = pad_ragged([self._pieces[number] for number in distinct])
        arrays = {"pieces": pieces, "words": which[:-2].reshape(numbers.shape), "attention_mask": mask}
        return {name: torch.from_numpy(array) for name, array in arrays.items()}, [0] * len(windows)

    def word_dropout(self, named: dict[str, Tensor], rate: float) -> dict[str, Tensor]:
        """``named`` with a share of the words shown as the unknown piece."""
        if rate == 0.0 or self.tokenizer.unk_token_id is None:
            return named
        words = named["words"]
        hidden = (torch.rand(words.shape) < rate) & (words != _PADDING)
        return {**named, "words": words.masked_fill(hidden, _UNKNOWN)}

    def _count(self) -> int:
        return len(self._pieces)

    def _forget(self) -> None:
        """Number 0 is the padding's, 1 the unknown word's."""
        unknown = self.tokenizer.unk_token_id
        self._numbers: dict[str, tuple[int, ...]] = {}
        self._pieces: list[tuple[int, ...]] = [(), () if unknown is None else (unknown,)]


class WordFeaturizer(DynamicVocab):
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

    def subwords(self, words: Sequence[str]) -> list[tuple[int, ...]]:
        """The number of each of ``words``: they have no pieces."""
        return self(words)

    def batch(self, windows: Sequence[Window]) -> tuple[dict[str, Tensor], list[int]]:
        """What ``WordEmbedder`` reads, with ``attention_mask`` [B, T]."""
        numbers, mask = pad_batch(windows)
        distinct, which = np.unique(numbers, return_inverse=True)
        rows = np.array([self._rows[number] for number in distinct])
        shapes = np.array([self._shapes[number] for number in distinct])
        which = which.reshape(numbers.shape)
        characters = pad_ragged([self._spelled[number] for number in distinct])
        arrays = {
            "word_ids": rows[which],
            "shape_ids": shapes[which],
            "characters": characters,
            "distinct": which,
            "attention_mask": mask,
        }
        return {name: torch.from_numpy(array) for name, array in arrays.items()}, [0] * len(windows)

    def word_dropout(self, named: dict[str, Tensor], rate: float) -> dict[str, Tensor]:
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
            self._shapes.append(self.vocabulary.word_shape(word))
            self._spelled.append(self.vocabulary.characters(word, self.characters))
        return number
