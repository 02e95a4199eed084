"""BlockStore: a teacher's blocks on disk, one file for each, whose name is the hash of its sentences."""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from filelock import FileLock

from nlptrain.atomic_files import move_aside, put_if_absent, remove_parts, to_json, write_json
from nlptrain.data.remote_files import cache_folder
from nlptrain.distillation.block_file import StoredBlock, open_block
from nlptrain.distillation.remote_blocks import RemoteBlocks
from nlptrain.distillation.sealed_files import DamagedFileError
from nlptrain.distillation.stored_logits import MANY_LABELS
from nlptrain.distillation.teachers.teacher import Teacher
from nlptrain.errors import InputError
from nlptrain.urls import hide_credentials, is_url, url_with_credentials

TEACHER_FILE = "teacher.json"
BLOCK_FILE = re.compile(r"([0-9a-f]{32})\.arrow")
DEFAULT_CACHE_GB = 50.0
_OLD_MARK = 86_400  # seconds
_MAX_OPEN = 16_384  # files; Linux allows a process 65,530 mappings


class BlockStore:
    """One teacher's blocks on disk: a folder of Arrow files.

    The name of the folder contains everything that affects a logit, so that a changed teacher never gets old ones. The
    name of a file is the hash of its sentences. It is written whole or not at all, and the first one that is written
    counts, so that any number of processes can write here.

    Below a URL, the blocks are read and written through a folder in the user's cache, which keeps the last ones that
    were used.
    """

    def __init__(
        self, folder: str | Path, teacher: Teacher, *, top: bool = False, cache_gb: float = DEFAULT_CACHE_GB
    ) -> None:
        """Open the store of ``teacher`` in its subfolder of ``folder``.

        Args:
            folder: of the stores of all teachers, a path or a URL.
            teacher: whose blocks are stored.
            top: whether the likeliest labels of each word suffice, if there are many labels, see ``TopLogits``.
            cache_gb: of copies of blocks below a URL, in GB; at least one block is kept.
        """
        self.labels = teacher.labels.names
        self.is_top = top and len(self.labels) > MANY_LABELS
        self.key = teacher.fingerprint() + ("-top" if self.is_top else "")
        self.remote = RemoteBlocks(str(folder), self.key) if is_url(str(folder)) else None
        # For other processes, which may have another working directory and no credentials.
        self.origin = url_with_credentials(str(folder)) if self.remote else str(Path(folder).absolute())
        self.cache_gb = cache_gb
        local = Path(folder) if self.remote is None else copies_folder(str(folder))
        self.folder = local / self.key
        self.teacher = teacher.name
        # Two runs with the same text do not label it both; nothing else depends on the lock.
        self.lock = FileLock(local / f"{self.key}.lock")
        self._open_blocks: OrderedDict[str, tuple[StoredBlock, int]] = OrderedDict()
        self._max_bytes = int(cache_gb * 1e9) if self.remote is not None else None
        self._bytes = 0

    def clean_up(self) -> None:
        """Write the file that describes the teacher; remove partial files, and copies that do not fit.

        The caller has created the folder, and holds the lock.
        """
        remove_parts(self.folder)
        for mark in self.folder.glob(".*.mark"):
            with suppress(FileNotFoundError):  # a process that writes a file has just removed it
                if time.time() - mark.stat().st_mtime > _OLD_MARK:  # of a killed process
                    mark.unlink()
        path, description = self.folder / TEACHER_FILE, {"teacher": self.teacher, "labels": list(self.labels)}
        if not path.is_file() or path.read_bytes() != to_json(description).encode():
            write_json(path, description)
        if self.remote is not None:
            self.remote.add(TEACHER_FILE, to_json(description).encode())
        if self._max_bytes is not None:
            self._remove_copies()

    def remove_stale_copies(self) -> None:
        """Remove the copies of blocks that are no longer below the URL, so that they are labeled and stored again."""
        if self.remote is None:
            return
        stored = self.remote.names()
        for path in self.folder.glob("*.arrow"):
            if path.name not in stored:
                path.unlink(missing_ok=True)

    def names(self) -> set[str]:
        """Return the names of all stored blocks; some may be damaged."""
        files: set[str] = set()
        if self.remote is not None:
            files = self.remote.names()
        elif self.folder.is_dir():
            files = {path.name for path in self.folder.iterdir()}
        return {match[1] for file in files if (match := BLOCK_FILE.fullmatch(file))}

    def path(self, name: str) -> Path:
        """Return the file of the block ``name``; below a URL, its copy."""
        return self.folder / f"{name}.arrow"

    def open(self, name: str) -> StoredBlock:
        """Verify the block ``name``, and map it into memory.

        Raises:
            DamagedFileError: the file differs from what was written.
            FileNotFoundError: there is none.
            InputError: it cannot be read.
        """
        if name in self._open_blocks:
            self._open_blocks.move_to_end(name)
            return self._open_blocks[name][0]
        path = self.path(name)
        if self.remote is not None and not path.is_file():
            self._copy(name)
        try:
            block, size = open_block(path, len(self.labels)), path.stat().st_size
        except FileNotFoundError:
            raise
        except OSError as error:
            raise InputError(f"cannot be read: {error.strerror or error}", location=str(path)) from error
        if self.remote is not None:
            os.utime(path)  # the copies that were not used for the longest time are removed first
        self._open_blocks[name] = block, size
        self._bytes += size
        while len(self._open_blocks) > _MAX_OPEN or (self._max_bytes and self._bytes > max(size, self._max_bytes)):
            self._close_oldest()
        return block

    def find(self, name: str, log: Callable[[str], None]) -> StoredBlock | None:
        """Return the block ``name``, or None if there is none; a damaged one is moved aside, and logged."""
        for is_copy in (self.remote is not None, False):
            try:
                return self.open(name)
            except FileNotFoundError:
                return None
            except DamagedFileError as error:
                if is_copy:  # perhaps the copy alone is damaged
                    self.path(name).unlink(missing_ok=True)
                    continue
                self._set_aside(name, str(error), log)
        return None

    def add(self, name: str, content: bytes) -> None:
        """Store ``content`` as the block ``name``, unless there is one.

        Raises:
            OSError: the folder is not writable, or the disk is full.
            InputError: the server refuses it or does not respond.
        """
        if self.remote is None:
            put_if_absent(self.path(name), content)
        else:  # a copy is made when the block is read
            self.remote.add(f"{name}.arrow", content)

    def _copy(self, name: str) -> None:
        assert self.remote is not None
        content = self.remote.read(f"{name}.arrow")
        if content is None:
            raise FileNotFoundError(name)
        self.folder.mkdir(parents=True, exist_ok=True)
        put_if_absent(self.path(name), content)

    def _set_aside(self, name: str, reason: str, log: Callable[[str], None]) -> None:
        """Move a damaged block aside; below a URL, remove it."""
        consequence = "its sentences are labeled again"
        if self.remote is not None:
            self.path(name).unlink(missing_ok=True)
            self.remote.remove(f"{name}.arrow")
            log(f"{self.remote.url}/{name}.arrow: damaged ({reason}); removed; {consequence}")
            return
        with suppress(FileNotFoundError):  # another process has moved it
            aside = move_aside(self.path(name)).name
            log(f"{self.path(name)}: damaged ({reason}); moved to {aside}; {consequence}")

    def _close_oldest(self) -> None:
        """Forget the block that was not used for the longest time, and remove its copy."""
        name, (_, size) = self._open_blocks.popitem(last=False)
        self._bytes -= size
        if self.remote is not None:
            with suppress(OSError):  # Windows removes no mapped file; a later run does
                self.path(name).unlink()

    def _remove_copies(self) -> None:
        """Remove the copies of former runs that do not fit, the oldest first."""
        assert self._max_bytes is not None
        copies = [(path.stat().st_mtime, path) for path in self.folder.glob("*.arrow")]
        total = sum(path.stat().st_size for _, path in copies)
        for _, path in sorted(copies):
            if total <= self._max_bytes:
                break
            total -= path.stat().st_size
            path.unlink(missing_ok=True)


class StoredBlocks:
    """Blocks of a store in a fixed order, opened when they are read."""

    def __init__(self, store: BlockStore, names: Sequence[str]) -> None:
        """Hold the blocks ``names`` of ``store``, which are whole."""
        self.store = store
        self.names = names

    def __len__(self) -> int:
        """Return the number of blocks."""
        return len(self.names)

    def __getitem__(self, index: int) -> StoredBlock:
        """Open a block.

        Raises:
            InputError: it was damaged or removed since it was labeled.
        """
        try:
            return self.store.open(self.names[index])
        except (DamagedFileError, FileNotFoundError) as error:
            reason = "removed" if isinstance(error, FileNotFoundError) else f"damaged ({error})"
            raise InputError(
                f"{reason} while a run used it",
                location=str(self.store.path(self.names[index])),
                hint="give the same command again",
            ) from error


def copies_folder(url: str) -> Path:
    """Return the folder in the user's cache for the copies of what is below ``url``."""
    name = hashlib.sha256(hide_credentials(url).rstrip("/").encode()).hexdigest()[:32]
    return cache_folder().parent / "transfer" / name
