"""Sentences that a teacher fails on: found by bisection, left out of the training, and listed in a file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from nlptrain.atomic_files import replacing
from nlptrain.data.sentence import Sentence
from nlptrain.distillation.teachers.teacher import Submit, TeacherLogits
from nlptrain.errors import InputError, Setting
from nlptrain_runtime.errors import message_line

FILE_NAME = "dead.jsonl"
NOT_FINITE = "the teacher's logits are not finite"
_MIN_SENTENCES = 10_000  # before a share of failures is taken seriously; a check at the end is exact
_MAX_REASON = 300  # characters
_CONTROL = Sentence(("a",))  # computed when a sentence fails: perhaps the machine is the cause
Failed = Mapping[int, str]  # the reason for each sentence of a block that has no logits


class BrokenTeacherError(InputError):
    """The teacher fails on any sentence, e.g. because its GPU is lost; no sentence is to blame."""


@dataclass
class FailureLimit:
    """Ends the labeling of a text when the teacher fails on too many of its sentences.

    Attributes:
        max_share: the share of all sentences that may fail, from 0 to 1; one sentence always may, unless it is 0.
        sentences: that were labeled so far.
        failed: those of them that have no logits.
        reason: of the last failure.
    """

    max_share: float
    sentences: int = 0
    failed: int = 0
    reason: str = ""

    def add(self, sentences: int, failed: Failed) -> None:
        """Count the ``sentences`` of a block and those that have ``failed``.

        Raises:
            InputError: too many have failed.
        """
        self.sentences += sentences
        for reason in failed.values():
            self.add_failure(reason)

    def add_failure(self, reason: str) -> None:
        """Count a sentence without logits.

        Raises:
            InputError: too many have failed.
        """
        self.failed += 1
        self.reason = reason
        self._check(max(self.sentences, _MIN_SENTENCES))

    def check(self) -> None:
        """Check the share of failures at the end.

        Raises:
            InputError: it is more than may fail.
        """
        self._check(self.sentences)

    def _check(self, sentences: int) -> None:
        allowed = self.max_share * sentences
        if self.failed > (max(1.0, allowed) if self.max_share else 0.0):
            raise InputError(
                f"the teacher failed on {self.failed:,} of {max(self.sentences, self.failed):,} sentences; the last "
                f"reason: {self.reason}",
                location=Setting("labeling.max_failed"),
                expected=f"at most {self.max_share * 100:g} %",
            )


Compute = Callable[[], tuple[TeacherLogits, dict[int, str]]]


def start_block(compute: Submit, sentences: Sequence[Sentence], labels: int, limit: FailureLimit) -> Compute:
    """Start to compute the logits of a block, and return a function that waits for them.

    It returns the logits, zeros for sentences that the teacher fails on, and the reason for each of these. If the
    teacher fails on the block, its halves are computed, and so on.

    Args:
        compute: of the teacher.
        sentences: of the block.
        labels: logits per word.
        limit: ends the search if too many sentences fail.
    """
    try:
        wait = compute(sentences)
    except InputError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a teacher raises
        wait = partial(_raise, error)
    return partial(_finish, wait, compute, sentences, labels, limit)


def _raise(error: Exception) -> TeacherLogits:
    raise error


def _finish(
    wait: Callable[[], TeacherLogits],
    compute: Submit,
    sentences: Sequence[Sentence],
    labels: int,
    limit: FailureLimit,
) -> tuple[TeacherLogits, dict[int, str]]:
    try:
        logits = wait()
    except InputError:
        raise
    except Exception as error:  # noqa: BLE001
        if len(sentences) > 1:
            return _halves(compute, sentences, labels, limit)
        reason = message_line(f"{type(error).__name__}: {error}")[:_MAX_REASON]
        _check_teacher_works(compute, reason)
        limit.add_failure(reason)
        size = len(sentences[0].words) * labels
        return TeacherLogits(np.zeros(size, np.float16), np.array([size])), {0: reason}
    return _without_infinite(logits, limit)


def _check_teacher_works(compute: Submit, reason: str) -> None:
    """Raise if the teacher fails on a sentence of one word, too."""
    try:
        compute([_CONTROL])()
    except InputError:
        raise
    except Exception as error:  # noqa: BLE001
        raise BrokenTeacherError(f"the teacher fails on any sentence ({reason})", location="teacher") from error


def _halves(
    compute: Submit, sentences: Sequence[Sentence], labels: int, limit: FailureLimit
) -> tuple[TeacherLogits, dict[int, str]]:
    middle = len(sentences) // 2
    (first, first_failed), (second, second_failed) = (
        start_block(compute, part, labels, limit)() for part in (sentences[:middle], sentences[middle:])
    )
    logits = TeacherLogits(np.concatenate([first.values, second.values]), np.concatenate([first.sizes, second.sizes]))
    return logits, first_failed | {middle + row: reason for row, reason in second_failed.items()}


def _without_infinite(logits: TeacherLogits, limit: FailureLimit) -> tuple[TeacherLogits, dict[int, str]]:
    """Return ``logits`` with zeros for the sentences that have any which is not finite."""
    is_faulty = ~np.isfinite(logits.values)
    if not is_faulty.any():
        return logits, {}
    owners = np.repeat(np.arange(len(logits.sizes)), logits.sizes)
    rows = np.unique(owners[is_faulty])
    values = np.where(np.isin(owners, rows), np.float16(0), logits.values)
    for _ in rows:
        limit.add_failure(NOT_FINITE)
    return TeacherLogits(values, logits.sizes), {int(row): NOT_FINITE for row in rows}


@dataclass(frozen=True)
class FailedSentence:
    """A sentence that a teacher has no logits for.

    Attributes:
        teacher: its name.
        sentence: as it was read.
        reason: what the teacher raised.
    """

    teacher: str
    sentence: Sentence
    reason: str


def write_failed(path: Path, failed: Sequence[FailedSentence]) -> None:
    """Write ``failed`` as JSON Lines: ``{"text", "tokens", "teacher", "reason"}``; without any, remove the file."""
    if not failed:
        path.unlink(missing_ok=True)
        return
    with replacing(path) as part, part.open("w", encoding="utf-8", newline="\n") as file:
        for row in _rows(failed):
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def _rows(failed: Sequence[FailedSentence]) -> Iterator[dict[str, object]]:
    for item in failed:
        text, _ = item.sentence.as_text()
        yield {"text": text, "tokens": item.sentence.words, "teacher": item.teacher, "reason": item.reason}
