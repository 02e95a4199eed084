"""RemoteBlocks: a teacher's blocks on a file system of fsspec, such as an object store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any

from nlptrain.config.protocols import url_problem
from nlptrain.data.remote_files import RemoteFile, open_remote, remote_error
from nlptrain.errors import InputError, Setting
from nlptrain.urls import hide_credentials, protocol_of

_READ_ONLY = ("http", "https")


class RemoteBlocks:
    """One teacher's blocks below a URL, one object for each.

    An object is stored whole, and the first one counts, where the file system can create objects that must not exist
    yet (S3, Google Cloud Storage, Azure); elsewhere the last one counts, with the same bytes if the teacher is
    deterministic. There is no lock.
    """

    def __init__(self, url: str, key: str) -> None:
        """Describe the blocks of the teacher ``key`` below ``url``; nothing is read yet.

        Raises:
            InputError: the protocol is unknown, or its package is missing.
        """
        self._parent = hide_credentials(url)
        self.key = key
        self.url = f"{self._parent.rstrip('/')}/{key}"
        if problem := url_problem(self._parent):
            raise InputError(replace(problem, location=Setting("transfer_dir")))
        if protocol_of(self._parent) in _READ_ONLY:
            raise InputError(
                f"found {self._parent}, where nothing can be written",
                location=Setting("transfer_dir"),
                expected="a folder, or a URL such as s3://bucket/transfer",
            )

    @cached_property
    def _folder(self) -> RemoteFile:
        parent = open_remote(self._parent)
        return replace(parent, path=f"{parent.path.rstrip('/')}/{self.key}".rstrip("/") or "/", shown=self.url)

    @classmethod
    def below(cls, url: str) -> list[RemoteBlocks]:
        """Return one object for each folder below ``url``; some may hold no blocks.

        Raises:
            InputError: the protocol is unknown, its package is missing, or the server refuses it or does not respond.
        """
        parent = cls(url, "")
        return [cls(url, name) for name, file in parent._files().items() if file["type"] != "file"]  # noqa: SLF001

    def names(self) -> set[str]:
        """Return the names of all files.

        Raises:
            InputError: the server refuses it or does not respond.
        """
        return set(self._files())

    def sizes(self) -> dict[str, int]:
        """Return the names of all files, with their bytes.

        Raises:
            InputError: the server refuses it or does not respond.
        """
        return {name: int(file["size"] or 0) for name, file in self._files().items() if file["type"] == "file"}

    def read(self, name: str) -> bytes | None:
        """Return the content of a file, or None if there is none.

        Raises:
            InputError: the server refuses it or does not respond.
        """
        with self._errors():
            try:
                content: bytes = self._folder.file_system.cat_file(self._path(name))
            except FileNotFoundError:
                return None
        return content

    def add(self, name: str, content: bytes) -> bool:
        """Store ``content`` as the file ``name``, unless there is one; return whether it was stored.

        Raises:
            InputError: the server refuses it or does not respond.
        """
        file_system, path = self._folder.file_system, self._path(name)
        with self._errors():
            file_system.makedirs(self._folder.path, exist_ok=True)
            try:
                file_system.pipe_file(path, content, mode="create")
            except FileExistsError:
                return False
            except (NotImplementedError, TypeError, ValueError):  # it can only overwrite
                if file_system.exists(path):
                    return False
                file_system.pipe_file(path, content)
        return True

    def remove(self, name: str) -> None:
        """Remove the file ``name``, if there is one.

        Raises:
            InputError: the server refuses it or does not respond.
        """
        with self._errors(), suppress(FileNotFoundError):  # another process has removed it
            self._folder.file_system.rm_file(self._path(name))

    def _files(self) -> dict[str, dict[str, Any]]:
        """Return the files and folders in this one by name, sorted."""
        with self._errors():
            try:
                files = self._folder.file_system.ls(self._folder.path, detail=True, refresh=True)
            except FileNotFoundError:
                return {}
        return {PurePosixPath(file["name"]).name: file for file in sorted(files, key=lambda file: str(file["name"]))}

    def _path(self, name: str) -> str:
        return f"{self._folder.path}/{name}"

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Raise errors of the file system as those of the user."""
        try:
            yield
        except InputError:
            raise
        except Exception as error:  # each file system has errors of its own, which may quote the credentials
            raise remote_error(error, self.url, Setting("transfer_dir")) from None
