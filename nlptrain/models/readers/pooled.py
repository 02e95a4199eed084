"""The reader of students that read a word's pieces as one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from nlptrain.models.readers.numbered import Numbering, laid_out, spelled_out
from nlptrain.models.readers.pieces import PieceReader
from nlptrain_runtime.windows import Window

_PADDING, _UNKNOWN = 0, 1


class PooledReader(Numbering, PieceReader):
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
        numbers, mask = laid_out(windows)
        # Row 1 is the unknown word's, whether it stands there or not: words are hidden behind it.
        distinct, which = np.unique(np.append(numbers, (_PADDING, _UNKNOWN)), return_inverse=True)
        pieces = spelled_out([self._pieces[number] for number in distinct])
        arrays = {"pieces": pieces, "words": which[:-2].reshape(numbers.shape), "attention_mask": mask}
        return {name: torch.from_numpy(array) for name, array in arrays.items()}, [0] * len(windows)

    def hide(self, named: dict[str, Tensor], rate: float) -> dict[str, Tensor]:
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
