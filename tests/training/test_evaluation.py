import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics import accuracy_score, f1_score, precision_score, recall_score

from nlptrain.data.labels import Labels
from nlptrain.data.sentence import Sentence
from nlptrain.data.tag_schemes import to_scheme
from nlptrain.procedures import inference
from nlptrain.training import score
from nlptrain.training.evaluation import Counts, ScoreTally, confusion, evaluate_tags
from nlptrain_runtime.predictions import TaggedSentence

TAGS = {
    "iob2": ["O", "B-x", "I-x", "B-y", "I-y"],
    "iobes": ["O", "B-x", "I-x", "E-x", "S-x", "B-y", "E-y", "S-y"],
    "plain": ["NOUN", "VERB", "X"],
}


def pairs(scheme: str) -> st.SearchStrategy[list[tuple[list[str], list[str]]]]:
    tag = st.sampled_from(TAGS[scheme])
    sentence = st.lists(st.tuples(tag, tag), min_size=1, max_size=8)
    return st.lists(sentence.map(lambda words: tuple(list(tags) for tags in zip(*words, strict=True))), max_size=8)


@given(st.sampled_from(["iob2", "iobes"]).flatmap(lambda scheme: st.tuples(st.just(scheme), pairs(scheme))))
def test_f1_of_summed_counts_equals_seqeval(scheme_and_pairs) -> None:
    scheme, sentences = scheme_and_pairs
    gold, predicted = [tags for tags, _ in sentences], [tags for _, tags in sentences]
    scores = score(gold, predicted, scheme)
    assert (scores.precision, scores.recall, scores.value) == scores.counts.scores()
    assert len(scores.counts.correct) == len(scores.counts.predicted) == len(scores.counts.gold) == len(gold)
    if not any(scores.counts.gold) and not any(scores.counts.predicted):
        assert (scores.value, scores.types) == (0.0, {})  # seqeval has no report of it
        return
    written = [[to_scheme(tags, "iob2") for tags in part] for part in (gold, predicted)]
    assert scores.value == f1_score(*written, zero_division=0)
    assert scores.precision == precision_score(*written, zero_division=0)
    assert scores.recall == recall_score(*written, zero_division=0)
    assert sum(scores.counts.gold) == sum(row["support"] for row in scores.types.values())


@given(pairs("plain").filter(bool))
def test_accuracy_of_summed_counts_is_exact(sentences) -> None:
    gold, predicted = [tags for tags, _ in sentences], [tags for _, tags in sentences]
    scores = score(gold, predicted, "plain")
    assert scores.value == accuracy_score(gold, predicted) == sum(scores.counts.correct) / sum(scores.counts.gold)
    assert scores.counts.predicted == scores.counts.gold == tuple(map(len, gold))


def test_counts_are_per_sentence() -> None:
    gold = [["B-x", "I-x", "O", "B-y"], ["O", "O"], ["B-y", "B-y"]]
    predicted = [["B-x", "O", "O", "B-y"], ["B-x", "O"], ["I-y", "I-y"]]
    # x ends too early and y is right; one too many; two neighbors read as one entity of two words
    assert Counts.of(gold, predicted, "iob2") == Counts((1, 0, 0), (2, 1, 1), (2, 0, 2))


def test_scores_equal_seqeval() -> None:
    gold = [["B-x", "I-x", "O", "B-y"], ["O"] * 300 + ["B-x"], ["B-y", "I-y"]]
    predicted = [["B-x", "I-x", "O", "B-x"], ["O"] * 300 + ["B-x"], ["I-y", "I-y"]]
    scores = score(gold, predicted, "iob2")
    assert scores.value == f1_score(gold, predicted)
    # 3 of 4 found (an I- at the beginning opens an entity, as in seqeval's default mode), 3 of 4 right
    assert (scores.precision, scores.recall, scores.value) == (0.75, 0.75, 0.75)
    assert scores.types["x"] == {"precision": 2 / 3, "recall": 1.0, "f1": pytest.approx(0.8), "support": 2}
    assert scores.words == 307


def test_sentences_are_not_joined() -> None:
    # Joined into one sequence, the second sentence's I-x would go on with the first one's entity.
    assert score([["B-x"], ["O"]], [["B-x"], ["I-x"]], "iob2").precision == 0.5


def test_scores_without_entities() -> None:
    assert score([["O"]], [["O"]], "iob2").value == 0.0


def test_accuracy_of_plain_tags() -> None:
    scores = score([["NOUN", "VERB"], ["X"]], [["NOUN", "NOUN"], ["X"]], "plain")
    assert (scores.metric, scores.value) == ("accuracy", 2 / 3)
    assert scores.types["NOUN"] == {"precision": 0.5, "recall": 1.0, "f1": pytest.approx(2 / 3), "support": 1}


def test_error_if_a_tag_is_missing() -> None:
    with pytest.raises(ValueError, match="sentence 0 has 2 gold tags and 1 predicted ones"):
        score([["O", "O"]], [["O"]], "iob2")


@pytest.mark.slow
@given(
    st.sampled_from(sorted(TAGS)).flatmap(lambda scheme: st.tuples(st.just(scheme), pairs(scheme))), st.integers(0, 8)
)
def test_scores_do_not_depend_on_the_block_size(scheme_and_pairs, cut: int) -> None:
    scheme, sentences = scheme_and_pairs
    gold, predicted = [tags for tags, _ in sentences], [tags for _, tags in sentences]
    tally = ScoreTally(scheme)
    tally.add(gold[:cut], predicted[:cut])
    tally.add(gold[cut:], predicted[cut:])
    assert tally.scores().to_json() == score(gold, predicted, scheme).to_json()


def test_entities_are_counted_by_kind_of_error() -> None:
    gold = [
        ["B-a", "I-a", "O", "B-b"],  # right; another type
        ["B-a", "I-a", "I-a", "O"],  # the end is missing
        ["B-a", "I-a", "O", "O"],  # other words and another type
        ["B-b", "O", "O", "O"],  # missed; and a spurious one
    ]
    predicted = [
        ["B-a", "I-a", "O", "B-a"],
        ["B-a", "I-a", "O", "O"],
        ["O", "B-b", "I-b", "O"],
        ["O", "O", "O", "B-a"],
    ]
    counts = confusion(gold, predicted, "iob2")
    assert counts.kinds == {
        "exact": 1,
        "type": 1,
        "boundary": 1,
        "type and boundary": 1,
        "missed": 1,
        "spurious": 1,
    }
    assert dict(counts.pairs) == {("a", "a"): 2, ("b", "a"): 1, ("a", "b"): 1, ("b", "-"): 1, ("-", "a"): 1}
    assert counts.mistakes() == [("-", "a", 1), ("a", "b", 1), ("b", "-", 1), ("b", "a", 1)]
    assert counts.to_json()["types"]["a"] == {"a": 2, "b": 1}


def test_a_gold_entity_is_matched_to_its_own_type_first() -> None:
    counts = confusion([["B-a", "I-a", "I-a"]], [["B-b", "B-a", "I-a"]], "iob2")
    assert (counts.kinds["boundary"], counts.kinds["spurious"], sum(counts.kinds.values())) == (1, 0, 1)
    exact = confusion([["O", "B-a"]], [["B-a", "B-b"]], "iob2")
    assert exact.kinds["type"] == 1


def test_confusions_in_other_schemes_and_of_plain_tags() -> None:
    assert confusion([["S-a", "O"]], [["B-a", "O"]], "iobes").kinds["exact"] == 1
    plain = confusion([["NOUN", "VERB"]], [["NOUN", "NOUN"]], "plain")
    assert plain.kinds == {}
    assert plain.to_json() == {"types": {"NOUN": {"NOUN": 1}, "VERB": {"NOUN": 1}}}


def test_types_that_were_not_looked_for_do_not_count() -> None:
    sentences = [
        Sentence(("a", "b", "c"), ("B-x", "O", "B-y"), asked=frozenset({"x"})),  # y is marked, but was not looked for
        Sentence(("a", "b", "c"), ("O", "O", "B-y"), asked=frozenset({"y"})),
        Sentence(("a", "b"), ("B-x", "O"), asked=frozenset()),
        Sentence(("a", "b"), ("B-x", "O")),
    ]
    predicted = [["B-x", "B-y", "I-y"], ["B-x", "B-y", "I-y"], ["B-x", "B-y"], ["B-x", "B-y"]]
    scores = evaluate_tags(sentences, predicted, "iob2")
    assert scores.counts == Counts((1, 0, 0, 1), (1, 1, 0, 2), (1, 1, 0, 1))
    assert (scores.precision, scores.recall) == (2 / 4, 2 / 3)
    assert scores.types["y"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 1}
    assert scores.words == 10
    complete = [replace(sentence, asked=None) for sentence in sentences]
    assert evaluate_tags(complete, predicted, "iob2").counts == Counts((1, 0, 1, 1), (2, 2, 2, 2), (2, 1, 1, 1))


def test_files_with_partial_sentences(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "dev.jsonl"
    rows = [
        {"tokens": ["a", "b", "c"], "tags": ["B-x", "O", "O"], "asked": ["x"]},
        {"tokens": ["d", "e"], "tags": ["O", "B-y"]},
    ]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    tagged = [
        TaggedSentence(["B-x", "B-y", "B-x"], np.array([0.9, 0.8, 0.7])),
        TaggedSentence(["O", "B-x"], np.array([0.6, 0.5])),
    ]
    labels = Labels(("O", "B-x", "I-x", "B-y", "I-y"), "iob2")
    monkeypatch.setattr(inference, "_open_model", lambda *_: (labels, 1.0, lambda _: tagged))
    evaluation = inference.evaluate_files("model", [str(path)])
    assert (evaluation.scores.precision, evaluation.scores.recall) == (1 / 3, 1 / 2)
    assert evaluation.confusion.kinds == {"exact": 1, "type": 1, "spurious": 1}
    # The word a, whose label is known, and the words of the second sentence: right 0.9 and 0.6, wrong 0.5.
    assert evaluation.calibration.word == pytest.approx((0.1 + 0.4 + 0.5) / 3, abs=1e-6)
    # The entities of type x in the first sentence, and that of the second: right 0.9, wrong 0.7 and 0.5.
    assert evaluation.calibration.entity == pytest.approx((0.1 + 0.7 + 0.5) / 3, abs=1e-6)
