"""The reader of students that read a word's pieces as one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from nlptrain.models.readers.pieces import PieceReader
from nlptrain_runtime.windows import Window

_REMEMBERED = 500_000
_PADDING, _UNKNOWN = 0, 1


class PooledReader(PieceReader):
    """Words as numbers of this reader's own, each standing for the word's pieces; no special pieces around them."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        """Read with ``tokenizer``."""
        super().__init__(tokenizer)
        self.prefix, self.suffix = [], []
        self._pinned = False
        self._forget()

    def __call__(self, words: Sequence[str]) -> list[tuple[int, ...]]:
        """The number of each of ``words``."""
        numbers = self._numbers
        new = [word for word in dict.fromkeys(words) if word not in numbers]
        for word, pieces in zip(new, self.encoder(new), strict=True):
            numbers[word] = (len(self._pieces),)
            self._pieces.append(pieces)
        return [numbers[word] for word in words]

    def parts(self, word: str) -> list[int]:
        """None: a word has one number."""
        return []

    def batch(self, windows: Sequence[Window]) -> tuple[dict[str, Tensor], list[int]]:
        """What ``PooledEmbedder`` reads, with ``attention_mask`` [B, T]."""
        longest = max(len(window.pieces) for window in windows)
        numbers = np.zeros((len(windows), longest), dtype=np.int64)
        mask = np.zeros((len(windows), longest), dtype=np.int64)
        for row, window in enumerate(windows):
            numbers[row, : len(window.pieces)] = window.pieces
            mask[row, : len(window.pieces)] = 1
        # Row 1 is the unknown word's, whether it stands there or not: words are hidden behind it.
        distinct, which = np.unique(np.append(numbers, (_PADDING, _UNKNOWN)), return_inverse=True)
        read = [self._pieces[number] for number in distinct]
        pieces = np.full((len(read), max(1, max(map(len, read)))), -1, dtype=np.int64)
        for row, ids in enumerate(read):
            pieces[row, : len(ids)] = ids
        arrays = {"pieces": pieces, "words": which[:-2].reshape(numbers.shape), "attention_mask": mask}
        return {name: torch.from_numpy(array) for name, array in arrays.items()}, [0] * len(windows)

    def hide(self, named: dict[str, Tensor], rate: float) -> dict[str, Tensor]:
        """``named`` with a share of the words shown as the unknown piece."""
        if rate == 0.0 or self.tokenizer.unk_token_id is None:
            return named
        words = named["words"]
        hidden = (torch.rand(words.shape) < rate) & (words != _PADDING)
        return {**named, "words": words.masked_fill(hidden, _UNKNOWN)}

    def renew(self) -> None:
        """Forget all numbers, once there are many, unless they are pinned."""
        if len(self._pieces) > _REMEMBERED and not self._pinned:
            self._forget()

    def pin(self) -> None:
        """Never forget a number from now on."""
        self._pinned = True

    def _forget(self) -> None:
        """Number 0 is the padding's, 1 the unknown word's."""
        unknown = self.tokenizer.unk_token_id
        self._numbers: dict[str, tuple[int, ...]] = {}
        self._pieces: list[tuple[int, ...]] = [(), () if unknown is None else (unknown,)]
