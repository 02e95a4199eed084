"""Near-duplicates: normalization, groups and the index."""

import itertools
import random

import pytest

from nlptrain.data.near_duplicates import (
    NearDuplicateIndex,
    near_duplicate_groups,
    normalize,
)

MEETING = "we will meet again in the town hall of Graz on Monday"


def is_near(first: str, second: str) -> bool:
    """Return the result of the index, which must also be that of the groups."""
    words = [first.split(), second.split()]
    result = NearDuplicateIndex(words[:1]).find(words[1:]) == [0]
    groups = near_duplicate_groups(words).tolist()
    assert (groups[0] == groups[1]) is result
    return result


@pytest.mark.parametrize(
    ("text", "normalized"),
    [
        ("It 's GREAT , isn't it ?", "itsgreatisntit"),
        ("\u201cIt\u2019s\u201d great", "itsgreat"),  # curly quotes
        ("from 10:30 to 1,250", "from0to0"),
        ("\u0661\u0662 pages", "0pages"),  # Arabic digits
        ("RT @ada : see https://t.co/Xy1 or www.a.org/b", "rt\x01see\x01or\x01"),
        ("no \U0001f602 \u2764\ufe0f", "no"),
        ("Cafe\u0301", "caf\u00e9"),  # a combining accent
        ("\u0939\u093f\u0928\u094d\u0926\u0940", "\u0939\u093f\u0928\u094d\u0926\u0940"),  # vowel signs are marks
        ("12 : 30", "12 : 30"),  # no letter: the words
        ("!", "!"),
        ("@ada https://t.co/Xy1", "@ada https://t.co/xy1"[:5] + "https://t.co/Xy1"),
    ],
)
def test_normalization(text: str, normalized: str) -> None:
    """Letters and marks are kept; numbers, links and mentions become placeholders."""
    assert normalize([text.split()]) == [normalized]


def test_sentences_of_a_block_are_normalized_one_by_one() -> None:
    """Line breaks in words and empty sentences do not shift the others."""
    sentences = [("a\nb",), ("--",), ("c", "\u2028"), *[(f"w{'x' * index}",) for index in range(1500)]]
    texts = normalize(sentences)
    assert texts[:3] == ["ab", "--", "c"]
    assert texts[3:] == [f"w{'x' * index}" for index in range(1500)]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("Thank you !", "thank  you", True),
        ("I do n't know", "I don't know .", True),  # word splitting has no effect
        ("Page 12", "Page 7", True),
        ("Thank you", "Thank her", False),
        ("12 . 5", "13 . 5", False),
        ("see https://t.co/a now", "see https://t.co/b now", True),
        (MEETING, f"RT @ada : {MEETING} !", True),
        (MEETING, MEETING.replace("Monday", "Tuesday"), True),
        (MEETING, MEETING.replace("Graz", "Linz").replace("Monday", "a cold day in March"), False),
        ("internationalization of organizations", "internationalisation of organizations", False),  # short
    ],
)
def test_what_is_a_near_duplicate(first: str, second: str, expected: bool) -> None:
    """Equal after normalization or, from five words on, mostly the same 6-grams."""
    assert is_near(first, second) is expected


def _sentences(count: int, seed: int = 0) -> list[list[str]]:
    rng = random.Random(seed)
    syllables = [a + b for a in "bdfgklmnprst" for b in "aeiou"]
    return [
        ["".join(rng.choice(syllables) for _ in range(rng.randint(2, 4))) for _ in range(rng.randint(8, 14))]
        for _ in range(count)
    ]


def test_one_changed_word_of_many_is_always_a_near_duplicate() -> None:
    """For a thousand pairs, where the similarity is far enough above the threshold; others are never joined."""
    sentences = _sentences(1_000)
    changed = [[*words[:-1], words[-1] + "s"] for words in sentences]
    assert NearDuplicateIndex(sentences).find(changed) == list(range(1_000))
    groups = near_duplicate_groups([*sentences, *changed]).tolist()
    assert groups[:1_000] == groups[1_000:]
    assert len(set(groups)) == 1_000
    assert NearDuplicateIndex(sentences).find(_sentences(1_000, seed=1)) == [-1] * 1_000


def test_groups_are_transitive_and_independent_of_order() -> None:
    """A chain of small changes is one group, although its ends differ."""
    words = [word for sentence in _sentences(2) for word in sentence][:16]
    others = _sentences(16, seed=5)
    chain = [[*(other[0] for other in others[:step]), *words[step:]] for step in range(17)]
    assert NearDuplicateIndex(chain[:1]).find(chain[-1:]) == [-1]
    sentences = [*chain, *_sentences(50, seed=2)]
    for seed in range(3):
        order = list(range(len(sentences)))
        random.Random(seed).shuffle(order)
        groups = near_duplicate_groups([sentences[row] for row in order]).tolist()
        assert len({group for group, row in zip(groups, order, strict=True) if row < 17}) == 1
        assert len(set(groups)) == 51


def test_empty_inputs() -> None:
    """No sentence is a near-duplicate of none."""
    assert near_duplicate_groups([]).tolist() == []
    assert NearDuplicateIndex([]).find([["a"]]) == [-1]
    assert NearDuplicateIndex([MEETING.split()]).find([]) == []


def test_repeated_letters_do_not_prevent_a_match() -> None:
    text = "We will meet in the old town of Graz on Monday"
    for tail in ("ha" * 40, "no" * 40, "s" + "o" * 60):
        long, short = f"{text} {tail}".split(), text.split()
        assert near_duplicate_groups([long, short]).tolist() == [0, 0]
        assert NearDuplicateIndex([short]).find([long]) == NearDuplicateIndex([long]).find([short]) == [0]


def test_the_splitting_of_words_and_the_order_have_no_effect() -> None:
    """One of several sentences of the same text has enough words."""
    short, long = ("wewillmeetinthe", "oldtownofgrazonmonday"), "we will meet in the old town of graz on monday".split()
    near = "we will meet in the old town of graz on sunday".split()
    for sentences in itertools.permutations([short, long, near]):
        assert near_duplicate_groups(list(sentences)).tolist() == [0, 0, 0]
    assert NearDuplicateIndex([short, long]).find([near]) == NearDuplicateIndex([long, short]).find([near]) == [0]
