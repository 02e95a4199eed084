"""CoNLL-U files: lines that are words, and invalid lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from nlptrain.config.data import ColumnsConfig
from nlptrain.data.formats import ReadContext
from nlptrain.data.formats.conllu import read_conllu
from nlptrain.data.sentence import Sentence
from nlptrain.errors import InputError


def _row(word_id: str, form: str, upos: str = "X", xpos: str = "NN", misc: str = "_") -> str:
    return "\t".join((word_id, form, "_", upos, xpos, "_", "0", "root", "_", misc)) + "\n"


def _file(folder: Path, text: str) -> Path:
    path = folder / "a.conllu"
    path.write_bytes(text.encode())
    return path


TEXT = (
    "# sent_id = 1\n# text = I don't #\n"
    + _row("1", "I", "PRON")
    + _row("2-3", "don't", "_")
    + _row("2", "do", "AUX", "VBP")
    + _row("3", "n't", "PART")
    + _row("3.1", "_", "_")
    + _row("4", "#", "SYM")
    + "\n"
    + _row("0.1", "_", "_")
    + _row("1", "New York", "PROPN", "NNP")
)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_words_are_the_lines_with_integer_ids(tmp_path: Path, end: str) -> None:
    """Comments, multiword tokens and empty nodes are not words; each word has its line number."""
    path = _file(tmp_path, TEXT.replace("\n", end))
    first, second = read_conllu(path, ReadContext())
    assert first == Sentence(("I", "do", "n't", "#"), ("PRON", "AUX", "PART", "SYM"), f"{path}:3")
    assert first.lines == (3, 5, 6, 8)
    assert (first.id, first.text, first.offsets) == ("1", "I don't #", ((0, 1), (2, 4), (4, 7), (8, 9)))
    assert second == Sentence(("New York",), ("PROPN",), f"{path}:11")
    assert (second.id, second.text, second.offsets) == (None, None, ())


@pytest.mark.parametrize(
    ("columns", "tags"),
    [
        (ColumnsConfig(), ("PRON", "AUX", "PART", "SYM")),
        (ColumnsConfig(tags="xpos"), ("NN", "VBP", "NN", "NN")),
        (ColumnsConfig(tags=-6), ("NN", "VBP", "NN", "NN")),
        (ColumnsConfig(tags=6), ("_", "_", "_", "_")),  # FEATS: _ is a value
    ],
)
def test_the_tags_column_is_a_name_or_a_number(tmp_path: Path, columns: ColumnsConfig, tags: tuple[str, ...]) -> None:
    """The default is UPOS."""
    assert next(read_conllu(_file(tmp_path, TEXT), ReadContext(columns))).tags == tags


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "1\ta\tX\n",
            ":1: found 3 columns; expected 10, separated by tabs, in CoNLL-U; for a word and a tag on each line, set "
            "data.format to conll",
        ),
        (
            _row("1", "a") + "b X\n",
            ":2: found 2 columns; expected 10, separated by tabs, in CoNLL-U; for a word and a tag on each line, set "
            "data.format to conll",
        ),
        (
            _row("1", "a") + _row("2", "b", "_"),
            ":2: found '_' (no tag) for 'b' in column 4; add the tag, or set data.columns.tags to another column",
        ),
        (_row("1", ""), ":1: found an empty word in column 2; or set data.columns.words"),
        (
            _row("1", "a") + _row("1", "b"),
            ":2: found ID '1' after 1 words; expected 2, or a blank line if the sentence ends before",
        ),
        (_row("a", "a"), ":1: found ID 'a' after 0 words; expected 1, or a blank line if the sentence ends before"),
    ],
)
def test_invalid_lines_are_reported(tmp_path: Path, text: str, message: str) -> None:
    """The sentence is skipped; a missing blank line, which would join two sentences, is a fault, too."""
    path = _file(tmp_path, f"{text}\n{_row('1', 'c')}")
    context = ReadContext()
    assert [sentence.words for sentence in read_conllu(path, context)] == [("c",)]
    (reported,) = context.report.causes
    assert (reported.action, reported.count) == ("skipped", 1)
    assert reported.problems[0].render() == f"{path}{message}"


def test_tags_may_be_in_misc(tmp_path: Path) -> None:
    """Words without the key are O; the key is offered if it is not read."""
    rows = [("1", "Ada", "NER=B-p|SpaceAfter=No"), ("2", "sings", "_"), ("3", ".", "NER=O")]
    path = _file(tmp_path, "".join(f"{i}\t{word}\t_\tX\t_\t_\t0\troot\t_\t{misc}\n" for i, word, misc in rows))
    (sentence,) = read_conllu(path, ReadContext(ColumnsConfig(tags="misc.NER")))
    assert sentence.tags == ("B-p", "O", "O")
    context = ReadContext()
    (sentence,) = read_conllu(path, context)
    assert sentence.tags == ("X", "X", "X")
    assert list(context.report.notes) == [
        f"{path}: tags are UPOS; MISC has NER= for 2 words (data.columns.tags: misc.NER)"
    ]


def test_columns_beyond_ten_are_refused(tmp_path: Path) -> None:
    """Columns are counted from the start or from the end."""
    with pytest.raises(
        InputError, match=r"^data\.columns\.words: found 11; expected one of the 10 columns of CoNLL-U$"
    ):
        list(read_conllu(_file(tmp_path, TEXT), ReadContext(ColumnsConfig(words=11))))
    with pytest.raises(
        InputError, match=r"^data\.columns\.tags: found -11; expected one of the 10 columns of CoNLL-U$"
    ):
        list(read_conllu(_file(tmp_path, TEXT), ReadContext(ColumnsConfig(tags=-11))))
