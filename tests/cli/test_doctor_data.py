"""The command doctor data: its report, its exit codes, and what it reads."""

import json
from pathlib import Path

import pytest
import yaml

from tests.helpers.commands import call
from tests.helpers.corpora import write_corpus


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two train sentences of the same words, a broken one, and dev and raw text that share one."""
    monkeypatch.chdir(tmp_path)
    entities = [f"Ada\tB-person\nsings\tO\ntune{'abcdefghijklmnopqrstuvwxyz'[row]}\tO\n\n" for row in range(22)]
    repeated = "Graz\tB-location\nis\tO\nnice\tO\n\nGraz\tO\nis\tO\nnice\tO\n\n"
    Path("train.conll").write_text(f"{''.join(entities)}{repeated}Bob\tI-person\nhums\tO\n\nbroken\n")
    Path("dev.conll").write_text("Bob\tB-person\nhums\tO\nin\tO\nGraz\tB-location\n\n")
    Path("raw.txt").write_text("bob hums in Graz !\nThe rain in the hills stops\ntoo short\n")
    return tmp_path


def lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.splitlines() if line.strip()]


def test_the_report(folder: Path) -> None:
    """Files, notes, types, duplicates, drift; then the causes, all cases, and the result."""
    before = sorted(path.name for path in folder.iterdir())
    result = call("doctor", "data", "train.conll", "--dev", "dev.conll", "--unlabeled", "raw.txt")
    assert (result.exit_code, result.stderr) == (0, "")
    printed = lines(result.stdout)
    assert [line.split() for line in printed if not set(line) <= set(" \u2500")][:4] == [
        ["split", "file", "format", "sentences", "words", "tags"],
        "train train.conll conll 25 74 IOB2 (tags that do not fit: IOB2 1, IOB1 23)".split(),
        ["dev", "dev.conll", "conll", "1", "4", "IOB2"],
        ["unlabeled", "raw.txt", "text"],
    ]
    start = next(row for row, line in enumerate(printed) if line.startswith("note:"))
    assert [" ".join(line.split()) for line in printed[start:] if not set(line) <= set(" \u2500")] == [
        "note: tag scheme: IOB2 (tags that do not fit: IOB2 1, IOB1 23) in train, IOB2 in dev, "
        "converted to IOB2 (data.scheme)",
        "note: raw text: 2 sentences (11 words) from 3 lines; omitted 1 of fewer than 4 words",
        "type train dev",
        "person 23 1",
        "location 1 1 rare",
        "duplicates: 0 of 2 raw sentences also occur in dev or test, 1 more nearly",
        "raw.txt:1 is nearly dev.conll:1",
        "same words with other tags: 1 sentences",
        "train.conll:93: 'Graz' is O, and B-location in train.conll:89",
        "drift (dev): 25.0% of the words and 0.0% of the entities are not in train, "
        "distance of the types 0.46 (0 to 1)",
        "skipped: line without a tag: 1",
        "repaired: tag that IOB2 does not allow there: 1",
        "line without a tag (skipped):",
        "train.conll:100: found 1 column ('broken'); expected 2, the words in column 1 and the tags in column 2",
        "tag that IOB2 does not allow there (repaired):",
        "train.conll:97: found I-person at the start of a sentence; expected B-person",
        "a run can use these files",
    ]
    assert sorted(path.name for path in folder.iterdir()) == before


def test_one_set_has_no_splits(folder: Path) -> None:
    """A file is checked by itself: there need be no dev sentences."""
    result = call("doctor", "data", "dev.conll")
    assert result.exit_code == 0
    assert [line.split()[0] for line in lines(result.stdout) if line[2:3].isalpha()][:4] == [
        "file",
        "dev.conll",
        "type",
        "location",
    ]


def test_faults_end_with_exit_code_1(folder: Path) -> None:
    """All of them are printed, with the names that the command has for the keys."""
    result = call("doctor", "data", "train.conll", "none.conll", "--dev", "dev.conll", "--strict")
    assert result.exit_code == 1
    assert [line for line in lines(result.stdout) if line.startswith("fault: ")] == [
        f"fault: FILES: found no file 'none.conll' (in {folder}); did you mean 'dev.conll'?",
        "fault: --strict: found 2 repairs and skipped sentences; expected none",
    ]
    assert lines(result.stdout)[-1] == "a run would refuse these files"
    values = json.loads(call("doctor", "data", "train.conll", "none.conll", "--json").stdout)
    assert values["is_usable"] is False
    assert values["faults"] == [f"data.train: found no file 'none.conll' (in {folder}); did you mean 'dev.conll'?"]
    assert [file["is_read"] for file in values["files"]] == [True, False]
    assert values["conflicts"][0]["locations"] == ["train.conll:89", "train.conll:93"]


def test_a_configuration_names_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Options and --set override it; labels are compared unless it has a teacher."""
    monkeypatch.chdir(tmp_path)
    write_corpus(tmp_path)
    Path("other.conll").write_text("Expo\tB-event\nopens\tO\n\n")
    data = {"train": "train.conll", "dev": "dev.conll"}
    Path("gold.yaml").write_text(yaml.safe_dump({"data": data, "output_dir": "runs/x"}))
    Path("student.yaml").write_text(yaml.safe_dump({"teacher": "nowhere", "data": data, "output_dir": "runs/y"}))
    result = call("doctor", "data", "gold.yaml")
    assert (result.exit_code, lines(result.stdout)[-1]) == (0, "a run can use these files")
    result = call("doctor", "data", "gold.yaml", "--dev", "other.conll")
    assert result.exit_code == 1
    assert "fault: other.conll:1: found 'B-event'; expected one of O, B-person, I-person, B-" in result.stdout
    result = call("doctor", "data", "student.yaml", "--dev", "other.conll")
    assert (result.exit_code, "not in train" in result.stdout) == (0, True)
    result = call("doctor", "data", "gold.yaml", "--set", "data.test=none.conll")
    assert result.exit_code == 1
    assert f"fault: data.test: found no file 'none.conll' (in {tmp_path})" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Missing argument 'FILES... | CONFIG'."),
        (["a.yaml", "train.conll"], "a.yaml: found 2 files, one of which is a configuration; expected one"),
        (["train.conll", "--set", "train.steps=5"], "--set: found 'train.steps=5'; expected data.KEY=VALUE"),
        (["train.conll", "--set", "data.max_faulty=5"], "--set data.max_faulty=5: found 5; expected at most 1"),
        (["train.conll", "--words-column", "0"], "--words-column: found 0; expected names, or numbers from 1"),
        (["train.conll", "--align", "expant"], "Did you mean 'expand'?"),
        (["none.yaml"], "none.yaml"),
    ],
)
def test_bad_usage_ends_with_exit_code_2(folder: Path, arguments: list[str], message: str) -> None:
    """With one message, and without a report."""
    result = call("doctor", "data", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr


def test_words_and_names_of_files_are_printable(folder: Path) -> None:
    """Escape sequences do not reach the terminal."""
    name = "a\x1b[31m.conll"
    Path(name).write_text("Ada\x1b[31m\tB-per\x1b[0m\n\nAda\x1b[31m\tO\n\nlone\x1b[5m\n")
    result = call("doctor", "data", name)
    assert result.exit_code == 0
    assert "\x1b" not in result.stdout
    assert "per\\x1b[0m" in result.stdout
    assert "a\\x1b[31m.conll:5: found 1 column ('lone\\x1b[5m')" in result.stdout


def test_many_files_of_one_kind_are_one_row(folder: Path) -> None:
    """Their notes, too."""
    for row in range(9):
        Path(f"part{row}.conll").write_text("1\tAda\tB-person\n2\tsings\tO\n3\tagain\tO\n4\tnow\tO\n\n" * 3)
    result = call("doctor", "data", "part*.conll")
    printed = lines(result.stdout)
    assert printed[2].split() == ["part0.conll", "and", "8", "more", "conll", "27", "108", "IOB2"]
    notes = [line for line in printed if line.startswith("note: ")]
    assert notes == [
        "note: part0.conll and 8 more: words in column 2, tags in column 3, by their values (data.columns)"
    ]


def test_standard_input() -> None:
    """It is a file like any other."""
    result = call("doctor", "data", "-", text="Ada\tB-person\nsings\tO\n")
    assert result.exit_code == 0
    assert "standard input" in result.stdout


@pytest.mark.parametrize(
    "command",
    [
        ["convert", "a.conll", "b.conll", "c.conll", "out.conll"],
        ["split", "a.conll", "b.conll", "c.conll", "-o", "out"],
    ],
)
def test_strict_commands_list_the_faults_of_all_files(folder: Path, command: list[str]) -> None:
    """Also of files after one that cannot be read; nothing is written."""
    Path("a.conll").write_text("Ada\tI-person\nsings\tO\n\nBob\tB-person\n\nBob\tB-person\n\nbroken\n")
    Path("b.conll").write_bytes("Zoë\tB-person\n".encode("latin-1"))
    Path("c.conll").write_text("Ada\tB-person\n\nlonely\n")
    result = call(*command, "--strict")
    assert (result.exit_code, result.stdout) == (2, "")
    assert [line.split(";")[0] for line in result.stderr.splitlines()] == [
        "error: b.conll:1: byte 2 (0xEB) is not UTF-8",
        "error: a.conll:8: line without a tag: found 1 column ('broken')",
        "error: c.conll:3: line without a tag: found 1 column ('lonely')",
        "error: a.conll:1: tag that IOB2 does not allow there: found I-person at the start of a sentence",
    ]
    assert not list(folder.glob("out*"))
