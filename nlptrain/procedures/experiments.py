"""Folders of experiments: which needs which, and each in a process of its own, several side by side."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Literal

from nlptrain.config import COMMANDS, command_of, load_config
from nlptrain.config.commands import CommandConfig
from nlptrain.config.loading import LoadedConfig, check_files_exist
from nlptrain.config.yaml_files import read_bytes, read_yaml
from nlptrain.errors import InputError, Interrupted
from nlptrain.procedures.dependencies import model_dependencies, text_dependencies
from nlptrain.suggestions import suggest_path

State = Literal["waiting", "running", "done", "failed", "left out"]
_LOOK_SECONDS = 0.1
_OUTPUT = re.compile(r"^output_dir:[ \t]*(?:\"([^\"\n]+)\"|'([^'\n]+)'|([^\"'\s#][^\n#]*))", re.MULTILINE)


@dataclass
class Experiment:
    """A YAML file, and what becomes of it.

    Attributes:
        path: of the file.
        command: that it is for.
        output: its ``output_dir``; None where the file cannot be read.
        needs: the files of the experiments that it names as models.
        state: how far it is.
        fault: why it failed or was left out.
        seconds: how long it took.
    """

    path: Path
    command: str = ""
    output: Path | None = None
    needs: tuple[Path, ...] = ()
    state: State = "waiting"
    fault: str = ""
    seconds: float = 0.0

    def fail(self, faults: Sequence[str]) -> None:
        """Note that it failed, and why; what names its own file need not do so again."""
        self.state, self.fault = "failed", "\n".join(line.removeprefix(f"{self.path}: ") for line in faults)


def experiment_files(named: Iterable[Path]) -> list[Path]:
    """The YAML files that files and folders name; of a folder those in it, but for bases, which begin with ``_``.

    Raises:
        InputError: there is no such file or folder, or a folder has none.
    """
    found: dict[Path, Path] = {}
    for one in named:
        files = [one]
        if one.is_dir():
            files = sorted(path for path in one.iterdir() if path.suffix in (".yaml", ".yml") and path.name[0] != "_")
            if (one / "run.json").is_file():
                raise InputError(f"{one}: is the folder of a run; name a folder of experiments, or files")
            if not files:
                raise InputError(f"{one}: found no YAML file in it; name a folder of experiments, or files")
        elif not one.is_file():
            raise InputError(f"{one}: there is no such file or folder{suggest_path(one)}")
        for path in files:
            found.setdefault(path.resolve(), path)
    return list(found.values())


def plan(files: Sequence[Path], settings: Sequence[str]) -> list[Experiment]:
    """The experiments of ``files``, each behind those that it needs.

    One has failed already if its file cannot be read, or names files or models that are neither there nor to be made by
    another one.

    Raises:
        InputError: two would write to one folder, or some need each other.
    """
    found = [_read(path, settings) for path in files]
    owners: dict[Path, Experiment] = {}
    for one, loaded in sorted(found, key=lambda pair: pair[1] is None):  # a faulty one takes no folder from another
        if one.output is not None:
            other = owners.setdefault(one.output.resolve(), one)
            if other is not one and loaded is not None:
                raise InputError(f"{one.path}: writes to {one.output}, as {other.path} does; give another output_dir")
    for one, loaded in found:
        if loaded is None:
            continue
        others = {folder: owner.command for folder, owner in owners.items() if owner is not one}
        models, texts = model_dependencies(loaded.config, others), text_dependencies(loaded.config, others)
        # A finished run is found again: its text stays what it is, whatever comes first.
        waits = [
            *chain(*models.values()),
            *(one for one in chain(*texts.values()) if not (one / "scores.json").is_file()),
        ]
        one.needs = tuple(dict.fromkeys(owners[folder].path for folder in waits))
        made = {name for name, folders in chain(models.items(), texts.items()) if folders}
        try:
            check_files_exist(loaded, made.__contains__)
        except InputError as error:
            one.fail(str(error).split("\n"))
    return _ordered([one for one, _ in found])


def _read(path: Path, settings: Sequence[str]) -> tuple[Experiment, LoadedConfig[CommandConfig] | None]:
    command = ""
    try:
        command = command_of(path, settings)
        loaded = load_config(COMMANDS[command], path, settings, check_files=False)
    except InputError as error:
        broken = Experiment(path, command, _said_output(path))
        broken.fail(str(error).split("\n"))
        return broken, None
    return Experiment(path, command, Path(loaded.config.output_dir)), loaded


def _said_output(path: Path) -> Path | None:
    """The folder that a faulty file names, so that what needs its run is left out; also if it is no YAML."""
    try:
        said = read_yaml(path).get("output_dir")
    except InputError:
        with suppress(OSError, InputError):
            line = _OUTPUT.search(read_bytes(path).decode("utf-8", errors="replace"))
            return Path(next(filter(None, line.groups())).strip()) if line else None
        return None
    return Path(said) if isinstance(said, str) else None


def _ordered(experiments: Sequence[Experiment]) -> list[Experiment]:
    found: list[Experiment] = []
    rest = list(experiments)
    while rest:
        known = {one.path for one in found}
        ready = next((one for one in rest if all(need in known for need in one.needs)), None)
        if ready is None:
            names = ", ".join(str(one.path) for one in rest)
            raise InputError(f"{names}: each of them needs another one's model or text, so that none can be first")
        found.append(ready)
        rest.remove(ready)
    return found


@dataclass
class _Process:
    experiment: Experiment
    process: subprocess.Popen[bytes]
    log: Path
    started: float = field(default_factory=time.monotonic)


def run_all(
    experiments: Sequence[Experiment], arguments: Sequence[str], *, jobs: int, log: Callable[[str], None]
) -> None:
    """Run what waits, ``jobs`` at a time; a failure leaves out what needs it, and stops nothing else.

    Args:
        experiments: from ``plan``; their states are kept up to date.
        arguments: that each command is given, too.
        jobs: processes side by side; they share the CPU's cores.
        log: receives a line when each experiment starts and ends.

    Raises:
        Interrupted: by a signal, which all running ones have been sent and have ended by.
    """
    states = {one.path: one for one in experiments}
    running: list[_Process] = []
    heard: list[int] = []
    before = {number: signal.signal(number, lambda *_, n=number: heard.append(n)) for number in (1, 2, 15)}
    try:
        with tempfile.TemporaryDirectory() as folder:
            while not heard and (running or any(one.state == "waiting" for one in experiments)):
                _leave_out(experiments, states, log)
                for one in experiments:
                    ready = one.state == "waiting" and all(states[need].state == "done" for need in one.needs)
                    if ready and len(running) < jobs:
                        running.append(_started(one, arguments, Path(folder), jobs))
                        log(f"{one.path}: nlptrain {one.command} -> {one.output}")
                time.sleep(_LOOK_SECONDS)
                running = [one for one in running if not _ended(one, log)]
            for still in running:
                still.process.send_signal(heard[0])
            for still in running:
                still.process.wait()
    finally:
        for still in running:  # whatever ended this loop, nothing is left behind
            if still.process.poll() is None:
                still.process.terminate()
                still.process.wait()
        for number, handler in before.items():
            signal.signal(number, handler)
    if heard:
        raise Interrupted(heard[0])


def _leave_out(experiments: Sequence[Experiment], states: dict[Path, Experiment], log: Callable[[str], None]) -> None:
    for one in experiments:
        lost = [need for need in one.needs if states[need].state in ("failed", "left out")]
        if one.state == "waiting" and lost:
            what = "failed" if states[lost[0]].state == "failed" else "was left out"
            one.state, one.fault = "left out", f"needs {lost[0]}, which {what}"
            log(f"{one.path}: left out; it {one.fault}")


def _started(one: Experiment, arguments: Sequence[str], folder: Path, jobs: int) -> _Process:
    log = folder / f"{len(list(folder.iterdir()))}.log"
    environment = dict(os.environ)
    if jobs > 1:
        environment.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // jobs)))
    command = [sys.executable, "-m", "nlptrain", one.command, str(one.path), *arguments]
    with log.open("wb") as file:
        # A group of its own: a Ctrl-C reaches this process alone, which passes it on once.
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, env=environment, start_new_session=True
        )
    one.state = "running"
    return _Process(one, process, log)


def _ended(one: _Process, log: Callable[[str], None]) -> bool:
    code = one.process.poll()
    if code is None:
        return False
    experiment = one.experiment
    experiment.seconds = time.monotonic() - one.started
    if code == 0:
        experiment.state = "done"
        log(f"{experiment.path}: done in {experiment.seconds:,.0f} s")
    else:
        lines = one.log.read_text(encoding="utf-8", errors="replace").splitlines()
        faults = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")] or lines[-5:]
        experiment.fail(faults or [f"exit code {code}"])
        log(f"{experiment.path}: failed: {experiment.fault.splitlines()[0]}")
    return True
