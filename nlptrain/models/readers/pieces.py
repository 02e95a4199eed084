"""The reader of every transformer, and of students that read its pieces."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from nlptrain.data.alignment import WordEncoder
from nlptrain.models.families import Family
from nlptrain.models.tokenizer import described, unlimited
from nlptrain_runtime.windows import Window


class PieceReader:
    """Words as a tokenizer's pieces, padded to the longest window of a batch."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, family: Family | None = None) -> None:
        """Read with ``tokenizer`` for a model of ``family``; None: one that takes ids and mask alone."""
        self.tokenizer = tokenizer
        self.family = family
        self.encoder = WordEncoder(tokenizer)
        self.prefix, self.suffix = self.encoder.prefix, self.encoder.suffix
        self._special = torch.tensor(sorted({*self.prefix, *self.suffix, tokenizer.pad_token_id or 0}))

    def __call__(self, words: Sequence[str]) -> list[tuple[int, ...]]:
        """The pieces of each of ``words``, at least one a word, without the sequence's special pieces."""
        return self.encoder(words)

    def pieces(self, words: Sequence[str]) -> list[tuple[int, ...]]:
        """The same: the pieces of each of ``words``, whatever stands for them in a window."""
        return self.encoder(words)

    def without_a_piece(self, words: Sequence[str]) -> list[str]:
        """Those of ``words`` that the tokenizer turns into nothing."""
        return self.encoder.unencodable(words)

    def parts(self, word: str) -> list[int]:
        """See ``WordEncoder.parts``."""
        return self.encoder.pipeline_word_starts(word)

    def batch(self, windows: Sequence[Window]) -> tuple[dict[str, Tensor], list[int]]:
        """``input_ids`` and ``attention_mask``, [B, T] each, and what the family reads beside them."""
        longest = max(len(window.pieces) for window in windows)
        pad = self.tokenizer.pad_token_id
        ids = np.full((len(windows), longest), 0 if pad is None else pad, dtype=np.int64)
        mask = np.zeros((len(windows), longest), dtype=np.int64)
        left = self.family is not None and self.family.pads_left
        moved = [longest - len(window.pieces) if left else 0 for window in windows]
        for row, (window, first) in enumerate(zip(windows, moved, strict=True)):
            ids[row, first : first + len(window.pieces)] = window.pieces
            mask[row, first : first + len(window.pieces)] = 1
        named = {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(mask)}
        if self.family is not None:
            named.update(self.family.inputs(named["input_ids"], named["attention_mask"]))
        return named, moved

    def hide(self, named: dict[str, Tensor], rate: float) -> dict[str, Tensor]:
        """``named`` with a share of the pieces that are not special shown as the unknown piece."""
        unknown = self.tokenizer.unk_token_id
        if rate == 0.0 or unknown is None:
            return named
        ids = named["input_ids"]
        hidden = (torch.rand(ids.shape) < rate) & ~torch.isin(ids, self._special)
        return {**named, "input_ids": ids.masked_fill(hidden, unknown)}

    def renew(self) -> None:
        """Pieces stand for themselves."""

    def pin(self) -> None:
        """Pieces stand for themselves."""

    def save(self, folder: str | Path) -> None:
        """Write the tokenizer, without truncation or padding, and without a length: a pipeline would cut silently."""
        unlimited(self.tokenizer)
        self.tokenizer.save_pretrained(folder)

    def describe(self) -> dict[str, Any]:
        """The tokenizer's own text, the special pieces around a sentence, and what few models have beside these."""
        unusual = {
            "inputs": "" if self.family is None else self.family.rule,
            "space": self.encoder.space,
            "language": self.tokenizer.init_kwargs.get("language"),
        }
        # Left out where empty: logits that were stored before these were known are found again.
        told = {name: value for name, value in unusual.items() if value}
        return {"tokenizer": described(self.tokenizer), "frame": [self.prefix, self.suffix], **told}
