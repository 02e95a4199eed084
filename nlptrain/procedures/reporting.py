"""The commands on finished runs: comparison, export, benchmark, model card."""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import ValidationError
from rich.console import Console

from nlptrain.analysis.comparison import Row, compare_scores, other_teachers, read_run_scores, teacher_score
from nlptrain.analysis.requirements import Requirement, weak_types
from nlptrain.analysis.significance import Bootstrap, bootstrap
from nlptrain.config import COMMANDS
from nlptrain.config.data import DataConfig
from nlptrain.config.loading import load_data_config
from nlptrain.config.yaml_files import read_yaml
from nlptrain.data.raw_text import read_raw_texts
from nlptrain.data.sentence import Sentence
from nlptrain.data.splits import DEV_SAMPLE_FILE, read_dev_sample, read_splits
from nlptrain.data.standard_input import STANDARD_INPUT
from nlptrain.data.text_files import expand_paths
from nlptrain.deployment.benchmark import Speed, measure_speeds, open_candidates
from nlptrain.deployment.card import ModelInfo, model_card
from nlptrain.deployment.export import export_onnx
from nlptrain.errors import InputError, Setting, check_local
from nlptrain.models import TokenModel, load_token_model
from nlptrain.run.checksums import DamagedFile, file_hash
from nlptrain.run.finished_run import read_scores
from nlptrain.run.run import Run
from nlptrain_runtime.errors import printable, quoted


@dataclass(frozen=True)
class Comparison:
    """Finished runs side by side.

    Attributes:
        rows: one for each run.
        teacher: the score of the teacher; None: there is none.
        bootstrap: the differences and their intervals; None: not asked for.
        failures: one line for each requirement that a run does not meet.
        notes: what a reader of the table should know.
    """

    rows: list[Row]
    teacher: float | None
    bootstrap: Bootstrap | None
    failures: list[str]
    notes: list[str]

    def to_json(self) -> dict[str, object]:
        """Return the comparison as ``nlptrain compare`` prints it as JSON."""
        runs = [
            {**row.to_json(self.teacher), "far_behind": [name for name, *_ in weak_types(row)]} for row in self.rows
        ]
        values = {"teacher": self.teacher, "runs": runs, "failed": self.failures}
        return {**values, **({"bootstrap": self.bootstrap.to_json()} if self.bootstrap else {})}


def compare_runs(
    runs: Sequence[Path], *, requirements: Sequence[str] = (), resamples: int | None = None, measure_speed: bool = True
) -> Comparison:
    """Compare finished runs.

    Args:
        runs: their folders.
        requirements: texts such as ``share >= 0.95``.
        resamples: of the bootstrap; None: no bootstrap.
        measure_speed: whether to measure words per second.

    Raises:
        InputError: a run is not finished, the runs were scored on different data, or a requirement is invalid.
    """
    required = [Requirement.parse(text) for text in requirements]
    Run(None, device="cpu")
    rows = compare_scores(runs, measure_speed=measure_speed)
    failures = [failure for requirement in required for failure in requirement.failures(rows)]
    differences = bootstrap(rows, resamples) if resamples else None
    notes = other_teachers(rows)
    for row in rows:
        for name, own, teacher in weak_types(row):
            points = f"{100 * (teacher - own):.1f} points below its teacher (F1 {own:.4f}, teacher {teacher:.4f})"
            notes.append(f"{row.run}: {name} is {points}")
    return Comparison(rows, teacher_score(rows), differences, failures, notes)


def export_run(
    run: str | TokenModel,
    out: Path,
    *,
    precisions: Sequence[str] = ("fp32",),
    dev_files: Sequence[str] = (),
    max_loss: float = 0.3,
    min_confidence: float = 0.0,
    overwrite: bool = False,
    log: Callable[[str], None] = lambda _: None,
    note: Callable[[str], None] = lambda _: None,
) -> int:
    """Export the model of a run as a folder that runs without torch, and return the folder's bytes.

    Args:
        run: the folder of a run or of a model, a Hub name; or a model.
        out: the new folder.
        precisions: fp32, fp16, int8.
        dev_files: gold files for the parity check; none: the run's own dev, or its sample of it.
        max_loss: points of the dev score that fp16 or int8 may lose.
        min_confidence: entities of a lower confidence are omitted.
        overwrite: replace an exported tagger in ``out``.
        log: receives the results of the parity check.
        note: receives the origin of the dev sentences if they are the run's sample.

    Raises:
        InputError: the dev files are missing, or the exported model differs from the original.
    """
    check_local(out)
    Run(None, device="cpu")
    model = run if isinstance(run, TokenModel) else load_token_model(run)
    dev = _dev_sentences(model, dev_files, note)
    export_onnx(
        model,
        out,
        list(dict.fromkeys(precisions)),
        dev=dev,
        max_loss=max_loss,
        min_confidence=min_confidence,
        overwrite=overwrite,
        log=log,
    )
    return sum(path.stat().st_size for path in out.rglob("*") if path.is_file())


def _dev_sentences(model: TokenModel, files: Sequence[str], note: Callable[[str], None]) -> list[Sentence]:
    """Return the sentences of ``files``, or else of the run's dev files or its sample of them; none without a run."""
    folder = model.folder
    if files:
        return list(read_splits(DataConfig(dev=list(files)), model.labels, log=lambda _: None).dev)
    if folder is None or not (folder / "config.yaml").is_file():
        return []
    data = _unchanged_dev(folder)
    if data is not None:
        return list(read_splits(data, model.labels, log=lambda _: None).dev)
    if sample := read_dev_sample(folder):
        note(f"compared on the {len(sample):,} sentences of {folder / DEV_SAMPLE_FILE}")
        return sample
    raise InputError(
        f"its dev files are not where its config.yaml names them, and it holds no {DEV_SAMPLE_FILE}",
        location=str(folder),
        hint=(
            "name gold files (",
            Setting("dev"),
            f"), run the command where the run was trained, or export {folder / 'model'}, without dev sentences",
        ),
    )


def _unchanged_dev(folder: Path) -> DataConfig | None:
    """Return the dev files of the run in ``folder``, or None unless all of them are still the files that it read."""
    scores = read_scores(folder) or {}
    if scores.get("command") not in COMMANDS:
        return None
    path = folder / "config.yaml"
    try:
        data = load_data_config(path)
    except InputError as error:
        raise DamagedFile(path, str(error), ("name gold files: ", Setting("dev"))) from error
    split: Literal["train", "dev"] = "train" if data.dev is None else "dev"
    if not data.paths_of(split) or STANDARD_INPUT in data.paths_of(split):
        return None
    hashes = scores.get("inputs", {})
    try:
        if any(
            hashes.get(str(path)) != file_hash(path) for path in expand_paths(data.paths_of(split), key=f"data.{split}")
        ):
            return None
    except (InputError, OSError):
        return None
    return data.model_copy(update=dict.fromkeys({"train", "test", "unlabeled"} - {split}))


def benchmark_models(
    models: Sequence[str],
    text_files: Sequence[str] = (),
    *,
    threads: int = 1,
    batch_size: int | None = None,
    rounds: int = 5,
    console: Console | None = None,
) -> tuple[list[Speed], int]:
    """Measure the speed of models, and return it with the number of texts.

    Args:
        models: folders of runs and of exported taggers.
        text_files: raw text; none: that of the first run that names some, or its dev sample.
        threads: CPU threads of each model.
        batch_size: subwords per batch; None: the fastest for each model.
        rounds: in which the models take turns.
        console: for a line per measurement; None: stderr.

    Raises:
        InputError: a model or the text is missing, or there is too little text.
    """
    run = Run(None, device="cpu", console=console)
    texts = list(_benchmark_texts(models, text_files))
    with open_candidates(models, threads=threads, batch=batch_size) as candidates:
        return measure_speeds(candidates, texts, rounds=rounds, log=run.log), len(texts)


def _benchmark_texts(models: Sequence[str], files: Sequence[str]) -> Iterator[str]:
    patterns = files or next(filter(None, map(_raw_text_of, models)), ())
    if patterns:
        for path in expand_paths(list(patterns), key="text", raw=True):
            yield from read_raw_texts(path)
        return
    sample = next(filter(None, (read_dev_sample(Path(model)) for model in models)), None)
    if sample is None:
        raise InputError(
            f"missing, and {', '.join(models)} has neither raw text in the current folder nor {DEV_SAMPLE_FILE}",
            location=Setting("text"),
            hint="name files to read",
        )
    yield from (" ".join(sentence.words) for sentence in sample)


def _raw_text_of(model: str) -> tuple[str, ...]:
    """Return the unlabeled text that a run was trained on, if it still exists."""
    path = Path(model) / "config.yaml"
    if not path.is_file():
        return ()
    data = read_yaml(path).get("data")
    unlabeled = data.get("unlabeled") if isinstance(data, dict) else None
    try:
        config = DataConfig.model_validate({"unlabeled": unlabeled})  # other keys may be of another version
    except ValidationError as error:
        raise InputError(f"found {quoted(unlabeled)}", location=f"{path}: data.unlabeled", expected="files") from error
    return tuple(pattern for pattern in config.paths_of("unlabeled") if glob.glob(pattern, recursive=True))


def write_card(
    run: Path,
    *,
    name: str | None = None,
    dataset: str | None = None,
    license_id: str | None = None,
    languages: Sequence[str] = (),
    base_models: Sequence[str] = (),
    control: Path | None = None,
    speeds: Path | None = None,
) -> str:
    """Return the model card of a finished run.

    Args:
        run: its folder, or that of several seeds.
        name: of the model; None: that of the folder.
        dataset: name of the data set; None: that of its folder.
        license_id: an identifier of the Hub, e.g. apache-2.0.
        languages: of the text, e.g. en.
        base_models: models on the Hub that it was made from.
        control: a finished run of the same student without a teacher.
        speeds: the output of ``nlptrain benchmark`` as JSON.

    Raises:
        InputError: a run is not finished.
    """
    scores = read_run_scores(run)
    if dataset is None:
        first = Path(next(iter(scores.scores[0]["inputs"]), ""))
        dataset = first.parent.name or (first.resolve().parent.name if first.exists() else first.stem)
    info = ModelInfo(name or run.resolve().name, dataset, license_id, tuple(languages), tuple(base_models))
    text = model_card(run, info, control=control, speeds=speeds)
    return "\n".join(map(printable, text.split("\n")))
