"""Measure a step of training: python -m scripts.bench_training TEACHER [--flair].

What is trained is the default student, on gold sentences and the logits of TEACHER, a run. Its step is measured against
the same step on tensors that are there already; with `--flair`, its words per second also against those of Flair's
BiLSTM-CRF of the same shape on the same sentences, which is made in an environment of its own in runs/peers the first
time. One thread, in turns, medians of the rounds.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from nlptrain.config.data import DataConfig
from nlptrain.config.student import StudentConfig
from nlptrain.data.corpus import Sentence
from nlptrain.data.reading import read_gold
from nlptrain.distillation import LogitStore
from nlptrain.models import TokenModel, build_tagger, load_token_model
from nlptrain.run import Run
from nlptrain.training.examples import Examples
from scripts.bench import ROUNDS, alternating, distilling, ratio, student_steps
from scripts.bench_peers import environment, one_thread

FLAIR = ("torch==2.13.0", "flair==0.15.1")
PROGRAM = Path(__file__).parent / "peers" / "flair_tagger.py"
SENTENCES = 1_000
STEPS = 30  # timed in a round
SHAPE = ("128", "2", "64")  # the default student's: units, layers, columns of its table


def examples_of(teacher: TokenModel, sentences: list[Sentence], run: Run, folder: Path) -> Examples:
    """``sentences`` with their tags and the teacher's logits, for a default student."""
    store = LogitStore(folder, teacher)
    store.label(sentences, teacher, run)
    logits = store.transfer_set([sentence.digest() for sentence in sentences])
    student = build_tagger(StudentConfig(), teacher.labels, seed=0, teacher=teacher)
    return Examples(student, sentences, logits=logits)


def trainer(teacher: TokenModel, examples: Examples, run: Run, *, ready: bool) -> Callable[[], float]:
    """Words per second of ``STEPS`` more steps."""
    steps = student_steps(teacher, examples, distilling(teacher), run, STEPS * (ROUNDS + 1), ready=ready)

    def measure() -> float:
        started = time.perf_counter()
        words = sum(next(steps).words for _ in range(STEPS))
        return words / (time.perf_counter() - started)

    return measure


@contextmanager
def flair_trainer(gold: str) -> Iterator[Callable[[], float]]:
    """Words per second of one more pass of Flair over the first sentences of ``gold``."""
    command = [environment("flair-env", *FLAIR), str(PROGRAM), gold, str(SENTENCES), *SHAPE]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=one_thread()) as peer:
        given, told = peer.stdin, peer.stdout
        assert given is not None
        assert told is not None

        def measure() -> float:
            given.write("again\n")
            given.flush()
            found = json.loads(told.readline())
            return float(found["words"]) / float(found["seconds"])

        yield measure
        given.close()


def main(reference: str, *options: str) -> None:
    """Print the ratios."""
    run = Run(None, device="cpu", threads=1)
    run.console.quiet = True
    teacher = load_token_model(reference)
    data = DataConfig.model_validate(
        yaml.safe_load((Path(reference) / "config.yaml").read_text(encoding="utf-8"))["data"]
    )
    assert data.train is not None
    sentences = list(read_gold(data.train, data, key="data.train"))[:SENTENCES]
    with tempfile.TemporaryDirectory() as folder:
        examples = examples_of(teacher, sentences, run, Path(folder))
        whole, ready = (trainer(teacher, examples, run, ready=ready) for ready in (False, True))
        print(f"1 thread; {len(sentences):,} sentences; medians of {ROUNDS} rounds in turns")
        found = alternating(whole, ready)
        print(f"a step against the same one on tensors that are there already: {ratio(*found)}")
        if "--flair" in options:
            with flair_trainer(str(data.train)) as flair:
                found = alternating(trainer(teacher, examples, run, ready=False), flair)
            print(f"words per second against Flair's BiLSTM-CRF of the same shape: {ratio(*found)}")


if __name__ == "__main__":
    main(*sys.argv[1:])
