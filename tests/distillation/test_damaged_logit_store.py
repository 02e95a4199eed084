"""Damaged files of a transfer set are reported and moved aside, and the command writes the same bytes again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nlptrain.data.sentence import Sentence
from nlptrain.distillation import labeling, logit_store
from nlptrain.distillation.labeling import LabelingResult, label_sentences
from nlptrain.distillation.logit_store import LogitStore
from nlptrain.distillation.teachers import TransformerTeacher
from nlptrain.errors import InputError
from nlptrain.models import TransformerTokenClassifier
from nlptrain.run.run import Run
from tests.helpers.corpora import LABELS, make_sentences
from tests.helpers.transfer_sets import store_logits

SENTENCES = [Sentence((*words, str(n))) for n, (words, _) in enumerate(make_sentences(40, 1))]


@pytest.fixture(scope="module")
def teacher(tiny_bert: Path) -> TransformerTokenClassifier:
    return TransformerTokenClassifier.from_pretrained(str(tiny_bert), LABELS)


@pytest.fixture(scope="module")
def straight(teacher: TransformerTokenClassifier, tmp_path_factory: pytest.TempPathFactory) -> LogitStore:
    return store_logits(tmp_path_factory.mktemp("straight"), teacher, SENTENCES, shard_size=16)


@pytest.fixture
def stored(straight: LogitStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Copy a transfer set of three shards, of 16, 16 and 8 sentences."""
    monkeypatch.setattr(labeling, "SHARD_SENTENCES", 16)
    return Path(shutil.copytree(straight.folder, tmp_path / straight.folder.name))


def label_again(folder: Path, teacher: TransformerTokenClassifier) -> tuple[LabelingResult, list[str], LogitStore]:
    store, run, log = LogitStore(folder.parent, TransformerTeacher(teacher)), Run(None, device="cpu"), []
    run.log = log.append  # type: ignore[method-assign, assignment]
    return label_sentences(store, SENTENCES, TransformerTeacher(teacher), run), log, store


def flip(path: Path, position: int = -1) -> None:
    content = bytearray(path.read_bytes())
    content[position if position >= 0 else len(content) // 2] ^= 0x10
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("numbers", [[0], [1], [2], [1, 0]], ids=str)
@pytest.mark.parametrize("damage", [flip, cut, empty, Path.unlink])
def test_a_damaged_shard_is_labeled_again(
    teacher: TransformerTokenClassifier,
    straight: LogitStore,
    stored: Path,
    numbers: list[int],
    damage: Callable[[Path], object],
) -> None:
    names = [f"{row:06d}.arrow" for row in numbers]
    for name in names:
        damage(stored / name)
    left = {name: (stored / name).read_bytes() for name in names if (stored / name).exists()}
    done, log, store = label_again(stored, teacher)
    assert done.computed == sum(8 if name == "000002.arrow" else 16 for name in names)
    assert done.stored == 40 - done.computed
    for path in straight.folder.iterdir():
        assert (stored / path.name).read_bytes() == path.read_bytes(), path.name
    for name in names:
        aside = stored / f"{name}.damaged"
        assert (aside.read_bytes() if name in left else aside.exists()) == left.get(name, False)
        (line,) = [line for line in log if line.startswith(f"{stored / name}: ")]
        assert line.endswith("; its sentences are labeled again")
        assert ("damaged (" in line, f"; moved to {name}.damaged" in line) == (name in left, name in left)
    rows = store.select(done.rows)
    assert [rows.sentence(row).words for row in range(40)] == [sentence.words for sentence in SENTENCES]
    assert label_again(stored, teacher)[0].computed == 0


@pytest.mark.parametrize(
    "damage",
    [
        flip,
        cut,
        empty,
        lambda path: path.write_text("[" * 100_000),
        lambda path: path.write_text("[1]"),
        lambda path: path.write_text('{"format": 1, "shards": [{"file": "../../x.arrow", "sentences": 1}]}'),
        lambda path: path.write_text('{"format": 1, "shards": {"file": 1}}'),
        lambda path: path.write_text(path.read_text().replace('"teacher"', '"teacher": "a",\n  "teacher"')),
    ],
    ids=["flip", "cut", "empty", "deep", "list", "other folder", "other shape", "a key twice"],
)
def test_a_damaged_manifest_is_rebuilt_and_keeps_all_shards(
    teacher: TransformerTokenClassifier, straight: LogitStore, stored: Path, damage: Callable[[Path], object]
) -> None:
    path = stored / logit_store.MANIFEST
    damage(path)
    done, log, _ = label_again(stored, teacher)
    assert (done.computed, done.stored) == (0, 40)
    assert path.read_bytes() == (straight.folder / path.name).read_bytes()
    assert (stored / "manifest.json.damaged").exists()
    (line,) = log
    assert line.startswith(f"{path}: damaged (")
    assert line.endswith("; moved to manifest.json.damaged; the shards are checked without it")


def without_checksums(folder: Path) -> None:
    """Write the manifest as version 0.1.0 did."""
    path = folder / logit_store.MANIFEST
    described = json.loads(path.read_text(encoding="utf-8"))
    shards = [{"file": shard["file"], "sentences": shard["sentences"]} for shard in described["shards"]]
    path.write_text(json.dumps({**described, "format": 1, "checksum": None, "shards": shards}), encoding="utf-8")


def test_checksums_are_added_to_older_transfer_sets(
    teacher: TransformerTokenClassifier, straight: LogitStore, stored: Path
) -> None:
    without_checksums(stored)
    done, log, _ = label_again(stored, teacher)
    assert (done.computed, log) == (0, [])
    assert (stored / logit_store.MANIFEST).read_bytes() == (straight.folder / logit_store.MANIFEST).read_bytes()


def test_changed_words_are_detected_without_a_checksum(
    teacher: TransformerTokenClassifier, straight: LogitStore, stored: Path
) -> None:
    without_checksums(stored)
    path = stored / "000001.arrow"
    word = SENTENCES[20].words[0].encode()
    path.write_bytes(path.read_bytes().replace(word, word[::-1], 1))
    done, log, _ = label_again(stored, teacher)
    assert done.computed == 16
    assert "its words are not those that were labeled" in log[0]
    assert path.read_bytes() == (straight.folder / path.name).read_bytes()


def test_contains_ignores_damaged_shards_and_changes_no_file(teacher: TransformerTokenClassifier, stored: Path) -> None:
    flip(stored / "000001.arrow")
    before = {path.name: path.read_bytes() for path in stored.iterdir()}
    known = LogitStore(stored.parent, TransformerTeacher(teacher)).contains(
        np.array([sentence.hash() for sentence in SENTENCES], dtype="S16")
    )
    assert known.sum() == 24
    assert before == {path.name: path.read_bytes() for path in stored.iterdir()}


def test_an_unreadable_shard_is_kept(teacher: TransformerTokenClassifier, stored: Path) -> None:
    (stored / "000001.arrow").unlink()
    (stored / "000001.arrow").mkdir()
    with pytest.raises(InputError, match=r"000001\.arrow: cannot be read: "):
        label_again(stored, teacher)
    assert (stored / "000001.arrow").is_dir()


def test_each_changed_byte_of_a_shard_is_detected(teacher: TransformerTokenClassifier, stored: Path) -> None:
    path = stored / "000002.arrow"
    content = path.read_bytes()
    store = LogitStore(stored.parent, TransformerTeacher(teacher))
    for position in range(0, len(content), 7):
        flip(path, position)
        assert store.contains(np.array([SENTENCES[-1].hash()], dtype="S16")).tolist() == [False]
        store._shards.clear()
        path.write_bytes(content)


def test_partial_files_are_removed_and_damaged_ones_kept(teacher: TransformerTokenClassifier, stored: Path) -> None:
    (stored / "000003.arrow.part").write_bytes(b"half")
    (stored / "000001.arrow.damaged").write_bytes(b"of an earlier time")
    flip(stored / "000001.arrow")
    _, log, _ = label_again(stored, teacher)
    assert not list(stored.glob("*.part"))
    assert (stored / "000001.arrow.damaged").read_bytes() == b"of an earlier time"
    assert any("moved to 000001.arrow.damaged-2" in line for line in log)
