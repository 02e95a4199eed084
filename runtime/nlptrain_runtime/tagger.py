"""The tagger: an exported folder, from raw text or words to entities or tags."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import numpy as np

from nlptrain_runtime.decoding import decoder_of
from nlptrain_runtime.features import features_of
from nlptrain_runtime.folder import open_folder
from nlptrain_runtime.inference import Net
from nlptrain_runtime.predictions import Answers, Tagged
from nlptrain_runtime.schemes import Scheme
from nlptrain_runtime.text_stream import TEXTS, blocks
from nlptrain_runtime.token_cache import Lexicon
from nlptrain_runtime.word_splitter import WordSplitter

if TYPE_CHECKING:
    from nlptrain_runtime.arrays import BoolArray, FloatArray, IntArray
    from nlptrain_runtime.token_cache import Read


_NOTHING = np.empty(0, dtype=np.int64), np.empty(0), np.empty((0, 2), dtype=np.int64)


_ALIVE: WeakSet[Tagger] = WeakSet()


class Tagger:
    """A student or a teacher that ``nlptrain export`` wrote, without torch.

    It may be asked from several threads at once, and in processes that are forked from the one that loaded it.

    Example:
        ``Tagger("exported").predict(["Ada Lovelace lived in London."])``

    Attributes:
        labels: the tags it knows.
        scheme: how they are written (``iob2``, ``iobes``, ..., ``plain``).
        temperature: what scores are divided by where probabilities are shown; no tag depends on it.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        threads: int = 1,
        precision: str | None = None,
        min_confidence: float | None = None,
        batch_units: int = 2048,
        remember: int = 200_000,
    ) -> None:
        """Load ``folder``.

        Args:
            folder: what ``nlptrain export`` wrote.
            threads: CPU threads that the net runs on.
            precision: ``fp32``, ``fp16`` or ``int8``, where the folder has several; default: the smallest there is.
            min_confidence: entities of a lower one are left out, plain tags are None; default: what the folder says.
            batch_units: pieces (or words, of a net that reads these) of a batch, padding included.
            remember: distinct words that are kept with their pieces, about; beyond, all are forgotten.

        Raises:
            FolderError: a file is missing or changed, or the folder is of another version.
            ValueError: an argument is out of range.
        """
        if threads < 1 or batch_units < 1 or remember < 1:
            raise ValueError("threads, batch_units and remember must be at least 1")
        opened = open_folder(folder, precision)
        described = opened.described
        self.labels: list[str] = described["labels"]
        self.scheme: Scheme = described["scheme"]
        least = float(described["decoding"]["min_confidence"] if min_confidence is None else min_confidence)
        if not 0 <= least <= 1:
            raise ValueError(f"min_confidence: found {min_confidence}; must be a number from 0 to 1")
        self.temperature: float = described["decoding"]["temperature"]
        self._decoder = decoder_of(described)
        splitter = WordSplitter(**described["splitter"])
        self._lexicon = Lexicon(splitter, features_of(opened), most=remember)
        self._net = Net(opened, threads=threads, batch_units=batch_units)
        self._names = np.array(self.labels, dtype=object)
        self._answers = Answers(self.labels, self.scheme, least)
        _ALIVE.add(self)

    def _after_fork(self) -> None:
        """Go on in a process that was forked from the one that loaded this."""
        self._lexicon.after_fork()
        self._net.renew()

    def predict(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        """One answer for each text, in order: ``{"text", "entities"}``, or ``{"text", "words"}`` for plain tags.

        An entity is ``{"start", "end", "label", "text", "confidence"}``, a word has ``tag`` in the place of ``label``.
        Offsets are in code points. A confidence is the probability of the tag, an entity's the least of its words'.

        Raises:
            TypeError: ``texts`` is one string, or holds something else than strings.
        """
        return list(self.stream(_several(texts, "predict")))

    def stream(self, texts: Iterable[str], *, block: int = TEXTS) -> Iterator[dict[str, Any]]:
        """The answers of ``predict``, in order, for any number of texts, read block by block: memory stays bounded.

        Args:
            texts: any number.
            block: texts that are read before the first of them is answered; fewer are slower.

        Raises:
            TypeError: ``texts`` is one string, or holds something else than strings.
            ValueError: ``block`` is less than 1.
        """
        if block < 1:
            raise ValueError(f"stream: found block={block}; must be at least 1")
        for some in blocks(_several(texts, "stream"), most=block, size=_length):
            yield from self._answered(some)

    def predict_words(self, sentences: Iterable[Sequence[str]]) -> list[Tagged]:
        """The tag of each word of each sentence, with its probability.

        Raises:
            TypeError: a sentence is a string and no list of words.
        """
        found: list[Tagged] = []
        for block in blocks(_several(sentences, "predict_words"), size=_letters):
            counts, emissions = self._emissions(block)
            best = self._decoder.best(emissions, counts)
            sure = self._decoder.confidences(emissions, counts, best, self.temperature)
            ends = np.cumsum(counts)[:-1]
            tags = np.split(self._names[best], ends)
            found += [Tagged(list(one), two) for one, two in zip(tags, np.split(sure, ends), strict=True)]
        return found

    def emissions(self, sentences: Iterable[Sequence[str]]) -> list[FloatArray]:
        """What the net says of each word of each sentence, [words, C], before labels are chosen.

        Raises:
            TypeError: a sentence is a string and no list of words.
        """
        found: list[FloatArray] = []
        for block in blocks(_several(sentences, "emissions"), size=_letters):
            counts, emissions = self._emissions(block)
            found += np.split(emissions, np.cumsum(counts)[:-1])
        return found

    def _emissions(self, sentences: Sequence[Sequence[str]]) -> tuple[IntArray, FloatArray]:
        read = self._lexicon.read_words(sentences)
        return read.counts, self._net.read(read.features, read.words, read.counts)

    def _answered(self, texts: Sequence[str]) -> Iterator[dict[str, Any]]:
        read = self._lexicon.read_texts(texts)
        best, told, sure = self._decoded(read)
        if sure is None:
            return self._answers.of(texts, read.counts, *_NOTHING)
        return self._answers.of(texts, read.counts, best, sure, read.places(texts, told))

    def _decoded(self, read: Read) -> tuple[IntArray, BoolArray, FloatArray | None]:
        """Return the best labels, [W], the sentences with something to tell, [S], and the probabilities of the labels.

        The probabilities, [W], are right in these sentences; None where there is no such sentence.
        """
        emissions = self._net.read(read.features, read.words, read.counts)
        best = self._decoder.best(emissions, read.counts)
        told = self._answers.told(best, read.counts)
        if not told.any():
            return best, told, None
        if told.all():
            return best, told, self._decoder.confidences(emissions, read.counts, best, self.temperature)
        words = np.flatnonzero(np.repeat(told, read.counts))
        sure = np.ones(len(best))
        sure[words] = self._decoder.confidences(emissions[words], read.counts[told], best[words], self.temperature)
        return best, told, sure


def _forked() -> None:
    for tagger in list(_ALIVE):
        tagger._after_fork()  # noqa: SLF001 - a part of the class


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


def _several(given: Any, asked: str) -> Any:  # noqa: ANN401 - passed on as it is
    if isinstance(given, str | bytes):
        raise TypeError(f"{asked}: found one string; give a list of them, e.g. {asked}([text])")
    return given


def _length(text: str) -> int:
    if not isinstance(text, str):
        raise TypeError(f"predict: found {type(text).__name__} among the texts; each is a string")
    return len(text)


def _letters(words: Sequence[str]) -> int:
    if isinstance(words, str):
        raise TypeError("predict_words: found a string; it takes lists of words: predict takes texts")
    if not all(isinstance(word, str) for word in words):
        raise TypeError("predict_words: found a word that is no string")
    return sum(map(len, words))
