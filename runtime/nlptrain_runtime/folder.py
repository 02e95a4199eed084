"""An exported folder: ``nlptrain.json`` and the files that it lists."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nlptrain_runtime.description import INPUT_FILES, PRECISIONS, find_invalid_entry, graph_file, shown
from nlptrain_runtime.errors import FolderError

DESCRIPTION = "nlptrain.json"
FORMAT = 1  # version of the description; other versions are rejected
_MAX_BYTES = {DESCRIPTION: 64 << 20, ".onnx": 2 << 30}  # the limit of protobuf, too
_MAX_BYTES_OF_OTHERS = 512 << 20
# How a graph refers to a file with its weights: this key, after its length 8, which protobuf writes in 1 byte or more.
_EXTERNAL_KEY, _BEFORE_EXTERNAL_KEY = b"location", b"\x08\x00"


@dataclass(frozen=True)
class Folder:
    """A folder with the files that were exported.

    Attributes:
        path: of the folder.
        described: the content of ``nlptrain.json``, validated.
        precision: of the graphs that are used.
        widths: columns of the output of each graph, by its name, once it is loaded.
    """

    path: Path
    described: dict[str, Any]
    precision: str
    widths: dict[str, int] = field(default_factory=dict)

    def graph_path(self, name: str) -> Path:
        """Return the file of the graph ``model``, or ``words``, which computes a vector for each word."""
        return self.path / graph_file(name, self.precision)

    def read(self, name: str) -> bytes:
        """Return the content of a listed file, verified by its hash.

        Raises:
            FolderError: the file is missing, changed or too large.
        """
        file = self.path / name
        if not os.path.isfile(file):  # false, without an error, for a name that is too long
            raise FolderError(f"{file}: there is no such file, and {DESCRIPTION} names it; copy the whole folder again")
        content = _read(file)
        if hashlib.sha256(content).hexdigest() != self.described["files"][name]:
            raise FolderError(f"{file}: is not the file that was exported (its hash differs); copy the folder again")
        return content


def open_folder(path: str | Path, precision: str | None = None) -> Folder:
    """Open the folder ``path``: validate its description, and verify its files by their hashes.

    ``tokenizer.json`` and ``words.json`` are verified when they are read. Graphs are verified here and read by ONNX
    Runtime from the file: with their bytes, it would take twice the memory and 1.5 times as long.

    Args:
        path: a folder written by ``nlptrain export``.
        precision: of the graphs, if there are several; default: the smallest.

    Raises:
        FolderError: a file is missing or changed, or the folder is of another version.
    """
    folder = Path(path)
    described = _read_description(folder)
    available = [name for name in PRECISIONS if graph_file("model", name) in described["files"]]
    chosen = precision or available[0]
    if chosen not in available:
        raise FolderError(f"{folder}: found no model of precision {chosen}; expected {' or '.join(available)}")
    opened = Folder(folder, described, chosen)
    graphs = {graph_file(name, chosen) for name in ("model", "words")}
    for name in described["files"]:
        if name != INPUT_FILES[described["reads"]] and (name in graphs or not name.endswith(".onnx")):
            content = opened.read(name)
            if name in graphs:
                _check_external_weights(folder / name, content)
    return opened


def description_hash(described: dict[str, Any]) -> str:
    """Return the hash of a description without its entry ``hash``."""
    rest = {name: value for name, value in described.items() if name != "hash"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def parse_object(content: bytes, file: Path) -> dict[str, Any]:
    """Return the JSON object in ``content``.

    Raises:
        FolderError: it is no JSON object, has a key twice, or is nested too deeply.
    """
    try:
        value = json.loads(content.decode(), object_pairs_hook=_unique_keys, parse_constant=_reject_constant)
    except (ValueError, RecursionError) as error:
        raise FolderError(f"{file}: cannot be read ({_reason(error)}); copy the folder again") from error
    if not isinstance(value, dict):
        raise FolderError(f"{file}: found {shown(value)}; expected an object; copy the folder again")
    return value


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    entries = dict(pairs)
    if len(entries) < len(pairs):
        raise ValueError("a key occurs twice")
    return entries


def _reject_constant(name: str) -> float:
    raise ValueError(f"{name} is no number in JSON")


def _reason(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)[:200]


def _read(file: Path) -> bytes:
    max_bytes = _MAX_BYTES.get(file.name) or _MAX_BYTES.get(file.suffix, _MAX_BYTES_OF_OTHERS)
    try:
        with file.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            content = stream.read() if size <= max_bytes else b""
    except OSError as error:
        raise FolderError(
            f"{file}: cannot be read ({error.strerror}); make it readable, or copy the folder again"
        ) from error
    if size > max_bytes:
        limit = f"at most {max_bytes >> 20} MiB"
        raise FolderError(f"{file}: found {size >> 20} MiB; expected {limit}; export the tagger again")
    return content


def _check_external_weights(file: Path, content: bytes) -> None:
    position = content.find(_EXTERNAL_KEY)
    while position >= 0:
        if content[position - 1] in _BEFORE_EXTERNAL_KEY:
            raise FolderError(f"{file}: found weights in another file; expected them here; export the tagger again")
        position = content.find(_EXTERNAL_KEY, position + 1)


def _read_description(folder: Path) -> dict[str, Any]:
    file = folder / DESCRIPTION
    if not os.path.isdir(folder):
        raise FolderError(f"{folder}: there is no such folder; create it with: nlptrain export RUN {folder}")
    if not os.path.isfile(file):
        raise FolderError(
            f"{folder}: found no {DESCRIPTION}; expected an exported tagger; "
            f"create one with: nlptrain export {folder} OUT"
        )
    described = parse_object(_read(file), file)
    version = described.get("format")
    if type(version) is not int or version != FORMAT:
        raise FolderError(
            f"{file}: found format {shown(version)}; expected format {FORMAT}; export the tagger again, or install the "
            "nlptrain-runtime that it was exported for"
        )
    try:
        computed_hash = description_hash(described)
    except RecursionError as error:
        raise FolderError(f"{file}: cannot be read ({_reason(error)}); copy the folder again") from error
    if described.get("hash") != computed_hash:
        raise FolderError(f"{file}: is not the file that was exported (its hash differs); copy the folder again")
    missing = [
        key for key in ("labels", "scheme", "reads", "decoding", "splitter", "window", "files") if key not in described
    ]
    if missing:
        raise FolderError(f"{file}: found no {', '.join(missing)}; copy the folder again")
    invalid = find_invalid_entry(described)
    if invalid is None:
        splitter = {name: described["splitter"][name] for name in ("version", "pattern", "rule")}
        splitter["segmenter"] = described["splitter"].get("segmenter", "")
        return {**described, "splitter": splitter}
    hint = "export the tagger again"
    if invalid.key == "window.rule":
        hint += ", or install the nlptrain-runtime that it was exported for"
    raise FolderError(f"{file}: {invalid.key}: found {invalid.found}; expected {invalid.expected}; {hint}")
