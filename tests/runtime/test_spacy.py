"""The tagger as a component of a spaCy pipeline."""

import pytest
import spacy

from nlptrain_runtime import FolderError, Tagger
from tests.helpers.small_models import DIFFICULT_TEXTS, SENTENCES

pytestmark = pytest.mark.slow

TEXTS = [*DIFFICULT_TEXTS, *(" ".join(sentence.words) for sentence in SENTENCES)]


@pytest.fixture
def pipeline(folders):
    def build(kind: str, **config: object):
        nlp = spacy.blank("en")
        nlp.add_pipe("nlptrain", config={"model": str(folders[kind]), **config})
        return nlp

    return build


def test_entities_equal_those_of_the_tagger(folders, pipeline):
    nlp = pipeline("pooled")
    expected = Tagger(folders["pooled"]).predict(TEXTS)
    docs = list(nlp.pipe(iter(TEXTS), batch_size=7))
    assert [doc.text for doc in docs] == TEXTS
    shared = 0
    for doc, prediction in zip(docs, expected, strict=True):
        entities = {(ent.start_char, ent.end_char, ent.label_) for ent in doc.ents}
        expected_entities = {(part["start"], part["end"], part["label"]) for part in prediction["entities"]}
        aligned_entities = {part for part in expected_entities if doc.char_span(part[0], part[1]) is not None}
        shared += len(entities & expected_entities)
        assert len(entities) <= len(expected_entities)
        if aligned_entities == expected_entities:
            assert entities == expected_entities
        assert [(ent.start_char, ent.label_) for ent in nlp(doc.text).ents] == [
            (ent.start_char, ent.label_) for ent in doc.ents
        ]
    assert shared > 20


def test_plain_tags_become_token_tags(folders, pipeline):
    doc = pipeline("plain")("Ada lives in Paris.")
    (prediction,) = Tagger(folders["plain"]).predict([doc.text])
    assert [token.tag_ for token in doc] == [word["tag"] for word in prediction["words"]]


def test_the_component_follows_its_configuration(folders, pipeline):
    all_entities = [doc.ents for doc in pipeline("pooled").pipe(TEXTS)]
    confident_entities = [doc.ents for doc in pipeline("pooled", min_confidence=0.5, threads=2).pipe(TEXTS)]
    assert 0 < sum(map(len, confident_entities)) < sum(map(len, all_entities))
    with pytest.raises(FolderError, match="there is no such folder"):
        spacy.blank("en").add_pipe("nlptrain", config={"model": "nowhere"})


def test_entities_of_earlier_components_are_kept(folders):
    nlp = spacy.blank("en")
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "ORG", "pattern": "Acme"}])
    nlp.add_pipe("nlptrain", config={"model": str(folders["pooled"])})
    plain = Tagger(folders["pooled"])
    added_entities = 0
    for text in (f"{text} Acme" for text in TEXTS):
        entities = {(ent.text, ent.label_) for ent in nlp(text).ents}
        assert ("Acme", "ORG") in entities
        added_entities += len(entities) - 1
    assert plain.predict(["Acme"])  # its entities are ignored
    assert added_entities > 10
