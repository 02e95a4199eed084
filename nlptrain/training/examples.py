"""Examples: sentences as flat arrays of pieces, word places and targets, cheap to hold and to batch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nlptrain.data.corpus import Sentence
from nlptrain.labels import Labels
from nlptrain.models.token_model import TokenModel
from nlptrain.models.windows import Window
from nlptrain.training.objective import Targets

NO_LABEL = -100
_NO_PARTS = np.empty((0, 2), dtype=np.int32)


class StoredLogits(Protocol):
    """A teacher's logits by sentence number."""

    def rows(self, sentence: int) -> NDArray[np.float16]:
        """The logits of the words of ``sentence``, [words, C]."""
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
        word_parts: bool = False,
    ) -> None:
        """Encode ``sentences`` for ``model``; sentences without tags need ``logits``.

        Args:
            model: whose pieces are read.
            sentences: in the order that ``logits`` numbers them.
            pseudo_from: number of the first sentence whose tags are a teacher's argmax.
            logits: a teacher's, for every sentence.
            word_parts: give a target, too, to the pieces inside words that a pipeline takes for words of their own
                (see ``WordEncoder.parts``): the word's, as the inside of an entity.
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
        self._pseudo_from = pseudo_from
        self._word_parts = word_parts
        self._inside = _Inside(model.labels)
        for number, sentence in enumerate(sentences):
            self._add(number, sentence)
        self.lengths = np.array([len(pieces) for pieces in self._pieces], dtype=np.int64)

    def _add(self, number: int, sentence: Sentence) -> None:
        self.sentences += 1
        self.words += len(sentence.words)
        ids = self.model.labels.ids
        gold = None if sentence.tags is None else np.array([ids[tag] for tag in sentence.tags], dtype=np.int16)
        for window in self.model.windows(sentence.words):
            self._pieces.append(np.array(window.pieces, dtype=np.int32))
            self._starts.append(np.array(window.starts, dtype=np.int32))
            self._parts.append(self._parts_of(window, sentence.words))
            self._gold.append(
                None if gold is None else gold[window.first_word : window.first_word + len(window.starts)]
            )
            self._origin.append((number, window.first_word))

    def _parts_of(self, window: Window, words: Sequence[str]) -> NDArray[np.int32]:
        """The places of the parts inside the words of ``window``, and which of its words each stands in, [P, 2]."""
        if not self._word_parts:
            return _NO_PARTS
        owned = words[window.first_word : window.first_word + len(window.starts)]
        found = [
            (start + place, number)
            for number, (start, word) in enumerate(zip(window.starts, owned, strict=True))
            for place in self.model.encoder.parts(word)
            if start + place < len(window.pieces) - len(self.model.encoder.suffix)
        ]
        return np.array(found, dtype=np.int32) if found else _NO_PARTS

    def __len__(self) -> int:
        """The number of windows."""
        return len(self._pieces)

    def inputs(self, numbers: Sequence[int] | NDArray[np.int64]) -> tuple[Tensor, Tensor, Tensor]:
        """``TokenModel.pad`` of the windows ``numbers``; the places of words' parts come behind those of words."""
        ids, mask, places = self.model.pad(
            [Window(self._pieces[n].tolist(), self._starts[n].tolist(), self._origin[n][1]) for n in numbers]
        )
        parts = [self._parts[n][:, 0] + row * ids.shape[1] for row, n in enumerate(numbers)]
        return ids, mask, torch.cat([places, torch.from_numpy(np.concatenate(parts).astype(np.int64))])

    def targets(self, numbers: Sequence[int] | NDArray[np.int64]) -> Targets:
        """The targets of the words of the windows ``numbers``, in the order of their places."""
        counts = [len(self._starts[n]) for n in numbers]
        gold = np.full(sum(counts), NO_LABEL, dtype=np.int64)
        pseudo = np.zeros(len(gold), dtype=bool)
        teacher = None if self.logits is None else np.empty((len(gold), len(self.model.labels)), dtype=np.float16)
        place = 0
        for n, count in zip(numbers, counts, strict=True):
            known, (sentence, first) = self._gold[n], self._origin[n]
            if known is not None:
                gold[place : place + count] = known
                pseudo[place : place + count] = self._pseudo_from is not None and sentence >= self._pseudo_from
            if teacher is not None and self.logits is not None:
                teacher[place : place + count] = self.logits.rows(sentence)[first : first + count]
            place += count
        if self._word_parts:
            offsets = np.cumsum([0, *counts[:-1]])
            of = np.concatenate([self._parts[n][:, 1] + offset for n, offset in zip(numbers, offsets, strict=True)])
            gold = np.concatenate([gold, self._inside.gold(gold[of])])
            pseudo = np.concatenate([pseudo, pseudo[of]])
            if teacher is not None:
                teacher = np.concatenate([teacher, self._inside.logits(teacher[of])])
        return Targets(
            gold=torch.from_numpy(gold),
            pseudo=torch.from_numpy(pseudo),
            teacher=None if teacher is None else torch.from_numpy(teacher),
            taught=torch.full((len(gold),), teacher is not None, dtype=torch.bool),
        )


class _Inside:
    """What a word's target is for its parts: B- becomes I-, whether as a tag or as logits."""

    def __init__(self, labels: Labels) -> None:
        self._map = np.arange(len(labels) + 1, dtype=np.int64)
        entities = labels.names if labels.scheme == "iob2" else ()
        pairs = [(labels.ids[name], labels.ids.get("I" + name[1:])) for name in entities if name.startswith("B-")]
        known = [pair for pair in pairs if pair[1] is not None]  # a classifier may have a B- without its I-
        self._begin, self._in = np.array(known, dtype=np.int64).reshape(-1, 2).T
        self._map[self._begin] = self._in

    def gold(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.where(ids == NO_LABEL, NO_LABEL, self._map[np.maximum(ids, 0)])

    def logits(self, values: NDArray[np.float16]) -> NDArray[np.float16]:
        """The larger of an entity's two logits goes to I-, the smaller to B-."""
        moved = values.copy()
        begin, inside = values[:, self._begin], values[:, self._in]
        moved[:, self._in], moved[:, self._begin] = np.maximum(begin, inside), np.minimum(begin, inside)
        return moved
