"""Standard input instead of a file: read once, kept until the process ends, recognized by its content."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nlptrain.config.data import DataConfig
from nlptrain.data import standard_input
from nlptrain.data.corpus import Corpus
from nlptrain.data.text_files import expand_paths, file_sha256
from nlptrain.errors import InputError
from tests.helpers.commands import call

COLUMNS = "Ada\tB-PER\nsings\tO\n\n[\tO\n"


@pytest.fixture(autouse=True)
def _read_anew() -> Iterator[None]:
    standard_input._spooled.cache_clear()
    yield
    standard_input._spooled.cache_clear()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (COLUMNS, "Ada/B-PER sings/O\n[/O"),
        ("[\tO\n", "[/O"),
        ('{"tokens": ["Ada"], "tags": ["B-PER"]}\n', "Ada/B-PER"),
        ('\ufeff [{"tokens": ["Ada"], "tags": ["B-PER"]}]\n', "Ada/B-PER"),
    ],
)
def test_the_first_characters_decide_the_format(tmp_path: Path, text: str, expected: str) -> None:
    result = call("convert", "-", tmp_path / "out.jsonl", text=text)
    assert result.exit_code == 0, result.output
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    pairs = [" ".join("/".join(pair) for pair in zip(row["tokens"], row["tags"], strict=True)) for row in rows]
    assert "\n".join(pairs) == expected


@pytest.mark.parametrize("text", [COLUMNS, '{"tokens": ["Ada"], "tags": ["B-PER"]}\n'])
def test_compressed_input_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    (tmp_path / "in").write_bytes(gzip.compress(text.encode()))
    with (tmp_path / "in").open() as file:
        monkeypatch.setattr("sys.stdin", file)
        first = next(iter(Corpus("-")))
    assert (first.words[0], (first.tags or ())[0]) == ("Ada", "B-PER")


def test_from_overrides_the_content(tmp_path: Path) -> None:
    text = "1\tAda\tada\tPROPN\t_\t_\t0\troot\t_\t_\n\n"
    result = call("convert", "-", tmp_path / "out.conll", "--from", "conllu", text=text)
    assert result.exit_code == 0, result.output
    assert (tmp_path / "out.conll").read_text() == "Ada\tPROPN\n\n"


def test_errors_show_standard_input_and_the_line(tmp_path: Path) -> None:
    result = call(
        "convert",
        "-",
        tmp_path / "out.conll",
        "--strict",
        text='{"tokens": ["Ada"], "tags": ["B-PER"]}\n{"tokens": 3}\n',
    )
    assert result.exit_code == 2
    assert result.stderr.startswith("error: standard input:2: ")
    assert "nlptrain-" not in result.stderr  # the temporary file


@pytest.fixture
def _text_on_stdin(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    (tmp_path / "text").write_text("Ada sings in Oslo .\n")
    with (tmp_path / "text").open() as file:
        monkeypatch.setattr(sys, "stdin", file)
        yield


@pytest.mark.usefixtures("_text_on_stdin")
def test_one_copy_is_gold_or_raw_text_and_has_the_hash_of_its_bytes(tmp_path: Path) -> None:
    (raw,) = expand_paths("-", key="data.unlabeled")
    (gold,) = expand_paths(["-", "-"], key="data.train")
    assert (str(raw), raw.suffix, gold.suffix) == ("standard input", ".txt", ".conll")
    assert file_sha256(raw) == file_sha256(gold) == file_sha256(tmp_path / "text")
    data = DataConfig(unlabeled="-")
    assert [(sentence.words, sentence.where) for sentence in Corpus.of(data, "unlabeled").raw()] == [
        (("Ada", "sings", "in", "Oslo", "."), "standard input:1")
    ]


@pytest.mark.usefixtures("_text_on_stdin")
def test_several_processes_cannot_share_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(InputError, match=r"^standard input: several processes cannot read it"):
        expand_paths("-")


@pytest.mark.slow
def test_the_copy_is_removed_when_the_process_ends(tmp_path: Path) -> None:
    program = "from nlptrain.data.text_files import expand_paths; import os; print(os.fspath(expand_paths('-')[0]))"
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", program]
    result = subprocess.run(command, input=COLUMNS, capture_output=True, text=True, env=environment, check=True)
    assert result.stdout.startswith(str(tmp_path / "nlptrain-"))
    assert list(tmp_path.iterdir()) == []
