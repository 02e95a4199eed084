"""Measure that the memory of training does not grow with the text: python -m scripts.check_training_memory GOLD_FILE.

Writes the blocks of a transfer set with SIZES sentences (default: 100,000 and 10,000,000), those of GOLD_FILE
repeatedly with random logits, and trains a tiny student on them for 50 steps, by `tagger_kd`'s procedure and by
`pseudo_label`'s. Memory is RssAnon, the memory of a process without mapped files; one thread. 10,000,000 sentences take
about 10 GB of disk in FOLDER.
"""

from __future__ import annotations

import argparse
import json
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path

import numpy as np
import pyarrow as pa

from nlptrain.config.objectives import KLConfig, PseudoLabelConfig
from nlptrain.config.student import StudentConfig
from nlptrain.config.train import TrainConfig
from nlptrain.data.blocks import Block
from nlptrain.data.corpus import Corpus
from nlptrain.data.labels import Labels
from nlptrain.data.sentence import Sentence
from nlptrain.data.splits import Splits
from nlptrain.distillation.block_file import block_content
from nlptrain.distillation.labeling import label_with_ensemble, open_stores
from nlptrain.distillation.sealed_files import sealed_content
from nlptrain.distillation.teachers import Teacher, TeacherEnsemble, TeacherLogits
from nlptrain.distillation.text_blocks import TextBlock, not_kept
from nlptrain.models import build_tagger
from nlptrain.procedures.finish import evaluate_teacher
from nlptrain.procedures.student_training import learn_from_logits, learn_from_pseudo_labels
from nlptrain.procedures.text_labeling import LabeledText
from nlptrain.run.run import Run
from scripts.check_memory import tiny_teacher

LABELS = Labels.from_names(["O", "B-a", "I-a", "B-b", "I-b", "B-c", "I-c", "B-d", "I-d"], "iob2")
BLOCK = 1000
SETTINGS = TrainConfig.model_validate({"steps": 50, "eval_every": 50, "warmup_steps": 5})
TINY = {"embedder": {"dim": 16, "init": "random"}, "encoder": {"hidden": 16, "layers": 1}, "head": {"kind": "softmax"}}


class RandomTeacher(Teacher):
    """A teacher of random logits."""

    name = "random"
    labels = LABELS

    def fingerprint(self) -> str:
        """Return its name."""
        return "random"

    def predict_logits(self, sentences: Sequence[Sentence]) -> list[np.ndarray]:
        """Return random logits."""
        random = np.random.default_rng(0)
        return [random.normal(size=(len(s.words), len(LABELS))).astype(np.float32) for s in sentences]


def write_blocks(gold: Sequence[Sentence], count: int, folder: Path) -> None:
    """Write ``count`` sentences in blocks of 1,000; the hashes are random, so that no two sentences count as equal."""
    ensemble = TeacherEnsemble.of(RandomTeacher())
    (store,) = open_stores(ensemble, folder)
    store.folder.mkdir(parents=True)
    store.clean_up()
    sentences = [Sentence((*sentence.words, str(n))) for n, sentence in enumerate(islice(cycle(gold), BLOCK))]
    block = Block.of(sentences, [sentence.hash() for sentence in sentences])
    logits = TeacherLogits.of(RandomTeacher().predict_logits(sentences))
    batch = pa.ipc.open_stream(block_content(block, logits, len(LABELS), None)).read_next_batch()
    for _ in range(count // BLOCK):
        hashes = pa.array([secrets.token_bytes(16) for _ in range(BLOCK)], pa.binary(16))
        store.add(secrets.token_hex(16), sealed_content(batch.set_column(0, "hash", hashes)))


def measure(command: str, gold: Sequence[Sentence], tokenizer: str, folder: Path) -> tuple[float, int]:
    """Train on all blocks below ``folder``; return the seconds, and the peak RssAnon in bytes."""
    peak, done = [0], threading.Event()

    def watch() -> None:
        while not done.wait(0.02):
            status = Path("/proc/self/status").read_text(encoding="utf-8")
            peak[0] = max(peak[0], 1024 * int(status.partition("RssAnon:")[2].split()[0]))

    ensemble = TeacherEnsemble.of(RandomTeacher())
    stores = open_stores(ensemble, folder)
    blocks = [TextBlock(name, BLOCK, 1.0, False, not_kept) for name in sorted(stores[0].names())]
    student = build_tagger(StudentConfig.model_validate({"tokenizer": tokenizer, **TINY}), LABELS, seed=0)
    dev = [Sentence(sentence.words, ("O",) * len(sentence.words)) for sentence in gold[:20]]
    thread = threading.Thread(target=watch)
    thread.start()
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(dir=folder.parent) as output:
        run = Run(Path(output), device="cpu", threads=1)
        run.console.quiet = True
        dataset = label_with_ensemble(ensemble, [], run, stores, text=blocks)
        splits = Splits(LABELS, [], dev, [], is_dev_from_train=False)
        labeled = LabeledText(splits, dataset, evaluate_teacher(ensemble, splits, stores, run))
        if command == "tagger_kd":
            learn_from_logits(student, labeled, KLConfig(), SETTINGS, run)
        else:
            objective = PseudoLabelConfig(write_pseudo_labels=False)
            learn_from_pseudo_labels(student, labeled, {}, objective, SETTINGS, run)
    done.set()
    thread.join()
    return time.perf_counter() - started, peak[0]


def main(arguments: Sequence[str]) -> int:
    """Print a line for each command and size; return 0."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("gold")
    parser.add_argument("sizes", nargs="*", type=int, default=[100_000, 10_000_000])
    parser.add_argument("--folder", type=Path, help="of the blocks and of all temporary files")
    parser.add_argument("--commands", nargs="+", default=["tagger_kd", "pseudo_label"])
    parser.add_argument("--measure", nargs=2, metavar=("COMMAND", "TOKENIZER"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    gold = list(Corpus(options.gold))
    if options.measure:
        print(json.dumps(measure(options.measure[0], gold, options.measure[1], options.folder)))
        return 0
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        tokenizer = tiny_teacher(options.gold, Path(folder)) + "/model"
        for size in options.sizes:
            blocks = Path(folder) / str(size)
            write_blocks(gold, size, blocks)
            for command in options.commands:
                part = [sys.executable, "-m", "scripts.check_training_memory", options.gold, "--folder", str(blocks)]
                part += ["--measure", command, tokenizer]
                output = subprocess.run(part, check=True, stdout=subprocess.PIPE, text=True).stdout
                seconds, peak = json.loads(output.splitlines()[-1])
                print(f"{command}: {size:,} sentences: {seconds:.1f} s, {peak / 1e6:.0f} MB", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
