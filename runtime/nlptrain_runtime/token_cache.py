"""Texts to word ids and offsets, each distinct word split and tokenized once."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, chain
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nlptrain_runtime.arrays import GrowableArray, GrowableLists
from nlptrain_runtime.features import FeatureExtractor
from nlptrain_runtime.word_splitter import WordSplitter, replace_surrogates
from nlptrain_runtime.word_store import CONTEXT_DEPENDENT, BrokenStore, WordStore

if TYPE_CHECKING:
    from nlptrain_runtime.arrays import BoolArray, IntArray

_INITIAL = re.compile(r"[A-Z]\.\Z")  # an initial at the end of a part is one word only if a letter follows
# Parts that the splitter never cuts: letters and digits, names and tags, web addresses. Most new parts are one.
_ONE_WORD = re.compile(r"[A-Za-z0-9]+|[@#][A-Za-z0-9_]+|https?://[!#-;=?-~]*[A-Za-z0-9]")
# Parts that the splitter always cuts in two: such a word, and a mark.
_WORD_AND_MARK = re.compile(r"(?:[@#]?[A-Za-z0-9]+|[@#][A-Za-z0-9_]+)[,:;!?)\"]")
_CONTROL = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f]")  # white space to the splitter and not to str.split()
_IS_BLANK = np.array([chr(code).isspace() or bool(_CONTROL.match(chr(code))) for code in range(0x3002)])
_PAUSE = 1e-4  # seconds; long enough for a waiting thread to run


@dataclass(frozen=True)
class EncodedWords:
    """Texts as word ids.

    Attributes:
        words: id of each word of all texts, [W].
        counts: words of each text, [S].
        features: what the model reads of each word, by word id.
    """

    words: IntArray
    counts: IntArray
    features: GrowableArray | GrowableLists


@dataclass(frozen=True)
class EncodedTexts(EncodedWords):
    """Raw texts as word ids, with offsets.

    Attributes:
        part_counts: parts of each text, [S].
        part_word_counts: words of each part, [P].
        part_lengths: characters of each part, [P].
        part_offsets: start and end of each word in its part, [W, 2].
    """

    part_counts: IntArray
    part_word_counts: IntArray
    part_lengths: IntArray
    part_offsets: IntArray

    def offsets(self, texts: Sequence[str], needed: BoolArray) -> IntArray:
        """Return start and end of each word in its text, [W, 2]; right in the texts that are ``needed`` [S]."""
        ends = np.cumsum(self.part_counts)
        spaced_ends = _sums_from_zero(self.part_lengths + 1)
        begins = spaced_ends[:-1] - np.repeat(spaced_ends[ends - self.part_counts], self.part_counts)
        # One blank between neighbors, and none around them, makes a text this long; otherwise parts are searched for.
        spaced_lengths = spaced_ends[ends] - spaced_ends[ends - self.part_counts] - 1
        lengths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
        for index in np.flatnonzero(needed & (spaced_lengths != lengths)).tolist():
            begins[ends[index] - self.part_counts[index] : ends[index]] = _part_starts(texts[index])
        offsets: IntArray = self.part_offsets + np.repeat(begins, self.part_word_counts)[:, None]
        return offsets


def _part_starts(text: str) -> IntArray:
    """Return the start of each part between white space in ``text``."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    is_blank = _IS_BLANK[np.minimum(codes, len(_IS_BLANK) - 1)]
    after_blank = np.concatenate([[True], is_blank[:-1]])
    return np.flatnonzero(~is_blank & after_blank)


class _SplitParts(NamedTuple):
    """The words of some parts, their starts and ends in the part, and the number of words of each part."""

    words: list[str]
    starts: list[int]
    ends: list[int]
    counts: list[int]


class TokenCache:
    """Word ids for texts and words, cached, as most of a text has been seen before.

    The words that the splitter finds depend on their context, but never across white space, with one exception: an
    initial (``A. Smith``) is one word only if a letter follows. So the parts of a text between white space are looked
    up whole, and only new ones are split and tokenized.

    Several threads may use it at once. New words are computed without a lock, a batch at a time, and then added to the
    store; if a call is interrupted while it adds, the store is broken and is replaced.
    """

    def __init__(self, splitter: WordSplitter, features: FeatureExtractor, *, max_words: int) -> None:
        """Split by ``splitter``, and cache about ``max_words`` words and parts."""
        self._splitter = splitter
        self._features = features
        self._batch_words = features.batch_words
        self._max_words = max_words
        self._store = WordStore(features.empty())

    def encode_words(self, sentences: Sequence[Sequence[str]]) -> EncodedWords:
        """Return the ids of the words of ``sentences``."""
        counts = np.fromiter(map(len, sentences), dtype=np.int64, count=len(sentences))
        words = list(chain.from_iterable(sentences))
        while True:
            store = self._usable_store()
            try:
                self._add_words(store, words)
            except BrokenStore:
                continue
            ids = np.fromiter(map(store.words.__getitem__, words), dtype=np.int64, count=len(words))
            return EncodedWords(ids, counts, store.features)

    def encode_texts(self, texts: Sequence[str]) -> EncodedTexts:
        """Return the ids of the words of ``texts``."""
        if self._splitter.splits_at_whitespace:
            split = [(_CONTROL.sub(" ", text) if _CONTROL.search(text) else text).split() for text in texts]
        else:
            split = [[text] if text else [] for text in texts]
        part_counts = np.fromiter(map(len, split), dtype=np.int64, count=len(split))
        parts = list(chain.from_iterable(split))
        while True:
            store = self._usable_store()
            try:
                ids = self._part_ids(store, parts, part_counts)
                break
            except BrokenStore:
                continue
        rows, word_counts = store.part_words.concatenate(ids)
        if len(texts) == 1:
            counts = np.array([len(rows)])
        else:
            counts = np.diff(_sums_from_zero(word_counts)[_sums_from_zero(part_counts)])
        return EncodedTexts(
            rows[:, 0],
            counts,
            store.features,
            part_counts,
            word_counts,
            np.fromiter(map(len, parts), dtype=np.int64, count=len(parts)),
            rows[:, 1:],
        )

    def _usable_store(self) -> WordStore:
        """Return the store, or a new one if it is full or broken."""
        store = self._store
        if store.is_full(self._max_words) or store.is_broken():
            store = self._store = WordStore(self._features.empty())
        return store

    def _part_ids(self, store: WordStore, parts: list[str], part_counts: IntArray) -> IntArray:
        """Return the id of each of ``parts``; ``part_counts`` of them belong to each text."""
        known = store.parts
        known_ids = list(map(known.get, parts))
        if None in known_ids:
            self._add_parts(store, [part for part in dict.fromkeys(parts) if part not in known])
            known_ids = list(map(known.get, parts))
        ids = np.array(known_ids, dtype=np.int64)
        context_dependent = np.flatnonzero(ids == CONTEXT_DEPENDENT)
        if len(context_dependent):
            last = set((np.cumsum(part_counts) - 1).tolist())
            keys = []
            for index in context_dependent.tolist():
                letter_follows = index not in last and parts[index + 1][0].isalpha()
                keys.append(parts[index] + (" a" if letter_follows else " "))
            self._add_context_dependent(store, [key for key in dict.fromkeys(keys) if key not in known])
            ids[context_dependent] = [known[key] for key in keys]
        return ids

    def _add_parts(self, store: WordStore, parts: list[str]) -> None:
        """Split ``parts``, all of them new; those that depend on the next part are only marked as such."""
        if not self._splitter.splits_at_whitespace:
            for part in parts:
                self._store_parts(store, [part], self._split(part, [0]))
            return
        for start in range(0, len(parts), self._batch_words):
            if start:
                yield_to_threads()
            single, marked, context_dependent, others = self._classify(parts[start : start + self._batch_words])
            split = _SplitParts(single.copy(), [0] * len(single), [len(part) for part in single], [1] * len(single))
            for part in marked:
                cut = len(part) - 1
                split.words.extend((part[:cut], part[cut]))
                split.starts.extend((0, cut))
                split.ends.extend((cut, cut + 1))
            split.counts.extend([2] * len(marked))
            if others:  # all at once, each on its own line
                begins = [0, *accumulate(len(part) + 1 for part in others)][:-1]
                for values, more in zip(split, self._split("\n".join(others), begins), strict=True):
                    values.extend(more)  # type: ignore[attr-defined]
            self._store_parts(store, [*single, *marked, *others], split, context_dependent)

    def _classify(self, parts: list[str]) -> tuple[list[str], list[str], list[str], list[str]]:
        """Return parts that are one word, a word and a mark, context-dependent, and all others."""
        if self._splitter.version not in (1, 2):
            return [], [], [], parts
        single: list[str] = []
        marked: list[str] = []
        context_dependent: list[str] = []
        others: list[str] = []
        for part in parts:
            if _ONE_WORD.fullmatch(part):
                single.append(part)
            elif _WORD_AND_MARK.fullmatch(part):
                marked.append(part)
            elif _INITIAL.search(part):
                context_dependent.append(part)
            else:
                others.append(part)
        return single, marked, context_dependent, others

    def _add_context_dependent(self, store: WordStore, keys: list[str]) -> None:
        """Split parts followed by their context: a blank, or `` a``, which is not a word of the part."""
        for key in keys:
            part = key.removesuffix(" a").rstrip(" ")
            self._store_parts(store, [key], self._split(key, [0], end=len(part)))

    def _split(self, text: str, begins: list[int], *, end: int | None = None) -> _SplitParts:
        """Split the parts that begin at ``begins`` in ``text``; words that pass ``end`` are ignored."""
        words, starts, ends, counts = _SplitParts([], [], [], [])
        part, last = -1, len(begins) - 1
        for word, (start, stop) in self._splitter.split_tuples(text):
            if end is not None and stop > end:
                break
            while part < last and begins[part + 1] <= start:
                part += 1
                counts.append(0)
            counts[-1] += 1
            words.append(word)
            starts.append(start - begins[part])
            ends.append(stop - begins[part])
        counts += [0] * (last - part)
        return _SplitParts(words, starts, ends, counts)

    def _store_parts(
        self, store: WordStore, parts: list[str], split: _SplitParts, context_dependent: Sequence[str] = ()
    ) -> None:
        """Add ``parts`` and their words to the store."""
        self._add_words(store, split.words)
        ids = [store.words[word] for word in split.words]
        rows = np.array([ids, split.starts, split.ends], dtype=np.int64).T
        store.add_parts(parts, rows, np.array(split.counts, dtype=np.int64), context_dependent)

    def _add_words(self, store: WordStore, words: Sequence[str]) -> None:
        new = [word for word in dict.fromkeys(words) if word not in store.words]
        for start in range(0, len(new), self._batch_words):
            if start:
                yield_to_threads()
            batch = new[start : start + self._batch_words]
            store.add_words(batch, self._features.extract([replace_surrogates(word) for word in batch]))

    def clear(self) -> None:
        """Remove all words and parts."""
        self._store = WordStore(self._features.empty())

    def after_fork(self) -> None:
        """Continue in a forked process: replace a store to which another thread was adding at the fork."""
        if self._store.is_locked():
            self.clear()


def yield_to_threads() -> None:
    """Let other threads run, if there are any: a computing thread would keep them waiting for milliseconds."""
    if threading.active_count() > 1:
        time.sleep(_PAUSE)


def _sums_from_zero(sizes: IntArray) -> IntArray:
    """Return the sums of the first 0, 1, 2, ... ``sizes``."""
    sums = np.zeros(len(sizes) + 1, dtype=np.int64)
    np.cumsum(sizes, out=sums[1:])
    return sums
