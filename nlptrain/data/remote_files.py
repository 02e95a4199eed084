"""Local copies of the files that URLs name, made by fsspec and kept in the user's cache."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from textwrap import shorten
from typing import Any
from urllib.parse import unquote

from nlptrain.config.formats import FORMATS
from nlptrain.config.protocols import url_problem
from nlptrain.data.cached_file import CachedFile
from nlptrain.errors import InputError, Text
from nlptrain.urls import hide_credentials, protocol_of, redact, split_credentials, url_with_credentials

_VERSION_KEYS = ("ETag", "etag", "md5Hash", "generation", "Content-MD5", "Digest", "blob_id")
_TIME_KEYS = ("LastModified", "Last-Modified", "last_modified", "mtime", "modified", "created")
_REASON = 200  # characters of an error of a library that are shown
_SECONDS = 60.0  # after which a server that sends nothing is given up
_MAX_NAME = 120  # characters of the name of a copy
_UNAUTHORIZED = (401, 403, 407)
_CREDENTIALS_HINT = "give the credentials by environment variables, or by the configuration of the service's own tool"

_files: dict[str, list[CachedFile]] = {}  # of each URL or glob, so that a process reads one version of it


@dataclass(frozen=True)
class RemoteFile:
    """A file or a glob of a file system.

    Attributes:
        file_system: of fsspec.
        path: in the file system's own notation.
        shown: the URL without credentials.
    """

    file_system: Any
    path: str
    shown: str

    @property
    def name(self) -> str:
        """The name of the file, without a query."""
        is_http = protocol_of(self.shown) in ("http", "https")
        name = PurePosixPath(unquote(self.path.partition("?")[0]) if is_http else self.path).name
        return re.sub(r"[\x00-\x1f/\\:]", "_", name)[-_MAX_NAME:] or "index"

    def next_to(self, name: str) -> RemoteFile:
        """Return the file ``name`` in the same folder."""
        return replace(self, path=_with_name(self.path, name), shown=_with_name(self.shown, name))


def remote_files(url: str, *, location: Text = "") -> list[CachedFile]:
    """Return local copies of the files that ``url`` names, downloaded unless the cache has this version of them.

    Args:
        url: a URL, or a glob where the file system can list folders.
        location: of ``url``, for messages.

    Raises:
        InputError: a package is missing, the file is missing or not readable, or the server does not respond.
    """
    shown = hide_credentials(url)
    if shown not in _files:
        if problem := url_problem(shown):
            raise InputError(replace(problem, location=location))
        try:
            _files[shown] = [_copy(remote) for remote in _matches(shown, location)]
        except InputError:
            raise
        except Exception as error:  # each file system has errors of its own
            raise remote_error(error, shown, location) from None  # the library's may quote the credentials
    return _files[shown]


def forget_copies() -> None:
    """Let the next call of ``remote_files`` ask the servers for newer versions."""
    _files.clear()


def cache_folder() -> Path:
    """Return the folder of the copies, ``nlptrain/files`` in the user's cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nlptrain" / "files"


def open_remote(shown: str) -> RemoteFile:
    """Return the file system of a URL without credentials, and the path in it."""
    from fsspec.core import url_to_fs

    url = url_with_credentials(shown)
    credentials, protocol = split_credentials(url), protocol_of(url)
    options: dict[str, Any] = {}
    if protocol in ("http", "https"):
        url, options = credentials.address, {"client_kwargs": _http_options(credentials.user, credentials.password)}
    elif protocol in ("s3", "s3a") and credentials.user:
        url, options = credentials.address, {"key": credentials.user, "secret": credentials.password}
    file_system, path = url_to_fs(url, **options)
    return RemoteFile(file_system, path, shown)


def _http_options(user: str | None, password: str | None) -> dict[str, Any]:
    import aiohttp

    headers = {"Accept-Encoding": "identity"}  # a .gz file stays one
    if user is not None:
        account = b64encode(f"{user}:{password or ''}".encode()).decode()
        headers["Authorization"] = f"Basic {account}"  # aiohttp sends it to no other server
    return {
        "headers": headers,
        "timeout": aiohttp.ClientTimeout(total=None, sock_connect=_SECONDS, sock_read=_SECONDS),
        "trust_env": True,  # proxies, .netrc
    }


def _matches(shown: str, location: Text) -> Iterator[RemoteFile]:
    """Yield the files that a URL or a glob names.

    Raises:
        InputError: there is none, or it is a folder.
    """
    remote = open_remote(shown)
    # In a URL of the web, ? begins the query.
    magic = r"[*\[]" if protocol_of(shown) in ("http", "https") else r"[*?\[]"
    if not re.search(magic, remote.path) or remote.file_system.isfile(remote.path):
        if remote.file_system.info(remote.path)["type"] == "directory":
            expected = f"files, e.g. '{shown.rstrip('/')}/*.conll'"
            raise InputError(f"'{shown}' is a folder", location=location, expected=expected)
        yield remote
        return
    details = remote.file_system.glob(remote.path, detail=True)
    paths = sorted(path for path, info in details.items() if info["type"] == "file")
    if not paths:
        raise InputError(f"found no file '{shown}'", location=location)
    for path in paths:
        yield replace(remote, path=path, shown=hide_credentials(remote.file_system.unstrip_protocol(path)))


def _copy(remote: RemoteFile) -> CachedFile:
    """Return the local copy of a file, with those of the files that belong to it."""
    infos = {remote: remote.file_system.info(remote.path)}
    for companion in map(remote.next_to, _companions(remote.name)):
        if remote.file_system.isfile(companion.path):
            infos[companion] = remote.file_system.info(companion.path)
    # The file system's own spelling: a URL and a glob that match the same file give one copy.
    folder = cache_folder() / _hash(hide_credentials(remote.file_system.unstrip_protocol(remote.path)))
    versions = [_version(info) for info in infos.values()]
    target = folder / _hash(*versions) if all(versions) else None
    if target is None or not target.is_dir():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        part = Path(tempfile.mkdtemp(prefix=".part-", dir=folder))
        try:
            for file, info in infos.items():
                _download(file, part / file.name, info.get("size"))
            target = target or folder / _hash(*(_bytes_hash(part / file.name) for file in infos))
            if not target.is_dir():
                _rename(part, target)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return CachedFile.of(target / remote.name, remote.shown)


def _rename(part: Path, target: Path) -> None:
    try:
        part.rename(target)
    except OSError:
        if not target.is_dir():  # else another process was faster
            raise


def _download(remote: RemoteFile, path: Path, size: int | None) -> None:
    """Download a file to ``path``.

    Raises:
        EOFError: the connection ended early.
    """
    remote.file_system.get_file(remote.path, str(path))
    if size is not None and path.stat().st_size < size:
        raise EOFError(f"received {path.stat().st_size:,} of {size:,} bytes")


def _companions(name: str) -> list[str]:
    """Return the names of the files that belong to a file: of BRAT's ``NAME.ann`` the text ``NAME.txt``."""
    suffix = Path(name).suffix.lower()
    for kind, entry in FORMATS.items():
        if entry.files and suffix in entry.suffixes:
            return [path.name for path in FORMATS.load(kind, entry.files)(Path(name))[1:]]
    return []


def _version(info: dict[str, Any]) -> str | None:
    """Return what identifies a version of a file; None: its server does not state it."""
    values = [str(info[key]) for key in _VERSION_KEYS if info.get(key)]
    values = values or [str(info[key]) for key in _TIME_KEYS if info.get(key)]
    return "|".join([*values, str(info.get("size"))]) if values else None


def _hash(*texts: str | None) -> str:
    return hashlib.sha256("\0".join(map(str, texts)).encode("utf-8", "surrogateescape")).hexdigest()[:32]


def _bytes_hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _with_name(path: str, name: str) -> str:
    head, question, query = path.partition("?")
    return f"{head.rpartition('/')[0]}/{name}{question}{query}"


def remote_error(error: BaseException, shown: str, location: Text) -> InputError:
    """Return an error of a file system in one line, without credentials."""
    chain = [error]
    while (cause := chain[-1].__cause__) is not None and cause not in chain:
        chain.append(cause)
    status = next((code for fault in chain if (code := _http_status(fault))), None)
    if status in _UNAUTHORIZED or any(isinstance(fault, PermissionError) for fault in chain):
        reason = f"access to {shown} is denied" + (f" ({status})" if status else "")
        return InputError(reason, location=location, hint=_CREDENTIALS_HINT)
    if status == 404 or (status is None and isinstance(chain[-1], FileNotFoundError)):
        return InputError(f"found no file '{shown}'", location=location)
    if any(isinstance(fault, TimeoutError) for fault in chain):
        return InputError(f"{shown}: the server does not respond", location=location)
    text = redact(str(chain[-1]).strip()).split("\n")[0]
    reason = shorten(text, _REASON, placeholder=" ...") or type(chain[-1]).__name__
    is_unknown = type(chain[-1]).__name__ in ("NoCredentialsError", "PartialCredentialsError")
    return InputError(
        f"{shown} cannot be read ({reason})", location=location, hint=_CREDENTIALS_HINT if is_unknown else ""
    )


def _http_status(error: BaseException) -> int | None:
    """Return the HTTP status of the response, as aiohttp, botocore and httpx have it in their errors."""
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    else:
        status = getattr(error, "status", None) or getattr(response, "status_code", None)
    return status if isinstance(status, int) else None
