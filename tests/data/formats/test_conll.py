"""CoNLL files: separators, comments, sentence ends and invalid lines."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nlptrain.config.data import ColumnsConfig
from nlptrain.data.formats import ReadContext
from nlptrain.data.formats.conll import read_conll
from nlptrain.data.read_report import ReadReport
from nlptrain.data.sentence import Sentence
from nlptrain.errors import InputError

DEFAULT = ColumnsConfig()
BLANK = "\u200b\u200c\u200d\u2060\ufeff\u00ad\ufe0e\ufe0f"
WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\t\n\r\ufeff"), min_size=1).filter(
    lambda word: (
        word == word.strip(" ")
        and not re.match("-*DOCSTART-*", word)
        and word.strip(BLANK).strip()
        and not word.isdigit()
    )
)
TAGGED = st.lists(st.lists(st.tuples(WORDS, st.sampled_from(["O", "B-a", "I-a"])), min_size=1), max_size=4)


def _read(folder: Path, text: str, columns: ColumnsConfig = DEFAULT) -> list[list[tuple[str, str]]]:
    path = folder / "a.conll"
    path.write_bytes(text.encode())
    return [list(zip(s.words, s.tags or (), strict=True)) for s in read_conll(path, ReadContext(columns))]


@given(TAGGED)
@example([[("#", "O"), ("# text = a", "O")], [("a\u0085b", "O"), ("a\ufe0f", "O")]])
@example([[("#tag", "O")], [("New York", "B-a"), ("b", "I-a")]])
def test_written_sentences_are_read_again(
    tmp_path_factory: pytest.TempPathFactory, tagged: list[list[tuple[str, str]]]
) -> None:
    """Words of any characters except tabs and newlines are kept, next to a sentence that shows the columns."""
    tagged = [[("Ada", "B-a"), ("sings", "O"), ("today", "O"), ("in", "O")], *tagged]
    text = "".join("".join(f"{word}\t{tag}\n" for word, tag in sentence) + "\n" for sentence in tagged)
    assert _read(tmp_path_factory.getbasetemp(), "\ufeff" + text) == tagged


def test_sentences_know_their_lines(tmp_path: Path) -> None:
    """Comments and blank lines count as lines."""
    path = tmp_path / "a.conll"
    path.write_text("# sent_id = 1\nAda\tB-a\n\n\nsings\tO\n# a note\n.\tO")
    first, second = read_conll(path, ReadContext())
    assert first == Sentence(("Ada",), ("B-a",), f"{path}:2")
    assert second == Sentence(("sings", "."), ("O", "O"), f"{path}:5")
    assert second.lines == (5, 7)
    assert second.location(1) == f"{path}:7"


@pytest.mark.parametrize(
    "text",
    ["a\tO\n\nb\tO\n", "a\tO\r\n\r\nb\tO\r\n", "a\tO\n\t\nb\tO", "\n \na\tO\n \t \n\n\nb\tO\n\n", "a O\n\nb    O \n"],
    ids=["plain", "crlf", "lone tab", "blanks", "spaces"],
)
def test_blank_lines_end_sentences(tmp_path: Path, text: str) -> None:
    """Blank lines may contain white space and may be repeated."""
    assert _read(tmp_path, text) == [[("a", "O")], [("b", "O")]]


def test_document_lines_start_a_sentence(tmp_path: Path) -> None:
    """-DOCSTART- is not a word, with or without a blank line after it; a longer word that starts with it is one."""
    text = "-DOCSTART- -X- -X- O\n\nEU NNP B-NP B-ORG\n-DOCSTART- -X- -X- O\n-DOCSTART-s NN O O\n"
    assert _read(tmp_path, text) == [[("EU", "B-ORG")], [("-DOCSTART-s", "O")]]
    assert _read(tmp_path, "-DOCSTART-\tO\na\tO\n-DOCSTART-") == [[("a", "O")]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("# text = # O\n#\tO\n#NowPlaying\tO\n# 1\tO\n", ["#", "#NowPlaying", "# 1"]),
        ("# newdoc\n# x\n#NowPlaying\tO\n", ["#NowPlaying"]),  # all lines start with #
        ("# text = foo bar\n# O\n#NowPlaying O\nx O\n", ["#", "#NowPlaying", "x"]),
        ("# text = a\nx NN B-NP O\n# # B-NP O\n", ["x", "#"]),  # a comment as wide as a word's line
        ("# O\n", ["#"]),
        ("# text = foo bar\n# O\n", ["#"]),
    ],
)
def test_words_with_a_hash_are_no_comments(tmp_path: Path, text: str, words: list[str]) -> None:
    """A comment has no tab, another number of columns than the words, or the form ``# name =``."""
    assert [word for sentence in _read(tmp_path, text) for word, _ in sentence] == words


def test_non_ascii_spaces_do_not_separate_columns(tmp_path: Path) -> None:
    """U+00A0, U+3000 and U+2028 are part of words; between tabs, ASCII spaces inside a word are, too."""
    assert _read(tmp_path, "a\u00a0b O\n\u3000c\u2028 O\n") == [[("a\u00a0b", "O"), ("\u3000c\u2028", "O")]]
    assert _read(tmp_path, " New York \t B-a \n") == [[("New York", "B-a")]]


def test_columns_are_chosen_by_number(tmp_path: Path) -> None:
    """Columns are counted from the start or from the end of a line."""
    assert _read(tmp_path, "1 a X O\n2 b Y O\n", ColumnsConfig(words=2, tags=3)) == [[("a", "X"), ("b", "Y")]]
    assert _read(tmp_path, "1 a X O\n2 b Y O\n", ColumnsConfig(words=-3, tags=-2)) == [[("a", "X"), ("b", "Y")]]
    assert _read(tmp_path, "a\tO\nb\tO\tnote\n", ColumnsConfig(words=1, tags=2)) == [[("a", "O"), ("b", "O")]]


OTHERS = "Ada\tB-a\nsings\tO\n\nBo\tB-a\nleaves\tO\n\n"


@pytest.mark.parametrize(
    ("text", "cause", "detail"),
    [
        ("foo\n", "line without a tag", "found 1 column ('foo'); expected 2, the words in column 1 and the tags in"),
        ("#foo\n", "line without a tag", "found 1 column ('#foo'); expected 2"),
        ("New\tYork\tO\n", "line with more columns than the others", "found 3 columns ('New', 'York', 'O')"),
        ("\tB-a\n", "empty word with a tag", "found the tag 'B-a' without a word"),
        ("\u3000\tB-a\n", "empty word with a tag", "found the tag 'B-a' without a word"),
        ("b\t\n", "line without a tag", "found 2 columns ('b', '')"),
    ],
)
def test_sentences_with_a_fault_are_skipped(tmp_path: Path, text: str, cause: str, detail: str) -> None:
    """The other sentences are read; the fault has file, line, what was found and what was expected."""
    path = tmp_path / "a.conll"
    path.write_text(f"{OTHERS}x\tO\n{text}y\tO\n\nz\tO\n")
    context = ReadContext()
    assert [sentence.words for sentence in read_conll(path, context)] == [("Ada", "sings"), ("Bo", "leaves"), ("z",)]
    (reported,) = context.report.causes
    assert (reported.action, reported.text, reported.count) == ("skipped", cause, 1)
    assert reported.problems[0].render().startswith(f"{path}:8: {detail}")


@pytest.mark.parametrize(
    ("text", "cause", "words"),
    [
        ("\tO\n", "empty word with tag O, left out", []),
        (" \tO\n", "empty word with tag O, left out", []),
        ("\u200b\u3000\tO\n", "empty word with tag O, left out", []),
        ("O\n", "empty word with tag O, left out", []),
        ("foo O\n", "columns that are separated otherwise than in other lines", [("foo", "O")]),
        ("foo\u3000B-a\n", "columns that are separated otherwise than in other lines", [("foo", "B-a")]),
        ("foo\tO\t\t\n", "separators at the end of a line", [("foo", "O")]),
    ],
)
def test_lines_with_one_reading_are_repaired(
    tmp_path: Path, text: str, cause: str, words: list[tuple[str, str]]
) -> None:
    path = tmp_path / "a.conll"
    path.write_text(f"{OTHERS}x\tO\n{text}y\tO\n")
    context = ReadContext()
    sentence = list(read_conll(path, context))[-1]
    assert list(zip(sentence.words, sentence.tags or (), strict=True)) == [("x", "O"), *words, ("y", "O")]
    (reported,) = context.report.causes
    assert (reported.action, reported.text, reported.count) == ("repaired", cause, 1)
    assert reported.problems[0].location == f"{path}:8"


def test_missing_columns_are_reported(tmp_path: Path) -> None:
    """A number larger than the line, the same column twice, a name without a header, and a column of words alone."""
    with pytest.raises(
        InputError, match=r"found 2 columns \('a', 'O'\); expected words in column 3 .* and tags in column -1"
    ):
        _read(tmp_path, "a O\n", ColumnsConfig(words=3))
    with pytest.raises(
        InputError, match=r"found 2 columns \('a', 'O'\); expected words in column 1 .* and tags in column -2"
    ):
        _read(tmp_path, "a O\n", ColumnsConfig(words=1, tags=-2))
    with pytest.raises(
        InputError, match=r"^data\.columns\.tags: found 'upos'; expected a number; the columns of .*a\.conll have no"
    ):
        _read(tmp_path, "a O\n", ColumnsConfig(tags="upos"))
    with pytest.raises(InputError, match=r":1: found 1 column \('foo'\); .*raw text belongs in data\.unlabeled"):
        _read(tmp_path, "foo\nbar\nbaz qux\n")


def test_lines_are_read_lazily(tmp_path: Path) -> None:
    """The first sentence is returned before an error in a later line."""
    path = tmp_path / "a.conll"
    path.write_bytes(b"a\tO\n\n" * 4_000 + b"\xff\n")
    reader = read_conll(path, ReadContext())
    assert next(reader).words == ("a",)
    with pytest.raises(InputError, match=":8001: byte 20000"):
        list(reader)


def test_a_sentence_with_several_faults_is_counted_once(tmp_path: Path):
    path = tmp_path / "a.conll"
    path.write_text("Ada B-PER\nsings\nand\n\nIt O\nrains O\n")
    report = ReadReport()
    assert [sentence.words for sentence in read_conll(path, ReadContext(report=report))] == [("It", "rains")]
    assert report.to_json()["skipped"] == {"line without a tag": 1}
    strict = ReadReport(is_strict=True)
    list(read_conll(path, ReadContext(report=strict)))
    assert [problem.location for cause in strict.causes for problem in cause.problems] == [f"{path}:2", f"{path}:3"]


def test_a_word_with_a_hash_is_kept_if_its_type_occurs_late(tmp_path: Path) -> None:
    """The layout knows the tags of the first 3,000 lines."""
    text = "Ada B-a\nsings O\n\n" * 1_500 + "win B-rare\n# I-rare\n1 I-rare\n"
    assert _read(tmp_path, text)[-1] == [("win", "B-rare"), ("#", "I-rare"), ("1", "I-rare")]
