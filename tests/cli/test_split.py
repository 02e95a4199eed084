"""The command split."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from nlptrain.cli.main import main


def split(*arguments: object) -> tuple[int, str, str]:
    done = CliRunner().invoke(main, ["split", *map(str, arguments)])
    return done.exit_code, done.stdout, done.stderr


def _name(index: int) -> str:
    return "".join("bcdfghjklm"[int(digit)] + "aeiouaeiou"[int(digit)] for digit in f"{index:03}")


@pytest.fixture
def gold(tmp_path: Path) -> Path:
    """A hundred sentences: thirty persons, ten events."""
    tags = ["person"] * 30 + ["event"] * 10 + [""] * 60
    rows = [f"{_name(index)}\t{f'B-{tag}' if tag else 'O'}\nsings\tO\n\n" for index, tag in enumerate(tags)]
    path = tmp_path / "all.conll"
    path.write_text("".join(rows))
    return path


def test_files_are_split_and_counted(gold: Path, tmp_path: Path) -> None:
    """The splits hold every sentence once; the table has a row per type."""
    code, stdout, stderr = split(gold, "-o", tmp_path / "splits", "--dev", "0.2")
    assert (code, stderr) == (0, "")
    assert stdout.splitlines() == [
        "                        train                 dev                test",
        "sentences         70 ( 70.0%)         20 ( 20.0%)         10 ( 10.0%)",
        "words            140 ( 70.0%)         40 ( 20.0%)         20 ( 10.0%)",
        "person            21 ( 70.0%)          6 ( 20.0%)          3 ( 10.0%)",
        "event              7 ( 70.0%)          2 ( 20.0%)          1 ( 10.0%)",
    ]
    blocks = [(tmp_path / f"splits/{name}.conll").read_text().split("\n\n")[:-1] for name in ("train", "dev", "test")]
    assert [len(part) for part in blocks] == [70, 20, 10]
    assert sorted(sum(blocks, [])) == sorted(gold.read_text().split("\n\n")[:-1])


def test_the_result_does_not_depend_on_the_order(gold: Path, tmp_path: Path) -> None:
    """Neither of the sentences nor of the files."""
    split(gold, "-o", tmp_path / "one")
    rows = gold.read_text().split("\n\n")[:-1]
    (tmp_path / "b.conll").write_text("".join(f"{row}\n\n" for row in rows[50:][::-1]))
    (tmp_path / "a.conll").write_text("".join(f"{row}\n\n" for row in rows[:50]))
    split(tmp_path / "b.conll", tmp_path / "a.conll", "-o", tmp_path / "two")
    for name in ("train", "dev", "test"):
        first, second = ((tmp_path / f"{folder}/{name}.conll").read_text().split("\n\n") for folder in ("one", "two"))
        assert sorted(first) == sorted(second)


def test_documents_of_json_rows(tmp_path: Path) -> None:
    """They are kept together, and written back."""
    rows = [
        {"tokens": [_name(index), "sings"], "tags": ["B-x", "O"], "meta": {"doc_id": index // 4}} for index in range(80)
    ]
    (tmp_path / "all.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    code, _, stderr = split(tmp_path / "all.jsonl", "-o", tmp_path / "splits")
    assert code == 0
    assert "note: split by document (20 documents)\n" in stderr
    documents = {
        name: [json.loads(line)["doc_id"] for line in (tmp_path / f"splits/{name}.jsonl").read_text().splitlines()]
        for name in ("train", "dev", "test")
    }
    assert {name: len(values) for name, values in documents.items()} == {"train": 64, "dev": 8, "test": 8}
    assert not set(documents["dev"]) & set(documents["train"])
    assert len(set(documents["dev"])) == 2


def test_brat_files_are_documents(tmp_path: Path) -> None:
    """Twenty files of two lines."""
    for index in range(20):
        text = f"{_name(index)} sings .\n{_name(index + 50)} hums .\n"
        (tmp_path / f"d{index}.txt").write_text(text)
        (tmp_path / f"d{index}.ann").write_text(f"T1\tperson 0 6\t{text[:6]}\n")
    code, stdout, stderr = split(tmp_path / "*.ann", "-o", tmp_path / "splits", "--to", "jsonl", "--test", "0")
    assert code == 0
    assert stderr == "note: split by document (20 documents)\n"
    assert [line.split()[1] for line in stdout.splitlines()[1:]] == ["36", "108", "18"]
    rows = [json.loads(line) for line in (tmp_path / "splits/dev.jsonl").read_text().splitlines()]
    assert len({row["doc_id"] for row in rows}) == 2
    assert len(rows) == 4


def test_types_that_are_missing_in_a_split_are_reported(tmp_path: Path) -> None:
    """With their number."""
    (tmp_path / "all.conll").write_text("".join(f"{_name(i)}\t{'B-a' if i == 7 else 'O'}\n\n" for i in range(50)))
    code, _, stderr = split(tmp_path / "all.conll", "-o", tmp_path / "splits", "--test", "0")
    assert (code, stderr) == (0, "note: dev: missing types: a (1 in all)\n")


def test_large_groups_of_similar_sentences_are_reported(tmp_path: Path) -> None:
    """They are in train."""
    rows = [f"Page\tO\n{index}\tO\n\n" for index in range(30)] + [f"{_name(index)}\tB-x\n\n" for index in range(70)]
    (tmp_path / "all.conll").write_text("".join(rows))
    code, _, stderr = split(tmp_path / "all.conll", "-o", tmp_path / "splits")
    assert code == 0
    assert stderr == "note: train: a group of 30 sentences (similar sentences) is larger than dev and test\n"
    assert "Page" not in (tmp_path / "splits/dev.conll").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["all.conll", "-o", "full"], "full: has other files (notes.txt); give a new folder"),
        (["all.conll", "-o", "done"], "done: exists already; give another name, or --overwrite"),
        (["done/train.conll", "-o", "done", "--overwrite"], "done: has files that are read; give a new folder"),
        (["all.conll", "-o", "all.conll"], "all.conll: is not a folder"),
        (["all.conll", "-o", "x", "--dev", "1.5"], "--dev: found 1.5; expected a share from 0 to 1"),
        (["all.conll", "-o", "x", "--dev", "0.5", "--test", "0.5"], "found --dev and --test of 1 in all"),
        (["all.conll", "-o", "x", "--dev", "0", "--test", "0"], "found --dev and --test of 0 in all"),
        (["all.conll", "-o", "x", "--dev", "0.001"], "all.conll: no sentence for dev: 100 are too few, or too similar"),
        (["all.conll", "a.jsonl", "-o", "x"], "--to: found files of the format conll, jsonl; expected the format of"),
    ],
)
def test_errors(
    gold: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    """They name the option, and nothing is written."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full/notes.txt").write_text("mine")
    (tmp_path / "done").mkdir()
    (tmp_path / "done/train.conll").write_text(gold.read_text())
    (tmp_path / "a.jsonl").write_text('{"tokens": ["a"], "tags": ["O"]}\n')
    before = sorted(path.name for path in tmp_path.rglob("*"))
    code, _, stderr = split(*arguments)
    assert code == 2
    assert message in stderr
    assert sorted(path.name for path in tmp_path.rglob("*")) == before


def test_splits_are_replaced_as_a_whole(gold: Path, tmp_path: Path) -> None:
    """Files of an earlier format do not stay."""
    assert split(gold, "-o", tmp_path / "splits", "--to", "jsonl")[0] == 0
    assert split(gold, "-o", tmp_path / "splits", "--overwrite", "--test", "0")[0] == 0
    assert sorted(path.name for path in (tmp_path / "splits").iterdir()) == ["dev.conll", "train.conll"]
