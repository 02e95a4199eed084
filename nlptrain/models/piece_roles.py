"""Which pieces of a tokenizer open a word: what a chain over words needs to run on ``input_ids`` alone."""

from __future__ import annotations

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from nlptrain.data.alignment import WordEncoder

CONTINUES, OPENS, SPECIAL = 0, 1, 2
_SPACES = ("\u2581", "\u0120")  # what stands for the space in front of a word: SentencePiece's, byte-level BPE's


def piece_roles(tokenizer: PreTrainedTokenizerBase) -> Tensor | None:
    """For each piece whether it continues a word, opens one, or is special (0, 1, 2), [V]; None: pieces don't tell.

    WordPiece marks what continues a word (``##``), SentencePiece and byte-level BPE what stands behind a space. XLM's
    BPE marks the ends of words instead, and tokenizers written in Python are not asked.
    """
    if not tokenizer.is_fast:
        return None
    names = [str(name) for name in tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))]
    encoder = WordEncoder(tokenizer)
    prefix = getattr(tokenizer.backend_tokenizer.model, "continuing_subword_prefix", None)
    ((first, *_),) = encoder(["a"])
    space = next((mark for mark in _SPACES if names[first].startswith(mark)), None)
    if prefix:
        opens = [not name.startswith(prefix) for name in names]
    elif space is not None:
        opens = [name.startswith(space) for name in names]
    else:
        return None
    roles = torch.tensor(opens).to(torch.uint8)
    unknown = tokenizer.unk_token_id  # stands for words and for parts of words; mostly for words
    special = {*tokenizer.all_special_ids, *encoder.prefix, *encoder.suffix} - {unknown}
    roles[sorted(special)] = SPECIAL
    if unknown is not None:
        roles[unknown] = OPENS
    return roles


def word_starts(roles: Tensor, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
    """True at the first piece of each word, [B, T], by the ``roles`` of all pieces, [V].

    A sequence's first piece opens a word, whatever it is: not every tokenizer puts a space in front of it.
    """
    there = roles[input_ids].masked_fill(attention_mask == 0, SPECIAL)
    plain = there != SPECIAL
    first = plain & (plain.cumsum(dim=1) == 1)
    return (there == OPENS) | first


def over_pieces(starts: Tensor, inside: Tensor, words: Tensor) -> Tensor:
    """What holds for words, at all their pieces, [B, T, C]; 0 at other places.

    Args:
        starts: true at the first piece of each word, [B, T].
        inside: true at pieces that may go on with the word in front of them, [B, T].
        words: in the order of their places, [W, C].
    """
    number = (starts.flatten().cumsum(dim=0) - 1).view_as(starts)
    theirs = starts | (inside & (starts.cumsum(dim=1) > 0))
    spread = words.new_zeros((*starts.shape, words.shape[1]))
    spread[theirs] = words[number[theirs]]
    return spread
