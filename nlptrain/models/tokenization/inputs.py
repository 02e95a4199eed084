"""Inputs: what one forward pass reads, and which of its words follow each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from nlptrain_runtime.windows import Window


def move_tensor(tensor: Tensor, device: torch.device) -> Tensor:
    """``tensor`` on ``device``; to a GPU from pinned memory, so that nobody waits for the copy."""
    if device.type == "cuda" and tensor.device.type == "cpu":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


@dataclass(frozen=True)
class SequenceLengths:
    """How the W words of a batch stand in its B windows, for heads that look at neighbouring labels.

    Attributes:
        counts: words read in each window, [B]; the words of a window are neighbors.
        opens: true where the first of them begins its sentence, [B].
        closes: true where the last of them ends its sentence, [B].
    """

    counts: Tensor
    starts_sentence: Tensor
    ends_sentence: Tensor

    def to(self, device: torch.device) -> SequenceLengths:
        """The same on ``device``."""
        return SequenceLengths(
            move_tensor(self.counts, device),
            move_tensor(self.starts_sentence, device),
            move_tensor(self.ends_sentence, device),
        )

    @property
    def mask(self) -> Tensor:
        """True where a chain has a word, [B, N] for the N words of the longest one."""
        longest = int(self.counts.max()) if len(self.counts) else 0
        return torch.arange(longest, device=self.counts.device) < self.counts[:, None]

    def pad(self, words: Tensor) -> Tensor:
        """``words`` [W, ...] as rows [B, N, ...], zeros behind the end of each."""
        mask = self.mask
        rows = words.new_zeros((*mask.shape, *words.shape[1:]))
        rows[mask] = words
        return rows

    def select(self, rows: Tensor) -> SequenceLengths:
        """The chains where ``rows`` [B] is true."""
        return SequenceLengths(self.counts[rows], self.starts_sentence[rows], self.ends_sentence[rows])


def whole_sentences(lengths: list[int]) -> SequenceLengths:
    """Chains of whole sentences of ``lengths`` words."""
    every = torch.ones(len(lengths), dtype=torch.bool)
    return SequenceLengths(torch.tensor(lengths, dtype=torch.long), every, every)


@dataclass(frozen=True)
class Inputs:
    """A batch of B windows of T pieces (or words, for a model that reads words).

    Attributes:
        named: the keyword inputs of the model's forward, each [B, T] or as the model wants it.
        places: where the words stand in the flattened B * T places, [W]; behind them, [P], those of words' parts.
        chains: how the W words stand in the windows.
    """

    model_inputs: dict[str, Tensor]
    word_positions: Tensor
    sequence_lengths: SequenceLengths

    def to(self, device: torch.device) -> Inputs:
        """The same on ``device``."""
        model_inputs = {name: move_tensor(tensor, device) for name, tensor in self.model_inputs.items()}
        return Inputs(model_inputs, move_tensor(self.word_positions, device), self.sequence_lengths.to(device))


class Featurizer(Protocol):
    """Turns words into the numbers that stand in windows, and windows into the keyword inputs of a forward pass.

    Attributes:
        prefix: what stands in front of every window.
        suffix: what stands behind it.
    """

    prefix: list[int]
    suffix: list[int]

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase | None:
        """The transformer's, of a reader of pieces."""
        ...

    def __call__(self, words: Sequence[str]) -> list[tuple[int, ...]]:
        """The numbers of each of ``words``, at least one a word."""
        ...

    def subwords(self, words: Sequence[str]) -> list[tuple[int, ...]]:
        """What the tokenizer makes of each of ``words``; of a reader without one, the numbers of the words."""
        ...

    def pipeline_word_starts(self, word: str) -> list[int]:
        """The places inside ``word``, from 1 on, that transformers' pipeline takes for the beginning of a word."""
        ...

    def batch(self, windows: Sequence[Window]) -> tuple[dict[str, Tensor], list[int]]:
        """The keyword inputs of a forward pass, and by how much each window is moved to the right by padding."""
        ...

    def word_dropout(self, model_inputs: dict[str, Tensor], rate: float) -> dict[str, Tensor]:
        """The inputs with a share of what they show replaced by the unknown piece or word."""
        ...

    def limit_cache(self) -> None:
        """Forget, if there is much of it, what was read before; numbers given out then no longer count."""
        ...

    def pin_ids(self) -> None:
        """Keep what the numbers given so far stand for: they are stored."""
        ...

    def save(self, folder: str | Path) -> None:
        """Write what is needed to read again the same way."""
        ...

    def describe(self) -> dict[str, Any]:
        """All that decides the numbers, for a fingerprint."""
        ...
