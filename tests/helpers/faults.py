"""Run commands that are killed, run out of disk, or read damaged files, and compare them with undisturbed runs.

``NLPTRAIN_FAULTS`` sets the number of rounds for each command, each of a few faults; without it, one round of a few
commands runs.
"""

from __future__ import annotations

import functools
import json
import os
import random
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.helpers.command_server import CommandResult, CommandServer, Process
from tests.helpers.corpora import make_sentences, write_columns, write_corpus

NIGHTLY = "NLPTRAIN_FAULTS" in os.environ
ROUNDS = int(os.environ.get("NLPTRAIN_FAULTS", "1"))
SEED = int(os.environ.get("NLPTRAIN_FAULTS_SEED", "0"))
COUNTS: Counter[str] = Counter()  # "kind|outcome"
SURVIVED, CLEAR_ERROR, LOST = "survived", "clear error", "lost"
ROOT = Path(__file__).parents[2]
NOBODY = 65534
_POLL_SECONDS = 0.002

STUDENT = {"embedder": {"dim": 16}, "encoder": {"hidden": 16, "layers": 1}}
TRAIN = {"steps": 30, "eval_every": 5, "batch_subwords": 256, "learning_rate": 0.01}
GOLD = {split: f"{split}.conll" for split in ("train", "dev", "test")}
RAW = {**GOLD, "unlabeled": "raw.txt"}


def rng_for(name: str) -> random.Random:
    """Return the random generator of the test ``name``."""
    return random.Random(f"{SEED} {name}")


def count_outcome(kind: str, outcome: str, faults: int = 1) -> None:
    """Add ``faults`` of a kind with the same outcome to the report."""
    COUNTS[f"{kind}|{outcome}"] += faults


@dataclass(frozen=True)
class Command:
    """A command that is tested with faults.

    Attributes:
        arguments: of the command line.
        outputs: files and folders that it writes, which must be the same after a fault.
        stdout: file for its standard output, if that is its result.
    """

    arguments: list[str]
    outputs: tuple[str, ...]
    stdout: str | None = None


COMMANDS: dict[str, Command] = {
    "transformer_token": Command(["transformer_token", "transformer_token.yaml"], ("runs/transformer_token",)),
    "tagger": Command(["tagger", "tagger.yaml"], ("runs/tagger",)),
    "tagger --seeds": Command(["tagger", "tagger-seeds.yaml"], ("runs/seeds",)),
    "tagger_kd": Command(["tagger_kd", "tagger_kd.yaml"], ("runs/tagger_kd", "runs/transfer")),
    "tagger_kd --seeds": Command(["tagger_kd", "tagger_kd-seeds.yaml"], ("runs/kd_seeds", "runs/transfer")),
    "pseudo_label": Command(["pseudo_label", "pseudo_label.yaml"], ("runs/pseudo_label", "runs/transfer")),
    "export": Command(
        ["export", "runs/control", "runs/exported", "--precision", "int8", "--overwrite"], ("runs/exported",)
    ),
    "convert": Command(["convert", "big.conll", "runs/big.jsonl", "--overwrite"], ("runs/big.jsonl",)),
    "split": Command(["split", "big.conll", "-o", "runs/splits", "--overwrite"], ("runs/splits",)),
    "card": Command(["card", "runs/control", "--dataset", "corpus", "--out", "runs/card.md"], ("runs/card.md",)),
    "compare": Command(
        ["compare", "runs/teacher", "runs/control", "--no-speed", "--json"], ("compared.json",), "compared.json"
    ),
    "evaluate": Command(["evaluate", "runs/control", "test.conll", "--json"], ("scored.json",), "scored.json"),
    "predict": Command(["predict", "runs/control", "raw.txt"], ("predicted.jsonl",), "predicted.jsonl"),
    "run": Command(["run", "experiments"], ("runs/a", "runs/b")),
}
TRAINING = ("transformer_token", "tagger", "tagger --seeds", "tagger_kd", "tagger_kd --seeds", "pseudo_label")


def write_inputs(folder: Path, tiny_bert: Path, server: CommandServer) -> None:
    """Write data and configurations into ``folder``, and train a teacher and a control there."""
    write_corpus(folder)
    write_columns(folder / "big.conll", make_sentences(5_000, 5))
    shutil.copytree(tiny_bert, folder / "tiny_bert")
    common = {"threads": 1}
    teacher = {**common, "model": "tiny_bert", "data": GOLD, "train": {"epochs": 6, "learning_rate": 0.005}}
    student = {**common, "student": {**STUDENT, "tokenizer": "tiny_bert"}, "data": GOLD, "train": TRAIN}
    distilled = {
        **common,
        "teacher": "runs/teacher",
        "student": STUDENT,
        "data": RAW,
        "train": TRAIN,
        "augment": "none",
    }
    for name, values in {
        "transformer_token-teacher": {**teacher, "output_dir": "runs/teacher"},
        "tagger-control": {**student, "output_dir": "runs/control"},
        "transformer_token": {**teacher, "output_dir": "runs/transformer_token"},
        "tagger": {**student, "output_dir": "runs/tagger"},
        "tagger-seeds": {**student, "seeds": [0, 1], "output_dir": "runs/seeds"},
        "tagger_kd": {**distilled, "output_dir": "runs/tagger_kd"},
        "tagger_kd-seeds": {**distilled, "seeds": [0, 1], "output_dir": "runs/kd_seeds"},
        "pseudo_label": {**distilled, "output_dir": "runs/pseudo_label"},
        "experiments/tagger-a": {**student, "output_dir": "runs/a"},
        "experiments/tagger-b": {
            **student,
            "student": {**student["student"], "init_from": "runs/a"},
            "output_dir": "runs/b",
        },
    }.items():
        path = folder / f"{name}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(yaml.safe_dump(values))
    for arguments in (["transformer_token", "transformer_token-teacher.yaml"], ["tagger", "tagger-control.yaml"]):
        result = server.run(folder, arguments)
        assert result.exit_code == 0, result.stderr
    for path in folder.glob(".*.std*"):
        path.unlink()


@dataclass
class ReferenceRun:
    """The result of an undisturbed command, which the command must also have after a fault.

    Attributes:
        files: contents of its outputs by path, without timings.
        seconds: its duration.
        changes: number of observed changes of its outputs.
        size: bytes that it adds to the folder.
    """

    files: dict[str, bytes]
    seconds: float
    changes: int
    size: int


class FaultHarness:
    """Trial folders with all inputs, the commands that run in them, and the results of undisturbed commands."""

    def __init__(self, folder: Path, tiny_bert: Path, server: CommandServer) -> None:
        self.server = server
        self.folder = folder
        self.inputs = folder / "base"
        self.inputs.mkdir()
        write_inputs(self.inputs, tiny_bert, self.server)
        self._trials = 0
        self._cached_reference = functools.cache(self._run_reference)

    def new_trial(self) -> Path:
        """Create a trial folder, a copy of the inputs."""
        self._trials += 1
        trial = self.folder / f"trial-{self._trials}"
        shutil.copytree(self.inputs, trial)
        return trial

    @contextmanager
    def trial(self) -> Iterator[Path]:
        """Yield a new trial folder; remove it unless the block fails."""
        trial = self.new_trial()
        yield trial
        shutil.rmtree(trial)

    def reference(self, name: str) -> ReferenceRun:
        """Return the result of the undisturbed command ``name``."""
        return self._cached_reference(name)

    def _run_reference(self, name: str) -> ReferenceRun:
        command = COMMANDS[name]
        with self.trial() as trial:
            before, started = folder_size(trial), time.monotonic()
            process = self.start(trial, name)
            changes, state = 0, None
            while process.is_running:
                if (now := list_outputs(trial, command)) != state:
                    changes, state = changes + 1, now
                time.sleep(_POLL_SECONDS)
            result = process.wait()
            assert result.exit_code == 0, result.stderr
            seconds = time.monotonic() - started
            size = folder_size(trial) - before
            return ReferenceRun(read_outputs(trial, command), seconds, changes, size)

    def start(self, trial: Path, name: str, **options: Any) -> Process:
        """Start the command ``name`` in ``trial``."""
        command = COMMANDS[name]
        return self.server.start(trial, command.arguments, **{"stdout": command.stdout, **options})

    def rerun(self, trial: Path, name: str, **options: Any) -> CommandResult:
        """Repeat the command ``name`` after all earlier processes in ``trial`` have ended."""
        wait_for_processes(trial)
        return self.start(trial, name, **options).wait()

    def check_rerun(self, trial: Path, name: str, *, kind: str, faults: int = 1, without: tuple[str, ...] = ()) -> None:
        """Repeat the command and check that its files are those of the undisturbed one."""
        result = self.rerun(trial, name)
        if result.exit_code != 0 or "Traceback" in result.stderr:
            count_outcome(kind, LOST, faults)
            raise AssertionError(f"{trial}: {name} ended with {result.exit_code}:\n{result.stderr}")
        self.check_outputs(trial, name, kind=kind, faults=faults, without=without)

    def check_outputs(
        self, trial: Path, name: str, *, kind: str, faults: int = 1, without: tuple[str, ...] = ()
    ) -> None:
        """Check that the files are those of the undisturbed command, except those whose paths end in ``without``."""
        files, expected = read_outputs(trial, COMMANDS[name]), self.reference(name).files
        paths = [*{**files, **expected}]
        paths = [path for path in paths if not path.endswith(without)] if without else paths
        differing = [path for path in paths if files.get(path) != expected.get(path)]
        count_outcome(kind, LOST if differing else SURVIVED, faults)
        assert not differing, f"{trial}: {name} wrote other files than the undisturbed command: {differing}"


def list_outputs(trial: Path, command: Command) -> tuple[object, ...]:
    """Return the paths and sizes of the files that ``command`` writes."""
    entries: list[object] = []
    for top in {(trial / name).parent for name in command.outputs}:
        with suppress(FileNotFoundError), os.scandir(top) as listed:  # a file may vanish before its size is read
            entries += [(entry.name, entry.stat().st_size) for entry in listed if "std" not in entry.name]
    for name in command.outputs:
        for path, _, names in os.walk(trial / name):
            for file in names:
                with suppress(FileNotFoundError):
                    entries.append((path, file, os.stat(os.path.join(path, file)).st_size))
    return tuple(entries)


def folder_size(folder: Path) -> int:
    """Return the size of all files in bytes."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


_TIMINGS = ("words_per_second", "waiting", "seconds")
_IGNORED = (".lock", "log.txt")


def read_outputs(trial: Path, command: Command) -> dict[str, bytes]:
    """Return the contents of the files that ``command`` writes, without timings, stored examples and records."""
    files: dict[str, bytes] = {}
    for name in command.outputs:
        top = trial / name
        for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
            if any(part in path.as_posix() for part in ("transfer/examples/", "transfer/runs/")):
                continue  # of other commands, too, and made again if damaged
            if path.is_file() and not path.name.endswith(_IGNORED) and ".damaged" not in path.name:
                files[path.relative_to(trial).as_posix()] = _without_timings(path)
    return files


def _without_timings(path: Path) -> bytes:
    data = path.read_bytes()
    if path.name in ("scores.json", "metrics.jsonl"):
        with suppress(ValueError, AttributeError):  # the file is damaged
            parts = [data] if path.name == "scores.json" else data.splitlines()
            rows = [json.loads(part).items() for part in parts]
            return json.dumps([{k: v for k, v in row if k not in _TIMINGS} for row in rows]).encode()
    if path.name == "SHA256SUMS":
        return b"".join(line for line in data.splitlines(True) if b"scores" not in line and b"metrics" not in line)
    return data


def wait_for_processes(trial: Path) -> None:
    """Wait until no process runs in ``trial``: the experiments of a killed ``nlptrain run`` may continue."""
    for _ in range(1200):
        if not any(_is_running_in(path, trial) for path in Path("/proc").iterdir() if path.name.isdigit()):
            return
        time.sleep(0.1)


def _is_running_in(process: Path, trial: Path) -> bool:
    try:
        return (
            os.readlink(process / "cwd") == str(trial) and (process / "stat").read_text().rpartition(")")[2][1] != "Z"
        )
    except OSError:
        return False


def kill_after(process: Process, signal_number: int, seconds: float) -> bool:
    """Send the signal after ``seconds``; return whether the process was still running."""
    deadline = time.monotonic() + seconds
    while process.is_running and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    return _send_if_running(process, signal_number)


def kill_after_changes(process: Process, signal_number: int, trial: Path, command: Command, change_count: int) -> bool:
    """Send the signal after ``change_count`` changes of the command's files; return whether it was still running."""
    state, observed = None, 0
    while process.is_running and observed < change_count:
        if (now := list_outputs(trial, command)) != state:
            observed, state = observed + 1, now
        time.sleep(_POLL_SECONDS)
    return _send_if_running(process, signal_number)


def _send_if_running(process: Process, signal_number: int) -> bool:
    if not process.is_running:
        return False
    process.send(signal_number)
    return True


SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
EXIT_CODES = {signal.SIGKILL: (-9,), signal.SIGTERM: (-15, 143), signal.SIGINT: (-2, 130)}


def flip_bit(path: Path, rng: random.Random) -> None:
    """Change one bit of a random byte."""
    data = bytearray(path.read_bytes())
    if data:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    path.write_bytes(data)


def write_wrong_types(path: Path) -> None:
    """Replace each number of a JSON file by a string, and each other value by a number."""

    def replace_types(value: object) -> object:
        if isinstance(value, dict):
            return {key: replace_types(inner) for key, inner in value.items()}
        return str(value) if isinstance(value, int | float) else 7

    try:
        path.write_text(json.dumps(replace_types(json.loads(path.read_bytes()))))
    except ValueError:
        path.write_text('{"a": "b"}')


DAMAGE: dict[str, Callable[[Path, random.Random], object]] = {
    "removed": lambda path, rng: path.unlink(),
    "empty": lambda path, rng: path.write_bytes(b""),
    "truncated": lambda path, rng: os.truncate(path, rng.randrange(path.stat().st_size or 1)),
    "flipped": flip_bit,
    "random bytes": lambda path, rng: path.write_bytes(rng.randbytes(200)),
    "an empty list": lambda path, rng: path.write_text("[]"),
    "wrong types": lambda path, rng: write_wrong_types(path),
}
