"""Each command, killed at random moments and repeated: it ends with the bytes of an undisturbed run."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.helpers.faults import (
    CODES,
    COMMANDS,
    LOST,
    NIGHTLY,
    SIGNALS,
    Ended,
    Workshop,
    count,
    kill_at,
    kill_at_change,
    rng_for,
    rounds,
    wait_for_others,
)

pytestmark = pytest.mark.slow

_KILLS = 4  # in each round, before the command may end
_FEW = 2  # of those that start processes of their own
_SLICE = ("tagger_kd", "export")


@pytest.mark.parametrize("name", COMMANDS if NIGHTLY else _SLICE)
def test_a_killed_command_ends_as_the_straight_one(workshop: Workshop, name: str) -> None:
    draw = rng_for(f"kills {name}")
    each = _FEW if name == "run" else _KILLS if NIGHTLY else 2
    wanted = each * rounds()
    for _ in range(4 * wanted):  # a command may end before it is killed
        with workshop.trial() as trial:
            killed = 0
            while killed < min(each, wanted) and _kill(workshop, trial, name, draw):
                killed += 1
            workshop.ends_as_straight(trial, name, kind=f"kill {name}", faults=killed)
            wanted -= killed
        if not wanted:
            break


def _kill(workshop: Workshop, trial: Path, name: str, draw: random.Random) -> bool:
    """Start the command and kill it, at a random moment or just after something was written."""
    straight, signal_number = workshop.straight(name), draw.choice(SIGNALS)
    wait_for_others(trial)
    process = workshop.start(trial, name)
    if draw.random() < 0.5:
        killed = kill_at(process, signal_number, draw.uniform(0, straight.seconds))
    else:
        killed = kill_at_change(process, signal_number, trial, COMMANDS[name], draw.randint(1, straight.changes))
    _check(process.wait(), signal_number, name)
    return killed


def _check(ended: Ended, signal_number: int, name: str) -> None:
    if ended.code not in (0, *CODES[signal_number]) or "Traceback" in ended.stderr:
        count(f"kill {name}", LOST)
        raise AssertionError(f"{name} ended with {ended.code} after signal {signal_number}:\n{ended.stderr}")


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "run"] if NIGHTLY else ["tagger"])
def test_a_command_that_is_killed_as_it_starts(workshop: Workshop, name: str) -> None:
    draw, command = rng_for(f"start {name}"), COMMANDS[name]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with workshop.trial() as trial:
        for _ in range(rounds()):
            with (trial / "stderr").open("wb") as stderr:
                process = subprocess.Popen(
                    [sys.executable, "-m", "nlptrain", *command.arguments],
                    cwd=trial,
                    env=environment,
                    stdout=subprocess.DEVNULL,
                    stderr=stderr,
                )
            signal_number = draw.choice(SIGNALS)
            time.sleep(draw.uniform(0, 4))
            killed = process.poll() is None
            process.send_signal(signal_number)
            code = process.wait()
            _check(Ended(code, "", (trial / "stderr").read_text()), signal_number, "at the start")
            count("kill at the start", "survived", killed)
        workshop.ends_as_straight(trial, name, kind="kill at the start", faults=0)
