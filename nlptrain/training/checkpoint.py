"""The state of a training run as one visible object, and its checkpoint: one safetensors file, never a pickle."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from nlptrain.atomic_files import move_aside
from nlptrain.config.train import TrainConfig
from nlptrain.errors import InputError
from nlptrain.models.token_model import TokenModel
from nlptrain.run.checksums import CHECKPOINT, PREVIOUS, DamagedFile, read_metadata, save_tensors
from nlptrain.run.run import Run
from nlptrain.training.optimizer import MovingAverage, build_optimizer


@dataclass
class Progress:
    """The numbers of a run's state.

    Attributes:
        step: optimizer steps done.
        best_step: the step whose weights are the best ones; 0 before the first scoring.
        best_score: their dev score; -1 before the first scoring.
        best_selection_metric: the value that selected them; larger is better.
        pending: the losses of the steps since the last line of metrics.jsonl, by part.
        words: words of these steps that carried a target.
        metrics_bytes: size of metrics.jsonl behind ``step``.
        metrics_hash: SHA-256 of these bytes.
        steps: of the whole training, as it was begun.
    """

    step: int = 0
    best_step: int = 0
    best_score: float = -1.0
    best_selection_metric: float = -math.inf
    pending: dict[str, list[float]] = field(default_factory=dict)
    words: int = 0
    metrics_bytes: int = 0
    metrics_hash: str = ""
    steps: int = 0


@dataclass
class TrainState:
    """All that a resumed run needs: weights, their average, the best ones, moments, and numbers.

    Order of batches, dropout and dropped words are functions of seed and step, so there is no generator in here.
    """

    model: nn.Module
    optimizer: torch.optim.Optimizer
    average: MovingAverage
    progress: Progress
    best: dict[str, Tensor]
    scaler: torch.amp.GradScaler | None = None

    def save(self, path: Path, identity: str) -> None:
        """Write the state of the run with the hash ``identity`` to ``path``, whole or not at all."""
        tensors: dict[str, Tensor] = {}
        for (name, parameter), average in zip(self._named(), self.average.values, strict=True):
            tensors[f"model.{name}"] = parameter.detach()
            if self.average.decay:
                tensors[f"average.{name}"] = average
            for moment, value in self.optimizer.state[parameter].items():
                tensors[f"{moment}.{name}"] = value
        tensors.update({f"best.{name}": tensor for name, tensor in self.best.items()})
        contiguous = {name: tensor.contiguous() for name, tensor in tensors.items()}
        metadata = {"progress": json.dumps(asdict(self.progress)), "run": identity}
        if self.scaler is not None:
            metadata["scaler"] = json.dumps(self.scaler.state_dict())
        save_tensors(path, contiguous, metadata)

    @torch.no_grad()
    def load(self, path: Path) -> None:
        """Take over the state in ``path``, which has been verified."""
        with safe_open(path, framework="pt") as file:
            progress = json.loads(file.metadata()["progress"])
            if "best_merit" in progress:  # the older name
                progress["best_selection_metric"] = progress.pop("best_merit")
            self.progress = Progress(**progress)
            if self.scaler is not None:
                self.scaler.load_state_dict(json.loads(file.metadata()["scaler"]))
            names = set(file.keys())
            for (name, parameter), average in zip(self._named(), self.average.values, strict=True):
                parameter.copy_(file.get_tensor(f"model.{name}"))
                if self.average.decay:
                    average.copy_(file.get_tensor(f"average.{name}"))
                moments = {m: f"{m}.{name}" for m in ("step", "exp_avg", "exp_avg_sq") if f"{m}.{name}" in names}
                if moments:
                    self.optimizer.state[parameter] = {
                        m: file.get_tensor(key).to(parameter.device) for m, key in moments.items()
                    }
            self.best = {
                name.removeprefix("best."): file.get_tensor(name) for name in names if name.startswith("best.")
            }

    def keep_best(self, score: float, selection_metric: float) -> None:
        """Store the current weights as the best ones."""
        self.progress.best_score, self.progress.best_step = score, self.progress.step
        self.progress.best_selection_metric = selection_metric
        self.best = {name: parameter.detach().cpu().clone() for name, parameter in self._named()}

    @torch.no_grad()
    def restore_best(self) -> None:
        """Put the best weights into the model."""
        for name, parameter in self._named():
            parameter.copy_(self.best[name])

    def _named(self) -> list[tuple[str, nn.Parameter]]:
        return list(self.model.named_parameters())


def save_checkpoint(state: TrainState, run: Run) -> None:
    """Write a checkpoint and keep the one before it; there is never less than one, nor more than two."""
    if run.folder is None:
        return
    checkpoint, previous = run.folder / CHECKPOINT, run.folder / PREVIOUS
    if checkpoint.is_file():
        checkpoint.replace(previous)
    state.save(checkpoint, run.identity)


def start_or_resume(model: TokenModel, config: TrainConfig, run: Run, steps: int) -> TrainState:
    """The state of a run at its start, or where its checkpoint says that it stood; in all processes the same."""
    run.processes.broadcast([parameter.data for parameter in model.model.parameters()])
    average = MovingAverage(list(model.model.parameters()), config.ema)
    state = TrainState(
        model.model, build_optimizer(model.model, config), average, Progress(), {}, run.accelerator.scaler
    )
    checkpoint = (
        None if run.shared_folder is None else run.processes.broadcast_from_rank0(lambda: _whole_checkpoint(run))
    )
    if checkpoint is not None:
        if not checkpoint.is_file():
            raise InputError(
                f"{checkpoint}: the first process resumes from it, and process {run.processes.rank} does not see it; "
                "all must see the same folders"
            )
        try:
            state.load(checkpoint)
        except (SafetensorError, KeyError, TypeError, RuntimeError) as error:
            raise InputError(
                f"{checkpoint}: does not fit this model ({str(error).splitlines()[0]}); train anew with --overwrite"
            ) from error
        steps = state.progress.steps  # as it was begun: another version may make something else of ``auto``
        run.log(f"resuming behind step {state.progress.step:,} of {steps:,}")
    state.progress.steps = steps
    return state


def _whole_checkpoint(run: Run) -> Path | None:
    """The last checkpoint of ``run`` whose bytes are as they were written; a damaged one is moved aside."""
    assert run.folder is not None
    damaged = False
    for path in (run.folder / CHECKPOINT, run.folder / PREVIOUS):
        if path.is_file():
            try:
                read_metadata(path)
            except DamagedFile as error:
                run.log(f"{path}: is damaged ({error.reason}); moved to {move_aside(path).name}")
                damaged = True
            else:
                return path
    if damaged:
        run.log("no checkpoint is whole: training starts again")
    return None
