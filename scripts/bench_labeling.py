"""Measure labeling on a Ray cluster: python -m scripts.bench_labeling TEACHER TEXT_FILE... [--precision int8].

`nlptrain label` with one thread: in one process, on Ray with one actor, and with two, in turns. The rate is that from
the first stored block to the last, without the start of processes. Also prints how fast one thread cuts text into
blocks, and how long the labeled sentences take to be written in JSON Lines, whose parts the actors write, and in
Parquet, for which they return the sentences; and how fast the command writes these. Medians of the rounds. Two idle
cores are needed.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from nlptrain.config.data import DataConfig
from nlptrain.data.corpus import Corpus, new_report
from nlptrain.data.formats import WriteContext
from nlptrain.data.formats.registry import write_gold
from nlptrain.data.text_ranges import TextFiles
from nlptrain.data.word_splitter import WordSplitter
from nlptrain.distillation.block_file import open_block
from nlptrain.distillation.labeled_text import pickle_sentences, pickled_sentences
from nlptrain.models import load_token_model

WAYS = {
    "local": ("--engine", "local"),
    "ray, 1 actor": ("--engine", "ray", "--address", "local", "--actors", "1"),
    "ray, 2 actors": ("--engine", "ray", "--address", "local", "--actors", "2"),
}


WRITTEN = ("jsonl", "parquet")


def label(teacher: str, texts: Sequence[str], options: Sequence[str], folder: Path, suffix: str = "jsonl") -> None:
    """Run ``nlptrain label`` with one thread."""
    command = [sys.executable, "-m", "nlptrain", "label", teacher, *texts, str(folder / f"labeled.{suffix}"), *options]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    arguments = ["--device", "cpu", "--threads", "1", "--overwrite"]
    subprocess.run([*command, *arguments], env=environment, check=True, stderr=subprocess.DEVNULL)


def rate(folder: Path, labels: int) -> float:
    """Return the words per second from the first block in ``folder`` to the last."""
    blocks = sorted((path.stat().st_mtime, path) for path in folder.glob("transfer/*/*.arrow"))
    words = sum(int(open_block(path, labels).offsets[-1]) for _, path in blocks[1:])
    return words / (blocks[-1][0] - blocks[0][0])


def cutting(texts: Sequence[str]) -> float:
    """Return the words per second of cutting the text into blocks."""
    data = DataConfig(unlabeled=list(texts), min_words=1)
    files = TextFiles.of(data, WordSplitter.default(), None)
    counts, report = files.new_counts(), new_report(data)
    started = time.perf_counter()
    for part in files.ranges(2**24):
        for _ in files.cut(part, counts, report):
            pass
    return counts.words / (time.perf_counter() - started)


def writing(teacher: str, texts: Sequence[str], options: Sequence[str], folder: Path, suffix: str) -> float:
    """Return the seconds of a command whose logits are stored: its start, and reading, decoding and writing."""
    started = time.perf_counter()
    label(teacher, texts, options, folder, suffix)
    return time.perf_counter() - started


def writing_returned(folder: Path) -> float:
    """Return the words per second of writing the sentences in ``folder``, as actors return them, to Parquet."""
    sentences = list(Corpus(folder / "labeled.parquet"))
    pickle_sentences(sentences, folder / "part")
    started = time.perf_counter()
    write_gold(pickled_sentences(folder / "part"), folder / "again.parquet", "parquet", WriteContext("iob2"))
    return sum(len(sentence.words) for sentence in sentences) / (time.perf_counter() - started)


def main(teacher: str, texts: Sequence[str], precision: str, rounds: int) -> None:
    """Print the rates and their ratios."""
    torch.set_num_threads(1)
    labels = len(load_token_model(teacher).labels)
    print(f"cutting: {statistics.median(cutting(texts) for _ in range(rounds)):,.0f} words/s", flush=True)
    rates: dict[str, list[float]] = {name: [] for name in WAYS}
    seconds: dict[tuple[str, str], list[float]] = {(name, suffix): [] for name in WAYS for suffix in WRITTEN}
    for _ in range(rounds):
        for name, way in WAYS.items():
            with tempfile.TemporaryDirectory() as folder:
                options = [*way, "--precision", precision]
                label(teacher, texts, options, Path(folder))
                rates[name].append(rate(Path(folder), labels))
                print(f"  {name}: {rates[name][-1]:,.0f} words/s", flush=True)
                for suffix in WRITTEN:
                    seconds[name, suffix].append(writing(teacher, texts, options, Path(folder), suffix))
                if name == "local":
                    print(f"  the command writes returned sentences: {writing_returned(Path(folder)):,.0f} words/s")
    for (name, suffix), values in seconds.items():
        print(f"all logits stored, {name}: {statistics.median(values):.1f} s to start and to write {suffix}")
    for name, measured in rates.items():
        ratios = sorted(other / local for other, local in zip(measured, rates["local"], strict=True))
        print(
            f"{name}: {statistics.median(measured):,.0f} words/s, {statistics.median(ratios):.2f} times local "
            f"(rounds {ratios[0]:.2f} to {ratios[-1]:.2f})"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("teacher")
    parser.add_argument("texts", nargs="+")
    parser.add_argument("--precision", default="fp32", choices=["fp32", "bf16", "int8"])
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    main(given.teacher, given.texts, given.precision, given.rounds)
