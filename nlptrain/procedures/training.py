"""Training commands: open the run, build the models, train."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import accelerate
import seqeval
import tokenizers
import torch
import transformers

from nlptrain import __version__
from nlptrain.analysis.comparison import sample_of
from nlptrain.config.commands import (
    CommandConfig,
    DistillationConfig,
    PseudoLabelRunConfig,
    TaggerConfig,
    TaggerKDConfig,
    TransformerTokenConfig,
)
from nlptrain.procedures.inputs import check_output_is_not_input, data_files, input_hashes, pinned
from nlptrain.procedures.models import build, check_buildable, transfer_dir
from nlptrain.procedures.student_training import distill, pseudo_label, train_on_gold
from nlptrain.procedures.text import peek, raw_text
from nlptrain.run.finished_run import resume_finished
from nlptrain.run.output_folder import command_line, identity_hash, output_folder, run_identity
from nlptrain.run.run import Run, check_native_precision
from nlptrain.run.seeds import check_not_seeds_folder
from nlptrain.training.tracking import check_trackers


def run_training(command: str, config: CommandConfig, *, overwrite: bool, workers: int = 1) -> dict[str, Any]:
    """Run ``command``, or read the scores if the same run has finished; return the scores."""
    folder = Path(config.output_dir)
    config = pinned(config)
    inputs = input_hashes(config)
    check_output_is_not_input(folder, config)
    check_not_seeds_folder(folder)
    if overwrite:
        check_buildable([folder], config)
    run = Run(
        folder,
        device=config.device,
        precision=config.precision,
        threads=config.threads,
        seed=config.seed or 0,
        workers=workers,
        distributed=True,
        report_to=config.report_to,
    )
    check_trackers(config.report_to)
    check_native_precision(run.device, getattr(config, "teacher_precision", "fp32"), "teacher_precision")
    run.identity = identity_hash(run_identity(command, config, inputs))
    held = output_folder(folder, command, config, inputs, overwrite=overwrite, log=run.log)
    with run.handling_signals(), run.processes.rank_zero_only(held):
        scores = run.processes.broadcast_from_rank0(lambda: resume_finished(folder, run.log))
        if scores is None:
            run.log_start(command)
            run.provenance = _provenance(command, config, run, inputs)
            scores = _COMMANDS[command](config, run)
        else:
            run.log(f"{folder} is finished; its scores (--overwrite trains it anew):")
    return scores


def _on_gold(config: TransformerTokenConfig | TaggerConfig, run: Run) -> dict[str, Any]:
    made = build(config, run)
    run.provenance["sample"] = sample_of([sentence.words for sentence in made.splits.dev])
    return train_on_gold(made.model, made.splits, config.train, run)


def _taught(config: DistillationConfig, run: Run) -> dict[str, Any]:
    made = build(config, run)
    raw = raw_text(config.data, made.splits, made.splitter, run)
    # Speed is measured on the same words whatever became of dev.
    seen = made.splits.dev or peek(config.data, made.splitter)
    run.provenance["sample"] = sample_of([sentence.words for sentence in seen])
    arguments = (made.model, made.ensemble, made.splits, raw, config.objective, config.train, run)  # type: ignore[attr-defined]
    scores: dict[str, Any] = _PROCEDURES[type(config)](
        *arguments,
        transfer_dir=transfer_dir(config),
        teacher_precision=config.teacher_precision,
        augment=config.augmenting,
    )
    return scores


_PROCEDURES: dict[type[DistillationConfig], Any] = {
    TaggerKDConfig: distill,
    PseudoLabelRunConfig: pseudo_label,
}


_COMMANDS: dict[str, Any] = {
    "transformer_token": _on_gold,
    "tagger": _on_gold,
    "tagger_kd": _taught,
    "pseudo_label": _taught,
}


def _provenance(command: str, config: CommandConfig, run: Run, inputs: dict[str, str]) -> dict[str, Any]:
    files = data_files(config.data)
    modules = (torch, transformers, accelerate, tokenizers, seqeval)
    scored = {
        "dev": [inputs[str(path)] for path in files.get("dev") or files.get("train") or files["unlabeled"]],
        "test": [inputs[str(path)] for path in files.get("test", [])],
    }
    return {
        "command": command,
        "seed": run.seed,
        "processes": run.processes.world_size,
        "command_line": command_line(),
        "versions": {"nlptrain": __version__, **{m.__name__: getattr(m, "__version__", "?") for m in modules}},
        "inputs": inputs,
        "scored_files": scored,
    }
