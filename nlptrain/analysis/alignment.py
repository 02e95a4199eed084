"""How a model's tokenizer reads a text: what it makes nothing of, how many pieces, how many windows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from nlptrain.data.sentence import Sentence
from nlptrain.models.readers import PieceReader
from nlptrain.models.sources import resolve
from nlptrain.models.tokenizer import load_tokenizer
from nlptrain_runtime.windows import cut_windows

_SHOWN = 10
_OPENS = ("\u2581", "\u0120")  # Metaspace's and the byte-level tokenizers' space


@dataclass(frozen=True)
class Alignment:
    """What was counted.

    Attributes:
        sentences: of the text.
        words: of the text.
        pieces: of the words, special ones not counted.
        pieceless: words that the tokenizer turns into nothing, with their counts; they are read as its unknown piece.
        unknown: words of which nothing is known, with their counts: all of their pieces are the unknown one, but for a
            piece that only opens a word.
        longest_word: the word of the most pieces.
        longest_word_pieces: how many it has.
        longest: where the sentence of the most pieces stands.
        longest_words: its words.
        longest_pieces: its pieces.
        longest_windows: the windows that it goes through.
        windowed: sentences of more than one window.
        max_pieces: pieces that the model reads at once, special ones included.
    """

    sentences: int
    words: int
    pieces: int
    pieceless: Counter[str]
    unknown: Counter[str]
    longest_word: str
    longest_word_pieces: int
    longest: str
    longest_words: int
    longest_pieces: int
    longest_windows: int
    windowed: int
    max_pieces: int

    @property
    def pieces_per_word(self) -> float:
        """Mean over the words of the text."""
        return self.pieces / max(1, self.words)

    def to_json(self) -> dict[str, Any]:
        """All of it, the words most frequent first."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        listed = {name: dict(values[name].most_common()) for name in ("pieceless", "unknown")}
        return {**values, **listed, "pieces_per_word": self.pieces_per_word}

    def describe(self) -> list[str]:
        """The lines that are printed."""
        return [
            f"{self.sentences:,} sentences, {self.words:,} words, {self.pieces:,} pieces: "
            f"{self.pieces_per_word:.2f} a word",
            _counted("words without a piece", self.pieceless, self.words),
            _counted("words all of unknown pieces", self.unknown, self.words),
            f"longest word: {self.longest_word[:60]!r}, {self.longest_word_pieces:,} pieces",
            f"longest sentence: {self.longest}, {self.longest_words:,} words, {self.longest_pieces:,} pieces, "
            f"{self.longest_windows:,} window{'s' * (self.longest_windows != 1)} of at most {self.max_pieces:,}",
            f"sentences of more than one window: {self.windowed:,}",
        ]


def examine_alignment(reference: str, sentences: Iterable[Sentence]) -> Alignment:
    """How the tokenizer of the model ``reference``, fine-tuned or not, reads ``sentences``; its weights are not loaded.

    Raises:
        InputError: there is no such model, or it has no tokenizer.
    """
    tokenizer, max_pieces = load_tokenizer(resolve(reference))
    reader = PieceReader(tokenizer)
    opens = {tokenizer.convert_tokens_to_ids(piece) for piece in _OPENS} - {tokenizer.unk_token_id}
    counts: Counter[str] = Counter()
    number = windowed = windows = 0
    longest, most = Sentence(()), -1
    for sentence in sentences:
        number += 1
        counts.update(sentence.words)
        encoded = reader(sentence.words)
        size = sum(map(len, encoded))
        cut = cut_windows(encoded, max_pieces=max_pieces, prefix=reader.prefix, suffix=reader.suffix)
        windowed += len(cut) > 1
        if size > most:
            longest, most, windows = sentence, size, len(cut)
    words = list(counts)
    pieces = dict(zip(words, reader(words), strict=True))
    pieceless = set(reader.without_a_piece(words))
    widest = max(words, key=lambda word: len(pieces[word]), default="")
    return Alignment(
        sentences=number,
        words=counts.total(),
        pieces=sum(len(pieces[word]) * count for word, count in counts.items()),
        pieceless=Counter({word: counts[word] for word in words if word in pieceless}),
        unknown=Counter(
            {
                word: counts[word]
                for word in words
                if word not in pieceless and set(pieces[word]) - opens == {tokenizer.unk_token_id}
            }
        ),
        longest_word=widest,
        longest_word_pieces=len(pieces.get(widest, ())),
        longest=longest.where,
        longest_words=len(longest.words),
        longest_pieces=max(most, 0),
        longest_windows=windows,
        windowed=windowed,
        max_pieces=max_pieces,
    )


def _counted(what: str, words: Counter[str], of: int) -> str:
    if not words:
        return f"{what}: none"
    shown = ", ".join(f"{word[:40]!r} {count:,}" for word, count in words.most_common(_SHOWN))
    more = f", ... (+{len(words) - _SHOWN:,} more)" if len(words) > _SHOWN else ""
    return f"{what}: {words.total():,} of {of:,} ({shown}{more})"
