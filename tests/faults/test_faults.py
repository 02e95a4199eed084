"""Full disks, missing permissions, damaged files and concurrent runs end in a clear error, and no file is lost."""

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
    ROUNDS,
    SURVIVED,
    TRAINING,
    CommandResult,
    FaultHarness,
    Process,
    count_outcome,
    kill_after_changes,
    read_outputs,
    rng_for,
    wait_for_processes,
)

pytestmark = pytest.mark.slow

_STDOUT_COMMANDS = {"compare", "evaluate", "predict"}
_FILE_COMMANDS = [name for name in COMMANDS if name not in _STDOUT_COMMANDS and name != "run"]


def read_files(folder: Path, *, without: tuple[str, ...] = ()) -> dict[str, bytes]:
    """Read all files except logs, locks and paths that begin with one of ``without``."""
    paths = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return {
        name: path.read_bytes()
        for name, path in paths.items()
        if not name.startswith((".", *without)) and not name.endswith((".lock", "log.txt"))
    }


def check_error(result: CommandResult, kind: str, *words: str) -> None:
    """Check that ``result`` is a clear error that contains one of ``words``."""
    if not result.has_clear_error or not any(word in result.stderr for word in words or ("",)):
        count_outcome(kind, LOST)
        raise AssertionError(f"{kind}: ended with {result.exit_code}; expected one of {words}:\n{result.stderr}")


def check_unchanged(before: dict[str, bytes], folder: Path, kind: str) -> None:
    """Check that all files of ``before`` are in ``folder`` and have the same content."""
    after = read_files(folder)
    lost = [name for name, data in before.items() if after.get(name) != data]
    if lost:
        count_outcome(kind, LOST)
    assert not lost, f"{folder}: {kind}: changed or removed: {lost}"


def check_no_partial_files(folder: Path, kind: str) -> None:
    """Check that no partly written file is left."""
    parts = [path for path in folder.rglob("*") if ".part" in path.name]
    if parts:
        count_outcome(kind, LOST)
    assert not parts, parts


@contextmanager
def small_disk(folder: Path, free_bytes: int) -> Iterator[None]:
    """Move ``folder`` to a file system of its own with ``free_bytes`` of free space."""
    original = folder.with_name(folder.name + "-kept")
    folder.rename(original)
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1g", "tmpfs", str(folder)], capture_output=True)
    if mounted.returncode:
        folder.rmdir()
        original.rename(folder)
        pytest.skip(f"no small file system: {mounted.stderr.decode(errors='replace').strip()}")
    try:
        shutil.copytree(original, folder, dirs_exist_ok=True)
        shutil.rmtree(original)
        disk = os.statvfs(folder)
        used = (disk.f_blocks - disk.f_bfree) * disk.f_frsize
        subprocess.run(["mount", "-o", f"remount,size={used + free_bytes // 4096 * 4096}", str(folder)], check=True)
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


DISK_FULL_ERRORS = ("No space left on device", "File too large")


@pytest.mark.parametrize("name", _FILE_COMMANDS if NIGHTLY else ["tagger", "convert"])
def test_full_disk_is_a_clear_error(harness: FaultHarness, name: str) -> None:
    rng, kind = rng_for(f"disk {name}"), f"full disk {name}"
    for _ in range(ROUNDS):
        with harness.trial() as trial:
            with small_disk(trial / "runs", rng.randrange(max(harness.reference(name).size, 4096))):
                before = read_files(trial / "runs")
                result = harness.start(trial, name).wait()
                if result.exit_code == 0:
                    harness.check_outputs(trial, name, kind=kind)
                    continue
                check_error(result, kind, *DISK_FULL_ERRORS)
                check_unchanged(before, trial / "runs", kind)
                check_no_partial_files(trial / "runs", kind)
                subprocess.run(["mount", "-o", "remount,size=1g", str(trial / "runs")], check=True)
                harness.check_rerun(trial, name, kind=kind, faults=0)
                count_outcome(kind, CLEAR_ERROR)


@pytest.mark.parametrize("name", _FILE_COMMANDS if NIGHTLY else ["tagger_kd", "export"])
def test_file_size_limit_is_a_clear_error(harness: FaultHarness, name: str) -> None:
    rng, kind = rng_for(f"limit {name}"), f"file size limit {name}"
    for _ in range(ROUNDS):
        with harness.trial() as trial:
            before = read_files(trial / "runs")
            largest = max(map(len, harness.reference(name).files.values()))
            result = harness.start(trial, name, file_size=rng.randrange(1024, 3 * largest)).wait()
            if result.exit_code == 0:
                harness.check_outputs(trial, name, kind=kind)
                continue
            check_error(result, kind, "File too large")
            check_unchanged(before, trial / "runs", kind)
            check_no_partial_files(trial / "runs", kind)
            harness.check_rerun(trial, name, kind=kind, faults=0)
            count_outcome(kind, CLEAR_ERROR)


@pytest.mark.parametrize("name", sorted(_STDOUT_COMMANDS) if NIGHTLY else ["predict"])
def test_full_standard_output_is_a_clear_error(harness: FaultHarness, name: str) -> None:
    with harness.trial() as trial:
        result = harness.start(trial, name, stdout="/dev/full").wait()
        check_error(result, "full standard output", "No space left on device")
        count_outcome("full standard output", CLEAR_ERROR)


def change_owner(folder: Path) -> None:
    """Make another user the owner of all files in ``folder``, readable by others."""
    for path in (folder, *folder.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
        path.chmod(0o755 if path.is_dir() else 0o644)


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files to another user")
@pytest.mark.parametrize("name", _FILE_COMMANDS if NIGHTLY else ["tagger"])
def test_unwritable_folder_is_a_clear_error(harness: FaultHarness, name: str) -> None:
    kind = "no permission to write"
    with harness.trial() as trial:
        change_owner(trial)
        before = read_files(trial)
        result = harness.start(trial, name, drop_capabilities=True).wait()
        check_error(result, kind, "cannot be written to", "Permission denied")
        check_unchanged(before, trial, kind)
        harness.check_rerun(trial, name, kind=kind, faults=0)
        count_outcome(kind, CLEAR_ERROR)


_INPUT_FILES = ("train.conll", "tiny_bert/config.json", "tiny_bert/model.safetensors", "tagger.yaml", "dev.conll")


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files to another user")
@pytest.mark.parametrize("file", _INPUT_FILES if NIGHTLY else _INPUT_FILES[:1])
def test_unreadable_file_is_a_clear_error(harness: FaultHarness, file: str) -> None:
    kind = "no permission to read"
    with harness.trial() as trial:
        os.chown(trial / file, NOBODY, NOBODY)
        (trial / file).chmod(0o600)
        result = harness.start(trial, "tagger", drop_capabilities=True).wait()
        check_error(result, kind, Path(file).name, "tiny_bert")
        (trial / file).chmod(0o644)
        harness.check_rerun(trial, "tagger", kind=kind, faults=0)
        count_outcome(kind, CLEAR_ERROR)


@pytest.fixture(scope="module")
def stopped_runs(harness: FaultHarness) -> dict[str, Path]:
    """Trial folders with runs that were killed after two checkpoints, by command."""
    trials: dict[str, Path] = {}
    for name in ("tagger_kd", "tagger --seeds") if NIGHTLY else ("tagger_kd",):
        folder = COMMANDS[name].outputs[0]
        while name not in trials:
            trial = harness.new_trial()
            process = harness.start(trial, name)
            while process.is_running and not list(trial.glob(f"{folder}/**/checkpoint-previous.safetensors")):
                time.sleep(0.001)
            process.send(signal.SIGKILL)
            process.wait()
            if list(trial.glob(f"{folder}/**/checkpoint-previous.safetensors")):
                trials[name] = trial
    return trials


@contextmanager
def working_copy(harness: FaultHarness, folder: Path) -> Iterator[Path]:
    """Yield a trial folder that is a copy of ``folder``."""
    with harness.trial() as trial:
        shutil.rmtree(trial)
        shutil.copytree(folder, trial)
        yield trial


def check_rerun_after_damage(harness: FaultHarness, trial: Path, name: str, file: str, kind: str) -> None:
    """Repeat ``name`` after ``file`` was damaged: it restores the files, or ends in an error and loses nothing."""
    before = read_files(trial / "runs", without=(file.removeprefix("runs/"),))
    result = harness.rerun(trial, name)
    if result.exit_code == 0:
        harness.check_outputs(trial, name, kind=kind, without=("metrics.jsonl", "SHA256SUMS"))
        return
    check_error(result, kind)
    check_unchanged(before, trial / "runs", kind)
    count_outcome(kind, CLEAR_ERROR)


def sample_damages(trial: Path, tops: tuple[str, ...], rng: random.Random, max_count: int) -> list[tuple[str, str]]:
    """Return at most ``max_count`` pairs of a file below ``tops`` and a kind of damage, in random order."""
    files = sorted(
        path.relative_to(trial).as_posix()
        for top in tops
        for path in (trial / top).rglob("*")
        if path.is_file() and not path.name.endswith(".lock")
    )
    choices = [(file, kind) for file in files for kind in DAMAGE]
    return rng.sample(choices, min(max_count, len(choices)))


def damage_name(file: str) -> str:
    """Return the kind of fault in the report for a damaged file."""
    path = Path(file)
    return f"damaged {path.parent.name}/{path.name}" if path.parent.name == "model" else f"damaged {path.name}"


@pytest.mark.parametrize("part", range(4 if NIGHTLY else 1))
def test_damaged_stopped_run_is_resumed_or_reported(
    harness: FaultHarness, stopped_runs: dict[str, Path], part: int
) -> None:
    rng = rng_for(f"stopped {part}")
    for name, folder in stopped_runs.items():
        for file, kind in sample_damages(folder, COMMANDS[name].outputs, rng, 3 * ROUNDS):
            with working_copy(harness, folder) as trial:
                DAMAGE[kind](trial / file, rng)
                check_rerun_after_damage(harness, trial, name, file, damage_name(file))


@pytest.fixture(scope="module")
def finished_run(harness: FaultHarness) -> Path:
    """A trial folder with a finished and exported student."""
    trial = harness.new_trial()
    for name in ("pseudo_label", "export"):
        assert harness.rerun(trial, name).exit_code == 0
    return trial


_READERS: dict[str, list[str]] = {
    "compare": ["compare", "runs/teacher", "runs/pseudo_label", "--no-speed", "--bootstrap", "100", "--json"],
    "card": ["card", "runs/pseudo_label", "--dataset", "corpus"],
    "evaluate": ["evaluate", "runs/pseudo_label", "test.conll", "--json"],
    "predict": ["predict", "runs/pseudo_label", "raw.txt"],
    "export": ["export", "runs/pseudo_label", "runs/out"],
    "tagger_kd": [
        "tagger_kd",
        "tagger_kd.yaml",
        "--set",
        "teacher=runs/pseudo_label",
        "--set",
        "transfer_dir=other_transfer",
    ],
}


@pytest.mark.parametrize("part", range(4 if NIGHTLY else 1))
def test_damaged_finished_run_is_repaired_or_reported(harness: FaultHarness, finished_run: Path, part: int) -> None:
    rng = rng_for(f"finished {part}")
    expected_output: dict[str, str] = {}
    for file, kind in sample_damages(finished_run, ("runs/pseudo_label",), rng, 4 * ROUNDS):
        with working_copy(harness, finished_run) as trial:
            DAMAGE[kind](trial / file, rng)
            for reader in rng.sample(sorted(_READERS), 3 if NIGHTLY else 1):
                if reader not in expected_output:
                    with working_copy(harness, finished_run) as undamaged:
                        result = harness.server.run(undamaged, _READERS[reader])
                        assert result.exit_code == 0, result.stderr
                        expected_output[reader] = result.stdout
                result = harness.server.run(trial, _READERS[reader])
                if result.exit_code:
                    check_error(result, damage_name(file), Path(file).name, "has not finished", "no scores.json")
                elif result.stdout != expected_output[reader] and reader not in ("export", "tagger_kd"):
                    count_outcome(damage_name(file), LOST)
                    raise AssertionError(
                        f"{trial}: {reader} gives another result after {file} was {kind}:\n{result.stdout}"
                    )
            check_rerun_after_damage(harness, trial, "pseudo_label", file, damage_name(file))


@pytest.mark.parametrize("part", range(4 if NIGHTLY else 1))
def test_damaged_transfer_set_is_repaired_or_reported(harness: FaultHarness, finished_run: Path, part: int) -> None:
    rng = rng_for(f"transfer {part}")
    for file, kind in sample_damages(finished_run, ("runs/transfer",), rng, 2 * ROUNDS):
        with working_copy(harness, finished_run) as trial:
            DAMAGE[kind](trial / file, rng)
            result = harness.rerun(trial, "tagger_kd")
            reported_kind = f"transfer set: {Path(file).suffix} {kind}"
            if result.exit_code == 0:
                harness.check_outputs(trial, "tagger_kd", kind=reported_kind)
            else:
                check_error(result, reported_kind)
                count_outcome(reported_kind, CLEAR_ERROR)


@pytest.mark.parametrize("name", TRAINING if NIGHTLY else ["tagger"])
def test_file_damaged_during_a_run_is_repaired_or_reported(harness: FaultHarness, name: str) -> None:
    rng, kind = rng_for(f"while {name}"), f"damaged while {name} runs"
    for _ in range(ROUNDS):
        with harness.trial() as trial:
            process = harness.start(trial, name)
            change_count = rng.randint(2, harness.reference(name).changes)
            if not kill_after_changes(process, signal.SIGSTOP, trial, COMMANDS[name], change_count):
                process.wait()
                continue
            _damage_random_file(trial, COMMANDS[name].outputs[0], rng)
            process.send(signal.SIGCONT)
            result = process.wait()
            if result.exit_code == 0:
                files = read_outputs(trial, COMMANDS[name])
                names = ("model.safetensors", "scores.json", "model/config.json")
                expected = {path: data for path, data in harness.reference(name).files.items() if path.endswith(names)}
                if all(files.get(path) == data for path, data in expected.items()):
                    count_outcome(kind, SURVIVED)
                    continue
            # If the run did not use the file after the damage, the next command that reads it reports the damage.
            result = harness.rerun(trial, name)
            if result.exit_code == 0:
                harness.check_outputs(trial, name, kind=kind, without=("metrics.jsonl", "SHA256SUMS"))
            else:
                check_error(result, kind)
                count_outcome(kind, CLEAR_ERROR)


def _damage_random_file(trial: Path, top: str, rng: random.Random) -> None:
    files = sorted(path for path in (trial / top).rglob("*") if path.is_file() and ".part" not in str(path))
    files = [path for path in files if not path.name.endswith(".lock")]
    if files:
        DAMAGE[rng.choice(sorted(DAMAGE))](rng.choice(files), rng)


@pytest.mark.parametrize("name", TRAINING if NIGHTLY else ["tagger"])
def test_concurrent_runs_in_one_folder(harness: FaultHarness, name: str) -> None:
    rng, kind = rng_for(f"two {name}"), "concurrent runs in one folder"
    for _ in range(ROUNDS):
        with harness.trial() as trial:
            first = harness.start(trial, name)
            time.sleep(rng.uniform(0, harness.reference(name).seconds))
            second = harness.start(trial, name)
            for result in [first.wait(), second.wait()]:
                if result.exit_code:
                    check_error(result, kind, "another nlptrain process writes to this folder")
            harness.check_rerun(trial, name, kind=kind)


@pytest.mark.parametrize("killed", [False, True])
def test_concurrent_runs_with_one_transfer_set(harness: FaultHarness, killed: bool) -> None:
    rng, kind = rng_for(f"transfer set {killed}"), "concurrent runs with one transfer set"
    names = ("tagger_kd", "pseudo_label")
    for name in names:
        harness.reference(name)
    for _ in range(ROUNDS):
        with harness.trial() as trial:
            processes: list[Process] = []
            for name in names:
                processes.append(harness.start(trial, name))
                time.sleep(rng.uniform(0, 0.2))
            if killed:
                time.sleep(rng.uniform(0, harness.reference("tagger_kd").seconds))
                if processes[0].is_running:
                    processes[0].send(signal.SIGKILL)
            for process in processes:
                result = process.wait()
                assert result.exit_code in (0, -9), result.stderr
            wait_for_processes(trial)
            for name in names:
                harness.check_rerun(trial, name, kind=kind)
