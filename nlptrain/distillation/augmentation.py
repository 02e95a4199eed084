"""Data augmentation: synthetic sentences for the teacher to label, made of train and raw sentences.

They need not keep their tags, because the teacher labels them. The operations follow Jiao et al. 2020 (TinyBERT,
section 3.2: replace words by similar ones), Tang et al. 2019 (drop and replace words at random) and Dai and Adel 2020
(replace mentions).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from random import Random

from nlptrain.config.augment import AugmentConfig
from nlptrain.data.sentence import Sentence
from nlptrain.data.splits import Splits, held_out_hashes
from nlptrain.data.tag_schemes import Scheme, tags_to_spans
from nlptrain.distillation.teachers.ensemble import TeacherEnsemble
from nlptrain.distillation.word_bank import WordBank
from nlptrain.models.token_model import TokenModel

ENOUGH_WORDS = 1_000_000
MOST_PER_SENTENCE = 300
_LONGEST = 80  # words
_PLAIN = 0.25  # factor on `swap` for plain tags, which every word has
_SAME_TYPE = 0.7  # share of replacements by an entity of the same type
_RATES = (0.2, 0.4, 0.6, 0.8)  # share of replaced words, drawn uniformly for each sentence

Words = tuple[str, ...]
Parts = list[tuple[str | None, Words]]


def add_synthetic_sentences(
    raw: Iterable[Sentence],
    config: AugmentConfig | None,
    splits: Splits,
    ensemble: TeacherEnsemble,
    log: Callable[[str], None],
) -> Iterator[Sentence]:
    """Yield the ``raw`` sentences, then synthetic sentences made of raw and train sentences as ``config`` says.

    No synthetic sentence occurs in train, dev or test, or in the first million words of raw text.
    """
    words = sum(len(sentence.words) for sentence in splits.train)
    some: list[Sentence] = []
    for sentence in raw:
        words += len(sentence.words)
        if config is not None and words <= ENOUGH_WORDS:
            some.append(sentence)
        elif config is not None and config.sentences == "auto":
            some.clear()  # there is enough text: no synthetic sentence is needed
        yield sentence
    count = 0 if config is None else planned_sentences(config, [*splits.train, *some], words)
    if config is None or not count:
        return
    taken = held_out_hashes(splits) | {sentence.hash() for sentence in (*splits.train, *some)}
    # At most one raw sentence per synthetic one, evenly spread: the words of each are looked up.
    some = some[:: max(1, -(-len(some) // count))]
    teacher = ensemble.teachers[0].model
    augmenter = Augmenter([*splits.train, *some], splits.labels.scheme, config, teacher)
    if not augmenter.bank.has_neighbors:
        log(f"augment: {teacher.name} has no input embeddings of words; any word replaces another")
    made = words = 0
    for sentence in augmenter(count, taken=taken):
        made, words = made + 1, words + len(sentence.words)
        yield sentence
    kinds = [f"{len(part):,} {name}" for name, part in (("train", splits.train), ("raw", some)) if part]
    fewer = "" if made == count else f", of {count:,} asked for: no more can be made that differ"
    log(f"augment: {made:,} sentences of {words:,} words made out of {' and '.join(kinds)} sentences{fewer}")


def planned_sentences(config: AugmentConfig, bases: Sequence[Sentence], words: int) -> int:
    """Return the number of synthetic sentences: as ``config`` says, or so many that all text has a million words."""
    if config.sentences != "auto":
        return int(config.sentences) if bases else 0
    wanted = (ENOUGH_WORDS - words) * len(bases) // max(1, sum(len(sentence.words) for sentence in bases))
    return max(0, min(wanted, MOST_PER_SENTENCE * len(bases)))


def describe_auto_sentences(config: AugmentConfig | None) -> str | None:
    """Return a line for the log on ``augment.sentences: auto``, before the text is read; None for a fixed number."""
    if config is None or config.sentences != "auto":
        return None
    return (
        f"augment.sentences=auto: synthetic sentences if there are fewer than {ENOUGH_WORDS:,} words of text, "
        f"at most {MOST_PER_SENTENCE} per sentence"
    )


class Augmenter:
    """Makes synthetic sentences; the n-th depends only on the given sentences, the vocabulary, the seed and n."""

    def __init__(self, bases: Sequence[Sentence], scheme: Scheme, config: AugmentConfig, teacher: TokenModel) -> None:
        """Use ``bases``, whose tags, if any, are in ``scheme``, and the vocabulary of ``teacher``."""
        self.config = config
        self.sentences = [_parts(sentence, scheme) for sentence in bases if sentence.words]
        self.plain = scheme == "plain"
        self.fills: dict[str, list[Words]] = {}
        for parts in self.sentences:
            for label, words in parts:
                if label is not None:
                    self.fills.setdefault(label, []).append(words)
        self.every = [words for fills in self.fills.values() for words in fills]
        self.bank = WordBank(teacher, (word for sentence in bases for word in sentence.words))

    def __call__(self, count: int, *, taken: Collection[bytes] = frozenset()) -> Iterator[Sentence]:
        """Yield up to ``count`` distinct sentences without those with a digest in ``taken``."""
        seen = set(taken)
        number = made = 0
        while made < count and number < 3 * count + 1000:
            sentence = self.made(number)
            number += 1
            digest = sentence.hash()
            if sentence.words and digest not in seen:
                seen.add(digest)
                made += 1
                yield sentence

    def made(self, number: int) -> Sentence:
        """Return the sentence ``number``, without tags."""
        draw = Random(f"{self.config.seed} {number}")
        words = self._swapped(draw)
        if draw.random() < self.config.join:
            other = self._swapped(draw)
            words = words[: draw.randint(1, len(words))] + other[draw.randrange(len(other)) :]
        if self.every and draw.random() < self.config.insert:
            place = draw.randint(0, len(words))
            words = [*words[:place], *draw.choice(self.every), *words[place:]]
        if draw.random() < self.config.replace:
            rate = draw.choice(_RATES)
            words = [self._replaced(word, draw) if draw.random() < rate else word for word in words]
        if draw.random() < self.config.noise:
            words = draw.choice(_NOISES)(words, draw)
        return Sentence(tuple(words[:_LONGEST]), where=f"augment:{number}")

    def _swapped(self, draw: Random) -> list[str]:
        """Return the words of a random sentence with some entities (or words with plain tags) replaced by others."""
        words: list[str] = []
        for label, part in draw.choice(self.sentences):
            if label is not None and draw.random() < self.config.swap * (_PLAIN if self.plain else 1.0):
                fills = self.fills[label] if self.plain or draw.random() < _SAME_TYPE else self.every
                part = draw.choice(fills)
            words.extend(part)
        return words

    def _replaced(self, word: str, draw: Random) -> str:
        if not any(map(str.isalnum, word)):
            return word
        how = draw.random()
        if how < 0.5:
            new = self.bank.neighbor(word, draw)
        elif how < 0.8:
            new = self.bank.drawn(draw)
        elif how < 0.9 and self.every:
            new = draw.choice(draw.choice(self.every))
        else:
            new = self.bank.compound(draw)
        return new[:1].upper() + new[1:] if word[:1].isupper() else new


def _parts(sentence: Sentence, scheme: Scheme) -> Parts:
    """Split a sentence into its entities and the words between them; with plain tags, into words."""
    if sentence.tags is None:
        return [(None, sentence.words)]
    tags, words = sentence.tags, sentence.words
    if scheme == "plain":
        return [(tag, (word,)) for tag, word in zip(tags, words, strict=True)]
    parts: Parts = []
    at = 0
    for label, start, end in tags_to_spans(tags):
        parts += [(None, words[at:start]), (label, words[start:end])]
        at = end
    return [part for part in [*parts, (None, words[at:])] if part[1]]


def _dropped(words: list[str], draw: Random) -> list[str]:
    return [word for word in words if draw.random() > 0.1] or words


def _misspelled(words: list[str], draw: Random) -> list[str]:
    return [_typo(word, draw) if draw.random() < 0.15 else word for word in words]


def _typo(word: str, draw: Random) -> str:
    """Swap two letters of ``word``, drop one, or double one."""
    if len(word) < 3 or not word.isalpha():
        return word
    at = draw.randrange(len(word) - 1)
    swapped = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    return (swapped, word[:at] + word[at + 1 :], word[: at + 1] + word[at:])[draw.randrange(3)]


def _in_another_case(words: list[str], draw: Random) -> list[str]:
    change = draw.choice((str.upper, str.lower, str.title))
    return [change(word) for word in words]


_NOISES = (_dropped, _misspelled, _in_another_case)
