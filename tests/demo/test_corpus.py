"""The demo corpus: the same bytes for a seed, valid tags, no name of dev or test in train."""

from itertools import groupby
from pathlib import Path

import pytest

import nlptrain.demo.corpus
from nlptrain.data.tag_schemes import tags_to_spans
from nlptrain.data.word_splitter import WordSplitter
from nlptrain.demo.corpus import (
    COMMON,
    RAW_LINES,
    SENTENCES,
    TYPES,
    conll,
    generate_corpus,
    read_templates,
    to_text,
    write_corpus,
)
from tests.helpers.tag_sequences import first_invalid_tag

pytestmark = pytest.mark.slow

TEMPLATES = Path(nlptrain.demo.corpus.__file__).with_name("templates.txt")


@pytest.fixture(scope="module")
def corpus():
    return generate_corpus(0)


def sentences(text):
    """Return the (word, tag) pairs of each sentence of a CoNLL file."""
    lines = text.split("\n")
    return [
        [tuple(line.split("\t")) for line in group]
        for is_sentence, group in groupby(lines, key=lambda line: line != "")
        if is_sentence
    ]


def names(text):
    """Return the names in a CoNLL file, in lower case, as (name, type)."""
    names = set()
    for sentence in sentences(text):
        words = [word.lower() for word, _ in sentence]
        spans = tags_to_spans([tag for _, tag in sentence])
        names |= {(" ".join(words[span.start : span.end]), span.label) for span in spans}
    return names


def test_the_same_seed_gives_the_same_bytes(tmp_path, corpus):
    for folder in ("first", "second"):
        write_corpus(tmp_path / folder)
    first, second = ({p.name: p.read_bytes() for p in (tmp_path / folder).iterdir()} for folder in ("first", "second"))
    assert first == second == {name: text.encode() for name, text in corpus.items()}


def test_another_seed_gives_other_sentences(corpus):
    assert all(text != corpus[name] for name, text in generate_corpus(1).items())


def test_counts_equal_the_constants(corpus):
    counts = {split: len(sentences(corpus[f"{split}.conll"])) for split in SENTENCES}
    assert counts == SENTENCES
    assert len(corpus["unlabeled.txt"].splitlines()) == RAW_LINES
    assert len(set(corpus["unlabeled.txt"].splitlines())) == RAW_LINES


@pytest.mark.parametrize("split", SENTENCES)
def test_the_tags_are_iob2_of_four_types(corpus, split):
    tagged = sentences(corpus[f"{split}.conll"])
    assert all(first_invalid_tag([tag for _, tag in sentence], "iob2") is None for sentence in tagged)
    assert {tag[2:] for sentence in tagged for _, tag in sentence if tag != "O"} == set(TYPES)
    assert 0.05 < sum(all(tag == "O" for _, tag in sentence) for sentence in tagged) / len(tagged) < 0.3


@pytest.mark.parametrize(("split", "other"), [("train", "dev"), ("train", "test"), ("dev", "test")])
@pytest.mark.parametrize("seed", [0, 1])
def test_splits_share_no_names(split, other, seed):
    corpus = generate_corpus(seed)
    first, second = ({text for text, _ in names(corpus[f"{name}.conll"])} for name in (split, other))
    assert len(first) > 150
    assert len(second) > 150
    assert not first & second


def test_test_names_share_no_word_with_train_names(corpus):
    shared = {part.lower() for parts in COMMON.values() for part in parts} | {"of", "&"}
    train, test = (
        {word for name, _ in names(corpus[f"{split}.conll"]) for word in name.split()} - shared
        for split in ("train", "test")
    )
    assert not train & test


def test_no_labeled_sentence_is_in_the_raw_text(corpus):
    raw = set(corpus["unlabeled.txt"].lower().splitlines())
    labeled = {to_text(sentence).lower() for split in SENTENCES for sentence in sentences(corpus[f"{split}.conll"])}
    assert not raw & labeled


def test_many_names_have_several_types(corpus):
    test = names(corpus["test.conll"])
    assert len(test) - len({name for name, _ in test}) > 20


def test_some_test_names_are_in_the_raw_text(corpus):
    raw = corpus["unlabeled.txt"].lower()
    in_raw = [name in raw for name, _ in sorted(names(corpus["test.conll"]))]
    assert 0.2 < sum(in_raw) / len(in_raw) < 0.8


def test_templates_are_many_and_distinct():
    templates = read_templates(TEMPLATES)
    bodies = [template.text for template in templates["bodies"]]
    assert len(bodies) == len(set(bodies)) > 120
    assert {template.stars for template in templates["bodies"]} == {0, 1, 2}


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ('" Look , " said Ann , " it rains . "', '"Look," said Ann, "it rains."'),
        ("Oslo ( not Bergen ) 's fish !", "Oslo (not Bergen)'s fish!"),
        ("ANN 'S DOG", "ANN'S DOG"),
    ],
)
def test_punctuation_is_attached_in_raw_text(words, text):
    assert to_text([(word, "O") for word in words.split()]) == text


def test_the_word_splitter_restores_the_words_of_raw_text(corpus):
    for name in ("train.conll", "dev.conll", "test.conll"):
        for sentence in sentences(corpus[name]):
            assert WordSplitter.default().words(to_text(sentence)) == tuple(word for word, _ in sentence)


def test_a_sentence_is_a_block_of_a_column_file():
    assert conll([("Ann", "B-person"), ("runs", "O")]) == "Ann\tB-person\nruns\tO\n\n"
