"""Full disks, missing permissions, damaged files, and two runs at once: a clear error, and nothing lost."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.helpers.faults import (
    CLEAR_ERROR,
    COMMANDS,
    DAMAGE,
    LOST,
    NIGHTLY,
    NOBODY,
    SURVIVED,
    TRAINING,
    Ended,
    Process,
    Workshop,
    count,
    kill_at_change,
    rng_for,
    rounds,
    snapshot,
    wait_for_others,
)

pytestmark = pytest.mark.slow

_STREAMS = {"compare", "evaluate", "predict"}
_WRITERS = [name for name in COMMANDS if name not in _STREAMS and name != "run"]


def contents(folder: Path, *, without: tuple[str, ...] = ()) -> dict[str, bytes]:
    """All files, but for logs, locks and those whose path begins with one of ``without``."""
    paths = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return {
        name: path.read_bytes()
        for name, path in paths.items()
        if not name.startswith((".", *without)) and not name.endswith((".lock", "log.txt"))
    }


def check_error(ended: Ended, kind: str, *words: str) -> None:
    """Check that ``ended`` is a clear error that contains one of ``words``."""
    if not ended.is_clear or not any(word in ended.stderr for word in words or ("",)):
        count(kind, LOST)
        raise AssertionError(f"{kind}: ended with {ended.code}; expected one of {words}:\n{ended.stderr}")


def check_kept(before: dict[str, bytes], folder: Path, kind: str) -> None:
    """See that all of ``before`` is still there."""
    now = contents(folder)
    lost = [name for name, data in before.items() if now.get(name) != data]
    if lost:
        count(kind, LOST)
    assert not lost, f"{folder}: {kind}: changed or removed: {lost}"


def check_no_parts(folder: Path, kind: str) -> None:
    """See that nothing half-written is left."""
    parts = [path for path in folder.rglob("*") if ".part" in path.name]
    if parts:
        count(kind, LOST)
    assert not parts, parts


@contextmanager
def small_disk(folder: Path, room: int) -> Iterator[None]:
    """Put ``folder`` on a file system of its own with ``room`` bytes more than it needs."""
    kept = folder.with_name(folder.name + "-kept")
    folder.rename(kept)
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1g", "tmpfs", str(folder)], capture_output=True)
    if mounted.returncode:
        folder.rmdir()
        kept.rename(folder)
        pytest.skip(f"no small file system: {mounted.stderr.decode(errors='replace').strip()}")
    try:
        shutil.copytree(kept, folder, dirs_exist_ok=True)
        shutil.rmtree(kept)
        disk = os.statvfs(folder)
        used = (disk.f_blocks - disk.f_bfree) * disk.f_frsize
        subprocess.run(["mount", "-o", f"remount,size={used + room // 4096 * 4096}", str(folder)], check=True)
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


FULL = ("No space left on device", "File too large")


@pytest.mark.parametrize("name", _WRITERS if NIGHTLY else ["tagger", "convert"])
def test_a_full_disk(workshop: Workshop, name: str) -> None:
    draw, kind = rng_for(f"disk {name}"), f"full disk {name}"
    for _ in range(rounds()):
        with workshop.trial() as trial:
            with small_disk(trial / "runs", draw.randrange(max(workshop.straight(name).size, 4096))):
                before = contents(trial / "runs")
                ended = workshop.start(trial, name).wait()
                if ended.code == 0:
                    workshop.is_straight(trial, name, kind=kind)
                    continue
                check_error(ended, kind, *FULL)
                check_kept(before, trial / "runs", kind)
                check_no_parts(trial / "runs", kind)
                subprocess.run(["mount", "-o", "remount,size=1g", str(trial / "runs")], check=True)
                workshop.ends_as_straight(trial, name, kind=kind, faults=0)
                count(kind, CLEAR_ERROR)


@pytest.mark.parametrize("name", _WRITERS if NIGHTLY else ["tagger_kd", "export"])
def test_a_file_that_may_grow_no_further(workshop: Workshop, name: str) -> None:
    draw, kind = rng_for(f"limit {name}"), f"file size limit {name}"
    for _ in range(rounds()):
        with workshop.trial() as trial:
            before = contents(trial / "runs")
            largest = max(map(len, workshop.straight(name).files.values()))
            ended = workshop.start(trial, name, file_size=draw.randrange(1024, 3 * largest)).wait()
            if ended.code == 0:
                workshop.is_straight(trial, name, kind=kind)
                continue
            check_error(ended, kind, "File too large")
            check_kept(before, trial / "runs", kind)
            check_no_parts(trial / "runs", kind)
            workshop.ends_as_straight(trial, name, kind=kind, faults=0)
            count(kind, CLEAR_ERROR)


@pytest.mark.parametrize("name", sorted(_STREAMS) if NIGHTLY else ["predict"])
def test_a_full_standard_output(workshop: Workshop, name: str) -> None:
    with workshop.trial() as trial:
        ended = workshop.start(trial, name, stdout="/dev/full").wait()
        check_error(ended, "full standard output", "No space left on device")
        count("full standard output", CLEAR_ERROR)


def take_away(folder: Path) -> None:
    """Make another user the owner of all files in ``folder``, readable by others."""
    for path in (folder, *folder.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
        path.chmod(0o755 if path.is_dir() else 0o644)


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files to another user")
@pytest.mark.parametrize("name", _WRITERS if NIGHTLY else ["tagger"])
def test_a_folder_that_may_not_be_written(workshop: Workshop, name: str) -> None:
    kind = "no permission to write"
    with workshop.trial() as trial:
        take_away(trial)
        before = contents(trial)
        ended = workshop.start(trial, name, powerless=True).wait()
        check_error(ended, kind, "cannot be written to", "Permission denied")
        check_kept(before, trial, kind)
        workshop.ends_as_straight(trial, name, kind=kind, faults=0)
        count(kind, CLEAR_ERROR)


_READ = ("train.conll", "tiny_bert/config.json", "tiny_bert/model.safetensors", "tagger.yaml", "dev.conll")


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files to another user")
@pytest.mark.parametrize("file", _READ if NIGHTLY else _READ[:1])
def test_a_file_that_may_not_be_read(workshop: Workshop, file: str) -> None:
    kind = "no permission to read"
    with workshop.trial() as trial:
        os.chown(trial / file, NOBODY, NOBODY)
        (trial / file).chmod(0o600)
        ended = workshop.start(trial, "tagger", powerless=True).wait()
        check_error(ended, kind, Path(file).name, "tiny_bert")
        (trial / file).chmod(0o644)
        workshop.ends_as_straight(trial, "tagger", kind=kind, faults=0)
        count(kind, CLEAR_ERROR)


@pytest.fixture(scope="module")
def stopped(workshop: Workshop) -> dict[str, Path]:
    """Folders with a run of each command that was stopped after two checkpoints."""
    damaged = {}
    for name in ("tagger_kd", "tagger --seeds") if NIGHTLY else ("tagger_kd",):
        folder = COMMANDS[name].writes[0]
        while name not in damaged:
            trial = workshop.new()
            process = workshop.start(trial, name)
            while process.runs and not list(trial.glob(f"{folder}/**/checkpoint-previous.safetensors")):
                time.sleep(0.001)
            process.send(signal.SIGKILL)
            process.wait()
            if list(trial.glob(f"{folder}/**/checkpoint-previous.safetensors")):
                damaged[name] = trial
    return damaged


@contextmanager
def copied(workshop: Workshop, folder: Path) -> Iterator[Path]:
    with workshop.trial() as trial:
        shutil.rmtree(trial)
        shutil.copytree(folder, trial)
        yield trial


def check_again(workshop: Workshop, trial: Path, name: str, file: str, kind: str) -> None:
    """Give ``name`` again after a file was damaged: the straight run's bytes, or an error with nothing lost."""
    before = contents(trial / "runs", without=(file.removeprefix("runs/"),))
    ended = workshop.again(trial, name)
    if ended.code == 0:
        workshop.is_straight(trial, name, kind=kind, without=("metrics.jsonl", "SHA256SUMS"))
        return
    check_error(ended, kind)
    check_kept(before, trial / "runs", kind)
    count(kind, CLEAR_ERROR)


def damages(trial: Path, tops: tuple[str, ...], draw: random.Random, most: int) -> list[tuple[str, str]]:
    """Files below ``tops``, each with a kind of damage; all of them, or a sample of ``most``."""
    files = sorted(
        path.relative_to(trial).as_posix()
        for top in tops
        for path in (trial / top).rglob("*")
        if path.is_file() and not path.name.endswith(".lock")
    )
    every = [(file, kind) for file in files for kind in DAMAGE]
    return draw.sample(every, min(most, len(every)))


def label(file: str) -> str:
    path = Path(file)
    return f"damaged {path.parent.name}/{path.name}" if path.parent.name == "model" else f"damaged {path.name}"


@pytest.mark.parametrize("part", range(4 if NIGHTLY else 1))
def test_a_stopped_run_whose_files_are_damaged(workshop: Workshop, stopped: dict[str, Path], part: int) -> None:
    draw = rng_for(f"stopped {part}")
    for name, folder in stopped.items():
        for file, kind in damages(folder, COMMANDS[name].writes, draw, 3 * rounds()):
            with copied(workshop, folder) as trial:
                DAMAGE[kind](trial / file, draw)
                check_again(workshop, trial, name, file, label(file))


@pytest.fixture(scope="module")
def finished(workshop: Workshop) -> Path:
    """A folder with a finished student."""
    trial = workshop.new()
    for name in ("pseudo_label", "export"):
        assert workshop.again(trial, name).code == 0
    return trial


_READERS: dict[str, list[str]] = {
    "compare": ["compare", "runs/teacher", "runs/pseudo_label", "--no-speed", "--bootstrap", "100", "--json"],
    "card": ["card", "runs/pseudo_label", "--dataset", "corpus"],
    "evaluate": ["evaluate", "runs/pseudo_label", "test.conll", "--json"],
    "predict": ["predict", "runs/pseudo_label", "raw.txt"],
    "export": ["export", "runs/pseudo_label", "runs/out"],
    "tagger_kd of it": [
        "tagger_kd",
        "tagger_kd.yaml",
        "--set",
        "teacher=runs/pseudo_label",
        "--set",
        "transfer_dir=of_it",
    ],
}


@pytest.mark.parametrize("part", range(4 if NIGHTLY else 1))
def test_a_finished_run_whose_files_are_damaged(workshop: Workshop, finished: Path, part: int) -> None:
    draw = rng_for(f"finished {part}")
    shown: dict[str, str] = {}
    for file, kind in damages(finished, ("runs/pseudo_label",), draw, 4 * rounds()):
        with copied(workshop, finished) as trial:
            DAMAGE[kind](trial / file, draw)
            for reader in draw.sample(sorted(_READERS), 3 if NIGHTLY else 1):
                if reader not in shown:
                    with copied(workshop, finished) as other:
                        whole = workshop.server.run(other, _READERS[reader])
                        assert whole.code == 0, whole.stderr
                        shown[reader] = whole.stdout
                ended = workshop.server.run(trial, _READERS[reader])
                if ended.code:
                    check_error(ended, label(file), Path(file).name, "has not finished", "no scores.json")
                elif ended.stdout != shown[reader] and reader not in ("export", "tagger_kd of it"):
                    count(label(file), LOST)
                    raise AssertionError(
                        f"{trial}: {reader} gives another result after {file} was {kind}:\n{ended.stdout}"
                    )
            check_again(workshop, trial, "pseudo_label", file, label(file))


@pytest.mark.parametrize("part", range(4 if NIGHTLY else 1))
def test_a_transfer_set_whose_files_are_damaged(workshop: Workshop, finished: Path, part: int) -> None:
    draw = rng_for(f"transfer {part}")
    for file, kind in damages(finished, ("runs/transfer",), draw, 2 * rounds()):
        with copied(workshop, finished) as trial:
            DAMAGE[kind](trial / file, draw)
            ended = workshop.again(trial, "tagger_kd")
            name = f"transfer set: {Path(file).suffix} {kind}"
            if ended.code == 0:
                workshop.is_straight(trial, "tagger_kd", kind=name)
            else:
                check_error(ended, name)
                count(name, CLEAR_ERROR)


@pytest.mark.parametrize("name", TRAINING if NIGHTLY else ["tagger"])
def test_files_that_are_damaged_while_a_run_writes_them(workshop: Workshop, name: str) -> None:
    draw, kind = rng_for(f"while {name}"), f"damaged while {name} runs"
    for _ in range(rounds()):
        with workshop.trial() as trial:
            process = workshop.start(trial, name)
            change = draw.randint(2, workshop.straight(name).changes)
            if not kill_at_change(process, signal.SIGSTOP, trial, COMMANDS[name], change):
                process.wait()
                continue
            _damage_one(trial, COMMANDS[name].writes[0], draw)
            process.send(signal.SIGCONT)
            ended = process.wait()
            if ended.code == 0:
                own = snapshot(trial, COMMANDS[name])
                kept = ("model.safetensors", "scores.json", "model/config.json")
                wanted = {key: data for key, data in workshop.straight(name).files.items() if key.endswith(kept)}
                if all(own.get(key) == data for key, data in wanted.items()):
                    count(kind, SURVIVED)
                    continue
            # If the run had finished with the file before the damage, its readers report it.
            again = workshop.again(trial, name)
            if again.code == 0:
                workshop.is_straight(trial, name, kind=kind, without=("metrics.jsonl", "SHA256SUMS"))
            else:
                check_error(again, kind)
                count(kind, CLEAR_ERROR)


def _damage_one(trial: Path, top: str, draw: random.Random) -> None:
    files = sorted(path for path in (trial / top).rglob("*") if path.is_file() and ".part" not in str(path))
    files = [path for path in files if not path.name.endswith(".lock")]
    if files:
        DAMAGE[draw.choice(sorted(DAMAGE))](draw.choice(files), draw)


@pytest.mark.parametrize("name", TRAINING if NIGHTLY else ["tagger"])
def test_two_at_once_in_one_folder(workshop: Workshop, name: str) -> None:
    draw, kind = rng_for(f"two {name}"), "two at once in one folder"
    for _ in range(rounds()):
        with workshop.trial() as trial:
            first = workshop.start(trial, name)
            time.sleep(draw.uniform(0, workshop.straight(name).seconds))
            second = workshop.start(trial, name)
            both = [first.wait(), second.wait()]
            for ended in both:
                if ended.code:
                    check_error(ended, kind, "another nlptrain process writes to this folder")
            workshop.ends_as_straight(trial, name, kind=kind)


@pytest.mark.parametrize("killed", [False, True])
def test_two_at_once_on_one_transfer_set(workshop: Workshop, killed: bool) -> None:
    draw, kind = rng_for(f"transfer set {killed}"), "two at once on one transfer set"
    names = ("tagger_kd", "pseudo_label")
    for name in names:
        workshop.straight(name)
    for _ in range(rounds()):
        with workshop.trial() as trial:
            processes: list[Process] = []
            for name in names:
                processes.append(workshop.start(trial, name))
                time.sleep(draw.uniform(0, 0.2))
            if killed:
                time.sleep(draw.uniform(0, workshop.straight("tagger_kd").seconds))
                if processes[0].runs:
                    processes[0].send(signal.SIGKILL)
            for process in processes:
                ended = process.wait()
                assert ended.code in (0, -9), ended.stderr
            wait_for_others(trial)
            for name in names:
                workshop.ends_as_straight(trial, name, kind=kind)
