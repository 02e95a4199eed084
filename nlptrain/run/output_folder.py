"""The output folder of a run: its lock, its identity (``run.json``), and what may be overwritten in it."""

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
from nlptrain.urls import redact

OVERWRITE_HINT = ("give another ", Setting("output_dir"), ", or set ", Setting("overwrite"))
# Two runs that differ only in these keys are the same run.
_KEYS_OUTSIDE_IDENTITY = ("output_dir", "report_to", "transfer_cache_gb", "labeling")
# A run without these has trained nothing yet; it may be started again with another configuration.
_PROGRESS = (CHECKPOINT, PREVIOUS, "model", "scores.json")
_SAFETENSORS_PARTS = ".tmp??????"  # temporary files of safetensors
_RUN_FILES = (
    *_PROGRESS,
    "config.yaml",
    "run.json",
    "metrics.jsonl",
    "counts.json",
    SUMS,
    "log.txt",
    "pseudo_labels.jsonl",
    "dead.jsonl",
    "dev_sample.jsonl",
    "tensorboard",
    "wandb",
)


@contextlib.contextmanager
def output_folder(
    folder: Path,
    identity: Mapping[str, Any],
    config_yaml: str,
    *,
    overwrite: bool,
    log: Callable[[str], None] = lambda _: None,
) -> Iterator[None]:
    """Lock ``folder`` for one run and write its identity and its resolved configuration.

    A new run that ends in an ``InputError`` before its first step removes its files.

    Args:
        folder: created if it is missing.
        identity: from ``run_identity``; decides whether a run in the folder is the same.
        config_yaml: the resolved configuration.
        overwrite: remove the run that is in the folder.
        log: reports a damaged file.

    Raises:
        InputError: another process writes to the folder, or it holds another run, or foreign files.
    """
    created = missing_folders(folder)
    with lock_folder(folder):
        path = folder / "run.json"
        is_new = not path.is_file() and _recorded_hash(folder) is None
        if is_new:
            check_foreign_files(folder, ("run.json",))  # a config.yaml without it is a foreign file
        elif overwrite:
            clear_run(folder)
        else:
            _check_same_run_and_repair(folder, identity, log)
            _remove_parts(folder)
        try:
            write_json(path, identity)
            write_text(folder / "config.yaml", config_yaml)
            yield
        except (InputError, OSError):
            if is_new and not has_progress(folder) and _has_only_first_files(folder):
                clear_run(folder)
                remove_if_empty(folder, created)
            raise


def _has_only_first_files(folder: Path) -> bool:
    """Return whether ``folder`` holds only the files that a run begins with."""
    return all(item.name in (".lock", "run.json", "config.yaml", "log.txt") for item in folder.iterdir())


def missing_folders(folder: Path) -> list[Path]:
    """Return ``folder`` and its parents as far as they do not exist, the innermost first."""
    return [path for path in (folder, *folder.parents) if not path.exists()]


def remove_if_empty(folder: Path, created: Sequence[Path]) -> None:
    """Remove the lock of ``folder``, and the ``created`` folders that are empty then."""
    (folder / ".lock").unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # it is not empty
        for path in created:
            path.rmdir()


@contextlib.contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Create ``folder`` if it is missing, and lock it against other processes.

    Raises:
        InputError: another process has locked it, or it is not writable.
    """
    lock = FileLock(folder / ".lock")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout as error:  # an OSError, too
        raise InputError(
            "another nlptrain process writes to this folder",
            location=str(folder),
            hint=("wait for it, or give another ", Setting("output_dir")),
        ) from error
    except OSError as error:
        raise InputError(
            f"is not writable ({error.strerror})",
            location=str(folder),
            hint=("give another ", Setting("output_dir")),
        ) from error
    try:
        yield
    finally:
        lock.release()


def check_foreign_files(folder: Path, own: Collection[str]) -> None:
    """Check that ``folder`` holds nothing but a lock and the files ``own``.

    Raises:
        InputError: it holds other files.
    """
    foreign = [item.name for item in folder.iterdir() if item.name.removesuffix(".part") not in (".lock", *own)]
    if foreign:
        (folder / ".lock").unlink(missing_ok=True)  # the only file of ours there
        raise InputError(
            f"holds {', '.join(sorted(foreign)[:3])}, and no run of nlptrain",
            location=str(folder),
            hint=("give another ", Setting("output_dir")),
        )


def has_progress(folder: Path) -> bool:
    """Return whether ``folder`` holds a run that has trained something."""
    is_trained = any((folder / name).exists() for name in _PROGRESS)
    return is_trained and ((folder / "run.json").is_file() or _recorded_hash(folder) is not None)


def run_identity(
    command: str, config: CommandConfig, inputs: Mapping[str, str], objective: str | None = None
) -> dict[str, Any]:
    """Return what makes two runs the same: the command, the keys that decide its results, and its files' hashes.

    ``objective`` is the class of an objective from Python, which no key can name.
    """
    values = config.model_dump(mode="json")
    deciding = {key: value for key, value in values.items() if key not in _KEYS_OUTSIDE_IDENTITY}
    if objective is not None:
        deciding["objective"] |= {"python": objective}
    return {"command": command, "config": deciding, "inputs": dict(inputs)}


def identity_hash(identity: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the ``run.json`` that holds ``identity``."""
    return text_hash(to_json(identity))


def _recorded_hash(folder: Path) -> str | None:
    """Return the hash of ``run.json`` that another intact file of the run has recorded, or None."""
    with contextlib.suppress(InputError):
        if recorded := read_sums(folder).get("run.json"):
            return recorded
    for name in (CHECKPOINT, PREVIOUS):
        with contextlib.suppress(InputError, OSError):
            return read_metadata(folder / name)["run"] or None
    return None


def _check_same_run_and_repair(folder: Path, wanted: Mapping[str, Any], log: Callable[[str], None]) -> None:
    """Check that the run in ``folder`` is the ``wanted`` one and may go on; move its ``run.json`` aside if damaged.

    Raises:
        InputError: it is another run, or no intact file identifies it.
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
    """Remove all files of the run in ``folder``."""
    _remove_parts(folder)
    for path in list(folder.iterdir()):
        if path.name in _RUN_FILES or path.name.split(".damaged")[0] in _RUN_FILES:
            _remove(path)


def _remove_parts(folder: Path) -> None:
    """Remove the temporary files of a killed process."""
    for name in _RUN_FILES:
        _remove(folder / f"{name}.part")
    for path in folder.glob(_SAFETENSORS_PARTS):
        if path.is_file():
            path.unlink()


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def check_same_run(folder: Path, wanted: Mapping[str, Any]) -> None:
    """Check that ``folder`` holds the ``wanted`` run, or one that has trained nothing yet.

    Raises:
        InputError: it holds another run, or its ``run.json`` is damaged and no intact file identifies it.
    """
    path = folder / "run.json"
    if not has_progress(folder):
        return
    if path.is_file() and file_hash(path) == identity_hash(wanted):
        return
    if _recorded_hash(folder) == identity_hash(wanted):
        return  # the file is damaged, and the run is the same
    existing = read_identity(folder)
    if existing["command"] != wanted["command"]:
        raise InputError(f"holds a run of {existing['command']}", location=str(folder), hint=OVERWRITE_HINT)
    before, after = flatten(existing["config"]), flatten(wanted["config"])
    if renamed := [key for key in RENAMED_KEYS if key in before]:
        raise InputError(
            f"holds a run of an earlier version of nlptrain ({renamed[0]} is now {RENAMED_KEYS[renamed[0]]})",
            location=str(folder),
            hint=("use that version, ", *OVERWRITE_HINT),
        )
    differing = [key for key in {**before, **after} if before.get(key) != after.get(key)]
    if differing:
        lines = "; ".join(f"{key}: {before.get(key)!r} there, {after.get(key)!r} now" for key in differing)
        raise InputError(f"holds a run with another configuration ({lines})", location=str(folder), hint=OVERWRITE_HINT)
    before, after = existing["inputs"], wanted["inputs"]
    changed = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    if changed:
        raise InputError(
            f"holds a run that read other versions of {', '.join(changed)}",
            location=str(folder),
            hint=OVERWRITE_HINT,
        )


def read_identity(folder: Path) -> dict[str, Any]:
    """Read the identity of the run in ``folder`` from ``run.json``.

    Raises:
        DamagedFile: the file is missing or damaged.
    """
    path = folder / "run.json"
    try:
        identity = read_json(path)
    except FileNotFoundError as error:
        raise DamagedFile(path, "it is missing", OVERWRITE_HINT) from error
    except DamagedFile as error:
        raise DamagedFile(path, error.reason, OVERWRITE_HINT) from error
    types = {"command": str, "config": dict, "inputs": dict}
    if not isinstance(identity, dict) or not all(isinstance(identity.get(key), kind) for key, kind in types.items()):
        raise DamagedFile(path, f"not a map of {', '.join(types)}", OVERWRITE_HINT)
    return identity


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested maps as one map with dotted keys."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat.update(flatten(value, f"{prefix}{key}."))
        else:
            flat[prefix + key] = value
    return flat


def command_line() -> str:
    """Return the command line of this process, also of a program that calls nlptrain from Python, without secrets."""
    program = Path(sys.argv[0])
    is_nlptrain = program.stem == "nlptrain" or program.parts[-2:] == ("nlptrain", "__main__.py")
    words = ["nlptrain", *sys.argv[1:]] if is_nlptrain else ["python", *sys.argv]
    return shlex.join(map(redact, words))
