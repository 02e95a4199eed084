"""An exported folder: ``nlptrain.json`` and the files that it lists."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nlptrain_runtime.description import PRECISIONS, READER, first_fault, net_file, shown
from nlptrain_runtime.errors import FolderError

DESCRIPTION = "nlptrain.json"
FORMAT = 1  # of the description: another one is refused
_MOST_BYTES = {DESCRIPTION: 64 << 20, ".onnx": 2 << 30}  # protobuf ends there, too
_MOST_BYTES_OF_OTHERS = 512 << 20
# How a net names a file that keeps its weights: the key, one that protobuf gives the length 8 in one byte or in more.
_EXTERNAL, _BEFORE_EXTERNAL = b"location", b"\x08\x00"


@dataclass(frozen=True)
class Folder:
    """A folder whose files are those that were exported.

    Attributes:
        path: where it is.
        described: the content of ``nlptrain.json``, validated.
        precision: of the net that is read.
        widths: columns of what each net answers, by its name, once it is open.
    """

    path: Path
    described: dict[str, Any]
    precision: str
    widths: dict[str, int] = field(default_factory=dict)

    def net(self, name: str) -> Path:
        """The graph ``name``: ``model``, or ``words``, which makes a vector of each word, where there is one."""
        return self.path / net_file(name, self.precision)

    def read(self, name: str) -> bytes:
        """Return the content of a listed file, compared with its hash.

        Raises:
            FolderError: the file is missing, changed or too large.
        """
        file = self.path / name
        if not os.path.isfile(file):  # false, and no error, for a name that is too long
            raise FolderError(f"{file}: there is no such file, and {DESCRIPTION} names it; copy the whole folder again")
        content = _content(file)
        if hashlib.sha256(content).hexdigest() != self.described["files"][name]:
            raise FolderError(f"{file}: is not the file that was exported (its hash differs); copy the folder again")
        return content


def open_folder(path: str | Path, precision: str | None = None) -> Folder:
    """The folder ``path``, its description validated and its files compared with the hashes they were exported with.

    What reads words (``tokenizer.json``, ``words.json``) is compared as it is read. Nets are compared here and read by
    ONNX Runtime from the file: given their bytes, it takes twice the memory and half as long again.

    Args:
        path: what ``nlptrain export`` wrote.
        precision: of the net, where there are several; default: the smallest there is.

    Raises:
        FolderError: a file is missing or changed, or the folder is of another version.
    """
    folder = Path(path)
    described = _described(folder)
    there = [name for name in PRECISIONS if net_file("model", name) in described["files"]]
    chosen = precision or there[0]
    if chosen not in there:
        raise FolderError(f"{folder}: there is no net of precision {chosen}; there is {', '.join(there)}")
    opened = Folder(folder, described, chosen)
    nets = {net_file(name, chosen) for name in ("model", "words")}
    for name in described["files"]:
        if name != READER[described["reads"]] and (name in nets or not name.endswith(".onnx")):
            content = opened.read(name)
            if name in nets:
                _check_external_weights(folder / name, content)
    return opened


def own_hash(described: dict[str, Any]) -> str:
    """The hash of a description, its own entry ``hash`` left out."""
    rest = {name: value for name, value in described.items() if name != "hash"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def parsed(content: bytes, file: Path) -> dict[str, Any]:
    """Return the JSON object in ``content``.

    Raises:
        FolderError: it is none, or says something twice, or is nested too deeply.
    """
    try:
        found = json.loads(content.decode(), object_pairs_hook=_named_once, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise FolderError(f"{file}: cannot be read ({_reason(error)}); copy the folder again") from error
    if not isinstance(found, dict):
        raise FolderError(f"{file}: found {shown(found)}; must be an object: copy the folder again")
    return found


def _named_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("an entry is named twice")
    return found


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number in JSON")


def _reason(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)[:200]


def _content(file: Path) -> bytes:
    most = _MOST_BYTES.get(file.name) or _MOST_BYTES.get(file.suffix, _MOST_BYTES_OF_OTHERS)
    try:
        with file.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            content = stream.read() if size <= most else b""
    except OSError as error:
        raise FolderError(
            f"{file}: cannot be read ({error.strerror}); make it readable, or copy the folder again"
        ) from error
    if size > most:
        raise FolderError(f"{file}: found {size >> 20} MiB; must be at most {most >> 20} MiB: export the tagger again")
    return content


def _check_external_weights(file: Path, content: bytes) -> None:
    at = content.find(_EXTERNAL)
    while at >= 0:
        if content[at - 1] in _BEFORE_EXTERNAL:
            raise FolderError(f"{file}: keeps weights in another file; must hold all of them: export the tagger again")
        at = content.find(_EXTERNAL, at + 1)


def _described(folder: Path) -> dict[str, Any]:
    file = folder / DESCRIPTION
    if not os.path.isdir(folder):
        raise FolderError(f"{folder}: there is no such folder; make one with: nlptrain export RUN {folder}")
    if not os.path.isfile(file):
        raise FolderError(
            f"{folder}: no {DESCRIPTION} there, so it is no exported tagger; make one: nlptrain export {folder} OUT"
        )
    found = parsed(_content(file), file)
    version = found.get("format")
    if type(version) is not int or version != FORMAT:
        raise FolderError(
            f"{file}: found format {shown(version)}; this nlptrain-runtime reads format {FORMAT}: export the tagger "
            "again, or install the runtime that it was exported for"
        )
    try:
        own = own_hash(found)
    except RecursionError as error:
        raise FolderError(f"{file}: cannot be read ({_reason(error)}); copy the folder again") from error
    if found.get("hash") != own:
        raise FolderError(f"{file}: is not the file that was exported (its hash differs); copy the folder again")
    missing = [
        key for key in ("labels", "scheme", "reads", "decoding", "splitter", "window", "files") if key not in found
    ]
    if missing:
        raise FolderError(f"{file}: lacks {', '.join(missing)}; copy the folder again")
    fault = first_fault(found)
    if fault is None:
        splitter = {name: found["splitter"][name] for name in ("version", "pattern", "rule")}
        return {**found, "splitter": splitter}
    if fault.key == "window.rule":
        raise FolderError(
            f"{file}: long texts are cut by the rule {fault.found} there, which this "
            "nlptrain-runtime does not know: export the tagger again, or install the runtime that it was exported for"
        )
    raise FolderError(f"{file}: {fault.key}: found {fault.found}; {fault.right}; export the tagger again")
