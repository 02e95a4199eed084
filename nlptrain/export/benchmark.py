"""How fast models go from raw text to entities, beside each other in one run.

Machines are shared: the models take turns, and each figure is the median of several rounds. Words are what white space
separates. Every round reads text that none before has read, so that what a tagger remembers of words is what it would
remember in use.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

from nlptrain.errors import InputError
from nlptrain.export.benchmark_candidates import Candidate

_SECONDS = 1.5  # of a round of each model, about: the slower it is, the less it reads
_WORDS_OF_LATENCY = 20
_ASIDE = 10  # one in so many lines is kept for single sentences
_ASKED, _ASKED_SECONDS = 400, 3.0  # sentences that are asked one by one, and how long at most
_MEMORY_TEXTS = 2_000
_COLD_STARTS = 3


@dataclass(frozen=True)
class Speed:
    """The figures of one candidate.

    Attributes:
        name: what was named.
        runtime: ``torch`` or ``onnx``.
        precision: of its net.
        words_per_second: from raw text to entities, the median of the rounds.
        rounds: the words per second of each round.
        p50: milliseconds of one sentence of 20 words, the median.
        p95: what 19 of 20 such sentences take at most.
        cold_start: seconds from the start of a process to its first answer.
        peak: bytes of memory of a process that reads as many texts as it does in a round, at most 2,000.
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
        """All of it."""
        return asdict(self)


def benchmark(
    models: Sequence[Candidate], texts: Iterable[str], *, rounds: int, log: Callable[[str], None] = lambda _: None
) -> list[Speed]:
    """The speeds of ``models`` on ``texts``.

    Args:
        models: measured in turns.
        texts: of which each round reads others, as long as there are any.
        rounds: that are counted; one more warms up.
        log: receives one line per measurement.

    Raises:
        InputError: there is too little text.
    """
    lines = list(islice((text for text in texts if text.strip()), 2_000_000))
    sentences = _sentences(lines[::_ASIDE])
    if len(sentences) < 2:
        raise InputError(f"--text: found {len(lines):,} lines, too few for sentences of 20 words; give more text")
    del lines[::_ASIDE]
    slices = _slices(lines, rounds + 1)
    if not all(slices):
        raise InputError(f"--text: found too few lines for {rounds} rounds of others each; give more, or --rounds 1")
    shares = [_share(model, slices[0]) for model in models]
    speeds: list[list[float]] = [[] for _ in models]
    for number in range(1, rounds + 1):
        log(f"round {number} of {rounds}")
        for model, share, found in zip(models, shares, speeds, strict=True):
            found.append(_words_per_second(model, slices[number][:share]))
    asked: list[list[float]] = [[] for _ in models]
    log("one sentence at a time")
    for turn in range(2):  # each sentence is new to who is asked
        for model, found in zip(models, asked, strict=True):
            found += _latencies(model, sentences[turn::2])
    found_speeds = []
    for model, share, speed, waited in zip(models, shares, speeds, asked, strict=True):
        log(f"{model.name}, {model.runtime} {model.precision}: fresh processes")
        cold = statistics.median(model.alone(sentences[:1])[0] for _ in range(_COLD_STARTS))
        _, peak = model.alone(slices[0][: min(share, _MEMORY_TEXTS)])
        waited.sort()
        found_speeds.append(
            Speed(
                model.name,
                model.runtime,
                model.precision,
                statistics.median(speed),
                tuple(speed),
                1e3 * statistics.median(waited),
                1e3 * waited[int(0.95 * (len(waited) - 1))],
                cold,
                peak,
                model.size,
            )
        )
    return found_speeds


def words_in(texts: Iterable[str]) -> int:
    """The words of ``texts``, as white space separates them."""
    return sum(len(text.split()) for text in texts)


def _slices(lines: Sequence[str], count: int) -> list[Sequence[str]]:
    """``lines`` in ``count`` parts, each of every so many lines, so that all are alike."""
    return [lines[start::count] for start in range(count)]


def _sentences(lines: Iterable[str]) -> list[str]:
    """The first 20 words of lines that have as many; where hardly any has, lines are joined."""
    split = [text.split() for text in lines]
    if sum(len(words) >= _WORDS_OF_LATENCY for words in split) < 2:  # short lines: one behind the other
        every = [word for words in split for word in words]
        split = [every[start : start + _WORDS_OF_LATENCY] for start in range(0, len(every), _WORDS_OF_LATENCY)]
    long = (words for words in split if len(words) >= _WORDS_OF_LATENCY)
    return [" ".join(words[:_WORDS_OF_LATENCY]) for words in islice(long, _ASKED)]


def _share(model: Candidate, lines: Sequence[str]) -> int:
    """How many lines ``model`` reads in about the seconds of a round; it is warm then."""
    read, taken = 0, 0.0
    size = 32
    while read < len(lines) and taken < _SECONDS:
        part = lines[read : read + size]
        started = time.perf_counter()
        model.answer(part)
        taken += time.perf_counter() - started
        read += len(part)
        size *= 2
    return max(16, round(read * _SECONDS / max(taken, 1e-9)))


def _words_per_second(model: Candidate, lines: Sequence[str]) -> float:
    started = time.perf_counter()
    model.answer(lines)
    return words_in(lines) / (time.perf_counter() - started)


def _latencies(model: Candidate, sentences: Sequence[str]) -> list[float]:
    """Seconds of each of ``sentences``, asked by itself."""
    found: list[float] = []
    ended = time.perf_counter() + _ASKED_SECONDS / 2
    for sentence in sentences:
        started = time.perf_counter()
        model.answer([sentence])
        found.append(time.perf_counter() - started)
        if time.perf_counter() > ended and len(found) >= 10:
            break
    return found
