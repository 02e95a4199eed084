"""BRAT's pairs of files."""

from __future__ import annotations

from pathlib import Path

import pytest

from nlptrain.config.data import DataConfig
from nlptrain.data.corpus import Corpus
from nlptrain.data.sentence import Sentence
from nlptrain.errors import InputError
from nlptrain.procedures.inputs import data_files

TEXT = "\U0001f642 Ada Lovelace sings.\n\nIn NATO, too.\n"
MARKS = "T1\tp 2 14\tAda Lovelace\nT2\tg 26 30\tNATO\nR1\tmet Arg1:T1 Arg2:T2\n#1\tAnnotatorNotes T1\tsure\n"


def write(folder: Path, text: str, marks: str) -> Path:
    (folder / "doc.txt").write_bytes(text.encode())
    (folder / "doc.ann").write_bytes(marks.encode())
    return folder / "doc.ann"


def read(path: Path, **data: object) -> list[Sentence]:
    return list(Corpus(str(path), DataConfig.model_validate(data)))


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_lines_are_sentences_and_offsets_count_line_ends(tmp_path: Path, end: str) -> None:
    marks = MARKS if end == "\n" else MARKS.replace("26 30", "28 32")
    path = write(tmp_path, TEXT.replace("\n", end), marks.replace("\n", end))
    first, second = read(path)
    assert first == Sentence(
        ("\U0001f642", "Ada", "Lovelace", "sings", "."), ("O", "B-p", "I-p", "O", "O"), f"{tmp_path}/doc.txt:1"
    )
    assert second == Sentence(("In", "NATO", ",", "too", "."), ("O", "B-g", "O", "O", "O"), f"{tmp_path}/doc.txt:3")
    assert (first.id, second.id, second.text) == ("doc:1", "doc:3", "In NATO, too.")


def test_words_may_be_what_white_space_parts(tmp_path: Path) -> None:
    path = write(tmp_path, "don't\u00a0go\tnow\n", "")
    (sentence,) = read(path, pretokenized=True)
    assert sentence.words == ("don't", "go", "now")


def test_the_text_counts_among_the_files_of_a_run(tmp_path: Path) -> None:
    path = write(tmp_path, TEXT, MARKS)
    assert data_files(DataConfig(train=str(path)))["train"] == [path, tmp_path / "doc.txt"]


@pytest.mark.parametrize(
    ("marks", "message"),
    [
        ("T1\tp 2 5;9 14\tAda Love", r"doc\.ann:1: found an annotation of several parts"),
        ("T1 p 2 5 Ada", r"doc\.ann:1: found 'T1 p 2 5 Ada'; a text-bound annotation is T1<TAB>TYPE"),
        ("\nT1\tp 2 5\tEve", r"doc\.ann:2: says 'Eve', and from 2 to 5 the text has 'Ada'"),
        ("T1\tp 15 28\tsings.  In NA", r"doc\.ann:1: found p from 15 to 28, over the end of a line"),
        ("T1\tp 90 91\tx", r"doc\.ann:1: found p from 90 to 91, over the end"),
        ("T1\tp 2 4\tAd", r"doc\.txt:1: entity 'Ad' \(2-4\) cuts the word 'Ada'"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, marks: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(write(tmp_path, TEXT, marks))


def test_a_text_that_is_missing_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, TEXT, MARKS)
    (tmp_path / "doc.txt").unlink()
    with pytest.raises(InputError, match=r"doc\.ann: found no doc\.txt beside it"):
        read(path)
