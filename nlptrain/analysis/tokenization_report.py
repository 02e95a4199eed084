"""Report how a model's tokenizer splits a text: words without a subword, subwords per word, windows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from nlptrain.data.sentence import Sentence
from nlptrain.models.pretrained import resolve_model
from nlptrain.models.tokenization import SubwordFeaturizer
from nlptrain.models.tokenization.tokenizer import load_tokenizer
from nlptrain_runtime.windows import cut_windows

_MAX_SHOWN = 10
_SPACES = ("\u2581", "\u0120")  # the space of Metaspace and of byte-level tokenizers


@dataclass(frozen=True)
class TokenizationReport:
    """Counts of a text and its subwords.

    Attributes:
        sentences: number of sentences.
        words: number of words.
        subwords: number of subwords, special tokens not counted.
        words_without_subword: words that have no subword, with their frequencies; the model reads the unknown token.
        unknown_words: words whose subwords are all the unknown token, with their frequencies; subwords of a
            space alone are not counted.
        longest_word: the word with the most subwords.
        longest_word_subwords: number of its subwords.
        longest_sentence: location of the sentence with the most subwords.
        longest_sentence_words: number of its words.
        longest_sentence_subwords: number of its subwords.
        longest_sentence_windows: number of windows that it is cut into.
        windowed_sentences: number of sentences that are cut into several windows.
        max_subwords: length of a window, special tokens included.
    """

    sentences: int
    words: int
    subwords: int
    words_without_subword: Counter[str]
    unknown_words: Counter[str]
    longest_word: str
    longest_word_subwords: int
    longest_sentence: str
    longest_sentence_words: int
    longest_sentence_subwords: int
    longest_sentence_windows: int
    windowed_sentences: int
    max_subwords: int

    @property
    def subwords_per_word(self) -> float:
        """Mean over the words of the text."""
        return self.subwords / max(1, self.words)

    def to_json(self) -> dict[str, Any]:
        """Return the counts as ``nlptrain doctor`` prints them as JSON, the most frequent words first."""
        return {
            "sentences": self.sentences,
            "words": self.words,
            "pieces": self.subwords,
            "pieceless": dict(self.words_without_subword.most_common()),
            "unknown": dict(self.unknown_words.most_common()),
            "longest_word": self.longest_word,
            "longest_word_pieces": self.longest_word_subwords,
            "longest": self.longest_sentence,
            "longest_words": self.longest_sentence_words,
            "longest_pieces": self.longest_sentence_subwords,
            "longest_windows": self.longest_sentence_windows,
            "windowed": self.windowed_sentences,
            "max_pieces": self.max_subwords,
            "pieces_per_word": self.subwords_per_word,
        }

    def describe(self) -> list[str]:
        """Return the lines that ``doctor`` prints."""
        windows = self.longest_sentence_windows
        return [
            f"text: {self.sentences:,} sentences, {self.words:,} words, {self.subwords:,} subwords "
            f"({self.subwords_per_word:.2f} per word)",
            _describe_words("words without a subword", self.words_without_subword, self.words),
            _describe_words("unknown words", self.unknown_words, self.words),
            f"longest word: {self.longest_word[:60]!r}, {self.longest_word_subwords:,} subwords",
            f"longest sentence: {self.longest_sentence}, {self.longest_sentence_words:,} words, "
            f"{self.longest_sentence_subwords:,} subwords, {windows:,} window{'s' * (windows != 1)} of at most "
            f"{self.max_subwords:,}",
            f"sentences of several windows: {self.windowed_sentences:,}",
        ]


def report_tokenization(reference: str, sentences: Iterable[Sentence]) -> TokenizationReport:
    """Tokenize ``sentences`` with the tokenizer of the model ``reference``, whose weights are not loaded.

    Raises:
        InputError: the model is missing, or has no tokenizer.
    """
    tokenizer, max_subwords = load_tokenizer(resolve_model(reference))
    reader = SubwordFeaturizer(tokenizer)
    spaces = {tokenizer.convert_tokens_to_ids(token) for token in _SPACES} - {tokenizer.unk_token_id}
    frequencies: Counter[str] = Counter()
    count = windowed = longest_windows = 0
    longest, longest_size = Sentence(()), -1
    for sentence in sentences:
        count += 1
        frequencies.update(sentence.words)
        encoded = reader(sentence.words)
        size = sum(map(len, encoded))
        windows = cut_windows(encoded, max_subwords=max_subwords, prefix=reader.prefix, suffix=reader.suffix)
        windowed += len(windows) > 1
        if size > longest_size:
            longest, longest_size, longest_windows = sentence, size, len(windows)
    words = list(frequencies)
    subwords = dict(zip(words, reader(words), strict=True))
    without = set(reader.unencodable(words))
    unknown = [
        word for word in words if word not in without and set(subwords[word]) - spaces == {tokenizer.unk_token_id}
    ]
    longest_word = max(words, key=lambda word: len(subwords[word]), default="")
    return TokenizationReport(
        sentences=count,
        words=frequencies.total(),
        subwords=sum(len(subwords[word]) * frequency for word, frequency in frequencies.items()),
        words_without_subword=Counter({word: frequencies[word] for word in words if word in without}),
        unknown_words=Counter({word: frequencies[word] for word in unknown}),
        longest_word=longest_word,
        longest_word_subwords=len(subwords.get(longest_word, ())),
        longest_sentence=longest.where,
        longest_sentence_words=len(longest.words),
        longest_sentence_subwords=max(longest_size, 0),
        longest_sentence_windows=longest_windows,
        windowed_sentences=windowed,
        max_subwords=max_subwords,
    )


def _describe_words(title: str, words: Counter[str], total: int) -> str:
    if not words:
        return f"{title}: none"
    shown = ", ".join(f"{word[:40]!r} {frequency:,}" for word, frequency in words.most_common(_MAX_SHOWN))
    more = f", ... (+{len(words) - _MAX_SHOWN:,} more)" if len(words) > _MAX_SHOWN else ""
    return f"{title}: {words.total():,} of {total:,} ({shown}{more})"
