"""A transfer set on a file system of fsspec has the same bytes as a local one; copies have a size limit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import fsspec
import numpy as np
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from nlptrain.config.commands import TaggerKDConfig
from nlptrain.config.loading import load_config
from nlptrain.data.sentence import Sentence
from nlptrain.distillation.block_labeling import LabelingResult, label_sentences
from nlptrain.distillation.block_store import BlockStore, copies_folder
from nlptrain.distillation.teachers import TransformerTeacher
from nlptrain.errors import InputError
from nlptrain.models import TransformerTokenClassifier
from nlptrain.run.run import Run
from tests.helpers.commands import call, write_configs
from tests.helpers.corpora import LABELS, make_sentences
from tests.helpers.transfer_sets import fixed_blocks, label

URL = "memory://bucket/transfer"
SENTENCES = [Sentence((*words, str(n))) for n, (words, _) in enumerate(make_sentences(40, 1))]


@pytest.fixture(scope="module")
def teacher(tiny_bert: Path) -> TransformerTokenClassifier:
    return TransformerTokenClassifier.from_pretrained(str(tiny_bert), LABELS)


@pytest.fixture(autouse=True)
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MemoryFileSystem]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    fixed_blocks(monkeypatch, 8)
    file_system = fsspec.filesystem("memory")
    file_system.store.clear()
    yield file_system
    file_system.store.clear()


def run_of(teacher: TransformerTokenClassifier, cache_gb: float = 1.0) -> tuple[BlockStore, LabelingResult, list[str]]:
    wrapped, run, log = TransformerTeacher(teacher), Run(None, device="cpu"), []
    run.log = log.append  # type: ignore[method-assign, assignment]
    store = BlockStore(URL, wrapped, cache_gb=cache_gb)
    return store, label_sentences(store, SENTENCES, wrapped, run), log


def stored(memory: MemoryFileSystem) -> dict[str, bytes]:
    return {path.rpartition("/")[2]: memory.cat_file(path) for path in memory.find("/bucket") if "arrow" in path}


def clear_copies() -> None:
    for path in copies_folder(URL).rglob("*.arrow"):
        path.unlink()


def test_the_bytes_are_those_of_a_local_folder(
    teacher: TransformerTokenClassifier, memory: MemoryFileSystem, tmp_path: Path
) -> None:
    local, expected = label(tmp_path / "local", teacher, SENTENCES)
    store, done, _ = run_of(teacher)
    assert (done.computed, done.stored) == (40, 0)
    assert stored(memory) == {path.name: path.read_bytes() for path in local.folder.glob("*.arrow")}
    assert json.loads(memory.cat_file(f"/bucket/transfer/{store.key}/teacher.json"))["labels"] == list(LABELS.names)
    clear_copies()
    _, again, _ = run_of(teacher)
    assert (again.computed, again.stored) == (0, 40)
    rows, expected_rows = again.transfer_set(), expected.transfer_set()
    for row, sentence in enumerate(SENTENCES):
        assert rows.sentence(row).words == sentence.words
        np.testing.assert_array_equal(rows.teacher_logits(row), expected_rows.teacher_logits(row))


def test_copies_have_a_size_limit(teacher: TransformerTokenClassifier, memory: MemoryFileSystem) -> None:
    run_of(teacher)
    size = max(map(len, stored(memory).values()))
    store, done, _ = run_of(teacher, cache_gb=2.5 * size / 1e9)
    rows = done.transfer_set()
    for row in np.random.default_rng(0).permutation(40).tolist():
        assert rows.teacher_logits(row).shape == (len(SENTENCES[row].words), len(LABELS))
        copies = [path.stat().st_size for path in store.folder.glob("*.arrow")]
        assert 0 < sum(copies) <= 2.5 * size
    store, done, _ = run_of(teacher, cache_gb=1 / 1e9)
    assert done.transfer_set().gather([(0, 0, 1), (39, 0, 1)]).shape == (2, len(LABELS))
    assert len(list(store.folder.glob("*.arrow"))) == 1


def test_damaged_objects_are_labeled_again_and_damaged_copies_copied(
    teacher: TransformerTokenClassifier, memory: MemoryFileSystem
) -> None:
    store, _, _ = run_of(teacher)
    before = stored(memory)
    name = min(before)
    (store.folder / name).write_bytes(b"damaged copy")
    _, done, log = run_of(teacher)
    assert done.computed == 0
    assert (store.folder / name).read_bytes() == before[name]
    clear_copies()
    memory.pipe_file(f"/bucket/transfer/{store.key}/{name}", before[name][:-9])
    _, done, log = run_of(teacher)
    assert done.computed == 8
    reason = "damaged (its checksum differs); removed; its sentences are labeled again"
    assert log == [f"{URL}/{store.key}/{name}: {reason}"]
    assert stored(memory) == before


def test_the_first_object_counts(
    teacher: TransformerTokenClassifier, memory: MemoryFileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, done, _ = run_of(teacher)
    name = done.names[0]
    clear_copies()
    store = BlockStore(URL, TransformerTeacher(teacher))
    store.add(name, b"another answer")
    assert len(store.open(name)) == 8

    def without_modes(path: str, value: bytes) -> None:
        MemoryFileSystem.pipe_file(memory, path, value)

    before = stored(memory)
    monkeypatch.setattr(memory, "pipe_file", without_modes)
    store.add(name, b"another answer")
    store.add("0" * 32, before[f"{name}.arrow"])
    assert stored(memory) == before | {f"{'0' * 32}.arrow": before[f"{name}.arrow"]}


def test_errors_name_the_url_without_its_credentials(
    teacher: TransformerTokenClassifier, memory: MemoryFileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError("secret")

    monkeypatch.setattr(MemoryFileSystem, "ls", refuse)
    with pytest.raises(InputError, match=rf"^transfer_dir: access to {URL}/\S+ is denied; give the cred") as error:
        BlockStore(URL, TransformerTeacher(teacher)).names()
    assert "secret" not in str(error.value)
    with pytest.raises(InputError, match="transfer_dir: found the protocol 'nowhere' in nowhere://bucket"):
        BlockStore("nowhere://bucket", TransformerTeacher(teacher))
    with pytest.raises(InputError, match="transfer_dir: found https://host/transfer, where nothing can be written"):
        BlockStore("https://host/transfer", TransformerTeacher(teacher))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("s3:/bucket/transfer", "s3://bucket/transfer"),
        ("s3://KEY:SECRET@bucket/transfer", "s3://bucket/transfer"),
        ("file:///tmp/transfer", "/tmp/transfer"),
        ("runs/transfer", "runs/transfer"),
        ("C:/runs/transfer", "C:/runs/transfer"),
    ],
)
def test_urls_of_a_configuration(tmp_path: Path, given: str, expected: str) -> None:
    (tmp_path / "a.txt").touch()
    settings = ["output_dir=x", "teacher=ours/bert", f"data.unlabeled={tmp_path}/a.txt", f"transfer_dir='{given}'"]
    assert load_config(TaggerKDConfig, None, settings).config.transfer_dir == expected


def test_a_run_labels_into_a_url(corpus: Path, tiny_bert: Path, memory: MemoryFileSystem) -> None:
    paths = write_configs(corpus, tiny_bert)
    assert call("transformer_token", paths["transformer_token"], "--set", "train.epochs=1").exit_code == 0
    steps = [word for key in ("train.steps=2", "train.eval_every=2") for word in ("--set", key)]
    local = call("tagger_kd", paths["tagger_kd"], "--output-dir", corpus / "runs/local", *steps)
    assert local.exit_code == 0
    for name in ("first", "second"):
        remote = ("--set", f"transfer_dir={URL}", "--output-dir", corpus / f"runs/{name}")
        result = call("tagger_kd", paths["tagger_kd"], *remote, *steps)
        assert result.exit_code == 0, result.output
        clear_copies()
    assert " sentences reused, 0 computed" in result.stderr
    models = [(corpus / f"runs/{name}/model/model.safetensors").read_bytes() for name in ("local", "first", "second")]
    assert len(set(models)) == 1
    (folder,) = (path for path in (corpus / "runs/transfer").iterdir() if path.is_dir() and path.name.endswith("fp32"))
    assert stored(memory) == {path.name: path.read_bytes() for path in folder.glob("*.arrow")}


def test_cache_lists_and_verifies_what_is_below_a_url(
    memory: MemoryFileSystem, teacher: TransformerTokenClassifier
) -> None:
    store, _, _ = run_of(teacher)
    memory.pipe_file("/bucket/transfer/other/readme.txt", b"not a teacher's")
    before = stored(memory)
    (listed,) = json.loads(call("cache", "list", URL, "--json").stdout)["teachers"]
    size = sum(memory.size(path) for path in memory.find(f"/bucket/transfer/{store.key}"))
    assert listed == {
        "key": store.key,
        "teacher": store.teacher,
        "labels": len(LABELS),
        "blocks": len(before),
        "bytes": size,
        "runs": None,
        "texts": None,
    }
    assert "unknown" in call("cache", "list", URL).stdout
    assert call("cache", "verify", URL).stdout == f"{len(before)} files are whole, 0 damaged\n"
    path = f"/bucket/transfer/{store.key}/{min(before)}"
    memory.pipe_file(path, before[min(before)][:-1] + b"x")
    damaged = call("cache", "verify", URL)
    assert (damaged.exit_code, damaged.stdout) == (1, f"{len(before) - 1} files are whole, 1 damaged\n")
    assert damaged.stderr == f"{store.remote.url}/{min(before)}: damaged (its checksum differs); removed\n"
    assert not memory.exists(path)
    assert store.path(min(before).removesuffix(".arrow")).is_file()  # a copy, which counts no more
    assert run_of(teacher)[1].computed == 8
    assert stored(memory) == before
    memory.rm(f"/bucket/transfer/{store.key}", recursive=True)
    assert run_of(teacher)[1].computed == len(SENTENCES)
    assert json.loads(call("cache", "list", URL, "--json").stdout)["teachers"] == [listed]
    refused = call("cache", "list", "memory://bucket/empty")
    assert refused.exit_code == 2
    assert "memory://bucket/empty: holds no transfer set; expected the transfer_dir of a run" in refused.stderr
