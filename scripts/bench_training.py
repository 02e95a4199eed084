"""Measure a step of training: python -m scripts.bench_training TEACHER [--flair].

Trains the default student and that of tagger_kd-fast on gold sentences and the logits of the run TEACHER. The time of a
step is divided by that of the same step on batches that were built before; with `--flair`, words per second are also
compared with Flair's BiLSTM-CRF on the same sentences, in the default student's shape and in Flair's own (one layer of
256 units), in an environment in runs/peers, which is created the first time. One thread, in turns, medians of the
rounds.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import yaml

from nlptrain.config.data import DataConfig
from nlptrain.config.student import StudentConfig
from nlptrain.data.corpus import Corpus
from nlptrain.data.sentence import Sentence
from nlptrain.distillation.labeling import label_with_ensemble, open_stores
from nlptrain.distillation.teachers import TeacherEnsemble, TransformerTeacher
from nlptrain.errors import InputError
from nlptrain.models import TokenModel, build_tagger, load_token_model
from nlptrain.run.run import Run
from nlptrain.training.examples import Examples
from scripts.bench import ROUNDS, alternating, distilling, ratio, student_steps
from scripts.bench_peers import environment, one_thread

FLAIR = ("torch==2.13.0", "flair==0.15.1")
PROGRAM = Path(__file__).parent / "peers" / "flair_tagger.py"
SENTENCES = 1_000
STEPS = 30  # timed in a round
FAST = StudentConfig.model_validate(
    {"embedder": {"kind": "pooled"}, "encoder": {"kind": "lstm", "layers": 1, "hidden": 64}}
)
STUDENTS = {"the default": StudentConfig(), "tagger_kd-fast": FAST}
SHAPES = {"1x128": ("128", "1", "64"), "1x256, its default": ("256", "1", "300")}  # units, layers, columns of the table


def trainer(
    teacher: TokenModel,
    sentences: list[Sentence],
    run: Run,
    folder: Path,
    config: StudentConfig,
    *,
    ready: bool = False,
) -> Callable[[], float]:
    """Return a function that trains ``STEPS`` more steps and returns words per second; ``folder`` holds the logits."""
    ensemble = TeacherEnsemble.of(TransformerTeacher(teacher))
    logits = label_with_ensemble(ensemble, sentences, run, open_stores(ensemble, folder))
    student = build_tagger(config, teacher.labels, seed=0, teacher=teacher)
    examples = Examples(student, sentences, teacher_logits=logits)
    steps = student_steps(examples, distilling(teacher), run, STEPS * (ROUNDS + 1), ready=ready)

    def measure() -> float:
        started = time.perf_counter()
        words = sum(next(steps).words for _ in range(STEPS))
        return words / (time.perf_counter() - started)

    return measure


@contextmanager
def flair_trainer(gold: str, shape: Sequence[str]) -> Iterator[Callable[[], float]]:
    """Yield a function that trains Flair for one epoch on the first sentences of ``gold``, for words per second."""
    command = [environment("flair-env", *FLAIR), str(PROGRAM), gold, str(SENTENCES), *shape]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=one_thread()) as peer:
        stdin, stdout = peer.stdin, peer.stdout
        assert stdin is not None
        assert stdout is not None

        def measure() -> float:
            stdin.write("again\n")
            stdin.flush()
            epoch = json.loads(stdout.readline())
            return float(epoch["words"]) / float(epoch["seconds"])

        yield measure
        stdin.close()


def main(reference: str, *options: str) -> None:
    """Print the ratios."""
    run = Run(None, device="cpu", threads=1)
    run.console.quiet = True
    teacher = load_token_model(reference)
    data = DataConfig.model_validate(
        yaml.safe_load((Path(reference) / "config.yaml").read_text(encoding="utf-8"))["data"]
    )
    assert data.train is not None
    sentences = list(Corpus(data.train, data, key="data.train"))[:SENTENCES]
    print(f"1 thread; {len(sentences):,} sentences; medians of {ROUNDS} rounds in turns")
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        for student, config in STUDENTS.items():
            pair = [trainer(teacher, sentences, run, folder, config, ready=ready) for ready in (False, True)]
            print(f"a step of {student} against the same one on batches built before: {ratio(*alternating(*pair))}")
        with suppress(InputError):  # the CPU would emulate it
            half = Run(None, device="cpu", threads=1, precision="bf16")
            half.console.quiet = True
            for student, config in STUDENTS.items():
                pair = [trainer(teacher, sentences, either, folder, config) for either in (half, run)]
                print(f"words per second, {student} in bf16 against fp32: {ratio(*alternating(*pair))}")
        if "--flair" in options:
            ours = [trainer(teacher, sentences, run, folder, config) for config in STUDENTS.values()]
            theirs = [stack.enter_context(flair_trainer(str(data.train), shape)) for shape in SHAPES.values()]
            rates = alternating(*ours, *theirs)
            for student, rate in zip(STUDENTS, rates, strict=False):
                for shape, peer in zip(SHAPES, rates[len(STUDENTS) :], strict=True):
                    print(f"words per second, {student} against Flair's BiLSTM-CRF {shape}: {ratio(rate, peer)}")


if __name__ == "__main__":
    main(*sys.argv[1:])
