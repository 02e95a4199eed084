"""The four training commands as functions: they take the keys of the YAML, and return the trained model.

docs/reference/configuration.md has the meaning of each key. None: its value in the YAML file ``config``, or else its
default.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from nlptrain.api.output import console_of, log_of
from nlptrain.api.process import check_not_imported_by_worker, restoring
from nlptrain.api.values import plain_values
from nlptrain.config import COMMANDS, load_config
from nlptrain.config.commands import StudentCommandConfig
from nlptrain.config.data import DataConfig
from nlptrain.config.labeling import LabelingConfig
from nlptrain.config.objectives import LossConfig, PseudoLabelConfig
from nlptrain.config.section import Section
from nlptrain.config.student import StudentConfig, TransformerStudentConfig
from nlptrain.config.teachers import TeacherConfig
from nlptrain.config.train import AugmentConfig, TrainConfig, TransformerTrainConfig
from nlptrain.models import TokenModel, load_token_model
from nlptrain.procedures import run_seeds, run_training
from nlptrain.run.seeds import seed_folder
from nlptrain.training.objective import Objective, checked_objective

Map = Mapping[str, object]
Precision = Literal["fp32", "bf16", "fp16"]


def train_transformer(
    config: str | Path | None = None,
    *,
    model: str | Path | None = None,
    data: Map | DataConfig | None = None,
    train: Map | TransformerTrainConfig | None = None,
    language: str | None = None,
    output_dir: str | Path | None = None,
    seed: int | None = None,
    device: str | None = None,
    precision: Precision | None = None,
    threads: int | None = None,
    report_to: Sequence[str] | None = None,
    overwrite: bool = False,
    progress: bool = False,
) -> TokenModel:
    """Fine-tune a transformer, the teacher, as ``nlptrain transformer_token`` does.

    Args:
        config: a YAML file, whose values the other arguments override.
        model: the pretrained transformer.
        data: the files and their format.
        train: length, batches, optimizer.
        language: of the data, for the few models that need it.
        output_dir: folder of the run. If it holds the same run, that one goes on or, if it has finished, is loaded.
        seed: of everything random.
        device: auto, cpu, cuda, cuda:N or mps.
        precision: of the forward pass.
        threads: of the CPU.
        report_to: experiment trackers.
        overwrite: remove the run that is in ``output_dir``.
        progress: print the lines of the log to standard error.

    Returns:
        The trained model; its ``folder`` is that of the run.

    Raises:
        InputError: a key, a file or a model is invalid or missing.
    """
    return _train("transformer_token", "train_transformer", locals())


def train_tagger(
    config: str | Path | None = None,
    *,
    student: Map | StudentConfig | TransformerStudentConfig | None = None,
    data: Map | DataConfig | None = None,
    train: Map | TrainConfig | None = None,
    output_dir: str | Path | None = None,
    seed: int | None = None,
    seeds: Sequence[int] | None = None,
    device: str | None = None,
    precision: Precision | None = None,
    threads: int | None = None,
    report_to: Sequence[str] | None = None,
    overwrite: bool = False,
    progress: bool = False,
) -> TokenModel:
    """Train a small tagger without a teacher, as ``nlptrain tagger`` does: the control of a distilled student.

    Args:
        config: a YAML file, whose values the other arguments override.
        student: the student model.
        data: the files and their format.
        train: length, batches, optimizer.
        output_dir: folder of the run, or of one run for each of ``seeds``.
        seed: of everything random.
        seeds: several seeds, instead of ``seed``: each is trained.
        device: auto, cpu, cuda, cuda:N or mps.
        precision: of the forward pass.
        threads: of the CPU.
        report_to: experiment trackers.
        overwrite: remove the run that is in ``output_dir``.
        progress: print the lines of the log to standard error.

    Returns:
        The trained model; of several seeds, the one with the best score on dev.

    Raises:
        InputError: a key, a file or a model is invalid or missing.
    """
    return _train("tagger", "train_tagger", locals())


def distill(
    config: str | Path | None = None,
    *,
    teacher: str | Path | TokenModel | Map | TeacherConfig | None = None,
    teachers: Sequence[Map | TeacherConfig] | None = None,
    data: Map | DataConfig | None = None,
    student: Map | StudentConfig | TransformerStudentConfig | None = None,
    objective: Map | LossConfig | Objective | None = None,
    train: Map | TrainConfig | None = None,
    augment: Map | AugmentConfig | Literal["auto", "none"] | None = None,
    output_dir: str | Path | None = None,
    transfer_dir: str | Path | None = None,
    transfer_cache_gb: float | None = None,
    teacher_precision: Literal["fp32", "bf16", "int8"] | None = None,
    labeling: Map | LabelingConfig | None = None,
    seed: int | None = None,
    seeds: Sequence[int] | None = None,
    device: str | None = None,
    precision: Precision | None = None,
    threads: int | None = None,
    report_to: Sequence[str] | None = None,
    overwrite: bool = False,
    workers: int = 1,
    progress: bool = False,
) -> TokenModel:
    """Distill a teacher into a small tagger, as ``nlptrain tagger_kd`` does.

    Args:
        config: a YAML file, whose values the other arguments override.
        teacher: the fine-tuned token classifier; a model that was loaded from a folder is read from there again.
        teachers: several, instead of ``teacher``.
        data: the files and their format.
        student: the student model.
        objective: the loss, as in YAML; or an object whose method ``loss`` replaces it, and nothing else.
        train: length, batches, optimizer.
        augment: how synthetic sentences are made.
        output_dir: folder of the run, or of one run for each of ``seeds``.
        transfer_dir: folder of the teacher's logits, shared by all runs, or a URL.
        transfer_cache_gb: of local copies of what is below a URL, in GB.
        teacher_precision: arithmetic of the teacher.
        labeling: where the teacher labels text, and how many sentences it may fail on.
        seed: of everything random.
        seeds: several seeds, instead of ``seed``: each is trained.
        device: auto, cpu, cuda, cuda:N or mps.
        precision: of the forward pass.
        threads: of the CPU.
        report_to: experiment trackers.
        overwrite: remove the run that is in ``output_dir``.
        workers: processes that label text at a time, on a CPU; more than 1 need a main module that can be imported.
        progress: print the lines of the log to standard error.

    Returns:
        The trained student; of several seeds, the one with the best score on dev.

    Raises:
        InputError: a key, a file or a model is invalid or missing, or the loss is not finite.
        TypeError: ``objective`` has no method ``loss`` that returns a ``Loss``.
    """
    return _train("tagger_kd", "distill", locals())


def pseudo_label(
    config: str | Path | None = None,
    *,
    teacher: str | Path | TokenModel | Map | TeacherConfig | None = None,
    teachers: Sequence[Map | TeacherConfig] | None = None,
    data: Map | DataConfig | None = None,
    student: Map | StudentConfig | TransformerStudentConfig | None = None,
    objective: Map | PseudoLabelConfig | None = None,
    train: Map | TrainConfig | None = None,
    augment: Map | AugmentConfig | Literal["auto", "none"] | None = None,
    output_dir: str | Path | None = None,
    transfer_dir: str | Path | None = None,
    transfer_cache_gb: float | None = None,
    teacher_precision: Literal["fp32", "bf16", "int8"] | None = None,
    labeling: Map | LabelingConfig | None = None,
    seed: int | None = None,
    seeds: Sequence[int] | None = None,
    device: str | None = None,
    precision: Precision | None = None,
    threads: int | None = None,
    report_to: Sequence[str] | None = None,
    overwrite: bool = False,
    workers: int = 1,
    progress: bool = False,
) -> TokenModel:
    """Train a small tagger on the tags that a teacher predicts, as ``nlptrain pseudo_label`` does.

    Arguments, result and errors are those of ``distill``; ``objective`` has other keys, and is no object.
    """
    return _train("pseudo_label", "pseudo_label", locals())


def _train(command: str, caller: str, arguments: dict[str, Any]) -> TokenModel:
    """Run ``command`` with the ``arguments`` of the function ``caller``, by name; None: not given."""
    check_not_imported_by_worker()
    keys = dict(arguments)
    config, overwrite, progress = keys.pop("config"), keys.pop("overwrite"), keys.pop("progress")
    workers, objective = keys.pop("workers", 1), None
    if command == "tagger_kd" and not isinstance(keys["objective"], Mapping | Section | None):
        objective = checked_objective(keys.pop("objective"))
    loaded = load_config(COMMANDS[command], config, arguments=(caller, plain_values(keys, caller))).config
    console = console_of(progress)
    folder = Path(loaded.output_dir)
    with restoring():
        if isinstance(loaded, StudentCommandConfig) and loaded.seeds:
            each = run_seeds(
                command,
                loaded,
                overwrite=overwrite,
                workers=workers,
                own_objective=objective,
                console=console,
                log=log_of(progress),
            )
            scores = [run["dev"][run["dev"]["metric"]] for run in each]
            folder = seed_folder(folder, loaded.seeds[scores.index(max(scores))])
        else:
            run_training(
                command, loaded, overwrite=overwrite, workers=workers, own_objective=objective, console=console
            )
    return load_token_model(folder)
