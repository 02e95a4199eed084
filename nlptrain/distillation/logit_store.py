"""LogitStore: a teacher's logits on disk, looked up by sentence: a folder of Arrow shards and a manifest."""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from nlptrain.atomic_files import move_aside, to_json, write_json
from nlptrain.data.sentence import Hashes, HashIndex, hash_array
from nlptrain.distillation.teachers.teacher import Teacher
from nlptrain.distillation.transfer_set import DamagedShardError, Shard, TransferSet, check_words, open_shard
from nlptrain.errors import InputError, Problem, Setting
from nlptrain.run.processes import Processes

MANIFEST = "manifest.json"
_FORMAT = 2  # 1 had no checksums
_SHARD_NAME = re.compile(r"\d{6,9}\.arrow")
_LOOKUP_ROWS = 65_536  # rows that are looked up at once


class LogitStore:
    """One teacher's logits on disk: a folder of Arrow shards and a manifest, which is written last.

    The name of the folder contains everything that affects a logit, so that a changed teacher never gets old ones. A
    shard that the manifest does not list was interrupted. It is labeled again as a whole, so that its bytes do not
    depend on when a run was stopped (the other sentences of a batch change a few float16 logits).

    The manifest holds the checksum of each shard, and its own. A damaged file is moved aside. The sentences of a lost
    shard are then the first ones without logits, so that the next shard is labeled from exactly these and replaces the
    lost one with the same bytes.
    """

    def __init__(self, folder: Path, teacher: Teacher) -> None:
        """Open the store of ``teacher`` in its subfolder of ``folder``."""
        self.labels = teacher.labels.names
        self.key = teacher.fingerprint()
        self.folder = folder / self.key
        self.teacher = teacher.name
        self._shards: list[Shard] = []  # in the order of their rows, which may differ from that of their names
        self._numbers = HashIndex()
        self.lock = FileLock(folder / f"{self.key}.lock")

    def contains(self, hashes: Hashes) -> NDArray[np.bool_]:
        """Return which sentences are stored, [N], without taking the write lock."""
        if not self._shards:
            self._open(read_manifest(self.folder))
        return self.find(hashes) >= 0

    def transfer_set(self, hashes: Sequence[bytes]) -> TransferSet:
        """Return the stored sentences with ``hashes``, in this order."""
        rows = self.find(hash_array(hashes))
        assert (rows >= 0).all(), "label_sentences() comes first"
        return self.select(rows)

    @property
    def shard_count(self) -> int:
        """The number of stored shards."""
        return len(self._shards)

    def __len__(self) -> int:
        """Return the number of stored sentences."""
        return len(self._numbers)

    def next_path(self) -> Path:
        """Return the file of the next shard: the first free number."""
        taken = {shard.file for shard in self._shards}
        return self.folder / next(name for n in itertools.count() if (name := f"{n:06d}.arrow") not in taken)

    def select(self, rows: NDArray[np.integer[Any]]) -> TransferSet:
        """Return the stored sentences of ``rows``, which ``label_sentences`` returned, in this order."""
        sizes = self._sizes()
        shard_ids, shard_rows = np.empty(len(rows), np.int32), np.empty(len(rows), np.int32)
        for start in range(0, len(rows), _LOOKUP_ROWS):
            part = slice(start, start + _LOOKUP_ROWS)
            shard_ids[part] = np.searchsorted(sizes, rows[part], side="right") - 1
            shard_rows[part] = rows[part] - sizes[shard_ids[part]]
        return TransferSet(self._shards, shard_ids, shard_rows, len(self.labels), self.key)

    def _sizes(self) -> NDArray[np.int64]:
        """Return the first row of each shard, and the number of all rows at the end."""
        return np.cumsum([0, *(len(shard.hashes) for shard in self._shards)])

    def find(self, hashes: Hashes) -> NDArray[np.int64]:
        """Return the row of each sentence, -1 if it is not stored."""
        rows = self._numbers.find(hashes)
        if (rows < 0).all():
            return rows
        sizes = self._sizes()
        shard_ids = np.searchsorted(sizes, rows, side="right") - 1
        for shard_id in np.unique(shard_ids[rows >= 0]):
            hits = np.flatnonzero(shard_ids == shard_id)
            stored = self._shards[shard_id].hashes[rows[hits] - sizes[shard_id]]
            rows[hits] = np.where(stored == hashes[hits], rows[hits], -1)
        return rows

    def open(self, processes: Processes, log: Callable[[str], None]) -> None:
        """Open the stored shards, the same ones in all processes; the caller holds the lock."""
        listed = processes.broadcast_from_rank0(lambda: self._recover(log))
        if not Path(self.lock.lock_file).exists():
            raise InputError(
                f"process {processes.rank} does not see what rank 0 writes there",
                location=str(self.folder),
                hint=("give all processes the same ", Setting("transfer_dir"), ", e.g. on a shared disk"),
            )
        if not processes.is_rank_zero and (damaged := self._open(listed)):
            raise InputError(*(Problem(reason, location=str(path)) for path, reason in damaged.items()))

    def _recover(self, log: Callable[[str], None]) -> list[ListedShard]:
        """Open the stored shards, move damaged ones aside, and return the shards that remain."""

        def without_manifest(reason: str) -> None:
            _set_aside(self.folder / MANIFEST, reason, "the shards are checked without it", log)

        known = read_manifest(self.folder, without_manifest)
        for path, reason in self._open(known).items():
            _set_aside(path, reason, "its sentences are labeled again", log)
        listed = self._listed()
        if listed != known:
            self.write_manifest()
        # Remove interrupted shards: another process would mistake them for those that it waits for.
        kept = {shard.file for shard in listed}
        for path in [*self.folder.glob("*.arrow"), *self.folder.glob("*.arrow.part")]:
            if path.name not in kept:
                path.unlink()
        return listed

    def _listed(self) -> list[ListedShard]:
        return [ListedShard(shard.file, len(shard.hashes), shard.sha256) for shard in self._shards]

    def write_manifest(self) -> None:
        """List all shards in the manifest."""
        teacher = {"key": self.key, "teacher": self.teacher, "labels": list(self.labels)}
        _write_manifest(self.folder, teacher, self._listed())

    def _open(self, listed: Iterable[ListedShard]) -> dict[Path, str]:
        """Open the ``listed`` shards; return the damaged ones, each with the reason."""
        self._shards, self._numbers = [], HashIndex()
        damaged: dict[Path, str] = {}
        for entry in listed:
            path = self.folder / entry.file
            try:
                shard = open_shard(path, len(self.labels), entry.sha256)
                if entry.sha256 is None:
                    check_words(shard)
            except FileNotFoundError:
                damaged[path] = "missing"
            except DamagedShardError as error:
                damaged[path] = f"damaged ({error})"
            except OSError as error:
                raise InputError(f"cannot be read: {error.strerror or error}", location=str(path)) from error
            else:
                self.append(shard)
        return damaged

    def append(self, shard: Shard) -> None:
        """Add ``shard``, whose sentences get the next rows."""
        self._shards.append(shard)
        self._numbers.add(shard.hashes)


class ListedShard(NamedTuple):
    """A shard in the manifest; ``sha256`` is None in manifests of older versions."""

    file: str
    sentences: int
    sha256: str | None


def read_manifest(folder: Path, damaged: Callable[[str], None] = lambda _: None) -> list[ListedShard]:
    """Return the shards that the manifest of ``folder`` lists: none without a manifest, all files if it is damaged.

    Args:
        folder: of the store.
        damaged: receives the reason if the manifest differs from what was written.
    """
    path = folder / MANIFEST
    try:
        return _parsed(path.read_bytes())
    except FileNotFoundError:
        return []
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        damaged(f"damaged ({error})")
        return [ListedShard(path.name, 0, None) for path in sorted(folder.glob("*.arrow"))]


def _parsed(content: bytes) -> list[ListedShard]:
    manifest = json.loads(content)
    checksum = manifest.pop("checksum", None)
    if checksum != (None if manifest["format"] == 1 else _checksum(manifest)):
        raise ValueError("its checksum differs")
    if checksum is not None and to_json({**manifest, "checksum": checksum}).encode() != content:
        raise ValueError("it has other bytes than were written")  # a key twice, for example
    shards = [ListedShard(entry["file"], entry["sentences"], entry.get("sha256")) for entry in manifest["shards"]]
    if not all(_SHARD_NAME.fullmatch(shard.file) for shard in shards):
        raise ValueError("it names a file that is no shard")
    return shards


def _set_aside(path: Path, reason: str, consequence: str, log: Callable[[str], None]) -> None:
    """Move the damaged file ``path`` aside if it exists, and log the reason and the ``consequence``."""
    if path.exists():
        reason = f"{reason}; moved to {move_aside(path).name}"
    log(f"{path}: {reason}; {consequence}")


def _write_manifest(folder: Path, teacher: Mapping[str, Any], shards: Sequence[ListedShard]) -> None:
    """Write the manifest of ``shards`` and of their ``teacher`` (its key, name and labels), whole or not at all."""
    entries = [shard._asdict() for shard in sorted(shards)]
    content = {"format": _FORMAT, **teacher, "shards": entries}
    write_json(folder / MANIFEST, {**content, "checksum": _checksum(content)})


def _checksum(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode("utf-8")).hexdigest()
