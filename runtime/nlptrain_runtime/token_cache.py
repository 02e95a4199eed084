"""Texts to the numbers of their words, each distinct word read once."""

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
from nlptrain_runtime.features import Features
from nlptrain_runtime.word_splitter import WordSplitter, writable
from nlptrain_runtime.word_store import BrokenCache, WordCache

if TYPE_CHECKING:
    from nlptrain_runtime.arrays import BoolArray, IntArray


_HANGING = re.compile(r"[A-Z]\.\Z")  # an initial at the end of a part: is it one word? what stands behind says it
# Parts that the splitter never cuts: letters and digits, names and tags, web addresses. Most of what is new is one.
_ONE_WORD = re.compile(r"[A-Za-z0-9]+|[@#][A-Za-z0-9_]+|https?://[!#-;=?-~]*[A-Za-z0-9]")
# And parts that it cuts in two, always: one of these in front of a mark.
_AND_MARK = re.compile(r"(?:[@#]?[A-Za-z0-9]+|[@#][A-Za-z0-9_]+)[,:;!?)\"]")
_CONTROL = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f]")  # white space to the splitter and not to str.split()
_BLANK = np.array([chr(code).isspace() or bool(_CONTROL.match(chr(code))) for code in range(0x3002)])
_DEPENDS = 0  # the number of a part whose words depend on the part behind
_PAUSE = 1e-4  # seconds; long enough for a waiting thread to take over


@dataclass(frozen=True)
class Read:
    """Texts whose words are numbered.

    Attributes:
        words: the number of each word of all texts, [W].
        counts: words of each text, [S].
        features: what is known of each word, by its number.
    """

    words: IntArray
    counts: IntArray
    features: GrowableArray | GrowableLists


@dataclass(frozen=True)
class ReadTexts(Read):
    """Raw texts whose words are numbered.

    Attributes:
        sizes: parts of each text, [S].
        held: words of each part, [P].
        lengths: characters of each part, [P].
        within: where in its part each word begins and ends, [W, 2].
    """

    sizes: IntArray
    held: IntArray
    lengths: IntArray
    within: IntArray

    def places(self, texts: Sequence[str], told: BoolArray) -> IntArray:
        """Where each word begins and ends in its text, [W, 2]; right in the texts that are ``told`` [S]."""
        ends = np.cumsum(self.sizes)
        behind = _from_zero(self.lengths + 1)
        begins = behind[:-1] - np.repeat(behind[ends - self.sizes], self.sizes)
        # One blank between neighbors, and none around them, makes a text this long; elsewhere parts are looked for.
        spaced = behind[ends] - behind[ends - self.sizes] - 1
        sizes = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
        for text in np.flatnonzero(told & (spaced != sizes)).tolist():
            begins[ends[text] - self.sizes[text] : ends[text]] = _starts(texts[text])
        placed: IntArray = self.within + np.repeat(begins, self.held)[:, None]
        return placed


def _starts(text: str) -> IntArray:
    """Return where the parts between white space begin in ``text``."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    blank = _BLANK[np.minimum(codes, len(_BLANK) - 1)]
    blank_before = np.concatenate([[True], blank[:-1]])
    return np.flatnonzero(~blank & blank_before)


class _Split(NamedTuple):
    """The words of some parts, where each begins and ends in its part, and how many each part has."""

    words: list[str]
    starts: list[int]
    ends: list[int]
    held: list[int]


class Lexicon:
    """IntArray for words, and for what stands between white space: most of a text has been seen before.

    The splitter's words depend on what is left and right of them, but never across white space, with one exception: an
    initial (``A. Smith``) is one word only if a letter follows. So the parts of a text between white space are looked
    up whole, and only new ones are split and tokenized.

    Several threads may read at once. What is new is computed without a lock, a slice at a time, and then added to the
    cache; a call that is interrupted while it adds leaves a broken cache, which is replaced.
    """

    def __init__(self, splitter: WordSplitter, features: Features, *, most: int) -> None:
        """Split by ``splitter``, and remember about ``most`` words and parts."""
        self._splitter = splitter
        self._features = features
        self._slice = features.together
        self._most = most
        self._cache = WordCache(features.empty())

    def read_words(self, sentences: Sequence[Sequence[str]]) -> Read:
        """The words of ``sentences``."""
        counts = np.fromiter(map(len, sentences), dtype=np.int64, count=len(sentences))
        words = list(chain.from_iterable(sentences))
        while True:
            cache = self._current()
            try:
                self._learn(cache, words)
            except BrokenCache:
                continue
            numbers = np.fromiter(map(cache.words.__getitem__, words), dtype=np.int64, count=len(words))
            return Read(numbers, counts, cache.features)

    def read_texts(self, texts: Sequence[str]) -> ReadTexts:
        """The words of ``texts``."""
        if self._splitter.parts_at_space:
            split = [(_CONTROL.sub(" ", text) if _CONTROL.search(text) else text).split() for text in texts]
        else:
            split = [[text] if text else [] for text in texts]
        sizes = np.fromiter(map(len, split), dtype=np.int64, count=len(split))
        parts = list(chain.from_iterable(split))
        while True:
            cache = self._current()
            try:
                numbers = self._numbers(cache, parts, sizes)
                break
            except BrokenCache:
                continue
        rows, held = cache.part_words.joined(numbers)
        return ReadTexts(
            rows[:, 0],
            np.array([len(rows)]) if len(texts) == 1 else np.diff(_from_zero(held)[_from_zero(sizes)]),
            cache.features,
            sizes,
            held,
            np.fromiter(map(len, parts), dtype=np.int64, count=len(parts)),
            rows[:, 1:],
        )

    def _current(self) -> WordCache:
        """The cache, or a new one where it is full or broken."""
        cache = self._cache
        if cache.is_full(self._most) or cache.is_broken():
            cache = self._cache = WordCache(self._features.empty())
        return cache

    def _numbers(self, cache: WordCache, parts: list[str], sizes: IntArray) -> IntArray:
        """The number of each of ``parts``, of which ``sizes`` stand in each text."""
        known = cache.parts
        found = list(map(known.get, parts))
        if None in found:
            self._learn_parts(cache, [part for part in dict.fromkeys(parts) if part not in known])
            found = list(map(known.get, parts))
        numbers = np.array(found, dtype=np.int64)
        hanging = np.flatnonzero(numbers == _DEPENDS)
        if len(hanging):
            last = set((np.cumsum(sizes) - 1).tolist())
            keys = []
            for place in hanging.tolist():
                follows = place not in last and parts[place + 1][0].isalpha()
                keys.append(parts[place] + (" a" if follows else " "))
            self._learn_hanging(cache, [key for key in dict.fromkeys(keys) if key not in known])
            numbers[hanging] = [known[key] for key in keys]
        return numbers

    def _learn_parts(self, cache: WordCache, parts: list[str]) -> None:
        """Split ``parts``, none of which is known; those whose words depend on the next part are only marked so."""
        if not self._splitter.parts_at_space:
            for part in parts:
                self._remember(cache, [part], self._split(part, [0]))
            return
        for start in range(0, len(parts), self._slice):
            if start:
                give_way()
            whole, marked, hanging, others = self._sorted(parts[start : start + self._slice])
            found = _Split(whole.copy(), [0] * len(whole), [len(part) for part in whole], [1] * len(whole))
            for part in marked:
                cut = len(part) - 1
                found.words.extend((part[:cut], part[cut]))
                found.starts.extend((0, cut))
                found.ends.extend((cut, cut + 1))
            found.held.extend([2] * len(marked))
            if others:  # in one go, each on a line of its own
                begins = [0, *accumulate(len(part) + 1 for part in others)][:-1]
                split = self._split("\n".join(others), begins)
                for values, more in zip(found, split, strict=True):
                    values.extend(more)  # type: ignore[attr-defined]
            self._remember(cache, [*whole, *marked, *others], found, hanging)

    def _sorted(self, parts: list[str]) -> tuple[list[str], list[str], list[str], list[str]]:
        """Parts that are one word, those that are a word and a mark, those that depend on the next one, all others."""
        if self._splitter.version != 1:
            return [], [], [], parts
        whole: list[str] = []
        marked: list[str] = []
        hanging: list[str] = []
        others: list[str] = []
        for part in parts:
            if _ONE_WORD.fullmatch(part):
                whole.append(part)
            elif _AND_MARK.fullmatch(part):
                marked.append(part)
            elif _HANGING.search(part):
                hanging.append(part)
            else:
                others.append(part)
        return whole, marked, hanging, others

    def _learn_hanging(self, cache: WordCache, keys: list[str]) -> None:
        """Split parts with what follows them: `` a``, which is no word of theirs, or a blank."""
        for key in keys:
            bare = key.removesuffix(" a").rstrip(" ")
            self._remember(cache, [key], self._split(key, [0], end=len(bare)))

    def _split(self, text: str, begins: list[int], *, end: int | None = None) -> _Split:
        """The words of the parts that begin at ``begins`` in ``text``; those that pass ``end`` are none."""
        words, starts, ends, held = _Split([], [], [], [])
        number, last = -1, len(begins) - 1
        for word, (start, stop) in self._splitter.places(text):
            if end is not None and stop > end:
                break
            while number < last and begins[number + 1] <= start:
                number += 1
                held.append(0)
            held[-1] += 1
            words.append(word)
            starts.append(start - begins[number])
            ends.append(stop - begins[number])
        held += [0] * (last - number)
        return _Split(words, starts, ends, held)

    def _remember(self, cache: WordCache, parts: list[str], split: _Split, hanging: Sequence[str] = ()) -> None:
        """Give ``parts`` their numbers, and their words theirs; ``hanging`` are marked."""
        self._learn(cache, split.words)
        numbers = [cache.words[word] for word in split.words]
        rows = np.array([numbers, split.starts, split.ends], dtype=np.int64).T
        cache.add_parts(parts, rows, np.array(split.held, dtype=np.int64), hanging)

    def _learn(self, cache: WordCache, words: Sequence[str]) -> None:
        new = [word for word in dict.fromkeys(words) if word not in cache.words]
        for start in range(0, len(new), self._slice):
            if start:
                give_way()
            some = new[start : start + self._slice]
            cache.add_words(some, self._features.read([writable(word) for word in some]))

    def clear(self) -> None:
        """Forget all words and parts."""
        self._cache = WordCache(self._features.empty())

    def after_fork(self) -> None:
        """Go on in a forked process: what another thread was adding to when it forked is forgotten."""
        if self._cache.is_locked():
            self.clear()


def give_way() -> None:
    """Let other threads run, where there are any: one that computes would keep them waiting for milliseconds."""
    if threading.active_count() > 1:
        time.sleep(_PAUSE)


def _from_zero(sizes: IntArray) -> IntArray:
    """The sums of the first 0, 1, 2, ... ``sizes``."""
    sums = np.zeros(len(sizes) + 1, dtype=np.int64)
    np.cumsum(sizes, out=sums[1:])
    return sums
