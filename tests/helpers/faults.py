"""Commands that are killed, run out of disk or memory, or find damaged files; checks of the outcome.

``NLPTRAIN_FAULTS`` is the number of rounds for each command, each of a few kills; without it a small slice runs.
"""

from __future__ import annotations

import functools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.helpers.corpora import make_sentences, write_columns, write_corpus

NIGHTLY = "NLPTRAIN_FAULTS" in os.environ
ROUNDS = int(os.environ.get("NLPTRAIN_FAULTS", "1"))
SEED = int(os.environ.get("NLPTRAIN_FAULTS_SEED", "0"))
COUNTS: Counter[str] = Counter()  # "kind|outcome"
SURVIVED, CLEAR_ERROR, LOST = "survived", "clear error", "lost"
ROOT = Path(__file__).parents[2]
NOBODY = 65534
_LOOK_SECONDS = 0.002

STUDENT = {"embedder": {"dim": 16}, "encoder": {"hidden": 16, "layers": 1}}
TRAIN = {"steps": 60, "eval_every": 10, "batch_subwords": 256, "learning_rate": 0.01}
GOLD = {split: f"{split}.conll" for split in ("train", "dev", "test")}
RAW = {**GOLD, "unlabeled": "raw.txt"}


def rounds(slice_of: int = 1) -> int:
    """Return the number of rounds of a test."""
    return ROUNDS if NIGHTLY else slice_of


def rng_for(name: str) -> random.Random:
    """Return a random generator for a test."""
    return random.Random(f"{SEED} {name}")


def count(kind: str, outcome: str, faults: int = 1) -> None:
    """Count the outcome of a fault."""
    COUNTS[f"{kind}|{outcome}"] += faults


@dataclass
class Ended:
    """How a command ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def is_clear(self) -> bool:
        """Return whether it ended with an error message for the user."""
        lines = self.stderr.splitlines()
        return self.code == 2 and any(line.startswith("error: ") for line in lines) and "Traceback" not in self.stderr


@dataclass
class Process:
    """A command that runs."""

    server: Server
    pid: int
    folder: Path
    name: str

    def send(self, signal_number: int) -> None:
        """Send it a signal; an ended process stays a zombie until ``wait``."""
        os.kill(self.pid, signal_number)

    @property
    def runs(self) -> bool:
        """Return whether it is still running."""
        return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"

    def wait(self) -> Ended:
        """Wait for its end."""
        code = self.server.ask({"do": "wait", "pid": self.pid})["code"]
        streams = (self.folder / f".{self.name}.{stream}" for stream in ("stdout", "stderr"))
        return Ended(code, *(path.read_text(errors="replace") if path.exists() else "" for path in streams))


class Server:
    """Starts commands by forking a process that has imported all modules."""

    def __init__(self) -> None:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
        paths = [str(ROOT), str(ROOT / "runtime"), environment.get("PYTHONPATH", "")]
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
        self._process = subprocess.Popen(
            [sys.executable, str(ROOT / "tests/helpers/fork_server.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
            env=environment,
        )
        self._number = 0
        self._reply()

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        print(json.dumps(request), file=self._process.stdin, flush=True)
        return self._reply()

    def _reply(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        reply: dict[str, Any] = json.loads(self._process.stdout.readline())
        return reply

    def start(
        self,
        folder: Path,
        arguments: list[str],
        *,
        stdin: str = os.devnull,
        stdout: str | None = None,
        file_size: int | None = None,
        powerless: bool = False,
    ) -> Process:
        """Start ``nlptrain ARGUMENTS`` in ``folder``; ``powerless``: file permissions hold even for root."""
        self._number += 1
        name = str(self._number)
        request = {
            "do": "start",
            "arguments": arguments,
            "folder": str(folder),
            "stdin": stdin,
            "stdout": stdout or f".{name}.stdout",
            "stderr": f".{name}.stderr",
            "file_size": file_size,
            "powerless": powerless,
        }
        return Process(self, self.ask(request)["pid"], folder, name)

    def run(self, folder: Path, arguments: list[str], **how: Any) -> Ended:
        """Run it to its end."""
        return self.start(folder, arguments, **how).wait()

    def close(self) -> None:
        self._process.communicate()


@dataclass(frozen=True)
class Command:
    """A command to disturb.

    Attributes:
        arguments: of the command line.
        writes: files and folders that it writes, which must be the same after a fault.
        stdout: file for its standard output, if that is its result.
    """

    arguments: list[str]
    writes: tuple[str, ...]
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
    "card": Command(["card", "runs/control", "--dataset", "corpus", "--out", "runs/card.md"], ("runs/card.md",)),
    "compare": Command(
        ["compare", "runs/teacher", "runs/control", "--no-speed", "--json"], ("compared.json",), "compared.json"
    ),
    "evaluate": Command(["evaluate", "runs/control", "test.conll", "--json"], ("scored.json",), "scored.json"),
    "predict": Command(["predict", "runs/control", "raw.txt"], ("predicted.jsonl",), "predicted.jsonl"),
    "run": Command(["run", "experiments"], ("runs/a", "runs/b")),
}
TRAINING = ("transformer_token", "tagger", "tagger --seeds", "tagger_kd", "tagger_kd --seeds", "pseudo_label")


def write_base(folder: Path, tiny_bert: Path, server: Server) -> None:
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
        ended = server.run(folder, arguments)
        assert ended.code == 0, ended.stderr
    for path in folder.glob(".*.std*"):
        path.unlink()


@dataclass
class Straight:
    """The result of an undisturbed command.

    Attributes:
        files: files that it writes.
        stdout: its standard output.
        seconds: its duration.
        changes: number of changes of the files in its folder.
        size: bytes that it adds.
    """

    files: dict[str, bytes]
    stdout: str
    seconds: float
    changes: int
    size: int


class Workshop:
    """Folders for trials, copies of one with all inputs, and the results of undisturbed commands."""

    def __init__(self, folder: Path, tiny_bert: Path) -> None:
        self.server = Server()
        self.folder = folder
        self.base = folder / "base"
        self.base.mkdir()
        write_base(self.base, tiny_bert, self.server)
        self._number = 0
        self._straight = functools.cache(self._run_straight)

    def new(self) -> Path:
        """Create a new folder."""
        self._number += 1
        trial = self.folder / f"trial-{self._number}"
        shutil.copytree(self.base, trial)
        return trial

    @contextmanager
    def trial(self) -> Iterator[Path]:
        """Yield a new folder; remove it if the block does not fail."""
        trial = self.new()
        yield trial
        shutil.rmtree(trial)

    def straight(self, name: str) -> Straight:
        """Return the result of the undisturbed command ``name``."""
        return self._straight(name)

    def _run_straight(self, name: str) -> Straight:
        command = COMMANDS[name]
        with self.trial() as trial:
            before, started = tree_size(trial), time.monotonic()
            process = self.start(trial, name)
            changes, state = 0, None
            while process.runs:
                if (now := listing(trial, command)) != state:
                    changes, state = changes + 1, now
                time.sleep(_LOOK_SECONDS)
            ended = process.wait()
            assert ended.code == 0, ended.stderr
            seconds = time.monotonic() - started
            size = tree_size(trial) - before
            return Straight(snapshot(trial, command), ended.stdout, seconds, changes, size)

    def start(self, trial: Path, name: str, **how: Any) -> Process:
        """Start the command ``name`` in ``trial``."""
        command = COMMANDS[name]
        return self.server.start(trial, command.arguments, **{"stdout": command.stdout, **how})

    def again(self, trial: Path, name: str, **how: Any) -> Ended:
        """Repeat the command ``name`` in ``trial`` after all its earlier processes have ended."""
        wait_for_others(trial)
        return self.start(trial, name, **how).wait()

    def ends_as_straight(
        self, trial: Path, name: str, *, kind: str, faults: int = 1, without: tuple[str, ...] = ()
    ) -> None:
        """Repeat the command and check that it ends with the bytes of the undisturbed one."""
        ended = self.again(trial, name)
        if ended.code != 0 or "Traceback" in ended.stderr:
            count(kind, LOST, faults)
            raise AssertionError(f"{trial}: {name} ended with {ended.code}:\n{ended.stderr}")
        self.is_straight(trial, name, kind=kind, faults=faults, without=without)

    def is_straight(self, trial: Path, name: str, *, kind: str, faults: int = 1, without: tuple[str, ...] = ()) -> None:
        """Check that the files are those of the undisturbed command, except for those named ``without``."""
        files, wanted = snapshot(trial, COMMANDS[name]), self.straight(name).files
        paths = [*{**files, **wanted}]
        paths = [path for path in paths if not path.endswith(without)] if without else paths
        differing = [path for path in paths if files.get(path) != wanted.get(path)]
        count(kind, LOST if differing else SURVIVED, faults)
        assert not differing, f"{trial}: {name} wrote other files than undisturbed: {differing}"

    def close(self) -> None:
        self.server.close()


def listing(trial: Path, command: Command) -> tuple[object, ...]:
    """List the files that ``command`` writes, with their sizes."""
    entries: list[object] = []
    for top in {(trial / name).parent for name in command.writes}:
        with suppress(FileNotFoundError):
            entries += [(entry.name, entry.stat().st_size) for entry in os.scandir(top) if "std" not in entry.name]
    for name in command.writes:
        for path, _, names in os.walk(trial / name):
            for file in names:
                with suppress(FileNotFoundError):
                    entries.append((path, file, os.stat(os.path.join(path, file)).st_size))
    return tuple(entries)


def tree_size(folder: Path) -> int:
    """Return the size of all files in bytes."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


_TIMINGS = ("words_per_second", "waiting", "seconds")
_SILENT = (".lock", "log.txt")


def snapshot(trial: Path, command: Command) -> dict[str, bytes]:
    """Read the files that ``command`` writes, without timings."""
    files: dict[str, bytes] = {}
    for name in command.writes:
        top = trial / name
        for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
            if path.is_file() and not path.name.endswith(_SILENT) and ".damaged" not in path.name:
                files[path.relative_to(trial).as_posix()] = _stable(path)
    return files


def _stable(path: Path) -> bytes:
    data = path.read_bytes()
    if path.name in ("scores.json", "metrics.jsonl"):
        with suppress(ValueError, AttributeError):  # it is damaged
            parts = [data] if path.name == "scores.json" else data.splitlines()
            rows = [json.loads(part).items() for part in parts]
            return json.dumps([{k: v for k, v in row if k not in _TIMINGS} for row in rows]).encode()
    if path.name == "SHA256SUMS":
        return b"".join(line for line in data.splitlines(True) if b"scores" not in line and b"metrics" not in line)
    return data


def wait_for_others(trial: Path) -> None:
    """Wait until no process works in ``trial``: the experiments of a killed `nlptrain run` may continue."""
    for _ in range(1200):
        if not any(_works_in(path, trial) for path in Path("/proc").iterdir() if path.name.isdigit()):
            return
        time.sleep(0.1)


def _works_in(process: Path, trial: Path) -> bool:
    try:
        return (
            os.readlink(process / "cwd") == str(trial) and (process / "stat").read_text().rpartition(")")[2][1] != "Z"
        )
    except OSError:
        return False


def kill_at(process: Process, signal_number: int, seconds: float) -> bool:
    """Send the signal after ``seconds``; return whether the process was still running."""
    end = time.monotonic() + seconds
    while process.runs and time.monotonic() < end:
        time.sleep(_LOOK_SECONDS)
    return _send(process, signal_number)


def kill_at_change(process: Process, signal_number: int, trial: Path, command: Command, change: int) -> bool:
    """Send the signal as soon as the files of the command have changed ``change`` times."""
    state, seen = None, 0
    while process.runs and seen < change:
        if (now := listing(trial, command)) != state:
            seen, state = seen + 1, now
        time.sleep(_LOOK_SECONDS)
    return _send(process, signal_number)


def _send(process: Process, signal_number: int) -> bool:
    if not process.runs:
        return False
    process.send(signal_number)
    return True


SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
CODES = {signal.SIGKILL: (-9,), signal.SIGTERM: (-15, 143), signal.SIGINT: (-2, 130)}


def flip(path: Path, draw: random.Random) -> None:
    """Change one bit of a random byte."""
    data = bytearray(path.read_bytes())
    if data:
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    path.write_bytes(data)


def _wrong_types(path: Path) -> None:
    def wrong(value: object) -> object:
        if isinstance(value, dict):
            return {key: wrong(inner) for key, inner in value.items()}
        return str(value) if isinstance(value, int | float) else 7

    try:
        path.write_text(json.dumps(wrong(json.loads(path.read_bytes()))))
    except ValueError:
        path.write_text('{"a": "b"}')


DAMAGE: dict[str, Callable[[Path, random.Random], object]] = {
    "removed": lambda path, draw: path.unlink(),
    "empty": lambda path, draw: path.write_bytes(b""),
    "truncated": lambda path, draw: os.truncate(path, draw.randrange(path.stat().st_size or 1)),
    "flipped": flip,
    "random bytes": lambda path, draw: path.write_bytes(draw.randbytes(200)),
    "an empty list": lambda path, draw: path.write_text("[]"),
    "wrong types": lambda path, draw: _wrong_types(path),
}
