"""Lines, globs and hashes of text files."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlptrain.data.text_files import expand, lines, sha256
from nlptrain.errors import InputError


def _file(folder: Path, content: bytes, name: str = "a.txt") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", []),
        (b"\xef\xbb\xbf", []),
        (b"a\nb\n", ["a", "b"]),
        (b"a\r\n\r\nb\r", ["a", "", "b"]),
        (b"a\r\r\n", ["a\r"]),
        (b"a\rb\n", ["a\rb"]),
        (b"\xef\xbb\xbfa\n\xef\xbb\xbfb", ["a", "\ufeffb"]),
        (b"a\x00b\x0b\x0c\x1c\n", ["a\x00b\x0b\x0c\x1c"]),
    ],
)
def test_lines_end_at_newlines_only(tmp_path: Path, content: bytes, expected: list[str]) -> None:
    """One carriage return goes with the end of its line; a byte order mark is one at the very beginning only."""
    assert [line for _, line in lines(_file(tmp_path, content))] == expected


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\r"))))
def test_any_characters_come_back(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    """U+2028, U+0085 and their kin stay inside their line."""
    path = _file(tmp_path_factory.getbasetemp(), "".join(f"{text}\n" for text in texts).encode("utf-8-sig"))
    assert list(lines(path)) == list(enumerate(texts, start=1))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"ab\ncaf\xe9 O\n", ":2: byte 6 (0xE9) is not UTF-8; convert the file, e.g. iconv -f latin1 -t utf-8"),
        (b"\xef\xbb\xbfa\xff\n", ":1: byte 4 (0xFF) is not UTF-8; convert the file, e.g. iconv -f latin1 -t utf-8"),
        ("a\n".encode("utf-16"), ":1: byte 0 (0xFF) is not UTF-8; convert the file, e.g. iconv -f utf-16 -t utf-8"),
        (b"a\n\xed\xa0\x80", ":2: byte 2 (0xED) is not UTF-8; convert the file, e.g. iconv -f latin1 -t utf-8"),
    ],
)
def test_bytes_that_are_not_utf8_are_named(tmp_path: Path, content: bytes, message: str) -> None:
    """By line, and by offset in the file."""
    path = _file(tmp_path, content)
    with pytest.raises(InputError, match=f"^{re.escape(str(path) + message)}$"):
        list(lines(path))


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    """A missing file, and one that is packed in a way that is not read."""
    with pytest.raises(InputError, match=r"none\.txt: cannot be read: No such file or directory$"):
        list(lines(tmp_path / "none.txt"))
    packed = _file(tmp_path, b"BZh", "a.conll.BZ2")
    message = r"a\.conll\.BZ2: packed files \(\.BZ2\) are not read by this version; unpack it: bunzip2 -k$"
    with pytest.raises(InputError, match=message):
        list(lines(packed))
    with pytest.raises(InputError, match=message):
        expand(str(packed))


def test_globs_are_sorted_and_lists_keep_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each file once, folders never, brackets taken literally where there is such a file."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "deep" / "er.txt").mkdir(parents=True)
    for name in ("c.txt", "a.txt", "deep/b.txt", "x[1].txt"):
        (tmp_path / name).touch()
    assert [str(path) for path in expand("*.txt")] == ["a.txt", "c.txt", "x[1].txt"]
    assert [str(path) for path in expand("**/*.txt")] == ["a.txt", "c.txt", "deep/b.txt", "x[1].txt"]
    assert [str(path) for path in expand(["c.txt", "./a.txt", "*.txt"])] == ["c.txt", "a.txt", "x[1].txt"]
    assert expand("x[1].txt") == [Path("x[1].txt")]


def test_nothing_found_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says the key, the pattern, and from where it was looked for."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=rf"^data\.dev: found no file 'no\*\.txt' \(looked from {tmp_path}\)$"):
        expand(["no*.txt"], key="data.dev")
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match=r"^'folder' is a folder; name its files, e\.g\. 'folder/\*\.conll'$"):
        expand("folder")


def test_sha256_is_of_the_bytes(tmp_path: Path) -> None:
    """Line ends and marks count."""
    assert sha256(_file(tmp_path, b"a\r\n")) == hashlib.sha256(b"a\r\n").hexdigest()
