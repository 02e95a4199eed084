"""Checkpoints: the state of a training run, its file, and the decision whether a run resumes from one.

A checkpoint is one safetensors file with the progress as JSON in its metadata, never a pickle.
"""

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
from nlptrain.errors import InputError, Setting
from nlptrain.models.token_model import TokenModel
from nlptrain.run.checksums import CHECKPOINT, PREVIOUS, DamagedFile, read_metadata, save_tensors
from nlptrain.run.run import Run
from nlptrain.training.optimizer import MovingAverage, build_optimizer


@dataclass
class Progress:
    """The progress of a run, apart from its tensors.

    Attributes:
        step: optimizer steps done.
        best_step: the step of the best weights; 0 before the first evaluation.
        best_score: their dev score; -1 before the first evaluation.
        best_selection_metric: the value that selected them; larger is better.
        pending: the losses of the steps since the last line of metrics.jsonl, by part.
        words: words with a target in these steps.
        metrics_bytes: size of metrics.jsonl after ``step``.
        metrics_hash: SHA-256 of these bytes.
        steps: of the whole training, as decided when it started.
        processes: that did the last step; 0: unknown.
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
    processes: int = 0


@dataclass
class TrainState:
    """Everything that a resumed run needs: weights, their average, the best ones, optimizer moments, and progress.

    The order of batches, dropout and word dropout are functions of seed and step, so no random state is stored.
    """

    model: nn.Module
    optimizer: torch.optim.Optimizer
    average: MovingAverage
    progress: Progress
    best: dict[str, Tensor]
    scaler: torch.amp.GradScaler | None = None

    def save(self, path: Path, identity_hash: str) -> None:
        """Write the state to ``path``, whole or not at all, with the ``identity_hash`` of the run."""
        tensors: dict[str, Tensor] = {}
        for (name, parameter), average in zip(self._parameters(), self.average.values, strict=True):
            tensors[f"model.{name}"] = parameter.detach()
            if self.average.decay:
                tensors[f"average.{name}"] = average
            for moment, value in self.optimizer.state[parameter].items():
                tensors[f"{moment}.{name}"] = value
        tensors.update({f"best.{name}": tensor for name, tensor in self.best.items()})
        contiguous = {name: tensor.contiguous() for name, tensor in tensors.items()}
        metadata = {"progress": json.dumps(asdict(self.progress)), "run": identity_hash}
        if self.scaler is not None:
            metadata["scaler"] = json.dumps(self.scaler.state_dict())
        save_tensors(path, contiguous, metadata)

    @torch.no_grad()
    def load(self, path: Path) -> None:
        """Load the state from ``path``, which has been verified."""
        with safe_open(path, framework="pt") as file:
            progress = json.loads(file.metadata()["progress"])
            if "best_merit" in progress:  # the older name
                progress["best_selection_metric"] = progress.pop("best_merit")
            self.progress = Progress(**progress)
            if self.scaler is not None:
                self.scaler.load_state_dict(json.loads(file.metadata()["scaler"]))
            names = set(file.keys())
            for (name, parameter), average in zip(self._parameters(), self.average.values, strict=True):
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
        self.best = {name: parameter.detach().cpu().clone() for name, parameter in self._parameters()}

    @torch.no_grad()
    def restore_best(self) -> None:
        """Copy the best weights into the model."""
        for name, parameter in self._parameters():
            parameter.copy_(self.best[name])

    def _parameters(self) -> list[tuple[str, nn.Parameter]]:
        return list(self.model.named_parameters())


def save_checkpoint(state: TrainState, run: Run) -> None:
    """Write a checkpoint and keep the previous one, so that there are one or two at any time."""
    if run.folder is None:
        return
    checkpoint, previous = run.folder / CHECKPOINT, run.folder / PREVIOUS
    if checkpoint.is_file():
        checkpoint.replace(previous)
    state.progress.processes = run.processes.world_size
    state.save(checkpoint, run.identity_hash)


def start_or_resume(model: TokenModel, config: TrainConfig, run: Run, steps: int) -> TrainState:
    """Return the state of a new run of ``steps`` steps, or that of its checkpoint; the same in all processes.

    Raises:
        InputError: the checkpoint does not fit ``model``, or not all processes see it.
    """
    run.processes.broadcast([parameter.data for parameter in model.model.parameters()])
    average = MovingAverage(list(model.model.parameters()), config.ema)
    state = TrainState(
        model.model, build_optimizer(model.model, config), average, Progress(), {}, run.accelerator.scaler
    )
    checkpoint = (
        None if run.shared_folder is None else run.processes.broadcast_from_rank0(lambda: _find_checkpoint(run))
    )
    if checkpoint is not None:
        if not checkpoint.is_file():
            raise InputError(
                f"rank 0 resumes from this file, but process {run.processes.rank} does not see it",
                location=str(checkpoint),
                hint=("give all processes the same ", Setting("output_dir"), ", e.g. on a shared disk"),
            )
        try:
            state.load(checkpoint)
        except (SafetensorError, KeyError, TypeError, RuntimeError) as error:
            raise InputError(
                f"does not fit this model ({str(error).splitlines()[0]})",
                location=str(checkpoint),
                hint=("train again with ", Setting("overwrite")),
            ) from error
        steps = state.progress.steps  # as decided at the start: another version may resolve ``auto`` differently
        run.log(f"resuming after step {state.progress.step:,} of {steps:,} ({checkpoint.name})")
        if state.progress.processes not in (0, run.processes.world_size):
            run.log(
                f"processes: {run.processes.world_size} instead of {state.progress.processes}; the batches stay the "
                "same, the random numbers of dropout do not"
            )
    state.progress.steps = steps
    return state


def _find_checkpoint(run: Run) -> Path | None:
    """Return the last checkpoint of ``run`` whose checksum is right, and move damaged ones aside; None: start anew."""
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
        run.log("no undamaged checkpoint: training starts again")
    return None
