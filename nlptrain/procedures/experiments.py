"""Folders of experiments: which one needs the model or the text of which other one."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from itertools import chain
from pathlib import Path
from typing import Literal

from nlptrain.config import COMMANDS, command_of, load_config
from nlptrain.config.commands import CommandConfig
from nlptrain.config.data import SPLITS
from nlptrain.config.loading import LoadedConfig, check_files_exist, model_references
from nlptrain.config.yaml_files import read_bytes, read_yaml
from nlptrain.errors import InputError, Problem, Setting, path_suggestion

State = Literal["waiting", "running", "done", "failed", "skipped"]
_OUTPUT = re.compile(r"^output_dir:[ \t]*(?:\"([^\"\n]+)\"|'([^'\n]+)'|([^\"'\s#][^\n#]*))", re.MULTILINE)
_TEXT = "pseudo_labels.jsonl"  # the only text that a run writes and another run can train on


@dataclass
class Experiment:
    """A YAML file to run, and its state.

    Attributes:
        path: the file.
        command: the command that it is for; "" if unknown.
        output: its ``output_dir``; None if the file cannot be read.
        needs: the files of the experiments whose models or text it reads.
        state: waiting, running, done, failed, or skipped because an experiment that it needs is not done.
        problems: why it failed or was skipped.
        seconds: how long it ran.
    """

    path: Path
    command: str = ""
    output: Path | None = None
    needs: tuple[Path, ...] = ()
    state: State = "waiting"
    problems: tuple[Problem, ...] = ()
    seconds: float = 0.0

    def fail(self, problems: Iterable[Problem]) -> None:
        """Record that it failed, and why; its own file is not repeated as their location."""
        self.state, self.problems = "failed", tuple(self._without_own_path(problem) for problem in problems)

    def reason(self, name_of: Callable[[str], str] = str) -> str:
        """Return why it failed or was skipped, one line per problem; ``name_of`` as for ``Problem.render``."""
        return "\n".join(InputError(*self.problems).lines(name_of))

    def _without_own_path(self, problem: Problem) -> Problem:
        location = problem.location
        if location == str(self.path):
            return replace(problem, location="")
        if isinstance(location, tuple) and location[0] == f"{self.path}: ":
            return replace(problem, location=location[1:])
        return problem


def experiment_files(paths: Iterable[Path]) -> list[Path]:
    """Return the YAML files that ``paths`` name: files, and those in folders, except bases (``_*.yaml``).

    Raises:
        InputError: a path does not exist, or a folder has no YAML file.
    """
    unique: dict[Path, Path] = {}
    for path in paths:
        files = [path]
        hint = "name a folder of experiments, or files"
        if path.is_dir():
            files = sorted(file for file in path.iterdir() if file.suffix in (".yaml", ".yml") and file.name[0] != "_")
            if (path / "run.json").is_file():
                raise InputError("is the folder of a run", location=str(path), hint=hint)
            if not files:
                raise InputError("found no YAML file in it", location=str(path), hint=hint)
        elif not path.is_file():
            raise InputError("there is no such file or folder", location=str(path), hint=path_suggestion(path))
        for file in files:
            unique.setdefault(file.resolve(), file)
    return list(unique.values())


def plan_experiments(paths: Iterable[Path], settings: Sequence[str]) -> list[Experiment]:
    """Return the experiments of files and folders, each after those that it needs.

    An experiment has failed already if its file cannot be read, or if it names files or models that neither exist nor
    are written by another experiment.

    Args:
        paths: YAML files, and folders of them.
        settings: ``KEY=VALUE`` texts that override keys of every file.

    Raises:
        InputError: a path does not exist, two experiments would write to one folder, or some need each other.
    """
    loaded = [_load(path, settings) for path in experiment_files(paths)]
    owners = _folder_owners(loaded)
    for experiment, config in loaded:
        if config is None:
            continue
        others = {folder: owner.command for folder, owner in owners.items() if owner is not experiment}
        models, texts = _dependencies(config.config, others)
        # The text of a finished run no longer changes, so that no experiment waits for it.
        unfinished = [folder for folder in chain(*texts.values()) if not (folder / "scores.json").is_file()]
        needed = [*chain(*models.values()), *unfinished]
        experiment.needs = tuple(dict.fromkeys(owners[folder].path for folder in needed))
        expected = {name for name, folders in chain(models.items(), texts.items()) if folders}
        try:
            check_files_exist(config, expected.__contains__)
        except InputError as error:
            experiment.fail(error.problems)
    return _ordered([experiment for experiment, _ in loaded])


Loaded = tuple[Experiment, LoadedConfig[CommandConfig] | None]


def _load(path: Path, settings: Sequence[str]) -> Loaded:
    command = ""
    try:
        command = command_of(path, settings)
        config = load_config(COMMANDS[command], path, settings, check_files=False)
    except InputError as error:
        experiment = Experiment(path, command, _output_of_faulty(path))
        experiment.fail(error.problems)
        return experiment, None
    return Experiment(path, command, Path(config.config.output_dir)), config


def _output_of_faulty(path: Path) -> Path | None:
    """Return the ``output_dir`` in a file with errors, even if it is not YAML, whose dependents are skipped."""
    try:
        output = read_yaml(path).get("output_dir")
    except InputError:
        with suppress(OSError, InputError):
            match = _OUTPUT.search(read_bytes(path).decode("utf-8", errors="replace"))
            return Path(next(filter(None, match.groups())).strip()) if match else None
        return None
    return Path(output) if isinstance(output, str) else None


def _folder_owners(loaded: Sequence[Loaded]) -> dict[Path, Experiment]:
    """Map each output folder to the experiment that writes it; a file with errors takes no folder from another."""
    owners: dict[Path, Experiment] = {}
    for experiment, config in sorted(loaded, key=lambda pair: pair[1] is None):
        if experiment.output is not None:
            owner = owners.setdefault(experiment.output.resolve(), experiment)
            if owner is not experiment and config is not None:
                raise InputError(
                    f"writes to {experiment.output}, as {owner.path} does",
                    location=str(experiment.path),
                    hint=("give another ", Setting("output_dir")),
                )
    return owners


def _dependencies(
    config: CommandConfig, outputs: Mapping[Path, str]
) -> tuple[dict[str, list[Path]], dict[str, list[Path]]]:
    """Map each model that ``config`` names, and each text file or glob, to the folders that will contain it.

    Args:
        config: of an experiment.
        outputs: output folders of the other experiments with their commands; "" if a command is unknown.
    """
    models = {name: _writers(os.path.expanduser(name), outputs) for name in model_references(config).values()}
    labeling = [output for output, command in outputs.items() if command in ("pseudo_label", "")]
    names = [name for split in SPLITS for name in config.data.paths_of(split)]
    return models, {name: _writers(name, labeling) for name in names if _matches(_TEXT, Path(name).name)}


def _writers(name: str, outputs: Collection[Path]) -> list[Path]:
    """Return the ``outputs`` (resolved paths) that contain ``name``, a path, or may contain a match of it, a glob."""
    parts = Path(name).parts
    fixed = next((index for index, part in enumerate(parts) if glob.has_magic(part)), len(parts))
    pattern = (*Path(*parts[:fixed]).resolve().parts, *parts[fixed:])
    return [output for output in outputs if _may_contain(pattern, output.parts)]


def _may_contain(pattern: tuple[str, ...], folder: tuple[str, ...]) -> bool:
    for depth, part in enumerate(pattern):
        if depth == len(folder) or part == "**":
            return True
        if not _matches(folder[depth], part):
            return False
    return len(pattern) == len(folder)


def _matches(name: str, pattern: str) -> bool:
    return name == pattern or fnmatchcase(name, pattern)


def _ordered(experiments: Sequence[Experiment]) -> list[Experiment]:
    """Return ``experiments``, each after those that it needs."""
    ordered: list[Experiment] = []
    rest = list(experiments)
    while rest:
        paths = {experiment.path for experiment in ordered}
        ready = next((experiment for experiment in rest if paths.issuperset(experiment.needs)), None)
        if ready is None:
            names = ", ".join(str(experiment.path) for experiment in rest)
            raise InputError(
                "each of them needs another one's model or text, so that none can be first", location=names
            )
        ordered.append(ready)
        rest.remove(ready)
    return ordered
