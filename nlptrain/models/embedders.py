"""The table of a transformer's pieces, and the embedder that reads them one by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own name for it


class SubwordTable(nn.Module):
    """A table with a row for each piece of the tokenizer, or for fewer.

    With fewer, a map from ids to rows stands in front, so that the tokenizer stays whole: a piece without a row of its
    own shares another one's. Pieces that differ in case share one, too, and a row for their form is added to it.
    """

    rows: Tensor
    form: Tensor

    def __init__(self, vocab_size: int, dim: int, kept: int | None = None, forms: int | None = None) -> None:
        """A table of ``dim`` columns, drawn from N(0, 1); the forms' rows are 0.

        Args:
            vocab_size: pieces of the tokenizer.
            dim: columns.
            kept: rows of the table; None: one for each piece.
            forms: forms that pieces can have; None: pieces have none, and so no rows for them.
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
        """Give each piece its row, ``rows`` [vocab_size], and its form."""
        self.rows.copy_(rows)
        if forms is not None:
            self.form.copy_(torch.tensor(forms, dtype=torch.uint8))

    def vectors(self, input_ids: Tensor) -> Tensor:
        """What each piece is read as, [..., dim] of ``input_ids`` [...]."""
        vectors: Tensor = self.table(self.rows[input_ids] if self.cut else input_ids)
        return vectors if self.forms is None else vectors + self.forms(self.form[input_ids].int())


class SubwordEmbedder(SubwordTable):
    """Each piece as its row."""

    def forward(self, input_ids: Tensor) -> Tensor:
        """Vectors [B, T, dim] of ``input_ids`` [B, T]."""
        return self.vectors(input_ids)


MAX_SUBWORDS_PER_WORD = 16  # of a word that are read: of a web address, what begins it


class PooledEmbedder(SubwordTable):
    """Each word as one vector: the weighed sum of its first pieces' rows, over the root of their number.

    The weights of the places (Sukhbaatar et al. 2015, section 4.1, learned here) tell what stands first from what
    follows. The encoder's steps are words, which are fewer than pieces by a third and more.
    """

    def __init__(self, **sizes: Any) -> None:  # noqa: ANN401 - as for PieceTable
        """Sizes as for ``PieceTable``; the weights of all places are 1 at first."""
        super().__init__(**sizes)
        self.weights = nn.Embedding.from_pretrained(torch.ones(MAX_SUBWORDS_PER_WORD, self.width), freeze=False)

    def forward(self, pieces: Tensor, words: Tensor) -> Tensor:
        """Vectors [B, T, dim] of words.

        Args:
            pieces: of the batch's U distinct words, [U, L], -1 behind the end of each; what passes ``MOST_PIECES`` is
                not read.
            words: which of them stands where, [B, T].
        """
        return F.embedding(words, self.of_distinct(pieces))  # unlike indexing, its gradients are the same on every run

    def of_distinct(self, pieces: Tensor) -> Tensor:
        """Vectors [U, dim] of the distinct words whose ``pieces`` [U, L] are given as for ``forward``."""
        pieces = pieces[:, :MAX_SUBWORDS_PER_WORD]
        real = pieces >= 0
        if pieces.device.type == "cpu" and not torch.onnx.is_in_onnx_export():
            # Most words have one piece or two, the longest many: what is not there is not computed.
            owners, places = real.nonzero(as_tuple=True)
            rows = self.vectors(pieces[real]) * self.weights(places)
            to = owners.unsqueeze(1).expand_as(rows)
            pooled: Tensor = rows.new_zeros(len(pieces), rows.shape[1]).scatter_add(0, to, rows)
            return pooled / _root(real, pooled)
        rows = self.vectors(pieces.clamp(min=0)) * self.weights.weight[: pieces.shape[1]]
        pooled = (rows * real.unsqueeze(-1)).sum(dim=1)
        return pooled / _root(real, pooled)


def _root(real: Tensor, like: Tensor) -> Tensor:
    """The root of the number of pieces of each word, [U, 1]."""
    return real.sum(dim=1, keepdim=True).clamp(min=1).to(like.dtype).sqrt()


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


EMBEDDERS: dict[str, type[nn.Module]] = {
    "subword": SubwordEmbedder,
    "pooled": PooledEmbedder,
    "word": WordEmbedder,
}
