"""Check of data files: all faults of all files, what a run would refuse, and what it reads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nlptrain.config.data import DataConfig
from nlptrain.procedures import check_data_files
from nlptrain.procedures.data_check import DataReport
from tests.helpers.corpora import make_sentences, write_corpus, write_part_of_speech_corpus


def faults(report: DataReport) -> list[str]:
    return [fault.render() for fault in report.faults]


def columns(path: Path, *rows: str) -> str:
    """Write a CoNLL file with a word and a tag per row, "" between sentences."""
    path.write_text("".join(row.replace(" ", "\t") + "\n" for row in rows), encoding="utf-8")
    return str(path)


def test_a_clean_corpus_has_no_fault(tmp_path: Path) -> None:
    """Files, types and counts are those of the corpus."""
    write_corpus(tmp_path)
    values = {split: str(tmp_path / f"{split}.conll") for split in ("train", "dev", "test")}
    report = check_data_files(DataConfig(**values, unlabeled=str(tmp_path / "raw.txt")))
    assert faults(report) == []
    assert [(file.split, file.format, file.sentences, file.tags) for file in report.files] == [
        ("train", "conll", 60, "IOB2"),
        ("dev", "conll", 20, "IOB2"),
        ("test", "conll", 20, "IOB2"),
        ("unlabeled", "text", 0, ""),
    ]
    people = sum(tag == "B-person" for _, tags in make_sentences(60, 1) for tag in tags)
    assert report.check.counts["train"].types["person"] == people
    assert report.raw is not None
    assert (report.raw.lines, report.raw.short, report.raw.blank) == (302, 1, 1)
    assert [overlap.split for overlap in report.check.overlaps] == ["dev", "test", "test", "raw"]
    values = json.loads(json.dumps(report.to_json()))
    assert (values["is_usable"], values["faults"], values["repaired"], values["raw"]["blank"]) == (True, [], [], 1)
    assert values["files"][0]["path"] == str(tmp_path / "train.conll")


def test_all_faults_are_reported(tmp_path: Path) -> None:
    """Files that cannot be read are listed in their order, and the others are read."""
    good = columns(tmp_path / "good.conll", "Ada B-person", "sings O")
    latin = tmp_path / "latin.conll"
    latin.write_bytes("Zoë\tB-person\n".encode("latin-1"))
    columns(tmp_path / "empty.conll", "")
    raw = tmp_path / "raw.txt"
    raw.write_text("<html><body>text</body></html>\n")
    text = tmp_path / "text.txt"
    text.write_text("Bob sings in Graz\n")
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"text": "Cy sings in Bonn"}\n{"text":\n')
    report = check_data_files(
        DataConfig(
            train=[str(latin), good, str(tmp_path / "missing.conll"), str(tmp_path / "empty.conll")],
            unlabeled=[str(raw), str(text), str(rows)],
        )
    )
    assert [(Path(file.path).name, file.is_read, file.sentences) for file in report.files] == [
        ("latin.conll", False, 0),
        ("good.conll", True, 1),
        ("missing.conll", False, 0),
        ("empty.conll", False, 0),
        ("raw.txt", False, 0),
        ("text.txt", True, 0),
        ("rows.jsonl", True, 0),
    ]
    assert [fault.split(": ")[1].split(";")[0] for fault in faults(report)] == [
        "byte 2 (0xEB) is not UTF-8",
        f"found no file '{tmp_path / 'missing.conll'}' (in {Path.cwd()})",
        "found no sentence",
        "found HTML or XML",
    ]
    assert report.raw is not None
    assert report.raw.sentences == 2
    assert [(cause.text, cause.count) for cause in report.causes] == [("row that is malformed", 1)]
    assert report.check.counts["train"].types == {"person": 1}


def test_all_cases_are_kept(tmp_path: Path) -> None:
    """Repairs and skips of all splits, the most frequent cause first; they are no fault of the files."""
    rows = [row for _ in range(12) for row in ("Ada I-person", "sings O", "Bob B-person", "")]
    train = columns(tmp_path / "train.conll", *rows, *(["Cleo B-person", ""] * 30), "broken", "")
    dev = columns(tmp_path / "dev.conll", "Ada I-person", "", "Bob B-person", "", "Bob B-person", "")
    report = check_data_files(DataConfig(train=train, dev=dev))
    assert faults(report) == []
    assert [(cause.action, cause.text, cause.count, len(cause.problems)) for cause in report.causes] == [
        ("repaired", "tag that IOB2 does not allow there", 13, 13),
        ("skipped", "line without a tag", 1, 1),
    ]
    assert report.causes[0].cases()[11:] == [
        f"{train}:45: found I-person at the start of a sentence; expected B-person",
        f"{dev}:1: found I-person at the start of a sentence; expected B-person",
    ]
    values = report.to_json()
    assert (values["repaired"][0]["count"], len(values["repaired"][0]["cases"])) == (13, 13)
    strict = check_data_files(DataConfig(train=train, dev=dev, strict=True))
    assert faults(strict) == [
        "data.strict: found 13 repairs and skipped sentences; expected none",
        "data.strict: found 1 repairs and skipped sentences; expected none",
    ]


def test_too_many_skipped_sentences_are_a_fault(tmp_path: Path) -> None:
    """More than a hundred, and than the share."""
    path = columns(tmp_path / "a.conll", *(["Ada B-person", "", "broken", ""] * 101))
    (fault,) = faults(check_data_files(DataConfig(train=path), is_run=False))
    assert fault.startswith("skipped 101 of 202 sentences (50.0%), and at most 2% may be (data.max_faulty)")
    assert faults(check_data_files(DataConfig(train=path, max_faulty=0.6), is_run=False)) == []


def test_a_label_that_only_dev_has(tmp_path: Path) -> None:
    """A fault, unless the labels are those of a teacher, or train could not be read."""
    write_corpus(tmp_path)
    train, dev = str(tmp_path / "train.conll"), columns(tmp_path / "dev.conll", "Expo B-event", "opens O")
    first, *_ = faults(check_data_files(DataConfig(train=train, dev=dev)))
    assert first == f"{dev}:1: found 'B-event'; expected one of O, B-person, I-person, B-place, I-place"
    labels = ["O", "B-event", "I-event", "B-person", "I-person", "B-place", "I-place"]
    assert faults(check_data_files(DataConfig(train=train, dev=dev, labels=labels))) == []
    assert faults(check_data_files(DataConfig(train=train, dev=dev), has_teacher=True)) == []
    assert faults(check_data_files(DataConfig(train=train, dev=dev), is_run=False)) == []
    incomplete = check_data_files(DataConfig(train=[train, str(tmp_path / "none.conll")], dev=dev))
    assert [fault.partition(" '")[0] for fault in faults(incomplete)] == ["data.train: found no file"]
    assert any("not checked, because a file of train is missing" in note for note in incomplete.notes)


@pytest.mark.parametrize("is_run", [True, False])
def test_entities_and_plain_tags_are_a_fault(tmp_path: Path, *, is_run: bool) -> None:
    """They are two tasks."""
    write_part_of_speech_corpus(tmp_path)
    train = columns(tmp_path / "train.conll", *(["Ada B-person", "sings O", ""] * 9))
    report = check_data_files(DataConfig(train=train, dev=str(tmp_path / "dev.conllu")), is_run=is_run)
    (fault,) = faults(report)
    assert fault.startswith(f"{tmp_path / 'dev.conllu'}: found plain tags; expected IOB2 tags, as in {train}")
    assert set(report.check.counts) == {"train", "dev"}


def test_dev_is_taken_from_train(tmp_path: Path) -> None:
    """As in a run; one that is too small is a fault of a run, and not of a set of files."""
    write_corpus(tmp_path)
    report = check_data_files(DataConfig(train=str(tmp_path / "train.conll")))
    assert sum(counts.sentences for counts in report.check.counts.values()) == 60
    assert set(report.check.counts) == {"train", "dev"}
    small = DataConfig(train=columns(tmp_path / "small.conll", "Ada B-person"))
    (fault,) = faults(check_data_files(small))
    assert fault.startswith("data.dev: missing, and the 1 sentences of data.train are too few")
    assert faults(check_data_files(small, is_run=False)) == []


def test_sentences_without_a_known_word_are_a_fault(tmp_path: Path) -> None:
    """None was checked for any type: a model would learn nothing from the unmarked words."""
    path = tmp_path / "a.jsonl"
    path.write_text('{"tokens": ["Ada", "sings"], "tags": ["B-person", "O"], "asked": []}\n')
    (fault,) = faults(check_data_files(DataConfig(train=str(path)), is_run=False))
    assert fault.startswith("data.unknown_as: none of the 1 train sentences has the types that were looked for")
    assert faults(check_data_files(DataConfig(train=str(path), unknown_as="O"), is_run=False)) == []


def test_raw_text_alone(tmp_path: Path) -> None:
    """A teacher labels it; without one, gold sentences are missing. Tags of raw text are reported."""
    path = tmp_path / "raw.jsonl"
    path.write_text('{"text": "Ada sings in Graz", "entities": []}\n')
    data = DataConfig(unlabeled=str(path))
    report = check_data_files(data, has_teacher=True)
    assert faults(report) == []
    assert f"{path}: tags (entities) of raw text are ignored; tags are read from data.train" in report.notes
    assert faults(check_data_files(data)) == ["data.train: missing; expected the files of the gold train sentences"]
    limits = DataConfig(unlabeled=str(path), min_words=90)
    assert faults(check_data_files(limits, has_teacher=True)) == [
        "data.min_words: found 90; expected at most data.max_words (80)"
    ]
