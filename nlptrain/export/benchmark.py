"""Measure how fast models turn raw text into entities, next to each other in one run.

Machines are shared: the models take turns, and each figure is the median of several rounds. Words are separated by
white space. Every round uses new text, so that a tagger's cache of words helps as much as in use.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

from nlptrain.errors import InputError, Setting
from nlptrain.export.benchmark_candidates import Candidate

_SECONDS = 1.5  # of a round of each model, about: a slower model reads less text
_LATENCY_WORDS = 20  # words of a single sentence
_LATENCY_SHARE = 10  # one in this many lines is used for single sentences
_LATENCY_SENTENCES, _LATENCY_SECONDS = 400, 3.0  # at most
_MEMORY_TEXTS = 2_000
_COLD_STARTS = 3
_MAX_LINES = 2_000_000


@dataclass(frozen=True)
class Speed:
    """The figures of one candidate.

    Attributes:
        name: as on the command line.
        runtime: ``torch`` or ``onnx``.
        precision: of the model.
        words_per_second: from raw text to entities, the median of the rounds.
        rounds: words per second of each round.
        p50: median latency of one sentence of 20 words, in milliseconds.
        p95: 95th percentile of this latency.
        cold_start: seconds from the start of a process to its first prediction.
        peak: peak memory of a process that reads the text of a round, at most 2,000 texts, in bytes.
        size: bytes of the files.
    """

    name: str
    runtime: str
    precision: str
    words_per_second: float
    rounds: tuple[float, ...]
    p50: float
    p95: float
    cold_start: float
    peak: int
    size: int

    def to_json(self) -> dict[str, Any]:
        """Return all figures."""
        return asdict(self)


def benchmark(
    models: Sequence[Candidate], texts: Iterable[str], *, rounds: int, log: Callable[[str], None] = lambda _: None
) -> list[Speed]:
    """Measure the speed of ``models`` on ``texts``.

    Args:
        models: measured in turns.
        texts: raw text; each round uses other lines.
        rounds: number of rounds, after one to warm up.
        log: receives one line per measurement.

    Raises:
        InputError: there is too little text.
    """
    lines = list(islice((text for text in texts if text.strip()), _MAX_LINES))
    sentences = _latency_sentences(lines[::_LATENCY_SHARE])
    if len(sentences) < 2:
        expected = f"at least 2 sentences of {_LATENCY_WORDS} words in every {_LATENCY_SHARE}th line"
        raise InputError(
            f"found {len(lines):,} lines", location=Setting("text"), expected=expected, hint="give more text"
        )
    del lines[::_LATENCY_SHARE]
    slices = [lines[start :: rounds + 1] for start in range(rounds + 1)]  # interleaved, so that all are alike
    if not all(slices):
        hint = ("give more text, or set ", Setting("rounds"), " to 1")
        raise InputError(
            f"found too few lines for {rounds} rounds with different text", location=Setting("text"), hint=hint
        )
    line_counts = [_warm_up(model, slices[0]) for model in models]
    throughputs: list[list[float]] = [[] for _ in models]
    for round_number in range(1, rounds + 1):
        log(f"benchmark: round {round_number} of {rounds}")
        for model, line_count, throughput in zip(models, line_counts, throughputs, strict=True):
            throughput.append(_words_per_second(model, slices[round_number][:line_count]))
    latencies: list[list[float]] = [[] for _ in models]
    log("benchmark: single sentences")
    for turn in range(2):  # a model has not seen its sentences before
        for model, latency in zip(models, latencies, strict=True):
            latency += _latencies(model, sentences[turn::2])
    speeds = []
    for model, line_count, throughput, latency in zip(models, line_counts, throughputs, latencies, strict=True):
        log(f"benchmark: {model.name}, {model.runtime} {model.precision}, in separate processes")
        cold_start = statistics.median(model.run_in_process(sentences[:1])[0] for _ in range(_COLD_STARTS))
        _, peak = model.run_in_process(slices[0][: min(line_count, _MEMORY_TEXTS)])
        latency.sort()
        speeds.append(
            Speed(
                model.name,
                model.runtime,
                model.precision,
                statistics.median(throughput),
                tuple(throughput),
                1e3 * statistics.median(latency),
                1e3 * latency[int(0.95 * (len(latency) - 1))],
                cold_start,
                peak,
                model.size,
            )
        )
    return speeds


def count_words(texts: Iterable[str]) -> int:
    """Return the number of words of ``texts``, separated by white space."""
    return sum(len(text.split()) for text in texts)


def _latency_sentences(lines: Iterable[str]) -> list[str]:
    """Return the first 20 words of lines that have as many; where hardly any line has, lines are joined."""
    split = [text.split() for text in lines]
    if sum(len(words) >= _LATENCY_WORDS for words in split) < 2:
        all_words = [word for words in split for word in words]
        split = [all_words[start : start + _LATENCY_WORDS] for start in range(0, len(all_words), _LATENCY_WORDS)]
    long = (words for words in split if len(words) >= _LATENCY_WORDS)
    return [" ".join(words[:_LATENCY_WORDS]) for words in islice(long, _LATENCY_SENTENCES)]


def _warm_up(model: Candidate, lines: Sequence[str]) -> int:
    """Return the number of lines that ``model`` reads in about the seconds of a round."""
    line_count, seconds = 0, 0.0
    size = 32
    while line_count < len(lines) and seconds < _SECONDS:
        part = lines[line_count : line_count + size]
        started = time.perf_counter()
        model.predict(part)
        seconds += time.perf_counter() - started
        line_count += len(part)
        size *= 2
    return max(16, round(line_count * _SECONDS / max(seconds, 1e-9)))


def _words_per_second(model: Candidate, lines: Sequence[str]) -> float:
    started = time.perf_counter()
    model.predict(lines)
    return count_words(lines) / (time.perf_counter() - started)


def _latencies(model: Candidate, sentences: Sequence[str]) -> list[float]:
    """Return the seconds of each of ``sentences``, predicted one at a time."""
    seconds: list[float] = []
    deadline = time.perf_counter() + _LATENCY_SECONDS / 2
    for sentence in sentences:
        started = time.perf_counter()
        model.predict([sentence])
        seconds.append(time.perf_counter() - started)
        if time.perf_counter() > deadline and len(seconds) >= 10:
            break
    return seconds
