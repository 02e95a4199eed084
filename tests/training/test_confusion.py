"""What a model takes for what."""

from nlptrain.training.evaluation import confusion


def test_entities_are_counted_by_how_they_were_answered() -> None:
    gold = [
        ["B-a", "I-a", "O", "B-b"],  # right; another type
        ["B-a", "I-a", "I-a", "O"],  # the end is missing
        ["B-a", "I-a", "O", "O"],  # other words and another type
        ["B-b", "O", "O", "O"],  # missed; and one that is not there
    ]
    predicted = [
        ["B-a", "I-a", "O", "B-a"],
        ["B-a", "I-a", "O", "O"],
        ["O", "B-b", "I-b", "O"],
        ["O", "O", "O", "B-a"],
    ]
    found = confusion(gold, predicted, "iob2")
    assert found.kinds == {
        "exact": 1,
        "type": 1,
        "boundary": 1,
        "type and boundary": 1,
        "missed": 1,
        "spurious": 1,
    }
    assert dict(found.pairs) == {("a", "a"): 2, ("b", "a"): 1, ("a", "b"): 1, ("b", "-"): 1, ("-", "a"): 1}
    assert found.mistakes() == [("-", "a", 1), ("a", "b", 1), ("b", "-", 1), ("b", "a", 1)]
    assert found.to_json()["types"]["a"] == {"a": 2, "b": 1}


def test_one_gold_entity_has_one_answer_its_own_type_first() -> None:
    found = confusion([["B-a", "I-a", "I-a"]], [["B-b", "B-a", "I-a"]], "iob2")
    assert (found.kinds["boundary"], found.kinds["spurious"], sum(found.kinds.values())) == (1, 0, 1)
    exact = confusion([["O", "B-a"]], [["B-a", "B-b"]], "iob2")
    assert exact.kinds["type"] == 1


def test_schemes_do_not_matter_and_plain_tags_are_counted_by_word() -> None:
    assert confusion([["S-a", "O"]], [["B-a", "O"]], "iobes").kinds["exact"] == 1
    plain = confusion([["NOUN", "VERB"]], [["NOUN", "NOUN"]], "plain")
    assert plain.kinds == {}
    assert plain.to_json() == {"types": {"NOUN": {"NOUN": 1}, "VERB": {"NOUN": 1}}}
