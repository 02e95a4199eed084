"""BlockStore: a teacher's blocks on disk, one file for each, whose name is the hash of its sentences."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from filelock import FileLock

from nlptrain.atomic_files import move_aside, put_if_absent, to_json, write_json
from nlptrain.distillation.block_file import StoredBlock, open_block
from nlptrain.distillation.sealed_files import DamagedFileError
from nlptrain.distillation.stored_logits import MANY_LABELS
from nlptrain.distillation.teachers.teacher import Teacher
from nlptrain.errors import InputError

TEACHER_FILE = "teacher.json"
BLOCK_FILE = re.compile(r"([0-9a-f]{32})\.arrow")


class BlockStore:
    """One teacher's blocks on disk: a folder of Arrow files.

    The name of the folder contains everything that affects a logit, so that a changed teacher never gets old ones. The
    name of a file is the hash of its sentences. It is written whole or not at all, and the first one that is written
    counts, so that any number of processes can write here.
    """

    def __init__(self, folder: Path, teacher: Teacher, *, top: bool = False) -> None:
        """Open the store of ``teacher`` in its subfolder of ``folder``.

        Args:
            folder: of the stores of all teachers.
            teacher: whose blocks are stored.
            top: whether the likeliest labels of each word suffice, if there are many labels, see ``TopLogits``.
        """
        self.labels = teacher.labels.names
        self.is_top = top and len(self.labels) > MANY_LABELS
        self.key = teacher.fingerprint() + ("-top" if self.is_top else "")
        self.folder = folder / self.key
        self.teacher = teacher.name
        # Two runs with the same text do not label it both; nothing else depends on the lock.
        self.lock = FileLock(folder / f"{self.key}.lock")

    def create(self) -> None:
        """Create the folder, with a file that describes the teacher."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path, description = self.folder / TEACHER_FILE, {"teacher": self.teacher, "labels": list(self.labels)}
        if not path.is_file() or path.read_bytes() != to_json(description).encode():
            write_json(path, description)

    def names(self) -> set[str]:
        """Return the names of all stored blocks; some may be damaged."""
        if not self.folder.is_dir():
            return set()
        return {match[1] for path in self.folder.iterdir() if (match := BLOCK_FILE.fullmatch(path.name))}

    def path(self, name: str) -> Path:
        """Return the file of the block ``name``."""
        return self.folder / f"{name}.arrow"

    def open(self, name: str) -> StoredBlock:
        """Verify the block ``name``, and map it into memory.

        Raises:
            DamagedFileError: the file differs from what was written.
            FileNotFoundError: there is none.
            InputError: it cannot be read.
        """
        try:
            return open_block(self.path(name), len(self.labels))
        except FileNotFoundError:
            raise
        except OSError as error:
            reason = f"cannot be read: {error.strerror or error}"
            raise InputError(reason, location=str(self.path(name))) from error

    def find(self, name: str, log: Callable[[str], None]) -> StoredBlock | None:
        """Return the block ``name``, or None if there is none; a damaged one is moved aside, and logged."""
        try:
            return self.open(name)
        except FileNotFoundError:
            return None
        except DamagedFileError as error:
            with suppress(FileNotFoundError):  # another process has moved it
                aside = move_aside(self.path(name)).name
                log(f"{self.path(name)}: damaged ({error}); moved to {aside}; its sentences are labeled again")
            return None

    def add(self, name: str, content: bytes) -> None:
        """Store ``content`` as the block ``name``, unless there is one.

        Raises:
            OSError: the folder is not writable, or the disk is full.
        """
        put_if_absent(self.path(name), content)
