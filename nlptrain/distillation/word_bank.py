"""Replacement words for data augmentation: those of the text, and those of the teacher's vocabulary."""

from __future__ import annotations

import unicodedata
from bisect import bisect
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from random import Random

import numpy as np
import torch
from torch import Tensor

from nlptrain.models.token_model import TokenModel

_NEIGHBORS = 24
_MAX_LOOKUPS = 30_000  # the most frequent words; the rare words of a large text would take a minute
_ZIPF_OFFSET = 200.0  # the first so many subwords of a vocabulary are about equally frequent
_SINGLE_CHARACTER_SCRIPTS = frozenset({"CJK", "HIRAGANA", "KATAKANA", "HANGUL"})
_ZIPF_EXPONENT = 0.7  # below the 1 of running text, because a student has to learn rare words


class WordBank:
    """Words with their neighbors in a teacher's embedding space.

    Attributes:
        words: the single-subword words of the teacher's tokenizer that consist of letters in the scripts of the text,
            in the order of its vocabulary (frequent subwords first); without a tokenizer, the words of the text, the
            most frequent first.
        has_neighbors: whether the teacher has word embeddings to find neighbors with.
    """

    def __init__(self, teacher: TokenModel, text: Iterable[str]) -> None:
        """Look up the neighbors of the frequent words of ``text`` among the input embeddings of ``teacher``."""
        counts = Counter(word for word in text if any(map(str.isalnum, word)))
        known = sorted(counts, key=lambda word: (-counts[word], word))
        self.spelled_words = [word for word in known if len(word) > 2 and _has_only_letters(word)]
        vocabulary, table = _single_subword_words(teacher, _scripts(counts)), _embeddings(teacher)
        self.words = list(vocabulary) or known
        weights = 1.0 / (np.arange(len(self.words)) + _ZIPF_OFFSET) ** _ZIPF_EXPONENT
        self._cumulative = np.cumsum(weights / weights.sum()).tolist()
        self._neighbors: dict[str, list[int]] = {}
        self.has_neighbors = bool(vocabulary) and table is not None
        if vocabulary and table is not None:
            rows = torch.tensor(list(vocabulary.values()))
            frequent = known[:_MAX_LOOKUPS]
            nearest = _nearest(table, rows, teacher.featurizer.subwords(frequent))
            self._neighbors = dict(zip(frequent, nearest, strict=True))

    def sample(self, random: Random) -> str:
        """Return a random word of the vocabulary, frequent ones more often."""
        return self.words[min(len(self.words) - 1, bisect(self._cumulative, random.random()))]

    def neighbor(self, word: str, random: Random) -> str:
        """Return a word whose input embedding is near that of ``word``; a random word if it has no neighbors."""
        neighbors = self._neighbors.get(word)
        return self.sample(random) if neighbors is None else self.words[random.choice(neighbors)]

    def compound(self, random: Random) -> str:
        """Return a new word: the beginning of one word of the text with the end of another."""
        if not self.spelled_words:
            return self.sample(random)
        first, second = random.choice(self.spelled_words), random.choice(self.spelled_words)
        return first[: random.randrange(1, len(first))] + second[random.randrange(1, len(second)) :]


def _has_only_letters(word: str) -> bool:
    """Return whether ``word`` consists of letters and marks, such as the vowel signs of Devanagari."""
    return any(map(str.isalpha, word)) and all(unicodedata.category(character)[0] in "LM" for character in word)


def _script(character: str) -> str:
    """Return the first word of a letter's Unicode name: LATIN, CYRILLIC, CJK, ..."""
    return unicodedata.name(character, "?").split(" ")[0].split("-")[0]


def _scripts(counts: Mapping[str, int]) -> set[str]:
    """Return the scripts of a text, without those of fewer than one letter in a thousand."""
    letters: Counter[str] = Counter()
    for word, count in counts.items():
        for character in filter(str.isalpha, word):
            letters[_script(character)] += count
    return {script for script, count in letters.items() if count >= sum(letters.values()) / 1000}


def _single_subword_words(teacher: TokenModel, scripts: Set[str]) -> dict[str, int]:
    """Return the words that are one subword of the teacher's tokenizer, with its id, in the order of the vocabulary.

    A single letter is no word, except in scripts where a character can be one, such as Chinese.
    """
    tokenizer = teacher.featurizer.tokenizer
    if tokenizer is None:
        return {}
    texts = [str(tokenizer.decode([subword])).strip() for subword in range(len(tokenizer))]
    spelled = [
        text
        for text in texts
        if _has_only_letters(text) and (len(text) > 1 or _script(text) in _SINGLE_CHARACTER_SCRIPTS)
    ]
    words = list(dict.fromkeys(text for text in spelled if {_script(c) for c in text if c.isalpha()} <= scripts))
    encoded = teacher.featurizer.subwords(words)
    return {word: subwords[0] for word, subwords in zip(words, encoded, strict=True) if len(subwords) == 1}


def _embeddings(teacher: TokenModel) -> Tensor | None:
    """Return the input embeddings per subword, centered and normalized; None if the model has none per subword."""
    table = teacher.subword_vectors()
    if table is None or len(table) < len(teacher.tokenizer):
        return None
    return torch.nn.functional.normalize(table - table.mean(dim=0), dim=1)


def _nearest(table: Tensor, rows: Tensor, encoded: Sequence[Sequence[int]]) -> list[list[int]]:
    """Return for each word, given by its subwords, the indices of the nearest of ``rows``."""
    nearest: list[list[int]] = []
    candidates = table[rows].T
    for start in range(0, len(encoded), 512):
        block = torch.stack([table[list(subwords)].mean(dim=0) for subwords in encoded[start : start + 512]])
        best = torch.topk(block @ candidates, min(_NEIGHBORS, len(rows)), dim=1).indices
        nearest.extend(best.tolist())
    return nearest
