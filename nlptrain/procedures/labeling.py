"""Label raw text with a teacher, and write its predictions with their scores."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from nlptrain.config.data import DataConfig
from nlptrain.config.labeling import LabelingConfig
from nlptrain.config.teachers import TransformerTeacherConfig
from nlptrain.data.blocks import cut_blocks
from nlptrain.data.corpus import Corpus, finish_raw, raw_sample, raw_text, splitter_of
from nlptrain.data.formats import WriteContext
from nlptrain.data.formats.registry import SentenceCounter, format_by_suffix, write_gold
from nlptrain.data.text_ranges import TextFiles
from nlptrain.distillation.block_labeling import LabelingResult, label_blocks
from nlptrain.distillation.block_store import DEFAULT_CACHE_GB, BlockStore
from nlptrain.distillation.block_use import record_file
from nlptrain.distillation.engines import LabelingEngine
from nlptrain.distillation.failed_sentences import write_failed
from nlptrain.distillation.labeled_text import labeled_sentences, scheme_of
from nlptrain.distillation.ray_engine import RayEngine, open_engine
from nlptrain.distillation.ray_file import write_with_actors
from nlptrain.distillation.teachers import Precision, Teacher, TeacherContext
from nlptrain.distillation.text_blocks import all_blocks
from nlptrain.procedures.conversion import check_is_no_source, check_new_file
from nlptrain.procedures.models import build_teacher
from nlptrain.run.run import Run


@dataclass(frozen=True)
class LabeledFile:
    """The result of ``label_files``.

    Attributes:
        sentences: that were written.
        words: of these.
        failed: sentences that the teacher failed on, which are in ``failed_file``.
        failed_file: JSON Lines; there is none if no sentence failed.
        transfer_dir: where the teacher's logits are stored.
    """

    sentences: int
    words: int
    failed: int
    failed_file: Path
    transfer_dir: str

    def describe(self) -> str:
        """Return the result in one line."""
        failed = f"; the teacher failed on {self.failed:,} others ({self.failed_file})" if self.failed else ""
        return f"{self.sentences:,} sentences, {self.words:,} words{failed}"


def label_files(
    teacher: str,
    data: DataConfig,
    out: Path,
    target: str | None = None,
    *,
    labeling: LabelingConfig | None = None,
    transfer_dir: str | None = None,
    precision: Precision = "fp32",
    device: str = "auto",
    threads: int | None = None,
    workers: int = 1,
    overwrite: bool = False,
    console: Console | None = None,
) -> LabeledFile:
    """Label the raw text of ``data.unlabeled``, and write its sentences to ``out`` with the teacher's tags and scores.

    The teacher's logits are stored: an interrupted command goes on where it was, and a training reuses them.

    Args:
        teacher: the folder of a run or of a model, or a Hub name.
        data: the files, and how they are read.
        out: the new file.
        target: its format; None: that of its suffix, with entities as spans in JSON Lines.
        labeling: where the teacher runs; None: in this process.
        transfer_dir: folder or URL of the stored logits; None: the folder ``transfer`` next to ``out``.
        precision: that the teacher computes in.
        device: that it computes on, unless it runs on a cluster.
        threads: CPU threads, of each actor on a cluster; None: torch's default, and 1 of each actor.
        workers: processes that label text.
        overwrite: replace ``out``.
        console: for log lines; None: stderr.

    Raises:
        InputError: the teacher or a file cannot be read, ``out`` exists or does not fit the format, the cluster cannot
            be reached, or the teacher fails on too many sentences.
    """
    checked_target = target or format_by_suffix(out)
    check_new_file(out, checked_target, overwrite=overwrite)
    check_is_no_source(out, checked_target, Corpus.of(data, "unlabeled").files)
    run = Run(None, device=device, threads=threads, workers=workers, labeling=labeling, console=console)
    built_with = TeacherContext(
        data, precision, run.device, lambda: [sentence.words for sentence in raw_sample(data)], run.log
    )
    loaded = build_teacher(TransformerTeacherConfig(path=teacher), built_with)
    run.log(f"teacher: {loaded.name}, {loaded.parameters():,} parameters")
    if target is None:
        target = "entities" if checked_target == "jsonl" and loaded.labels.scheme != "plain" else checked_target
    folder = transfer_dir or str(out.parent / "transfer")
    store = BlockStore(folder, loaded, cache_gb=DEFAULT_CACHE_GB)
    failed_file = out.with_name(f"{out.name}.dead.jsonl")
    with open_engine(run) as engine:
        result, files = _label(store, loaded, data, run, engine)
        run.log(result.describe())
        write_failed(failed_file, result.failed)
        counter = _write(store, loaded, data, out, target, run, engine if files else None)
    record_file(store.folder.parent, out, data.paths_of("unlabeled"), store.key, result.names)
    return LabeledFile(counter.sentences, counter.words, len(result.failed), failed_file, folder)


def _write(
    store: BlockStore,
    teacher: Teacher,
    data: DataConfig,
    out: Path,
    target: str,
    run: Run,
    engine: LabelingEngine | None,
) -> SentenceCounter:
    """Write all sentences, whose blocks are stored, with the actors of ``engine`` if it has any, and count them."""
    context, counter = WriteContext(scheme_of(teacher)), SentenceCounter()
    if isinstance(engine, RayEngine) and engine.has_small_ranges:
        counter = write_with_actors(engine, store, teacher, out, target, context, run)
    else:
        blocks = cut_blocks(raw_text(data, splitter_of(data), to_label=True))
        write_gold(counter.count(labeled_sentences(store, teacher, blocks)), out, target, context)
    for kind, count in context.lost.items():
        run.log(f"not stored in {target}: {kind} ({count:,} sentence{'s' * (count > 1)})")
    return counter


def _label(
    store: BlockStore, teacher: Teacher, data: DataConfig, run: Run, engine: LabelingEngine
) -> tuple[LabelingResult, TextFiles | None]:
    """Store the logits of all sentences of ``data.unlabeled``; also return the files that actors have cut, if any."""
    splitter = splitter_of(data)
    files = TextFiles.of(data, splitter, None, uses_repeats=True)
    if not isinstance(engine, RayEngine) or not files.are_shared:
        text = raw_text(data, splitter, None, run.log, to_label=True, uses_repeats=True)
        return label_blocks(store, all_blocks(text), teacher, run, engine), None
    blocks, counts, report = engine.cut(files)
    finish_raw(Corpus.of(data, "unlabeled"), counts, report, run.log, None)
    planned = sum(block.sentences for block in blocks)
    return label_blocks(store, blocks, teacher, run, engine, planned=planned), files
