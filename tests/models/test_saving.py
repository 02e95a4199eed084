"""Models are saved atomically, and other files in the folder are kept."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from nlptrain.atomic_files import whole_folder
from nlptrain.data.vocabulary import Vocabulary
from nlptrain.data.word_splitter import WordSplitter
from nlptrain.errors import InputError
from nlptrain.models import TokenModel, load_token_model
from tests.helpers.small_models import small_model

WORDS = [["Ada", "lives", "in", "Oslo"]]


@pytest.fixture(params=["teacher", "pooled-lstm-crf", "word-idcnn-softmax"])
def model(tiny_bert: Path, request: pytest.FixtureRequest) -> TokenModel:
    """A teacher, a student with subwords, and a student with words."""
    return small_model(tiny_bert, request.param)


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("part", [WordSplitter, "featurizer", "model"])
@pytest.mark.parametrize("exists", [False, True])
def test_a_failed_save_changes_nothing(model, tmp_path, monkeypatch, part, exists):
    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    if exists:
        model.save_pretrained(tmp_path / "above" / "saved")
    before = files(tmp_path)
    if part is WordSplitter:
        monkeypatch.setattr(WordSplitter, "save", fail)
    else:
        owner = getattr(model, part)
        monkeypatch.setattr(owner, "save" if part == "featurizer" else "save_pretrained", fail)
    with pytest.raises(OSError, match="No space left"):
        model.save_pretrained(tmp_path / "above" / "saved")
    assert files(tmp_path) == before
    assert (tmp_path / "above").exists() == exists


def test_a_saved_model_replaces_another_and_keeps_other_files(model, tiny_bert, tmp_path):
    small_model(tiny_bert, "teacher").save_pretrained(tmp_path / "saved")
    (tmp_path / "saved" / "README.md").write_text("a card")
    (tmp_path / "saved" / "figures").mkdir()
    (tmp_path / "saved" / "figures" / "a.svg").write_text("a figure")
    (tmp_path / "saved" / "model-00001-of-00002.safetensors").write_bytes(b"a shard of the old one")
    model.save_pretrained(tmp_path / "saved")
    assert load_token_model(tmp_path / "saved").tag(WORDS) == model.tag(WORDS)
    assert (tmp_path / "saved" / "README.md").read_text() == "a card"
    assert (tmp_path / "saved" / "figures" / "a.svg").read_text() == "a figure"
    assert not (tmp_path / "saved" / "model-00001-of-00002.safetensors").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["saved"]


def test_error_if_a_folder_holds_other_files(model, tmp_path, monkeypatch):
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "a.txt").write_text("x")
    (tmp_path / "file").write_text("x")
    for name, message in (("letters", "holds a.txt, and no model"), ("file", "is a file")):
        with pytest.raises(InputError, match=message):
            model.save_pretrained(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="is the working directory"):
        model.save_pretrained(".")
    assert sorted(files(tmp_path)) == ["file", "letters/a.txt"]


def test_partial_files_of_a_killed_process_are_removed(tmp_path):
    dead = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    left = [tmp_path / f".saved.{int(dead.stdout)}.abcdefg1.part{old}" for old in ("", ".old")]
    pid = int(dead.stdout)
    names = [
        f".saved.{os.getpid()}.abcdefg1.part",
        f".save.{pid}.abcdefg1.part",
        ".saved.my.partition",
        ".saved.1.parts",
    ]
    others = [tmp_path / name for name in names]
    for folder in (*left, *others):
        folder.mkdir()
    with whole_folder(tmp_path / "saved") as part:
        (part / "a").write_text("a")
    assert {path.name for path in tmp_path.iterdir()} == {"saved", *(path.name for path in others)}


def test_the_old_folder_is_restored_after_a_kill_before_the_rename(tmp_path):
    dead = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    old = tmp_path / f".saved.{int(dead.stdout)}.abcdefg1.part.old"
    old.mkdir()
    (old / "a").write_text("old")

    def fail() -> None:
        with whole_folder(tmp_path / "saved"):
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        fail()
    assert files(tmp_path) == {"saved/a": b"old"}


def test_a_symbolic_link_to_a_folder_is_kept(model, tmp_path):
    (tmp_path / "saved").mkdir()
    (tmp_path / "link").symlink_to("saved")
    model.save_pretrained(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "saved" / "config.json").is_file()


def test_a_file_size_limit_is_an_input_error(tiny_bert, tmp_path):
    model = small_model(tiny_bert, "teacher")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises((InputError, OSError)) as caught:
            model.save_pretrained(tmp_path / "saved")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_splitter_and_vocabulary_are_written_atomically(tmp_path, monkeypatch):
    WordSplitter.default().save(tmp_path)
    Vocabulary(("a",), lowercase=False).save(tmp_path)
    before = files(tmp_path)

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("nlptrain.atomic_files.os.fsync", fail)
    for part in (WordSplitter.default(), Vocabulary(("b",), lowercase=True)):
        with pytest.raises(OSError, match="No space left"):
            part.save(tmp_path)
    assert {name: content for name, content in files(tmp_path).items() if not name.endswith(".part")} == before
