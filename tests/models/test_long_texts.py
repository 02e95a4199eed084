"""The memory for a long text is proportional to its words."""

from __future__ import annotations

import tracemalloc

import numpy as np

from nlptrain.data.labels import Labels
from nlptrain.models.heads import Prediction
from nlptrain.models.heads.decoding import join_sentences
from nlptrain.models.prediction import predict_texts, to_tagged_sentence
from tests.helpers.small_models import small_model

WORDS, LABELS = 100_000, 49


def test_confidences_do_not_copy_the_logits():
    logits = np.random.default_rng(0).normal(size=(WORDS, LABELS)).astype(np.float32)
    labels = Labels.from_names([f"T{index}" for index in range(LABELS)], "plain")
    tracemalloc.start()
    tagged = to_tagged_sentence(Prediction(logits, logits.argmax(axis=1)), labels)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.6 * logits.nbytes
    exact = np.exp(logits - logits.max(axis=1, keepdims=True))
    assert np.array_equal(tagged.confidences, exact.max(axis=1) / exact.sum(axis=1))


def test_the_emissions_of_one_text_are_not_copied():
    values = np.zeros((9, 3), dtype=np.float32)
    flat, counts, ends = join_sentences([values])
    assert np.shares_memory(flat, values)
    assert counts.tolist() == [9]
    assert [len(part) for part in np.split(flat, ends)] == [9]


def test_a_teacher_needs_little_memory_for_a_long_text(tiny_bert):
    model = small_model(tiny_bert, "teacher")
    text = " ".join(["Ada Smith lives in Paris ."] * 1_000)
    list(predict_texts(model, ["Ada"]))
    tracemalloc.start()
    (prediction,) = predict_texts(model, [text])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(prediction["text"]) == len(text)
    assert peak < 6_000 * 1_500  # bytes for each word; entities included
