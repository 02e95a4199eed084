"""Examples: sentences as flat arrays of pieces, word places and targets, cheap to hold and to batch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from nlptrain.data.batching import Oversampling
from nlptrain.data.labels import Labels
from nlptrain.data.sentence import Sentence
from nlptrain.errors import InputError
from nlptrain.models.token_model import TokenModel
from nlptrain.models.tokenization.inputs import Inputs
from nlptrain.training.objective import Targets
from nlptrain_runtime.windows import Window

NO_LABEL = -100
_NO_PARTS = np.empty((0, 2), dtype=np.int32)


class StoredLogits(Protocol):
    """A teacher's logits by sentence number."""

    def gather(self, spans: Sequence[tuple[int, int, int]]) -> NDArray[np.floating[Any]]:
        """The logits of the words of all ``spans`` (sentence, first word, words), one behind the other, [W, C]."""
        ...


class Examples:
    """What a loop trains on: every window of every sentence, with the targets of the words that are read in it."""

    def __init__(
        self,
        model: TokenModel,
        sentences: Iterable[Sentence],
        *,
        pseudo_from: int | None = None,
        logits: StoredLogits | None = None,
        logits_from: int = 0,
        label_pipeline_words: bool = False,
        drawn: NDArray[np.float64] | None = None,
        focus: float = 0.0,
        sources: NDArray[np.float64] | None = None,
    ) -> None:
        """Encode ``sentences`` for ``model``; sentences without tags need ``logits``.

        ``lengths`` holds the pieces of each window, ``counted`` its words that have a target, [N] each.

        Args:
            model: whose pieces are read.
            sentences: in the order that ``logits`` numbers them.
            pseudo_from: number of the first sentence whose tags are a teacher's argmax.
            logits: a teacher's, for every sentence from ``logits_from`` on.
            logits_from: number of the first sentence that has logits; ``logits`` counts from there.
            label_pipeline_words: give a target, too, to the pieces inside words that a pipeline takes for words
                (see ``WordEncoder.parts``): the word's, as the inside of an entity.
            drawn: weights by which sentences are drawn, 0 for those that every epoch has once, [sentences].
            focus: share of the others that are drawn so; the rest of them evenly.
            sources: how often each is read beside those of weight 1, 0 for those that every epoch has once,
                [sentences]; None: all alike.
        """
        self.model = model
        self.logits = logits
        self.sentences = 0
        self.words = 0
        self._pieces: list[NDArray[np.int32]] = []
        self._starts: list[NDArray[np.int32]] = []
        self._parts: list[NDArray[np.int32]] = []
        self._gold: list[NDArray[np.int16] | None] = []
        self._origin: list[tuple[int, int]] = []
        self._closes: list[bool] = []
        self._pseudo_from = pseudo_from
        self._logits_from = logits_from
        self._label_pipeline_words = label_pipeline_words
        if label_pipeline_words and model.labels.scheme not in ("iob2", "plain"):
            raise InputError(
                f"train.label_pipeline_words: found labels in {model.labels.scheme}; parts are known in IOB2 only"
            )
        if label_pipeline_words and model.decoder.constrained:
            raise InputError(
                "train.label_pipeline_words: a CRF's chain runs over words; the parts of a word have no place in it"
            )
        self._inside = _Inside(model.labels)
        model.featurizer.pin_ids()
        for number, sentence in enumerate(sentences):
            self._add(number, sentence)
        self.lengths = np.array([len(pieces) for pieces in self._pieces], dtype=np.int64)
        self.counted = np.array([self._counted(number) for number in range(len(self))], dtype=np.int64)
        owners = np.array([number for number, _ in self._origin], dtype=np.int64)
        self.focus = _focus(drawn, focus, sources, owners)

    def _add(self, number: int, sentence: Sentence) -> None:
        self.sentences += 1
        self.words += len(sentence.words)
        ids = self.model.labels.ids
        gold = None if sentence.tags is None else np.array([ids[tag] for tag in sentence.tags], dtype=np.int16)
        for window in self.model.windows(sentence.words):
            self._pieces.append(np.array(window.subwords, dtype=np.int32))
            self._starts.append(np.array(window.word_starts, dtype=np.int32))
            self._parts.append(self._parts_of(window, sentence.words))
            self._gold.append(
                None if gold is None else gold[window.first_word : window.first_word + len(window.word_starts)]
            )
            self._origin.append((number, window.first_word))
            self._closes.append(window.ends_sentence)

    def _parts_of(self, window: Window, words: Sequence[str]) -> NDArray[np.int32]:
        """The places of the parts inside the words of ``window``, and which of its words each stands in, [P, 2]."""
        if not self._label_pipeline_words:
            return _NO_PARTS
        owned = words[window.first_word : window.first_word + len(window.word_starts)]
        found = [
            (start + place, number)
            for number, (start, word) in enumerate(zip(window.word_starts, owned, strict=True))
            for place in self.model.featurizer.pipeline_word_starts(word)
            if start + place < len(window.subwords) - len(self.model.featurizer.suffix)
        ]
        return np.array(found, dtype=np.int32) if found else _NO_PARTS

    def _counted(self, window: int) -> int:
        """The words of ``window``, and the parts of words, that have a target."""
        taught = self.logits is not None and self._origin[window][0] >= self._logits_from
        known = taught or self._gold[window] is not None
        return (len(self._starts[window]) + len(self._parts[window])) * known

    def __len__(self) -> int:
        """The number of windows."""
        return len(self._pieces)

    def inputs(self, numbers: Sequence[int] | NDArray[np.int64]) -> Inputs:
        """``TokenModel.pad`` of the windows ``numbers``; the places of words' parts come behind those of words."""
        windows = [Window(self._pieces[n], self._starts[n], self._origin[n][1], self._closes[n]) for n in numbers]
        inputs = self.model.pad(windows)
        if not self._label_pipeline_words:
            return inputs
        longest = inputs.model_inputs["attention_mask"].shape[1]
        firsts = np.cumsum([0, *(len(window.word_starts) for window in windows)])
        moved = [  # by padding on the left
            int(inputs.word_positions[first]) - row * longest - int(window.word_starts[0])
            if len(window.word_starts)
            else 0
            for row, (first, window) in enumerate(zip(firsts[:-1], windows, strict=True))
        ]
        parts = [self._parts[n][:, 0] + row * longest + moved[row] for row, n in enumerate(numbers)]
        places = torch.cat([inputs.word_positions, torch.from_numpy(np.concatenate(parts).astype(np.int64))])
        return Inputs(inputs.model_inputs, places, inputs.sequence_lengths)

    def targets(self, numbers: Sequence[int] | NDArray[np.int64]) -> Targets:
        """The targets of the words of the windows ``numbers``, in the order of their places."""
        counts = [len(self._starts[n]) for n in numbers]
        gold = np.full(sum(counts), NO_LABEL, dtype=np.int64)
        pseudo = np.zeros(len(gold), dtype=bool)
        taught = np.zeros(len(gold), dtype=bool)
        spans: list[tuple[int, int, int]] = []
        place = 0
        for n, count in zip(numbers, counts, strict=True):
            known, (sentence, first) = self._gold[n], self._origin[n]
            behind = slice(place, place + count)
            if known is not None:
                gold[behind] = known
                pseudo[behind] = self._pseudo_from is not None and sentence >= self._pseudo_from
            if self.logits is not None and sentence >= self._logits_from:
                taught[behind] = True
                spans.append((sentence - self._logits_from, first, count))
            place += count
        teacher = None
        if self.logits is not None:
            teacher = np.zeros((len(gold), len(self.model.labels)), dtype=np.float32)
            if spans:
                teacher[taught] = self.logits.gather(spans)
        if self._label_pipeline_words:
            offsets = np.cumsum([0, *counts[:-1]])
            of = np.concatenate([self._parts[n][:, 1] + offset for n, offset in zip(numbers, offsets, strict=True)])
            gold = np.concatenate([gold, self._inside.gold(gold[of])])
            pseudo, taught = np.concatenate([pseudo, pseudo[of]]), np.concatenate([taught, taught[of]])
            if teacher is not None:
                teacher = np.concatenate([teacher, self._inside.logits(teacher[of])])
        return Targets(
            gold=torch.from_numpy(gold),
            pseudo=torch.from_numpy(pseudo),
            teacher=None if teacher is None else torch.from_numpy(teacher),
            taught=torch.from_numpy(taught),
        )


def _focus(
    drawn: NDArray[np.float64] | None,
    share: float,
    sources: NDArray[np.float64] | None,
    owners: NDArray[np.int64],
) -> Oversampling | None:
    """What an epoch has of the windows of the sentences ``owners``."""
    if drawn is None or share == 0.0:
        return None if sources is None else Oversampling(sources[owners], 0.0, sources[owners])
    if sources is None:
        return Oversampling(drawn[owners], share)
    return Oversampling((drawn * sources)[owners], share, sources[owners])


def untaught(targets: Targets) -> Targets:
    """``targets`` of words that nothing is known of."""
    return replace(targets, gold=torch.full_like(targets.gold, NO_LABEL), taught=torch.zeros_like(targets.taught))


class _Inside:
    """What a word's target is for its parts: B- becomes I-, whether as a tag or as logits."""

    def __init__(self, labels: Labels) -> None:
        self._map = np.arange(len(labels) + 1, dtype=np.int64)
        self._begin, self._in = np.array(labels.begin_inside_pairs, dtype=np.int64).reshape(-1, 2).T
        self._map[self._begin] = self._in

    def gold(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.where(ids == NO_LABEL, NO_LABEL, self._map[np.maximum(ids, 0)])

    def logits(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """The larger of an entity's two logits goes to I-, the smaller to B-."""
        moved = values.copy()
        begin, inside = values[:, self._begin], values[:, self._in]
        moved[:, self._in], moved[:, self._begin] = np.maximum(begin, inside), np.minimum(begin, inside)
        return moved
