"""Profiling: estimate the time and memory of a run from some seconds of labeling and training; writes nothing."""

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
from nlptrain.distillation.teachers.inference import logits_predictor
from nlptrain.models.token_model import TokenModel
from nlptrain.run.run import Run
from nlptrain.training.checkpoint import Progress, TrainState
from nlptrain.training.examples import Examples
from nlptrain.training.loop import auto_steps, build_plan
from nlptrain.training.objective import Objective
from nlptrain.training.optimizer import MovingAverage, build_optimizer
from nlptrain.training.steps import train_steps

SAMPLE = 2_000  # sentences that are profiled
_LABELING_BLOCK = 128  # sentences
_TRACED = 500  # sentences whose memory is traced


class Sample:
    """A uniform sample of a stream of sentences (reservoir sampling), and the counts of the stream.

    Attributes:
        sentences: the sample, at most ``SAMPLE``.
        count: sentences of the stream.
        words: words of the stream.
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
class LabelingProfile:
    """Speed of labeling, measured on some sentences.

    Attributes:
        rate: words per second.
        sentences: that were labeled.
        logits: of each sentence, [words, C].
    """

    rate: float
    sentences: list[Sentence]
    logits: list[NDArray[np.float16]]


def profile_labeling(
    teacher: TokenModel, sentences: Sequence[Sentence], precision: str, *, seconds: float
) -> LabelingProfile:
    """Label ``sentences`` for a number of ``seconds``, at least one block of them."""
    labels = len(teacher.labels)
    done: list[NDArray[np.float16]] = []
    words, warm = 0, False
    with logits_predictor(teacher, precision) as answer:
        if sentences:
            answer([sentences[0].words])  # int8 exports the net first
        began = started = time.perf_counter()
        while len(done) < len(sentences) and time.perf_counter() - began < seconds:
            block = [one.words for one in sentences[len(done) : len(done) + _LABELING_BLOCK]]
            found = answer(block)
            done += np.split(found.values.reshape(-1, labels), np.cumsum(found.sizes // labels)[:-1])
            words += sum(map(len, block))
            now = time.perf_counter()
            if not warm and len(done) < len(sentences) and now - began < seconds / 2:  # the first ones take longer
                words, warm, started = 0, True, now
    return LabelingProfile(words / max(1e-9, time.perf_counter() - started), list(sentences[: len(done)]), done)


@dataclass(frozen=True)
class TrainingProfile:
    """Speed and memory of training, measured on some sentences.

    Attributes:
        steps: of the whole run.
        epoch: steps per epoch of the whole run.
        step: seconds per step.
        words: per step.
        encoding: seconds to encode a sentence.
        held: bytes per encoded sentence.
        answered: words per second at inference.
        grown: by how many bytes the memory of the process grew in training.
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


def profile_training(
    model: TokenModel,
    sentences: Sequence[Sentence],
    objective: Objective,
    config: TrainConfig,
    run: Run,
    *,
    logits: Sequence[NDArray[np.float16]] | None = None,
    of: int,
    seconds: float,
) -> TrainingProfile:
    """Train ``model`` for a number of ``seconds``, at least three steps; its weights are useless afterwards.

    Args:
        model: of the run.
        sentences: a sample of its sentences.
        objective: the loss.
        config: of the training.
        run: device and precision.
        logits: the teacher's for each sentence, [words, C]; None: the sentences have gold tags.
        of: number of sentences of the whole run.
        seconds: that profiling takes.
    """
    stored = None if logits is None else _Rows(logits)
    began = time.perf_counter()
    examples = Examples(model, sentences, teacher_logits=stored, label_pipeline_words=config.label_pipeline_words)
    encoding = (time.perf_counter() - began) / max(1, len(sentences))
    tracemalloc.start()
    weighed = Examples(
        model, sentences[:_TRACED], teacher_logits=stored, label_pipeline_words=config.label_pipeline_words
    )
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
    trim_heap()  # free heap pages would hide the growth
    most = before = memory_now()
    began = started = time.perf_counter()
    words = done = 0
    for step in train_steps(model, examples, objective, config, state=state, plan=plan, steps=max(steps, 4), run=run):
        if step.index == 1:  # it takes longer
            began = time.perf_counter()
            continue
        done, words, most = done + 1, words + step.words, max(most, memory_now())
        if step.index > 3 and time.perf_counter() - started > seconds:
            break
    float(step.losses["loss"])  # synchronizes a GPU
    each = (time.perf_counter() - began) / done
    model.model.eval()
    asked = [sentence.words for sentence in sentences[:300]]
    began = time.perf_counter()
    model.predict(asked)
    answered = sum(map(len, asked)) / max(1e-9, time.perf_counter() - began)
    return TrainingProfile(steps, epoch, each, words / done, encoding, held, answered, max(most, memory_now()) - before)


def _steps(config: TrainConfig, every: float) -> int:
    """Return the steps of a training whose epoch has ``every`` steps."""
    if config.epochs is not None:
        return config.epochs * max(1, round(every))
    if config.steps != "auto":
        return int(config.steps or 1)
    return auto_steps(round(every))


def memory_now() -> int:
    """Return the resident memory of this process in bytes, mapped files included; without /proc, its peak."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return peak_memory()
    return pages * resource.getpagesize()


def trim_heap() -> None:
    """Return free heap pages to the operating system (``malloc_trim``)."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def peak_memory() -> int:
    """Return the peak resident memory of this process in bytes, mapped files included."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else 1024 * most


def peak_gpu_memory(device: torch.device) -> int:
    """Return the peak memory of this process on a GPU in bytes."""
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else 0
