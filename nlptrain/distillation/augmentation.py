"""Data augmentation: synthetic sentences from train and unlabeled sentences, for the teacher to label.

The operations need not keep the tags, because the teacher labels the result. They follow Jiao et al. 2020 (TinyBERT,
section 3.2: replace words by similar ones), Tang et al. 2019 (drop and replace words at random) and Dai and Adel 2020
(replace mentions).
"""

from __future__ import annotations

import unicodedata
from bisect import bisect
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from random import Random

import numpy as np
import torch
from torch import Tensor

from nlptrain.config.train import AugmentConfig
from nlptrain.data.blocks import SYNTHETIC
from nlptrain.data.sentence import Sentence
from nlptrain.data.splits import Splits, held_out_sentences
from nlptrain.data.tag_schemes import Scheme, tags_to_spans
from nlptrain.distillation.teachers.teacher import Teacher
from nlptrain.models.token_model import TokenModel

ENOUGH_WORDS = 1_000_000
MOST_PER_SENTENCE = 300
_MAX_WORDS = 80  # of a synthetic sentence
_PLAIN_FACTOR = 0.25  # on `swap` for plain tags, which every word has
_SAME_TYPE = 0.7  # share of replacements by an entity of the same type
_RATES = (0.2, 0.4, 0.6, 0.8)  # share of replaced words, sampled uniformly for each sentence

Words = tuple[str, ...]
Parts = list[tuple[str | None, Words]]


def add_synthetic_sentences(
    sentences: Iterable[Sentence],
    config: AugmentConfig | None,
    splits: Splits,
    teacher: Teacher,
    log: Callable[[str], None],
) -> Iterator[Sentence]:
    """Yield the unlabeled ``sentences``, then synthetic ones from these and from train, as configured by ``config``.

    No synthetic sentence occurs in train, dev or test, or in the first million words of ``sentences``.
    """
    words = sum(len(sentence.words) for sentence in splits.train)
    bases: list[Sentence] = []
    seen: set[bytes] = set()  # of the first million words
    for sentence in sentences:
        if config is not None and words <= ENOUGH_WORDS and (sentence_hash := sentence.hash()) not in seen:
            seen.add(sentence_hash)
            words += len(sentence.words)
            if words <= ENOUGH_WORDS:
                bases.append(sentence)
            elif config.sentences == "auto":
                bases.clear()  # there is enough text: no synthetic sentence is needed
        yield sentence
    count = 0 if config is None else planned_sentences(config, [*splits.train, *bases], words)
    if config is None or not count:
        return
    excluded = held_out_sentences(splits).hashes | {sentence.hash() for sentence in (*splits.train, *bases)}
    # At most one unlabeled sentence per synthetic one, evenly spread: the neighbors of its words are looked up.
    bases = bases[:: max(1, -(-len(bases) // count))]
    augmenter = Augmenter([*splits.train, *bases], splits.labels.scheme, config, teacher.token_model)
    if not augmenter.bank.has_neighbors:
        log(f"augment: {teacher.name} has no word embeddings, so words are replaced by random ones")
    synthetic_count = synthetic_words = 0
    for sentence in augmenter(count, excluded=excluded):
        synthetic_count, synthetic_words = synthetic_count + 1, synthetic_words + len(sentence.words)
        yield sentence
    sources = [f"{len(part):,} {name}" for name, part in (("train", splits.train), ("unlabeled", bases)) if part]
    of = "" if synthetic_count == count else f" of {count:,}, because no more distinct ones were found"
    log(
        f"augment: {synthetic_count:,} synthetic sentences{of} "
        f"({synthetic_words:,} words, from {' and '.join(sources)} sentences)"
    )


def planned_sentences(config: AugmentConfig, bases: Sequence[Sentence], words: int) -> int:
    """Return the number of synthetic sentences: as configured, or so many that all text has a million words."""
    if config.sentences != "auto":
        return int(config.sentences) if bases else 0
    missing = (ENOUGH_WORDS - words) * len(bases) // max(1, sum(len(sentence.words) for sentence in bases))
    return max(0, min(missing, MOST_PER_SENTENCE * len(bases)))


def describe_auto_sentences(config: AugmentConfig | None) -> str | None:
    """Return a line for the log on ``augment.sentences: auto``, before the text is read; None for a fixed number."""
    if config is None or config.sentences != "auto":
        return None
    return (
        f"augment.sentences=auto: synthetic sentences if there are fewer than {ENOUGH_WORDS:,} words of text, "
        f"at most {MOST_PER_SENTENCE} per sentence"
    )


class Augmenter:
    """Generates synthetic sentences; the n-th depends only on the bases, the teacher's vocabulary, the seed and n."""

    def __init__(
        self, bases: Sequence[Sentence], scheme: Scheme, config: AugmentConfig, model: TokenModel | None
    ) -> None:
        """Recombine ``bases``, whose tags, if any, are in ``scheme``, with words of the vocabulary of ``model``."""
        self.config = config
        self.sentences = [_parts(sentence, scheme) for sentence in bases if sentence.words]
        self.is_plain = scheme == "plain"
        self.fills: dict[str, list[Words]] = {}
        for parts in self.sentences:
            for label, words in parts:
                if label is not None:
                    self.fills.setdefault(label, []).append(words)
        self.all_fills = [words for fills in self.fills.values() for words in fills]
        self.bank = WordBank(model, (word for sentence in bases for word in sentence.words))

    def __call__(self, count: int, *, excluded: Collection[bytes] = frozenset()) -> Iterator[Sentence]:
        """Yield up to ``count`` distinct sentences, none with a hash in ``excluded``."""
        seen = set(excluded)
        index = yielded = 0
        while yielded < count and index < 3 * count + 1000:
            sentence = self.synthesize(index)
            index += 1
            sentence_hash = sentence.hash()
            if sentence.words and sentence_hash not in seen:
                seen.add(sentence_hash)
                yielded += 1
                yield sentence

    def synthesize(self, index: int) -> Sentence:
        """Return the synthetic sentence ``index``, without tags."""
        random = Random(f"{self.config.seed} {index}")
        words = self._swap_entities(random)
        if random.random() < self.config.join:
            other = self._swap_entities(random)
            words = words[: random.randint(1, len(words))] + other[random.randrange(len(other)) :]
        if self.all_fills and random.random() < self.config.insert:
            position = random.randint(0, len(words))
            words = [*words[:position], *random.choice(self.all_fills), *words[position:]]
        if random.random() < self.config.replace:
            rate = random.choice(_RATES)
            words = [self._replace_word(word, random) if random.random() < rate else word for word in words]
        if random.random() < self.config.noise:
            words = random.choice(_NOISES)(words, random)
        return Sentence(tuple(words[:_MAX_WORDS]), where=f"{SYNTHETIC}:{index}")

    def _swap_entities(self, random: Random) -> list[str]:
        """Return the words of a random sentence, with some entities (plain tags: words) replaced by others."""
        words: list[str] = []
        for label, part in random.choice(self.sentences):
            if label is not None and random.random() < self.config.swap * (_PLAIN_FACTOR if self.is_plain else 1.0):
                fills = self.fills[label] if self.is_plain or random.random() < _SAME_TYPE else self.all_fills
                part = random.choice(fills)
            words.extend(part)
        return words

    def _replace_word(self, word: str, random: Random) -> str:
        if not any(map(str.isalnum, word)):
            return word
        choice = random.random()
        if choice < 0.5:
            new = self.bank.neighbor(word, random)
        elif choice < 0.8:
            new = self.bank.sample(random)
        elif choice < 0.9 and self.all_fills:
            new = random.choice(random.choice(self.all_fills))
        else:
            new = self.bank.compound(random)
        return new[:1].upper() + new[1:] if word[:1].isupper() else new


def _parts(sentence: Sentence, scheme: Scheme) -> Parts:
    """Split a sentence into its entities (plain tags: words) and the words between them, each with its type or None."""
    if sentence.tags is None:
        return [(None, sentence.words)]
    tags, words = sentence.tags, sentence.words
    if scheme == "plain":
        return [(tag, (word,)) for tag, word in zip(tags, words, strict=True)]
    parts: Parts = []
    position = 0
    for label, start, end in tags_to_spans(tags):
        parts += [(None, words[position:start]), (label, words[start:end])]
        position = end
    return [part for part in [*parts, (None, words[position:])] if part[1]]


def _drop_words(words: list[str], random: Random) -> list[str]:
    return [word for word in words if random.random() > 0.1] or words


def _misspell(words: list[str], random: Random) -> list[str]:
    return [_typo(word, random) if random.random() < 0.15 else word for word in words]


def _typo(word: str, random: Random) -> str:
    """Swap two letters of ``word``, drop one, or double one."""
    if len(word) < 3 or not word.isalpha():
        return word
    at = random.randrange(len(word) - 1)
    swapped = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    return (swapped, word[:at] + word[at + 1 :], word[: at + 1] + word[at:])[random.randrange(3)]


def _change_case(words: list[str], random: Random) -> list[str]:
    change = random.choice((str.upper, str.lower, str.title))
    return [change(word) for word in words]


_NOISES = (_drop_words, _misspell, _change_case)


_NEIGHBORS = 24
_MAX_LOOKUPS = 30_000  # the most frequent words; the rare words of a large text would take a minute
_ZIPF_OFFSET = 200.0  # the first so many subwords of a vocabulary are about equally frequent
_SINGLE_CHARACTER_SCRIPTS = frozenset({"CJK", "HIRAGANA", "KATAKANA", "HANGUL"})
_ZIPF_EXPONENT = 0.7  # below the 1 of running text, because a student has to learn rare words


class WordBank:
    """Words with their neighbors in the embedding space of a teacher's model.

    Attributes:
        words: the single-subword words of the teacher's tokenizer that consist of letters in the scripts of the text,
            in the order of its vocabulary (frequent subwords first); without a model or a tokenizer, the words of the
            text, the most frequent first.
        has_neighbors: whether the teacher has word embeddings to find neighbors with.
    """

    def __init__(self, model: TokenModel | None, text: Iterable[str]) -> None:
        """Look up the neighbors of the frequent words of ``text`` among the input embeddings of ``model``."""
        counts = Counter(word for word in text if any(map(str.isalnum, word)))
        known = sorted(counts, key=lambda word: (-counts[word], word))
        self.spelled_words = [word for word in known if len(word) > 2 and _has_only_letters(word)]
        vocabulary: dict[str, int] = {} if model is None else _single_subword_words(model, _scripts(counts))
        table = None if model is None else _embeddings(model)
        self.words = list(vocabulary) or known
        weights = 1.0 / (np.arange(len(self.words)) + _ZIPF_OFFSET) ** _ZIPF_EXPONENT
        self._cumulative = np.cumsum(weights / weights.sum()).tolist()
        self._neighbors: dict[str, list[int]] = {}
        self.has_neighbors = bool(vocabulary) and table is not None
        if model is not None and vocabulary and table is not None:
            rows = torch.tensor(list(vocabulary.values()))
            frequent = known[:_MAX_LOOKUPS]
            nearest = _nearest(table, rows, model.featurizer.subwords(frequent))
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
