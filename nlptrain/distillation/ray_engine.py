"""RayEngine: labels text on a Ray cluster, whose actors read ranges of the text, label blocks, and store them."""

from __future__ import annotations

import math
import os
import time
import uuid
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from itertools import chain
from typing import Any

from nlptrain import __version__
from nlptrain.config.labeling import LabelingConfig
from nlptrain.data.raw_text import RawCounts
from nlptrain.data.read_report import ReadReport
from nlptrain.data.text_ranges import BlockReader, TextFiles, TextRange, numbered
from nlptrain.distillation.block_store import BlockStore
from nlptrain.distillation.engines import LabeledBlock, LabelingEngine, LocalEngine
from nlptrain.distillation.failed_sentences import FailureLimit
from nlptrain.distillation.ray_actor import CutRange, Labeler, LabelingJob, WrittenRange
from nlptrain.distillation.ray_connection import connect
from nlptrain.distillation.ray_parts import BlockPart, SplitBlocks
from nlptrain.distillation.ray_pool import ActorPool
from nlptrain.distillation.teachers.teacher import Teacher
from nlptrain.distillation.text_blocks import TextBlock
from nlptrain.errors import InputError, Setting
from nlptrain.run.run import Run

_MAX_RANGE, _MIN_RANGE = 2**24, 2**20  # bytes
_LARGEST_FILE = 2**27  # bytes of a file that is one range
_RANGES_PER_ACTOR = 4
_COUNT_SECONDS = 5.0  # between two looks at the resources of the cluster
_EPSILON = 1e-6  # a tenth of a GPU fits ten times
_ENVIRONMENT = ("HF_HUB_OFFLINE", "HF_HUB_DISABLE_TELEMETRY", "TOKENIZERS_PARALLELISM")


class RayEngine:
    """Labels text on a Ray cluster.

    This process plans and counts. It connects to the cluster when there is something to do, and ends the actors in
    ``close``. The bytes that they store are those of one process with as many threads.
    """

    shares_blocks = False

    def __init__(self, settings: LabelingConfig, run: Run, threads: int = 1) -> None:
        """Use the cluster and the actors of ``settings``, each with this number of CPU ``threads``.

        Raises:
            InputError: Ray is not installed.
        """
        if find_spec("ray") is None:
            raise InputError(
                "found ray, and the package ray is not installed",
                location=Setting("labeling.engine"),
                hint="pip install 'nlptrain[ray]'",
            )
        self._settings = settings
        self._run = run
        self._threads = threads
        self._pool: ActorPool | None = None
        self._owns_connection = False
        self._files: list[Any] = []
        self._ranges: list[TextRange] = []  # with the numbers of their lines
        self._room, self._counted = 0, -math.inf

    def cut(self, files: TextFiles) -> tuple[list[TextBlock], RawCounts, ReadReport]:
        """Cut the text into blocks, each once, in the order of the text.

        Returns:
            The blocks, the counts of lines and sentences, and what was skipped.

        Raises:
            InputError: a file cannot be read.
        """
        import ray

        pool = self._connected()
        self._files = [ray.put(files)]
        size = sum(path.stat().st_size for path in files.paths)
        actors = max(1, self._most())
        ranges = files.ranges(max(_MIN_RANGE, min(_MAX_RANGE, size // (_RANGES_PER_ACTOR * actors))))
        self._run.log(f"ray: {size / 1e6:,.1f} MB of text in {len(ranges):,} ranges, up to {actors:,} actors")
        done: dict[Any, CutRange] = dict(
            pool.run(
                ranges,
                lambda actor, part: actor.cut.remote(self._files, part),
                lambda actor: actor.check.remote(__version__, None),
            )
        )
        counts, report = files.new_counts(), ReadReport(is_strict=files.data.strict, max_faulty=files.data.max_faulty)
        blocks: dict[str, TextBlock] = {}
        reader = BlockReader(files)
        self._ranges = numbered(ranges, [done[part].report.sentences for part in ranges])
        for part in ranges:
            cut = done[part]
            counts.add(cut.counts)
            report.add(cut.report)
            weight = files.weights.get(part.path, 1.0)
            for source, sentences in zip(cut.sources, cut.sizes, strict=True):
                load = partial(reader.read, source)
                blocks.setdefault(source.name, TextBlock(source.name, sentences, weight, False, load, source))
        return list(blocks.values()), counts, report

    def label(
        self, store: BlockStore, teacher: Teacher, blocks: Iterable[TextBlock], limit: FailureLimit
    ) -> Generator[LabeledBlock, None, None]:
        """Label ``blocks``, in any order; as in the protocol."""
        rest = iter(blocks)
        first = next(rest, None)
        if first is None:
            return
        pool = self._connected()
        split = SplitBlocks(store, teacher, limit)

        def start(actor: Any, task: TextBlock | BlockPart) -> Any:  # noqa: ANN401
            block = task.block if isinstance(task, BlockPart) else task
            text = block.source or [(sentence.words, sentence.text) for sentence in block.load().sentences]
            if isinstance(task, BlockPart):
                return actor.label_part.remote(job, self._files, text, task.first, task.end, replace(limit))
            return actor.label.remote(job, self._files, text, replace(limit))

        tasks: Iterable[TextBlock | BlockPart] = chain([first], rest)
        with self._job(store, teacher) as (job, check):
            task: TextBlock | BlockPart
            result: Any
            for task, result in pool.run(tasks, start, check, split.split):
                if isinstance(task, BlockPart):
                    split.add(task, *result)
                else:
                    yield result
                yield from split.finished()
            yield from split.finished()  # its last sentence was given up

    def labeled_ranges(
        self, store: BlockStore, teacher: Teacher, target: str | None
    ) -> Generator[tuple[int, WrittenRange], None, None]:
        """Yield the labeled sentences of each range of the text that was cut, in any order; its blocks are stored.

        Args:
            store: that of the teacher.
            teacher: that has labeled them.
            target: the format of their content; None: pickled lists.

        Yields:
            The index of a range in the text, and its sentences.

        Raises:
            InputError: a sentence cannot be written in this format.
        """
        pool = self._connected()
        indices = {part: index for index, part in enumerate(self._ranges)}
        with self._job(store, teacher) as (job, check):

            def start(actor: Any, part: TextRange) -> Any:  # noqa: ANN401
                return actor.write.remote(job, self._files, part, target)

            part: TextRange
            written: WrittenRange
            for part, written in pool.run(self._ranges, start, check):
                yield indices[part], written

    @property
    def number_of_ranges(self) -> int:
        """The number of ranges of the text that was cut."""
        return len(self._ranges)

    @property
    def has_small_ranges(self) -> bool:
        """Whether the sentences of each range of the text fit into memory; files without byte ranges are one each."""
        return all(part.end is not None or part.path.stat().st_size <= _LARGEST_FILE for part in self._ranges)

    @contextmanager
    def _job(self, store: BlockStore, teacher: Teacher) -> Iterator[tuple[LabelingJob, Callable[[Any], Any]]]:
        """Yield the job of ``teacher``, and the check of its actors; in this block, they see what is written here."""
        import ray

        device = "cuda" if self._settings.gpus_per_actor else "cpu"
        teacher.to("cpu")
        mark = store.folder / f".{uuid.uuid4().hex}.mark"
        job = LabelingJob(store.key, [ray.put(teacher)], store.origin, store.is_top, store.cache_gb, device, mark.name)
        mark.touch()
        try:
            yield job, lambda actor: actor.check.remote(__version__, job)
        finally:
            mark.unlink(missing_ok=True)

    def describe(self) -> str:
        """Return the number of actors."""
        count = self._pool.size if self._pool else 0
        return f"{count:,} actor{'s' * (count != 1)}"

    def close(self) -> None:
        """End the actors, and disconnect from the cluster."""
        if self._pool is None:
            return
        import ray

        self._pool.close()
        self._pool = None
        if self._owns_connection:
            ray.shutdown()

    def _connected(self) -> ActorPool:
        """Return the pool, after connecting to the cluster."""
        if self._pool is None:
            import ray

            if not ray.is_initialized():
                self._owns_connection = True
                connect(self._settings.address)
            fewest, most = self._settings.actor_range
            self._pool = ActorPool(self._create_actor, fewest, self._most, self._run.log)
            resources = ray.cluster_resources()
            parts = [f"{resources.get('CPU', 0):g} CPUs"]
            if gpus := resources.get("GPU", 0):
                parts.append(f"{gpus:g} GPUs")
            nodes = sum(node["Alive"] for node in ray.nodes())
            self._run.log(f"ray: {nodes} node{'s' * (nodes != 1)}, {', '.join(parts)} (labeling.address)")
        return self._pool

    def _create_actor(self) -> Any:  # noqa: ANN401
        import ray

        environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        actor = ray.remote(Labeler).options(
            num_cpus=self._threads,
            num_gpus=self._settings.gpus_per_actor,
            max_restarts=0,
            max_task_retries=0,
            scheduling_strategy="SPREAD",
        )
        return actor.remote(environment, self._threads)

    def _most(self) -> int:
        """Return how many actors there may be: as configured, or as many as the cluster has room for."""
        import ray

        fewest, most = self._settings.actor_range
        if most is not None:
            return most
        if time.monotonic() - self._counted > _COUNT_SECONDS:
            self._counted = time.monotonic()
            self._room = sum(self._room_of(node["Resources"]) for node in ray.nodes() if node["Alive"])
        return max(fewest, self._room)

    def _room_of(self, resources: Mapping[str, float]) -> int:
        """Return how many actors fit on a node."""
        count = resources.get("CPU", 0.0) / self._threads
        if gpus := self._settings.gpus_per_actor:
            count = min(count, resources.get("GPU", 0.0) / gpus)
        return math.floor(count + _EPSILON)


@contextmanager
def open_engine(run: Run) -> Iterator[LabelingEngine]:
    """Yield the engine that ``run.labeling`` names, and end its actors at the end.

    Raises:
        InputError: Ray is not installed, or several workers are asked for.
    """
    if run.labeling.engine == "local":
        yield LocalEngine(run.workers, run.device)
        return
    if run.workers > 1:
        raise InputError(
            f"found {run.workers}",
            location=Setting("workers"),
            hint=("remove it: the actors of Ray label (", Setting("labeling.actors"), ")"),
        )
    engine = RayEngine(run.labeling, run, run.threads or 1)
    try:
        yield engine
    finally:
        engine.close()
