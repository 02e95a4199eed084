"""Round trips through all formats, conversions, ignored columns, and values that a format cannot hold."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import feather

from nlptrain.config.data import ColumnsConfig, DataConfig
from nlptrain.config.formats import FORMATS, writable_formats
from nlptrain.data.corpus import Corpus
from nlptrain.data.formats import WriteContext
from nlptrain.data.formats.registry import ignored_columns, write_gold
from nlptrain.data.sentence import Sentence
from nlptrain.data.tag_schemes import Scheme, spans_to_tags
from nlptrain.errors import InputError
from nlptrain.procedures.conversion import convert_corpus
from nlptrain_runtime.schemes import Span

pytestmark = pytest.mark.slow

ODD = [
    "\U0001f642",
    "New York",
    "#",
    "# x",
    "a\u00a0b",
    "'",
    '"',
    ",",
    "-DOCSTARTS-",
    "\u202babc",
    "o'clock",
    "\\",
    "|",
]
WORD = st.sampled_from([*ODD, "Ada", "sings", "."])
KINDS = ("person", "city of birth", "x-y")


@st.composite
def sentences(draw: st.DrawFn, scheme: Scheme) -> list[Sentence]:
    # The first sentence shows which column of a CoNLL file has the words.
    first = ("NOUN", "X", "_x", "X", "NOUN") if scheme == "plain" else ("O",) * 5
    result = [Sentence(("We", "met", "her", "there", "again"), first)]
    for index in range(draw(st.integers(1, 4))):
        words = tuple(draw(st.lists(WORD, min_size=1, max_size=6)))
        if scheme == "plain":
            tags = [draw(st.sampled_from(["NOUN", "X", "_x"])) for _ in words]
        else:
            spans, start = [], 0
            while start < len(words):
                size = draw(st.integers(1, len(words) - start))
                if draw(st.booleans()):
                    spans.append(Span(draw(st.sampled_from(KINDS)), start, start + size))
                start += size
            tags = spans_to_tags(spans, len(words), scheme)
        text = draw(st.sampled_from([None, " ".join(words), "".join(words), f"  {'   '.join(words)} "]))
        sentence_id = draw(st.sampled_from([None, f"s{index}"]))
        result.append(Sentence(words, tuple(tags), id=sentence_id, text=text))
    return result


def round_trip(
    folder: Path, sentences: Sequence[Sentence], target: str, context: WriteContext, suffix: str | None = None
) -> list[Sentence]:
    path = folder / f"a{suffix or FORMATS[target].suffixes[0]}"
    write_gold(sentences, path, target, context)
    assert not list(folder.glob("*.part"))
    return list(Corpus(str(path), DataConfig(scheme=context.scheme)))


@pytest.mark.parametrize("target", [target for target in writable_formats() if target not in ("csv", "brat")])
@pytest.mark.parametrize("scheme", ["iob2", "plain"])
@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_words_tags_ids_and_offsets_are_kept(
    tmp_path_factory: pytest.TempPathFactory, target: str, scheme: Scheme, data: st.DataObject
) -> None:
    originals = data.draw(sentences(scheme))
    context = WriteContext(scheme, comments=True)
    copies = round_trip(tmp_path_factory.mktemp("a"), originals, target, context)
    assert [(copy.words, copy.tags, copy.id) for copy in copies] == [(s.words, s.tags, s.id) for s in originals]
    has_spans = target in ("entities", "prodigy", "doccano", "labelstudio", "spacy")
    for sentence, copy in zip(originals, copies, strict=True):
        if sentence.offsets or not has_spans:  # words that are not in their text are joined by spaces there
            is_same = (copy.text, copy.offsets) == (sentence.text, sentence.offsets)
            assert is_same or (sentence.text is None and has_spans)
    assert not context.lost


@pytest.mark.parametrize("target", writable_formats())
def test_scores_and_partial_marks_are_kept_or_counted(tmp_path: Path, target: str) -> None:
    span = Span("person", 0, 2)
    original = Sentence(
        ("Ada", "Smith", "sings", "here"),
        ("B-person", "I-person", "O", "O"),
        scores={span: 0.75},
        asked=frozenset({"person"}),
        rejected=(Span("place", 3, 4),),
        text="Ada Smith sings here",
    )
    complete = Sentence(("Bo", "met", "Ada"), ("B-person", "O", "O"), text="Bo met Ada")
    context = WriteContext("iob2")
    copies = round_trip(tmp_path, [original, complete], target, context)
    assert [(copy.words, copy.tags) for copy in copies] == [(s.words, s.tags) for s in (original, complete)]
    assert (copies[0].scores == original.scores) == (not context.lost["scores"])
    is_same = (copies[0].asked, copies[0].rejected) == (original.asked, original.rejected)
    assert is_same == (not context.lost["types that were looked for and rejected spans"])
    assert (copies[1].scores, copies[1].asked, copies[1].rejected) == ({}, None, ())
    keeps_scores = ("jsonl", "entities", "prodigy", "labelstudio", "gliner")
    assert (not context.lost["scores"], is_same) == (target in keeps_scores, target in ("jsonl", "entities", "gliner"))


def test_words_of_invisible_characters_are_not_written_as_columns(tmp_path: Path) -> None:
    """The reader takes them for stripped emoji; those with a tag are kept."""
    originals = [Sentence(("Ada", "\ufe0f", "\u200b"), ("B-p", "O", "B-p")), Sentence(("rain",), ("O",))]
    context = WriteContext("iob2")
    copies = round_trip(tmp_path, originals, "conll", context)
    assert [copy.words for copy in copies] == [("Ada", "\u200b"), ("rain",)]
    assert context.lost == {"words of invisible characters": 1}


def test_csv_keeps_ids_and_brat_keeps_neither_ids_nor_texts(tmp_path: Path) -> None:
    ada = Sentence(("Ada", "don't"), ("B-p", "O"), id="x", text="Ada  don't")
    rain = Sentence(("rain",), ("O",))
    context = WriteContext("iob2")
    copies = round_trip(tmp_path, [ada, rain], "csv", context)
    assert [(sentence.words, sentence.tags, sentence.id) for sentence in copies] == [
        (("Ada", "don't"), ("B-p", "O"), "x"),
        (("rain",), ("O",), "2"),
    ]
    assert dict(context.lost) == {"texts and word offsets": 1}
    context = WriteContext("iob2")
    path = tmp_path / "a.ann"
    write_gold([ada, rain], path, "brat", context)
    assert path.read_text() == "T1\tp 0 3\tAda\n"
    assert (tmp_path / "a.txt").read_text() == "Ada  don't\nrain\n"
    assert dict(context.lost) == {"ids": 1}
    (first, second) = Corpus(str(path), DataConfig(pretokenized=True))
    assert (first.words, first.text, second.words) == (("Ada", "don't"), "Ada  don't", ("rain",))
    context = WriteContext("iob2", pretokenized=True)
    write_gold([Sentence(("a", "."), ("O", "O"), text="a.")], path, "brat", context)
    assert (tmp_path / "a.txt").read_text() == "a .\n"
    write_gold([Sentence(("a", "."), ("O", "O"), text="a.")], path, "brat", context := WriteContext("iob2"))
    assert dict(context.lost) == {"word limits": 1}


def test_conll_keeps_ids_and_texts_as_comments_only(tmp_path: Path) -> None:
    sentence = Sentence(("Ada",), ("B-p",), id="x", text="Ada")
    context = WriteContext("iob2")
    (copy,) = round_trip(tmp_path, [sentence], "conll", context)
    assert (tmp_path / "a.conll").read_text() == "Ada\tB-p\n\n"
    assert (copy.id, copy.text, len(context.lost)) == (None, None, 2)
    round_trip(tmp_path, [sentence], "conll", WriteContext("iob2", comments=True))
    assert (tmp_path / "a.conll").read_text() == "# id = x\n# text = Ada\nAda\tB-p\n\n"


@pytest.mark.parametrize(
    ("target", "sentence", "message"),
    [
        ("conll", Sentence(("a\tb",), ("O",), "x:1"), r"x:1: found 'a\\tb', with a tab or a line break"),
        ("conllu", Sentence(("a",), ("O\nO",), "x:1"), r"x:1: found 'O\\nO', with a tab or a line break"),
        ("conll", Sentence((" a",), ("O",), "x:1"), r"x:1: the word ' a' cannot be written"),
        ("conll", Sentence(("-DOCSTART-",), ("O",), "x:1"), r"x:1: the word '-DOCSTART-' cannot be written"),
        ("csv", Sentence(("a",), ("O",), "x:1", id="1"), r"x:1: found the id '1', which is used before"),
    ],
)
def test_error_without_a_file_for_unrepresentable_values(
    tmp_path: Path, target: str, sentence: Sentence, message: str
) -> None:
    path = tmp_path / f"a{FORMATS[target].suffixes[0]}"
    path.write_text("before")
    with pytest.raises(InputError, match=message):
        write_gold([Sentence(("b",), ("O",)), sentence], path, target, WriteContext("iob2"))
    assert path.read_text() == "before"
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_texts_of_several_lines_are_not_written_as_comments(tmp_path: Path) -> None:
    sentence = Sentence(("a", "b"), ("O", "O"), text="a\nb")
    for target in ("conllu", "brat"):
        context = WriteContext("iob2")
        (copy,) = round_trip(tmp_path, [sentence], target, context)
        assert copy.words == ("a", "b")
        assert dict(context.lost) == {"texts and word offsets": 1}


def test_gzip_files_are_deterministic(tmp_path: Path) -> None:
    sentences = [Sentence(("Ada",), ("B-p",))]
    assert round_trip(tmp_path, sentences, "jsonl", WriteContext("iob2"), ".jsonl.gz")[0].words == ("Ada",)
    before = (tmp_path / "a.jsonl.gz").read_bytes()
    round_trip(tmp_path, sentences, "jsonl", WriteContext("iob2"), ".jsonl.gz")
    assert (tmp_path / "a.jsonl.gz").read_bytes() == before
    assert json.loads(gzip.decompress(before)) == {"tokens": ["Ada"], "tags": ["B-p"]}


@pytest.mark.parametrize("scheme", ["iob1", "iobes", "bilou"])
def test_schemes_are_detected_and_converted(tmp_path: Path, scheme: Scheme) -> None:
    spans = [Span("p", 0, 2), Span("p", 2, 3), Span("g", 4, 5)]
    tags = {name: tuple(spans_to_tags(spans, 5, name)) for name in ("iob2", scheme)}
    path = tmp_path / "a.jsonl"
    write_gold([Sentence(tuple("abcde"), tags["iob2"])], path, "jsonl", WriteContext("iob2"))
    conversion = convert_corpus(Corpus(str(path)), tmp_path / "b.conll", "conll", write_scheme=scheme)
    assert (conversion.scheme, conversion.written_scheme, conversion.sentences, conversion.words) == (
        "iob2",
        scheme,
        1,
        5,
    )
    written = [line.split("\t")[1] for line in (tmp_path / "b.conll").read_text().splitlines() if line]
    assert tuple(written) == tags[scheme]
    corpus = Corpus(str(tmp_path / "b.conll"))
    (copy,) = corpus
    assert copy.tags == tags["iob2"]
    assert [reading.scheme for reading in corpus.readings.values()] == [scheme]
    convert_corpus(Corpus(str(tmp_path / "b.conll")), tmp_path / "c.parquet", "parquet", write_scheme="iob2")
    (copy,) = Corpus(str(tmp_path / "c.parquet"))
    assert copy.tags == tags["iob2"]


def test_files_that_cannot_be_converted_are_reported(tmp_path: Path) -> None:
    path = tmp_path / "a.conll"
    strict = DataConfig(strict=True)
    path.write_text("a\tO\nb\tI-p\nc\tB-p\nd\tI-g\n\ne\tB-p\n\nf\tB-p\ng\tI-p\n")
    with pytest.raises(InputError) as caught:
        convert_corpus(Corpus(str(path), strict), tmp_path / "b.jsonl", "jsonl")
    cause = "tag that IOB2 does not allow there: found"
    assert str(caught.value).splitlines() == [
        f"{path}:2: {cause} I-p after O; expected B-p",
        f"{path}:4: {cause} I-g after B-p; expected B-g",
    ]
    path.write_text("a\tO\nb\tB-p\nc\tperson\n\nd\tB-p\n")
    with pytest.raises(
        InputError, match=r"a\.conll:3: tag that cannot be read: found 'person'; expected O or a tag of"
    ):
        convert_corpus(Corpus(str(path), strict), tmp_path / "b.jsonl", "jsonl")
    path.write_text("a\tNOUN\n")
    with pytest.raises(InputError, match="write_scheme: the tags are plain; expected tags of entities"):
        convert_corpus(Corpus(str(path)), tmp_path / "b.jsonl", "jsonl", write_scheme="iobes")
    with pytest.raises(InputError, match=r"a\.conll: is one of the files that are read; give another name"):
        convert_corpus(Corpus(str(tmp_path / "*.conll")), tmp_path / "x/../a.conll", "conll")
    assert [file.name for file in tmp_path.iterdir()] == ["a.conll"]


ROW = {"tokens": ["Ada"], "tags": ["B-person"], "id": 1, "text": "Ada"}
TASK = {"id": 1, "annotations": [{"result": []}], "meta": {}}


@pytest.mark.parametrize(
    ("name", "text", "ignored"),
    [
        ("a.conll", "Ada NNP B-NP B-person\n", ["column 2", "column 3"]),
        ("b.conll", "Ada\tB-person\n", []),
        ("c.conll", "\n", []),
        ("a.conllu", "1\tAda\t_\tPROPN\t_\t_\t0\t_\t_\t_\n",
         ["LEMMA", "XPOS", "FEATS", "HEAD", "DEPREL", "DEPS", "MISC"]),
        ("a.csv", "sentence_id,word,POS,tag\n1,Ada,NNP,B-person\n", ["POS"]),
        ("a.jsonl", json.dumps({**ROW, "pos": ["NNP"]}), ["pos"]),
        ("b.jsonl", json.dumps(ROW), []),
        ("e.jsonl", '{"tokens": ["Ada"], "tags": ["O"], "labels": ["x"], "spans": []}', ["labels", "spans"]),
        ("f.jsonl", '{"text": "Ada", "entities": [], "label": "x"}', ["label"]),
        ("d.jsonl", '{"text": "Ada", "entities": [], "data": {"url": "x"}}', ["data"]),
        ("p.jsonl", '{"text": "Ada", "spans": [], "answer": "accept", "_hash": 3, "meta": {}}', ["_hash", "meta"]),
        ("a.json", json.dumps([{**TASK, "data": {"text": "Ada", "url": "x"}}]), ["data.url", "meta"]),
        ("b.json", json.dumps([{**TASK, "data": {"post": "Ada", "tokens": [[0, 3]]}}]), ["meta"]),
        ("a.ann", "T1\tperson 0 3\tAda\nR1\tknows Arg1:T1 Arg2:T1\nA1\tOld T1\n#1\tNote T1\tx\n*\tsame T1 T1\n",
         ["relations", "attributes", "notes"]),
    ],
)  # fmt: skip
def test_ignored_columns_of_text(tmp_path: Path, name: str, text: str, ignored: list[str]) -> None:
    (tmp_path / name).write_text(text)
    assert ignored_columns(tmp_path / name, DataConfig()) == ignored


def test_ignored_columns_of_tables(tmp_path: Path) -> None:
    table = pa.table({name: [value] for name, value in {**ROW, "pos": ["NNP"]}.items()})
    pq.write_table(table, tmp_path / "a.parquet")
    feather.write_feather(table, str(tmp_path / "a.feather"))
    other = DataConfig(columns=ColumnsConfig(tags="pos"))
    for name in ("a.parquet", "a.feather"):
        assert ignored_columns(tmp_path / name, DataConfig()) == ["pos"]
        assert ignored_columns(tmp_path / name, other) == ["tags"]


def test_ignored_columns_with_chosen_columns(tmp_path: Path) -> None:
    (tmp_path / "a.conllu").write_text("1\tAda\t_\tPROPN\t_\t_\t0\t_\t_\t_\n")
    assert "UPOS" in ignored_columns(tmp_path / "a.conllu", DataConfig(columns=ColumnsConfig(tags="xpos")))
    (tmp_path / "a.conll").write_text("Ada NNP B-person\n")
    chosen = DataConfig(columns=ColumnsConfig(tags=2))
    assert ignored_columns(tmp_path / "a.conll", chosen) == ["column 3"]
