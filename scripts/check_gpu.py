"""Check what a GPU changes, in minutes: python -m scripts.check_gpu [--device cuda] [--small].

A teacher of BERT-base's shape with random weights, a default student and random sentences, so nothing is downloaded.
Fine-tuning in fp32, bf16 and fp16, labeling, distillation and resuming run on the device; losses, logits and weights
are compared with those of the CPU. Prints a line for each check; exit code 1 if one is outside its limit.

`--small` takes a tiny teacher and few steps, to try the script on a CPU (`--device cpu`).
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from transformers import BertConfig, BertModel, BertTokenizer

from nlptrain.config.objectives import KLConfig
from nlptrain.config.student import StudentConfig
from nlptrain.config.train import TrainConfig, TransformerTrainConfig
from nlptrain.data.labels import Labels
from nlptrain.data.sentence import Sentence
from nlptrain.distillation.labeling import label_with_ensemble, open_stores
from nlptrain.distillation.objectives import DistillObjective
from nlptrain.distillation.teachers import TeacherEnsemble, TransformerTeacher
from nlptrain.distillation.transfer_set import TeacherLogitsDataset
from nlptrain.errors import InputError
from nlptrain.models import TokenModel, TransformerTokenClassifier, build_tagger
from nlptrain.models.heads import WordOutput
from nlptrain.run.run import Run, silence_libraries
from nlptrain.training.checkpoint import Progress, TrainState
from nlptrain.training.examples import Examples
from nlptrain.training.loop import build_plan, fit
from nlptrain.training.objective import Loss, Objective, SupervisedObjective, Targets
from nlptrain.training.optimizer import MovingAverage, build_optimizer
from nlptrain.training.steps import Step, train_steps

LABELS = Labels.from_names(["O", "B-a", "I-a", "B-b", "I-b", "B-c", "I-c", "B-d", "I-d"], "iob2")
WORDS = [f"w{index}" for index in range(20_000)]
# Largest difference from fp32 on the CPU: of the losses of three steps, and of a logit.
LOSS_LIMITS = {"fp32": 2e-3, "bf16": 0.05, "fp16": 0.02}
LOGIT_LIMITS = {"fp32": 5e-3, "bf16": 0.15}
RESUME_LIMIT = 1e-4  # of a weight, between a run that was stopped and one that was not
WAITING_LIMIT = 0.2  # share of the time of a distillation step in which the device waits for its batch


@dataclass(frozen=True)
class Size:
    """How much is computed.

    Attributes:
        layers: of the teacher.
        hidden: its units.
        sentences: of the text.
        steps: of each training.
    """

    layers: int = 12
    hidden: int = 768
    sentences: int = 20_000
    steps: int = 60


SMALL = Size(layers=2, hidden=32, sentences=200, steps=8)


class Report:
    """Prints the result of each check.

    Attributes:
        failed: names of the checks outside their limits.
    """

    def __init__(self) -> None:
        """Start without failures."""
        self.failed: list[str] = []

    def value(self, name: str, text: str) -> None:
        """Print a figure without a limit."""
        print(f"     {name}: {text}", flush=True)

    def check(self, name: str, value: float, limit: float) -> None:
        """Print a figure that must not exceed ``limit``."""
        is_ok = value <= limit  # not for NaN
        print(f"{'ok  ' if is_ok else 'FAIL'} {name}: {value:.2e} (at most {limit:.0e})", flush=True)
        if not is_ok:
            self.failed.append(name)


class StoppedObjective:
    """An objective that raises ``KeyboardInterrupt`` at a call."""

    def __init__(self, objective: Objective, calls: int) -> None:
        """Stop at call number ``calls``."""
        self.objective, self.calls = objective, calls

    def loss(self, words: WordOutput, targets: Targets) -> Loss:
        """Return the loss of the objective."""
        self.calls -= 1
        if self.calls < 0:
            raise KeyboardInterrupt
        return self.objective.loss(words, targets)


def random_sentences(count: int, *, tagged: bool) -> list[Sentence]:
    """Return sentences of 5 to 35 random words, with random entities."""
    random = np.random.default_rng(0)
    sentences = []
    for length in random.integers(5, 36, count).tolist():
        words = tuple(WORDS[n] for n in random.integers(0, len(WORDS), length))
        tags = tuple("B-a" if draw < 0.1 else "O" for draw in random.random(length))
        sentences.append(Sentence(words, tags if tagged else None))
    return sentences


def write_teacher(size: Size, folder: Path) -> Path:
    """Write a BERT with random weights, and a tokenizer of ``WORDS``."""
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    config = BertConfig(
        vocab_size=30_522,
        hidden_size=size.hidden,
        num_hidden_layers=size.layers,
        num_attention_heads=max(1, size.hidden // 64),
        intermediate_size=4 * size.hidden,
    )
    torch.manual_seed(0)
    BertModel(config).save_pretrained(folder)
    BertTokenizer(vocab={token: index for index, token in enumerate(tokens)}).save_pretrained(folder)
    return folder


def student_config(path: Path) -> StudentConfig:
    """Return the default student with the tokenizer in ``path``, and a random table."""
    return StudentConfig.model_validate({"tokenizer": str(path), "embedder": {"init": "random"}})


def train(model: TokenModel, examples: Examples, objective: Objective, config: TrainConfig, run: Run) -> Iterator[Step]:
    """Yield the steps of a training without files."""
    model.to(run.device)
    plan, steps = build_plan(examples, config, 0)
    average = MovingAverage(list(model.model.parameters()), config.ema)
    optimizer = build_optimizer(model.model, config)
    state = TrainState(model.model, optimizer, average, Progress(), {}, run.accelerator.scaler)
    yield from train_steps(model, examples, objective, config, state=state, plan=plan, steps=steps, run=run)


def measured(steps: Iterator[Step], warm: int) -> tuple[float, float]:
    """Return words per second after ``warm`` steps, and the share of the time that was spent waiting for a batch."""
    words, waited, started = 0, 0.0, time.perf_counter()
    for index, step in enumerate(steps):
        if index == warm:
            float(step.losses["loss"])  # waits for the device
            words, waited, started = 0, 0.0, time.perf_counter()
            continue
        words, waited = words + step.words, waited + step.waited
    float(step.losses["loss"])
    seconds = time.perf_counter() - started
    return words / seconds, waited / seconds


def check_fine_tuning(path: Path, size: Size, device: str, report: Report) -> None:
    """Fine-tune the teacher in each precision; compare the losses of the first steps with the CPU's."""
    gold = random_sentences(max(200, 16 * size.steps // 2), tagged=True)
    reference: list[float] = []
    for where, precision in (("cpu", "fp32"), (device, "fp32"), (device, "bf16"), (device, "fp16")):
        try:
            run = Run(None, device=where, precision=precision)
        except InputError as error:  # a CPU
            report.value(f"fine-tuning in {precision}", f"skipped: {error}")
            continue
        model = TransformerTokenClassifier.from_pretrained(str(path), LABELS)
        model.model.config.hidden_dropout_prob = 0.0
        for module in model.model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0  # the devices draw other numbers
        examples = Examples(model, gold)
        config = TransformerTrainConfig.model_validate({"steps": size.steps})
        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()
        taken = train(model, examples, SupervisedObjective(), config, run)
        losses = [float(next(taken).losses["loss"]) for _ in range(3)]
        if not reference:
            reference = losses
            continue
        difference = max(abs(a - b) for a, b in zip(losses, reference, strict=True))
        report.check(f"fine-tuning in {precision}, loss against the CPU", difference, LOSS_LIMITS[precision])
        rate, waiting = measured(taken, 1)
        memory = torch.cuda.max_memory_allocated() / 1e9 if torch.cuda.is_available() else 0.0
        report.value(
            f"fine-tuning in {precision}", f"{rate:,.0f} words/s, {waiting:.0%} of the time waiting, {memory:.1f} GB"
        )


def check_labeling(path: Path, size: Size, device: str, folder: Path, report: Report) -> TeacherLogitsDataset:
    """Label the text in each precision; compare logits with the CPU's. Return the text labeled in fp32."""
    text = random_sentences(size.sentences, tagged=False)
    model = TransformerTokenClassifier.from_pretrained(str(path), LABELS)
    expected = model.logits([sentence.words for sentence in text[:64]])
    datasets = []
    for precision in ("fp32", "bf16"):
        ensemble = TeacherEnsemble.of(TransformerTeacher(model, precision))
        run = Run(None, device=device)
        run.console.quiet = True
        started = time.perf_counter()
        dataset = label_with_ensemble(ensemble, text, run, open_stores(ensemble, folder))
        rate = sum(len(sentence.words) for sentence in text) / (time.perf_counter() - started)
        differences = [np.abs(dataset.teacher_logits(row) - expected[row]).max() for row in range(64)]
        report.check(f"labeling in {precision}, logits against the CPU", max(differences), LOGIT_LIMITS[precision])
        report.value(f"labeling in {precision}", f"{rate:,.0f} words/s")
        datasets.append(dataset)
    return datasets[0]


def check_distillation(path: Path, dataset: TeacherLogitsDataset, size: Size, device: str, report: Report) -> None:
    """Train the default student on the stored logits."""
    run = Run(None, device=device)
    student = build_tagger(student_config(path), LABELS, seed=0)
    examples = Examples(student, dataset.sentences(), teacher_logits=dataset)
    config = TrainConfig.model_validate({"steps": 4 * size.steps})
    rate, waiting = measured(train(student, examples, DistillObjective(KLConfig()), config, run), size.steps)
    report.value("distillation", f"{rate:,.0f} words/s")
    report.check("distillation, share of the time waiting for a batch", waiting, WAITING_LIMIT)


def check_resume(path: Path, size: Size, device: str, folder: Path, report: Report) -> None:
    """Stop a training, resume it, and compare its weights with those of a training that was not stopped."""
    gold = random_sentences(200, tagged=True)
    config = TrainConfig.model_validate({"steps": size.steps, "eval_every": size.steps // 4, "warmup_steps": 2})
    weights = []
    for name in ("straight", "stopped"):
        (folder / name).mkdir()
        for objective in [] if name == "straight" else [StoppedObjective(SupervisedObjective(), size.steps // 2 + 1)]:
            try:
                resume(path, gold, objective, config, folder / name, device)
            except KeyboardInterrupt:
                continue
        weights.append(resume(path, gold, SupervisedObjective(), config, folder / name, device))
    difference = max(float((a - b).abs().max()) for a, b in zip(*weights, strict=True))
    report.check("a stopped and resumed training, weights", difference, RESUME_LIMIT)


def resume(
    path: Path, gold: Sequence[Sentence], objective: Objective, config: TrainConfig, folder: Path, device: str
) -> list[torch.Tensor]:
    """Train a student, from its checkpoint if there is one, and return its weights."""
    run = Run(folder, device=device)
    run.console.quiet = True
    student = build_tagger(student_config(path), LABELS, seed=0)
    fit(student, Examples(student, gold), gold[:20], objective, config, run)
    return [parameter.detach().cpu() for parameter in student.model.parameters()]


def main(arguments: Sequence[str]) -> int:
    """Run all checks; return 1 if one is outside its limit."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--small", action="store_true")
    options = parser.parse_args(arguments)
    size, report, started = SMALL if options.small else Size(), Report(), time.perf_counter()
    silence_libraries()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = write_teacher(size, folder / "teacher")
        check_fine_tuning(path, size, options.device, report)
        dataset = check_labeling(path, size, options.device, folder / "transfer", report)
        check_distillation(path, dataset, size, options.device, report)
        check_resume(path, size, options.device, folder, report)
    print(f"{time.perf_counter() - started:.0f} s; {len(report.failed)} outside their limits", flush=True)
    return bool(report.failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
