"""A dev set for who has no tagged sentence: raw text, and how far the student agrees with its teacher on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from nlptrain.data.digests import Digests
from nlptrain.data.sentence import Sentence
from nlptrain.data.splits import Splits
from nlptrain.distillation.teacher_logits_dataset import TeacherLogitsDataset
from nlptrain.errors import InputError
from nlptrain.schemes import valid

AGREEMENT = "agreement"
_ONE_IN = 50  # 2 %
_MOST = 2_000


def taken(raw: int) -> int:
    """How many of so many raw sentences become dev: 2 %, at most 2,000.

    Raises:
        InputError: there is too little text.
    """
    if raw < _ONE_IN:
        raise InputError(
            f"data.dev: missing, and the {raw:,} sentences of data.unlabeled are too few to take 2 % of them; "
            "give more text, or name a file with gold sentences"
        )
    return min(_MOST, raw // _ONE_IN)


def held_out(digests: Digests) -> NDArray[np.int64]:
    """The numbers of the raw sentences that become dev: those of the smallest ``digests``, 2 % and at most 2,000."""
    return np.argsort(digests, kind="stable")[: min(_MOST, len(digests) // _ONE_IN)]


def take_agreement_dev(
    splits: Splits, text: TeacherLogitsDataset, *, log: Callable[[str], None]
) -> tuple[Splits, TeacherLogitsDataset]:
    """``splits`` whose dev sentences are 2 % of the raw text (at most 2,000), tagged by the teacher, and the rest.

    Which sentences are taken is decided by a hash of their words, so that neither seed nor order changes it.

    Raises:
        InputError: there is too little text.
    """
    gold = len(splits.train)
    raw = np.arange(gold, len(text))
    taken(len(raw))
    chosen = gold + held_out(text.digests()[gold:])
    names, scheme = text.ensemble.labels.names, text.ensemble.labels.scheme
    dev = []
    for number in sorted(chosen.tolist()):
        tags = [names[index] for index in text.answer(number).best]
        dev.append(Sentence(text.sentence(number).words, tuple(valid(tags, scheme))))
    log(
        f"dev: {len(dev):,} of the {len(raw):,} raw sentences, tagged by the teacher and taken out of the text: what "
        "is scored on them is agreement with the teacher"
    )
    left = np.setdiff1d(np.arange(len(text)), chosen)
    return replace(splits, dev=dev, dev_metric=AGREEMENT), text.chosen(left)
