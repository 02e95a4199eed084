"""The embedder that reads words: a row for each frequent one, a CNN over its characters, its shape."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own name for it

_BLOCK = 256
_BLOCKS = 0x110000 // _BLOCK


class WordEmbedder(nn.Module):
    """Words as vectors: table, character CNN (Ma and Hovy 2016, section 2.1) and shape, side by side.

    A character is its block of 256 code points plus its place in the block, two small tables: every character of
    Unicode has a vector of its own, and those of one script share a part of it.
    """

    def __init__(
        self, vocab_size: int, dim: int, shapes: int, shape_dim: int, char_dim: int, char_filters: int, char_kernel: int
    ) -> None:
        """Tables drawn from N(0, 1).

        Args:
            vocab_size: rows of the word table; row 0 is the padding's.
            dim: its columns.
            shapes: number of word shapes.
            shape_dim: columns of their table.
            char_dim: columns of the characters' tables; 0 leaves the characters out.
            char_filters: channels of the character CNN.
            char_kernel: characters that it reads at once.
        """
        super().__init__()
        self.table = nn.Embedding(vocab_size, dim)
        self.shapes = nn.Embedding(shapes, shape_dim)
        self.width = dim + shape_dim
        self.has_characters = char_dim > 0
        if self.has_characters:
            self.blocks = nn.Embedding(_BLOCKS, char_dim)
            self.places = nn.Embedding(_BLOCK, char_dim)
            self.convolution = nn.Conv1d(char_dim, char_filters, char_kernel, padding=char_kernel // 2)
            self.width += char_filters

    def forward(self, word_ids: Tensor, shape_ids: Tensor, characters: Tensor, distinct: Tensor) -> Tensor:
        """Vectors [B, T, width].

        Args:
            word_ids: rows of the word table, [B, T].
            shape_ids: [B, T].
            characters: code points of the batch's U distinct words, [U, L], -1 behind the end of each.
            distinct: which of the distinct words stands where, [B, T]: characters are read once for each.
        """
        parts = [self.table(word_ids), self.shapes(shape_ids)]
        if self.has_characters:
            parts.append(F.embedding(distinct, self._spelled(characters)))  # indexing has other gradients on every run
        return torch.cat(parts, dim=-1)

    def of_distinct(self, rows: Tensor, shapes: Tensor, characters: Tensor) -> Tensor:
        """Vectors [U, width] of the distinct words with these ``rows`` and ``shapes``, [U] each, and ``characters``."""
        parts = [self.table(rows), self.shapes(shapes)]
        if self.has_characters:
            parts.append(self._spelled(characters))
        return torch.cat(parts, dim=-1)

    def _spelled(self, characters: Tensor) -> Tensor:
        """The largest answer of each filter over the characters of each word, [U, char_filters]."""
        real = (characters >= 0).unsqueeze(-1)
        points = characters.clamp(min=0)
        vectors = (self.blocks(points // _BLOCK) + self.places(points % _BLOCK)) * real
        answers: Tensor = self.convolution(vectors.transpose(1, 2))
        behind = ~real.transpose(1, 2)
        spelled = answers.masked_fill(behind, torch.finfo(answers.dtype).min).amax(dim=2)
        return torch.relu(spelled)
