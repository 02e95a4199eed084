"""CSV files with a column of sentences."""

from __future__ import annotations

from pathlib import Path

import pytest

from nlptrain.config.data import DataConfig
from nlptrain.data.corpus import Corpus
from nlptrain.data.sentence import Sentence
from nlptrain.errors import InputError


def read(folder: Path, text: str, **columns: object) -> list[Sentence]:
    (folder / "a.csv").write_text(text, encoding="utf-8")
    return list(Corpus(str(folder / "a.csv"), DataConfig.model_validate({"columns": columns})))


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_neighbouring_rows_of_one_name_are_a_sentence(tmp_path: Path, separator: str, end: str) -> None:
    text = "sentence_id,word,tag\n1,Ada,B-p\n1,sings,O\n\nx,rain,O\n".replace(",", separator).replace("\n", end)
    first, second = read(tmp_path, "\ufeff" + text)
    assert first == Sentence(("Ada", "sings"), ("B-p", "O"), f"{tmp_path}/a.csv:2")
    assert first.location(1) == f"{tmp_path}/a.csv:3"
    assert (first.id, second.id, second.where) == ("1", "x", f"{tmp_path}/a.csv:5")


def test_quotes_and_empty_names_are_those_of_a_spreadsheet(tmp_path: Path) -> None:
    """A name stands in the first row of its sentence alone, as in the corpus that many begin with."""
    text = 'Sentence #,Word,POS,Tag\nSentence: 1,"a,b",X,O\n,"""",Y,B-p\nSentence: 2,c,Z,O\n'
    assert [(one.words, one.tags) for one in read(tmp_path, text)] == [(("a,b", '"'), ("O", "B-p")), (("c",), ("O",))]
    assert [one.tags for one in read(tmp_path, text, tags="pos")] == [("X", "Y"), ("Z",)]
    assert [one.words for one in read(tmp_path, text, words=3, tags=-1, sentences=1)] == [("X", "Y"), ("Z",)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "word,tag\na,O\n",
            r": found no column 'sentence_id' or .* \(columns: word, tag\); name it with data\.columns\.s",
        ),
        ("sentence,x,tag\n1,a,O\n", r": found no column 'word' or .*; name it with data\.columns\.words"),
        ("sentence,word,tag\n1,a\n", r":2: found 2 columns where the first row names 3"),
        ("sentence,word,tag\n1,a,O\n\n1,,O\n", r":4: found an empty word; leave its row out"),
        ("sentence,word,tag\n1,a,\n", r":2: found no tag for 'a'"),
        ("sentence,word,tag\n,a,O\n", r":2: found no sentence for 'a', nor one above it"),
        ("sentence,word,tag\n1,a,O\n2,b,O\n1,c,O\n", r":4: sentence '1' comes back behind others; sort the rows"),
        ('sentence,word,tag\n1,a,O\n1,"b,O\n', r":3: not CSV: unexpected end of data"),
    ],
    ids=range(8),
)
def test_what_is_wrong_is_named_by_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=rf"a\.csv{message}"):
        read(tmp_path, text)


def test_a_whole_text_in_the_head_is_not_said_whole(tmp_path: Path) -> None:
    with pytest.raises(InputError) as fault:
        read(tmp_path, '[{"id": 1, "text": ' + ", ".join(f'"word{number}"' for number in range(500)) + "}]\n")
    assert "(columns: [{" in str(fault.value)
    assert " ...); name it with data.columns.words" in str(fault.value)
    assert len(str(fault.value)) < 500


def test_a_column_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"data\.columns\.tags: found 4; .*a\.csv has 3 columns"):
        read(tmp_path, "sentence,word,tag\n1,a,O\n", tags=4)
