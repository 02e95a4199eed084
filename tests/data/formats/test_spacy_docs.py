"""Training data of spaCy."""

from __future__ import annotations

from pathlib import Path

import pytest
import spacy
from spacy.tokens import Doc, DocBin
from spacy.tokens import Span as DocSpan

from nlptrain.config.data import ColumnsConfig
from nlptrain.data.formats import ReadContext, WriteContext, spacy_docs
from nlptrain.data.formats.registry import write_gold
from nlptrain.data.formats.spacy_docs import read_spacy
from nlptrain.data.sentence import Sentence
from nlptrain.errors import InputError
from nlptrain_runtime.schemes import Span
from tests.helpers.reading import entities_of, read_file

NLP = spacy.blank("en")


def save(folder: Path, *docs: Doc, **options: bool) -> Path:
    path = folder / "a.spacy"
    DocBin(docs=docs, **options).to_disk(path)
    return path


def annotated(text: str, *spans: tuple[int, int, str]) -> Doc:
    doc = NLP.make_doc(text)
    doc.set_ents([doc.char_span(start, end, label) for start, end, label in spans])
    return doc


def test_a_document_without_sentences_is_one(tmp_path: Path) -> None:
    path = save(tmp_path, annotated("Ada Lovelace sings. It rains.", (0, 12, "PER")), annotated("It\n\nrains  now "))
    sentences, context = read_file(path, "spacy")
    assert [(sentence.words, sentence.tags) for sentence in sentences] == [
        (("Ada", "Lovelace", "sings", ".", "It", "rains", "."), ("B-PER", "I-PER", "O", "O", "O", "O", "O")),
        (("It", "rains", "now"), ("O", "O", "O")),
    ]
    assert [sentence.text for sentence in sentences] == ["Ada Lovelace sings. It rains.", "It\n\nrains  now "]
    assert [sentence.where for sentence in sentences] == [f"{path}:1", f"{path}:2"]
    assert all(sentence.offsets and sentence.asked is None for sentence in sentences)
    assert not context.report.notes


def test_marked_sentences_are_read_one_by_one(tmp_path: Path) -> None:
    doc = annotated("Ada sings. It rains.", (0, 3, "PER"))
    for token in doc:
        token.is_sent_start = token.i in (0, 3)
    sentences, _ = read_file(save(tmp_path, doc), "spacy")
    assert [(sentence.text, entities_of(sentence)) for sentence in sentences] == [
        ("Ada sings.", ["PER: Ada"]),
        ("It rains.", []),
    ]


def test_missing_entities_make_a_partial_annotation(tmp_path: Path) -> None:
    doc = NLP.make_doc("Ada sings in Accra")
    doc.set_ents([DocSpan(doc, 0, 1, "PER")], default="missing")
    doc.spans["incorrect_spans"] = [DocSpan(doc, 3, 4, "ORG")]
    (first, second), _ = read_file(save(tmp_path, doc, NLP.make_doc("It rains")), "spacy")
    assert (first.tags, first.asked, first.rejected) == (("B-PER", "O", "O", "O"), frozenset(), (Span("ORG", 3, 4),))
    assert (second.tags, second.asked, second.rejected) == (("O", "O"), frozenset(), ())


def test_span_groups_are_ignored_with_a_note(tmp_path: Path) -> None:
    doc = annotated("Ada sings")
    doc.spans["sc"] = [DocSpan(doc, 0, 1, "PER")]
    path = save(tmp_path, doc)
    (sentence,), context = read_file(path, "spacy")
    assert sentence.tags == ("O", "O")
    assert list(context.report.notes) == [f"{path}: span groups sc, ignored"]


def test_parts_of_speech_are_read_as_plain_tags(tmp_path: Path) -> None:
    doc = Doc(NLP.vocab, words=["It", "rains"], pos=["PRON", "VERB"], tags=["PRP", "VBZ"])
    path = save(tmp_path, doc)
    for context, tags in (
        (ReadContext(scheme="plain"), ("PRON", "VERB")),
        (ReadContext(columns=ColumnsConfig(tags="xpos")), ("PRP", "VBZ")),
    ):
        assert [sentence.tags for sentence in read_spacy(path, context)] == [tags]
    with pytest.raises(InputError, match=r"^data\.columns\.tags: found 'x'; expected one of pos, upos, tag, xpos$"):
        list(read_spacy(path, ReadContext(columns=ColumnsConfig(tags="x"))))


SENTENCES = [
    Sentence(("Ada", "sings", "."), ("B-PER", "O", "O"), id="x", text=" Ada  sings.\t"),
    Sentence(("It", "rains"), ("O", "O"), asked=frozenset(), text="It rains", rejected=(Span("PER", 0, 1),)),
    Sentence(("Ada", "Ada"), ("B-PER", "B-PER"), text="Ada\nAda"),
    Sentence(("Ada", "rains"), ("B-PER", "O"), asked=frozenset(), rejected=(Span("PER", 1, 2),), text="Ada rains"),
]


def test_written_sentences_are_read_again(tmp_path: Path) -> None:
    path, written = tmp_path / "a.spacy", WriteContext("iob2")
    write_gold(SENTENCES, path, "spacy", written)
    copies, context = read_file(path, "spacy")
    for original, copy in zip(SENTENCES, copies, strict=True):
        for name in ("words", "tags", "id", "text", "offsets", "asked", "rejected"):
            assert getattr(copy, name) == getattr(original, name), name
    assert not written.lost
    assert not context.report.causes


def test_what_the_format_cannot_hold_is_counted(tmp_path: Path) -> None:
    written = WriteContext("iob2")
    sentence = Sentence(("Ada",), ("B-PER",), scores={Span("PER", 0, 1): 0.5}, asked=frozenset({"PER"}))
    write_gold([sentence], tmp_path / "a.spacy", "spacy", written)
    assert dict(written.lost) == {"scores": 1, "types that were looked for and rejected spans": 1}


@pytest.mark.parametrize("content", [b"", b"no DocBin", b"x\x9c broken"])
def test_another_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.spacy").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.spacy: cannot be read as spaCy's DocBin: "):
        read_file(tmp_path / "a.spacy", "spacy")


def test_without_spacy_the_message_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(tmp_path, annotated("Ada sings"))
    monkeypatch.setattr(spacy_docs, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"a\.spacy: spaCy is not installed; pip install 'nlptrain\[spacy\]'$"):
        read_file(path, "spacy")
