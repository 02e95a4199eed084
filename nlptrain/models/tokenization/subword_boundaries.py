"""Which pieces of a tokenizer open a word: what a chain over words needs to run on ``input_ids`` alone."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from tokenizers.decoders import ByteLevel
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from nlptrain.data.alignment import WordEncoder
from nlptrain.data.word_splitter import WordSplitter

# A piece opens a word; what stands behind it opens one; it is no part of a word; what stands behind it opens none.
OPENS, CLOSES, NO_WORD, HOLDS = 1, 2, 4, 8
_BYTE_SPACE, _BYTES = "\u0120", ByteLevel()
_SPACES = ("\u2581", _BYTE_SPACE)  # what stands for the space in front of a word: SentencePiece's, byte-level BPE's


def subword_boundaries(tokenizer: PreTrainedTokenizerBase, splitter: WordSplitter) -> Tensor | None:
    """The roles of each piece, sums of ``OPENS``, ``CLOSES``, ``NO_WORD`` and ``HOLDS``, [V]; None: pieces do not tell.

    WordPiece marks what continues a word (``##``). SentencePiece and byte-level BPE mark what stands behind a space;
    where words touch (``paris).``), ``splitter`` says it, as far as a piece shows it. XLM's BPE marks the ends of
    words, and tokenizers written in Python are not asked.
    """
    if not tokenizer.is_fast:
        return None
    names = [str(name) for name in tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))]
    encoder = WordEncoder(tokenizer)
    ((first, *_),) = encoder(["a"])
    prefix = getattr(tokenizer.backend_tokenizer.model, "continuing_subword_prefix", None)
    space = next((mark for mark in _SPACES if names[first].startswith(mark)), None)
    if prefix:
        roles = [0 if name.startswith(prefix) else OPENS for name in names]
    elif space is not None:
        roles = [_role(name, space, splitter) for name in names]
    else:
        return None
    for number in tokenizer.all_special_ids:
        roles[number] = OPENS | CLOSES
    if tokenizer.unk_token_id is not None:
        # SentencePiece's space is a piece of its own in front of what it does not know.
        roles[tokenizer.unk_token_id] = 0 if space is not None and space in names else OPENS
    for number in {*encoder.prefix, *encoder.suffix, tokenizer.pad_token_id} - {None}:
        roles[number] = NO_WORD | CLOSES
    return torch.tensor(roles, dtype=torch.uint8)


def _role(name: str, space: str, splitter: WordSplitter) -> int:
    spaced = name.startswith(space)
    text = (_BYTES.decode([name]) if space == _BYTE_SPACE else name.replace(space, " ")).strip(" ")
    if not text:
        return OPENS | HOLDS if spaced else 0  # the space alone is the first piece of the word that stands behind it
    if "\ufffd" in text:  # bytes of a character
        return OPENS if spaced else 0
    if not splitter.words(text):
        return NO_WORD | CLOSES  # other white space
    plain = "word"
    opens = spaced or splitter.split(plain + text)[0].end == len(plain)
    closes = splitter.split(text + plain)[-1].start == len(text)
    return OPENS * opens + CLOSES * closes


def word_starts(roles: Tensor, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor]:
    """True at the first piece of each word, and at all pieces of words, [B, T] each, by the roles of pieces, [V]."""
    there = roles[input_ids].masked_fill(attention_mask == 0, NO_WORD | CLOSES)
    word = (there & NO_WORD) == 0
    opened = (there & OPENS) != 0
    opened[:, 0] = True
    opened[:, 1:] |= (there[:, :-1] & CLOSES) != 0
    opened[:, 1:] &= (there[:, :-1] & HOLDS) == 0
    return word & opened, word


def group_subwords(input_ids: Tensor, starts: Tensor, word: Tensor) -> tuple[Tensor, Tensor]:
    """The pieces of each word, [B * N, L] for the N words of the longest sequence, -1 behind; and 1 at words, [B, N].

    Args:
        input_ids: [B, T].
        starts: true at the first piece of each word, [B, T].
        word: true at the pieces of words, [B, T].
    """
    counts = starts.sum(dim=1)
    most = max(1, int(counts.max()))
    places = torch.arange(starts.shape[1], device=starts.device).expand_as(starts)
    number = starts.cumsum(dim=1) - 1
    part = places - places.masked_fill(~starts, 0).cummax(dim=1).values
    kept = word & (number >= 0)
    rows = (number + most * torch.arange(len(starts), device=starts.device)[:, None])[kept]
    parts = part[kept]
    longest = int(parts.max()) + 1 if len(parts) else 1
    pieces = input_ids.new_full((len(starts) * most, longest), -1)
    pieces[rows, parts] = input_ids[kept]
    return pieces, (torch.arange(most, device=starts.device) < counts[:, None]).to(input_ids.dtype)


def spread_to_subwords(starts: Tensor, word: Tensor, values: Tensor, pairs: Sequence[tuple[int, int]] = ()) -> Tensor:
    """The logits of words at all their pieces, [B, T, C]; 0 at other places.

    Behind the first piece of a word, the larger one of an entity's two logits is that of I-, the smaller that of B-.

    Args:
        starts: true at the first piece of each word, [B, T].
        word: true at the pieces of words, [B, T].
        values: the words' logits in the order of their places, [W, C].
        pairs: the columns of B- and I- of each type.
    """
    number = (starts.flatten().cumsum(dim=0) - 1).view_as(starts)
    inside = values.clone()
    for begin, within in pairs:
        inside[:, within] = torch.maximum(values[:, begin], values[:, within])
        inside[:, begin] = torch.minimum(values[:, begin], values[:, within])
    behind = word & ~starts & (starts.cumsum(dim=1) > 0)
    spread = values.new_zeros((*starts.shape, values.shape[1]))
    spread[starts] = values
    spread[behind] = inside[number[behind]]
    return spread
