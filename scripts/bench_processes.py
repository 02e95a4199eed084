"""Measure the gain of a second process: python -m scripts.bench_processes TEACHER TEXT_FILE...

Four ways to use two cores, in turns: one process with one thread, one process with two threads, two processes as
`--workers 2` starts them (labeling only), and two as `torchrun` does. The model of the run TEACHER labels the text, and
the default student is trained on it. Includes the start of `--workers`, not that of a command. Medians of the rounds.
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
from nlptrain.distillation import BlockStore, TransferSet
from nlptrain.distillation.block_labeling import label_sentences
from nlptrain.distillation.teachers import TransformerTeacher
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


def labeling(teacher: TokenModel, sentences: list[Sentence], run: Run, folder: Path) -> tuple[float, TransferSet]:
    """Label ``sentences``, each of which occurs once; return words per second and the transfer set."""
    labeled = label_sentences(
        BlockStore(folder, TransformerTeacher(teacher)), sentences, TransformerTeacher(teacher), run
    )
    return labeled.rate, labeled.transfer_set()


def training(teacher: TokenModel, labeled: TransferSet, sentences: list[Sentence], run: Run) -> float:
    """Train the default student; return words per second."""
    student = build_tagger(StudentConfig(), teacher.labels, seed=0, teacher=teacher)
    examples = Examples(student, sentences, teacher_logits=labeled)
    steps = student_steps(examples, distilling(teacher), run, WARM + STEPS)
    for _ in range(WARM):
        next(steps)
    started = time.perf_counter()
    words = sum(step.words for step in steps)
    return words / (time.perf_counter() - started)


def measure(reference: str, threads: int, workers: int, folder: str, paths: list[str]) -> None:
    """Print the words per second of one way as a line of JSON; runs in a process of its own."""
    run = Run(None, device="cpu", threads=threads, workers=workers, distributed=True)
    run.console.quiet = True
    teacher = load_token_model(reference)
    files = [Path(path) for path in paths]
    raw = read_raw(files, WordSplitter.default(), min_words=4, max_words=200)
    sentences = list({sentence.hash(): sentence for sentence in islice(raw, SENTENCES)}.values())
    rate, labeled = labeling(teacher, sentences, run, Path(folder))
    trained = training(teacher, labeled, sentences, run) if workers == 1 else 0.0
    if run.processes.is_rank_zero:
        print(json.dumps({"labeling": rate, "training": trained}))


def run_way(reference: str, paths: list[str], processes: int, threads: int, workers: int) -> dict[str, float]:
    """Return the words per second of one way, measured in processes of its own."""
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
    rates: dict[str, float] = json.loads(done.stdout.strip().split("\n")[-1])
    return rates


def main(reference: str, patterns: list[str]) -> None:
    """Print words per second of each way, and divided by those of one process with one thread."""
    paths = [str(path) for pattern in patterns for path in expand_paths(pattern)]
    rounds = [{name: run_way(reference, paths, *way) for name, way in WAYS.items()} for _ in range(ROUNDS)]
    for task in ("labeling", "training"):
        baseline = [ways["1 process, 1 thread"][task] for ways in rounds]
        for name in WAYS:
            rates = [ways[name][task] for ways in rounds]
            if rates[0]:
                ratios = sorted(rate / base for rate, base in zip(rates, baseline, strict=True))
                print(
                    f"{task}: {name}: {statistics.median(rates):,.0f} words/s, {statistics.median(ratios):.2f} times "
                    f"one thread (rounds {ratios[0]:.2f} to {ratios[-1]:.2f})"
                )


if __name__ == "__main__":
    if sys.argv[1] == "--measure":
        _, _, reference, threads, workers, folder, *paths = sys.argv
        measure(reference, int(threads), int(workers), folder, paths)
    else:
        main(sys.argv[1], sys.argv[2:])
