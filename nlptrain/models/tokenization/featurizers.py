"""Featurizers: words to ids, and windows of ids to the inputs of a model.

A transformer, and a student with the ``subword`` embedder, has a ``SubwordFeaturizer``; the embedders ``pooled`` and
``word`` have their own.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import PretrainedConfig, PreTrainedTokenizerBase

from nlptrain.data.alignment import WordEncoder
from nlptrain.data.vocabulary import PADDING, UNKNOWN, Vocabulary
from nlptrain.models.architectures import Architecture
from nlptrain.models.pretrained import Source
from nlptrain.models.tokenization.tokenizer import describe_tokenizer, load_tokenizer, without_limits
from nlptrain_runtime.arrays import pad_lists
from nlptrain_runtime.windows import Window

MAX_CACHED_WORDS = 500_000  # of a DynamicVocab, before it is cleared


class SubwordFeaturizer:
    """Turns words into the subwords of a tokenizer, padded to the longest window of a batch."""

    has_fixed_ids = True

    def __init__(self, tokenizer: PreTrainedTokenizerBase, architecture: Architecture | None = None) -> None:
        """Use ``tokenizer`` for a model of ``architecture``; None: the model only takes ids and mask."""
        self.tokenizer = tokenizer
        self.architecture = architecture
        self.encoder = WordEncoder(tokenizer)
        self.prefix, self.suffix = self.encoder.prefix, self.encoder.suffix
        self._special = torch.tensor(sorted({*self.prefix, *self.suffix, tokenizer.pad_token_id or 0}))

    def __call__(self, words: Sequence[str]) -> list[tuple[int, ...]]:
        """Return the subwords of each of ``words``, at least one per word, without special tokens."""
        return self.encoder(words)

    def subwords(self, words: Sequence[str]) -> list[tuple[int, ...]]:
        """Return the subwords of each of ``words``."""
        return self.encoder(words)

    def unencodable(self, words: Sequence[str]) -> list[str]:
        """Return those of ``words`` for which the tokenizer has no subword."""
        return self.encoder.unencodable(words)

    def pipeline_word_starts(self, word: str) -> list[int]:
        """Return the same as ``WordEncoder.pipeline_word_starts``."""
        return self.encoder.pipeline_word_starts(word)

    def batch(self, windows: Sequence[Window]) -> tuple[dict[str, Tensor], list[int]]:
        """Return ``input_ids`` and ``attention_mask``, [B, T] each, with the architecture's further inputs."""
        longest = max(len(window.subwords) for window in windows)
        pad = self.tokenizer.pad_token_id
        ids = np.full((len(windows), longest), 0 if pad is None else pad, dtype=np.int64)
        mask = np.zeros((len(windows), longest), dtype=np.int64)
        left = self.architecture is not None and self.architecture.pads_left
        shifts = [longest - len(window.subwords) if left else 0 for window in windows]
        for row, (window, first) in enumerate(zip(windows, shifts, strict=True)):
            ids[row, first : first + len(window.subwords)] = window.subwords
            mask[row, first : first + len(window.subwords)] = 1
        model_inputs = {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(mask)}
        if self.architecture is not None:
            model_inputs.update(self.architecture.inputs(model_inputs["input_ids"], model_inputs["attention_mask"]))
        return model_inputs, shifts

    def word_dropout(self, model_inputs: dict[str, Tensor], rate: float) -> dict[str, Tensor]:
        """Return the inputs with a share of the subwords, except special tokens, replaced by the unknown token."""
        unknown = self.tokenizer.unk_token_id
        if rate == 0.0 or unknown is None:
            return model_inputs
        ids = model_inputs["input_ids"]
        dropped = (torch.rand(ids.shape) < rate) & ~torch.isin(ids, self._special)
        return {**model_inputs, "input_ids": ids.masked_fill(dropped, unknown)}

    def limit_cache(self) -> None:
        """Do nothing: ids are those of the tokenizer."""

    def pin_ids(self) -> None:
        """Do nothing: ids are those of the tokenizer."""

    def words_with_ids(self) -> list[str]:
        """Return nothing: ids are those of the tokenizer."""
        return []

    def assign_ids(self, words: Sequence[str]) -> None:
        """Do nothing: ids are those of the tokenizer."""

    def save(self, folder: str | Path) -> None:
        """Write the tokenizer without truncation, padding and maximum length: a pipeline would truncate silently."""
        without_limits(self.tokenizer)
        self.tokenizer.save_pretrained(folder)

    def describe(self) -> dict[str, Any]:
        """Return the tokenizer's description, the special tokens around a sentence, and what few models have."""
        optional = {
            "inputs": "" if self.architecture is None else self.architecture.inputs_version,
            "space": self.encoder.space,
            "language": self.tokenizer.init_kwargs.get("language"),
        }
        # Empty values are omitted, so that logits that were stored before these keys existed keep their fingerprint.
        present = {name: value for name, value in optional.items() if value}
        return {"tokenizer": describe_tokenizer(self.tokenizer), "frame": [self.prefix, self.suffix], **present}


class DynamicVocab:
    """Word ids that are assigned in order of occurrence, and cleared once there are many, unless they are pinned."""

    has_fixed_ids = False
    _pinned = False

    @abstractmethod
    def __call__(self, words: Sequence[str]) -> list[tuple[int, ...]]:
        """Return the id of each of ``words``."""

    @abstractmethod
    def words_with_ids(self) -> list[str]:
        """Return all words that have an id, in the order of these."""

    @abstractmethod
    def _count(self) -> int:
        """Return the number of ids that were assigned."""

    @abstractmethod
    def _clear(self) -> None:
        """Clear all ids."""

    def pipeline_word_starts(self, word: str) -> list[int]:
        """Return nothing: a word has one id."""
        return []

    def limit_cache(self) -> None:
        """Clear all ids once there are many, unless they are pinned."""
        if self._count() > MAX_CACHED_WORDS and not self._pinned:
            self._clear()

    def pin_ids(self) -> None:
        """Never clear an id from now on."""
        self._pinned = True

    def assign_ids(self, words: Sequence[str]) -> None:
        """Clear all ids, and assign those that ``words`` had in another process."""
        self._clear()
        self(words)


def pad_batch(windows: Sequence[Window]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the ids of ``windows``, padded with 0 on the right, and the attention mask, [B, T] each."""
    longest = max(len(window.subwords) for window in windows)
    ids = np.zeros((len(windows), longest), dtype=np.int64)
    mask = np.zeros((len(windows), longest), dtype=np.int64)
    for row, window in enumerate(windows):
        ids[row, : len(window.subwords)] = window.subwords
        mask[row, : len(window.subwords)] = 1
    return ids, mask


def pad_ragged(lists: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    """Return ``lists`` as rows, padded with -1 on the right, with at least one column."""
    sizes = np.fromiter(map(len, lists), dtype=np.int64, count=len(lists))
    flat = np.fromiter(chain.from_iterable(lists), dtype=np.int64, count=int(sizes.sum()))
    return pad_lists(flat, sizes, max_length=int(sizes.max(initial=1)))


class PooledFeaturizer(DynamicVocab, SubwordFeaturizer):
    """Turns words into ids of its own, one per word, each with the word's subwords; without special tokens."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        """Use ``tokenizer``."""
        super().__init__(tokenizer)
        self.prefix, self.suffix = [], []
        self._clear()

    def __call__(self, words: Sequence[str]) -> list[tuple[int, ...]]:
        """Return the id of each of ``words``."""
        ids = self._ids
        new = [word for word in dict.fromkeys(words) if word not in ids]
        for word, subwords in zip(new, self.encoder(new), strict=True):
            ids[word] = (len(self._subwords),)
            self._subwords.append(subwords)
        return [ids[word] for word in words]

    def batch(self, windows: Sequence[Window]) -> tuple[dict[str, Tensor], list[int]]:
        """Return the inputs of ``PooledEmbedder``, with ``attention_mask`` [B, T]."""
        ids, mask = pad_batch(windows)
        # Row 1 is always the unknown word, for word dropout.
        distinct, which = np.unique(np.append(ids, (PADDING, UNKNOWN)), return_inverse=True)
        subwords = pad_ragged([self._subwords[word_id] for word_id in distinct])
        arrays = {"subwords": subwords, "words": which[:-2].reshape(ids.shape), "attention_mask": mask}
        return {name: torch.from_numpy(array) for name, array in arrays.items()}, [0] * len(windows)

    def word_dropout(self, model_inputs: dict[str, Tensor], rate: float) -> dict[str, Tensor]:
        """Return the inputs with a share of the words replaced by the unknown token."""
        if rate == 0.0 or self.tokenizer.unk_token_id is None:
            return model_inputs
        words = model_inputs["words"]
        dropped = (torch.rand(words.shape) < rate) & (words != PADDING)
        return {**model_inputs, "words": words.masked_fill(dropped, UNKNOWN)}

    def words_with_ids(self) -> list[str]:
        """Return all words that have an id, in the order of these."""
        return list(self._ids)

    def _count(self) -> int:
        return len(self._subwords)

    def _clear(self) -> None:
        """Clear all ids but ``PADDING`` and ``UNKNOWN``."""
        unknown = self.tokenizer.unk_token_id
        self._ids: dict[str, tuple[int, ...]] = {}
        self._subwords: list[tuple[int, ...]] = [(), () if unknown is None else (unknown,)]


class WordFeaturizer(DynamicVocab):
    """Turns words into ids of its own, each with the word's row in a vocabulary, its shape and its characters."""

    def __init__(self, vocabulary: Vocabulary, characters: int) -> None:
        """Use ``vocabulary``, and at most ``characters`` code points of a word."""
        self.vocabulary = vocabulary
        self.characters = characters
        self.tokenizer: PreTrainedTokenizerBase | None = None
        self.prefix: list[int] = []
        self.suffix: list[int] = []
        self._clear()

    def __call__(self, words: Sequence[str]) -> list[tuple[int, ...]]:
        """Return the id of each of ``words``."""
        return [(self._id(word),) for word in words]

    def subwords(self, words: Sequence[str]) -> list[tuple[int, ...]]:
        """Return the id of each of ``words``, which have no subwords."""
        return self(words)

    def batch(self, windows: Sequence[Window]) -> tuple[dict[str, Tensor], list[int]]:
        """Return the inputs of ``WordEmbedder``, with ``attention_mask`` [B, T]."""
        ids, mask = pad_batch(windows)
        distinct, which = np.unique(ids, return_inverse=True)
        rows = np.array([self._rows[word_id] for word_id in distinct])
        shapes = np.array([self._shapes[word_id] for word_id in distinct])
        which = which.reshape(ids.shape)
        characters = pad_ragged([self._characters[word_id] for word_id in distinct])
        arrays = {
            "word_ids": rows[which],
            "shape_ids": shapes[which],
            "characters": characters,
            "distinct": which,
            "attention_mask": mask,
        }
        return {name: torch.from_numpy(array) for name, array in arrays.items()}, [0] * len(windows)

    def word_dropout(self, model_inputs: dict[str, Tensor], rate: float) -> dict[str, Tensor]:
        """Return the inputs with a share of the words replaced by the unknown word; shapes and characters stay."""
        if rate == 0.0:
            return model_inputs
        ids = model_inputs["word_ids"]
        dropped = (torch.rand(ids.shape) < rate) & (ids != PADDING)
        return {**model_inputs, "word_ids": ids.masked_fill(dropped, UNKNOWN)}

    def save(self, folder: str | Path) -> None:
        """Write the vocabulary."""
        self.vocabulary.save(folder)

    def describe(self) -> dict[str, Any]:
        """Return the vocabulary's description and the number of characters."""
        return {"vocabulary": self.vocabulary.describe(), "characters": self.characters}

    def words_with_ids(self) -> list[str]:
        """Return all words that have an id, in the order of these."""
        return list(self._ids)

    def _count(self) -> int:
        return len(self._rows)

    def _clear(self) -> None:
        """Clear all ids but ``PADDING``."""
        self._ids: dict[str, int] = {}
        self._rows, self._shapes = [PADDING], [0]
        self._characters: list[list[int]] = [[]]

    def _id(self, word: str) -> int:
        word_id = self._ids.get(word)
        if word_id is None:
            word_id = self._ids[word] = len(self._rows)
            self._rows.append(self.vocabulary.id_of(word))
            self._shapes.append(self.vocabulary.word_shape(word))
            self._characters.append(self.vocabulary.characters(word, self.characters))
        return word_id


def load_subword_featurizer(source: Source, config: PretrainedConfig) -> tuple[SubwordFeaturizer, int]:
    """Load the featurizer of a student of subwords, and return it with the maximum length in subwords."""
    tokenizer, max_subwords = load_tokenizer(source)
    return SubwordFeaturizer(tokenizer), max_subwords


def load_pooled_featurizer(source: Source, config: PretrainedConfig) -> tuple[PooledFeaturizer, int]:
    """Load the featurizer of a student of pooled subwords; as ``load_subword_featurizer``."""
    tokenizer, max_subwords = load_tokenizer(source)
    return PooledFeaturizer(tokenizer), max_subwords


def load_word_featurizer(source: Source, config: PretrainedConfig) -> tuple[WordFeaturizer, int]:
    """Load the featurizer of a student of words; as ``load_subword_featurizer``."""
    return WordFeaturizer(Vocabulary.load(source.folder), config.max_characters), config.max_pieces
