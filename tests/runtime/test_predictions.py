"""The vectorized ``PredictionFormatter`` returns the entities that ``TaggedSentence.spans`` reads tag by tag."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlptrain.data.tag_schemes import SCHEME_PREFIXES
from nlptrain_runtime.predictions import PredictionFormatter, TaggedSentence
from nlptrain_runtime.schemes import Scheme
from nlptrain_runtime.text_stream import text_blocks

NAMES = {
    scheme: ["O", *(f"{prefix}-{type_name}" for type_name in ("x", "y") for prefix in SCHEME_PREFIXES[scheme])]
    for scheme in ("iob1", "iob2", "iobes", "bilou")
}


@given(st.sampled_from(sorted(NAMES)), st.lists(st.lists(st.integers(0, 8), max_size=7), max_size=6), st.data())
def test_formatted_entities_equal_the_spans_of_tags(scheme: Scheme, sentences: list[list[int]], data: st.DataObject):
    names = NAMES[scheme]
    sentences = [[label % len(names) for label in sentence] for sentence in sentences]
    counts = np.array([len(sentence) for sentence in sentences], dtype=np.int64)
    best = np.array([label for sentence in sentences for label in sentence], dtype=np.int64)
    confidences = np.array(data.draw(st.lists(st.integers(0, 100), min_size=len(best), max_size=len(best)))) / 100
    offsets = np.stack([np.arange(len(best)) * 2, np.arange(len(best)) * 2 + 1], axis=1).reshape(-1, 2)
    texts = ["." * 100] * len(sentences)
    predictions = list(PredictionFormatter(names, scheme, 0.3).format(texts, counts, best, confidences, offsets))
    assert len(predictions) == len(sentences)
    first = 0
    for sentence, prediction in zip(sentences, predictions, strict=True):
        region = slice(first, first + len(sentence))
        tagged = TaggedSentence([names[label] for label in sentence], confidences[region])
        expected = [
            {
                "start": int(offsets[region][span.start, 0]),
                "end": int(offsets[region][span.end - 1, 1]),
                "label": span.label,
                "confidence": confidence,
            }
            for span, confidence in tagged.spans(scheme)
            if confidence >= 0.3
        ]
        assert [
            {name: part[name] for name in expected[0]} if expected else part for part in prediction["entities"]
        ] == expected
        first += len(sentence)
    has_predictions = PredictionFormatter(names, scheme, 0.3).has_predictions(best, counts)
    assert has_predictions.tolist() == [any(sentence) for sentence in sentences]


def test_plain_tags_below_min_confidence_are_none():
    formatter = PredictionFormatter(["A", "B-x"], "plain", 0.5)
    offsets = np.array([[0, 2], [3, 5], [0, 1]])
    predictions = list(
        formatter.format(["ab cd", "", "e"], np.array([2, 0, 1]), np.array([0, 1, 1]), np.array([0.4, 1, 1]), offsets)
    )
    assert predictions[0]["words"][0] == {"start": 0, "end": 2, "text": "ab", "tag": None, "confidence": 0.4}
    assert [[word["tag"] for word in prediction["words"]] for prediction in predictions] == [[None, "B-x"], [], ["B-x"]]


def test_text_blocks_keep_the_order_and_end_after_a_long_text():
    texts = ["ab"] * 5 + ["x" * 500_000] + ["c"]
    blocks = list(text_blocks(iter(texts), max_texts=4))
    assert [text for block in blocks for text in block] == texts
    assert [len(block) for block in blocks] == [4, 2, 1]


@pytest.mark.parametrize("texts", [[], [""]])
def test_texts_without_words_have_no_entities(texts):
    predictions = list(
        PredictionFormatter(NAMES["iob2"], "iob2", 0).format(texts, np.zeros(len(texts), int), *empty_arrays())
    )
    assert predictions == [{"text": text, "entities": []} for text in texts]


def empty_arrays():
    return np.empty(0, dtype=np.int64), np.empty(0), np.empty((0, 2), dtype=np.int64)
