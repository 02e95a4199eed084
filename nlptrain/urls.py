"""URLs instead of paths: which texts are URLs, and how they are shown without the credentials that they hold."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

_SCHEME = r"[A-Za-z][A-Za-z0-9+.-]+"  # one letter is a drive of Windows
_URL = re.compile(rf"(?P<protocol>{_SCHEME})://(?P<rest>.*)", re.DOTALL)
_OUTPUT_URL = re.compile(rf"{_SCHEME}:/{{1,2}}")  # Path("s3://bucket") has only one slash
_URL_IN_TEXT = re.compile(rf"{_SCHEME}://(?:(?!,\s*{_SCHEME}://)[^\s\"'<>])*(?<![).,;:\]}}])")
# s3://KEY:SECRET@bucket, where a secret may have slashes; without a colon, a user name. A password may have an @.
_USER = re.compile(r"(?P<user>[^/@:]*)(?P<password>:[^/?#]*|:[^@]*)?@")
_PORT = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^/:]*)(:\d*)?(/|$)")
_BUCKETS = {"s3", "s3a", "gs", "gcs"}  # which have no port
_TOKENS_AS_USERS = {"http", "https", "hf", *_BUCKETS}
_SECRET_NAMES = re.compile(
    r"token|secret|signature|passw|pwd|credential|authorization|api-?_?key|access-?_?key|^x-(amz|goog|oss|cos)-"
    r"|^(sig|sign|key|auth|code|jwt|session|policy|expires|googleaccessid|awsaccesskeyid|key-pair-id)$",
    re.IGNORECASE,
)
_AZURE = {"sv", "ss", "sr", "srt", "st", "se", "sp", "spr", "sip", "skoid", "sktid", "skt", "ske", "sks", "skv"}
_RANDOM = re.compile(r"(?=.*\d)(?=.*[A-Za-z])[\w%+/=.~-]{20,}")  # a value that may be a token under any name
_HASH_DIGITS = 10
_MIN_SECRET = 6  # characters; a shorter one would also be replaced inside of words
_HIDDEN = "***"

# URLs with credentials by the URL that is shown, and the secrets in them; for this process only.
_full_urls: dict[str, str] = {}
_secrets: set[str] = set()


@dataclass(frozen=True)
class Credentials:
    """A URL without credentials, and what was removed from it.

    Attributes:
        url: the URL that is shown.
        address: the URL without user and password, but with its whole query.
        user: the user name, or the key of S3; None: none.
        password: the password, or the secret of S3; None: none.
        query: values of the query that were removed.
    """

    url: str
    address: str
    user: str | None = None
    password: str | None = None
    query: tuple[str, ...] = ()


def protocol_of(path: str) -> str | None:
    """Return the protocol of a URL in lower case, e.g. ``s3``; None: ``path`` is not a URL."""
    match = _URL.fullmatch(path)
    return match["protocol"].lower() if match else None


def is_url(path: str) -> bool:
    """Return whether ``path`` is a URL rather than the path of a local file."""
    return protocol_of(path) is not None


def local_path(path: str) -> str:
    """Return the path of a ``file://`` URL; all else as it is."""
    return path[len("file://") :].removeprefix("localhost") if protocol_of(path) in ("file", "local") else path


def is_output_url(path: str | Path) -> bool:
    """Return whether ``path``, of something to write, is a URL, also one that ``Path`` has shortened to ``s3:/``."""
    return _OUTPUT_URL.match(str(path)) is not None


def split_credentials(url: str) -> Credentials:
    """Remove user, password and the secret parameters of the query from ``url``.

    Parameters with the names of signatures and keys are removed. Other values that look random are replaced by a hash,
    because they may name the file.
    """
    match = _URL.fullmatch(url)
    if match is None:
        return Credentials(url, url)
    protocol, rest = match["protocol"].lower(), match["rest"]
    user = password = None
    if account := _account(protocol, rest):
        rest = rest[account.end() :]
        user, password = unquote(account["user"]), account["password"] and unquote(account["password"][1:])
    elif _PORT.match(re.split("[?#]", rest)[0]) is None or (":" in rest.split("/")[0] and protocol in _BUCKETS):
        return Credentials(f"{protocol}://{_HIDDEN}", url, password=rest)  # a password without a host
    address = f"{protocol}://{rest}"
    fragment = ""
    if protocol in ("http", "https"):
        rest, _, fragment = rest.partition("#")  # it is not sent to the server
    removed = [fragment] if fragment else []
    path, question, query = rest.partition("?")
    if "=" not in query:  # in a glob, ? is any character
        return Credentials(f"{protocol}://{rest}", address, user, password, tuple(removed))
    shown, of_query = _split_query(query.partition("#")[0])
    removed += of_query
    return Credentials(f"{protocol}://{path}{question * bool(shown)}{shown}", address, user, password, tuple(removed))


def _account(protocol: str, rest: str) -> re.Match[str] | None:
    """Return the match of ``USER:PASSWORD@`` or ``TOKEN@`` at the start of ``rest``."""
    account = _USER.match(rest)
    if account is None or (account["password"] is None and protocol not in _TOKENS_AS_USERS):
        return None  # a user name, or a container: abfs://container@account
    host = _PORT.match(rest)
    is_host = host is not None and "@" not in host[0] and "/" in host[0] and protocol not in _BUCKETS
    return None if is_host else account  # https://host:8080/@name has none


def _split_query(query: str) -> tuple[str, list[str]]:
    parameters = [parameter.partition("=") for parameter in re.split("[&;]", query)]
    names = {name.lower() for name, _, _ in parameters}
    kept, removed = [], []
    for name, equals, value in parameters:
        is_azure = "sig" in names and name.lower() in _AZURE
        if is_azure or _SECRET_NAMES.search(unquote(name)):
            removed.append(value)
        elif _RANDOM.fullmatch(value):
            removed.append(value)
            hash_of_value = hashlib.sha256(value.encode("utf-8", "replace")).hexdigest()
            kept.append(f"{name}=sha256-{hash_of_value[:_HASH_DIGITS]}")
        else:
            kept.append(f"{name}{equals}{value}")
    return "&".join(kept), removed


def hide_credentials(path: str) -> str:
    """Return ``path``; of a URL with credentials the URL without them, which ``url_with_credentials`` knows again."""
    if not is_url(path):
        return path
    credentials = split_credentials(path)
    secrets = [credentials.password, *credentials.query]
    if protocol_of(path) in _BUCKETS or (credentials.password is None and protocol_of(path) in _TOKENS_AS_USERS):
        secrets.append(credentials.user)  # a key or a token; a user name next to a password is no secret
    if credentials.url.partition("://")[2] != path.partition("://")[2]:
        _full_urls[credentials.url] = path
    for secret in filter(None, secrets):
        _secrets.update(text for text in (secret, unquote(secret)) if len(text) >= _MIN_SECRET)
    return credentials.url


def hide_all_credentials(values: object) -> object:
    """Return ``values``, nested maps and lists, with ``hide_credentials`` applied to each text."""
    if isinstance(values, str):
        return hide_credentials(values)
    if isinstance(values, dict):
        return {key: hide_all_credentials(inner) for key, inner in values.items()}
    return [hide_all_credentials(inner) for inner in values] if isinstance(values, list) else values


def url_with_credentials(shown: str) -> str:
    """Return the URL that ``hide_credentials`` has shortened to ``shown``, or else ``shown``."""
    return _full_urls.get(shown, shown)


def has_credentials(texts: Iterable[str]) -> bool:
    """Return whether ``redact`` changes any of ``texts``."""
    return any(redact(text) != text for text in texts)


def redact(text: str) -> str:
    """Return ``text`` with all URLs in it without credentials, and without the secrets of URLs that were hidden."""
    if "://" not in text and not _secrets:
        return text
    for secret in sorted(_secrets, key=len, reverse=True):
        text = text.replace(secret, _HIDDEN)
    return _URL_IN_TEXT.sub(lambda match: split_credentials(match[0]).url, text)
