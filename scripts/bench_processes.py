"""Measure what a second process gains: python -m scripts.bench_processes TEACHER TEXT_FILE...

Two cores are used in four ways, in turns: one process of one thread, one process of two threads, two processes as
`--workers 2` starts them (for labeling alone), and two as `torchrun` does. TEACHER is a run whose model labels the
text; what is trained on it is the default student. The start of `--workers` is in their figure, that of a command is
not. Medians of the rounds.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path

from nlptrain.config.student import StudentConfig
from nlptrain.data.raw_text import read_raw
from nlptrain.data.sentence import Sentence
from nlptrain.data.text_files import expand_paths
from nlptrain.data.word_splitter import WordSplitter
from nlptrain.distillation import LogitStore
from nlptrain.distillation.labeling import label_sentences
from nlptrain.models import TokenModel, build_tagger, load_token_model
from nlptrain.run.run import Run
from nlptrain.training.examples import Examples
from scripts.bench import distilling, student_steps

ROUNDS = 3
SENTENCES = 12_288  # six shards
WARM, STEPS = 20, 80
WAYS = {
    "1 process, 1 thread": (1, 1, 1),
    "1 process, 2 threads": (1, 2, 1),
    "2 workers, 1 thread each": (1, 2, 2),
    "torchrun, 2 processes, 1 thread each": (2, 1, 1),
}


def labeling(teacher: TokenModel, sentences: list[Sentence], run: Run, folder: Path) -> tuple[float, LogitStore]:
    """Words labeled a second, and the store."""
    store = LogitStore(folder, teacher)
    return label_sentences(store, sentences, teacher, run).rate, store


def training(teacher: TokenModel, store: LogitStore, sentences: list[Sentence], run: Run) -> float:
    """Words a second that the default student is trained on."""
    student = build_tagger(StudentConfig(), teacher.labels, seed=0, teacher=teacher)
    examples = Examples(student, sentences, logits=store.transfer_set([one.hash() for one in sentences]))
    steps = student_steps(examples, distilling(teacher), run, WARM + STEPS)
    for _ in range(WARM):
        next(steps)
    started = time.perf_counter()
    words = sum(step.words for step in steps)
    return words / (time.perf_counter() - started)


def measured(reference: str, threads: int, workers: int, folder: str, paths: list[str]) -> None:
    """Print one way's figures as a line of JSON: what a process of its own does."""
    run = Run(None, device="cpu", threads=threads, workers=workers, distributed=True)
    run.console.quiet = True
    teacher = load_token_model(reference)
    files = [Path(path) for path in paths]
    raw = read_raw(files, WordSplitter.default(), min_words=4, max_words=200)
    sentences = list({one.hash(): one for one in islice(raw, SENTENCES)}.values())
    labeled, store = labeling(teacher, sentences, run, Path(folder))
    trained = training(teacher, store, sentences, run) if workers == 1 else 0.0
    if run.processes.is_rank_zero:
        print(json.dumps({"labeling": labeled, "training": trained}))


def asked(reference: str, paths: list[str], processes: int, threads: int, workers: int) -> dict[str, float]:
    """What one way came to in processes of its own."""
    start = ["-m", "torch.distributed.run", "--nproc_per_node", str(processes)] if processes > 1 else []
    with tempfile.TemporaryDirectory() as folder:
        arguments = [
            "-m",
            "scripts.bench_processes",
            "--measure",
            reference,
            str(threads),
            str(workers),
            folder,
            *paths,
        ]
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "TOKENIZERS_PARALLELISM": "false"}
        done = subprocess.run(
            [sys.executable, *start, *arguments], env=environment, check=True, stdout=subprocess.PIPE, text=True
        )
    found: dict[str, float] = json.loads(done.stdout.strip().split("\n")[-1])
    return found


def main(reference: str, patterns: list[str]) -> None:
    """Print a table, and what each way comes to against one process of one thread."""
    paths = [str(path) for pattern in patterns for path in expand_paths(pattern)]
    rounds = [{name: asked(reference, paths, *way) for name, way in WAYS.items()} for _ in range(ROUNDS)]
    for what in ("labeling", "training"):
        alone = [one["1 process, 1 thread"][what] for one in rounds]
        for name in WAYS:
            rates = [one[name][what] for one in rounds]
            if rates[0]:
                ratios = sorted(rate / base for rate, base in zip(rates, alone, strict=True))
                print(
                    f"{what}: {name}: {statistics.median(rates):,.0f} words/s, {statistics.median(ratios):.2f} times "
                    f"one thread (rounds {ratios[0]:.2f} to {ratios[-1]:.2f})"
                )


if __name__ == "__main__":
    if sys.argv[1] == "--measure":
        _, _, reference, threads, workers, folder, *paths = sys.argv
        measured(reference, int(threads), int(workers), folder, paths)
    else:
        main(sys.argv[1], sys.argv[2:])
