"""Damaged files of a transfer set are reported and moved aside, and the command writes the same bytes again."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from nlptrain.data.sentence import Sentence
from nlptrain.distillation.block_file import open_block
from nlptrain.distillation.block_labeling import LabelingResult
from nlptrain.distillation.block_store import BlockStore
from nlptrain.distillation.sealed_files import DamagedFileError, sealed_content
from nlptrain.distillation.teachers import TransformerTeacher
from nlptrain.errors import InputError
from nlptrain.models import TransformerTokenClassifier
from nlptrain.run.run import Run
from tests.helpers.corpora import LABELS, make_sentences
from tests.helpers.transfer_sets import fixed_blocks, label

SENTENCES = [Sentence((*words, str(n))) for n, (words, _) in enumerate(make_sentences(40, 1))]


@pytest.fixture(scope="module")
def teacher(tiny_bert: Path) -> TransformerTokenClassifier:
    return TransformerTokenClassifier.from_pretrained(str(tiny_bert), LABELS)


@pytest.fixture(scope="module")
def straight(teacher: TransformerTokenClassifier, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """Return a store with three blocks, of 16, 16 and 8 sentences, and their files."""
    with pytest.MonkeyPatch.context() as patch:
        fixed_blocks(patch, 16)
        store, done = label(tmp_path_factory.mktemp("straight"), teacher, SENTENCES)
    return store.folder, [f"{name}.arrow" for name in done.names]


@pytest.fixture
def stored(straight: tuple[Path, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    fixed_blocks(monkeypatch, 16)
    return Path(shutil.copytree(straight[0], tmp_path / straight[0].name))


def label_again(folder: Path, teacher: TransformerTokenClassifier) -> tuple[LabelingResult, list[str]]:
    run, log = Run(None, device="cpu"), []
    run.log = log.append  # type: ignore[method-assign, assignment]
    return label(folder.parent, teacher, SENTENCES, run)[1], log


def flip(path: Path, position: int = -1) -> None:
    content = bytearray(path.read_bytes())
    content[position if position >= 0 else len(content) // 2] ^= 0x10
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("indices", [[0], [1], [2], [1, 0]], ids=str)
@pytest.mark.parametrize("damage", [flip, cut, empty, Path.unlink])
def test_a_damaged_block_is_labeled_again(
    teacher: TransformerTokenClassifier,
    straight: tuple[Path, list[str]],
    stored: Path,
    indices: list[int],
    damage: Callable[[Path], object],
) -> None:
    names = [straight[1][index] for index in indices]
    for name in names:
        damage(stored / name)
    left = {name: (stored / name).read_bytes() for name in names if (stored / name).exists()}
    done, log = label_again(stored, teacher)
    assert done.computed == sum(8 if index == 2 else 16 for index in indices)
    assert done.stored == 40 - done.computed
    for path in straight[0].iterdir():
        assert (stored / path.name).read_bytes() == path.read_bytes(), path.name
    for name in left:
        assert (stored / f"{name}.damaged").read_bytes() == left[name]
        (line,) = [line for line in log if line.startswith(f"{stored / name}: ")]
        assert line == (
            f"{stored / name}: damaged (its checksum differs); moved to {name}.damaged; its sentences are labeled again"
        )
    assert [sentence.words for sentence in done.transfer_set().sentences()] == [s.words for s in SENTENCES]
    assert label_again(stored, teacher)[0].computed == 0


def test_an_unreadable_block_is_kept(
    teacher: TransformerTokenClassifier, straight: tuple[Path, list[str]], stored: Path
) -> None:
    name = straight[1][1]
    (stored / name).unlink()
    (stored / name).mkdir()
    with pytest.raises(InputError, match=re.escape(f"{name}: cannot be read: ")):
        label_again(stored, teacher)
    assert (stored / name).is_dir()


def test_each_changed_byte_of_a_block_is_detected(straight: tuple[Path, list[str]], stored: Path) -> None:
    path = stored / straight[1][2]
    content = path.read_bytes()
    for position in range(0, len(content), 7):
        flip(path, position)
        with pytest.raises(DamagedFileError, match="its checksum differs"):
            open_block(path, len(LABELS))
        path.write_bytes(content)
    open_block(path, len(LABELS))


def test_a_file_of_another_shape_is_no_block(straight: tuple[Path, list[str]], tmp_path: Path) -> None:
    whole = (straight[0] / straight[1][0]).read_bytes()
    batch = pa.ipc.open_stream(whole).read_next_batch()
    others = [
        sealed_content(batch.select(["hash", "text"])),
        sealed_content(batch.slice(0, 0)),
        sealed_content(batch.set_column(1, "text", pa.array([None] * 16, pa.string()))),
        sealed_content(batch.set_column(2, "words", pa.array([[1]] * 16))),
        sealed_content(batch.set_column(2, "words", pa.array([[{"gap": 0}]] * 16))),
        b"no Arrow" + hashlib.sha256(b"no Arrow").digest(),
    ]
    path = tmp_path / "other.arrow"
    for content in others:
        path.write_bytes(content)
        with pytest.raises(DamagedFileError):
            open_block(path, len(LABELS))
    path.write_bytes(whole)
    with pytest.raises(DamagedFileError, match="it has no 4 logits for each word"):
        open_block(path, 4)


def test_partial_files_are_removed_and_damaged_ones_kept(
    teacher: TransformerTokenClassifier, straight: tuple[Path, list[str]], stored: Path
) -> None:
    name, host = straight[1][1], re.sub(r"\W", "", platform.node())
    dead, alive = (
        stored / f".x.arrow.{part}.part" for part in (f"{host}-999999999-01234567", f"{host}-{os.getpid()}-0")
    )
    alive = alive.with_name(f".x.arrow.{host}-{os.getpid()}-01234567.part")
    for path in (dead, alive):
        path.write_bytes(b"half")
    (stored / f"{name}.damaged").write_bytes(b"of an earlier time")
    flip(stored / name)
    _, log = label_again(stored, teacher)
    assert (dead.exists(), alive.exists()) == (False, True)
    assert (stored / f"{name}.damaged").read_bytes() == b"of an earlier time"
    assert any(f"moved to {name}.damaged-2" in line for line in log)


def test_names_of_stored_blocks(
    teacher: TransformerTokenClassifier, stored: Path, straight: tuple[Path, list[str]]
) -> None:

    store = BlockStore(stored.parent, TransformerTeacher(teacher))
    (stored / "x.arrow").write_bytes(b"")
    assert {f"{name}.arrow" for name in store.names()} == set(straight[1])
    assert BlockStore(stored, TransformerTeacher(teacher)).names() == set()
