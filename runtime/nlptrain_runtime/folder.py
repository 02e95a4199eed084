"""An exported folder: ``nlptrain.json`` and the files that it vouches for."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nlptrain_runtime.errors import FolderError
from nlptrain_runtime.windows import OVERLAPS

DESCRIPTION = "nlptrain.json"
FORMAT = 1  # of the description: another one is refused
ENDINGS = {"int8": "_quantized", "fp16": "_fp16", "fp32": ""}  # of the files of each precision, the smallest first


@dataclass(frozen=True)
class Folder:
    """A folder whose files are those that were exported.

    Attributes:
        path: where it is.
        described: the content of ``nlptrain.json``.
        precision: of the net that is read.
    """

    path: Path
    described: dict[str, Any]
    precision: str

    def net(self, name: str) -> Path:
        """The graph ``name``: ``model``, or ``words``, which makes a vector of each word, where there is one."""
        return self.path / net_file(name, self.precision)


def net_file(name: str, precision: str) -> str:
    """Where a folder keeps the graph ``name``."""
    return f"onnx/{name}{ENDINGS[precision]}.onnx"


def open_folder(path: str | Path, precision: str | None = None) -> Folder:
    """The folder ``path``, each file of it that will be read compared with the hash it was exported with.

    Args:
        path: what ``nlptrain export`` wrote.
        precision: of the net, where there are several; default: the smallest there is.

    Raises:
        FolderError: a file is missing or changed, or the folder is of another version.
    """
    folder = Path(path)
    described = _described(folder)
    there = [name for name in ENDINGS if net_file("model", name) in described["files"]]
    chosen = precision or there[0]
    if chosen not in there:
        raise FolderError(f"{folder}: there is no net of precision {chosen}; there is {', '.join(there)}")
    for name, digest in described["files"].items():
        if name.endswith(".onnx") and name not in (net_file("model", chosen), net_file("words", chosen)):
            continue
        file = folder / name
        if not file.is_file():
            raise FolderError(f"{file}: there is no such file, and {DESCRIPTION} names it; copy the whole folder again")
        try:
            content = file.read_bytes()
        except OSError as error:
            raise FolderError(
                f"{file}: cannot be read ({error.strerror}); make it readable, or copy the folder again"
            ) from error
        if hashlib.sha256(content).hexdigest() != digest:
            raise FolderError(f"{file}: is not the file that was exported (its hash differs); copy the folder again")
    return Folder(folder, described, chosen)


def own_hash(described: dict[str, Any]) -> str:
    """The hash of a description, its own entry ``hash`` left out."""
    rest = {name: value for name, value in described.items() if name != "hash"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def _described(folder: Path) -> dict[str, Any]:
    file = folder / DESCRIPTION
    if not folder.is_dir():
        raise FolderError(f"{folder}: there is no such folder; make one with: nlptrain export RUN {folder}")
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FolderError(
            f"{folder}: no {DESCRIPTION} there, so it is no exported tagger; make one: nlptrain export {folder} OUT"
        ) from None
    except (OSError, ValueError) as error:
        raise FolderError(f"{file}: cannot be read ({error}); copy the folder again") from error
    version = found.get("format") if isinstance(found, dict) else None
    if version != FORMAT:
        raise FolderError(
            f"{file}: found format {version}; this nlptrain-runtime reads format {FORMAT}: export the tagger again, "
            "or install the runtime that it was exported for"
        )
    if found.get("hash") != own_hash(found):
        raise FolderError(f"{file}: is not the file that was exported (its hash differs); copy the folder again")
    missing = [
        key for key in ("labels", "scheme", "reads", "decoding", "splitter", "window", "files") if key not in found
    ]
    if missing:
        raise FolderError(f"{file}: lacks {', '.join(missing)}; copy the folder again")
    if (rule := found["window"].get("rule")) not in OVERLAPS:
        raise FolderError(
            f"{file}: long texts are cut by the rule {rule!r} there, which this nlptrain-runtime does not know: "
            "export the tagger again, or install the runtime that it was exported for"
        )
    nets = [net_file("model", precision) for precision in ENDINGS]
    if not any(name in found["files"] for name in nets):
        raise FolderError(f"{file}: names no net ({', '.join(nets)}); export the tagger again")
    return dict(found)
