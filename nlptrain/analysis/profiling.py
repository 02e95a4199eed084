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
from nlptrain.distillation.teachers.teacher import Teacher
from nlptrain.models.token_model import TokenModel
from nlptrain.run.run import Run
from nlptrain.training.checkpoint import Progress, TrainState
from nlptrain.training.examples import Examples
from nlptrain.training.loop import build_plan
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
        """Start with an empty sample."""
        self.sentences: list[Sentence] = []
        self.count = self.words = 0
        self._rng = Random(0)

    def add(self, sentence: Sentence) -> None:
        """Count ``sentence`` and add it to the sample with the probability of a uniform sample."""
        if len(self.sentences) < SAMPLE:
            self.sentences.append(sentence)
        elif (position := self._rng.randrange(self.count + 1)) < SAMPLE:
            self.sentences[position] = sentence
        self.count += 1
        self.words += len(sentence.words)


@dataclass(frozen=True)
class LabelingProfile:
    """Speed of labeling, measured on some sentences.

    Attributes:
        words_per_second: speed of labeling.
        sentences: the labeled sentences.
        logits: logits of each sentence, [words, C].
    """

    words_per_second: float
    sentences: list[Sentence]
    logits: list[NDArray[np.float16]]


def profile_labeling(teacher: Teacher, sentences: Sequence[Sentence], *, seconds: float) -> LabelingProfile:
    """Label ``sentences`` for a number of ``seconds``, at least one block of them."""
    labels = len(teacher.labels)
    done: list[NDArray[np.float16]] = []
    words, warm = 0, False
    with teacher.labeling(1) as submit:
        if sentences:
            submit([sentences[0]])()  # int8 exports the network first
        began = started = time.perf_counter()
        while len(done) < len(sentences) and time.perf_counter() - began < seconds:
            block = sentences[len(done) : len(done) + _LABELING_BLOCK]
            logits = submit(block)()
            done += np.split(logits.values.reshape(-1, labels), np.cumsum(logits.sizes // labels)[:-1])
            words += sum(len(sentence.words) for sentence in block)
            now = time.perf_counter()
            if not warm and len(done) < len(sentences) and now - began < seconds / 2:  # the first block takes longer
                words, warm, started = 0, True, now
    return LabelingProfile(words / max(1e-9, time.perf_counter() - started), list(sentences[: len(done)]), done)


@dataclass(frozen=True)
class TrainingProfile:
    """Speed and memory of training, measured on some sentences.

    Attributes:
        steps: steps of the whole run.
        steps_per_epoch: steps per epoch of the whole run.
        seconds_per_step: time of a step.
        words_per_step: words of a step.
        encoding_seconds: time to encode a sentence.
        bytes_per_sentence: memory of an encoded sentence.
        inference_words_per_second: speed of inference.
        memory_growth: bytes that the memory of the process grew by in training.
    """

    steps: int
    steps_per_epoch: float
    seconds_per_step: float
    words_per_step: float
    encoding_seconds: float
    bytes_per_sentence: float
    inference_words_per_second: float
    memory_growth: int


class _Rows:
    """Teacher logits by index of the sentence."""

    def __init__(self, logits: Sequence[NDArray[np.float16]]) -> None:
        self._logits = logits

    def gather(self, spans: Sequence[tuple[int, int, int]]) -> NDArray[np.float32]:
        rows = [self._logits[index][first : first + count] for index, first, count in spans]
        return np.concatenate(rows).astype(np.float32)


def profile_training(
    model: TokenModel,
    sentences: Sequence[Sentence],
    objective: Objective,
    config: TrainConfig,
    run: Run,
    *,
    logits: Sequence[NDArray[np.float16]] | None = None,
    run_sentences: int,
    seconds: float,
) -> TrainingProfile:
    """Train ``model`` for a number of ``seconds``, at least three steps; its weights are useless afterwards.

    Args:
        model: model of the run.
        sentences: a sample of its sentences.
        objective: its objective.
        config: its training configuration.
        run: device and precision.
        logits: teacher logits of each sentence, [words, C]; None: the sentences have gold tags.
        run_sentences: number of sentences of the whole run.
        seconds: duration of the profiling.
    """
    stored = None if logits is None else _Rows(logits)
    began = time.perf_counter()
    examples = Examples(model, sentences, teacher_logits=stored, label_pipeline_words=config.label_pipeline_words)
    encoding_seconds = (time.perf_counter() - began) / max(1, len(sentences))
    bytes_per_sentence = _bytes_per_sentence(model, sentences[:_TRACED], stored, config)
    model.to(run.device)
    plan, _ = build_plan(examples, config, run.seed)
    steps_per_epoch = plan.steps_of_every * run_sentences / max(1, len(sentences))
    steps = _steps(config, steps_per_epoch)
    average = MovingAverage(list(model.model.parameters()), config.ema)
    state = TrainState(
        model.model, build_optimizer(model.model, config), average, Progress(), {}, run.accelerator.scaler
    )
    trim_heap()  # else the run would grow into free heap pages
    peak = before = memory_now()
    began = started = time.perf_counter()
    words = done = 0
    for step in train_steps(model, examples, objective, config, state=state, plan=plan, steps=max(steps, 4), run=run):
        if step.index == 1:  # the first step takes longer
            began = time.perf_counter()
            continue
        done, words, peak = done + 1, words + step.words, max(peak, memory_now())
        if step.index > 3 and time.perf_counter() - started > seconds:
            break
    float(step.losses["loss"])  # synchronizes a GPU
    seconds_per_step = (time.perf_counter() - began) / done
    speed = _inference_speed(model, [sentence.words for sentence in sentences[:300]])
    return TrainingProfile(
        steps=steps,
        steps_per_epoch=steps_per_epoch,
        seconds_per_step=seconds_per_step,
        words_per_step=words / done,
        encoding_seconds=encoding_seconds,
        bytes_per_sentence=bytes_per_sentence,
        inference_words_per_second=speed,
        memory_growth=max(peak, memory_now()) - before,
    )


def _bytes_per_sentence(
    model: TokenModel, sentences: Sequence[Sentence], logits: _Rows | None, config: TrainConfig
) -> float:
    """Return the memory of an encoded sentence."""
    tracemalloc.start()
    examples = Examples(model, sentences, teacher_logits=logits, label_pipeline_words=config.label_pipeline_words)
    size = tracemalloc.get_traced_memory()[0] / max(1, examples.sentences)
    tracemalloc.stop()
    return size


def _inference_speed(model: TokenModel, sentences: Sequence[Sequence[str]]) -> float:
    """Return the words per second of predicting ``sentences``."""
    model.model.eval()
    began = time.perf_counter()
    model.predict_labels(sentences)
    return sum(map(len, sentences)) / max(1e-9, time.perf_counter() - began)


def _steps(config: TrainConfig, steps_per_epoch: float) -> int:
    """Return the steps of a training with ``steps_per_epoch``."""
    if config.epochs is not None:
        return config.epochs * max(1, round(steps_per_epoch))
    if config.steps != "auto":
        return int(config.steps or 1)
    return config.auto_length.steps(round(steps_per_epoch))


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
