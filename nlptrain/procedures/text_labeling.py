"""Read the text of a student, and label as much of it as the training reads."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path

from nlptrain.config.objectives import TeacherObjectiveConfig
from nlptrain.config.train import AugmentConfig, TrainConfig
from nlptrain.data.blocks import SYNTHETIC
from nlptrain.data.corpus import Corpus, finish_raw
from nlptrain.data.sentence import Sentence
from nlptrain.data.splits import Splits
from nlptrain.data.text_ranges import TextFiles
from nlptrain.distillation.augmentation import ENOUGH_WORDS, add_synthetic_sentences
from nlptrain.distillation.block_store import BlockStore
from nlptrain.distillation.engines import LabelingEngine
from nlptrain.distillation.labeling import label_with_ensemble
from nlptrain.distillation.ray_engine import RayEngine, open_engine
from nlptrain.distillation.sampling import AgreementDev, agreement_splits
from nlptrain.distillation.teachers import TeacherEnsemble
from nlptrain.distillation.text_blocks import TextBlock, all_blocks, not_kept, sample_blocks, select_blocks
from nlptrain.distillation.transfer_set import TeacherLogitsDataset
from nlptrain.models.token_model import TokenModel
from nlptrain.procedures.finish import TeacherScores, evaluate_teacher
from nlptrain.procedures.text_record import SourceText, TextRecord, read_record, record_path, write_record
from nlptrain.run.run import Run
from nlptrain.training.loop import planned_sentences

SAMPLING_SEED = 0  # not that of the run: runs with other seeds read the same text, and reuse the teacher's logits
_LOG_SECONDS = 20  # between two lines about the progress of reading
SAMPLE_SENTENCES = 2048  # whose lengths show how many sentences a step reads


@dataclass(frozen=True)
class TextReading:
    """How a student reads the text.

    Attributes:
        student: that is trained.
        train: steps and batches.
        objective: which sentences are oversampled, and whether some are left out after labeling.
        augment: how synthetic sentences are generated; None: there are none.
    """

    student: TokenModel
    train: TrainConfig
    objective: TeacherObjectiveConfig
    augment: AugmentConfig | None

    def planned(self, sample: Sequence[Sentence], gold: int) -> int | None:
        """Return the number of unlabeled sentences that the training of an unlimited text reads; None: all.

        Args:
            sample: unlabeled sentences.
            gold: the number of gold sentences.
        """
        if self.objective.drops_sentences:
            return None
        planned = planned_sentences(self.student, sample, self.train, self.objective.oversampling)
        return None if planned is None else max(1, planned - gold)


@dataclass(frozen=True)
class LabeledText:
    """What a student is trained on.

    Attributes:
        splits: gold sentences; dev may have the teacher's tags.
        transfer_set: the train, raw and synthetic sentences with the ensemble's logits, in this order.
        teacher: its scores.
        folder: where examples may be stored; None: nowhere.
        is_sampled: whether there is more text than was labeled.
    """

    splits: Splits
    transfer_set: TeacherLogitsDataset
    teacher: TeacherScores
    folder: Path | None = None
    is_sampled: bool = False


def label_text(
    ensemble: TeacherEnsemble,
    splits: Splits,
    raw: Iterable[Sentence],
    reading: TextReading,
    run: Run,
    stores: Sequence[BlockStore],
) -> LabeledText:
    """Label the train, raw and synthetic sentences, and score the ensemble.

    Without a dev set, a part of the raw sentences becomes dev, with the teacher's tags; there are no synthetic ones. Of
    a text that is longer than what the training reads, only as much is labeled.
    """
    path = None
    if isinstance(raw, SourceText):
        train = reading.train.model_dump(mode="json")
        augment = None if reading.augment is None else reading.augment.model_dump(mode="json")
        tokenizer = reading.student.featurizer.describe(), reading.student.max_subwords
        objective = [reading.objective.oversampling, reading.objective.drops_sentences]
        others = [train, augment, objective, [store.key for store in stores], tokenizer]
        path = record_path(stores[0].folder.parent, raw.logging(run.log), others)
        known = read_record(path, raw, stores, run)
        if known is not None:
            return _label_blocks(ensemble, splits, known.blocks, lambda: known, run, stores)
    with open_engine(run) as engine:
        files = raw.files() if isinstance(engine, RayEngine) and isinstance(raw, SourceText) and raw.files else None
        if isinstance(engine, RayEngine) and isinstance(raw, SourceText) and files and files.are_shared and splits.dev:
            record = TextRecord()
            text, record.is_sampled = _cut_on_cluster(engine, files, ensemble, splits, raw, reading, run)
            record.blocks = [replace(block, load=not_kept, source=None) for block in text]
            labeled = _label_blocks(ensemble, splits, text, lambda: record, run, stores, engine)
        else:
            labeled, record = _label_here(ensemble, splits, raw, reading, run, stores, engine)
    if path is not None and isinstance(raw, SourceText):
        write_record(path, raw, record, run)
    return labeled


def _label_here(
    ensemble: TeacherEnsemble,
    splits: Splits,
    raw: Iterable[Sentence],
    reading: TextReading,
    run: Run,
    stores: Sequence[BlockStore],
    engine: LabelingEngine,
) -> tuple[LabeledText, TextRecord]:
    """Read the text in this process, and label as much of it as the training reads; also return its record."""
    log = raw.log if isinstance(raw, SourceText) else run.log
    agreement = None if splits.dev else AgreementDev()
    unlabeled = add_synthetic_sentences(raw, None if agreement else reading.augment, splits, ensemble, log)
    if agreement is not None:
        unlabeled = agreement.recorded(unlabeled)
    record = TextRecord()

    def recorded() -> Iterator[TextBlock]:
        for block in read:
            record.blocks.append(replace(block, load=not_kept))
            yield block

    def complete() -> TextRecord:
        if agreement is not None:
            record.dev, record.count = agreement.sentences(), agreement.count
        return record

    read, record.is_sampled = _blocks_to_read(unlabeled, len(splits.train), reading, run, stores, log)
    text = list(recorded()) if isinstance(read, list) else recorded()
    return _label_blocks(ensemble, splits, text, complete, run, stores, engine), record


def _cut_on_cluster(
    engine: RayEngine,
    files: TextFiles,
    ensemble: TeacherEnsemble,
    splits: Splits,
    raw: SourceText,
    reading: TextReading,
    run: Run,
) -> tuple[Sequence[TextBlock], bool]:
    """Have the actors cut the text into blocks, add synthetic ones, and return those that the training reads.

    Also return whether there are more.
    """
    own: list[TextBlock] = []

    def cut() -> tuple[list[TextBlock], bool]:
        blocks, counts, report = engine.cut(files)
        finish_raw(Corpus.of(files.data, "unlabeled"), counts, report, raw.log, raw.counts)
        words = sum(len(sentence.words) for sentence in splits.train)
        head = _first_words(raw.without_log(), words) if reading.augment else ()
        with_synthetic = add_synthetic_sentences(head, reading.augment, splits, ensemble, raw.log)
        synthetic = [sentence for sentence in with_synthetic if sentence.file == SYNTHETIC]
        blocks += all_blocks(synthetic)
        sample = list(islice(chain(raw.without_log(), synthetic), SAMPLE_SENTENCES))
        planned = reading.planned(sample, len(splits.train))
        own.extend(blocks if planned is None else select_blocks(blocks, planned, SAMPLING_SEED))
        is_sampled = planned is not None and _log_sampled(
            own, planned, sum(block.sentences for block in blocks), raw.log
        )
        return [replace(block, load=not_kept, source=None) for block in own], is_sampled

    described, is_sampled = run.processes.broadcast_from_rank0(cut)
    return own if run.processes.is_rank_zero else described, is_sampled


def _first_words(sentences: Iterable[Sentence], words: int) -> Iterator[Sentence]:
    """Yield as many of ``sentences`` as synthetic ones are made from, if train has this number of words."""
    seen: set[bytes] = set()
    for sentence in sentences:
        yield sentence
        if (sentence_hash := sentence.hash()) not in seen:
            seen.add(sentence_hash)
            words += len(sentence.words)
        if words > ENOUGH_WORDS:
            return


def _label_blocks(
    ensemble: TeacherEnsemble,
    splits: Splits,
    text: Iterable[TextBlock],
    complete: Callable[[], TextRecord],
    run: Run,
    stores: Sequence[BlockStore],
    engine: LabelingEngine | None = None,
) -> LabeledText:
    """Label the train sentences and ``text``; ``complete`` returns its record after it has been read."""
    transfer_set = label_with_ensemble(
        ensemble, splits.train, run, stores, text=text, left_out=lambda: complete().dev, engine=engine
    )
    record = complete()
    if not splits.dev:
        labeled = label_with_ensemble(ensemble, record.dev, run, stores)
        splits = agreement_splits(splits, labeled, record.count, log=run.log)
    teacher = evaluate_teacher(ensemble, splits, stores, run)
    return LabeledText(splits, transfer_set, teacher, stores[0].folder.parent, record.is_sampled)


def _with_progress(sentences: Iterable[Sentence], run: Run) -> Iterator[Sentence]:
    """Yield ``sentences``, and log their number every 20 seconds."""
    logged = time.monotonic()
    for count, sentence in enumerate(sentences):
        if count % SAMPLE_SENTENCES == 0 and time.monotonic() - logged > _LOG_SECONDS:
            logged = time.monotonic()
            run.log(f"text: {count:,} sentences read so far")
        yield sentence


def _blocks_to_read(
    sentences: Iterable[Sentence],
    gold: int,
    reading: TextReading,
    run: Run,
    stores: Sequence[BlockStore],
    log: Callable[[str], None],
) -> tuple[Iterable[TextBlock], bool]:
    """Return all blocks of the unlabeled ``sentences``, or as many as the training reads; whether there are more."""
    rest = iter(sentences)
    sample = list(islice(rest, SAMPLE_SENTENCES))
    planned = reading.planned(sample, gold)
    everything = chain(sample, rest)
    if planned is None:
        return all_blocks(everything), False

    def is_stored(name: str) -> bool:
        # Below a URL, blocks would be copied only to find out.
        return all(store.remote is None and store.find(name, run.log) is not None for store in stores)

    sampled, count = sample_blocks(_with_progress(everything, run), planned, SAMPLING_SEED, is_stored, run.folder)
    return sampled, _log_sampled(sampled, planned, count, log)


def _log_sampled(sampled: Sequence[TextBlock], planned: int, count: int, log: Callable[[str], None]) -> bool:
    """Log how many of the ``count`` sentences of a text are labeled, unless all are; return whether some are not."""
    sampled_count = sum(block.sentences for block in sampled)
    if not planned <= sampled_count < count:  # below what was planned, all blocks are sampled, those that repeat once
        return False
    log(f"text to label: {sampled_count:,} of {count:,} sentences, as many as the training reads (train.steps)")
    return True
