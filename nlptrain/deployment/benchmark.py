"""Measure how fast models turn raw text into entities, next to each other in one run.

Machines are shared: the models take turns, and each figure is the median of several rounds. Words are separated by
white space. Every round uses new text, so that a tagger's cache of words helps as much as in use.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from nlptrain.errors import InputError, Setting
from nlptrain.models.exported import write_tagger
from nlptrain.models.prediction import predict_texts
from nlptrain.models.pretrained import resolve_model
from nlptrain.models.transformer import load_token_model
from nlptrain_runtime import FolderError, Tagger
from nlptrain_runtime.folder import DESCRIPTION, open_folder

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

    def to_json(self) -> dict[str, object]:
        """Return all figures."""
        return asdict(self)


def measure_speeds(
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


EXPORTED = ("fp32", "int8")  # precisions in which a run is exported and measured
# Programs that define ``run``, for a separate process.
_TORCH = """\
import torch
from nlptrain.models import load_token_model
from nlptrain.models.prediction import predict_texts
torch.set_num_threads({threads})
model = load_token_model({folder!r})
model.batch_subwords = {batch} or model.batch_subwords
run = lambda texts: list(predict_texts(model, texts))
"""
_ONNX = """\
from nlptrain_runtime import Tagger
run = Tagger({folder!r}, threads={threads}, precision={precision!r}{more}).predict
"""
# Not ru_maxrss alone, which a process inherits from its parent.
_MEASURE = """
import json, pathlib, re, resource, sys
run(json.loads(sys.stdin.buffer.read()))
status = pathlib.Path("/proc/self/status")
if status.exists():
    print(int(re.search(r"VmHWM:\\s+(\\d+)", status.read_text())[1]) * 1024)
else:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024))
"""


@dataclass(frozen=True)
class Candidate:
    """A model in one runtime and precision.

    Attributes:
        name: as on the command line.
        runtime: ``torch``, ``onnx``, or the name of another one.
        precision: of the model.
        size: of the files that the model needs, in bytes.
        predict: predicts a list of texts.
        program: Python code that defines ``run``, which predicts a list of texts, for a separate process.
        python: the interpreter of that process.
    """

    name: str
    runtime: str
    precision: str
    size: int
    predict: Callable[[Sequence[str]], object]
    program: str
    python: str = sys.executable

    def run_in_process(self, texts: Sequence[str]) -> tuple[float, int]:
        """Load the model and predict ``texts`` in a new process; return its seconds and its peak memory in bytes.

        Raises:
            InputError: the process fails; the message is the last line that it wrote.
        """
        started = time.perf_counter()
        process = subprocess.run(
            [self.python, "-c", self.program + _MEASURE],
            input=json.dumps(list(texts)).encode(),
            capture_output=True,
            env={**os.environ, "HF_HUB_OFFLINE": "1"},
            check=False,
        )
        seconds = time.perf_counter() - started
        if process.returncode:
            last_line = process.stderr.decode(errors="replace").strip().splitlines()[-1]
            raise InputError(last_line, location=self.name)
        return seconds, int(process.stdout.split()[-1])


@contextmanager
def open_candidates(
    names: Sequence[str], *, threads: int, batch: int | None = None, exported: Sequence[str] = EXPORTED
) -> Iterator[list[Candidate]]:
    """Yield the candidates of ``names``: a run in torch and exported, an exported folder unchanged.

    Args:
        names: runs or exported folders.
        threads: of each candidate.
        batch: subwords (or words) of a batch; default: that of each candidate.
        exported: the precisions in which a run is exported.

    Raises:
        InputError: a name is neither a run nor an exported folder.
    """
    threads_before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with ExitStack() as stack:
            candidates: list[Candidate] = []
            for name in names:
                if (Path(name) / DESCRIPTION).is_file():
                    candidates.append(_onnx_candidate(name, Path(name), None, threads, batch))
                else:
                    candidates.append(_torch_candidate(name, threads, batch))
                    folder = Path(stack.enter_context(TemporaryDirectory())) / "exported"
                    write_tagger(load_token_model(name), folder, exported)
                    candidates += [_onnx_candidate(name, folder, precision, threads, batch) for precision in exported]
            yield candidates
    finally:
        torch.set_num_threads(threads_before)


def _torch_candidate(name: str, threads: int, batch: int | None) -> Candidate:
    model = load_token_model(name)
    if batch is not None:
        model.batch_subwords = batch
    folder = resolve_model(name).folder
    size = sum(path.stat().st_size for path in folder.iterdir() if path.is_file())
    program = _TORCH.format(folder=str(folder), threads=threads, batch=batch)
    return Candidate(name, "torch", "fp32", size, lambda texts: list(predict_texts(model, texts)), program)


def _onnx_candidate(name: str, folder: Path, precision: str | None, threads: int, batch: int | None) -> Candidate:
    try:
        tagger = Tagger(
            folder, threads=threads, precision=precision, **({} if batch is None else {"batch_units": batch})
        )
    except FolderError as error:
        raise InputError(str(error)) from error
    opened = open_folder(folder, precision)
    other_graphs = {path for path in (folder / "onnx").iterdir()} - {
        opened.graph_path("model"),
        opened.graph_path("words"),
    }
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and path not in other_graphs)
    more = "" if batch is None else f", batch_units={batch}"
    program = _ONNX.format(folder=str(folder), threads=threads, precision=opened.precision, more=more)
    return Candidate(name, "onnx", opened.precision, size, tagger.predict, program)
