"""Running experiments: each in a process of its own, several at a time, each after those that it needs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from nlptrain.errors import PROBLEMS_FILE, Interrupted, Problem
from nlptrain.procedures.experiments import Experiment

_POLL_SECONDS = 0.1
_QUOTED_LINES = 5  # of the output of an experiment that ended without reporting its problems


@dataclass
class _Process:
    """A process that runs an experiment, with the files of its output and of its problems."""

    experiment: Experiment
    process: subprocess.Popen[bytes]
    log: Path
    problems: Path
    started: float = field(default_factory=time.monotonic)


def run_experiments(
    experiments: Sequence[Experiment],
    settings: Sequence[str],
    *,
    jobs: int,
    log: Callable[[str], None],
    name_of: Callable[[str], str] = str,
) -> None:
    """Run the waiting experiments, ``jobs`` at a time; if one fails, those that need it are skipped.

    Args:
        experiments: from ``plan``; their states are kept up to date.
        settings: ``KEY=VALUE`` texts that override keys of every file.
        jobs: number of processes; they share the cores.
        log: receives a line when each experiment starts and ends.
        name_of: maps a configuration key in these lines to the name that the reader knows it by.

    Raises:
        Interrupted: by a signal, after all running experiments have received it and ended.
    """
    by_path = {experiment.path: experiment for experiment in experiments}
    running: list[_Process] = []
    received: list[int] = []
    previous = {signum: signal.signal(signum, lambda *_, n=signum: received.append(n)) for signum in (1, 2, 15)}
    try:
        with tempfile.TemporaryDirectory() as folder:
            while not received and (running or any(experiment.state == "waiting" for experiment in experiments)):
                _skip_dependents(experiments, by_path, log)
                for experiment in experiments:
                    is_ready = all(by_path[need].state == "done" for need in experiment.needs)
                    if experiment.state == "waiting" and is_ready and len(running) < jobs:
                        running.append(_start(experiment, settings, Path(folder), jobs))
                        log(f"{experiment.path}: nlptrain {experiment.command} -> {experiment.output}")
                time.sleep(_POLL_SECONDS)
                running = [process for process in running if not _has_ended(process, log, name_of)]
            for process in running:
                process.process.send_signal(received[0])
            for process in running:
                process.process.wait()
    finally:
        for process in running:  # an error has ended the loop: end the processes
            if process.process.poll() is None:
                process.process.terminate()
                process.process.wait()
        for signum, handler in previous.items():
            signal.signal(signum, handler)
    if received:
        raise Interrupted(received[0])


def _skip_dependents(
    experiments: Sequence[Experiment], by_path: dict[Path, Experiment], log: Callable[[str], None]
) -> None:
    for experiment in experiments:
        missing = [need for need in experiment.needs if by_path[need].state in ("failed", "skipped")]
        if experiment.state == "waiting" and missing:
            outcome = "failed" if by_path[missing[0]].state == "failed" else "was skipped"
            experiment.state, experiment.problems = "skipped", (Problem(f"needs {missing[0]}, which {outcome}"),)
            log(f"{experiment.path}: skipped: {experiment.reason()}")


def _start(experiment: Experiment, settings: Sequence[str], folder: Path, jobs: int) -> _Process:
    """Start the process of an experiment; it writes its output, and its problems if it fails, into ``folder``."""
    name = str(len(list(folder.glob("*.log"))))
    log, problems = folder / f"{name}.log", folder / f"{name}.json"
    environment = {**os.environ, PROBLEMS_FILE: str(problems)}
    if jobs > 1:
        environment.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // jobs)))
    options = chain.from_iterable(("--set", setting) for setting in settings)
    command = [sys.executable, "-m", "nlptrain", experiment.command, str(experiment.path), *options]
    with log.open("wb") as file:
        # In a session of its own: a Ctrl-C reaches this process alone, which passes it on once.
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, env=environment, start_new_session=True
        )
    experiment.state = "running"
    return _Process(experiment, process, log, problems)


def _has_ended(process: _Process, log: Callable[[str], None], name_of: Callable[[str], str]) -> bool:
    code = process.process.poll()
    if code is None:
        return False
    experiment = process.experiment
    experiment.seconds = time.monotonic() - process.started
    if code == 0:
        experiment.state = "done"
        log(f"{experiment.path}: done in {experiment.seconds:,.0f} s")
    else:
        experiment.fail(_read_problems(process) or [Problem(f"exit code {code}")])
        log(f"{experiment.path}: failed: {experiment.reason(name_of).splitlines()[0]}")
    return True


def _read_problems(process: _Process) -> list[Problem]:
    """Return the problems that a failed process reported, or else the last lines of its output."""
    with suppress(OSError, ValueError):
        return [Problem.from_json(fields) for fields in json.loads(process.problems.read_text(encoding="utf-8"))]
    lines = process.log.read_text(encoding="utf-8", errors="replace").splitlines()
    return [Problem(line) for line in lines[-_QUOTED_LINES:]]


def experiment_scores(experiment: Experiment) -> dict[str, float]:
    """Return the dev and test scores of an experiment that is done, and its share of its teacher's score."""
    if experiment.state != "done" or experiment.output is None:
        return {}
    from nlptrain.analysis.comparison import read_run_scores  # imports torch, which a run of experiments does not need

    run = read_run_scores(experiment.output)
    scores: dict[str, float] = {}
    for split in ("dev", "test"):
        if split in run.scores[0]:
            mean = run.mean(split)[split]
            scores[split] = mean[mean["metric"]]
            teacher = run.scores[0].get("teacher", {}).get(split)
            if teacher and teacher[teacher["metric"]]:
                scores["share"] = scores[split] / teacher[teacher["metric"]]
    return scores
