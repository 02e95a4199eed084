"""Embedders: subwords, words as pooled subwords, or words with their characters and shapes, to vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own name for it


class Embedder(nn.Module):
    """Base of embedders, which turn the inputs of a featurizer into the vectors of a sequence.

    A subclass is created with the sizes that its builder returns. It sets ``width``, and its ``forward`` takes the
    inputs of its featurizer, without ``attention_mask``.

    Attributes:
        width: size of the vectors.
        reads: what a step of the sequence is: a subword, a word as its subwords, or a word.
    """

    width: int
    reads: ClassVar[Literal["subwords", "pooled_subwords", "words"]]


class SubwordTable(Embedder):
    """An embedding table with a row per subword of the tokenizer, or fewer.

    With fewer rows, ids are mapped to rows, so that the tokenizer stays unchanged: a subword without a row of its own
    shares that of another. Subwords that differ in case only share a row, too, and the row of their casing is added.
    """

    rows: Tensor
    form: Tensor

    def __init__(self, vocab_size: int, dim: int, kept: int | None = None, forms: int | None = None) -> None:
        """Create a table of ``dim`` columns, sampled from N(0, 1); the rows of casings are 0.

        Args:
            vocab_size: subwords of the tokenizer.
            dim: columns.
            kept: rows of the table; None: one per subword.
            forms: number of casings; None: casings have no rows.
        """
        super().__init__()
        self.table = nn.Embedding(vocab_size if kept is None else kept, dim)
        self.cut = kept is not None
        if self.cut:
            self.register_buffer("rows", torch.zeros(vocab_size, dtype=torch.int32))
        self.forms = None if forms is None else nn.Embedding.from_pretrained(torch.zeros(forms, dim), freeze=False)
        if forms is not None:
            self.register_buffer("form", torch.zeros(vocab_size, dtype=torch.uint8))
        self.width = dim

    def share(self, rows: Tensor, forms: Sequence[int] | None = None) -> None:
        """Set the row of each subword, ``rows`` [vocab_size], and its casing."""
        self.rows.copy_(rows)
        if forms is not None:
            self.form.copy_(torch.tensor(forms, dtype=torch.uint8))

    def vectors(self, input_ids: Tensor) -> Tensor:
        """Return the vector of each subword, [..., dim], of ``input_ids`` [...]."""
        vectors: Tensor = self.table(self.rows[input_ids] if self.cut else input_ids)
        return vectors if self.forms is None else vectors + self.forms(self.form[input_ids].int())


class SubwordEmbedder(SubwordTable):
    """Embeds each subword."""

    reads = "subwords"

    def forward(self, input_ids: Tensor) -> Tensor:
        """Embed ``input_ids`` [B, T] as [B, T, dim]."""
        return self.vectors(input_ids)


MAX_SUBWORDS_PER_WORD = 16  # later subwords, e.g. of a web address, are ignored


class PooledEmbedder(SubwordTable):
    """Embeds each word as the weighted sum of its first subwords' rows, divided by the root of their number.

    The weights per position (Sukhbaatar et al. 2015, section 4.1, learned here) distinguish the first subword from the
    following ones. The encoder's steps are words, at least a third fewer than subwords.
    """

    reads = "pooled_subwords"

    def __init__(self, **sizes: Any) -> None:  # noqa: ANN401 - as for SubwordTable
        """Take the sizes of ``SubwordTable``; the weights of all positions start at 1."""
        super().__init__(**sizes)
        self.weights = nn.Embedding.from_pretrained(torch.ones(MAX_SUBWORDS_PER_WORD, self.width), freeze=False)

    def forward(self, subwords: Tensor, words: Tensor) -> Tensor:
        """Embed words as [B, T, dim].

        Args:
            subwords: of the batch's U distinct words, [U, L], padded with -1; those beyond ``MAX_SUBWORDS_PER_WORD``
                are ignored.
            words: index of the distinct word at each position, [B, T].
        """
        return F.embedding(words, self.of_distinct(subwords))  # unlike indexing, its gradients are deterministic

    def of_distinct(self, subwords: Tensor) -> Tensor:
        """Return the vectors [U, dim] of the distinct words with these ``subwords`` [U, L], as for ``forward``."""
        subwords = subwords[:, :MAX_SUBWORDS_PER_WORD]
        real = subwords >= 0
        if subwords.device.type == "cpu" and not torch.onnx.is_in_onnx_export():
            # Most words have one or two subwords, the longest many: padding is not computed.
            owners, positions = real.nonzero(as_tuple=True)
            rows = self.vectors(subwords[real]) * self.weights(positions)
            to = owners.unsqueeze(1).expand_as(rows)
            summed: Tensor = rows.new_zeros(len(subwords), rows.shape[1]).scatter_add(0, to, rows)
            return summed / _root(real, summed)
        rows = self.vectors(subwords.clamp(min=0)) * self.weights.weight[: subwords.shape[1]]
        summed = (rows * real.unsqueeze(-1)).sum(dim=1)
        return summed / _root(real, summed)


def _root(real: Tensor, like: Tensor) -> Tensor:
    """Return the root of the number of subwords of each word, [U, 1]."""
    return real.sum(dim=1, keepdim=True).clamp(min=1).to(like.dtype).sqrt()


_BLOCK = 256
_BLOCKS = 0x110000 // _BLOCK


class WordEmbedder(Embedder):
    """Embeds words as the concatenation of a table row, a character CNN (Ma and Hovy 2016, section 2.1) and a shape.

    The vector of a character is that of its block of 256 code points plus that of its position in the block, from two
    small tables: every Unicode character has its own vector, and those of one script share a part of it.
    """

    reads = "words"

    def __init__(
        self, vocab_size: int, dim: int, shapes: int, shape_dim: int, char_dim: int, char_filters: int, char_kernel: int
    ) -> None:
        """Create the tables, sampled from N(0, 1).

        Args:
            vocab_size: rows of the word table; row 0 is padding.
            dim: columns of the word table.
            shapes: number of word shapes.
            shape_dim: columns of the shape table.
            char_dim: columns of the character tables; 0: no characters.
            char_filters: channels of the character CNN.
            char_kernel: its kernel size.
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
        """Embed words as [B, T, width].

        Args:
            word_ids: rows of the word table, [B, T].
            shape_ids: [B, T].
            characters: code points of the batch's U distinct words, [U, L], padded with -1.
            distinct: index of the distinct word at each position, [B, T]: the CNN runs once per distinct word.
        """
        parts = [self.table(word_ids), self.shapes(shape_ids)]
        if self.has_characters:
            parts.append(F.embedding(distinct, self._embed_characters(characters)))  # indexing has random gradients
        return torch.cat(parts, dim=-1)

    def of_distinct(self, rows: Tensor, shapes: Tensor, characters: Tensor) -> Tensor:
        """Return the vectors [U, width] of distinct words with ``rows``, ``shapes`` [U] and ``characters``."""
        parts = [self.table(rows), self.shapes(shapes)]
        if self.has_characters:
            parts.append(self._embed_characters(characters))
        return torch.cat(parts, dim=-1)

    def _embed_characters(self, characters: Tensor) -> Tensor:
        """Return the maximum of each filter over the characters of each word, [U, char_filters]."""
        real = (characters >= 0).unsqueeze(-1)
        points = characters.clamp(min=0)
        vectors = (self.blocks(points // _BLOCK) + self.places(points % _BLOCK)) * real
        features: Tensor = self.convolution(vectors.transpose(1, 2))
        padding = ~real.transpose(1, 2)
        largest = features.masked_fill(padding, torch.finfo(features.dtype).min).amax(dim=2)
        return torch.relu(largest)
