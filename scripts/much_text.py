"""Compare ways to train on far more text than a training reads: python -m scripts.much_text TEACHER CONFIG RAW...

The raw lines and synthetic sentences of these and of the train sentences become a text of 900,000 lines. A student is
trained on it with `tagger_kd CONFIG`, with three seeds each: after labeling all of it, after labeling what is read, and
with floors on the share of gold sentences. All runs share the teacher's logits. Prints the dev scores. Finished runs
are not repeated, interrupted ones resume.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partialmethod
from pathlib import Path

import numpy as np

from nlptrain.config import load_config
from nlptrain.config.commands import COMMANDS
from nlptrain.config.data import DataConfig
from nlptrain.config.train import AugmentConfig
from nlptrain.data.batching import BatchPlan, Sequences
from nlptrain.data.corpus import Corpus
from nlptrain.data.sentence import Sentence
from nlptrain.data.tag_schemes import Scheme
from nlptrain.distillation.augmentation import Augmenter
from nlptrain.models import TransformerTokenClassifier
from nlptrain.procedures import run_training, text_record
from nlptrain.procedures.text_labeling import TextReading
from scripts.runs import format_mean

LINES = 900_000
SEEDS = (0, 1, 2)
VARIANTS: dict[str, tuple[bool, float]] = {  # whether all is labeled, and the floor on the share of gold sentences
    "all": (True, 0.0),
    "read": (False, 0.0),
    "gold-3": (False, 0.03),
    "gold-10": (False, 0.1),
}
BASES = 20_000  # raw lines from which synthetic sentences are made, evenly spread
plain_sample = BatchPlan._sample


def write_text(path: Path, teacher: str, data: DataConfig, raw: Sequence[Path], lines: int) -> None:
    """Write the raw lines, and synthetic sentences up to this number of ``lines``."""
    if path.is_file():
        return
    own = [line for file in raw for line in file.read_text(encoding="utf-8").split("\n") if line.strip()]
    bases = [Sentence(tuple(line.split())) for line in own[:: max(1, len(own) // BASES)]]
    model = TransformerTokenClassifier.from_pretrained(teacher)
    scheme: Scheme = model.labels.scheme
    augmenter = Augmenter([*Corpus.of(data, "train"), *bases], scheme, AugmentConfig(), model)
    synthetic = (" ".join(sentence.words) for sentence in augmenter(max(0, lines - len(own))))
    part = path.with_suffix(".part")
    with part.open("w", encoding="utf-8") as file:
        file.writelines(line + "\n" for line in own[:lines])
        file.writelines(line + "\n" for line in synthetic)
    part.replace(path)


def sample_with_floor(plan: BatchPlan, epoch: int, random: np.random.Generator, *, gold_share: float) -> Sequences:
    """Return the sequences of an epoch as ``plan`` does, but gold ones as often as this share of them asks for."""
    sampled = plain_sample(plan, epoch, random)
    assert plan.oversampling is not None
    gold = np.flatnonzero(plan.oversampling.weights <= 0).astype(sampled.dtype)
    repeats = max(0, round(gold_share * len(sampled)) - len(gold))
    others = random.permutation(sampled[len(gold) :])[repeats:]  # the gold sentences come first
    copies, rest = divmod(len(gold) + repeats, len(gold))
    result: Sequences = np.concatenate([np.tile(gold, copies), random.permutation(gold)[:rest], others])
    return result


def train_variant(config: str, teacher: str, folder: Path, variant: str, seed: int, threads: int) -> None:
    """Train one student in this process."""
    labels_all, gold_share = VARIANTS[variant]
    if gold_share:
        BatchPlan._sample = partialmethod(sample_with_floor, gold_share=gold_share)  # type: ignore[assignment]
    if labels_all:
        TextReading.planned = lambda *_: None  # type: ignore[method-assign]
        text_record.FOLDER = "texts-all"  # what is read is another thing
    settings = [
        f"teacher={teacher}",
        f"data.unlabeled={folder / 'text.txt'}",
        "data.test=null",
        "augment=none",
        "teacher_precision=int8",
        "device=cpu",
        f"seed={seed}",
        f"threads={threads}",
        f"transfer_dir={folder / 'transfer'}",
        f"output_dir={folder / variant / str(seed)}",
    ]
    run_training("tagger_kd", load_config(COMMANDS["tagger_kd"], Path(config), settings).config)


def start(arguments: Sequence[str], threads: int) -> None:
    """Train one student in a process of its own."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    subprocess.run([sys.executable, "-m", "scripts.much_text", *arguments], env=environment, check=True)


def main() -> None:
    """Write the text, train all students, and print their scores."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("teacher")
    parser.add_argument("config")
    parser.add_argument("raw", nargs="+", type=Path)
    parser.add_argument("--lines", type=int, default=LINES)
    parser.add_argument("--folder", type=Path, default=Path("runs/much_text"))
    parser.add_argument("--variants", nargs="+", choices=list(VARIANTS), default=list(VARIANTS))
    parser.add_argument("--jobs", type=int, default=2, help="students that are trained at once, with one thread each")
    parser.add_argument("--only", help=argparse.SUPPRESS)  # VARIANT:SEED:THREADS, in this process
    given = parser.parse_args()
    if given.only:
        variant, seed, threads = given.only.split(":")
        train_variant(given.config, given.teacher, given.folder, variant, int(seed), int(threads))
        return
    given.folder.mkdir(parents=True, exist_ok=True)
    data = load_config(COMMANDS["tagger_kd"], Path(given.config), [f"teacher={given.teacher}"]).config.data
    write_text(given.folder / "text.txt", given.teacher, data, sorted(given.raw), given.lines)
    rest = [given.teacher, given.config, *map(str, given.raw), "--folder", str(given.folder)]
    runs = [(variant, seed) for variant in given.variants for seed in SEEDS]
    todo = [run for run in runs if not (given.folder / run[0] / str(run[1]) / "scores.json").is_file()]
    if todo:  # the first one labels the text, with all threads; the others reuse the logits
        start([*rest, "--only", f"{todo[0][0]}:{todo[0][1]}:{os.cpu_count()}"], os.cpu_count() or 1)
    with ThreadPoolExecutor(given.jobs) as pool:
        list(pool.map(lambda run: start([*rest, "--only", f"{run[0]}:{run[1]}:1"], 1), todo[1:]))
    for variant in given.variants:
        folders = [given.folder / variant / str(seed) for seed in SEEDS]
        scored = [json.loads((folder / "scores.json").read_text())["dev"] for folder in folders]
        print(f"{variant}: dev {format_mean([100 * float(dev[dev['metric']]) for dev in scored])}")


if __name__ == "__main__":
    main()
