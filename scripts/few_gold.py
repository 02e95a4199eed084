"""Measure a teacher of few gold sentences: `train.steps: auto`, which is at least 1,000 steps, against five epochs.

Random sentences of WNUT17's train file; the score is that of the last step on dev.

    python -m scripts.few_gold                              # one seed
    python -m scripts.few_gold --sizes 2245 --seeds 3
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Sequence
from pathlib import Path

from nlptrain.data.corpus import Corpus
from nlptrain.data.formats import WriteContext
from nlptrain.data.formats.registry import write_gold
from scripts.runs import DATA, ROOT, folder_of, spread, train_all

FOLDER = "few_gold"  # in runs/
LENGTHS = ("train.epochs=5", "train.steps=auto")


def write_sentences(count: int) -> Path:
    """Write ``count`` random train sentences, and return the file."""
    sentences = list(Corpus(ROOT / DATA / "wnut17" / "train.conll"))
    random.Random(1).shuffle(sentences)
    path = ROOT / "runs" / FOLDER / f"{count}.conll"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_gold(sentences[:count], path, "conll", WriteContext("iob2"))
    return path


def command(train: Path, length: str, seed: int) -> list[str]:
    """Return the command line of one run."""
    settings = [f"data.train={train}", "data.test=null", length, "train.eval_every=1000000", f"seed={seed}"]
    options = [part for setting in settings for part in ("--set", setting)]
    folder = f"runs/{FOLDER}/{train.stem}-{length.partition('.')[2]}-{seed}"
    return ["transformer_token", "configs/wnut17/transformer_token.yaml", *options, "--output-dir", folder]


def main(arguments: Sequence[str]) -> int:
    """Train both lengths with each size and seed, and print a table; return 0."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 500, 2245])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time, which share the cores")
    options = parser.parse_args(arguments)
    rows = {}
    for size in options.sizes:
        train = write_sentences(size)
        rows[size] = [[command(train, length, seed) for seed in range(options.seeds)] for length in LENGTHS]
    train_all([run for row in rows.values() for runs in row for run in runs], options.jobs)
    print("| gold sentences | 5 epochs | steps: auto |\n| ---: | ---: | ---: |")
    for size, row in rows.items():
        print(f"| {size:,} | {' | '.join(spread([folder_of(run) for run in runs], 'dev') for runs in row)} |")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
