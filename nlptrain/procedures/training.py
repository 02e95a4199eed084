"""The training commands: open the output folder, resume or train, write the scores; also once for each seed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import accelerate
import seqeval
import tokenizers
import torch
import transformers
from rich.console import Console

from nlptrain import __version__
from nlptrain.analysis.comparison import sample_of
from nlptrain.config.auto import describe_resolved
from nlptrain.config.commands import CommandConfig, DistillationConfig, PseudoLabelRunConfig, StudentCommandConfig
from nlptrain.config.loading import to_yaml
from nlptrain.data.corpus import raw_sample, raw_text
from nlptrain.data.sentence import Sentence
from nlptrain.data.splits import held_out_sentences
from nlptrain.data.text_ranges import TextFiles
from nlptrain.interrupts import interrupt
from nlptrain.procedures.inputs import Inputs, read_inputs
from nlptrain.procedures.models import Setup, set_up
from nlptrain.procedures.student_training import train_on_gold, train_on_logits, train_on_pseudo_labels
from nlptrain.procedures.text_record import SourceText
from nlptrain.run.finished_run import read_verified_scores
from nlptrain.run.output_folder import check_same_run, command_line, identity_hash, output_folder, run_identity
from nlptrain.run.processes import Processes
from nlptrain.run.run import Run, check_native_precision, signal_handlers
from nlptrain.run.seeds import check_not_seeds_folder, parent_folder, seed_folder, seeds_folder
from nlptrain.training.objective import Objective, describe_objective
from nlptrain.training.tracking import check_trackers
from nlptrain.urls import is_output_url


def run_training(
    command: str,
    config: CommandConfig,
    *,
    overwrite: bool = False,
    workers: int = 1,
    own_objective: Objective | None = None,
    console: Console | None = None,
) -> dict[str, Any]:
    """Run a training command, or read the scores if the same run has finished.

    Args:
        command: transformer_token, tagger, tagger_kd or pseudo_label.
        config: its configuration, with one seed.
        overwrite: clear the run in the output folder first.
        workers: processes that label text.
        own_objective: computes the loss of tagger_kd, instead of ``config.objective``.
        console: for log lines; None: stderr.

    Returns:
        What ``scores.json`` holds.

    Raises:
        InputError: a file, a model or the output folder cannot be used.
    """
    folder = Path(config.output_dir)
    inputs = read_inputs(config)
    inputs.check_output(folder)
    check_not_seeds_folder(folder)
    if overwrite:
        check_set_up([folder], inputs.config)
    run = open_run(inputs.config, folder, workers=workers, console=console)
    own_name = None if own_objective is None else describe_objective(own_objective)
    identity = run_identity(command, inputs.config, inputs.hashes, own_name)
    run.identity_hash = identity_hash(identity)
    locked = output_folder(folder, identity, to_yaml(inputs.config, own_name), overwrite=overwrite, log=run.log)
    with run.handling_signals(), run.processes.rank_zero_only(locked):
        scores = run.processes.broadcast_from_rank0(lambda: read_verified_scores(folder, run.log))
        if scores is not None:
            run.log(f"{folder} is finished; its scores (overwrite: train it again):")
            return scores
        run.log_start(command)
        if inputs.resolved:
            run.log(describe_resolved(inputs.resolved))
        run.provenance = _provenance(command, inputs, run)
        if own_name:
            run.provenance["objective"] = own_name
            run.log(f"objective: {own_name}, given from Python")
        return train(inputs.config, set_up(inputs.config, run), run, own_objective)


def open_run(
    config: CommandConfig,
    folder: Path | None = None,
    *,
    workers: int = 1,
    distributed: bool = True,
    console: Console | None = None,
) -> Run:
    """Return the run of ``config``: its device, precision, seed and trackers.

    Args:
        config: of a training command.
        folder: the output folder; None: nothing is written.
        workers: processes that label text.
        distributed: whether a launcher may have started several processes.
        console: for log lines; None: stderr.

    Raises:
        InputError: the device, a precision or a tracker is not available.
    """
    run = Run(
        folder,
        device=config.device,
        precision=config.precision,
        threads=config.threads,
        seed=config.seed or 0,
        workers=workers,
        labeling=config.labeling if isinstance(config, DistillationConfig) else None,
        distributed=distributed,
        console=console,
        report_to=config.report_to,
    )
    check_trackers(config.report_to)
    check_native_precision(run.device, getattr(config, "teacher_precision", "fp32"), "teacher_precision")
    return run


def check_set_up(folders: Iterable[Path], config: CommandConfig) -> None:
    """If one of ``folders`` holds a finished run, set up the new run once before the old one is cleared.

    Raises:
        InputError: a file or a model is missing or invalid.
    """
    if any((folder / "scores.json").is_file() for folder in folders):
        silent = Console(quiet=True)
        set_up(config, Run(None, device=config.device, seed=config.seed or 0, console=silent, distributed=True))


def train(config: CommandConfig, setup: Setup, run: Run, own_objective: Objective | None = None) -> dict[str, Any]:
    """Train the model of ``setup``, with its teacher if it has one, and return what ``scores.json`` holds."""
    splits = setup.splits
    if not isinstance(config, DistillationConfig) or setup.ensemble is None:
        run.provenance["sample"] = sample_of([sentence.words for sentence in splits.dev])
        return train_on_gold(setup.model, splits, config.train, run)  # type: ignore[attr-defined]
    # ``compare`` measures speed on this sample. Without dev files it is the start of the raw text, whichever sentences
    # become dev.
    sample = splits.dev or raw_sample(config.data)
    run.provenance["sample"] = sample_of([sentence.words for sentence in sample])
    if config.data.unlabeled is not None:
        paths = config.data.paths_of("unlabeled")
        more = f" and {len(paths) - 3} more" if len(paths) > 3 else ""
        run.log(f"raw text: {', '.join(paths[:3])}{more} (data.unlabeled)")
    procedure: Callable[..., dict[str, Any]] = partial(train_on_logits, own_objective=own_objective)
    if isinstance(config, PseudoLabelRunConfig):
        procedure = train_on_pseudo_labels
    return procedure(
        setup.model,
        setup.ensemble,
        splits,
        _source_text(config, setup, run),
        config.objective,  # type: ignore[attr-defined]
        config.train,
        run,
        transfer_dir=transfer_dir(config),
        transfer_cache_gb=config.transfer_cache_gb,
        augment=config.augmenting,
    )


def _source_text(config: DistillationConfig, setup: Setup, run: Run) -> SourceText:
    """Return the raw text of a run."""
    data, splitter, held_out = config.data, setup.splitter, held_out_sentences(setup.splits)

    def read(log: Callable[[str], None], counts: dict[str, Any]) -> Iterator[Sentence]:
        return raw_text(data, splitter, held_out, log, to_label=True, read_counts=counts)

    key = {
        "files": run.provenance["inputs"],
        "data": data.model_dump(mode="json"),
        "splitter": splitter.segmenter or splitter.version,
    }
    files = None if data.unlabeled is None else partial(TextFiles.of, data, splitter, held_out)
    return SourceText(read, key, run.provenance["data"], files)


def transfer_dir(config: DistillationConfig) -> str | Path:
    """Return the folder of the teachers' logits, or its URL."""
    if config.transfer_dir is not None and is_output_url(config.transfer_dir):
        return config.transfer_dir
    return Path(config.transfer_dir or parent_folder(Path(config.output_dir)) / "transfer")


def run_seeds(
    command: str,
    config: StudentCommandConfig,
    *,
    overwrite: bool = False,
    workers: int = 1,
    own_objective: Objective | None = None,
    console: Console | None = None,
    report: Callable[[int, dict[str, Any]], None] = lambda _, __: None,
    log: Callable[[str], None] = lambda _: None,
) -> list[dict[str, Any]]:
    """Run a training command once for each of the seeds of ``config``, and return their scores.

    Args:
        command: tagger, tagger_kd or pseudo_label.
        config: with ``seeds``.
        overwrite: clear the runs of all seeds first.
        workers: processes that label text.
        own_objective: as for ``run_training``.
        console: as for ``run_training``.
        report: receives each seed and its scores as soon as its run ends.
        log: receives a line about a damaged file.

    Raises:
        InputError: also for a later seed, before the first one is trained.
    """
    folder = Path(config.output_dir)
    with signal_handlers(interrupt):
        processes = _check_seeds(command, config, folder, own_objective, overwrite=overwrite)
        locked = seeds_folder(folder, command, config.seeds or (), overwrite=overwrite, log=log)
        with processes.rank_zero_only(locked):
            scores = []
            for seed in config.seeds or ():
                single = config_of_seed(config, seed)
                run = run_training(command, single, workers=workers, own_objective=own_objective, console=console)
                scores.append(run)
                report(seed, scores[-1])
    return scores


def config_of_seed(config: StudentCommandConfig, seed: int) -> StudentCommandConfig:
    """Return the configuration of a single run of ``seed``, in a folder of its own."""
    folder = seed_folder(Path(config.output_dir), seed)
    return config.model_copy(update={"seed": seed, "seeds": None, "output_dir": str(folder)})


def _check_seeds(
    command: str, config: StudentCommandConfig, folder: Path, own_objective: Objective | None, *, overwrite: bool
) -> Processes:
    """Raise if a run cannot start, before anything is trained or cleared."""
    run = Run(None, device=config.device, precision=config.precision, distributed=True)
    inputs = read_inputs(config)
    assert isinstance(inputs.config, StudentCommandConfig)
    configs = [config_of_seed(inputs.config, seed) for seed in config.seeds or ()]
    folders = {folder, *folder.glob("seed-*"), *(Path(single.output_dir) for single in configs)}
    for path in folders:
        inputs.check_output(path)
    if overwrite:
        check_set_up(folders, configs[0])
        return run.processes
    own_name = None if own_objective is None else describe_objective(own_objective)
    for single in configs:
        check_same_run(Path(single.output_dir), run_identity(command, single, inputs.hashes, own_name))
    return run.processes


def _provenance(command: str, inputs: Inputs, run: Run) -> dict[str, Any]:
    """Return what ``scores.json`` records about the origin of the scores."""
    files = inputs.files
    modules = (torch, transformers, accelerate, tokenizers, seqeval)
    scored = {
        "dev": [inputs.hashes[str(path)] for path in files.get("dev") or files.get("train") or files["unlabeled"]],
        "test": [inputs.hashes[str(path)] for path in files.get("test", [])],
    }
    return {
        "command": command,
        "seed": run.seed,
        "processes": run.processes.world_size,
        "command_line": command_line(),
        "versions": {"nlptrain": __version__, **{m.__name__: getattr(m, "__version__", "?") for m in modules}},
        "inputs": inputs.hashes,
        "scored_files": scored,
    }
