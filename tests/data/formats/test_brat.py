"""BRAT files: pairs of text and annotations."""

from __future__ import annotations

from pathlib import Path

import pytest

from nlptrain.config.data import DataConfig
from nlptrain.data.corpus import Corpus
from nlptrain.data.formats import ReadContext
from nlptrain.data.formats.brat import read_brat
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


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_that_an_entity_joins_are_one_sentence(tmp_path: Path, end: str) -> None:
    """BRAT writes an entity over a line break as two parts; older versions as one."""
    text = f"The old Accra{end}Harbour Board met.{end}Ama left.{end}"
    start = 13 + len(end)
    left = text.index("left")
    for offsets in (f"4 13;{start} {start + 13}", f"4 {start + 13}"):
        path = write(tmp_path, text, f"T1\tORG {offsets}\told Accra Harbour Board\nT2\tX {left} {left + 4}\tleft\n")
        context = ReadContext()
        first, second = read_brat(path, context)
        assert first.words == ("The", "old", "Accra", "Harbour", "Board", "met", ".")
        assert first.tags == ("O", "B-ORG", "I-ORG", "I-ORG", "I-ORG", "O", "O")
        assert (first.where, first.text) == (f"{tmp_path}/doc.txt:1", f"The old Accra{end}Harbour Board met.")
        assert (second.words, second.tags) == (("Ama", "left", "."), ("O", "B-X", "O"))
        assert (second.where, second.id) == (f"{tmp_path}/doc.txt:3", "doc:3")
        assert context.report.to_json() == {"sentences": 0, "mentions": {"exact": 2}}


@pytest.mark.parametrize(
    ("annotation", "tags", "causes", "mentions"),
    [
        (
            "T1\tp 2 5;15 20\tAda sings",  # the parts have words in between: the longest one
            "O O O B-p O",
            ["annotation of several parts, the longest one kept"],
            {"exact": 1},
        ),
        ("T1\tp 2 5;6 14\tAda Lovelace", "O B-p I-p O O", [], {"exact": 1}),
        ("T1 p 2 5 Ada", "O O O O O", ["annotation that is malformed, left out"], {"lost": 1}),
        ("T1\tp 2 5\tEve", "O O O O O", ["span whose text was not found, left out"], {"lost": 1}),
        ("T1\tp 90 91\tx", "O O O O O", ["span whose text was not found, left out"], {"lost": 1}),
        ("T1\tp 7 10\tAda", "O B-p O O O", ["span with wrong offsets, found again by its text"], {"moved": 1}),
        ("T1\tp 2 4\tAd", "O B-p O O O", ["span that cuts a word, expanded"], {"expanded": 1}),
        ("T1\tp 2 5", "O B-p O O O", [], {"exact": 1}),
    ],
)
def test_imperfect_annotations_are_repaired_or_left_out(
    tmp_path: Path, annotation: str, tags: str, causes: list[str], mentions: dict[str, int]
) -> None:
    context = ReadContext()
    first, second = read_brat(write(tmp_path, TEXT, annotation), context)
    assert (first.tags, second.tags) == (tuple(tags.split()), ("O",) * 5)
    assert [cause.text for cause in context.report.causes] == causes
    assert all(f"{tmp_path}/doc.ann:1: " in cause.describe() for cause in context.report.causes)
    assert context.report.mentions == mentions


def test_offsets_that_count_line_ends_otherwise_are_converted(tmp_path: Path) -> None:
    """A version control system may change the line ends of the text and not the annotations."""
    text = "Ada left.\r\nEve left.\r\nAda sings.\r\n"
    path = write(tmp_path, text, "T1\tp 20 23\tAda\nT2\tp 10 13\tEve\n")
    context = ReadContext()
    assert [sentence.tags for sentence in read_brat(path, context)] == [
        ("O", "O", "O"),
        ("B-p", "O", "O"),
        ("B-p", "O", "O"),
    ]
    assert context.report.mentions == {"moved": 2}
    (cause,) = context.report.causes
    assert (cause.text, cause.count) == ("span with offsets in characters with line ends of one, converted", 2)


def test_tabs_after_types_are_read_and_other_lines_are_reported(tmp_path: Path) -> None:
    """As in lang-uk/ner-uk; files of other tools have the suffix, too."""
    path = write(tmp_path, "Ada sings\n", "T1\tPER\t0\t3\tAda\nR1\tx Arg1:T1 Arg2:T1\nQUOTE\tQ1\t0\t3\n")
    context = ReadContext()
    (sentence,) = read_brat(path, context)
    assert sentence.tags == ("B-PER", "O")
    assert context.report.to_json()["repaired"] == {"line that is no annotation of BRAT, left out": 1}


def test_a_missing_text_is_reported(tmp_path: Path) -> None:
    path = write(tmp_path, TEXT, ANNOTATIONS)
    (tmp_path / "doc.txt").unlink()
    with pytest.raises(InputError, match=r"doc\.ann: found no doc\.txt; expected the text in the same folder"):
        read(path)


def test_a_file_is_a_document(tmp_path: Path) -> None:
    """Its name is that of the file."""
    sentences = read(write(tmp_path, "Ada sings.\nBob hums.\n", "T1\tperson 0 3\tAda\n"))
    assert [sentence.document for sentence in sentences] == [sentences[0].id.partition(":")[0]] * 2
