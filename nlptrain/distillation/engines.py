"""Labeling engines: what computes the logits of blocks and stores them, on this machine or on a cluster."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Protocol

import torch

from nlptrain.data.blocks import Block
from nlptrain.distillation.block_file import block_content
from nlptrain.distillation.block_store import BlockStore
from nlptrain.distillation.failed_sentences import FailureLimit, start_block
from nlptrain.distillation.teachers.teacher import Submit, Teacher, TeacherLogits
from nlptrain.distillation.text_blocks import TextBlock

_AHEAD = 2  # blocks that wait for each worker


@dataclass(frozen=True)
class LabeledBlock:
    """A block that has just been stored.

    Attributes:
        name: of the block.
        sentences: their number.
        words: of these.
        failed: the reason for each sentence that the teacher failed on.
    """

    name: str
    sentences: int
    words: int
    failed: Mapping[int, str]


class LabelingEngine(Protocol):
    """Computes the logits of blocks and stores them."""

    @property
    def shares_blocks(self) -> bool:
        """Whether each process of a launcher labels some of the blocks; else rank 0 alone has them labeled."""
        ...

    def label(
        self, store: BlockStore, teacher: Teacher, blocks: Iterator[TextBlock], limit: FailureLimit
    ) -> Generator[LabeledBlock, None, None]:
        """Label ``blocks``, which are not in ``store`` yet, and yield each one when it is stored, in any order.

        Raises:
            InputError: a block cannot be read, the teacher is wrong, or it fails on more sentences than ``limit``.
        """
        ...

    def describe(self) -> str:
        """Return what computes at the moment, for a line of progress; "" for this machine."""
        ...


class LocalEngine:
    """Labels in this process, or in several worker processes of this machine."""

    shares_blocks = True

    def __init__(self, workers: int = 1, device: torch.device | str = "cpu") -> None:
        """Label in ``workers`` processes (1: in this one) on ``device``."""
        self._workers = workers
        self._device = device

    def label(
        self, store: BlockStore, teacher: Teacher, blocks: Iterable[TextBlock], limit: FailureLimit
    ) -> Generator[LabeledBlock, None, None]:
        """Label ``blocks`` in their order; as in the protocol."""
        waiting: deque[Callable[[], LabeledBlock]] = deque()
        with _moved(teacher, self._device), teacher.labeling(self._workers) as compute:
            for block in blocks:
                waiting.append(start_labeling(compute, block.load(), store, teacher, limit))
                if len(waiting) >= (1 if self._workers == 1 else _AHEAD * self._workers):
                    yield waiting.popleft()()
            while waiting:
                yield waiting.popleft()()

    def describe(self) -> str:
        """Return nothing."""
        return ""


@contextmanager
def _moved(teacher: Teacher, device: torch.device | str) -> Iterator[None]:
    """Move ``teacher`` to ``device`` in this block, and to the CPU afterwards."""
    teacher.to(device)
    try:
        yield
    finally:
        teacher.to("cpu")


def start_labeling(
    compute: Submit, block: Block, store: BlockStore, teacher: Teacher, limit: FailureLimit
) -> Callable[[], LabeledBlock]:
    """Start to compute ``block``, and return a function that waits for its logits and stores them.

    Args:
        compute: of ``teacher``.
        block: that is computed.
        store: that of the teacher.
        teacher: that labels.
        limit: ends the block if too many of its sentences fail; it is not changed.
    """
    wait = start_block(compute, block.sentences, len(store.labels), replace(limit))

    def finish() -> LabeledBlock:
        logits, failed = wait()
        return store_block(store, teacher, block, logits, failed)

    return finish


def store_block(
    store: BlockStore, teacher: Teacher, block: Block, logits: TeacherLogits, failed: Mapping[int, str]
) -> LabeledBlock:
    """Store the ``logits`` of ``block``, with the reason for each sentence that the teacher has ``failed`` on."""
    content = block_content(block, logits, len(store.labels), teacher.asked_types, failed=failed, top=store.is_top)
    store.add(block.name, content)
    words = sum(len(sentence.words) for sentence in block.sentences)
    return LabeledBlock(block.name, len(block.sentences), words, failed)
