"""What is written in any format is read again as it was; what a format cannot hold is counted or refused."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlptrain.config.data import DataConfig
from nlptrain.data.converting import convert
from nlptrain.data.corpus import Corpus
from nlptrain.data.sentence import Sentence
from nlptrain.data.targets import SUFFIXES, Target
from nlptrain.data.writing import Written, write_gold
from nlptrain.errors import InputError
from nlptrain.schemes import Scheme, tags_of
from nlptrain_runtime.schemes import Span

ODD = [
    "\U0001f642",
    "New York",
    "#",
    "# x",
    "a\u00a0b",
    "'",
    '"',
    ",",
    "-DOCSTART",
    "\u202babc",
    "\ufe0f",
    "o'clock",
    "\\",
    "|",
]
WORD = st.sampled_from([*ODD, "Ada", "sings", "."])
KINDS = ("person", "place of birth", "x-y")


@st.composite
def sentences(draw: st.DrawFn, scheme: Scheme) -> list[Sentence]:
    found = []
    for number in range(draw(st.integers(1, 4))):
        words = tuple(draw(st.lists(WORD, min_size=1, max_size=6)))
        if scheme == "plain":
            tags = [draw(st.sampled_from(["NOUN", "X", "_x"])) for _ in words]
        else:
            spans, at = [], 0
            while at < len(words):
                size = draw(st.integers(1, len(words) - at))
                if draw(st.booleans()):
                    spans.append(Span(draw(st.sampled_from(KINDS)), at, at + size))
                at += size
            tags = tags_of(spans, len(words), scheme)
        text = draw(st.sampled_from([None, " ".join(words), "".join(words), f"  {'   '.join(words)} "]))
        name = draw(st.sampled_from([None, f"s{number}"]))
        found.append(Sentence(words, tuple(tags), id=name, text=text))
    return found


def again(
    folder: Path, found: Sequence[Sentence], target: Target, told: Written, suffix: str | None = None
) -> list[Sentence]:
    path = folder / f"a{suffix or SUFFIXES[target][0]}"
    write_gold(found, path, target, told)
    assert not list(folder.glob("*.part"))
    return list(Corpus(str(path), DataConfig(scheme=told.scheme)))


@pytest.mark.parametrize("target", [target for target in get_args(Target) if target not in ("csv", "brat")])
@pytest.mark.parametrize("scheme", ["iob2", "plain"])
@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_words_tags_ids_and_places_come_back(
    tmp_path_factory: pytest.TempPathFactory, target: Target, scheme: Scheme, data: st.DataObject
) -> None:
    given_ones = data.draw(sentences(scheme))
    told = Written(scheme, comments=True)
    found = again(tmp_path_factory.mktemp("a"), given_ones, target, told)
    assert [(one.words, one.tags, one.id) for one in found] == [(one.words, one.tags, one.id) for one in given_ones]
    marked = target in ("entities", "prodigy", "doccano", "labelstudio")
    for one, other in zip(given_ones, found, strict=True):
        if one.places or not marked:  # words that do not stand in their text are joined by blanks there
            assert (other.text, other.places) == (one.text, one.places) or (one.text is None and marked)
    assert not told.lost


def test_a_csv_has_names_and_no_texts_and_brat_has_neither(tmp_path: Path) -> None:
    one = Sentence(("Ada", "don't"), ("B-p", "O"), id="x", text="Ada  don't")
    other = Sentence(("rain",), ("O",))
    told = Written("iob2")
    found = again(tmp_path, [one, other], "csv", told)
    assert [(sentence.words, sentence.tags, sentence.id) for sentence in found] == [
        (("Ada", "don't"), ("B-p", "O"), "x"),
        (("rain",), ("O",), "2"),
    ]
    assert dict(told.lost) == {"texts (and with them the words' offsets)": 1}
    told = Written("iob2")
    path = tmp_path / "a.ann"
    write_gold([one, other], path, "brat", told)
    assert path.read_text() == "T1\tp 0 3\tAda\n"
    assert (tmp_path / "a.txt").read_text() == "Ada  don't\nrain\n"
    assert dict(told.lost) == {"ids": 1}
    (first, second) = Corpus(str(path), DataConfig(pretokenized=True))
    assert (first.words, first.text, second.words) == (("Ada", "don't"), "Ada  don't", ("rain",))
    told = Written("iob2", pretokenized=True)
    write_gold([Sentence(("a", "."), ("O", "O"), text="a.")], path, "brat", told)
    assert (tmp_path / "a.txt").read_text() == "a .\n"
    write_gold([Sentence(("a", "."), ("O", "O"), text="a.")], path, "brat", told := Written("iob2"))
    assert dict(told.lost) == {"where words begin and end": 1}


def test_columns_have_no_place_for_ids_unless_as_comments(tmp_path: Path) -> None:
    one = Sentence(("Ada",), ("B-p",), id="x", text="Ada")
    told = Written("iob2")
    (found,) = again(tmp_path, [one], "conll", told)
    assert (tmp_path / "a.conll").read_text() == "Ada\tB-p\n\n"
    assert (found.id, found.text, len(told.lost)) == (None, None, 2)
    again(tmp_path, [one], "conll", Written("iob2", comments=True))
    assert (tmp_path / "a.conll").read_text() == "# id = x\n# text = Ada\nAda\tB-p\n\n"


@pytest.mark.parametrize(
    ("target", "sentence", "message"),
    [
        ("conll", Sentence(("a\tb",), ("O",), "x:1"), r"x:1: 'a\\tb' holds a tab or a line break"),
        ("conllu", Sentence(("a",), ("O\nO",), "x:1"), r"x:1: 'O\\nO' holds a tab or a line break"),
        ("conll", Sentence((" a",), ("O",), "x:1"), r"x:1: the word ' a' cannot stand in a column"),
        ("conll", Sentence(("-DOCSTART-",), ("O",), "x:1"), r"x:1: the word '-DOCSTART-' cannot stand"),
        ("csv", Sentence(("a",), ("O",), "x:1", id="1"), r"x:1: the id '1' stands there twice"),
    ],
)
def test_what_a_format_cannot_hold_is_refused_and_leaves_nothing(
    tmp_path: Path, target: Target, sentence: Sentence, message: str
) -> None:
    path = tmp_path / f"a{SUFFIXES[target][0]}"
    path.write_text("before")
    with pytest.raises(InputError, match=message):
        write_gold([Sentence(("b",), ("O",)), sentence], path, target, Written("iob2"))
    assert path.read_text() == "before"
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_texts_of_several_lines_are_told_from_comments(tmp_path: Path) -> None:
    one = Sentence(("a", "b"), ("O", "O"), text="a\nb")
    for target in ("conllu", "brat"):
        told = Written("iob2")
        (found,) = again(tmp_path, [one], target, told)
        assert found.words == ("a", "b")
        assert dict(told.lost) == {"texts (and with them the words' offsets)": 1}


def test_gz_is_packed_to_the_same_bytes(tmp_path: Path) -> None:
    one = [Sentence(("Ada",), ("B-p",))]
    assert again(tmp_path, one, "jsonl", Written("iob2"), ".jsonl.gz")[0].words == ("Ada",)
    before = (tmp_path / "a.jsonl.gz").read_bytes()
    again(tmp_path, one, "jsonl", Written("iob2"), ".jsonl.gz")
    assert (tmp_path / "a.jsonl.gz").read_bytes() == before
    assert json.loads(gzip.decompress(before)) == {"tokens": ["Ada"], "tags": ["B-p"]}


@pytest.mark.parametrize("scheme", ["iob1", "iobes", "bilou"])
def test_tags_are_found_out_and_rewritten(tmp_path: Path, scheme: Scheme) -> None:
    spans = [Span("p", 0, 2), Span("p", 2, 3), Span("g", 4, 5)]
    tags = {name: tuple(tags_of(spans, 5, name)) for name in ("iob2", scheme)}
    path = tmp_path / "a.jsonl"
    write_gold([Sentence(tuple("abcde"), tags["iob2"])], path, "jsonl", Written("iob2"))
    done = convert(Corpus(str(path)), tmp_path / "b.conll", "conll", write_scheme=scheme)
    assert (done.scheme, done.wrote, done.sentences, done.words) == ("iob2", scheme, 1, 5)
    (found,) = Corpus(str(tmp_path / "b.conll"))
    assert found.tags == tags[scheme]
    convert(Corpus(str(tmp_path / "b.conll")), tmp_path / "c.parquet", "parquet", write_scheme="iob2")
    (found,) = Corpus(str(tmp_path / "c.parquet"))
    assert found.tags == tags["iob2"]


def test_what_cannot_be_converted_is_said(tmp_path: Path) -> None:
    path = tmp_path / "a.conll"
    path.write_text("a\tO\nb\tI-p\nc\tB-p\nd\tI-g\n\ne\tB-p\n")
    with pytest.raises(InputError, match=r"a\.conll:2: found I-p behind O; IOB2 opens an entity with B-p"):
        convert(Corpus(str(path)), tmp_path / "b.jsonl", "jsonl")
    path.write_text("a\tO\nb\tB-p\nc\tperson\n")
    with pytest.raises(InputError, match=r"a\.conll:3: found 'person' among IOB2 tags"):
        convert(Corpus(str(path)), tmp_path / "b.jsonl", "jsonl")
    path.write_text("a\tNOUN\n")
    with pytest.raises(InputError, match="--write-scheme: the tags are plain"):
        convert(Corpus(str(path)), tmp_path / "b.jsonl", "jsonl", write_scheme="iobes")
    with pytest.raises(InputError, match=r"a\.conll: would be written where it is read"):
        convert(Corpus(str(tmp_path / "*.conll")), tmp_path / "x/../a.conll", "conll")
    assert [file.name for file in tmp_path.iterdir()] == ["a.conll"]
