"""Corpus: format by suffix or by name, and repeated reading."""

from __future__ import annotations

from pathlib import Path

import pytest

from nlptrain.config.data import DataConfig
from nlptrain.data.corpus import Corpus
from nlptrain.errors import InputError

COLUMNS = "Ada\tB-a\n"
CONLLU = "1\tAda\t_\tB-a\t_\t_\t_\t_\t_\t_\n"
JSONL = '{"tokens": ["Ada"], "tags": ["B-a"]}\n'


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *((f"a{suffix}", COLUMNS) for suffix in (".conll", ".tsv", ".bio", ".iob", ".iob2", ".txt", ".TXT")),
        ("a.conllu", CONLLU),
        ("a.jsonl", JSONL),
        ("a.ndjson", JSONL),
    ],
)
def test_the_suffix_decides_the_format(tmp_path: Path, name: str, text: str) -> None:
    """Suffixes in upper case have the same format."""
    (tmp_path / name).write_text(text)
    (sentence,) = Corpus(str(tmp_path / name))
    assert (sentence.words, sentence.tags, sentence.where) == (("Ada",), ("B-a",), f"{tmp_path / name}:1")


@pytest.mark.parametrize(("form", "text"), [("conll", COLUMNS), ("conllu", CONLLU), ("jsonl", JSONL)])
def test_the_format_can_be_set(tmp_path: Path, form: str, text: str) -> None:
    """A format that is set takes precedence over the suffix."""
    (tmp_path / "a.data").write_text(text)
    (sentence,) = Corpus([str(tmp_path / "*.data")], DataConfig.model_validate({"format": form}))
    assert sentence.words == ("Ada",)


def test_unknown_suffixes_are_refused(tmp_path: Path) -> None:
    """The message lists the known suffixes."""
    (tmp_path / "a.xml").write_text("<a>unknown</a>")
    message = (
        r"a\.xml: found content of no known format, and the suffix '\.xml'; "
        r"expected .*\(\.conll \.tsv \.bio \.iob \.iob2 \.txt: conll; "
        r"\.conllu: conllu; \.csv: csv; \.jsonl \.ndjson: jsonl; \.json: json; \.ann: brat; "
        r"\.parquet \.pq: parquet; \.arrow \.feather: arrow; \.spacy: spacy\); or set data\.format$"
    )
    with pytest.raises(InputError, match=message):
        list(Corpus(str(tmp_path / "a.xml")))


def test_a_corpus_can_be_read_again_and_logs_each_time(tmp_path: Path) -> None:
    (tmp_path / "a.conll").write_text(COLUMNS)
    (tmp_path / "b.jsonl").write_text(f'{JSONL}{{"text": "x", "spans": [], "answer": "reject"}}\n')
    logged: list[str] = []
    corpus = Corpus([tmp_path / "a.conll", str(tmp_path / "*.jsonl")], log=logged.append)
    assert corpus.files == [tmp_path / "a.conll", tmp_path / "b.jsonl"]
    assert [s.where for s in corpus] == [s.where for s in corpus] == [f"{file}:1" for file in corpus.files]
    assert logged == ["omitted: 1 text rejected by the annotator"] * 2
    assert len(list(corpus.without_log())) == len(logged)


@pytest.mark.parametrize("pretokenized", [False, True])
def test_raw_text_is_cut_as_configured(tmp_path: Path, pretokenized: bool) -> None:
    (tmp_path / "a.txt").write_text("I don't know.\nno\n" + "w " * 9)
    corpus = Corpus(tmp_path / "a.txt", DataConfig(pretokenized=pretokenized, min_words=3, max_words=8))
    first = ("I", "don't", "know.") if pretokenized else ("I", "do", "n't", "know", ".")
    assert [sentence.words for sentence in corpus.raw()] == [first, ("w",) * 6, ("w",) * 3]


@pytest.mark.parametrize("text", ["", "\n\t\n", "\ufeff", "-DOCSTART- O\n\n"])
def test_files_without_a_sentence_are_refused(tmp_path: Path, text: str) -> None:
    """Each file needs a sentence, even if other files have some."""
    (tmp_path / "a.conll").write_text(COLUMNS)
    (tmp_path / "b.conll").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"b\.conll: found no sentence; expected at least one$"):
        list(Corpus(str(tmp_path / "*")))
