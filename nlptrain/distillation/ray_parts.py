"""SplitBlocks: finds the sentences that end the actors which work on them, e.g. for lack of memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from nlptrain.distillation.block_store import BlockStore
from nlptrain.distillation.engines import LabeledBlock, store_block
from nlptrain.distillation.failed_sentences import Failed, FailureLimit
from nlptrain.distillation.ray_pool import MAX_DEATHS
from nlptrain.distillation.teachers.teacher import Teacher, TeacherLogits
from nlptrain.distillation.text_blocks import TextBlock

_PARTS = 32  # of a block; a block of 1,000 sentences is split twice
_PART_DEATHS = 2  # of the actors that work on a part, before it is split or its sentence is given up


@dataclass(frozen=True)
class BlockPart:
    """A part of a block.

    Attributes:
        block: as it was planned.
        first: its first sentence.
        end: the sentence after the last one.
    """

    block: TextBlock
    first: int
    end: int

    def split(self) -> list[BlockPart]:
        """Return the parts of this part."""
        size = -(-(self.end - self.first) // _PARTS)
        return [
            BlockPart(self.block, start, min(self.end, start + size)) for start in range(self.first, self.end, size)
        ]


@dataclass
class _Labeled:
    """The parts of a block that are labeled: logits and failures by their first sentence."""

    limit: FailureLimit
    parts: dict[int, tuple[TeacherLogits, Failed]] = field(default_factory=dict)

    def count(self) -> int:
        """Return the number of their sentences."""
        return sum(len(logits.sizes) for logits, _ in self.parts.values())


class SplitBlocks:
    """Splits blocks that end actors, collects the logits of their parts, and stores the blocks.

    Only the sentences that end actors alone are given up, not all of a block.
    """

    def __init__(self, store: BlockStore, teacher: Teacher, limit: FailureLimit) -> None:
        """Store blocks of ``teacher`` in ``store``, unless more sentences fail than ``limit`` allows."""
        self._store = store
        self._teacher = teacher
        self._limit = limit
        self._labeled: dict[TextBlock, _Labeled] = {}

    def split(self, task: TextBlock | BlockPart, deaths: int) -> list[BlockPart] | None:
        """Return the parts that replace ``task``, during which so many actors have died; None: it is repeated.

        Raises:
            InputError: more sentences end actors than may fail.
        """
        part = task if isinstance(task, BlockPart) else BlockPart(task, 0, task.sentences)
        if deaths < (_PART_DEATHS if part is task else MAX_DEATHS):
            return None
        labeled = self._labeled.setdefault(part.block, _Labeled(replace(self._limit)))
        if part.end - part.first > 1:
            return part.split()
        reason = f"{deaths} actors died while they worked on it"
        labeled.limit.add_failure(reason)
        size = len(part.block.load().sentences[part.first].words) * len(self._store.labels)
        self.add(part, TeacherLogits(np.zeros(size, np.float16), np.array([size])), {0: reason})
        return []

    def add(self, part: BlockPart, logits: TeacherLogits, failed: Failed) -> None:
        """Keep the ``logits`` of ``part``, and the reason for each sentence that has ``failed``."""
        self._labeled[part.block].parts[part.first] = logits, failed

    def finished(self) -> Iterator[LabeledBlock]:
        """Store the blocks whose parts are all labeled, and yield them."""
        for block in [block for block, labeled in self._labeled.items() if labeled.count() == block.sentences]:
            parts = sorted(self._labeled.pop(block).parts.items())
            values = np.concatenate([logits.values for _, (logits, _) in parts])
            sizes = np.concatenate([logits.sizes for _, (logits, _) in parts])
            failed = {first + row: reason for first, (_, reasons) in parts for row, reason in reasons.items()}
            yield store_block(self._store, self._teacher, block.load(), TeacherLogits(values, sizes), failed)
