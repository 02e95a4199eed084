"""What a training reads of its text: written down once, so that the next run does not read all of it again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nlptrain import __version__
from nlptrain.atomic_files import read_sealed_json, write_sealed_json
from nlptrain.data.sentence import Sentence
from nlptrain.data.text_ranges import TextFiles
from nlptrain.distillation.block_store import BlockStore
from nlptrain.distillation.text_blocks import TextBlock, not_kept
from nlptrain.run.run import Run

FOLDER = "texts"  # below the folder of all teachers
_FORMAT = 2  # increment it when text is read, cut or sampled in another way


class SourceText:
    """The raw sentences of files, with all that decides which ones these are.

    Attributes:
        key: of the files and of how they are read.
        files: returns these files, for other processes to read; None: there are none.
        counts: receives what was read, repaired and skipped, for ``scores.json``.
        lines: what was logged while they were read.
    """

    def __init__(
        self,
        read: Callable[[Callable[[str], None], dict[str, Any]], Iterator[Sentence]],
        key: Mapping[str, Any],
        counts: dict[str, Any],
        files: Callable[[], TextFiles] | None = None,
    ) -> None:
        """Describe a text that ``read`` reads, given a function that logs and a map for the counts."""
        self.key = key
        self.files = files
        self.counts = counts
        self.lines: list[str] = []
        self._read = read
        self._log: Callable[[str], None] = lambda _: None

    def logging(self, log: Callable[[str], None]) -> SourceText:
        """Let ``log`` receive what is logged, and return self."""
        self._log = log
        return self

    def log(self, line: str) -> None:
        """Log ``line``, and keep it."""
        self.lines.append(line)
        self._log(line)

    def without_log(self) -> Iterator[Sentence]:
        """Read the sentences, or the first of them; nothing is logged or counted."""
        return self._read(lambda _: None, {})

    def __iter__(self) -> Iterator[Sentence]:
        """Read the sentences."""
        return self._read(self.log, self.counts)


@dataclass
class TextRecord:
    """The blocks of a text that a training reads.

    Attributes:
        blocks: in the order of the text.
        dev: the sentences that become dev, where there is no gold dev set.
        count: the number of unlabeled sentences that these were taken from.
        is_sampled: whether the text has further blocks.
    """

    blocks: list[TextBlock] = field(default_factory=list)
    dev: Sequence[Sentence] = ()
    count: int = 0
    is_sampled: bool = False


def record_path(folder: Path, text: SourceText, others: Sequence[object]) -> Path:
    """Return the file of the record of ``text``.

    Args:
        folder: of the stores of all teachers.
        text: that is read.
        others: what else decides which of its sentences are read.
    """
    description = json.dumps([_FORMAT, __version__, text.key, others], sort_keys=True, default=str)
    return folder / FOLDER / f"{hashlib.blake2b(description.encode(), digest_size=16).hexdigest()}.json"


def read_record(path: Path, text: SourceText, stores: Sequence[BlockStore], run: Run) -> TextRecord | None:
    """Return the record of ``text``, if there is one and all of its blocks are stored; log what was logged then."""
    known = run.processes.broadcast_from_rank0(lambda: _load(path, stores, run))
    if known is None:
        return None
    run.log("raw text: unchanged since an earlier run, and not read again (transfer_dir); that run logged:")
    for line in known["log"]:
        run.log(line)
    text.counts.update(known["counts"])
    blocks = [TextBlock(name, count, weight, synthetic, not_kept) for name, count, weight, synthetic in known["blocks"]]
    dev = [Sentence(tuple(words)) for words in known["dev"]]
    return TextRecord(blocks, dev, known["count"], known["is_sampled"])


def write_record(path: Path, text: SourceText, record: TextRecord, run: Run) -> None:
    """Write ``record``, which is that of ``text``."""
    if not run.processes.is_rank_zero:
        return
    content = {
        "log": text.lines,
        "counts": {key: text.counts[key] for key in ("unlabeled",) if key in text.counts},
        "count": record.count,
        "is_sampled": record.is_sampled,
        "dev": [sentence.words for sentence in record.dev],
        "blocks": [[block.name, block.sentences, block.weight, block.is_synthetic] for block in record.blocks],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    write_sealed_json(path, content)


def _load(path: Path, stores: Sequence[BlockStore], run: Run) -> dict[str, Any] | None:
    known = read_sealed_json(path)
    if known is None:
        return None
    names = [block[0] for block in known["blocks"]]
    if all(set(names) <= store.names() for store in stores):
        are_whole = all(store.find(name, run.log) is not None for name in names for store in stores)
        return known if are_whole else None
    return None
