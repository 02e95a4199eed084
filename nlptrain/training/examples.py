"""Examples: the windows of all sentences as flat arrays of subwords, word positions and targets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from nlptrain.data.batching import Oversampling
from nlptrain.data.labels import Labels
from nlptrain.data.partial_annotation import is_partial
from nlptrain.data.sentence import Sentence
from nlptrain.errors import InputError, Setting
from nlptrain.models.token_model import TokenModel
from nlptrain.models.tokenization.inputs import Inputs
from nlptrain.training.objective import NO_LABEL, Targets
from nlptrain.training.partial_targets import PartialTargets
from nlptrain_runtime.windows import Window

_NO_PARTS = np.empty((0, 2), dtype=np.int32)


class StoredLogits(Protocol):
    """A teacher's logits by sentence row, e.g. a ``TransferSet``."""

    def gather(self, spans: Sequence[tuple[int, int, int]]) -> NDArray[np.floating[Any]]:
        """Return the logits of the words of all ``spans`` (row, first word, words), concatenated, [W, C]."""
        ...


class Examples:
    """The training examples: each window of each sentence, with the targets of its words.

    Attributes:
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
        sampling_weights: NDArray[np.float64] | None = None,
        oversampling: float = 0.0,
        source_weights: NDArray[np.float64] | None = None,
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
        """
        self.model = model
        self.teacher_logits = teacher_logits
        self.sentences = 0
        self.words = 0
        self._subwords: list[NDArray[np.int32]] = []
        self._starts: list[NDArray[np.int32]] = []
        self._parts: list[NDArray[np.int32]] = []
        self._gold: list[NDArray[np.int16] | None] = []
        self._origin: list[tuple[int, int]] = []
        self._closes: list[bool] = []
        self._pseudo_from = pseudo_from
        self._teacher_logits_from = teacher_logits_from
        self._label_pipeline_words = label_pipeline_words
        if label_pipeline_words:
            _check_pipeline_words(model)
        self._inside = _InsideTargets(model.labels)
        self._partial = PartialTargets(model.labels)
        model.featurizer.pin_ids()
        for row, sentence in enumerate(sentences):
            self._add(row, sentence)
        self.lengths = np.array([len(subwords) for subwords in self._subwords], dtype=np.int64)
        self.target_words = np.array([self._target_words(window) for window in range(len(self))], dtype=np.int64)
        owners = np.array([row for row, _ in self._origin], dtype=np.int64)
        self.oversampling = _window_oversampling(sampling_weights, oversampling, source_weights, owners)

    def _add(self, row: int, sentence: Sentence) -> None:
        self.sentences += 1
        self.words += len(sentence.words)
        ids = self.model.labels.ids
        has_part = sentence.tags is not None and is_partial(sentence.asked, self.model.labels)
        gold = None
        if sentence.tags is not None and not has_part:
            gold = np.array([ids[tag] for tag in sentence.tags], dtype=np.int16)
        windows = self.model.windows(sentence.words)
        if has_part:
            self._add_partial(sentence, windows)
        for window in windows:
            self._subwords.append(np.array(window.subwords, dtype=np.int32))
            self._starts.append(np.array(window.word_starts, dtype=np.int32))
            self._parts.append(self._pipeline_words(window, sentence.words))
            self._gold.append(
                None if gold is None else gold[window.first_word : window.first_word + len(window.word_starts)]
            )
            self._origin.append((row, window.first_word))
            self._closes.append(window.ends_sentence)

    def _add_partial(self, sentence: Sentence, windows: Sequence[Window]) -> None:
        if self._label_pipeline_words:
            raise InputError(
                "found sentences that are annotated in part",
                location=sentence.where,
                expected=("sentences whose entities are all marked, with ", Setting("train.label_pipeline_words")),
            )
        self._partial.add(sentence, enumerate(windows, start=len(self)))

    def _pipeline_words(self, window: Window, words: Sequence[str]) -> NDArray[np.int32]:
        """Return the position of each part inside the words of ``window``, and the index of its word, [P, 2]."""
        if not self._label_pipeline_words:
            return _NO_PARTS
        window_words = words[window.first_word : window.first_word + len(window.word_starts)]
        parts = [
            (start + offset, index)
            for index, (start, word) in enumerate(zip(window.word_starts, window_words, strict=True))
            for offset in self.model.featurizer.pipeline_word_starts(word)
            if start + offset < len(window.subwords) - len(self.model.featurizer.suffix)
        ]
        return np.array(parts, dtype=np.int32) if parts else _NO_PARTS

    def _target_words(self, window: int) -> int:
        """Return the number of words, and parts of words, of ``window`` that have a target."""
        has_teacher = self.teacher_logits is not None and self._origin[window][0] >= self._teacher_logits_from
        has_target = has_teacher or self._gold[window] is not None
        if not has_target:
            return self._partial.known_words(window)
        return len(self._starts[window]) + len(self._parts[window])

    def __len__(self) -> int:
        """Return the number of windows."""
        return len(self._subwords)

    def inputs(self, indices: Sequence[int] | NDArray[np.int64]) -> Inputs:
        """Return the padded inputs of the windows ``indices``; the positions of words' parts follow those of words."""
        windows = [Window(self._subwords[n], self._starts[n], self._origin[n][1], self._closes[n]) for n in indices]
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
        parts = [self._parts[n][:, 0] + row * longest + shifts[row] for row, n in enumerate(indices)]
        word_positions = torch.cat([inputs.word_positions, torch.from_numpy(np.concatenate(parts).astype(np.int64))])
        return Inputs(inputs.model_inputs, word_positions, inputs.sequence_lengths)

    def targets(self, indices: Sequence[int] | NDArray[np.int64]) -> Targets:
        """Return the targets of the words of the windows ``indices``, in the order of their positions in the inputs."""
        counts = [len(self._starts[n]) for n in indices]
        gold = np.full(sum(counts), NO_LABEL, dtype=np.int64)
        pseudo = np.zeros(len(gold), dtype=bool)
        has_teacher = np.zeros(len(gold), dtype=bool)
        spans: list[tuple[int, int, int]] = []
        start = 0
        for n, count in zip(indices, counts, strict=True):
            window_gold, (row, first) = self._gold[n], self._origin[n]
            words = slice(start, start + count)
            if window_gold is not None:
                gold[words] = window_gold
                pseudo[words] = self._pseudo_from is not None and row >= self._pseudo_from
            if self.teacher_logits is not None and row >= self._teacher_logits_from:
                has_teacher[words] = True
                spans.append((row - self._teacher_logits_from, first, count))
            start += count
        teacher_logits = None
        if self.teacher_logits is not None:
            teacher_logits = np.zeros((len(gold), len(self.model.labels)), dtype=np.float32)
            if spans:
                teacher_logits[has_teacher] = self.teacher_logits.gather(spans)
        if self._label_pipeline_words:
            offsets = np.cumsum([0, *counts[:-1]])
            of = np.concatenate([self._parts[n][:, 1] + offset for n, offset in zip(indices, offsets, strict=True)])
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
    sampling_weights: NDArray[np.float64] | None,
    share: float,
    source_weights: NDArray[np.float64] | None,
    owners: NDArray[np.int64],
) -> Oversampling | None:
    """Return how often an epoch has each window, given the sentence of each, ``owners``; None: once."""
    if sampling_weights is None or share == 0.0:
        return None if source_weights is None else Oversampling(source_weights[owners], 0.0, source_weights[owners])
    if source_weights is None:
        return Oversampling(sampling_weights[owners], share)
    return Oversampling((sampling_weights * source_weights)[owners], share, source_weights[owners])


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
