"""The folder of a run: who may write there, what makes two runs the same, files that are whole or not there."""

from __future__ import annotations

import contextlib
import shlex
import shutil
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from nlptrain.atomic_files import move_aside, to_json, write_text
from nlptrain.atomic_files import write_json as write_json
from nlptrain.config.commands import CommandConfig
from nlptrain.config.loading import to_yaml
from nlptrain.config.validation_errors import RENAMED_KEYS
from nlptrain.errors import InputError, Setting
from nlptrain.run.checksums import (
    CHECKPOINT,
    PREVIOUS,
    SUMS,
    DamagedFile,
    file_hash,
    read_json,
    read_metadata,
    read_sums,
    text_hash,
)

_SILENT_KEYS = ("output_dir", "report_to")
# What a run has to lose: one that ended before, on bad input, say, may be given again with other keys and files.
_WORTH = (CHECKPOINT, PREVIOUS, "model", "scores.json")
_OF_SAFETENSORS = ".tmp??????"  # what it writes before it gives a file its name
_OURS = (
    *_WORTH,
    "config.yaml",
    "run.json",
    "metrics.jsonl",
    "counts.json",
    SUMS,
    "log.txt",
    "pseudo_labels.jsonl",
    "dev_sample.jsonl",
    "tensorboard",
    "wandb",
)


@contextlib.contextmanager
def output_folder(
    folder: Path,
    command: str,
    config: CommandConfig,
    inputs: Mapping[str, str],
    *,
    overwrite: bool,
    log: Callable[[str], None] = lambda _: None,
) -> Iterator[None]:
    """Hold ``folder`` for one command and one configuration, with the resolved configuration in it.

    A new run that ends in an ``InputError`` before it has trained a step leaves nothing behind.

    Args:
        folder: made if it is not there.
        command: the command's name.
        config: all keys but ``output_dir`` decide whether a run found there is the same.
        inputs: the hash of every file that is read; they decide, too.
        overwrite: clear the run that stands there.
        log: reports a damaged file.

    Raises:
        InputError: another process writes there, it holds another command's or configuration's run, or other files.
    """
    made = missing_folders(folder)
    with lock_folder(folder):
        identity = run_identity(command, config, inputs)
        path = folder / "run.json"
        new = not path.is_file() and _recorded_hash(folder) is None
        if new:
            check_foreign_files(folder, ("run.json",))  # whose absence says that a config.yaml is not ours
        elif overwrite:
            clear_run(folder)
        else:
            _repair_identity(folder, identity, log)
            _remove_parts(folder)
        try:
            write_json(path, identity)
            write_text(folder / "config.yaml", to_yaml(config))
            yield
        except (InputError, OSError):
            if new and not has_progress(folder) and _only_ours(folder):
                clear_run(folder)
                remove_if_empty(folder, made)
            raise


def _only_ours(folder: Path) -> bool:
    """Whether a run has left nothing in ``folder`` but what it begins with: no curve, and no transfer set."""
    return all(item.name in (".lock", "run.json", "config.yaml", "log.txt") for item in folder.iterdir())


def missing_folders(folder: Path) -> list[Path]:
    """``folder`` and those above it that are not there, the last one first."""
    return [one for one in (folder, *folder.parents) if not one.exists()]


def remove_if_empty(folder: Path, made: Sequence[Path]) -> None:
    """Take away the lock of ``folder``, and those of the folders ``made`` for it that hold nothing else."""
    (folder / ".lock").unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # it holds something else
        for one in made:
            one.rmdir()


@contextlib.contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Make ``folder`` if it is not there, and keep other processes out of it.

    Raises:
        InputError: another process holds it, or it cannot be written to.
    """
    lock = FileLock(folder / ".lock")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout as error:  # an OSError, too
        raise InputError(
            f"{folder}: another nlptrain is writing there; wait for it, or give another --output-dir"
        ) from error
    except OSError as error:
        raise InputError(f"{folder}: cannot be written to ({error.strerror}); give another --output-dir") from error
    try:
        yield
    finally:
        lock.release()


def check_foreign_files(folder: Path, ours: Collection[str]) -> None:
    """Leave other people's folders alone.

    Raises:
        InputError: ``folder`` holds something beside a lock and the names in ``ours``.
    """
    strangers = [item.name for item in folder.iterdir() if item.name.removesuffix(".part") not in (".lock", *ours)]
    if strangers:
        (folder / ".lock").unlink(missing_ok=True)  # which is all that is ours there
        raise InputError(
            f"{folder}: holds {', '.join(sorted(strangers)[:3])}, and no run of ours; give another --output-dir"
        )


def has_progress(folder: Path) -> bool:
    """Whether the run in ``folder``, if there is one, has trained anything yet."""
    trained = any((folder / name).exists() for name in _WORTH)
    return trained and ((folder / "run.json").is_file() or _recorded_hash(folder) is not None)


def run_identity(command: str, config: CommandConfig, inputs: Mapping[str, str]) -> dict[str, Any]:
    """What makes two runs the same: the command, every key that decides its bytes, and the files it reads."""
    values = config.model_dump(mode="json")
    kept = {key: value for key, value in values.items() if key not in _SILENT_KEYS}
    return {"command": command, "config": kept, "inputs": dict(inputs)}


def identity_hash(identity: Mapping[str, Any]) -> str:
    """SHA-256 of the ``run.json`` that holds ``identity``."""
    return text_hash(to_json(identity))


def _recorded_hash(folder: Path) -> str | None:
    """The hash of ``run.json`` as another file of the run recorded it; None if no whole one did."""
    with contextlib.suppress(InputError):
        if digest := read_sums(folder).get("run.json"):
            return digest
    for name in (CHECKPOINT, PREVIOUS):
        with contextlib.suppress(InputError, OSError):
            return read_metadata(folder / name)["run"] or None
    return None


def _repair_identity(folder: Path, wanted: Mapping[str, Any], log: Callable[[str], None]) -> None:
    """Move ``run.json`` aside if it is damaged and the run in ``folder`` is the one that is ``wanted``.

    Raises:
        InputError: it is another run, or nothing says which one it is.
    """
    check_same_run(folder, wanted)
    path = folder / "run.json"
    if not has_progress(folder):
        return
    if not path.is_file():
        log(f"{path}: is missing; written again")
    elif file_hash(path) != identity_hash(wanted) == _recorded_hash(folder):
        log(f"{path}: is damaged; moved to {move_aside(path).name}, and written again")


def clear_run(folder: Path) -> None:
    """Take away all that a run leaves in its ``folder``."""
    _remove_parts(folder)
    for path in list(folder.iterdir()):
        if path.name in _OURS or path.name.split(".damaged")[0] in _OURS:
            _remove(path)


def _remove_parts(folder: Path) -> None:
    """Remove what a killed process was writing."""
    for name in _OURS:
        _remove(folder / f"{name}.part")
    for path in folder.glob(_OF_SAFETENSORS):
        if path.is_file():
            path.unlink()


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def check_same_run(folder: Path, wanted: Mapping[str, Any]) -> None:
    """Keep a run that has trained something from being taken for another.

    Raises:
        InputError: the run in ``folder`` has another identity than ``wanted``, or its ``run.json`` is damaged and no
            other file says which run it is.
    """
    path = folder / "run.json"
    if not has_progress(folder):
        return
    if path.is_file() and file_hash(path) == identity_hash(wanted):
        return
    if _recorded_hash(folder) == identity_hash(wanted):
        return  # the file is damaged, and the run is the same
    found = read_identity(folder)
    if found["command"] != wanted["command"]:
        raise InputError(f"{folder}: holds a run of {found['command']}; give another --output-dir, or --overwrite it")
    before, after = flatten(found["config"]), flatten(wanted["config"])
    if renamed := [key for key in RENAMED_KEYS if key in before]:
        raise InputError(
            f"holds a run of an earlier version of nlptrain ({renamed[0]} is now {RENAMED_KEYS[renamed[0]]})",
            location=str(folder),
            hint=("use that version, give another ", Setting("output_dir"), ", or set ", Setting("overwrite")),
        )
    differing = [key for key in {**before, **after} if before.get(key) != after.get(key)]
    if differing:
        lines = "; ".join(f"{key}: {before.get(key)!r} there, {after.get(key)!r} now" for key in differing)
        raise InputError(
            f"{folder}: holds a run with another configuration ({lines}); give another --output-dir, or --overwrite it"
        )
    there, now = found["inputs"], wanted["inputs"]
    changed = [name for name in {**there, **now} if there.get(name) != now.get(name)]
    if changed:
        raise InputError(
            f"{folder}: {', '.join(changed)} changed since this run was made; "
            "give another --output-dir, or --overwrite it"
        )


def read_identity(folder: Path) -> dict[str, Any]:
    """Read ``run.json``, which says what the run in ``folder`` is.

    Raises:
        DamagedFile: it is missing, or not as it was written.
    """
    path = folder / "run.json"
    advice = "give another --output-dir, or --overwrite the run"
    try:
        found = read_json(path)
    except FileNotFoundError as error:
        raise DamagedFile(path, "it is missing", advice) from error
    except DamagedFile as error:
        raise DamagedFile(path, error.reason, advice) from error
    kinds = {"command": str, "config": dict, "inputs": dict}
    if not isinstance(found, dict) or not all(isinstance(found.get(key), kind) for key, kind in kinds.items()):
        raise DamagedFile(path, f"not a map of {', '.join(kinds)}", advice)
    return found


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested maps as one, with dotted keys."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat.update(flatten(value, f"{prefix}{key}."))
        else:
            flat[prefix + key] = value
    return flat


def command_line() -> str:
    """The command as it was given."""
    return shlex.join(["nlptrain", *sys.argv[1:]])
