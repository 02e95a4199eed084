"""Faults: commands that are killed, starved and damaged, and what became of their files.

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
    """How many rounds a test makes."""
    return ROUNDS if NIGHTLY else slice_of


def draw_for(name: str) -> random.Random:
    """A source of random numbers of its own for each test."""
    return random.Random(f"{SEED} {name}")


def count(kind: str, outcome: str, number: int = 1) -> None:
    """Note what became of a fault."""
    COUNTS[f"{kind}|{outcome}"] += number


@dataclass
class Ended:
    """How a command ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def is_clear(self) -> bool:
        """Whether it ended by an error that is meant for its user."""
        lines = self.stderr.splitlines()
        return self.code == 2 and any(line.startswith("error: ") for line in lines) and "Traceback" not in self.stderr


@dataclass
class Process:
    """A command that runs."""

    server: Server
    pid: int
    folder: Path
    name: str

    def send(self, number: int) -> None:
        """Send it a signal, if it still runs; it stays a zombie until ``wait``."""
        os.kill(self.pid, number)

    @property
    def runs(self) -> bool:
        """Whether it has not ended."""
        return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"

    def wait(self) -> Ended:
        """Wait for its end."""
        code = self.server.ask({"do": "wait", "pid": self.pid})["code"]
        streams = (self.folder / f".{self.name}.{stream}" for stream in ("stdout", "stderr"))
        return Ended(code, *(path.read_text(errors="replace") if path.exists() else "" for path in streams))


class Server:
    """Starts commands by forking a process that has imported all."""

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
        self._answer()

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        print(json.dumps(request), file=self._process.stdin, flush=True)
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

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
        """Start ``nlptrain ARGUMENTS`` in ``folder``; ``powerless``: permissions hold for it, also if it is root's."""
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
    """A command of the trial.

    Attributes:
        arguments: as they are given.
        writes: files and folders that it writes, which must come out the same.
        stdout: where its standard output goes, if that is what it writes.
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
    """A folder with data, configurations, a finished teacher and a finished control."""
    write_corpus(folder)
    write_columns(folder / "big.conll", make_sentences(5_000, 5))
    shutil.copytree(tiny_bert, folder / "tiny_bert")
    common = {"threads": 1}
    teacher = {**common, "model": "tiny_bert", "data": GOLD, "train": {"epochs": 6, "learning_rate": 0.005}}
    student = {**common, "student": {**STUDENT, "tokenizer": "tiny_bert"}, "data": GOLD, "train": TRAIN}
    taught = {**common, "teacher": "runs/teacher", "student": STUDENT, "data": RAW, "train": TRAIN, "augment": "none"}
    for name, values in {
        "transformer_token-teacher": {**teacher, "output_dir": "runs/teacher"},
        "tagger-control": {**student, "output_dir": "runs/control"},
        "transformer_token": {**teacher, "output_dir": "runs/transformer_token"},
        "tagger": {**student, "output_dir": "runs/tagger"},
        "tagger-seeds": {**student, "seeds": [0, 1], "output_dir": "runs/seeds"},
        "tagger_kd": {**taught, "output_dir": "runs/tagger_kd"},
        "tagger_kd-seeds": {**taught, "seeds": [0, 1], "output_dir": "runs/kd_seeds"},
        "pseudo_label": {**taught, "output_dir": "runs/pseudo_label"},
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
        made = server.run(folder, arguments)
        assert made.code == 0, made.stderr
    for path in folder.glob(".*.std*"):
        path.unlink()


@dataclass
class Straight:
    """What a command does where nothing goes wrong.

    Attributes:
        files: what it writes.
        stdout: what it prints.
        seconds: how long it takes.
        changes: how often what stands in its folder changes.
        size: bytes that it adds.
    """

    files: dict[str, bytes]
    stdout: str
    seconds: float
    changes: int
    size: int


class Workshop:
    """Folders for trials, each a copy of one with all that commands read, and what undisturbed commands write."""

    def __init__(self, folder: Path, tiny_bert: Path) -> None:
        self.server = Server()
        self.folder = folder
        self.base = folder / "base"
        self.base.mkdir()
        write_base(self.base, tiny_bert, self.server)
        self._number = 0
        self._straight = functools.cache(self._run_straight)

    def new(self) -> Path:
        """A fresh folder."""
        self._number += 1
        trial = self.folder / f"trial-{self._number}"
        shutil.copytree(self.base, trial)
        return trial

    @contextmanager
    def trial(self) -> Iterator[Path]:
        """A fresh folder that is removed where nothing fails."""
        trial = self.new()
        yield trial
        shutil.rmtree(trial)

    def straight(self, name: str) -> Straight:
        """What the command ``name`` does undisturbed."""
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
        """Give the command ``name`` in ``trial`` once more, after what an earlier one has left running has ended."""
        wait_for_others(trial)
        return self.start(trial, name, **how).wait()

    def ends_as_straight(
        self, trial: Path, name: str, *, kind: str, number: int = 1, without: tuple[str, ...] = ()
    ) -> None:
        """Give the command again, and see that it ends with the bytes of the straight run."""
        ended = self.again(trial, name)
        if ended.code != 0 or "Traceback" in ended.stderr:
            count(kind, LOST, number)
            raise AssertionError(f"{trial}: {name} ended with {ended.code}:\n{ended.stderr}")
        self.is_straight(trial, name, kind=kind, number=number, without=without)

    def is_straight(self, trial: Path, name: str, *, kind: str, number: int = 1, without: tuple[str, ...] = ()) -> None:
        """See that the files are those of the straight run, but for those named ``without``."""
        files, wanted = snapshot(trial, COMMANDS[name]), self.straight(name).files
        names = [one for one in {**files, **wanted} if not one.endswith(without)] if without else [*{**files, **wanted}]
        differing = [one for one in names if files.get(one) != wanted.get(one)]
        count(kind, LOST if differing else SURVIVED, number)
        assert not differing, f"{trial}: {name} has left other files than the straight run: {differing}"

    def close(self) -> None:
        self.server.close()


def listing(trial: Path, command: Command) -> tuple[object, ...]:
    """What stands where ``command`` writes, and how large it is."""
    found: list[object] = []
    for top in {(trial / name).parent for name in command.writes}:
        with suppress(FileNotFoundError):
            found += [(entry.name, entry.stat().st_size) for entry in os.scandir(top) if "std" not in entry.name]
    for name in command.writes:
        for path, _, names in os.walk(trial / name):
            for one in names:
                with suppress(FileNotFoundError):
                    found.append((path, one, os.stat(os.path.join(path, one)).st_size))
    return tuple(found)


def tree_size(folder: Path) -> int:
    """Bytes of all files."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


_TIMINGS = ("words_per_second", "waiting", "seconds")
_SILENT = (".lock", "log.txt")


def snapshot(trial: Path, command: Command) -> dict[str, bytes]:
    """The files that ``command`` writes, timings left out."""
    found: dict[str, bytes] = {}
    for name in command.writes:
        top = trial / name
        for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
            if path.is_file() and not path.name.endswith(_SILENT) and ".damaged" not in path.name:
                found[path.relative_to(trial).as_posix()] = _stable(path)
    return found


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
    """Wait until no process works in ``trial``: `nlptrain run` that is killed leaves its experiments to end."""
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


def kill_at(process: Process, number: int, seconds: float) -> bool:
    """Send the signal after ``seconds``; whether the process was still running."""
    end = time.monotonic() + seconds
    while process.runs and time.monotonic() < end:
        time.sleep(_LOOK_SECONDS)
    return _sent(process, number)


def kill_at_change(process: Process, number: int, trial: Path, command: Command, change: int) -> bool:
    """Send the signal as soon as what the command has written has changed ``change`` times."""
    state, seen = None, 0
    while process.runs and seen < change:
        if (now := listing(trial, command)) != state:
            seen, state = seen + 1, now
        time.sleep(_LOOK_SECONDS)
    return _sent(process, number)


def _sent(process: Process, number: int) -> bool:
    if not process.runs:
        return False
    process.send(number)
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
