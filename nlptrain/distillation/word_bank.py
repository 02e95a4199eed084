"""Words to put in the place of others: those of the train sentences, and those of the teacher's vocabulary."""

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

_NEIGHBOURS = 24
_LOOKED_UP = 30_000  # words, the most frequent; the rest of much raw text is three times as many, and takes a minute
_COMMON = 200.0  # so many of the first pieces are about as frequent as each other
_OF_ONE_CHARACTER = frozenset({"CJK", "HIRAGANA", "KATAKANA", "HANGUL"})
_ZIPF = 0.7  # flatter than the 1 of running text: rare words are what a student has to learn


class WordBank:
    """Words with their neighbors in a teacher's embedding space.

    Attributes:
        words: the teacher's words of one piece, letters only, in the scripts of the text, in the order of its
            vocabulary (tokenizers number frequent pieces first); of a teacher without pieces, those of the text, the
            most frequent first.
        has_neighbors: whether words have any.
    """

    def __init__(self, teacher: TokenModel, text: Iterable[str]) -> None:
        """Look up the neighbors of the frequent words of a ``text`` among the input embeddings of ``teacher``."""
        counts = Counter(word for word in text if any(map(str.isalnum, word)))
        known = sorted(counts, key=lambda word: (-counts[word], word))
        self.whole = [word for word in known if len(word) > 2 and _is_spelled(word)]
        pieces, table = _pieces(teacher, _scripts(counts)), _embeddings(teacher)
        self.words = list(pieces) or known
        weights = 1.0 / (np.arange(len(self.words)) + _COMMON) ** _ZIPF
        self._upto = np.cumsum(weights / weights.sum()).tolist()
        self._near: dict[str, list[int]] = {}
        self.has_neighbors = bool(pieces) and table is not None
        if pieces and table is not None:
            rows = torch.tensor(list(pieces.values()))
            looked_up = known[:_LOOKED_UP]
            for word, near in zip(
                looked_up, _nearest(table, rows, teacher.featurizer.subwords(looked_up)), strict=True
            ):
                self._near[word] = near

    def drawn(self, draw: Random) -> str:
        """A word of the vocabulary, frequent ones more often."""
        return self.words[min(len(self.words) - 1, bisect(self._upto, draw.random()))]

    def neighbor(self, word: str, draw: Random) -> str:
        """A word whose input embedding is near that of ``word``; any word, if nothing is known of it."""
        near = self._near.get(word)
        return self.drawn(draw) if near is None else self.words[draw.choice(near)]

    def compound(self, draw: Random) -> str:
        """The beginning of one known word and the end of another: a word that nobody has seen."""
        if not self.whole:
            return self.drawn(draw)
        one, other = draw.choice(self.whole), draw.choice(self.whole)
        return one[: draw.randrange(1, len(one))] + other[draw.randrange(1, len(other)) :]


def _is_spelled(word: str) -> bool:
    """Whether ``word`` is letters and what goes with them, such as the vowel signs of Devanagari."""
    return any(map(str.isalpha, word)) and all(unicodedata.category(character)[0] in "LM" for character in word)


def _script(character: str) -> str:
    """The first word of a letter's name in Unicode: LATIN, CYRILLIC, CJK, ..."""
    return unicodedata.name(character, "?").split(" ")[0].split("-")[0]


def _scripts(counts: Mapping[str, int]) -> set[str]:
    """The scripts of a text, without those of fewer than one letter in a thousand."""
    letters: Counter[str] = Counter()
    for word, count in counts.items():
        for character in filter(str.isalpha, word):
            letters[_script(character)] += count
    return {script for script, count in letters.items() if count >= sum(letters.values()) / 1000}


def _pieces(teacher: TokenModel, scripts: Set[str]) -> dict[str, int]:
    """The words that are one piece of the teacher's tokenizer, with the piece, in the order of the vocabulary.

    A letter that stands alone is no word, but where each character is one: in Chinese, say.
    """
    tokenizer = teacher.featurizer.tokenizer
    if tokenizer is None:
        return {}
    texts = [str(tokenizer.decode([piece])).strip() for piece in range(len(tokenizer))]
    spelled = [text for text in texts if _is_spelled(text) and (len(text) > 1 or _script(text) in _OF_ONE_CHARACTER)]
    words = list(dict.fromkeys(text for text in spelled if {_script(c) for c in text if c.isalpha()} <= scripts))
    read = teacher.featurizer.subwords(words)
    return {word: pieces[0] for word, pieces in zip(words, read, strict=True) if len(pieces) == 1}


def _embeddings(teacher: TokenModel) -> Tensor | None:
    """The input embeddings, one a piece, centred and of length 1; None if they are not one a piece."""
    table = teacher.subword_vectors()
    if table is None or len(table) < len(teacher.tokenizer):
        return None
    return torch.nn.functional.normalize(table - table.mean(dim=0), dim=1)


def _nearest(table: Tensor, rows: Tensor, read: Sequence[Sequence[int]]) -> list[list[int]]:
    """For each word, given by its pieces, the numbers of the nearest of ``rows``."""
    found: list[list[int]] = []
    candidates = table[rows].T
    for start in range(0, len(read), 512):
        block = torch.stack([table[list(pieces)].mean(dim=0) for pieces in read[start : start + 512]])
        best = torch.topk(block @ candidates, min(_NEIGHBOURS, len(rows)), dim=1).indices
        found.extend(best.tolist())
    return found
