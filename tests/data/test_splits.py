"""Splits: labels, checks of tags, and dev sentences that are split from train."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from nlptrain.config.data import DataConfig
from nlptrain.data.labels import Labels
from nlptrain.data.sentence import Sentence, words_hash
from nlptrain.data.splits import Splits, held_out_sentences, read_splits
from nlptrain.data.splitting import take_dev
from nlptrain.data.tag_schemes import SCHEME_PREFIXES, Scheme, Span, spans_to_tags
from nlptrain.errors import InputError

TaggedWords = Sequence[Sequence[str]]


def _splits(
    folder: Path, labels: Labels | None = None, options: dict[str, object] | None = None, **splits: TaggedWords
) -> tuple[Splits, list[str]]:
    """Return the splits of files with ``word/tag`` words, and the log lines."""
    paths = {}
    for name, sentences in splits.items():
        path = folder / f"{name}.conll"
        rows = ("".join(f"{word.replace('/', chr(9))}\n" for word in sentence) for sentence in sentences)
        path.write_text("\n".join(rows))
        paths[name] = str(path)
    logged: list[str] = []
    data = DataConfig.model_validate({**paths, **(options or {})})
    return read_splits(data, labels, log=logged.append), logged


TRAIN = [["Ada/B-person", "sings/O"], ["Acme/B-group", "Inc/I-group"]]
DEV = [["Bob/B-person"]]


def test_labels_are_those_of_train(tmp_path: Path) -> None:
    """They are used without a teacher and without data.labels; the scheme is always logged."""
    splits, logged = _splits(tmp_path, train=TRAIN, dev=DEV, test=[["Cid/B-person"]])
    assert splits.labels == Labels(("O", "B-group", "I-group", "B-person", "I-person"), "iob2")
    assert [len(part) for part in (splits.train, splits.dev, splits.test)] == [2, 1, 1]
    assert not splits.is_dev_from_train
    assert logged == ["tag scheme: IOB2 (data.scheme)"]
    assert held_out_sentences(splits).hashes == {words_hash(("Bob",)), words_hash(("Cid",))}


def test_the_order_of_given_labels_is_kept(tmp_path: Path) -> None:
    """Labels of the teacher take precedence over data.labels, and these over labels of train."""
    teacher = Labels(("B-person", "I-person", "B-group", "I-group", "O"), "iob2")
    names = ["I-group", "B-group", "O", "I-person", "B-person"]
    assert _splits(tmp_path, teacher, {"labels": names}, train=TRAIN, dev=DEV)[0].labels == teacher
    assert _splits(tmp_path, None, {"labels": names}, train=TRAIN, dev=DEV)[0].labels == Labels(tuple(names), "iob2")


def test_plain_tags_are_found_and_can_be_named(tmp_path: Path) -> None:
    """B- and I- have no meaning if the scheme is set to plain."""
    splits, _ = _splits(tmp_path, train=[["a/NOUN", "b/VERB"]], dev=[["c/VERB"]])
    assert splits.labels == Labels(("NOUN", "VERB"), "plain")
    splits, _ = _splits(tmp_path, None, {"scheme": "plain"}, train=[["a/I-x", "b/O"]], dev=[["c/O"]])
    assert splits.labels == Labels(("I-x", "O"), "plain")


def test_invalid_tags_are_repaired_and_counted(tmp_path: Path) -> None:
    """Each log line has the first locations; the counts of each split are kept."""
    splits, logged = _splits(
        tmp_path, train=[*TRAIN, ["a/O", "b/I-person"]], dev=DEV, test=[["a/B-person", "b/I-group", "c/O"]]
    )
    assert [sentence.tags for sentence in splits.train][-1] == ("O", "B-person")
    assert splits.test[0].tags == ("B-person", "B-group", "O")
    cause = "tag that IOB2 does not allow there"
    assert logged[:2] == [
        f"repaired: {cause}: 1 ({tmp_path}/train.conll:8: found I-person after O; expected B-person)",
        f"repaired: {cause}: 1 ({tmp_path}/test.conll:2: found I-group after B-person; expected B-group)",
    ]
    assert splits.read_counts == {
        "train": {"sentences": 3, "repaired": {cause: 1}},
        "dev": {"sentences": 1},
        "test": {"sentences": 1, "repaired": {cause: 1}},
    }


def test_strict_reading_reports_all_faults_of_all_files(tmp_path: Path) -> None:
    """Each message has file and line."""
    with pytest.raises(InputError) as caught:
        _splits(
            tmp_path,
            None,
            {"strict": True},
            train=[*TRAIN, ["a/O", "b/I-person"]],
            dev=[["a/B-person", "b/?"]],
            test=[["a/B-person", "b/I-group"]],
        )
    cause = "tag that IOB2 does not allow there"
    assert str(caught.value).splitlines() == [
        f"{tmp_path}/train.conll:8: {cause}: found I-person after O; expected B-person",
        f"{tmp_path}/dev.conll:2: tag that cannot be read: found '?'; expected O or a tag of IOB2",
        f"{tmp_path}/test.conll:2: {cause}: found I-group after B-person; expected B-group",
    ]


def test_too_many_skipped_sentences_are_refused(tmp_path: Path) -> None:
    """More than a hundred, and more than data.max_faulty; repairs do not count."""
    train = [*[["Ada/B-person", "Lovelace/I-person"]] * 200, *[["a/B-person", "b/I-person", "c/B-"]] * 101]
    with pytest.raises(InputError) as caught:
        _splits(tmp_path, train=train, dev=DEV)
    lines = str(caught.value).splitlines()
    assert len(lines) == 5
    assert lines[0].startswith(f"{tmp_path}/train.conll:603: tag that cannot be read: found 'B-'")
    assert lines[3] == "(+98 more)"
    assert lines[4] == (
        "skipped 101 of 301 sentences (33.6%), and at most 2% may be (data.max_faulty); "
        "check the format, the columns and the scheme of the files"
    )
    splits, _ = _splits(tmp_path, None, {"max_faulty": 0.4}, train=train, dev=DEV)
    assert len(splits.train) == 200
    splits, _ = _splits(tmp_path, train=train[:300], dev=DEV)
    assert len(splits.train) == 200


def test_unknown_tags_are_reported_once(tmp_path: Path) -> None:
    """The message has the labels and the most similar one."""
    with pytest.raises(InputError) as caught:
        _splits(tmp_path, train=TRAIN, dev=[["a/B-persona", "b/B-persona"], ["a/B-zzzz"]])
    expected = "expected one of O, B-group, I-group, B-person, I-person"
    assert str(caught.value).splitlines() == [
        f"{tmp_path}/dev.conll:1: found 'B-persona'; {expected}; did you mean 'B-person'?",
        f"{tmp_path}/dev.conll:4: found 'B-zzzz'; {expected}",
        "the labels are those of the train sentences; if there are others, list all labels in data.labels",
    ]
    names = ["O", "B-group", "I-group", "B-person", "I-person", "B-zzzz"]
    splits, _ = _splits(tmp_path, None, {"labels": names}, train=TRAIN, dev=[["a/B-zzzz"]])
    assert splits.labels.names == tuple(names)


def test_many_labels_are_not_all_listed(tmp_path: Path) -> None:
    """The message lists the first thirty."""
    with pytest.raises(InputError, match=r"found 'X'; expected one of T10, .*, T39, \.\.\. \(\+20 more\)\n"):
        _splits(tmp_path, train=[[f"a{index}/T{index}" for index in range(10, 60)]], dev=[["a/X"]])


def test_a_stray_tag_does_not_make_iob2_plain(tmp_path: Path) -> None:
    """Otherwise the metric would silently change from F1 to accuracy."""
    train = [*[["Ada/B-person", "sings/O", "Ada/B-person", "x/I-person"]] * 4, ["a/O", "b/PER"], ["a/O", "b/person"]]
    splits, logged = _splits(tmp_path, train=train, dev=DEV)
    assert splits.labels.scheme == "iob2"
    assert [sentence.tags for sentence in splits.train[4:]] == [("O", "B-person")]
    assert logged[0] == (
        f"skipped: tag that cannot be read: 1 ({tmp_path}/train.conll:22: found 'PER'; expected O or a tag of IOB2)"
    )
    assert _splits(tmp_path, None, {"scheme": "plain"}, train=train, dev=DEV)[0].labels.scheme == "plain"


def test_tags_that_are_neither_entities_nor_a_tag_set_are_refused(tmp_path: Path) -> None:
    text = "the second column holds the words again, as in lemmas or in a parallel text"
    train = [[f"{word}-/{word}" for word in text.split()]]
    with pytest.raises(
        InputError, match=r"train\.conll: found 13 different tags among 15 words .*set data\.columns\.tags or, if they"
    ):
        _splits(tmp_path, train=train, dev=DEV)
    assert _splits(tmp_path, None, {"scheme": "plain"}, train=train, dev=train)[0].labels.scheme == "plain"


CORPUS = [
    [("Ada", "p", 0), ("Lovelace", "p", 0), ("Boris", "p", 1), ("met", "", 0), ("NATO", "g", 2)],
    [("it", "", 0), ("rained", "", 0)],
    [("Acme", "g", 0), ("Inc", "g", 0), ("of", "", 0), ("Oslo", "l", 1)],
]


def _written(scheme: Scheme) -> list[list[str]]:
    """Return the corpus in a scheme; adjacent words with the same type and index are one entity."""
    sentences = []
    for words in CORPUS:
        entities = [
            Span(label, indices[0], indices[-1] + 1)
            for (label, _), group in itertools.groupby(range(len(words)), key=lambda index: words[index][1:])
            if label and (indices := list(group))
        ]
        tags = spans_to_tags(entities, len(words), scheme)
        sentences.append([f"{word}/{tag}" for (word, _, _), tag in zip(words, tags, strict=True)])
    return sentences


@pytest.mark.parametrize("scheme", ["iob1", "iobes", "bilou"])
@pytest.mark.parametrize("label_scheme", [None, "iob1", "iob2", "iobes", "bilou"])
def test_splits_do_not_depend_on_the_scheme_of_the_files(
    tmp_path: Path, scheme: Scheme, label_scheme: Scheme | None
) -> None:
    """The sentences are converted to IOB2 or to the scheme of the teacher."""
    labels = None
    if label_scheme is not None:
        labels = Labels(
            ("O", *(f"{prefix}-{name}" for name in "plg" for prefix in SCHEME_PREFIXES[label_scheme])), label_scheme
        )
    expected, _ = _splits(tmp_path, labels, train=_written("iob2"), dev=_written("iob2"))
    splits, logged = _splits(tmp_path, labels, train=_written(scheme), dev=_written("iob2"))
    assert splits == expected
    assert [sentence.tags for sentence in splits.train] == [
        tuple(word.split("/")[1] for word in sentence) for sentence in _written(label_scheme or "iob2")
    ]
    name = {"iob1": "IOB1", "iob2": "IOB2", "iobes": "IOBES", "bilou": "BILOU"}
    converted = f"converted to {name[label_scheme or 'iob2']} (data.scheme)"
    assert logged[0] == f"tag scheme: {name[scheme]} in train, IOB2 in dev, {converted}"


def test_a_split_without_evidence_has_the_scheme_of_the_others(tmp_path: Path) -> None:
    """For example, a dev file without an entity."""
    _, logged = _splits(tmp_path, train=_written("bilou"), dev=[["it/O", "rained/O"]])
    assert logged[0] == "tag scheme: BILOU, converted to IOB2 (data.scheme)"


def test_a_split_may_have_files_of_several_schemes(tmp_path: Path) -> None:
    """Each file is read in its own scheme and spelling."""
    for scheme in ("iob1", "iobes"):
        rows = ("".join(f"{word.replace('/', chr(9))}\n" for word in sentence) for sentence in _written(scheme))
        (tmp_path / f"part.{scheme}.conll").write_text("\n".join(rows))
    logged: list[str] = []
    data = DataConfig(train=str(tmp_path / "part.*.conll"), dev=str(tmp_path / "part.iob1.conll"))
    splits = read_splits(data, log=logged.append)
    expected = [tuple(word.split("/")[1] for word in sentence) for sentence in _written("iob2")]
    assert [sentence.tags for sentence in splits.train] == expected * 2
    first = f"tag scheme: IOB1 in {tmp_path}/part.iob1.conll and dev, IOBES in {tmp_path}/part.iobes.conll"
    assert logged[0] == f"{first}, converted to IOB2 (data.scheme)"


def test_a_teacher_without_labels_for_the_gold_tags_is_refused(tmp_path: Path) -> None:
    """The labels look like IOB1, but lack some of IOBES."""
    labels = Labels(("O", "B-p", "I-p", "E-p"), "iobes")
    with pytest.raises(InputError, match=r"in IOBES, the scheme of the model's labels, the tags include S-p"):
        _splits(tmp_path, labels, train=[["a/B-p"]], dev=[["a/B-p"]])


def test_labels_and_files_of_different_tasks_are_refused(tmp_path: Path) -> None:
    """A teacher of entities with files of parts of speech, and the reverse."""
    with pytest.raises(
        InputError,
        match=r"train\.conll: found plain tags \(NOUN, VERB\); expected IOB2 tags, as .* of the model \(O, B-a, I-a\);",
    ):
        _splits(tmp_path, Labels(("O", "B-a", "I-a"), "iob2"), train=[["a/NOUN", "b/VERB"]], dev=[["c/VERB"]])
    with pytest.raises(
        InputError, match=r"found IOB2 tags \(.*\); expected plain tags, as the labels of the model \(NOUN, VERB\)"
    ):
        _splits(tmp_path, Labels(("NOUN", "VERB"), "plain"), train=TRAIN, dev=DEV)


def test_duplicates_of_train_are_logged(tmp_path: Path) -> None:
    """Sentences with the same words are duplicates, whatever their tags."""
    _, logged = _splits(tmp_path, train=TRAIN, dev=[["Ada/O", "sings/O"], *DEV], test=TRAIN)
    assert logged[1:] == [
        "duplicates: 1 of 2 dev sentences also occur in train",
        "duplicates: 2 of 2 test sentences also occur in train",
    ]


def test_a_dev_split_without_an_entity_is_logged(tmp_path: Path) -> None:
    """Its F1 cannot select a model; accuracy of plain tags can."""
    _, logged = _splits(tmp_path, train=TRAIN, dev=[["Bob/O", "sings/O"], ["he/O"]], test=[["Bob/B-person"]])
    assert logged[1:] == ["dev: no entity in 2 sentences, F1 is always 0, the last step is kept if this F1 selects"]
    plain: TaggedWords = [["Bob/O", "sings/VERB"]]
    _, logged = _splits(tmp_path, train=plain, dev=[["he/O"]])
    assert not any("no entity" in line for line in logged)


def test_dev_is_split_from_train(tmp_path: Path) -> None:
    """If data.dev is missing; the labels are those of all train sentences."""
    train = [[f"{'a' * index}c/O", "b/B-x"] for index in range(28)] + [["c/B-rare"]]
    splits, logged = _splits(tmp_path, train=train)
    assert (len(splits.train), len(splits.dev), splits.is_dev_from_train) == (20, 9, True)
    assert "B-rare" in splits.labels.names
    assert logged[1:] == ["dev: 9 of 29 train sentences, chosen by hash (data.dev is not set)"]


def test_error_if_train_is_too_small_to_split_dev(tmp_path: Path) -> None:
    """Without dev sentences no model can be selected."""
    with pytest.raises(InputError, match=r"^data\.dev: missing, and the 2 sentences of data\.train are too few"):
        _splits(tmp_path, train=TRAIN)
    with pytest.raises(InputError, match=r"^data\.train: missing; expected the files"):
        _splits(tmp_path, dev=DEV)


@pytest.mark.parametrize(("sentences", "dev"), [(3, 1), (29, 9), (299, 99), (500, 100), (5_000, 500), (50_000, 2_000)])
def test_the_size_of_the_dev_split(sentences: int, dev: int) -> None:
    """10 % of train, at least 100 but at most a third, and at most 2,000 sentences."""
    train, dev_split = take_dev([Sentence((str(index),)) for index in range(sentences)])
    assert (len(train), len(dev_split)) == (sentences - dev, dev)


def test_dev_depends_on_the_sentences_alone() -> None:
    """Their order has no effect; duplicates stay together, and many duplicates neither fill nor empty dev."""
    sentences = [Sentence((str(index),)) for index in range(600)] + [Sentence(("thanks",))] * 300
    chosen = {sentence.words for sentence in take_dev(sentences)[1]}
    random.Random(0).shuffle(sentences)
    train, dev = take_dev(sentences)
    assert {sentence.words for sentence in dev} == chosen
    assert len(dev) == 100
    assert not chosen & {sentence.words for sentence in train}
    assert take_dev([Sentence(("thanks",))] * 300)[1] == []


def test_train_tags_must_be_labels_of_the_model(tmp_path: Path) -> None:
    """For example, an I- tag of a known type."""
    with pytest.raises(InputError, match=r"in IOB2, the scheme of the model's labels, the tags include I-p"):
        _splits(tmp_path, Labels(("O", "B-p"), "iob2"), train=[["a/B-p", "b/I-p"]], dev=[["a/B-p"]])


def test_adjacent_entities_are_merged_for_a_teacher_without_b(tmp_path: Path) -> None:
    """They are counted and logged; in dev they stay separate, so that the score is unchanged."""
    labels = Labels.from_names(["O", "I-p"])
    gold = [["a/B-p", "b/B-p", "c/O"]]
    splits, logged = _splits(tmp_path, labels, train=gold, dev=gold)
    assert splits.train[0].tags == ("I-p", "I-p", "O")
    assert splits.dev[0].tags == ("I-p", "B-p", "O")
    assert logged[:2] == [
        "tag scheme: IOB2, converted to IOB1 (data.scheme)",
        "train: 1 entities merged with the entity of the same type before them (the model has no B- label)",
    ]


def test_a_small_dev_set_of_similar_sentences_is_logged(tmp_path: Path) -> None:
    names = ["".join(letters) for letters in itertools.product("abcdefg", repeat=3)]
    same = [
        [f"{word}/O" for word in f"the train to {name} departs from platform two at noon today".split()]
        for name in names
    ]
    other = [[f"{word}/B-x" for word in text.split()] for text in ("it rains", "we left", "they came", "they sing")]
    splits, logged = _splits(tmp_path, train=[*same, *other])
    assert len(splits.dev) == 4
    assert logged[2] == (
        "dev: 4 sentences instead of 100, as most of train are near-duplicates of each other; scores on so few are "
        "unreliable: set data.dev"
    )
