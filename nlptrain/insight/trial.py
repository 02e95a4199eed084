"""A trial: what some seconds of labelling, training and scoring say of the whole run; nothing is written."""

from __future__ import annotations

import ctypes
import resource
import sys
import time
import tracemalloc
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import torch
from numpy.typing import NDArray

from nlptrain.config.train import TrainConfig
from nlptrain.data.sentence import Sentence
from nlptrain.distillation.labelling import answering
from nlptrain.models.token_model import TokenModel
from nlptrain.run import Run
from nlptrain.training.examples import Examples
from nlptrain.training.length import by_text
from nlptrain.training.loop import build_plan
from nlptrain.training.objective import Objective
from nlptrain.training.optimizer import MovingAverage, build_optimizer
from nlptrain.training.state import Progress, TrainState
from nlptrain.training.steps import train_steps

SAMPLE = 2_000  # sentences that are tried
_LABELLED_AT_ONCE = 128
_WEIGHED = 500  # sentences whose memory is traced


class Sample:
    """Some of very many sentences, each as likely as any other (reservoir sampling), and the count of all.

    Attributes:
        sentences: at most ``SAMPLE``.
        count: all that were read.
        words: theirs.
    """

    def __init__(self) -> None:
        """No sentence yet."""
        self.sentences: list[Sentence] = []
        self.count = self.words = 0
        self._draw = Random(0)

    def add(self, sentence: Sentence) -> None:
        """Count ``sentence``, and keep it or not."""
        if len(self.sentences) < SAMPLE:
            self.sentences.append(sentence)
        elif (place := self._draw.randrange(self.count + 1)) < SAMPLE:
            self.sentences[place] = sentence
        self.count += 1
        self.words += len(sentence.words)


@dataclass(frozen=True)
class Labelling:
    """What labelling some sentences has shown.

    Attributes:
        rate: words a second.
        sentences: those that were labelled.
        logits: theirs, [words, C] each.
    """

    rate: float
    sentences: list[Sentence]
    logits: list[NDArray[np.float16]]


def try_labelling(teacher: TokenModel, sentences: Sequence[Sentence], precision: str, *, seconds: float) -> Labelling:
    """Label as many of ``sentences``, one at least, as ``teacher`` does in so many ``seconds``."""
    labels = len(teacher.labels)
    done: list[NDArray[np.float16]] = []
    words, warm = 0, False
    with answering(teacher, precision) as answer:
        if sentences:
            answer([sentences[0].words])  # for 8 bits a net is written first
        began = started = time.perf_counter()
        while len(done) < len(sentences) and time.perf_counter() - began < seconds:
            block = [one.words for one in sentences[len(done) : len(done) + _LABELLED_AT_ONCE]]
            found = answer(block)
            done += np.split(found.values.reshape(-1, labels), np.cumsum(found.sizes // labels)[:-1])
            words += sum(map(len, block))
            now = time.perf_counter()
            if not warm and len(done) < len(sentences) and now - began < seconds / 2:  # the first ones take longer
                words, warm, started = 0, True, now
    return Labelling(words / max(1e-9, time.perf_counter() - started), list(sentences[: len(done)]), done)


@dataclass(frozen=True)
class Training:
    """What training on some sentences for a while has shown.

    Attributes:
        steps: of the whole run.
        epoch: steps that read all text once.
        step: seconds of one.
        words: of a step.
        encoding: seconds that a sentence takes to be made ready.
        held: bytes that it then takes.
        answered: words a second that the model answers.
        grown: bytes that this process held more while it trained.
    """

    steps: int
    epoch: float
    step: float
    words: float
    encoding: float
    held: float
    answered: float
    grown: int


class _Rows:
    """Logits by sentence number."""

    def __init__(self, logits: Sequence[NDArray[np.float16]]) -> None:
        self._logits = logits

    def gather(self, spans: Sequence[tuple[int, int, int]]) -> NDArray[np.float32]:
        rows = [self._logits[number][first : first + count] for number, first, count in spans]
        return np.concatenate(rows).astype(np.float32)


def try_training(
    model: TokenModel,
    sentences: Sequence[Sentence],
    objective: Objective,
    config: TrainConfig,
    run: Run,
    *,
    logits: Sequence[NDArray[np.float16]] | None = None,
    of: int,
    seconds: float,
) -> Training:
    """Train ``model`` for so many ``seconds``, three steps at least; what is left of it is no model.

    Args:
        model: the whole run's.
        sentences: some of its sentences; with ``logits`` the teacher's of each, [words, C].
        objective: the loss.
        config: of the training.
        run: where it computes.
        logits: a teacher's; None: there are gold tags.
        of: sentences of the whole run.
        seconds: of the trial.
    """
    stored = None if logits is None else _Rows(logits)
    began = time.perf_counter()
    examples = Examples(model, sentences, logits=stored, word_parts=config.word_parts)
    encoding = (time.perf_counter() - began) / max(1, len(sentences))
    tracemalloc.start()
    weighed = Examples(model, sentences[:_WEIGHED], logits=stored, word_parts=config.word_parts)
    held = tracemalloc.get_traced_memory()[0] / max(1, weighed.sentences)
    tracemalloc.stop()
    model.to(run.device)
    plan, _ = build_plan(examples, config, run.seed)
    epoch = plan.steps_of_every() * of / max(1, len(sentences))
    steps = _steps(config, epoch)
    average = MovingAverage(list(model.model.parameters()), config.ema)
    state = TrainState(
        model.model, build_optimizer(model.model, config), average, Progress(), {}, run.accelerator.scaler
    )
    give_back()  # or what is free by now, and would not be in the whole run, hides what training takes
    most = before = memory_now()
    began = started = time.perf_counter()
    words = done = 0
    for step in train_steps(model, examples, objective, config, state=state, plan=plan, steps=max(steps, 4), run=run):
        if step.number == 1:  # it takes longer
            began = time.perf_counter()
            continue
        done, words, most = done + 1, words + step.words, max(most, memory_now())
        if step.number > 3 and time.perf_counter() - started > seconds:
            break
    float(step.losses["loss"])  # a GPU is waited for
    each = (time.perf_counter() - began) / done
    model.model.eval()
    asked = [sentence.words for sentence in sentences[:300]]
    began = time.perf_counter()
    model.answers(asked)
    answered = sum(map(len, asked)) / max(1e-9, time.perf_counter() - began)
    return Training(steps, epoch, each, words / done, encoding, held, answered, max(most, memory_now()) - before)


def _steps(config: TrainConfig, every: float) -> int:
    """The steps of a training of which ``every`` read all text once."""
    if config.epochs is not None:
        return config.epochs * max(1, round(every))
    if config.steps != "auto":
        return int(config.steps or 1)
    return by_text(round(every))


def memory_now() -> int:
    """The bytes that this process holds, files that it has mapped included; where none tells, the most so far."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return peak_memory()
    return pages * resource.getpagesize()


def give_back() -> None:
    """Give the system what is free of this process's memory, where its C library can."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def peak_memory() -> int:
    """The most bytes that this process has held so far, files that it has mapped included."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else 1024 * most


def peak_gpu_memory(device: torch.device) -> int:
    """The most bytes that it has held on a GPU."""
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else 0
