"""Word boundaries from subwords: a CRF runs over words, and a Hugging Face pipeline only passes ``input_ids``.

Legend: B sequences, T subwords, N words of the longest sequence, W words of all, V subwords of the tokenizer, C labels.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from tokenizers.decoders import ByteLevel
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from nlptrain.data.alignment import WordEncoder
from nlptrain.data.word_splitter import WordSplitter

OPENS = 1  # the subword starts a word
CLOSES = 2  # the next subword starts a word
NO_WORD = 4  # the subword is not part of a word
HOLDS = 8  # the next subword does not start a word
_BYTE_SPACE, _BYTES = "\u0120", ByteLevel()
_SPACES = ("\u2581", _BYTE_SPACE)  # the space before a word in SentencePiece and in byte-level BPE


def subword_boundaries(tokenizer: PreTrainedTokenizerBase, splitter: WordSplitter) -> Tensor | None:
    """Return the boundaries of each subword, sums of ``OPENS``, ``CLOSES``, ``NO_WORD`` and ``HOLDS``, [V].

    WordPiece marks subwords that continue a word (``##``). SentencePiece and byte-level BPE mark subwords after a
    space; without a space (``paris).``), ``splitter`` decides, as far as the text of a subword shows the boundary.

    Returns:
        None for other tokenizers: XLM's BPE marks the ends of words, and slow tokenizers are not supported.
    """
    if not tokenizer.is_fast:
        return None
    names = [str(name) for name in tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))]
    encoder = WordEncoder(tokenizer)
    ((first, *_),) = encoder(["a"])
    prefix = getattr(tokenizer.backend_tokenizer.model, "continuing_subword_prefix", None)
    space = next((mark for mark in _SPACES if names[first].startswith(mark)), None)
    if prefix:
        boundaries = [0 if name.startswith(prefix) else OPENS for name in names]
    elif space is not None:
        boundaries = [_boundary(name, space, splitter) for name in names]
    else:
        return None
    for token_id in tokenizer.all_special_ids:
        boundaries[token_id] = OPENS | CLOSES
    if tokenizer.unk_token_id is not None:
        # SentencePiece encodes the space before unknown text as a subword of its own.
        boundaries[tokenizer.unk_token_id] = 0 if space is not None and space in names else OPENS
    for token_id in {*encoder.prefix, *encoder.suffix, tokenizer.pad_token_id} - {None}:
        boundaries[token_id] = NO_WORD | CLOSES
    return torch.tensor(boundaries, dtype=torch.uint8)


def _boundary(name: str, space: str, splitter: WordSplitter) -> int:
    spaced = name.startswith(space)
    text = (_BYTES.decode([name]) if space == _BYTE_SPACE else name.replace(space, " ")).strip(" ")
    if not text:
        return OPENS | HOLDS if spaced else 0  # the space alone is the first subword of the following word
    if "\ufffd" in text:  # bytes of a character
        return OPENS if spaced else 0
    if not splitter.words(text):
        return NO_WORD | CLOSES  # other white space
    plain = "word"
    opens = spaced or splitter.split(plain + text)[0].end == len(plain)
    closes = splitter.split(text + plain)[-1].start == len(text)
    return OPENS * opens + CLOSES * closes


def word_starts(boundaries: Tensor, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor]:
    """Return where words start and where subwords of words are, [B, T] each, from ``boundaries`` [V]."""
    flags = boundaries[input_ids].masked_fill(attention_mask == 0, NO_WORD | CLOSES)
    word = (flags & NO_WORD) == 0
    opened = (flags & OPENS) != 0
    opened[:, 0] = True
    opened[:, 1:] |= (flags[:, :-1] & CLOSES) != 0
    opened[:, 1:] &= (flags[:, :-1] & HOLDS) == 0
    return word & opened, word


def group_subwords(input_ids: Tensor, starts: Tensor, word: Tensor) -> tuple[Tensor, Tensor]:
    """Return the subwords of each word, [B * N, L], padded with -1, and the mask of words, [B, N].

    Args:
        input_ids: [B, T].
        starts: true at the first subword of each word, [B, T].
        word: true at the subwords of words, [B, T].
    """
    counts = starts.sum(dim=1)
    most = max(1, int(counts.max()))
    positions = torch.arange(starts.shape[1], device=starts.device).expand_as(starts)
    word_index = starts.cumsum(dim=1) - 1
    part = positions - positions.masked_fill(~starts, 0).cummax(dim=1).values
    kept = word & (word_index >= 0)
    rows = (word_index + most * torch.arange(len(starts), device=starts.device)[:, None])[kept]
    parts = part[kept]
    longest = int(parts.max()) + 1 if len(parts) else 1
    subwords = input_ids.new_full((len(starts) * most, longest), -1)
    subwords[rows, parts] = input_ids[kept]
    return subwords, (torch.arange(most, device=starts.device) < counts[:, None]).to(input_ids.dtype)


def spread_to_subwords(starts: Tensor, word: Tensor, values: Tensor, pairs: Sequence[tuple[int, int]] = ()) -> Tensor:
    """Return the logits of words at all their subwords, [B, T, C]; 0 elsewhere.

    After the first subword of a word, I- gets the larger one of an entity's two logits, B- the smaller one.

    Args:
        starts: true at the first subword of each word, [B, T].
        word: true at the subwords of words, [B, T].
        values: logits of the words, in order, [W, C].
        pairs: columns of B- and I- of each type.
    """
    word_index = (starts.flatten().cumsum(dim=0) - 1).view_as(starts)
    inside = values.clone()
    for begin, within in pairs:
        inside[:, within] = torch.maximum(values[:, begin], values[:, within])
        inside[:, begin] = torch.minimum(values[:, begin], values[:, within])
    continues = word & ~starts & (starts.cumsum(dim=1) > 0)
    spread = values.new_zeros((*starts.shape, values.shape[1]))
    spread[starts] = values
    spread[continues] = inside[word_index[continues]]
    return spread
