"""The command convert."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from nlptrain.cli.main import main

GOLD = "Ada\tB-person\nLovelace\tI-person\nsings\tO\n\nrain\tO\n\n"


def convert(*arguments: object) -> tuple[int, str, str]:
    done = CliRunner().invoke(main, ["convert", *map(str, arguments)])
    return done.exit_code, done.stdout, done.stderr


@pytest.fixture
def gold(tmp_path: Path) -> Path:
    path = tmp_path / "gold.conll"
    path.write_text(GOLD)
    return path


@pytest.mark.parametrize("out", ["a.parquet", "a.arrow", "a.jsonl", "a.json", "a.csv", "a.ann", "a.conllu", "a.tsv.gz"])
def test_the_suffix_selects_the_format_of_input_and_output(gold: Path, tmp_path: Path, out: str) -> None:
    code, stdout, _ = convert(gold, tmp_path / out)
    assert (code, stdout) == (0, f"{tmp_path / out}: 2 sentences, 4 words, tag scheme: IOB2\n")
    code, _, _ = convert(tmp_path / out, tmp_path / "back.conll")
    assert code == 0
    assert (tmp_path / "back.conll").read_text() == GOLD


@pytest.mark.parametrize("target", ["entities", "prodigy", "doccano"])
def test_convert_to_formats_of_annotation_tools_and_back(gold: Path, tmp_path: Path, target: str) -> None:
    assert convert(gold, tmp_path / "a.jsonl", "--to", target)[0] == 0
    assert convert(tmp_path / "a.jsonl", tmp_path / "back.conll")[0] == 0
    assert (tmp_path / "back.conll").read_text() == GOLD


def test_several_files_are_merged_and_converted_to_a_scheme(gold: Path, tmp_path: Path) -> None:
    other = tmp_path / "more.jsonl"
    other.write_text(
        '{"id": 1, "text": "Ada sings", "entities": [[0, 3, "person"]]}\n'
        '{"text": "x", "spans": [], "answer": "reject"}\n'
    )
    code, stdout, stderr = convert(gold, other, tmp_path / "all.conll", "--write-scheme", "iobes")
    assert (code, stdout) == (0, f"{tmp_path}/all.conll: 3 sentences, 6 words, tag scheme: IOB2, converted to IOBES\n")
    assert (tmp_path / "all.conll").read_text().startswith("Ada\tB-person\nLovelace\tE-person\n")
    assert stderr == (
        "note: omitted: 1 text rejected by the annotator\n"
        "note: not stored in conll: ids (1 sentence)\n"
        "note: not stored in conll: texts and word offsets (1 sentence)\n"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gold.conl", "a.jsonl"], "; did you mean 'gold.conll'?"),
        (["gold.conll", "a.xyz"], "a.xyz: found the suffix '.xyz'; expected that of a format (.conll, "),
        (["gold.conll", "gold.conll"], "gold.conll: exists already; give another name, or --overwrite"),
        (
            ["gold.conll", "gold.conll", "--overwrite"],
            "gold.conll: is one of the files that are read; give another name",
        ),
        (
            ["gold.conll", "a.jsonl", "--words-column", "0"],
            "--words-column: found 0; expected names, or numbers from 1 or,",
        ),
        (
            ["gold.conll", "a.jsonl", "--tags-column", "pos"],
            "--tags-column: found 'pos'; expected a number; the columns of",
        ),
        (["gold.conll", "a.jsonl", "--from", "jsonl"], "gold.conll:1: not JSON: "),
        (
            ["gold.conll", "a.jsonl", "--scheme", "iobes", "--strict"],
            "gold.conll:2: tag that IOBES does not allow there: found I-person after B-person; expected E-person",
        ),
        (["gold.conll", "a.jsonl", "--to", "prodigi"], "'prodigi' is not one of 'auto', "),
    ],
    ids=range(9),
)
def test_errors_end_with_code_2_and_write_nothing(
    gold: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(gold.parent)
    code, stdout, stderr = convert(*arguments)
    assert (code, stdout) == (2, "")
    assert message in stderr
    assert [file.name for file in gold.parent.iterdir()] == ["gold.conll"]
    assert gold.read_text() == GOLD


def test_an_existing_text_file_of_brat_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text(GOLD)
    code, _, stderr = convert(tmp_path / "train.txt", tmp_path / "train.ann", "--overwrite")
    assert (code, "train.txt: is one of the files that are read" in stderr) == (2, True)
    (tmp_path / "gold.conll").write_text(GOLD)
    code, _, stderr = convert(tmp_path / "gold.conll", tmp_path / "train.ann")
    assert (code, "train.txt: exists already" in stderr) == (2, True)
    assert (tmp_path / "train.txt").read_text() == GOLD
    for name, message in (("a.txt", "expected .ann for brat"), ("a.ann.gz", "expected .ann for brat")):
        code, _, stderr = convert(tmp_path / "gold.conll", tmp_path / name, "--to", "brat")
        assert (code, message in stderr) == (2, True)
    code, _, stderr = convert(tmp_path / "gold.conll", tmp_path / "a.parquet.gz")
    assert (code, "parquet files are not gzip-compressed" in stderr) == (2, True)
    code, _, stderr = convert(tmp_path / "gold.conll", tmp_path, "--to", "jsonl", "--overwrite")
    assert (code, "is not a file" in stderr) == (2, True)


def test_ignored_columns_are_reported(tmp_path: Path) -> None:
    for name in ("a.conll", "b.conll"):
        (tmp_path / name).write_text("Ada NNP B-person\n")
    (tmp_path / "c.jsonl").write_text(
        '{"tokens": ["a"], "tags": ["O"], ' + ", ".join(f'"k{n}": 1' for n in range(14)) + "}"
    )
    code, _, stderr = convert(tmp_path / "?.conll", tmp_path / "c.jsonl", tmp_path / "out.jsonl")
    assert code == 0
    keys = ", ".join(f"k{n}" for n in range(12))
    assert stderr == (
        f"note: ignored columns: column 2 ({tmp_path}/a.conll and 1 more)\n"
        f"note: ignored columns: {keys} and 2 more ({tmp_path}/c.jsonl)\n"
    )


def test_an_error_mentions_its_file_once(gold: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(gold.parent)
    (gold.parent / "broken.conll").write_text("Ada\tB-person\nsings\n")
    code, _, stderr = convert("broken.conll", "a.jsonl")
    assert code == 2
    assert stderr.splitlines() == [
        "error: broken.conll: found no sentence (1 skipped: line without a tag); expected at least one",
        "error: broken.conll:2: found 1 column ('sings'); expected 2, the words in column 1 and the tags in column 2",
    ]
    (gold.parent / "two.conll").write_text("Ada\tS-person\nsings\tO\n\nBoris\tU-person\n")
    code, _, stderr = convert("two.conll", "a.jsonl", "--strict")
    assert code == 2
    assert stderr.startswith("error: two.conll:4: tag that IOBES does not allow there: found U-person")
