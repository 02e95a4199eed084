"""The commands that measure models, as functions: evaluate, compare, benchmark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from nlptrain.api.output import console_of, log_of
from nlptrain.api.paths import folder_of, model_of, texts_of
from nlptrain.api.process import restoring
from nlptrain.api.values import plain_values
from nlptrain.config.data import DataConfig
from nlptrain.config.loading import validate_data
from nlptrain.data.sentence import check_iterable
from nlptrain.deployment.benchmark import Speed
from nlptrain.models import TokenModel
from nlptrain.procedures import benchmark_models, compare_runs, evaluate_files
from nlptrain.procedures.inference import Evaluation
from nlptrain.procedures.reporting import Comparison


@restoring()
def evaluate(
    model: str | Path | TokenModel,
    files: str | Path | Sequence[str | Path],
    *,
    data: Mapping[str, object] | DataConfig | None = None,
    device: str = "auto",
    progress: bool = False,
) -> Evaluation:
    """Score a model on gold files, as ``nlptrain evaluate`` does.

    Args:
        model: the folder of a run, of a model or of an exported tagger; a Hub name; or a model, which stays where it
            is.
        files: files and globs.
        data: their ``format``, ``columns`` and ``scheme``, as in the ``data`` of a YAML file; None: detected.
        device: where the model computes.
        progress: print what is skipped or repaired in the files to standard error.

    Raises:
        InputError: the model or a file cannot be read, or the files have tags that the model does not have.

    Example:
        ``evaluate("runs/student", "test.conll").scores.value``
    """
    settings = None if data is None else validate_data(plain_values({"data": data}, "evaluate")["data"], "evaluate")
    return evaluate_files(model_of(model), texts_of(files, "files"), settings, device=device, log=log_of(progress))


@restoring()
def compare(
    runs: Sequence[str | Path | TokenModel],
    *,
    require: Sequence[str] = (),
    bootstrap: int | None = None,
    speed: bool = True,
) -> Comparison:
    """Compare finished runs by score, size and speed, as ``nlptrain compare`` does.

    Args:
        runs: their folders, or models that were loaded from them.
        require: what every student must reach, e.g. ``share >= 0.95``; ``failures`` names those that do not.
        bootstrap: number of resamples for confidence intervals; None: no intervals.
        speed: whether to measure words per second.

    Raises:
        InputError: a run is not finished, the runs were scored on different data, or a requirement is invalid.
        TypeError: ``runs`` or ``require`` is a string, not a list.

    Example:
        ``compare(["runs/teacher", "runs/student"], require=["share >= 0.95"]).failures``
    """
    check_iterable(runs, "runs", "a list of folders")
    check_iterable(require, "require", "a list of requirements")
    folders = [Path(folder_of(run, "runs")) for run in runs]
    return compare_runs(folders, requirements=require, resamples=bootstrap, measure_speed=speed)


@restoring()
def benchmark(
    models: Sequence[str | Path | TokenModel],
    *,
    text: str | Path | Sequence[str | Path] = (),
    threads: int = 1,
    batch_size: int | None = None,
    rounds: int = 5,
    progress: bool = False,
) -> list[Speed]:
    """Measure how fast models go from raw text to entities, as ``nlptrain benchmark`` does.

    Args:
        models: folders of runs, or models that were loaded from them, measured in PyTorch and, exported, in ONNX
            Runtime; and folders of exported taggers.
        text: files of raw text; none: that of the first run that names some, or its dev sample.
        threads: CPU threads of each model.
        batch_size: subwords per batch; None: the fastest for each model.
        rounds: in which the models take turns.
        progress: print a line for each measurement to standard error.

    Returns:
        The figures of each model.

    Raises:
        InputError: a model or the text is missing, or there is too little text.
        TypeError: ``models`` is a string, not a list.
    """
    check_iterable(models, "models", "a list of folders")
    speeds, _ = benchmark_models(
        [folder_of(model, "models") for model in models],
        texts_of(text, "text"),
        threads=threads,
        batch_size=batch_size,
        rounds=rounds,
        console=console_of(progress),
    )
    return speeds
