"""Near-duplicates: sentences with the same words after normalization, or with mostly the same character 6-grams.

Two sentences are near-duplicates if their normalized texts are equal: without case, punctuation, symbols and white
space, each number as ``0``, each link or @mention as one placeholder. Sentences without a letter must have the same
words. Sentences of at least five words are also near-duplicates if the sets of the character 6-grams of their
normalized texts have a Jaccard similarity of at least 0.6. MinHash signatures find the pairs (Broder 1997; rensa), the
6-grams themselves decide. White space does not count, so that word splitting has no effect.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

THRESHOLD = 0.6  # Jaccard similarity of the 6-grams
_ROW_SHIFT, _DROPPED = np.uint64(40), np.uint64(24)  # bits of a hash that are kept next to its row, and the others
MIN_WORDS = 5  # of sentences that are compared by 6-grams
_N = 6
_BLOCK = 1024  # sentences that are normalized at once, which is faster
_BANDS, _ROWS = 20, 3  # a pair of similarity 0.6 is looked at with a probability of 0.99, one of 0.7 of 0.9998
_MIN_ESTIMATE = 0.4  # similarity by the signatures, three standard deviations below the threshold
_MAX_COMPARED = 8  # sentences of the same band that a sentence is compared with, which bounds the time
_PLACEHOLDER = "\x01"
_LINKS = tuple(map(re.compile, (r"https?://\S+", r"www\.\S+", r"@\w+")))  # each begins with a fixed text: fast
_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_MIX_1, _MIX_2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)

Words = Sequence[str]
_Keys = NDArray[np.uint64]
_Signatures = NDArray[np.uint32]


class _Characters(dict[int, str | None]):
    """What each code point is replaced by, filled on use: letters and marks stay, digits are 0, others are dropped."""

    def __missing__(self, code_point: int) -> str | None:
        character = chr(code_point)
        is_kept = character.isalnum() or unicodedata.category(character) in ("Mn", "Mc")
        value = character if is_kept or character in (_PLACEHOLDER, "\n") else None
        if character.isdecimal():
            value = "0"
        elif 0xFE00 <= code_point <= 0xFE0F:  # variation selectors, after emoji
            value = None
        self[code_point] = value
        return value


_CHARACTERS = _Characters()


def normalize(sentences: Sequence[Words]) -> list[str]:
    """Return the normalized text of each sentence.

    Example:
        >>> normalize([("It", "'s", "10:30", "!"), ("ITS", "9", ":", "15"), ("12", ".")])
        ['its0', 'its0', '12 .']
    """
    texts: list[str] = []
    for start in range(0, len(sentences), _BLOCK):
        block = sentences[start : start + _BLOCK]
        joined = [" ".join(words).replace("\n", " ") for words in block]
        text = unicodedata.normalize("NFC", "\n".join(joined).casefold())
        for link in _LINKS:
            text = link.sub(_PLACEHOLDER, text)
        keys = re.sub("00+", "0", text.translate(_CHARACTERS)).split("\n")
        texts += [key if key.strip("0\x01") else words for key, words in zip(keys, joined, strict=True)]
    return texts


def near_duplicate_groups(sentences: Sequence[Words]) -> NDArray[np.int64]:
    """Return the number of the group of each sentence; near-duplicates, and theirs in turn, are in the same group.

    Groups do not depend on the order of the sentences, but their numbers do.

    Example:
        >>> near_duplicate_groups([("See", "you", "!"), ("Hello",), ("see", "you")]).tolist()
        [0, 1, 0]
    """
    keys = normalize(sentences)
    rows = {key: row for row, key in enumerate(dict.fromkeys(keys))}
    long_keys = {key for key, words in zip(keys, sentences, strict=True) if _is_long(words)}
    groups = np.arange(len(rows))
    compared = sorted(long_keys)  # any fixed order
    if len(compared) > 1:
        groups = _join_similar(_Shingles.of(compared), np.array([rows[key] for key in compared]), groups)
    return groups[[rows[key] for key in keys]]


class NearDuplicateIndex:
    """Finds, for other sentences, near-duplicates among the indexed ones.

    Most sentences are settled by a table of the indexed 6-grams: one that has fewer than 60 % of its own in the table
    is similar to none.

    Example:
        >>> sentences = ["Ada sings .".split(), "We will meet in the old town of Graz on Monday".split()]
        >>> others = ["ada sings".split(), "we meet in the old town of Graz on Monday !".split(), ["Ada"]]
        >>> NearDuplicateIndex(sentences).find(others)
        [0, 1, -1]
    """

    def __init__(self, sentences: Sequence[Words]) -> None:
        """Index ``sentences``; their positions are 0, 1, 2, ..."""
        self._positions: dict[str, int] = {}
        compared: dict[str, int] = {}
        for position, (words, key) in enumerate(zip(sentences, normalize(sentences), strict=True)):
            first = self._positions.setdefault(key, position)
            if key not in compared and _is_long(words):
                compared[key] = first
        self._shingles = _Shingles.of(list(compared))
        self._rows = list(compared.values())
        self._signatures = self._shingles.signatures()
        bands = _bands(self._signatures)
        order = np.argsort(bands, axis=None, kind="stable")
        self._bands = bands.ravel()[order]
        self._band_rows = order // _BANDS
        size = max(16, (16 * len(self._shingles.hashes)).bit_length())
        self._shift = np.uint64(64 - size)
        self._table = np.zeros(1 << size, dtype=bool)
        self._table[self._shingles.hashes >> self._shift] = True

    def find(self, sentences: Sequence[Words]) -> list[int]:
        """Return for each sentence the position of a near-duplicate, or -1."""
        keys = normalize(sentences)
        positions = [self._positions.get(key, -1) for key in keys]
        if self._rows:
            shingles = _Shingles.of(keys)
            counts, lengths = self._known_shares(shingles)
            likely = np.flatnonzero((counts >= THRESHOLD * lengths) & (lengths > 0)).tolist()
            rows = [row for row in likely if positions[row] < 0 and _is_long(sentences[row])]
            self._find_similar(_Shingles.of([keys[row] for row in rows]), rows, positions)
        return positions

    def _known_shares(self, shingles: _Shingles) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return how many different 6-grams of each text are in the table, and how many it has."""
        count = len(shingles.offsets) - 1
        rows = np.repeat(np.arange(count, dtype=np.uint64), np.diff(shingles.offsets))
        keys = np.unique(rows << _ROW_SHIFT | shingles.hashes >> _DROPPED)  # the table has fewer bits than are kept
        rows = (keys >> _ROW_SHIFT).astype(np.int64)
        is_known = self._table[((keys << _DROPPED) >> self._shift).astype(np.int64)]
        return np.bincount(rows[is_known], minlength=count), np.bincount(rows, minlength=count)

    def _find_similar(self, shingles: _Shingles, rows: list[int], positions: list[int]) -> None:
        """Set the positions of ``rows``, whose 6-grams are ``shingles``, where an indexed sentence is similar."""
        signatures = shingles.signatures()
        bands = _bands(signatures)
        starts, ends = (np.searchsorted(self._bands, bands, side) for side in ("left", "right"))
        for index in np.flatnonzero((starts < ends).any(axis=1)).tolist():
            slices = [
                self._band_rows[start:end] for start, end in zip(starts[index], ends[index], strict=True) if start < end
            ]
            candidates = np.unique(np.concatenate(slices))
            estimates = (self._signatures[candidates] == signatures[index]).mean(axis=1)
            best = np.argsort(-estimates, kind="stable")[:_MAX_COMPARED]
            for candidate in candidates[best[estimates[best] >= _MIN_ESTIMATE]].tolist():
                if jaccard(shingles.of_row(index), self._shingles.of_row(candidate)) >= THRESHOLD:
                    positions[rows[index]] = self._rows[candidate]
                    break


def jaccard(first: set[int], second: set[int]) -> float:
    """Return the Jaccard similarity of two sets.

    Example:
        >>> jaccard({1, 2, 3}, {2, 3, 4})
        0.5
    """
    shared = len(first & second)
    return shared / (len(first) + len(second) - shared or 1)


@dataclass(frozen=True)
class _Shingles:
    """Hashes of the 6-grams of texts.

    Attributes:
        hashes: of all texts, one after the other.
        offsets: where those of each text begin, and the end of the last one.
    """

    hashes: _Keys
    offsets: NDArray[np.int64]

    @classmethod
    def of(cls, texts: Sequence[str]) -> _Shingles:
        """Return the 6-grams of ``texts``, none of a text of fewer than six characters."""
        points = np.frombuffer("\n".join(texts).encode("utf-32-le", "surrogatepass"), "<u4").astype(np.uint64)
        count = max(0, len(points) - _N + 1)
        hashes, is_whole = np.zeros(count, dtype=np.uint64), np.ones(count, dtype=bool)
        for shift in range(_N):
            window = points[shift : shift + count]
            hashes = hashes * _FACTOR + window
            is_whole &= window != ord("\n")
        lengths = [max(0, len(text) - _N + 1) for text in texts]
        return cls(_mix(hashes[is_whole]), np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]))

    def of_row(self, row: int) -> set[int]:
        """Return the 6-grams of a text."""
        return set(self.hashes[self.offsets[row] : self.offsets[row + 1]].tolist())

    def signatures(self) -> _Signatures:
        """Return the MinHash signature of each text."""
        from rensa import RMinHash

        blocks = [np.zeros((0, _BANDS * _ROWS), dtype=np.uint32)]
        for start in range(0, len(self.offsets) - 1, _BLOCK):
            offsets = self.offsets[start : start + _BLOCK + 1]
            hashes = self.hashes[offsets[0] : offsets[-1]]
            ends = (offsets - offsets[0]).astype(np.uint64)
            matrix = RMinHash.digest_matrix_from_flat_token_hashes(hashes, ends, _BANDS * _ROWS, 1)
            blocks.append(np.array(matrix.to_rows(), dtype=np.uint32))
        return np.concatenate(blocks)


def _join_similar(shingles: _Shingles, rows: NDArray[np.int64], groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the numbers of the groups after those of similar texts are joined.

    Args:
        shingles: the 6-grams of the texts that are compared.
        rows: the rows of these texts in ``groups``.
        groups: the number of the group of each text.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    signatures = shingles.signatures()
    bands = _bands(signatures)
    for band in range(_BANDS):
        pairs = [
            (first, second)
            for first, second in _band_pairs(bands[:, band], groups[rows], signatures)
            if jaccard(shingles.of_row(first), shingles.of_row(second)) >= THRESHOLD
        ]
        if pairs:
            firsts, seconds = groups[rows[np.array(pairs)]].T
            graph = coo_array((np.ones(len(pairs)), (firsts, seconds)), shape=(len(groups), len(groups)))
            groups = connected_components(graph, directed=False)[1].astype(np.int64)[groups]
    return groups


def _band_pairs(keys: _Keys, groups: NDArray[np.int64], signatures: _Signatures) -> Iterator[tuple[int, int]]:
    """Yield the rows that are not in one group, but have the same key and signatures of some similarity."""
    order = np.argsort(keys, kind="stable")
    for lag in range(1, _MAX_COMPARED + 1):
        firsts, seconds = order[:-lag], order[lag:]
        is_pair = (keys[firsts] == keys[seconds]) & (groups[firsts] != groups[seconds])
        firsts, seconds = firsts[is_pair], seconds[is_pair]
        is_pair = (signatures[firsts] == signatures[seconds]).mean(axis=1) >= _MIN_ESTIMATE
        yield from zip(firsts[is_pair].tolist(), seconds[is_pair].tolist(), strict=True)


def _bands(signatures: _Signatures) -> _Keys:
    """Return a key of each band of each signature, [sentences, bands]."""
    parts = signatures.astype(np.uint64).reshape(-1, _BANDS, _ROWS)
    keys = np.broadcast_to(np.arange(_BANDS, dtype=np.uint64), parts.shape[:2])
    for row in range(_ROWS):
        keys = _mix(keys * _FACTOR + parts[:, :, row])
    return keys


def _mix(values: _Keys) -> _Keys:
    """Return ``values`` with all bits mixed, by the finalizer of SplitMix64 (Steele et al. 2014)."""
    values = (values ^ (values >> np.uint64(30))) * _MIX_1
    values = (values ^ (values >> np.uint64(27))) * _MIX_2
    return values ^ (values >> np.uint64(31))


def _is_long(words: Words) -> bool:
    """Return whether a sentence has enough words, without punctuation, to be compared by its 6-grams."""
    return len(words) >= MIN_WORDS and sum(any(map(str.isalnum, word)) for word in words) >= MIN_WORDS
