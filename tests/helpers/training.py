"""Small trainings in float64, also as the program of each process that a launcher starts."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from nlptrain.config.objectives import KLConfig
from nlptrain.config.student import StudentConfig
from nlptrain.config.train import TrainConfig
from nlptrain.data.sentence import Sentence
from nlptrain.distillation import DistillObjective
from nlptrain.models import TokenModel, build_tagger
from nlptrain.run.run import Run
from nlptrain.training import Examples, SupervisedObjective, train_steps
from nlptrain.training import steps as training_steps
from nlptrain.training.checkpoint import Progress, TrainState
from nlptrain.training.loop import build_plan
from nlptrain.training.optimizer import MovingAverage
from tests.helpers.corpora import LABELS, make_sentences

SENTENCES = [Sentence(words, tags if n % 3 else None) for n, (words, tags) in enumerate(make_sentences(12, 9))]


class RandomLogits:
    """Random teacher logits for ``SENTENCES``, with the interface of a transfer set."""

    def gather(self, spans: Sequence[tuple[int, int, int]]) -> np.ndarray:
        rows = [
            np.random.default_rng(sentence).normal(size=(len(SENTENCES[sentence].words), 5))[first : first + count]
            for sentence, first, count in spans
        ]
        return np.concatenate(rows).astype(np.float16)


def student(tiny_bert: Path, dropout: float = 0.0) -> TokenModel:
    """Return a tagger of random weights with the tokenizer of ``tiny_bert``."""
    shape = {
        "tokenizer": str(tiny_bert),
        "embedder": {"dim": 16},
        "encoder": {"hidden": 8, "layers": 1},
        "dropout": dropout,
    }
    return build_tagger(StudentConfig.model_validate(shape), LABELS, seed=0)


def config(**values: object) -> TrainConfig:
    """Return a configuration of four steps with a constant learning rate, updated with ``values``."""
    return TrainConfig.model_validate(
        {"steps": 4, "warmup_steps": 0, "schedule": "constant", "unk_dropout": 0.0, **values}
    )


def sgd_steps(
    tiny_bert: Path, settings: TrainConfig, *, distill: bool, steps: int = 2
) -> tuple[TokenModel, list[float], Run]:
    """Run steps of plain SGD in float64 and return their losses; Adam would ignore the scale of a loss."""
    torch.set_default_dtype(torch.float64)
    try:
        model = student(tiny_bert)
        model.model.double()
        examples = Examples(
            model,
            SENTENCES if distill else [s for s in SENTENCES if s.tags],
            teacher_logits=RandomLogits() if distill else None,
        )
        run = Run(None, device="cpu", distributed=True)
        optimizer = torch.optim.SGD(model.model.parameters(), lr=0.5)
        average = MovingAverage(list(model.model.parameters()), 0.0)
        state = TrainState(model.model, optimizer, average, Progress(), {})
        plan, _ = build_plan(examples, settings, 0)
        objective = (
            DistillObjective(KLConfig(temperature=2.0, dist_w=0.7, loss_w=0.4)) if distill else SupervisedObjective()
        )
        taken = train_steps(model, examples, objective, settings, state=state, plan=plan, steps=steps, run=run)
        losses = [float(step.losses["loss"]) for step in taken]
    finally:
        torch.set_default_dtype(torch.float32)
    return model, losses, run


def main(tiny_bert: str, folder: str) -> None:
    """Train with and without a teacher, in float64, with clipping and the all-reduce of table rows."""
    training_steps._TABLE_ROWS = 16
    settings = config(batch_sentences=5, clip_norm=0.5, micro_batches=2)
    for name, distill in (("gold", False), ("distilled", True)):
        model, losses, run = sgd_steps(Path(tiny_bert), settings, distill=distill, steps=6)
        if run.processes.is_rank_zero:
            tensors = {key: value.detach().clone() for key, value in model.model.named_parameters()}
            save_file(tensors, Path(folder) / f"{name}.safetensors")
            (Path(folder) / f"{name}.json").write_text(json.dumps(losses))


if __name__ == "__main__":
    main(*sys.argv[1:])
