"""BRAT files: pairs of text and annotations."""

from __future__ import annotations

from pathlib import Path

import pytest

from nlptrain.config.data import DataConfig
from nlptrain.data.corpus import Corpus
from nlptrain.data.sentence import Sentence
from nlptrain.errors import InputError
from nlptrain.procedures.inputs import data_files

TEXT = "\U0001f642 Ada Lovelace sings.\n\nIn NATO, too.\n"
ANNOTATIONS = "T1\tp 2 14\tAda Lovelace\nT2\tg 26 30\tNATO\nR1\tmet Arg1:T1 Arg2:T2\n#1\tAnnotatorNotes T1\tsure\n"


def write(folder: Path, text: str, annotations: str) -> Path:
    (folder / "doc.txt").write_bytes(text.encode())
    (folder / "doc.ann").write_bytes(annotations.encode())
    return folder / "doc.ann"


def read(path: Path, **data: object) -> list[Sentence]:
    return list(Corpus(str(path), DataConfig.model_validate(data)))


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_lines_are_sentences_and_offsets_count_line_ends(tmp_path: Path, end: str) -> None:
    annotations = ANNOTATIONS if end == "\n" else ANNOTATIONS.replace("26 30", "28 32")
    path = write(tmp_path, TEXT.replace("\n", end), annotations.replace("\n", end))
    first, second = read(path)
    assert first == Sentence(
        ("\U0001f642", "Ada", "Lovelace", "sings", "."), ("O", "B-p", "I-p", "O", "O"), f"{tmp_path}/doc.txt:1"
    )
    assert second == Sentence(("In", "NATO", ",", "too", "."), ("O", "B-g", "O", "O", "O"), f"{tmp_path}/doc.txt:3")
    assert (first.id, second.id, second.text) == ("doc:1", "doc:3", "In NATO, too.")


def test_words_may_be_separated_by_white_space_alone(tmp_path: Path) -> None:
    path = write(tmp_path, "don't\u00a0go\tnow\n", "")
    (sentence,) = read(path, pretokenized=True)
    assert sentence.words == ("don't", "go", "now")


def test_the_text_file_is_an_input_of_the_run(tmp_path: Path) -> None:
    path = write(tmp_path, TEXT, ANNOTATIONS)
    assert data_files(DataConfig(train=str(path)))["train"] == [path, tmp_path / "doc.txt"]


@pytest.mark.parametrize(
    ("annotations", "message"),
    [
        ("T1\tp 2 5;9 14\tAda Love", r"doc\.ann:1: found an annotation of several parts"),
        ("T1 p 2 5 Ada", r"doc\.ann:1: found 'T1 p 2 5 Ada'; expected a text-bound annotation, T1<TAB>TYPE"),
        ("\nT1\tp 2 5\tEve", r"doc\.ann:2: found 'Eve'; expected 'Ada', the text from 2 to 5"),
        ("T1\tp 15 28\tsings.  In NA", r"doc\.ann:1: found p from 15 to 28, beyond the end of a line"),
        ("T1\tp 90 91\tx", r"doc\.ann:1: found p from 90 to 91, beyond the end"),
        ("T1\tp 2 4\tAd", r"doc\.txt:1: entity 'Ad' \(2-4\) cuts the word 'Ada'"),
    ],
)
def test_invalid_annotations_are_reported(tmp_path: Path, annotations: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(write(tmp_path, TEXT, annotations))


def test_a_missing_text_is_reported(tmp_path: Path) -> None:
    path = write(tmp_path, TEXT, ANNOTATIONS)
    (tmp_path / "doc.txt").unlink()
    with pytest.raises(InputError, match=r"doc\.ann: found no doc\.txt; expected the text in the same folder"):
        read(path)


def test_a_file_is_a_document(tmp_path: Path) -> None:
    """Its name is that of the file."""
    sentences = read(write(tmp_path, "Ada sings.\nBob hums.\n", "T1\tperson 0 3\tAda\n"))
    assert [sentence.document for sentence in sentences] == [sentences[0].id.partition(":")[0]] * 2
