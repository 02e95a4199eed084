"""Measure how fast gold files are read, in sentences per second.

python -m scripts.bench_reading FILE... [--rounds 5]

Prints a line per file: the median of the rounds, and the fastest. To compare two versions, run it in both checkouts in
turns.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator
from typing import NamedTuple

from nlptrain.data.corpus import Corpus


class Reading(NamedTuple):
    """The speed of reading a file, in sentences per second."""

    file: str
    sentences: int
    median: float
    best: float


def measure(files: list[str], rounds: int) -> Iterator[Reading]:
    """Yield the speed of reading each of ``files``, its tag scheme included, after a first reading that warms up."""
    for file in files:
        seconds, sentences = [], 0
        for _ in range(rounds + 1):
            start = time.perf_counter()
            sentences = sum(1 for _ in Corpus(file))
            seconds.append(time.perf_counter() - start)
        yield Reading(file, sentences, sentences / statistics.median(seconds[1:]), sentences / min(seconds[1:]))


def main() -> None:
    """Print a line for each file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", metavar="FILE")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    for reading in measure(arguments.files, arguments.rounds):
        print(f"{reading.file}: {reading.median:,.0f} sentences/s (best {reading.best:,.0f})")


if __name__ == "__main__":
    main()
