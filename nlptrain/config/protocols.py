"""Protocols of the URLs that may be given instead of files, and the packages that read them."""

from __future__ import annotations

from importlib.util import find_spec

from nlptrain.errors import Problem, suggestion
from nlptrain.urls import hide_credentials, protocol_of

# The package that each protocol needs, and the extra of nlptrain that has it.
_PACKAGES = {
    "s3": ("s3fs", "s3"),
    "s3a": ("s3fs", "s3"),
    "gs": ("gcsfs", "gcs"),
    "gcs": ("gcsfs", "gcs"),
    "https": ("aiohttp", "http"),
    "http": ("aiohttp", "http"),
}
PROTOCOLS = ("s3", "gs", "https", "http", "hf", "file")
# Of fsspec, but they wrap another file system, or name no file.
_WRAPPERS = {
    *("async_wrapper", "blockcache", "cached", "data", "dir", "filecache", "generic", "libarchive", "reference"),
    *("simplecache", "tar", "zip"),
}


def url_problem(url: str) -> Problem | None:
    """Return why ``url`` cannot be read on this machine, or None; the network is not used."""
    protocol, shown = protocol_of(url) or "", hide_credentials(url)
    if protocol in _PACKAGES:
        package, extra = _PACKAGES[protocol]
        if find_spec(package) is not None:
            return None
        return Problem(
            f"{shown} needs the package {package}, which is not installed", hint=f"pip install 'nlptrain[{extra}]'"
        )
    import fsspec  # takes a tenth of a second

    if protocol in _WRAPPERS or protocol not in fsspec.available_protocols():
        return Problem(
            f"found the protocol {protocol!r} in {shown}",
            expected=f"{', '.join(PROTOCOLS)} or another one of fsspec",
            hint=suggestion(protocol, PROTOCOLS),
        )
    try:
        fsspec.get_filesystem_class(protocol)
    except ImportError as error:
        return Problem(f"{shown} needs a package that is not installed ({error})")
    return None
