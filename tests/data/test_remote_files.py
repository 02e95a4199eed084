"""Files that URLs name: S3 and web servers on this machine, and the file systems in memory of fsspec."""

from __future__ import annotations

import os
import pickle
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import fsspec
import pytest

from nlptrain.config import protocols
from nlptrain.config.commands import TransformerTokenConfig
from nlptrain.config.loading import load_config
from nlptrain.data import remote_files
from nlptrain.data.cached_file import CachedFile
from nlptrain.data.corpus import Corpus
from nlptrain.data.text_files import expand_paths
from nlptrain.errors import InputError
from tests.helpers.commands import call
from tests.helpers.s3_server import KEY, SECRET, s3_server

pytestmark = pytest.mark.slow  # a server is started

CONLL = b"Ada\tB-PER\nsings\tO\n\n"
FILES = {
    "news/train-1.conll": CONLL,
    "news/train-2.conll": b"Bob\tB-PER\nruns\tO\n\n",
    "news/notes.md": b"# Notes\n",
    "brat/doc.ann": b"T1\tPER 0 3\tAda\n",
    "brat/doc.txt": b"Ada sings\n",
    "alone.ann": b"",
}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(remote_files, "_files", {})
    return tmp_path / "cache/nlptrain/files"


@pytest.fixture(scope="module")
def s3_url() -> Iterator[str]:
    with s3_server(FILES) as url:
        yield url


@pytest.fixture
def s3(s3_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    fsspec.filesystem("s3").clear_instance_cache()


class Handler(SimpleHTTPRequestHandler):
    """Serves files; ``/private`` needs a password, and ``/plain`` states no version."""

    requests: list[str] = []

    def do_GET(self) -> None:  # noqa: N802
        if self.command == "GET":
            self.requests.append(self.path)
        if self.path.startswith("/private") and self.headers.get("Authorization") != "Basic YWRhOmVuZ2luZTE4NDM=":
            self.send_error(403)
            return
        super().do_GET()

    def do_HEAD(self) -> None:  # noqa: N802
        if self.path.startswith("/private") and self.headers.get("Authorization") != "Basic YWRhOmVuZ2luZTE4NDM=":
            self.send_error(403)
            return
        super().do_HEAD()

    def send_header(self, keyword: str, value: str) -> None:
        if not (self.path.startswith("/plain") and keyword == "Last-Modified"):
            super().send_header(keyword, value)

    def log_message(self, *arguments: Any) -> None:
        pass


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    """Serve the folder ``web``, and yield the server's host and port."""
    for name in ("a.conll", "private/a.conll", "plain/a.conll"):
        (tmp_path / "web" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "web" / name).write_bytes(CONLL)
    Handler.requests = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(tmp_path / "web")))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def _places(path: str) -> list[tuple[str, tuple[str, ...]]]:
    return [(sentence.where, sentence.words) for sentence in Corpus(path)]


@pytest.mark.usefixtures("s3")
def test_files_and_globs_of_s3_are_read_and_shown_by_their_urls() -> None:
    both = [
        ("s3://corpora/news/train-1.conll:1", ("Ada", "sings")),
        ("s3://corpora/news/train-2.conll:1", ("Bob", "runs")),
    ]
    assert _places("s3://corpora/news/train-2.conll") == both[1:]
    assert _places("s3://corpora/news/*.conll") == both
    files = expand_paths(["s3://corpora/news/train-2.conll", "s3://corpora/news/train-*.conll"])
    assert list(map(str, files)) == ["s3://corpora/news/train-2.conll", "s3://corpora/news/train-1.conll"]


@pytest.mark.usefixtures("s3")
def test_both_files_of_brat_come_together() -> None:
    (sentence,) = Corpus("s3://corpora/brat/*.ann")
    assert (sentence.where, sentence.words, sentence.tags) == (
        "s3://corpora/brat/doc.txt:1",
        ("Ada", "sings"),
        ("B-PER", "O"),
    )
    with pytest.raises(InputError, match=r"^s3://corpora/alone.ann: found no alone.txt"):
        list(Corpus("s3://corpora/alone.ann"))


@pytest.mark.usefixtures("s3")
def test_key_and_secret_in_a_url_are_used_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert _places(f"s3://{KEY}:{SECRET}@corpora/news/*1.conll") == [
        ("s3://corpora/news/train-1.conll:1", ("Ada", "sings"))
    ]


@pytest.mark.usefixtures("s3")
@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("s3://corpora/news/train-3.conll", "found no file 's3://corpora/news/train-3.conll'"),
        ("s3://corpora/news/*.jsonl", "found no file 's3://corpora/news/*.jsonl'"),
        ("s3://other/train.conll", "found no file 's3://other/train.conll'"),
        ("s3://corpora/news", "'s3://corpora/news' is a folder; expected files, e.g. 's3://corpora/news/*.conll'"),
    ],
)
def test_missing_files_of_s3(url: str, message: str) -> None:
    with pytest.raises(InputError) as error:
        expand_paths(url, key="data.dev")
    assert str(error.value) == f"data.dev: {message}"


@pytest.mark.usefixtures("s3")
def test_gold_files_of_s3_are_converted(tmp_path: Path) -> None:
    result = call("convert", "s3://corpora/news/*.conll", tmp_path / "out.conll")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "out.conll").read_bytes() == CONLL + FILES["news/train-2.conll"]
    result = call("convert", "s3://corpora/news/train-1.conll", "s3://corpora/out.conll")
    assert result.exit_code == 2
    assert result.stderr.startswith("error: found the URL s3://corpora/out.conll; expected a local path")
    assert not Path("s3:").exists()


def test_a_file_is_downloaded_once_for_each_version(web: str, cache: Path, tmp_path: Path) -> None:
    url = f"http://{web}/a.conll"
    assert _places(url) == [(f"{url}:1", ("Ada", "sings"))]
    remote_files._files.clear()  # another process
    assert _places(url) == [(f"{url}:1", ("Ada", "sings"))]
    assert Handler.requests == ["/a.conll"]
    (tmp_path / "web/a.conll").write_bytes(b"Eve\tB-PER\n\n")
    os.utime(tmp_path / "web/a.conll", (1, 1))
    remote_files._files.clear()
    assert _places(url) == [(f"{url}:1", ("Eve",))]
    assert Handler.requests == ["/a.conll", "/a.conll"]
    assert len(list(cache.glob("*/*/a.conll"))) == 2
    assert list(cache.glob("*/.part-*")) == []


def test_a_file_without_a_version_is_downloaded_by_each_process(web: str, cache: Path) -> None:
    url = f"http://{web}/plain/a.conll"
    for _ in range(2):
        remote_files._files.clear()
        assert _places(url) == [(f"{url}:1", ("Ada", "sings"))]
    assert Handler.requests == ["/plain/a.conll"] * 2
    assert len(list(cache.glob("*/*/a.conll"))) == 1


def test_a_password_is_used_and_not_shown(web: str) -> None:
    assert _places(f"http://ada:engine1843@{web}/private/a.conll?token=abcdefgh") == [
        (f"http://{web}/private/a.conll:1", ("Ada", "sings"))
    ]
    assert Handler.requests == ["/private/a.conll?token=abcdefgh"]


def test_errors_of_a_web_server_are_one_line(web: str) -> None:
    with pytest.raises(InputError) as denied:
        expand_paths(f"http://eve:mallory99@{web}/private/a.conll?sig=0123456789", key="data.train")
    assert str(denied.value) == (
        f"data.train: access to http://{web}/private/a.conll is denied (403); give the credentials by environment "
        "variables, or by the configuration of the service's own tool"
    )
    assert denied.value.__cause__ is None  # tracebacks do not quote the library's error
    with pytest.raises(InputError, match=rf"^found no file 'http://{web}/b.conll'$"):
        expand_paths(f"http://{web}/b.conll")
    with pytest.raises(InputError, match=r"^http://127.0.0.1:9/a.conll cannot be read \(.*Connect call failed"):
        expand_paths("http://eve:mallory99@127.0.0.1:9/a.conll")


def test_a_server_that_is_silent_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_files, "_SECONDS", 0.2)
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/a.conll"
        with pytest.raises(InputError, match=rf"^{url}: the server does not respond$"):
            expand_paths(url)


def test_an_interrupted_download_is_removed(web: str, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(remote: Any, path: Path, size: int) -> None:
        path.write_bytes(b"Ad")
        raise KeyboardInterrupt

    monkeypatch.setattr(remote_files, "_download", interrupted)
    with pytest.raises(KeyboardInterrupt):
        expand_paths(f"http://{web}/a.conll")
    assert [path for path in cache.rglob("*") if path.is_file()] == []
    assert list(cache.glob("*/.part-*")) == []


def test_file_urls_are_local_paths(tmp_path: Path) -> None:
    (tmp_path / "a.conll").write_bytes(CONLL)
    assert expand_paths(f"file://{tmp_path}/*.conll") == [tmp_path / "a.conll"]
    assert type(expand_paths(f"file://localhost{tmp_path}/a.conll")[0]) is type(tmp_path)


def test_protocols_that_cannot_be_read_are_refused_without_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("the network was used"))
    monkeypatch.setattr(protocols, "find_spec", lambda name: None)
    settings = ["output_dir=x", "model=ours/bert", "data.train=s3://K:secret99@bucket/a.conll", "data.dev=htps://b/a"]
    with pytest.raises(InputError) as error:
        load_config(TransformerTokenConfig, None, settings)
    assert error.value.lines() == [
        "settings data.train=s3://bucket/a.conll: data.train: s3://bucket/a.conll needs the package s3fs, which is not "
        "installed; pip install 'nlptrain[s3]'",
        "settings data.dev=htps://b/a: data.dev: found the protocol 'htps' in htps://b/a; expected s3, gs, https, "
        "http, hf, file or another one of fsspec; did you mean 'https'?",
    ]
    for url, extra in (("gs://b/a", "gcs"), ("https://host/a", "http")):
        with pytest.raises(InputError, match=rf"pip install 'nlptrain\[{extra}\]'$"):
            expand_paths(url)
    with pytest.raises(InputError, match=r"^found the protocol 'zip'"):
        expand_paths("zip://a.conll::s3://bucket/a.zip")


def test_urls_are_accepted_by_a_configuration_without_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("the network was used"))
    settings = ["output_dir=x", "model=ours/bert", "data.train=[s3://corpora/*.conll, https://host/a.conll]"]
    config = load_config(TransformerTokenConfig, None, settings).config
    assert config.data.train == ["s3://corpora/*.conll", "https://host/a.conll"]


@pytest.mark.parametrize("folder", ["s3://bucket/run", "https://host/run"])
def test_an_output_folder_is_local(folder: str) -> None:
    settings = [f"output_dir={folder}", "model=ours/bert", "data.train='-'"]
    with pytest.raises(InputError, match=rf"found the URL {folder}; expected a local folder$"):
        load_config(TransformerTokenConfig, None, settings)


def test_urls_that_differ_only_in_their_credentials_are_refused() -> None:
    settings = ["output_dir=x", "model=ours/bert", "data.train=['https://h/a?token=1', 'https://h/a?token=2']"]
    with pytest.raises(InputError, match="URLs that differ only in their credentials: https://h/a;"):
        load_config(TransformerTokenConfig, None, settings)


def test_a_copy_opens_the_local_file_and_shows_its_url(tmp_path: Path) -> None:
    (tmp_path / "doc.ann").write_text("ann")
    (tmp_path / "doc.txt").write_text("txt")
    copy = CachedFile.of(tmp_path / "doc.ann", "https://host/doc.ann?part=2")
    assert (f"{copy}", os.fspath(copy), copy.read_text()) == (
        "https://host/doc.ann?part=2",
        str(tmp_path / "doc.ann"),
        "ann",
    )
    assert str(copy.with_suffix(".txt")) == "https://host/doc.txt?part=2"
    assert copy.with_suffix(".txt").read_text() == "txt"
    assert str(pickle.loads(pickle.dumps(copy))) == "https://host/doc.ann?part=2"
    assert copy == tmp_path / "doc.ann"
    assert {copy: 1}[tmp_path / "doc.ann"] == 1
    assert str(copy.resolve()) == str((tmp_path / "doc.ann").resolve())
