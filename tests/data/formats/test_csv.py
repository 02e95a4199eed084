"""CSV files with a column of sentences."""

from __future__ import annotations

from pathlib import Path

import pytest

from nlptrain.config.data import DataConfig
from nlptrain.data.corpus import Corpus
from nlptrain.data.formats import ReadContext
from nlptrain.data.formats.csv import read_csv
from nlptrain.data.sentence import Sentence
from nlptrain.errors import InputError


def read(folder: Path, text: str, **columns: object) -> list[Sentence]:
    (folder / "a.csv").write_text(text, encoding="utf-8")
    return list(Corpus(str(folder / "a.csv"), DataConfig.model_validate({"columns": columns})))


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_consecutive_rows_with_the_same_name_are_a_sentence(tmp_path: Path, separator: str, end: str) -> None:
    text = "sentence_id,word,tag\n1,Ada,B-p\n1,sings,O\n\nx,rain,O\n".replace(",", separator).replace("\n", end)
    first, second = read(tmp_path, "\ufeff" + text)
    assert first == Sentence(("Ada", "sings"), ("B-p", "O"), f"{tmp_path}/a.csv:2")
    assert first.location(1) == f"{tmp_path}/a.csv:3"
    assert (first.id, second.id, second.where) == ("1", "x", f"{tmp_path}/a.csv:5")


def test_quotes_and_empty_names_as_in_spreadsheets(tmp_path: Path) -> None:
    """An empty name continues the sentence, as in a popular corpus."""
    text = 'Sentence #,Word,POS,Tag\nSentence: 1,"a,b",X,O\n,"""",Y,B-p\nSentence: 2,c,Z,O\n'
    assert [(sentence.words, sentence.tags) for sentence in read(tmp_path, text)] == [
        (("a,b", '"'), ("O", "B-p")),
        (("c",), ("O",)),
    ]
    assert [sentence.tags for sentence in read(tmp_path, text, tags="pos")] == [("X", "Y"), ("Z",)]
    assert [sentence.words for sentence in read(tmp_path, text, words=3, tags=-1, sentences=1)] == [("X", "Y"), ("Z",)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "word,tag\na,O\n",
            r": found no column 'sentence_id' or .* \(columns: word, tag\); set data\.columns\.sentences to its name",
        ),
        ("sentence,word,y\n1,a,x\n", r": found no column 'tag' or .*; set data\.columns\.tags to its name"),
        ("sentence,word,tag\n,a,O\n", r":2: found no sentence for 'a', nor above it"),
        (
            "sentence,word,tag\n1,a,O\n2,b,O\n" + "1,c,O\n2,b,O\n" * 2,
            r":6: sentence '1' continues after other sentences; sort the rows",
        ),
        ('sentence,word,tag\n1,a,O\n1,"b,O,x\n', r":3: not CSV: unexpected end of data"),
    ],
    ids=range(5),
)
def test_invalid_rows_are_reported_with_their_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=rf"a\.csv{message}"):
        read(tmp_path, text)


@pytest.mark.parametrize(
    ("rows", "action", "cause", "fault", "words"),
    [
        ("2,b\n2,c,O\n", "skipped", "row with another number of columns", ":3: found 2 columns; expected 3", "a d"),
        ("2,b,O\n2,,B-p\n", "skipped", "empty word with a tag", ":4: found the tag 'B-p' without a word", "a d"),
        ("2,b,O\n2,c,\n", "skipped", "row without a tag", ":4: found no tag for 'c'", "a d"),
        ("2,b,O\n2, ,O\n", "repaired", "empty word with tag O, left out", ":4: ", "a b d"),
    ],
)
def test_faulty_rows_cost_their_sentence_alone(
    tmp_path: Path, rows: str, action: str, cause: str, fault: str, words: str
) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"sentence,word,tag\n1,a,O\n{rows}3,d,O\n")
    context = ReadContext()
    assert " ".join(word for sentence in read_csv(path, context) for word in sentence.words) == words
    (reported,) = context.report.causes
    assert (reported.action, reported.text, reported.count) == (action, cause, 1)
    assert reported.problems[0].render().startswith(f"{path}{fault}")


def test_documents_separate_sentences(tmp_path: Path) -> None:
    """Each of them may number its sentences from 0."""
    path = tmp_path / "a.csv"
    path.write_text("doc_id,sentence_id,word,tag\n" + "".join(f"d{n},0,Ada,B-p\nd{n},0,sings,O\n" for n in range(3)))
    sentences = list(read_csv(path, ReadContext()))
    assert [(sentence.words, sentence.id, sentence.document) for sentence in sentences] == [
        (("Ada", "sings"), f"d{n}:0", f"d{n}") for n in range(3)
    ]


def test_tags_of_entities_are_read_rather_than_parts_of_speech(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("sentence_id,word,tag,ner,label\n" + "1,Ada,PROPN,B-p,B-q\n1,sings,VERB,O,O\n" * 2)
    with pytest.raises(InputError, match=r"found tags of entities in the columns ner, label; name one of them in data"):
        list(read_csv(path, ReadContext()))
    path.write_text("sentence_id,word,tag,ner\n1,Ada,PROPN,B-p\n1,sings,VERB,O\n")
    context = ReadContext()
    assert [sentence.tags for sentence in read_csv(path, context)] == [("B-p", "O")]
    assert list(context.report.notes) == [f"{path}: tags in column ner (data.columns.tags)"]


def test_a_long_header_is_shortened_in_messages(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        read(tmp_path, '[{"id": 1, "text": ' + ", ".join(f'"word{index}"' for index in range(500)) + "}]\n")
    assert "(columns: [{" in str(error.value)
    assert " ...); set data.columns.words to its name" in str(error.value)
    assert len(str(error.value)) < 500


def test_a_missing_column_is_reported(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"data\.columns\.tags: found 4; expected one of the 3 columns of .*a\.csv"):
        read(tmp_path, "sentence,word,tag\n1,a,O\n", tags=4)
