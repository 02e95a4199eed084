"""Examples: the windows of all sentences, and the targets of their words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import chain, islice
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from nlptrain.data.batching import Oversampling
from nlptrain.data.labels import Labels
from nlptrain.data.mapped_arrays import mapped_array
from nlptrain.data.partial_annotation import is_partial
from nlptrain.data.sentence import Sentence
from nlptrain.errors import InputError, Setting
from nlptrain.models.token_model import TokenModel
from nlptrain.models.tokenization.inputs import Inputs
from nlptrain.models.tokenization.tokenizer import threaded_tokenizers
from nlptrain.training.objective import NO_LABEL, Targets
from nlptrain.training.partial_targets import PartialTargets
from nlptrain.training.window_writer import WholeSentences, WindowWriter
from nlptrain.training.windows import MappedWindows
from nlptrain_runtime.windows import Window

_ENCODED_AT_ONCE = 512  # sentences


class StoredLogits(Protocol):
    """A teacher's logits by sentence row, e.g. a ``TransferSet``."""

    def gather(self, spans: Sequence[tuple[int, int, int]]) -> NDArray[np.floating[Any]]:
        """Return the logits of the words of all ``spans`` (row, first word, words), concatenated, [W, C]."""
        ...


class Examples:
    """The training examples: each window of each sentence, with the targets of its words, in mapped arrays.

    Attributes:
        sentences: their number.
        words: of all sentences.
        lengths: subwords of each window, [N].
        target_words: words of each window that have a target, [N].
        oversampling: how often an epoch has each window; None: once.
    """

    def __init__(
        self,
        model: TokenModel,
        sentences: Iterable[Sentence],
        *,
        pseudo_from: int | None = None,
        teacher_logits: StoredLogits | None = None,
        teacher_logits_from: int = 0,
        label_pipeline_words: bool = False,
        sampling_weights: NDArray[np.floating] | None = None,
        oversampling: float = 0.0,
        source_weights: NDArray[np.floating] | None = None,
        folder: Path | None = None,
        stored: Path | None = None,
    ) -> None:
        """Encode ``sentences`` for ``model``; sentences without tags need ``teacher_logits``.

        Args:
            model: that is trained; decides the subwords and windows.
            sentences: in the order of the rows of ``teacher_logits``.
            pseudo_from: index of the first sentence whose tags are a teacher's argmax.
            teacher_logits: of each sentence from ``teacher_logits_from`` on, whose row there is 0.
            teacher_logits_from: index of the first sentence with logits.
            label_pipeline_words: also give the parts of a word that a Hugging Face pipeline takes for words the word's
                target, as the inside of an entity (see ``WordEncoder.parts``).
            sampling_weights: of each sentence, [sentences]; 0 for sentences that every epoch has once.
            oversampling: share of the other sentences of an epoch that is sampled by these weights; the rest of them is
                sampled evenly.
            source_weights: of each sentence relative to weight 1, [sentences]; 0 for sentences that every epoch has
                once; None: equal.
            folder: of the temporary files; None: the system's.
            stored: folder of the windows of the same sentences, where these are read or else written; its name has to
                contain all that decides them. None: they are encoded in each run.
        """
        self.model = model
        self.teacher_logits = teacher_logits
        self._pseudo_from = pseudo_from
        self._teacher_logits_from = teacher_logits_from
        self._label_pipeline_words = label_pipeline_words
        if label_pipeline_words:
            _check_pipeline_words(model)
        self._inside = _InsideTargets(model.labels)
        self._partial = PartialTargets(model.labels)
        model.featurizer.pin_ids()
        windows, (self.sentences, self.words) = self._read_or_encode(sentences, folder, stored)
        self._windows = windows
        self.lengths = windows.lengths
        self.target_words = windows.target_words(
            None if teacher_logits is None else teacher_logits_from, self._partial.known_words, folder
        )
        self.oversampling = _window_oversampling(sampling_weights, oversampling, source_weights, windows.rows, folder)

    def _read_or_encode(
        self, sentences: Iterable[Sentence], folder: Path | None, stored: Path | None
    ) -> tuple[MappedWindows, tuple[int, int]]:
        """Return the windows of ``sentences``, with the numbers of sentences and words."""
        featurizer = self.model.featurizer
        if stored is not None and (known := MappedWindows.load(stored)) is not None:
            windows, counts, vocabulary = known
            featurizer.assign_ids(vocabulary)
            return windows, counts
        writer = WindowWriter(folder)
        rest = iter(sentences)
        with threaded_tokenizers(torch.get_num_threads()):
            while chunk := list(islice(rest, _ENCODED_AT_ONCE)):
                if not self._add_whole(chunk, writer):
                    for sentence in chunk:
                        self._add(sentence, writer)
        windows, counts = writer.finish(), (writer.sentences, writer.words)
        if stored is not None:
            with suppress(OSError):  # the disk is full, or another process writes the same
                windows.save(stored, counts, featurizer.words_with_ids())
                if featurizer.has_fixed_ids:  # another process may have replaced the files
                    windows = MappedWindows.mapped(stored)  # the temporary files are removed
        return windows, counts

    def _add_whole(self, sentences: Sequence[Sentence], writer: WindowWriter) -> bool:
        """Add ``sentences`` together, which is faster; False if some are long or partial, or have parts of words."""
        featurizer, ids, labels = self.model.featurizer, self.model.labels.ids, self.model.labels
        words = [word for sentence in sentences for word in sentence.words]
        if self._label_pipeline_words or any(is_partial(sentence.asked, labels) for sentence in sentences):
            return False
        encoded = featurizer(words)
        tags = [sentence.tags or (None,) * len(sentence.words) for sentence in sentences]
        whole = WholeSentences(
            counts=np.array([len(sentence.words) for sentence in sentences]),
            sizes=np.fromiter(map(len, encoded), np.int64, len(encoded)),
            subwords=np.fromiter(chain.from_iterable(encoded), np.int32),
            gold=np.array([NO_LABEL if tag is None else ids[tag] for tag in chain.from_iterable(tags)], np.int16),
            has_gold=np.array([sentence.tags is not None for sentence in sentences]),
        )
        frame = len(featurizer.prefix) + len(featurizer.suffix)
        if whole.subword_counts.max() + frame > self.model.max_subwords:
            return False
        writer.add_whole(whole, featurizer.prefix, featurizer.suffix)
        return True

    def _add(self, sentence: Sentence, writer: WindowWriter) -> None:
        ids = self.model.labels.ids
        has_part = sentence.tags is not None and is_partial(sentence.asked, self.model.labels)
        gold = [ids[tag] for tag in sentence.tags] if sentence.tags is not None and not has_part else None
        windows = self.model.windows(sentence.words)
        if has_part:
            self._add_partial(sentence, windows, len(writer))
        parts = [self._pipeline_words(window, sentence.words) for window in windows]
        writer.add(windows, parts, gold, len(sentence.words))

    def _add_partial(self, sentence: Sentence, windows: Sequence[Window], start: int) -> None:
        if self._label_pipeline_words:
            raise InputError(
                "found sentences that are annotated in part",
                location=sentence.where,
                expected=("sentences whose entities are all marked, with ", Setting("train.label_pipeline_words")),
            )
        self._partial.add(sentence, enumerate(windows, start=start))

    def _pipeline_words(self, window: Window, words: Sequence[str]) -> list[tuple[int, int]]:
        """Return the position of each part inside the words of ``window``, and the index of its word, [P, 2]."""
        if not self._label_pipeline_words:
            return []
        window_words = words[window.first_word : window.first_word + len(window.word_starts)]
        return [
            (int(start) + offset, index)
            for index, (start, word) in enumerate(zip(window.word_starts, window_words, strict=True))
            for offset in self.model.featurizer.pipeline_word_starts(word)
            if start + offset < len(window.subwords) - len(self.model.featurizer.suffix)
        ]

    def __len__(self) -> int:
        """Return the number of windows."""
        return len(self._windows)

    def inputs(self, indices: Sequence[int] | NDArray[np.integer]) -> Inputs:
        """Return the padded inputs of the windows ``indices``; the positions of words' parts follow those of words."""
        windows = self._windows.select(indices)
        inputs = self.model.pad(windows)
        if not self._label_pipeline_words:
            return inputs
        longest = inputs.model_inputs["attention_mask"].shape[1]
        firsts = np.cumsum([0, *(len(window.word_starts) for window in windows)])
        shifts = [  # by padding on the left
            int(inputs.word_positions[first]) - row * longest - int(window.word_starts[0])
            if len(window.word_starts)
            else 0
            for row, (first, window) in enumerate(zip(firsts[:-1], windows, strict=True))
        ]
        parts = [self._windows.parts(n)[:, 0] + row * longest + shifts[row] for row, n in enumerate(indices)]
        word_positions = torch.cat([inputs.word_positions, torch.from_numpy(np.concatenate(parts).astype(np.int64))])
        return Inputs(inputs.model_inputs, word_positions, inputs.sequence_lengths)

    def targets(self, indices: Sequence[int] | NDArray[np.integer]) -> Targets:
        """Return the targets of the words of the windows ``indices``, in the order of their positions in the inputs."""
        words = self._windows.words(indices)
        counts = words.counts.tolist()
        gold = words.gold.astype(np.int64)
        rows = np.repeat(words.rows, words.counts)
        is_pseudo = np.zeros(len(rows), bool) if self._pseudo_from is None else rows >= self._pseudo_from
        pseudo = is_pseudo & (gold != NO_LABEL)
        has_teacher = np.zeros(len(gold), dtype=bool)
        teacher_logits = None
        if self.teacher_logits is not None:
            has_teacher = rows >= self._teacher_logits_from
            teacher_logits = np.zeros((len(gold), len(self.model.labels)), dtype=np.float32)
            origins = zip((words.rows - self._teacher_logits_from).tolist(), words.firsts.tolist(), counts, strict=True)
            if spans := [span for span in origins if span[0] >= 0]:
                teacher_logits[has_teacher] = self.teacher_logits.gather(spans)
        if self._label_pipeline_words:
            offsets = np.cumsum([0, *counts[:-1]])
            of = np.concatenate(
                [self._windows.parts(n)[:, 1] + offset for n, offset in zip(indices, offsets, strict=True)]
            )
            gold = np.concatenate([gold, self._inside.gold(gold[of])])
            pseudo, has_teacher = np.concatenate([pseudo, pseudo[of]]), np.concatenate([has_teacher, has_teacher[of]])
            if teacher_logits is not None:
                teacher_logits = np.concatenate([teacher_logits, self._inside.logits(teacher_logits[of])])
        allowed, rejected = self._partial.targets(indices, counts)
        return Targets(
            gold=torch.from_numpy(gold),
            pseudo=torch.from_numpy(pseudo),
            teacher_logits=None if teacher_logits is None else torch.from_numpy(teacher_logits),
            has_teacher=torch.from_numpy(has_teacher),
            allowed=allowed,
            rejected=rejected,
        )


def _check_pipeline_words(model: TokenModel) -> None:
    """Check that the parts of a word can have targets of their own.

    Raises:
        InputError: the labels are neither IOB2 nor plain, or the model has a CRF.
    """
    key = Setting("train.label_pipeline_words")
    if model.labels.scheme not in ("iob2", "plain"):
        raise InputError(f"found labels in {model.labels.scheme}", location=key, expected="IOB2 labels, or plain tags")
    if model.decoder.is_constrained:
        raise InputError("the student has a CRF, which scores whole words", location=key, expected="a softmax head")


def _window_oversampling(
    sampling_weights: NDArray[np.floating] | None,
    share: float,
    source_weights: NDArray[np.floating] | None,
    owners: NDArray[np.int32],
    folder: Path | None,
) -> Oversampling | None:
    """Return how often an epoch has each window, given the sentence of each, ``owners``; None: once."""

    def of_windows(weights: NDArray[np.floating]) -> NDArray[np.float32]:
        return mapped_array(weights.astype(np.float32, copy=False)[owners], folder)

    sources = None if source_weights is None else of_windows(source_weights)
    if sampling_weights is None or share == 0.0:
        return None if sources is None else Oversampling(sources, 0.0, sources)
    weights = sampling_weights if source_weights is None else sampling_weights * source_weights
    return Oversampling(of_windows(weights), share, sources)


class _InsideTargets:
    """Converts the target of a word to that of its parts: B- becomes I-, as a label id or as logits."""

    def __init__(self, labels: Labels) -> None:
        self._map = np.arange(len(labels) + 1, dtype=np.int64)
        self._begin, self._in = np.array(labels.begin_inside_pairs, dtype=np.int64).reshape(-1, 2).T
        self._map[self._begin] = self._in

    def gold(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.where(ids == NO_LABEL, NO_LABEL, self._map[np.maximum(ids, 0)])

    def logits(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the logits with the larger of an entity's two at I-, the smaller at B-."""
        swapped = values.copy()
        begin, inside = values[:, self._begin], values[:, self._in]
        swapped[:, self._in], swapped[:, self._begin] = np.maximum(begin, inside), np.minimum(begin, inside)
        return swapped
