"""The tagger: an exported folder, from raw text or words to entities or tags."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import numpy as np

from nlptrain_runtime.decoding import load_decoder
from nlptrain_runtime.errors import FolderError
from nlptrain_runtime.features import load_features
from nlptrain_runtime.folder import open_folder
from nlptrain_runtime.inference import InferenceModel
from nlptrain_runtime.predictions import PredictionFormatter, TaggedSentence
from nlptrain_runtime.schemes import Scheme
from nlptrain_runtime.segmenters import SegmenterError
from nlptrain_runtime.text_stream import BLOCK_TEXTS, text_blocks
from nlptrain_runtime.token_cache import TokenCache
from nlptrain_runtime.word_splitter import WordSplitter

if TYPE_CHECKING:
    from nlptrain_runtime.arrays import BoolArray, FloatArray, IntArray
    from nlptrain_runtime.token_cache import EncodedWords

_NO_WORDS = np.empty(0, dtype=np.int64), np.empty(0), np.empty((0, 2), dtype=np.int64)

_TAGGERS: WeakSet[Tagger] = WeakSet()


class Tagger:
    """A student or a teacher exported by ``nlptrain export``, without torch.

    It may be used from several threads at once, and in processes forked from the one that loaded it.

    Example:
        ``Tagger("exported").predict(["Ada Lovelace lived in London."])``

    Attributes:
        labels: names of the tags.
        scheme: their tag scheme (``iob2``, ``iobes``, ..., ``plain``).
        temperature: divides the scores before confidences are computed; tags do not depend on it.
        min_confidence: entities below it are omitted by ``predict``, plain tags become None.
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
            folder: a folder written by ``nlptrain export``.
            threads: CPU threads of the model.
            precision: ``fp32``, ``fp16`` or ``int8``, if the folder has several; default: the smallest.
            min_confidence: entities below it are omitted, plain tags become None; default: that of the folder.
            batch_units: subwords (or words, for a model that reads words) of a batch, padding included.
            remember: number of distinct words, about, that are cached with their subwords; a full cache is cleared.

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
        threshold = float(described["decoding"]["min_confidence"] if min_confidence is None else min_confidence)
        if not 0 <= threshold <= 1:
            raise ValueError(f"min_confidence: found {min_confidence}; expected a number from 0 to 1")
        self.min_confidence = threshold
        self.temperature: float = described["decoding"]["temperature"]
        self._decoder = load_decoder(described)
        splitter = WordSplitter(**described["splitter"])
        if splitter.segmenter:
            try:
                splitter.validate()
            except SegmenterError as error:
                raise FolderError(f"{folder}: splitter.segmenter: {error}") from error
        self._token_cache = TokenCache(splitter, load_features(opened), max_words=remember)
        self._model = InferenceModel(opened, threads=threads, batch_units=batch_units)
        self._names = np.array(self.labels, dtype=object)
        self._formatter = PredictionFormatter(self.labels, self.scheme, threshold)
        _TAGGERS.add(self)

    def _after_fork(self) -> None:
        """Continue in a process that was forked from the one that loaded this tagger."""
        self._token_cache.after_fork()
        self._model.start_threads()

    def predict(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        """Return ``{"text", "entities"}`` for each text, in order, or ``{"text", "words"}`` for plain tags.

        An entity is ``{"start", "end", "label", "text", "confidence"}``; a word has ``tag`` instead of ``label``.
        Offsets are in code points. The confidence of a word is the probability of its tag, that of an entity the
        smallest of its words'.

        Raises:
            TypeError: ``texts`` is one string, or has elements that are not strings.
        """
        return list(self.stream(_check_list(texts, "predict")))

    def stream(self, texts: Iterable[str], *, block: int = BLOCK_TEXTS) -> Iterator[dict[str, Any]]:
        """Yield the predictions of ``predict`` for any number of texts, block by block in bounded memory.

        Args:
            texts: any number.
            block: number of texts that are read before the first prediction is yielded; small blocks are slower.

        Raises:
            TypeError: ``texts`` is one string, or has elements that are not strings.
            ValueError: ``block`` is less than 1.
        """
        if block < 1:
            raise ValueError(f"stream: found block={block}; expected at least 1")
        for texts_of_block in text_blocks(_check_list(texts, "stream"), max_texts=block, size=_text_length):
            yield from self._predict_block(texts_of_block)

    def predict_words(self, sentences: Iterable[Sequence[str]]) -> list[TaggedSentence]:
        """Return the tag of each word of each sentence, with its probability.

        Raises:
            TypeError: a sentence is a string instead of a list of words.
        """
        tagged: list[TaggedSentence] = []
        for block in text_blocks(_check_list(sentences, "predict_words"), size=_sentence_length):
            counts, emissions = self._emissions(block)
            best = self._decoder.decode(emissions, counts)
            confidences = self._decoder.confidences(emissions, counts, best, self.temperature)
            ends = np.cumsum(counts)[:-1]
            pairs = zip(np.split(self._names[best], ends), np.split(confidences, ends), strict=True)
            tagged += [TaggedSentence(list(tags), tag_confidences) for tags, tag_confidences in pairs]
        return tagged

    def emissions(self, sentences: Iterable[Sequence[str]]) -> list[FloatArray]:
        """Return the emissions of each sentence, [words, C]: the scores of all labels before decoding.

        Raises:
            TypeError: a sentence is a string instead of a list of words.
        """
        emissions: list[FloatArray] = []
        for block in text_blocks(_check_list(sentences, "emissions"), size=_sentence_length):
            counts, flat = self._emissions(block)
            emissions += np.split(flat, np.cumsum(counts)[:-1])
        return emissions

    def _emissions(self, sentences: Sequence[Sequence[str]]) -> tuple[IntArray, FloatArray]:
        encoded = self._token_cache.encode_words(sentences)
        return encoded.counts, self._model.emissions(encoded.features, encoded.words, encoded.counts)

    def _predict_block(self, texts: Sequence[str]) -> Iterator[dict[str, Any]]:
        encoded = self._token_cache.encode_texts(texts)
        best, has_predictions, confidences = self._decode(encoded)
        if confidences is None:
            return self._formatter.format(texts, encoded.counts, *_NO_WORDS)
        return self._formatter.format(texts, encoded.counts, best, confidences, encoded.offsets(texts, has_predictions))

    def _decode(self, encoded: EncodedWords) -> tuple[IntArray, BoolArray, FloatArray | None]:
        """Return the best labels, [W], which texts have predictions, [S], and the confidences of the labels, [W].

        Confidences are computed only for texts with predictions; None if there is no such text.
        """
        counts = encoded.counts
        emissions = self._model.emissions(encoded.features, encoded.words, counts)
        best = self._decoder.decode(emissions, counts)
        has_predictions = self._formatter.has_predictions(best, counts)
        if not has_predictions.any():
            return best, has_predictions, None
        if has_predictions.all():
            return best, has_predictions, self._decoder.confidences(emissions, counts, best, self.temperature)
        words = np.flatnonzero(np.repeat(has_predictions, counts))
        confidences = np.ones(len(best))
        confidences[words] = self._decoder.confidences(
            emissions[words], counts[has_predictions], best[words], self.temperature
        )
        return best, has_predictions, confidences


def _after_fork() -> None:
    for tagger in list(_TAGGERS):
        tagger._after_fork()  # noqa: SLF001 - a part of the class


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _check_list(values: Any, method: str) -> Any:  # noqa: ANN401 - returned unchanged
    if isinstance(values, str | bytes):
        raise TypeError(f"{method}: found one string; expected a list of them, e.g. {method}([text])")
    return values


def _text_length(text: str) -> int:
    if not isinstance(text, str):
        raise TypeError(f"predict: found {type(text).__name__} among the texts; expected strings")
    return len(text)


def _sentence_length(words: Sequence[str]) -> int:
    if isinstance(words, str):
        raise TypeError("predict_words: found a string; expected lists of words; predict takes texts")
    if not all(isinstance(word, str) for word in words):
        raise TypeError("predict_words: found a word that is no string; expected lists of strings")
    return sum(map(len, words))
