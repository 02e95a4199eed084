"""The inputs of one forward pass, and the protocol of the featurizers that build them from words."""

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
    """Return ``tensor`` on ``device``; copies to a GPU run asynchronously, from pinned memory."""
    if device.type == "cuda" and tensor.device.type == "cpu":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


@dataclass(frozen=True)
class SequenceLengths:
    """How the W words of a batch are divided into its B windows, for heads that look at neighboring labels.

    Attributes:
        counts: words of each window, [B]; the words of a window are neighbors.
        starts_sentence: true if the first word of the window starts its sentence, [B].
        ends_sentence: true if the last word of the window ends its sentence, [B].
    """

    counts: Tensor
    starts_sentence: Tensor
    ends_sentence: Tensor

    def to(self, device: torch.device) -> SequenceLengths:
        """Return the same on ``device``."""
        return SequenceLengths(
            move_tensor(self.counts, device),
            move_tensor(self.starts_sentence, device),
            move_tensor(self.ends_sentence, device),
        )

    @property
    def mask(self) -> Tensor:
        """True at the words, [B, N] for the N words of the longest window."""
        longest = int(self.counts.max()) if len(self.counts) else 0
        return torch.arange(longest, device=self.counts.device) < self.counts[:, None]

    def pad(self, words: Tensor) -> Tensor:
        """Return ``words`` [W, ...] as rows [B, N, ...], padded with zeros on the right."""
        mask = self.mask
        rows = words.new_zeros((*mask.shape, *words.shape[1:]))
        rows[mask] = words
        return rows


def whole_sentences(lengths: list[int]) -> SequenceLengths:
    """Return the lengths of sentences that have one window each, of ``lengths`` words."""
    every = torch.ones(len(lengths), dtype=torch.bool)
    return SequenceLengths(torch.tensor(lengths, dtype=torch.long), every, every)


@dataclass(frozen=True)
class Inputs:
    """A batch of B windows of T subwords (or words, for a model that reads words).

    Attributes:
        model_inputs: the keyword arguments of the model's forward method, each [B, T] or as the model needs it.
        word_positions: index of each word's logits in the flattened B * T positions, [W]; then, if a word counts as
            several for transformers' pipeline, the indices of its further parts, [P].
        sequence_lengths: how the W words are divided into the windows.
    """

    model_inputs: dict[str, Tensor]
    word_positions: Tensor
    sequence_lengths: SequenceLengths

    def to(self, device: torch.device) -> Inputs:
        """Return the same on ``device``."""
        model_inputs = {name: move_tensor(tensor, device) for name, tensor in self.model_inputs.items()}
        return Inputs(model_inputs, move_tensor(self.word_positions, device), self.sequence_lengths.to(device))


class Featurizer(Protocol):
    """Turns words into the ids of windows, and windows into the keyword arguments of a forward pass.

    Attributes:
        prefix: ids before the words of every window.
        suffix: ids after them.
        has_fixed_ids: whether a word has the same ids in every process.
    """

    prefix: list[int]
    suffix: list[int]
    has_fixed_ids: bool

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase | None:
        """The tokenizer, if the featurizer reads subwords."""
        ...

    def __call__(self, words: Sequence[str]) -> list[tuple[int, ...]]:
        """Return the ids of each of ``words``, at least one per word."""
        ...

    def subwords(self, words: Sequence[str]) -> list[tuple[int, ...]]:
        """Return the subwords of each of ``words``; without a tokenizer, the ids of the words."""
        ...

    def pipeline_word_starts(self, word: str) -> list[int]:
        """Return the subwords of ``word``, from 1 on, that transformers' pipeline takes for the start of a word."""
        ...

    def batch(self, windows: Sequence[Window]) -> tuple[dict[str, Tensor], list[int]]:
        """Return the keyword arguments of a forward pass, and by how much left padding shifts each window."""
        ...

    def word_dropout(self, model_inputs: dict[str, Tensor], rate: float) -> dict[str, Tensor]:
        """Return the inputs with a share of the words, or subwords, replaced by the unknown one."""
        ...

    def limit_cache(self) -> None:
        """Clear the cache of words if it is large; ids that were returned before are then invalid."""
        ...

    def pin_ids(self) -> None:
        """Keep all ids valid from now on: they are stored."""
        ...

    def words_with_ids(self) -> list[str]:
        """Return the words that have an id in this process alone, in the order of these; none with fixed ids."""
        ...

    def assign_ids(self, words: Sequence[str]) -> None:
        """Assign the ids that ``words`` had in another process; those that were returned before are then invalid."""
        ...

    def save(self, folder: str | Path) -> None:
        """Write the files that are needed to build the same featurizer."""
        ...

    def describe(self) -> dict[str, Any]:
        """Return all that decides the ids, for a fingerprint."""
        ...
