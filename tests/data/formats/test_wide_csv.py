"""CSV files with a sentence in each row."""

from __future__ import annotations

from pathlib import Path

import pytest

from nlptrain.config.data import ColumnsConfig
from nlptrain.data.formats import ReadContext
from nlptrain.data.formats.sniffing import sniff_format
from nlptrain.data.formats.wide_csv import ignored_wide_columns, read_wide_csv
from nlptrain.errors import InputError

NAMES = {"0": "O", "1": "B-person", "2": "I-person"}
FILES = {
    "strings": 'sentence,word_labels\nAma Mensah sings,"B-person,I-person,O"\nIt rains,"O,O"\n',
    "spaces": "text\tlabels\nAma Mensah sings\tB-person I-person O\nIt rains\tO O\n",
    "Python": """id;tokens;ner_tags\n0;['Ama', 'Mensah', 'sings'];['B-person', 'I-person', 'O']\n1;['It', "rains"];['O', 'O']\n""",  # noqa: E501
    "JSON": 'tokens,tags\n"[""Ama"", ""Mensah"", ""sings""]","[""B-person"", ""I-person"", ""O""]"\n"[""It"", ""rains""]","[""O"", ""O""]"\n',  # noqa: E501
    "numpy": "tokens,tags\n['Ama' 'Mensah' 'sings'],['B-person' 'I-person' 'O']\n['It' \"rains\"],['O' 'O']\n",
    "Kaggle": """Sentence #,Sentence,POS,Tag\nSentence: 1,Ama Mensah sings,"['NNP', 'NNP', 'VBZ']","['B-person', 'I-person', 'O']"\nSentence: 2,It rains,"['PRP', 'VBZ']","['O', 'O']"\n""",  # noqa: E501
    "numbers": "tokens,ner_tags\n\"['Ama', 'Mensah', 'sings']\",\"[1, 2, 0]\"\n\"['It', 'rains']\",\"[0, 0]\"\n",
    "numpy numbers": "tokens,ner_tags\n['Ama' 'Mensah' 'sings'],[1 2 0]\n['It' 'rains'],[0 0]\n",
    "a spreadsheet": "sep=;\nsentence;tags\nAma Mensah sings;B-person I-person O\nIt rains;O O\n",
}


def write(folder: Path, text: str, name: str = "a.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("text", FILES.values(), ids=FILES)
@pytest.mark.parametrize("name", ["a.csv", "a.txt"])
def test_lists_are_read(tmp_path: Path, text: str, name: str) -> None:
    path = write(tmp_path, text, name)
    assert sniff_format(path) == "wide-csv"
    sentences = list(read_wide_csv(path, ReadContext(tag_names=NAMES)))
    assert [(sentence.words, sentence.tags) for sentence in sentences] == [
        (("Ama", "Mensah", "sings"), ("B-person", "I-person", "O")),
        (("It", "rains"), ("O", "O")),
    ]


def test_ids_and_lines_are_kept(tmp_path: Path) -> None:
    path = write(tmp_path, 'id,text,tags\nx7,"Ama\nsings",B-person O\n,It rains,O O\n')
    sentences = list(read_wide_csv(path, ReadContext()))
    assert [(sentence.id, sentence.where) for sentence in sentences] == [("x7", f"{path}:2"), (None, f"{path}:4")]
    assert sentences[0].words == ("Ama", "sings")


def test_rows_of_different_lengths_are_skipped_and_counted(tmp_path: Path) -> None:
    context = ReadContext()
    path = write(tmp_path, "text,tags\nAma sings,B-person\nIt rains,O O\nno\n")
    assert [sentence.words for sentence in read_wide_csv(path, context)] == [("It", "rains")]
    (cause,) = context.report.causes
    assert (cause.action, cause.text, cause.count) == ("skipped", "row that is malformed", 2)
    assert [str(problem.render()) for problem in cause.problems] == [
        f"{path}:2: found 2 words and 1 tags; expected one tag for each word",
        f"{path}:4: found 1 columns; expected 2, as in the header",
    ]


def test_other_columns_are_named(tmp_path: Path) -> None:
    path = write(tmp_path, "a,b,c\nAma sings,PROPN VERB,x\n")
    context = ReadContext(columns=ColumnsConfig(words="A", tags=2))
    assert [sentence.tags for sentence in read_wide_csv(path, context)] == [("PROPN", "VERB")]
    assert ignored_wide_columns(path, context) == ["c"]
    with pytest.raises(InputError, match=r"^.*a\.csv: found no column 'tokens' or .* \(columns: a, b, c\); set data\."):
        list(read_wide_csv(path, ReadContext()))
    with pytest.raises(InputError, match=r"^data\.columns\.tags: found 4; expected one of the 3 columns of"):
        list(read_wide_csv(path, ReadContext(columns=ColumnsConfig(words="a", tags=4))))


def test_numbers_without_names_are_an_error(tmp_path: Path) -> None:
    path = write(tmp_path, FILES["numbers"])
    message = r"a\.csv:2: found the number 2 as a label; expected its name; set data\.tag_names to the names"
    with pytest.raises(InputError, match=message):
        list(read_wide_csv(path, ReadContext(tag_names={"0": "O", "1": "B-person"})))


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ('"Yes , no","O,O,O"', ("Yes", ",", "no")),
        ('"Yes, no",O O', ("Yes,", "no")),
        ('"Yes, no","O, O"', ("Yes", "no")),
        ('"Yes,no","O,O"', ("Yes", "no")),
        ('"1,000",O', ("1,000",)),
    ],
)
def test_commas_separate_items_where_tags_have_them(tmp_path: Path, row: str, words: tuple[str, ...]) -> None:
    (sentence,) = read_wide_csv(write(tmp_path, f"text,tags\n{row}\n"), ReadContext())
    assert sentence.words == words


def test_a_row_per_word_is_no_wide_csv(tmp_path: Path) -> None:
    assert sniff_format(write(tmp_path, "sentence_id,word,tag\n1,Ama,B-person\n1,sings,O\n")) == "csv"
