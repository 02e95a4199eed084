"""Labeler: an actor of a Ray cluster that cuts ranges of text into blocks, labels blocks, and stores them."""

from __future__ import annotations

import os
import platform
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nlptrain import __version__

if TYPE_CHECKING:  # actors import the rest when they work, after their environment is set
    from nlptrain.data.blocks import Block
    from nlptrain.data.raw_text import RawCounts
    from nlptrain.data.read_report import ReadReport
    from nlptrain.data.text_ranges import BlockReader, BlockSource, TextFiles, TextRange
    from nlptrain.distillation.block_store import BlockStore
    from nlptrain.distillation.engines import LabeledBlock
    from nlptrain.distillation.failed_sentences import Failed, FailureLimit
    from nlptrain.distillation.teachers.teacher import Submit, Teacher, TeacherLogits

_MARK_SECONDS = 60
_RETRY_SECONDS = 5.0
SentenceTexts = Sequence[tuple[tuple[str, ...], str | None]]  # words and text of each sentence of a block


@dataclass(frozen=True)
class LabelingJob:
    """What actors need to label the blocks of a teacher.

    Attributes:
        key: identifies the teacher.
        teacher: a list of the reference of its object in Ray's store, which is not resolved with each task.
        folder: of the stores of all teachers, or a URL.
        top: as for ``BlockStore``.
        cache_gb: as for ``BlockStore``.
        device: ``cpu`` or ``cuda``.
        mark: name of a file that the planning process has written into the folder of the teacher.
    """

    key: str
    teacher: Sequence[Any]
    folder: str
    top: bool
    cache_gb: float
    device: str
    mark: str


@dataclass(frozen=True)
class CutRange:
    """The blocks of a range of text.

    Attributes:
        sources: where each block is.
        sizes: the number of distinct sentences of each.
        counts: of the lines and sentences of the range.
        report: what was skipped in it.
    """

    sources: Sequence[BlockSource]
    sizes: Sequence[int]
    counts: RawCounts
    report: ReadReport


@dataclass(frozen=True)
class WrittenRange:
    """The labeled sentences of a range of text.

    Attributes:
        content: of the file that they are written to, or pickled lists of them.
        sentences: their number.
        words: of these.
        lost: as in ``WriteContext``.
    """

    content: bytes
    sentences: int
    words: int
    lost: Counter[str]


class Labeler:
    """Works on one task at a time; keeps the teacher and the position in the text for the next one."""

    def __init__(self, environment: Mapping[str, str], threads: int) -> None:
        """Set the environment variables and the number of CPU threads."""
        os.environ.update(environment)
        import torch

        from nlptrain.run.run import silence_libraries

        torch.set_num_threads(threads)
        silence_libraries()
        self._files: tuple[Any, TextFiles | None] = None, None
        self._reader: BlockReader | None = None
        self._job: LabelingJob | None = None
        self._store: BlockStore | None = None
        self._teacher: Teacher | None = None
        self._compute: Submit | None = None
        self._open = ExitStack()

    def check(self, version: str, job: LabelingJob | None) -> None:
        """Check that this actor can work: its version, and for a job the teacher, its store, and a sentence.

        Raises:
            InputError: it cannot.
        """
        from nlptrain.data.sentence import Sentence
        from nlptrain.errors import InputError, Setting

        if version != __version__:
            raise InputError(
                f"found nlptrain {__version__} on the node {platform.node()}",
                location=Setting("labeling.engine"),
                expected=f"{version}, as here",
            )
        if job is not None:
            self._prepare(job)
            assert self._compute is not None
            self._compute([Sentence(("a",))])()

    def cut(self, files: Sequence[Any], part: TextRange) -> CutRange:
        """Cut the range ``part`` of the text whose files are in Ray's store."""
        text = self._text(files)
        from nlptrain.data.corpus import new_report

        counts, report = text.new_counts(), new_report(text.data)
        blocks = [(source, len(block.sentences)) for block, source in text.cut(part, counts, report)]
        return CutRange([source for source, _ in blocks], [size for _, size in blocks], counts, report)

    def label(
        self, job: LabelingJob, files: Sequence[Any], task: BlockSource | SentenceTexts, limit: FailureLimit
    ) -> LabeledBlock:
        """Label a block and store it; one that is stored already is not labeled again.

        Args:
            job: the teacher and its store.
            files: the reference of the text's files.
            task: where the block is, or its sentences.
            limit: ends the job if too many sentences fail.

        Raises:
            StorageError: the store cannot be read or written.
            InputError: the text has changed, the teacher is wrong, or too many sentences fail.
        """
        from nlptrain.data.text_ranges import BlockSource
        from nlptrain.distillation.engines import LabeledBlock, store_block
        from nlptrain.distillation.failed_sentences import start_block

        self._prepare(job)
        assert self._store is not None
        assert self._teacher is not None
        assert self._compute is not None
        if isinstance(task, BlockSource):
            with _storage():
                stored = self._store.find(task.name, lambda _: None)
            if stored is not None:
                return LabeledBlock(task.name, len(stored), int(stored.offsets[-1]), stored.failed)
        block = self._block(files, task)
        logits, failed = start_block(self._compute, block.sentences, len(self._store.labels), limit)()
        with _storage():
            return store_block(self._store, self._teacher, block, logits, failed)

    def label_part(
        self,
        job: LabelingJob,
        files: Sequence[Any],
        task: BlockSource | SentenceTexts,
        first: int,
        end: int,
        limit: FailureLimit,
    ) -> tuple[TeacherLogits, Failed]:
        """Label the sentences from ``first`` to ``end`` of a block, and store nothing; else as ``label``.

        Returns:
            The logits, and the reason for each sentence that the teacher failed on.
        """
        from nlptrain.distillation.failed_sentences import start_block

        self._prepare(job)
        assert self._store is not None
        assert self._compute is not None
        sentences = self._block(files, task).sentences[first:end]
        return start_block(self._compute, sentences, len(self._store.labels), limit)()

    def write(self, job: LabelingJob, files: Sequence[Any], part: TextRange, target: str | None) -> WrittenRange:
        """Return what a file of the format ``target`` has for the sentences of a range whose blocks are stored.

        Without a format, return pickled lists of the sentences.

        Raises:
            StorageError: a block is missing, perhaps only for a moment.
            InputError: a sentence cannot be written in this format.
        """
        from nlptrain.data.corpus import new_report
        from nlptrain.data.formats import WriteContext
        from nlptrain.data.formats.registry import SentenceCounter, write_gold
        from nlptrain.distillation.labeled_text import (
            ChangedTextError,
            labeled_sentences,
            pickle_sentences,
            scheme_of,
        )
        from nlptrain.distillation.ray_pool import StorageError

        self._prepare(job)
        assert self._store is not None
        assert self._teacher is not None
        text = self._text(files)
        blocks = (block for block, _ in text.cut(part, text.new_counts(), new_report(text.data)))
        counter, context = SentenceCounter(), WriteContext(scheme_of(self._teacher))
        sentences = counter.count(labeled_sentences(self._store, self._teacher, blocks))
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "part"
            try:
                if target is None:
                    pickle_sentences(sentences, out)
                else:
                    write_gold(sentences, out, target, context)
            except ChangedTextError as error:
                time.sleep(_RETRY_SECONDS)
                raise StorageError(error) from None
            return WrittenRange(out.read_bytes(), counter.sentences, counter.words, context.lost)

    def _block(self, files: Sequence[Any], task: BlockSource | SentenceTexts) -> Block:
        """Return a block of the text, or of these sentences."""
        from nlptrain.data.blocks import Block
        from nlptrain.data.sentence import Sentence
        from nlptrain.data.text_ranges import BlockReader, BlockSource

        if isinstance(task, BlockSource):
            text = self._text(files)
            self._reader = self._reader or BlockReader(text)
            return self._reader.read(task)
        sentences = [Sentence(words, text=text) for words, text in task]
        return Block.of(sentences, [sentence.hash() for sentence in sentences])

    def _text(self, files: Sequence[Any]) -> TextFiles:
        """Return the files of the text, loaded once."""
        import ray

        (reference,) = files
        if reference != self._files[0]:
            self._files, self._reader = (reference, ray.get(reference)), None
        text = self._files[1]
        assert text is not None
        return text

    def _prepare(self, job: LabelingJob) -> None:
        """Load the teacher and open its store, unless they are those of the last task."""
        if job == self._job:
            return
        import gc

        import ray
        import torch

        from nlptrain.distillation.block_store import BlockStore
        from nlptrain.errors import InputError, Setting

        self._open.close()
        self._job = self._store = self._teacher = self._compute = None
        gc.collect()  # the memory of the former teacher
        torch.cuda.empty_cache()
        teacher: Teacher = ray.get(job.teacher[0])
        store = BlockStore(job.folder, teacher, top=job.top, cache_gb=job.cache_gb)
        if store.key != job.key:
            raise InputError(
                f"the node {platform.node()} computes the teacher's key {store.key}",
                location=Setting("labeling.engine"),
                expected=job.key,
                hint="install the same versions of nlptrain and its packages on all nodes",
            )
        if store.remote is not None:
            store.folder.mkdir(parents=True, exist_ok=True)
        elif not _appears(store.folder / job.mark):
            raise InputError(
                f"the node {platform.node()} does not see what is written there",
                location=str(store.folder),
                hint=("give ", Setting("transfer_dir"), " a folder on a disk that all nodes share, or a URL"),
            )
        teacher.to(job.device)
        self._compute = self._open.enter_context(teacher.labeling(1))
        self._job, self._store, self._teacher = job, store, teacher


def _appears(path: Path) -> bool:
    """Return whether there is a file ``path``; network file systems show new ones after a while."""
    for _ in range(_MARK_SECONDS):
        if path.parent.is_dir() and path.name in os.listdir(path.parent):
            return True
        time.sleep(1.0)
    return False


@contextmanager
def _storage() -> Iterator[None]:
    """Raise errors of the storage in this block as ``StorageError``, after a while."""
    from nlptrain.distillation.ray_pool import StorageError
    from nlptrain.errors import InputError

    try:
        yield
    except (OSError, InputError) as error:
        time.sleep(_RETRY_SECONDS)
        raise StorageError(error) from None
