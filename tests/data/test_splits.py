"""Splits: labels, checks of the tags, and dev out of train."""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from nlptrain.config.data import DataConfig
from nlptrain.data.labels import Labels
from nlptrain.data.sentence import Sentence, words_hash
from nlptrain.data.splits import Splits, held_out_hashes, read_splits, take_dev
from nlptrain.data.tag_schemes import SCHEME_PREFIXES, Scheme, Span, tags_of
from nlptrain.errors import InputError

Tagged = Sequence[Sequence[str]]


def _splits(
    folder: Path, labels: Labels | None = None, options: dict[str, object] | None = None, **splits: Tagged
) -> tuple[Splits, list[str]]:
    """The splits of files with ``word/tag`` words; what was said."""
    paths = {}
    for name, sentences in splits.items():
        path = folder / f"{name}.conll"
        rows = ("".join(f"{word.replace('/', chr(9))}\n" for word in sentence) for sentence in sentences)
        path.write_text("\n".join(rows))
        paths[name] = str(path)
    said: list[str] = []
    data = DataConfig.model_validate({**paths, **(options or {})})
    return read_splits(data, labels, log=said.append), said


TRAIN = [["Ada/B-person", "sings/O"], ["Acme/B-group", "Inc/I-group"]]
DEV = [["Bob/B-person"]]


def test_labels_are_those_of_train(tmp_path: Path) -> None:
    """Without a teacher or a list; the scheme is always said."""
    splits, said = _splits(tmp_path, train=TRAIN, dev=DEV, test=[["Cid/B-person"]])
    assert splits.labels == Labels(("O", "B-group", "I-group", "B-person", "I-person"), "iob2")
    assert [len(part) for part in (splits.train, splits.dev, splits.test)] == [2, 1, 1]
    assert not splits.dev_from_train
    assert said == ["tags: IOB2"]
    assert held_out_hashes(splits) == {words_hash(("Bob",)), words_hash(("Cid",))}


def test_the_order_of_given_labels_is_kept(tmp_path: Path) -> None:
    """The teacher's before those of the configuration, these before train's."""
    teacher = Labels(("B-person", "I-person", "B-group", "I-group", "O"), "iob2")
    named = ["I-group", "B-group", "O", "I-person", "B-person"]
    assert _splits(tmp_path, teacher, {"labels": named}, train=TRAIN, dev=DEV)[0].labels == teacher
    assert _splits(tmp_path, None, {"labels": named}, train=TRAIN, dev=DEV)[0].labels == Labels(tuple(named), "iob2")


def test_plain_tags_are_found_and_can_be_named(tmp_path: Path) -> None:
    """B- and I- mean nothing if the configuration says so."""
    splits, _ = _splits(tmp_path, train=[["a/NOUN", "b/VERB"]], dev=[["c/VERB"]])
    assert splits.labels == Labels(("NOUN", "VERB"), "plain")
    splits, _ = _splits(tmp_path, None, {"scheme": "plain"}, train=[["a/I-x", "b/O"]], dev=[["c/O"]])
    assert splits.labels == Labels(("I-x", "O"), "plain")


def test_broken_iob2_is_named_in_every_split(tmp_path: Path) -> None:
    """By file and line."""
    with pytest.raises(InputError) as caught:
        _splits(
            tmp_path, train=[*TRAIN, ["a/O", "b/I-person"]], dev=[["a/I-person"]], test=[["a/B-person", "b/I-group"]]
        )
    assert str(caught.value).splitlines() == [
        f"{tmp_path}/train.conll:8: found I-person behind O; IOB2 opens an entity with B-person",
        f"{tmp_path}/test.conll:2: found I-group behind B-person; IOB2 opens an entity with B-group",
    ]
    dev = [["a/B-group"], ["a/I-person"], ["a/E-person"]]
    with pytest.raises(InputError) as caught:
        _splits(tmp_path, None, {"scheme": "iob2"}, train=TRAIN, dev=dev, test=[["a/B-person", "b/I-group"]])
    assert str(caught.value).splitlines() == [
        f"{tmp_path}/dev.conll:3: found I-person at the beginning of a sentence; IOB2 opens an entity with B-person",
        f"{tmp_path}/dev.conll:5: found 'E-person'; an IOB2 tag is O, B-TYPE or I-TYPE",
        f"{tmp_path}/test.conll:2: found I-group behind B-person; IOB2 opens an entity with B-group",
    ]


def test_ten_faults_are_shown(tmp_path: Path) -> None:
    """And the others counted."""
    with pytest.raises(InputError) as caught:
        _splits(tmp_path, train=TRAIN, dev=[["a/B-person"], *[["a/I-person"]] * 1_012])
    lines = str(caught.value).splitlines()
    assert len(lines) == 11
    assert lines[-1] == "(+1,002 more)"


def test_unknown_tags_are_named_once(tmp_path: Path) -> None:
    """With the labels and the nearest of them."""
    with pytest.raises(InputError) as caught:
        _splits(tmp_path, train=TRAIN, dev=[["a/B-persona", "b/B-persona"], ["a/B-zzzz"]])
    known = "known: O, B-group, I-group, B-person, I-person"
    assert str(caught.value).splitlines() == [
        f"{tmp_path}/dev.conll:1: found 'B-persona'; {known}; did you mean 'B-person'?",
        f"{tmp_path}/dev.conll:4: found 'B-zzzz'; {known}",
        "the labels are those of the train sentences; where others are meant, too, list all of them in data.labels",
    ]
    names = ["O", "B-group", "I-group", "B-person", "I-person", "B-zzzz"]
    splits, _ = _splits(tmp_path, None, {"labels": names}, train=TRAIN, dev=[["a/B-zzzz"]])
    assert splits.labels.names == tuple(names)


def test_many_labels_are_not_all_listed(tmp_path: Path) -> None:
    """Thirty are."""
    with pytest.raises(InputError, match=r"found 'X'; known: T10, .*, T39, \.\.\. \(\+20 more\)\n"):
        _splits(tmp_path, train=[[f"a/T{number}" for number in range(10, 60)]], dev=[["a/X"]])


def test_a_stray_tag_does_not_make_iob2_plain(tmp_path: Path) -> None:
    """It would change the score from F1 to accuracy without a word; the configuration may say that it is meant."""
    train = [*TRAIN, ["a/O", "b/PER"]]
    message = f"{tmp_path}/train.conll:8: found 'PER' among IOB2 tags, which are O, B-TYPE and I-TYPE; mend it, or set"
    with pytest.raises(InputError, match=f"^{re.escape(message)}"):
        _splits(tmp_path, train=train, dev=DEV)
    assert _splits(tmp_path, None, {"scheme": "plain"}, train=train, dev=DEV)[0].labels.scheme == "plain"
    with pytest.raises(InputError, match=r"^\S+train\.conll:8: found 'PER'; an IOB2 tag is O, B-TYPE or I-TYPE$"):
        _splits(tmp_path, None, {"scheme": "iob2"}, train=train, dev=DEV)


CORPUS = [
    [("Ada", "p", 0), ("Lovelace", "p", 0), ("Boris", "p", 1), ("met", "", 0), ("NATO", "g", 2)],
    [("it", "", 0), ("rained", "", 0)],
    [("Acme", "g", 0), ("Inc", "g", 0), ("of", "", 0), ("Oslo", "l", 1)],
]


def _written(scheme: Scheme) -> list[list[str]]:
    """The corpus in a scheme: neighbors of one type and number are one entity."""
    sentences = []
    for words in CORPUS:
        found = [
            Span(label, places[0], places[-1] + 1)
            for (label, _), group in itertools.groupby(range(len(words)), key=lambda place: words[place][1:])
            if label and (places := list(group))
        ]
        tags = tags_of(found, len(words), scheme)
        sentences.append([f"{word}/{tag}" for (word, _, _), tag in zip(words, tags, strict=True)])
    return sentences


@pytest.mark.parametrize("scheme", ["iob1", "iobes", "bilou"])
@pytest.mark.parametrize("wanted", [None, "iob1", "iob2", "iobes", "bilou"])
def test_the_scheme_of_the_files_changes_nothing(tmp_path: Path, scheme: Scheme, wanted: Scheme | None) -> None:
    """The same corpus gives the same sentences, in IOB2 or in a teacher's own scheme."""
    labels = None
    if wanted is not None:
        labels = Labels(("O", *(f"{prefix}-{name}" for name in "plg" for prefix in SCHEME_PREFIXES[wanted])), wanted)
    expected, _ = _splits(tmp_path, labels, train=_written("iob2"), dev=_written("iob2"))
    splits, said = _splits(tmp_path, labels, train=_written(scheme), dev=_written("iob2"))
    assert splits == expected
    assert [sentence.tags for sentence in splits.train] == [
        tuple(word.split("/")[1] for word in sentence) for sentence in _written(wanted or "iob2")
    ]
    name = {"iob1": "IOB1", "iob2": "IOB2", "iobes": "IOBES", "bilou": "BILOU"}
    assert said[0] == f"tags: {name[scheme]} in train, IOB2 in dev; read as {name[wanted or 'iob2']}"


def test_a_split_that_proves_nothing_is_written_as_the_others(tmp_path: Path) -> None:
    """Here a dev file without a name."""
    _, said = _splits(tmp_path, train=_written("bilou"), dev=[["it/O", "rained/O"]])
    assert said[0] == "tags: BILOU; read as IOB2"


def test_faults_are_named_in_the_scheme_of_the_file(tmp_path: Path) -> None:
    """With what would be right there."""
    with pytest.raises(InputError, match=r"dev\.conll:2: found I-p behind B-p and before O; IOBES writes E-p here$"):
        _splits(tmp_path, train=_written("iobes"), dev=[["a/B-p", "b/I-p", "c/O", "d/S-p"]])
    with pytest.raises(
        InputError, match=r"found B-p at the beginning of a sentence and before O; IOB1 writes I-p here$"
    ):
        _splits(tmp_path, None, {"scheme": "iob1"}, train=_written("iob1"), dev=[["a/B-p", "b/O"]])
    with pytest.raises(InputError, match=r"train\.conll: the tags have prefixes of IOBES and of BILOU \(B-, E-, U-\)"):
        _splits(tmp_path, train=[["a/B-p", "b/E-p", "c/U-p"]], dev=DEV)
    with pytest.raises(
        InputError, match=r"train\.conll:2: found 'PER' among IOBES tags, which are O, B-TYPE, I-TYPE, E-"
    ):
        _splits(tmp_path, train=[["a/B-p", "b/PER", "c/S-p", "d/O"]], dev=DEV)


def test_a_teacher_that_cannot_write_the_gold_tags_is_refused(tmp_path: Path) -> None:
    """Its labels are named as IOB1, but are not complete for IOBES."""
    labels = Labels(("O", "B-p", "I-p", "E-p"), "iobes")
    with pytest.raises(
        InputError, match=r"in IOBES, as the labels of the model are written, it has S-p, which the model"
    ):
        _splits(tmp_path, labels, train=[["a/B-p"]], dev=[["a/B-p"]])


def test_labels_and_files_of_different_tasks_are_refused(tmp_path: Path) -> None:
    """A teacher of entities, files of parts of speech, and the other way round."""
    with pytest.raises(
        InputError,
        match=r"train\.conll: the tags are plain \(NOUN, VERB\), but the labels of the model are IOB2 \(O, B-a, I-a\);",
    ):
        _splits(tmp_path, Labels(("O", "B-a", "I-a"), "iob2"), train=[["a/NOUN", "b/VERB"]], dev=[["c/VERB"]])
    with pytest.raises(
        InputError, match=r"the tags are IOB2 \(.*\), but the labels of the model are plain \(NOUN, VERB\)"
    ):
        _splits(tmp_path, Labels(("NOUN", "VERB"), "plain"), train=TRAIN, dev=DEV)


def test_sentences_in_train_and_dev_are_said(tmp_path: Path) -> None:
    """Word for word, whatever their tags."""
    _, said = _splits(tmp_path, train=TRAIN, dev=[["Ada/O", "sings/O"], *DEV], test=TRAIN)
    assert said[1:] == [
        "dev: 1 of 2 sentences stand in train word for word",
        "test: 2 of 2 sentences stand in train word for word",
    ]


def test_a_dev_without_an_entity_is_said(tmp_path: Path) -> None:
    """No F1 can choose by it; of plain tags each word counts."""
    _, said = _splits(tmp_path, train=TRAIN, dev=[["Bob/O", "sings/O"], ["he/O"]], test=[["Bob/B-person"]])
    assert said[1:] == [
        "dev: there is no entity in its 2 sentences; its F1 is 0 whatever comes and, where it chooses, the last "
        "weights are kept"
    ]
    plain: Tagged = [["Bob/O", "sings/VERB"]]
    _, said = _splits(tmp_path, train=plain, dev=[["he/O"]])
    assert not any("no entity" in line for line in said)


def test_dev_is_taken_out_of_train(tmp_path: Path) -> None:
    """If no file is named, and it is said; labels are those of all train sentences."""
    train = [[f"a{number}/O", "b/B-x"] for number in range(28)] + [["c/B-rare"]]
    splits, said = _splits(tmp_path, train=train)
    assert (len(splits.train), len(splits.dev), splits.dev_from_train) == (20, 9, True)
    assert "B-rare" in splits.labels.names
    assert said[1:] == [
        "dev: 9 of the 29 train sentences, chosen by a hash of the sentence and taken out of train, as there is no "
        "data.dev"
    ]


def test_too_few_sentences_to_take_dev_from(tmp_path: Path) -> None:
    """A run without dev could choose no step."""
    with pytest.raises(InputError, match=r"^data\.dev: missing, and the 2 sentences of data\.train are too few"):
        _splits(tmp_path, train=TRAIN)
    with pytest.raises(InputError, match=r"^data\.train: missing; name the files"):
        _splits(tmp_path, dev=DEV)


@pytest.mark.parametrize(("sentences", "dev"), [(3, 1), (29, 9), (299, 99), (500, 100), (5_000, 500), (50_000, 2_000)])
def test_size_of_dev(sentences: int, dev: int) -> None:
    """10 %, at least 100 but at most a third, at most 2,000."""
    train, held = take_dev([Sentence((str(number),)) for number in range(sentences)])
    assert (len(train), len(held)) == (sentences - dev, dev)


def test_dev_depends_on_the_sentences_alone() -> None:
    """Not on their order; what is the same stays together, and a crowd of the same neither fills nor empties dev."""
    sentences = [Sentence((str(number),)) for number in range(600)] + [Sentence(("thanks",))] * 300
    chosen = {sentence.words for sentence in take_dev(sentences)[1]}
    random.Random(0).shuffle(sentences)
    train, dev = take_dev(sentences)
    assert {sentence.words for sentence in dev} == chosen
    assert len(dev) == 100
    assert not chosen & {sentence.words for sentence in train}
    assert take_dev([Sentence(("thanks",))] * 300)[1] == []


def test_what_is_learnt_must_be_a_label_of_the_model(tmp_path: Path) -> None:
    """Here a known type without its I-."""
    with pytest.raises(
        InputError, match=r"in IOB2, as the labels of the model are written, it has I-p, which the model"
    ):
        _splits(tmp_path, Labels(("O", "B-p"), "iob2"), train=[["a/B-p", "b/I-p"]], dev=[["a/B-p"]])


def test_a_teacher_without_b_learns_neighbours_as_one(tmp_path: Path) -> None:
    """That is counted and said; dev keeps them apart, so that the score stays what it is."""
    labels = Labels.from_names(["O", "I-p"])
    gold = [["a/B-p", "b/B-p", "c/O"]]
    splits, said = _splits(tmp_path, labels, train=gold, dev=gold)
    assert splits.train[0].tags == ("I-p", "I-p", "O")
    assert splits.dev[0].tags == ("I-p", "B-p", "O")
    assert said[:2] == [
        "tags: IOB2; read as IOB1",
        "train: 1 entities stand directly behind one of their type, and the model has no B- to part them",
    ]
