"""The folder of a run: who may write there, what makes two runs the same, files that are whole or not there."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shlex
import shutil
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from nlptrain.config.commands import CommandConfig
from nlptrain.config.loading import to_yaml
from nlptrain.errors import InputError

_SILENT_KEYS = ("output_dir", "track")
# What a run has to lose: one that ended before, on bad input, say, may be given again with other keys and files.
_WORTH = ("checkpoint.safetensors", "model", "scores.json")


def write_json(path: Path, value: Any) -> None:  # noqa: ANN401
    """Write ``value`` whole or not at all."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, sort_keys=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write ``text`` whole or not at all.

    Raises:
        OSError: it cannot be written; the name is that of ``path``.
    """
    if not path.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "there is no such folder", str(path.parent))
    beside = path.with_name(path.name + ".part")
    with beside.open("w", encoding="utf-8", newline="\n") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def finished_scores(folder: Path) -> dict[str, Any] | None:
    """``scores.json`` of a finished run, or None."""
    path = folder / "scores.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


@contextlib.contextmanager
def output_folder(
    folder: Path, command: str, config: CommandConfig, inputs: Mapping[str, str], *, overwrite: bool
) -> Iterator[None]:
    """Hold ``folder`` for one command and one configuration, with the resolved configuration in it.

    A new run that ends in an ``InputError`` before it has trained a step leaves nothing behind.

    Args:
        folder: made if it is not there.
        command: the command's name.
        config: all keys but ``output_dir`` decide whether a run found there is the same.
        inputs: the hash of every file that is read; they decide, too.
        overwrite: clear the run that stands there.

    Raises:
        InputError: another process writes there, it holds another command's or configuration's run, or other files.
    """
    made = missing(folder)
    with held(folder):
        identity = run_identity(command, config, inputs)
        path = folder / "run.json"
        new = not path.is_file()
        if path.is_file() and overwrite:
            clear_run(folder)
        elif path.is_file():
            refuse_other(folder, identity)
        else:
            refuse_strangers(folder, ("run.json",))  # whose absence says that a config.yaml is not ours
        write_json(path, identity)
        write_text(folder / "config.yaml", to_yaml(config))
        try:
            yield
        except InputError:
            if new and not worth_keeping(folder) and _only_ours(folder):
                clear_run(folder)
                leave(folder, made)
            raise


def _only_ours(folder: Path) -> bool:
    """Whether a run has left nothing in ``folder`` but what it begins with: no curve, and no transfer set."""
    return all(item.name in (".lock", "run.json", "config.yaml", "log.txt") for item in folder.iterdir())


def missing(folder: Path) -> list[Path]:
    """``folder`` and those above it that are not there, the last one first."""
    return [one for one in (folder, *folder.parents) if not one.exists()]


def leave(folder: Path, made: Sequence[Path]) -> None:
    """Take away the lock of ``folder``, and those of the folders ``made`` for it that hold nothing else."""
    (folder / ".lock").unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # it holds something else
        for one in made:
            one.rmdir()


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
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


def refuse_strangers(folder: Path, ours: Collection[str]) -> None:
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


def worth_keeping(folder: Path) -> bool:
    """Whether the run in ``folder``, if there is one, has trained anything yet."""
    return (folder / "run.json").is_file() and any((folder / name).exists() for name in _WORTH)


def run_identity(command: str, config: CommandConfig, inputs: Mapping[str, str]) -> dict[str, Any]:
    """What makes two runs the same: the command, every key that decides its bytes, and the files it reads."""
    values = config.model_dump(mode="json")
    kept = {key: value for key, value in values.items() if key not in _SILENT_KEYS}
    return {"command": command, "config": kept, "inputs": dict(inputs)}


def clear_run(folder: Path) -> None:
    """Take away all that a run leaves in its ``folder``."""
    ours = (
        "model",
        "model.part",
        "checkpoint.safetensors",
        "checkpoint.safetensors.part",
        "config.yaml",
        "run.json",
        "metrics.jsonl",
        "counts.json",
        "scores.json",
        "log.txt",
        "pseudo_labels.jsonl",
        "dev_sample.jsonl",
        "tensorboard",
    )
    for name in ours:
        path = folder / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def refuse_other(folder: Path, wanted: Mapping[str, Any]) -> None:
    """Keep a run that has trained something from being taken for another.

    Raises:
        InputError: the run in ``folder`` has another identity than ``wanted``.
    """
    if not worth_keeping(folder):
        return
    found = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    if found["command"] != wanted["command"]:
        raise InputError(f"{folder}: holds a run of {found['command']}; give another --output-dir, or --overwrite it")
    before, after = flatten(found["config"]), flatten(wanted["config"])
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


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested maps as one, with dotted keys."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat.update(flatten(value, f"{prefix}{key}."))
        else:
            flat[prefix + key] = value
    return flat


def file_hash(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def command_line() -> str:
    """The command as it was given."""
    return shlex.join(["nlptrain", *sys.argv[1:]])
