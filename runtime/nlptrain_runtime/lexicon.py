"""Texts to the numbers of their words, each distinct word read once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from nlptrain_runtime.features import Features
from nlptrain_runtime.growing import Lists
from nlptrain_runtime.splitter import Word, WordSplitter, writable

Numbers = NDArray[np.int64]

_HANGING = re.compile(r"[A-Z]\.\Z")  # an initial at the end of a part: is it one word? what stands behind says it
_CONTROL = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f]")  # white space to the splitter and not to str.split()
_PART = re.compile(r"\S+")  # what str.split() gives, with its place
_DEPENDS = 0  # the number of a part whose words depend on the part behind


@dataclass(frozen=True)
class Read:
    """Texts whose words are numbered.

    Attributes:
        words: the number of each word of all texts, [W].
        counts: words of each text, [S].
    """

    words: Numbers
    counts: Numbers


@dataclass(frozen=True)
class ReadTexts(Read):
    """Raw texts whose words are numbered.

    Attributes:
        sizes: parts of each text, [S].
        held: words of each part, [P].
        lengths: characters of each part, [P].
        within: where in its part each word begins and ends, [W, 2].
    """

    sizes: Numbers
    held: Numbers
    lengths: Numbers
    within: Numbers

    def places(self, texts: Sequence[str], told: NDArray[np.bool_]) -> Numbers:
        """Where each word begins and ends in its text, [W, 2]; right in the texts that are ``told`` [S]."""
        ends = np.cumsum(self.sizes)
        behind = _from_zero(self.lengths + 1)
        begins = behind[:-1] - np.repeat(behind[ends - self.sizes], self.sizes)
        # One blank between neighbours, and none around them, makes a text this long; elsewhere parts are looked for.
        spaced = behind[ends] - behind[ends - self.sizes] - 1
        sizes = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
        for text in np.flatnonzero(told & (spaced != sizes)).tolist():
            found = [match.start() for match in _PART.finditer(_CONTROL.sub(" ", texts[text]))]
            begins[ends[text] - self.sizes[text] : ends[text]] = found
        placed: Numbers = self.within + np.repeat(begins, self.held)[:, None]
        return placed


class Lexicon:
    """Numbers for words, and for what stands between white space: most of a text has been seen before.

    The splitter's words depend on what is left and right of them, but never across white space, with one exception: an
    initial (``A. Smith``) is one word only if a letter follows. So the parts of a text between white space are looked
    up whole, and only new ones are split and tokenized.
    """

    def __init__(self, splitter: WordSplitter, features: Features, *, most: int) -> None:
        """Split by ``splitter``, and remember about ``most`` words and parts."""
        self._splitter = splitter
        self._features = features
        self._most = most
        self._words: dict[str, int] = {}
        self._clear()

    def read_words(self, sentences: Sequence[Sequence[str]]) -> Read:
        """The words of ``sentences``."""
        self._renew()
        counts = np.fromiter(map(len, sentences), dtype=np.int64, count=len(sentences))
        words = list(chain.from_iterable(sentences))
        self._learn(words)
        return Read(np.fromiter(map(self._words.__getitem__, words), dtype=np.int64, count=len(words)), counts)

    def read_texts(self, texts: Sequence[str]) -> ReadTexts:
        """The words of ``texts``."""
        self._renew()
        if self._splitter.parts_at_space:
            split = [(_CONTROL.sub(" ", text) if _CONTROL.search(text) else text).split() for text in texts]
        else:
            split = [[text] if text else [] for text in texts]
        sizes = np.fromiter(map(len, split), dtype=np.int64, count=len(split))
        parts = list(chain.from_iterable(split))
        numbers = self._numbers(parts, sizes)
        held = self._held.sizes(numbers)
        return ReadTexts(
            self._held.joined(numbers),
            np.diff(_from_zero(held)[_from_zero(sizes)]),
            sizes,
            held,
            np.fromiter(map(len, parts), dtype=np.int64, count=len(parts)),
            np.stack([self._begins.joined(numbers), self._ends.joined(numbers)], axis=1),
        )

    def _numbers(self, parts: list[str], sizes: Numbers) -> Numbers:
        """The number of each of ``parts``, of which ``sizes`` stand in each text."""
        known = self._parts
        found = list(map(known.get, parts))
        if None in found:
            self._learn_parts([part for part in dict.fromkeys(parts) if part not in known])
            found = list(map(known.get, parts))
        numbers = np.array(found, dtype=np.int64)
        hanging = np.flatnonzero(numbers == _DEPENDS)
        if len(hanging):
            last = set((np.cumsum(sizes) - 1).tolist())
            keys = []
            for place in hanging.tolist():
                follows = place not in last and parts[place + 1][0].isalpha()
                keys.append(parts[place] + (" a" if follows else " "))
            self._learn_parts([key for key in dict.fromkeys(keys) if key not in known])
            numbers[hanging] = [known[key] for key in keys]
        return numbers

    def _learn_parts(self, parts: list[str]) -> None:
        """Split ``parts`` that are not known; a blank at the end marks those of which is known what follows."""
        split: list[list[Word]] = []
        for part in parts:
            if self._splitter.version == 1 and _HANGING.search(part):
                self._parts[part] = _DEPENDS
                continue
            self._parts[part] = len(self._held) + len(split)
            bare = part.removesuffix(" a") if part.endswith(" a") else part
            split.append([word for word in self._splitter.split(part) if word.end <= len(bare)])
        self._learn([word.text for words in split for word in words])
        self._held.extend([[self._words[word.text] for word in words] for words in split])
        self._begins.extend([[word.start for word in words] for words in split])
        self._ends.extend([[word.end for word in words] for words in split])

    def _learn(self, words: Sequence[str]) -> None:
        new = [word for word in dict.fromkeys(words) if word not in self._words]
        if new:
            first = len(self._features)
            self._features.extend([writable(word) for word in new])
            self._words.update(zip(new, range(first, first + len(new)), strict=True))

    def _renew(self) -> None:
        if len(self._words) > self._most or len(self._parts) > self._most or self._held.held > 2 * self._most:
            self._clear()

    def _clear(self) -> None:
        self._features.clear()
        self._words.clear()
        self._parts: dict[str, int] = {}
        self._held, self._begins, self._ends = Lists(), Lists(), Lists()
        for lists in (self._held, self._begins, self._ends):
            lists.extend([[]])  # number 0: see _DEPENDS


def _from_zero(sizes: Numbers) -> Numbers:
    """The sums of the first 0, 1, 2, ... ``sizes``."""
    return np.concatenate([[0], np.cumsum(sizes)])
