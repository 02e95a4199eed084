"""The manifest of a transfer set: the shards that are stored, with the checksum of each."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from nlptrain.atomic_files import move_aside, to_json, write_json

FILE_NAME = "manifest.json"
_FORMAT = 2  # 1 had no checksums
_SHARD_NAME = re.compile(r"\d{6,9}\.arrow")


class ListedShard(NamedTuple):
    """A shard in the manifest; ``sha256`` is None in manifests of older versions."""

    file: str
    sentences: int
    sha256: str | None


def read_manifest(folder: Path, damaged: Callable[[str], None] = lambda _: None) -> list[ListedShard]:
    """Read which shards ``folder`` holds; none where there is no manifest, and all files where it is damaged.

    Args:
        folder: of the transfer set.
        damaged: called with the reason where the manifest is not what was written.
    """
    path = folder / FILE_NAME
    try:
        return _parsed(path.read_bytes())
    except FileNotFoundError:
        return []
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        damaged(f"damaged ({error})")
        return [ListedShard(path.name, 0, None) for path in sorted(folder.glob("*.arrow"))]


def _parsed(content: bytes) -> list[ListedShard]:
    found = json.loads(content)
    checksum = found.pop("checksum", None)
    if checksum != (None if found["format"] == 1 else _checksum(found)):
        raise ValueError("its checksum differs")
    if checksum is not None and to_json({**found, "checksum": checksum}).encode() != content:
        raise ValueError("it has other bytes than were written")  # a key twice, for example
    shards = [ListedShard(one["file"], one["sentences"], one.get("sha256")) for one in found["shards"]]
    if not all(_SHARD_NAME.fullmatch(one.file) for one in shards):
        raise ValueError("it names a file that is no shard")
    return shards


def set_aside(path: Path, reason: str, then: str, log: Callable[[str], None]) -> None:
    """Move the damaged file ``path`` aside if it exists, and log why and what happens ``then``."""
    if path.exists():
        reason = f"{reason}; moved to {move_aside(path).name}"
    log(f"{path}: {reason}; {then}")


def write_manifest(folder: Path, described: Mapping[str, Any], shards: Sequence[ListedShard]) -> None:
    """Write the manifest of ``shards``, whole or not at all, with what ``described`` says of their teacher."""
    listed = [one._asdict() for one in sorted(shards)]
    content = {"format": _FORMAT, **described, "shards": listed}
    write_json(folder / FILE_NAME, {**content, "checksum": _checksum(content)})


def _checksum(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode("utf-8")).hexdigest()
