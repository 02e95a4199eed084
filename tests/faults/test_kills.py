"""Commands that are killed at random moments and repeated end with the same files as undisturbed ones."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.helpers.faults import (
    COMMANDS,
    EXIT_CODES,
    LOST,
    NIGHTLY,
    ROUNDS,
    SIGNALS,
    CommandResult,
    FaultHarness,
    count_outcome,
    kill_after,
    kill_after_changes,
    rng_for,
    wait_for_processes,
)

pytestmark = pytest.mark.slow

_KILLS = 4  # per trial, before the command may end
_KILLS_OF_RUN = 2  # of nlptrain run, which starts processes
_DEFAULT_COMMANDS = ("tagger_kd", "export")


@pytest.mark.parametrize("name", COMMANDS if NIGHTLY else _DEFAULT_COMMANDS)
def test_rerun_of_a_killed_command_writes_the_same_files(harness: FaultHarness, name: str) -> None:
    rng = rng_for(f"kills {name}")
    kills_per_trial = _KILLS_OF_RUN if name == "run" else _KILLS if NIGHTLY else 2
    remaining = kills_per_trial * ROUNDS
    for _ in range(4 * remaining):  # a command may end before it is killed
        with harness.trial() as trial:
            killed = 0
            while killed < min(kills_per_trial, remaining) and _start_and_kill(harness, trial, name, rng):
                killed += 1
            harness.check_rerun(trial, name, kind=f"kill {name}", faults=killed)
            remaining -= killed
        if not remaining:
            break


def _start_and_kill(harness: FaultHarness, trial: Path, name: str, rng: random.Random) -> bool:
    """Start the command and kill it at a random time or after a random number of changes of its files."""
    reference, signal_number = harness.reference(name), rng.choice(SIGNALS)
    wait_for_processes(trial)
    process = harness.start(trial, name)
    if rng.random() < 0.5:
        killed = kill_after(process, signal_number, rng.uniform(0, reference.seconds))
    else:
        killed = kill_after_changes(process, signal_number, trial, COMMANDS[name], rng.randint(1, reference.changes))
    _check_exit(process.wait(), signal_number, name)
    return killed


def _check_exit(result: CommandResult, signal_number: int, name: str) -> None:
    if result.exit_code not in (0, *EXIT_CODES[signal_number]) or "Traceback" in result.stderr:
        count_outcome(f"kill {name}", LOST)
        raise AssertionError(f"{name} ended with {result.exit_code} after signal {signal_number}:\n{result.stderr}")


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "run"] if NIGHTLY else ["tagger"])
def test_command_killed_at_startup_can_be_rerun(harness: FaultHarness, name: str) -> None:
    rng, command = rng_for(f"start {name}"), COMMANDS[name]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with harness.trial() as trial:
        for _ in range(ROUNDS):
            with (trial / "stderr").open("wb") as stderr:
                process = subprocess.Popen(
                    [sys.executable, "-m", "nlptrain", *command.arguments],
                    cwd=trial,
                    env=environment,
                    stdout=subprocess.DEVNULL,
                    stderr=stderr,
                )
            signal_number = rng.choice(SIGNALS)
            time.sleep(rng.uniform(0, 4))
            killed = process.poll() is None
            process.send_signal(signal_number)
            exit_code = process.wait()
            _check_exit(CommandResult(exit_code, "", (trial / "stderr").read_text()), signal_number, "at the start")
            count_outcome("kill at the start", "survived", killed)
        harness.check_rerun(trial, name, kind="kill at the start", faults=0)
