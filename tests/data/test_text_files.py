"""Lines, globs and hashes of text files."""

from __future__ import annotations

import hashlib
import re
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlptrain.data.corpus import Corpus
from nlptrain.data.hub_files import _download, hub_files
from nlptrain.data.text_files import expand_paths, file_sha256, read_lines
from nlptrain.errors import InputError, Setting
from tests.helpers.commands import call


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
        (b"a\r\r\nb\r\r\n", ["a", "b"]),
        (b"a\rb\n", ["a", "b"]),
        (b"a\r\rb\r", ["a", "", "b"]),
        (b"a\r\nb\rc\nd", ["a", "b", "c", "d"]),
        ("\ufeffé\r\n😀\n".encode("utf-16-le"), ["é", "😀"]),
        ("\ufeffé\rb".encode("utf-16-be"), ["é", "b"]),
        ("é a\nb c\n".encode("utf-16-le"), ["é a", "b c"]),
        ("a b\r\nc\n".encode("utf-16-be"), ["a b", "c"]),
        (b"\xef\xbb\xbfa\n\xef\xbb\xbfb", ["a", "\ufeffb"]),
        (b"a\x00b\x0b\x0c\x1c\n", ["a\x00b\x0b\x0c\x1c"]),
    ],
)
def test_lines_end_at_line_feeds_and_carriage_returns(tmp_path: Path, content: bytes, expected: list[str]) -> None:
    """Carriage returns before a line feed belong to the line end; a byte order mark is removed at the start only."""
    assert [line for _, line in read_lines(_file(tmp_path, content))] == expected


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\r"))))
def test_any_characters_are_written_and_read(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    """U+2028, U+0085 and similar characters do not end a line."""
    path = _file(tmp_path_factory.getbasetemp(), "".join(f"{text}\n" for text in texts).encode("utf-8-sig"))
    assert list(read_lines(path)) == list(enumerate(texts, start=1))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"ab\ncaf\xe9 O\n", ":2: byte 6 (0xE9) is not UTF-8; convert the file, e.g. iconv -f latin1 -t utf-8"),
        (b"\xef\xbb\xbfa\xff\n", ":1: byte 4 (0xFF) is not UTF-8; convert the file, e.g. iconv -f latin1 -t utf-8"),
        (b"a\n\xed\xa0\x80", ":2: byte 2 (0xED) is not UTF-8; convert the file, e.g. iconv -f latin1 -t utf-8"),
    ],
)
def test_invalid_utf8_is_reported(tmp_path: Path, content: bytes, message: str) -> None:
    """The message has the line and the offset in the file."""
    path = _file(tmp_path, content)
    with pytest.raises(InputError, match=f"^{re.escape(str(path) + message)}$"):
        list(read_lines(path))


def test_utf16_that_ends_inside_a_character_is_reported(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.txt: not valid UTF-16 \(.*truncated data"):
        list(read_lines(_file(tmp_path, b"\xff\xfea\x00\n")))


def test_lines_and_errors_do_not_depend_on_blocks(tmp_path: Path) -> None:
    """Characters and line ends at the end of a block, lines longer than a block, and a late error."""
    lines = [f"{'é' * (index % 7)}{index}" for index in range(100_000)] + ["x" * 1_000_000, "end"]
    content = "\r\n".join(lines).encode()
    assert list(read_lines(_file(tmp_path, content))) == list(enumerate(lines, start=1))
    reader = read_lines(_file(tmp_path, content + b"\n\xff\n"))
    assert [line for _, line in islice(reader, len(lines))] == lines
    with pytest.raises(InputError, match=rf":{len(lines) + 1}: byte {len(content) + 1} \(0xFF\)"):
        next(reader)


def test_unreadable_files_are_reported(tmp_path: Path) -> None:
    """A missing file, and a file with an unsupported compression."""
    with pytest.raises(InputError, match=r"none\.txt: cannot be read: No such file or directory$"):
        list(read_lines(tmp_path / "none.txt"))
    compressed = _file(tmp_path, b"BZh", "a.conll.BZ2")
    message = r"a\.conll\.BZ2: files compressed as \.BZ2 are not read; decompress it: bunzip2 -k$"
    with pytest.raises(InputError, match=message):
        list(read_lines(compressed))
    with pytest.raises(InputError, match=message):
        expand_paths(str(compressed))


def test_globs_are_sorted_and_lists_keep_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each file is read once, folders are ignored, and brackets are literal if such a file exists."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "deep" / "er.txt").mkdir(parents=True)
    for name in ("c.txt", "a.txt", "deep/b.txt", "x[1].txt"):
        (tmp_path / name).touch()
    assert [str(path) for path in expand_paths("*.txt")] == ["a.txt", "c.txt", "x[1].txt"]
    assert [str(path) for path in expand_paths("**/*.txt")] == ["a.txt", "c.txt", "deep/b.txt", "x[1].txt"]
    assert [str(path) for path in expand_paths(["c.txt", "./a.txt", "*.txt"])] == ["c.txt", "a.txt", "x[1].txt"]
    assert expand_paths("x[1].txt") == [Path("x[1].txt")]


def test_nothing_found_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message has the key, the pattern and the working directory."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=rf"^data\.dev: found no file 'no\*\.txt' \(in {tmp_path}\)$"):
        expand_paths(["no*.txt"], key="data.dev")
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match=r"^'folder' is a folder; expected files, e\.g\. 'folder/\*\.conll'$"):
        expand_paths("folder")


def test_sha256_of_a_file(tmp_path: Path) -> None:
    """Line ends and byte order marks are hashed, too."""
    assert file_sha256(_file(tmp_path, b"a\r\n")) == hashlib.sha256(b"a\r\n").hexdigest()


@pytest.fixture
def hub(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write the data set ``ours/news`` with splits train and validation, whose tags are ids with class names."""
    import datasets

    monkeypatch.chdir(corpus)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", corpus / "cache")
    _download.cache_clear()
    names = ["O", "B-person", "I-person", "B-place", "I-place"]
    features = datasets.Features(
        {
            "id": datasets.Value("string"),
            "tokens": datasets.Sequence(datasets.Value("string")),
            "ner_tags": datasets.Sequence(datasets.ClassLabel(names=names)),
        }
    )
    for split, name in (("train", "train"), ("validation", "dev")):
        sentences = list(Corpus(str(corpus / f"{name}.conll")))
        rows = {
            "id": [str(index) for index in range(len(sentences))],
            "tokens": [list(sentence.words) for sentence in sentences],
            "ner_tags": [[names.index(tag) for tag in sentence.tags or ()] for sentence in sentences],
        }
        target = corpus / "ours/news/data" / f"{split}-00000-of-00001.parquet"
        target.parent.mkdir(parents=True, exist_ok=True)
        datasets.Dataset.from_dict(rows, features=features).to_parquet(target)
    return corpus


def test_a_split_of_the_hub_is_read_like_its_files(hub: Path) -> None:
    sentences = list(Corpus("hub:ours/news:validation"))
    originals = list(Corpus("dev.conll"))
    assert [(s.words, s.tags) for s in sentences] == [(s.words, s.tags) for s in originals]
    assert [sentence.id for sentence in sentences[:2]] == ["0", "1"]


def test_commands_read_splits_of_the_hub(hub: Path) -> None:
    result = call("convert", "hub:ours/news:train", "out.conll")
    assert result.exit_code == 0, result.output
    assert "60 sentences" in result.output
    assert expand_paths(["train.conll", "hub:ours/news:train"])[0] == Path("train.conll")
    assert len(expand_paths(["hub:ours/news:train", "hub:ours/news:train", "train.conll"])) == 2


def test_problems_with_the_hub_are_reported_in_one_line(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        InputError, match=r"hub:ours/news:dev cannot be loaded from the Hub \(Unknown split \"dev\""
    ) as error:
        hub_files("hub:ours/news:dev", location=Setting("data.dev"))
    assert "\n" not in str(error.value)
    with pytest.raises(
        InputError, match="hub:ours/other:train cannot be loaded from the Hub .*copy the folder HF_HOME"
    ):
        hub_files("hub:ours/other:train")
    with pytest.raises(InputError, match="found 'hub:ours/news'; expected hub:OWNER/NAME:SPLIT, a split of"):
        hub_files("hub:ours/news")
    monkeypatch.setattr("nlptrain.data.hub_files.find_spec", lambda name: None)
    with pytest.raises(
        InputError, match=r"needs the package datasets, which is not installed; pip install 'nlptrain\[hub\]'"
    ):
        hub_files("hub:ours/news:train")


def test_a_configuration_is_shown_without_the_hub(hub: Path) -> None:
    for path, code in (("hub:ours/news", 2), ("hub:ours/news:train", 0)):
        Path("c.yaml").write_text(f"model: org/model\ndata: {{train: '{path}'}}\noutput_dir: out\n")
        result = call("config", "show", "c.yaml", "--command", "transformer_token")
        assert result.exit_code == 0  # which reads no file
        result = call("transformer_token", "c.yaml")
        assert result.exit_code == 2
        assert ("c.yaml: data.train: found 'hub:ours/news'" in result.stderr) == bool(code)


def test_a_reference_with_all_parts() -> None:
    from nlptrain.config.data import HUB

    whole = HUB.fullmatch("hub:ours/news@main/english:train")
    assert whole is not None
    assert whole.groupdict() == {"name": "ours/news", "revision": "main", "config": "english", "split": "train"}
