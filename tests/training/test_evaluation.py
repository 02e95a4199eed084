import pytest
from seqeval.metrics import f1_score

from nlptrain.training import score


def test_scores_are_seqevals() -> None:
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


def test_no_entity_at_all() -> None:
    assert score([["O"]], [["O"]], "iob2").value == 0.0


def test_accuracy_of_plain_tags() -> None:
    scores = score([["NOUN", "VERB"], ["X"]], [["NOUN", "NOUN"], ["X"]], "plain")
    assert (scores.metric, scores.value) == ("accuracy", 2 / 3)
    assert scores.types["NOUN"] == {"precision": 0.5, "recall": 1.0, "f1": pytest.approx(2 / 3), "support": 1}


def test_a_missing_tag_is_no_score() -> None:
    with pytest.raises(ValueError, match="sentence 0 has 2 gold tags and 1 predicted ones"):
        score([["O", "O"]], [["O"]], "iob2")
