"""The blocks of a text: all of them, or as many as the training reads, sampled by their names and a seed."""

from __future__ import annotations

import hashlib
import os
import pickle
import tempfile
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from nlptrain.data.blocks import Block, cut_blocks
from nlptrain.data.sentence import Sentence
from nlptrain.data.text_ranges import BlockSource
from nlptrain.errors import InputError, Setting


@dataclass(frozen=True)
class TextBlock:
    """A block of a text.

    Attributes:
        name: of the block.
        sentences: the number of its sentences.
        weight: their sampling weight.
        is_synthetic: whether they are synthetic.
        load: returns the block.
        source: where it is in the text files; None: unknown.
    """

    name: str
    sentences: int
    weight: float
    is_synthetic: bool
    load: Callable[[], Block]
    source: BlockSource | None = None

    @classmethod
    def of(cls, block: Block, load: Callable[[], Block] | None = None) -> TextBlock:
        """Describe ``block``, which is kept in memory unless there is another way to ``load`` it."""
        return cls(block.name, len(block.sentences), block.weight, block.is_synthetic, load or (lambda: block))


def sample_blocks(
    sentences: Iterable[Sentence],
    planned: int,
    seed: int,
    is_stored: Callable[[str], bool] = lambda _: False,
    folder: Path | None = None,
) -> tuple[list[TextBlock], int]:
    """Cut ``sentences`` into blocks, and sample blocks until they hold the ``planned`` number of sentences.

    A hash of a block's name and of ``seed`` decides its priority, so that an inserted line changes one or two of them.
    The text is read once. Blocks that may be sampled and are not stored are kept in a temporary file until then.

    Args:
        sentences: of all sources, one after the other.
        planned: number of sentences; more by at most one block.
        seed: decides what is sampled.
        is_stored: whether every teacher has labeled a block already, so that it need not be kept.
        folder: of the temporary file; None: the system's.

    Returns:
        The sampled blocks in the order of the text, each once, and the number of sentences of all blocks.
    """
    spool = _Spool(folder)
    sampled: list[tuple[bytes, int, TextBlock]] = []  # with priority and position, in the order of priority
    total = count = 0
    names: set[str] = set()
    for position, block in enumerate(cut_blocks(sentences)):
        total += len(block.sentences)
        own_priority = priority(block.name, seed)
        is_late = count >= planned and own_priority > sampled[-1][0]
        if is_late or block.name in names:
            continue
        load = None if is_stored(block.name) else spool.keep(block)
        item = (own_priority, position, TextBlock.of(block, load or not_kept))
        sampled.insert(bisect_right(sampled, item[:2], key=lambda other: other[:2]), item)
        names.add(block.name)
        count += len(block.sentences)
        while sampled and count - sampled[-1][2].sentences >= planned:
            last = sampled.pop()[2]
            count -= last.sentences
            names.discard(last.name)
    return [block for _, _, block in sorted(sampled, key=lambda item: item[1])], total


def select_blocks(blocks: Iterable[TextBlock], planned: int, seed: int) -> list[TextBlock]:
    """Return those of ``blocks``, which are distinct, that ``sample_blocks`` samples, in their order."""
    listed = list(blocks)
    order = sorted(range(len(listed)), key=lambda index: priority(listed[index].name, seed))
    selected, count = [], 0
    for index in order:
        if count >= planned:
            break
        selected.append(index)
        count += listed[index].sentences
    return [listed[index] for index in sorted(selected)]


def priority(name: str, seed: int) -> bytes:
    """Return the priority of the block ``name``: those with the smallest ones are sampled."""
    return hashlib.blake2b(f"{seed} {name}".encode(), digest_size=8).digest()


def not_kept() -> Block:
    """Serve as ``TextBlock.load`` of a block that every teacher has labeled.

    Raises:
        InputError: always: the block was removed after this run had found it.
    """
    raise InputError(
        "a block was removed while this run started",
        location=Setting("transfer_dir"),
        hint="give the same command again",
    )


class _Spool:
    """Blocks in a temporary file, which only this process reads."""

    def __init__(self, folder: Path | None) -> None:
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - kept as long as a block may be read

    def __del__(self) -> None:
        self._file.close()

    def keep(self, block: Block) -> Callable[[], Block]:
        """Write ``block``, and return a function that reads it again."""
        content = pickle.dumps([(sentence.words, sentence.text) for sentence in block.sentences])
        start = self._file.seek(0, os.SEEK_END)
        self._file.write(content)
        return partial(self._load, start, len(content), block.sentences[0].where, block.weight)

    def _load(self, start: int, size: int, where: str, weight: float) -> Block:
        self._file.seek(start)
        pairs: Sequence[tuple[tuple[str, ...], str | None]] = pickle.loads(self._file.read(size))  # noqa: S301
        sentences = [Sentence(words, text=text, where=where, weight=weight) for words, text in pairs]
        return Block.of(sentences, [sentence.hash() for sentence in sentences])


def all_blocks(sentences: Iterable[Sentence]) -> Iterator[TextBlock]:
    """Yield all blocks of ``sentences``, each once."""
    names: set[str] = set()
    for block in cut_blocks(sentences):
        if block.name not in names:
            names.add(block.name)
            yield TextBlock.of(block)
