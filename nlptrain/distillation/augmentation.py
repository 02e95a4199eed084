"""Data augmentation: synthetic sentences from train and unlabeled sentences, for the teacher to label.

The operations need not keep the tags, because the teacher labels the result. They follow Jiao et al. 2020 (TinyBERT,
section 3.2: replace words by similar ones), Tang et al. 2019 (drop and replace words at random) and Dai and Adel 2020
(replace mentions).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from random import Random

from nlptrain.config.objective import AugmentConfig
from nlptrain.data.sentence import Sentence
from nlptrain.data.splits import Splits, held_out_hashes
from nlptrain.data.tag_schemes import Scheme, tags_to_spans
from nlptrain.distillation.teachers.ensemble import TeacherEnsemble
from nlptrain.distillation.word_bank import WordBank
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
    ensemble: TeacherEnsemble,
    log: Callable[[str], None],
) -> Iterator[Sentence]:
    """Yield the unlabeled ``sentences``, then synthetic ones from these and from train, as configured by ``config``.

    No synthetic sentence occurs in train, dev or test, or in the first million words of ``sentences``.
    """
    words = sum(len(sentence.words) for sentence in splits.train)
    bases: list[Sentence] = []
    for sentence in sentences:
        words += len(sentence.words)
        if config is not None and words <= ENOUGH_WORDS:
            bases.append(sentence)
        elif config is not None and config.sentences == "auto":
            bases.clear()  # there is enough text: no synthetic sentence is needed
        yield sentence
    count = 0 if config is None else planned_sentences(config, [*splits.train, *bases], words)
    if config is None or not count:
        return
    excluded = held_out_hashes(splits) | {sentence.hash() for sentence in (*splits.train, *bases)}
    # At most one unlabeled sentence per synthetic one, evenly spread: the neighbors of its words are looked up.
    bases = bases[:: max(1, -(-len(bases) // count))]
    teacher = ensemble.teachers[0].model
    augmenter = Augmenter([*splits.train, *bases], splits.labels.scheme, config, teacher)
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

    def __init__(self, bases: Sequence[Sentence], scheme: Scheme, config: AugmentConfig, teacher: TokenModel) -> None:
        """Recombine ``bases``, whose tags, if any, are in ``scheme``, with words of the vocabulary of ``teacher``."""
        self.config = config
        self.sentences = [_parts(sentence, scheme) for sentence in bases if sentence.words]
        self.is_plain = scheme == "plain"
        self.fills: dict[str, list[Words]] = {}
        for parts in self.sentences:
            for label, words in parts:
                if label is not None:
                    self.fills.setdefault(label, []).append(words)
        self.all_fills = [words for fills in self.fills.values() for words in fills]
        self.bank = WordBank(teacher, (word for sentence in bases for word in sentence.words))

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
        return Sentence(tuple(words[:_MAX_WORDS]), where=f"augment:{index}")

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
