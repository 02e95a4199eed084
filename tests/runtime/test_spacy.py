"""The tagger in a pipeline of spaCy's."""

import pytest
import spacy

from nlptrain_runtime import FolderError, Tagger
from tests.helpers.exports import ODD, TEXT

pytestmark = pytest.mark.slow

TEXTS = [*ODD, *(" ".join(sentence.words) for sentence in TEXT)]


@pytest.fixture
def pipeline(folders):
    def make(kind: str, **config: object):
        nlp = spacy.blank("en")
        nlp.add_pipe("nlptrain", config={"model": str(folders[kind]), **config})
        return nlp

    return make


def test_entities_are_those_of_the_tagger(folders, pipeline):
    nlp = pipeline("pooled")
    wanted = Tagger(folders["pooled"]).predict(TEXTS)
    docs = list(nlp.pipe(iter(TEXTS), batch_size=7))
    assert [doc.text for doc in docs] == TEXTS
    shared = 0
    for doc, prediction in zip(docs, wanted, strict=True):
        actual = {(ent.start_char, ent.end_char, ent.label_) for ent in doc.ents}
        parts = {(part["start"], part["end"], part["label"]) for part in prediction["entities"]}
        whole = {part for part in parts if doc.char_span(part[0], part[1]) is not None}
        shared += len(actual & parts)
        assert len(actual) <= len(parts)
        if whole == parts:
            assert actual == parts
        assert [(ent.start_char, ent.label_) for ent in nlp(doc.text).ents] == [
            (ent.start_char, ent.label_) for ent in doc.ents
        ]
    assert shared > 20


def test_plain_tags_are_tags_of_tokens(folders, pipeline):
    doc = pipeline("plain")("Ada lives in Paris.")
    (prediction,) = Tagger(folders["plain"]).predict([doc.text])
    assert [token.tag_ for token in doc] == [word["tag"] for word in prediction["words"]]


def test_what_is_configured_is_followed(folders, pipeline):
    every = [doc.ents for doc in pipeline("pooled").pipe(TEXTS)]
    sure = [doc.ents for doc in pipeline("pooled", min_confidence=0.5, threads=2).pipe(TEXTS)]
    assert 0 < sum(map(len, sure)) < sum(map(len, every))
    with pytest.raises(FolderError, match="there is no such folder"):
        spacy.blank("en").add_pipe("nlptrain", config={"model": "nowhere"})


def test_entities_of_components_in_front_of_it_stay(folders):
    nlp = spacy.blank("en")
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "ORG", "pattern": "Acme"}])
    nlp.add_pipe("nlptrain", config={"model": str(folders["pooled"])})
    plain = Tagger(folders["pooled"])
    added = 0
    for text in (f"{text} Acme" for text in TEXTS):
        actual = {(ent.text, ent.label_) for ent in nlp(text).ents}
        assert ("Acme", "ORG") in actual
        added += len(actual) - 1
    assert plain.predict(["Acme"])  # its entities are ignored
    assert added > 10
