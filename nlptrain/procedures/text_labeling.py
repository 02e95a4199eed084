"""Read the text of a student, and label as much of it as the training reads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, islice

from nlptrain.config.train import AugmentConfig, TrainConfig
from nlptrain.data.sentence import Sentence
from nlptrain.data.splits import Splits
from nlptrain.distillation.augmentation import add_synthetic_sentences
from nlptrain.distillation.block_store import BlockStore
from nlptrain.distillation.labeling import label_with_ensemble
from nlptrain.distillation.sampling import AgreementDev, agreement_splits
from nlptrain.distillation.teachers import TeacherEnsemble
from nlptrain.distillation.text_blocks import TextBlock, all_blocks, sample_blocks
from nlptrain.distillation.transfer_set import TeacherLogitsDataset
from nlptrain.models.token_model import TokenModel
from nlptrain.procedures.finish import TeacherScores, evaluate_teacher
from nlptrain.run.run import Run
from nlptrain.training.loop import planned_sentences

_SAMPLING_SEED = 0  # not that of the run: runs with other seeds read the same text, and reuse the teacher's logits
_SAMPLE_SENTENCES = 2048  # whose lengths show how many sentences a step reads


@dataclass(frozen=True)
class TextReading:
    """How a student reads the text.

    Attributes:
        student: that is trained.
        train: steps and batches.
        oversampling: share of the unlabeled sentences of an epoch that are sampled in favor of rare labels.
        augment: how synthetic sentences are generated; None: there are none.
    """

    student: TokenModel
    train: TrainConfig
    oversampling: float
    augment: AugmentConfig | None


@dataclass(frozen=True)
class LabeledText:
    """What a student is trained on.

    Attributes:
        splits: gold sentences; dev may have the teacher's tags.
        transfer_set: the train, raw and synthetic sentences with the ensemble's logits, in this order.
        teacher: its scores.
    """

    splits: Splits
    transfer_set: TeacherLogitsDataset
    teacher: TeacherScores


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
    agreement = None if splits.dev else AgreementDev()
    augment = None if agreement else reading.augment
    unlabeled = add_synthetic_sentences(raw, augment, splits, ensemble, run.log)
    if agreement is not None:
        unlabeled = agreement.recorded(unlabeled)
    transfer_set = label_with_ensemble(
        ensemble,
        splits.train,
        run,
        stores,
        text=_blocks_to_read(unlabeled, len(splits.train), reading, run, stores),
        left_out=agreement.sentences if agreement else tuple,
    )
    if agreement is not None:
        labeled = label_with_ensemble(ensemble, agreement.sentences(), run, stores)
        splits = agreement_splits(splits, labeled, agreement.count, log=run.log)
    return LabeledText(splits, transfer_set, evaluate_teacher(ensemble, splits, stores, run))


def _blocks_to_read(
    sentences: Iterable[Sentence], gold: int, reading: TextReading, run: Run, stores: Sequence[BlockStore]
) -> Iterable[TextBlock]:
    """Return all blocks of the unlabeled ``sentences``, or as many as the training reads."""
    rest = iter(sentences)
    sample = list(islice(rest, _SAMPLE_SENTENCES))
    planned = planned_sentences(reading.student, sample, reading.train, reading.oversampling)
    everything = chain(sample, rest)
    if planned is None:
        return all_blocks(everything)

    def is_stored(name: str) -> bool:
        return all(store.find(name, run.log) is not None for store in stores)

    sampled, count = sample_blocks(everything, max(1, planned - gold), _SAMPLING_SEED, is_stored)
    sampled_count = sum(block.sentences for block in sampled)
    if sampled_count < count:
        run.log(f"text to label: {sampled_count:,} of {count:,} sentences, as many as the training reads (train.steps)")
    return sampled
