import multiprocessing
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nlptrain.data.labels import Labels
from nlptrain.data.sentence import Sentence, hash_array
from nlptrain.distillation import labeling, logit_store
from nlptrain.distillation.labeling import label_sentences
from nlptrain.distillation.logit_store import LogitStore
from nlptrain.distillation.pseudo_labels import pseudo_label_sentences
from nlptrain.distillation.teachers import Precision, TransformerTeacher
from nlptrain.errors import InputError
from nlptrain.models import TransformerTokenClassifier
from nlptrain.run.run import Run
from tests.helpers.corpora import LABELS, make_sentences
from tests.helpers.small_models import small_model
from tests.helpers.transfer_sets import FixedTransferSet


@pytest.fixture
def teacher(tiny_bert: Path) -> TransformerTokenClassifier:
    return TransformerTokenClassifier.from_pretrained(str(tiny_bert), LABELS)


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labeling, "SHARD_SENTENCES", 16)


def raw(count: int, seed: int) -> list[Sentence]:
    return [Sentence((*words, str(n))) for n, (words, _) in enumerate(make_sentences(count, seed))]


def label(folder: Path, teacher: TransformerTokenClassifier, sentences: list[Sentence]) -> tuple[LogitStore, int]:
    store = LogitStore(folder, TransformerTeacher(teacher))
    return store, label_sentences(store, sentences, TransformerTeacher(teacher), Run(None, device="cpu")).computed


@pytest.mark.usefixtures("small_shards")
def test_stored_logits_equal_the_teachers_in_float16(teacher: TransformerTokenClassifier, tmp_path: Path) -> None:
    sentences = raw(50, 1) + [Sentence(tuple(["Ada"] * 300))]
    store, computed = label(tmp_path, teacher, sentences)
    assert computed == 51
    stored = store.transfer_set([s.hash() for s in reversed(sentences)])
    for row, sentence in enumerate(reversed(sentences)):
        (live,) = teacher.logits([sentence.words])
        np.testing.assert_allclose(stored.teacher_logits(row), live.astype(np.float16), atol=2e-3)
        assert stored.sentence(row).words == sentence.words


@pytest.mark.usefixtures("small_shards")
def test_stored_sentences_are_not_computed_again(teacher: TransformerTokenClassifier, tmp_path: Path) -> None:
    sentences = raw(40, 1)
    assert label(tmp_path, teacher, sentences)[1] == 40
    assert label(tmp_path, teacher, sentences)[1] == 0
    assert label(tmp_path, teacher, [*raw(3, 99), *sentences[::-1], *raw(3, 99)])[1] == 3


def test_a_changed_teacher_has_another_key(teacher: TransformerTokenClassifier, tmp_path: Path) -> None:
    sentences = raw(10, 1)
    first, _ = label(tmp_path, teacher, sentences)
    with torch.no_grad():
        teacher.model.classifier.bias[0] += 1
    second, computed = label(tmp_path, teacher, sentences)
    assert computed == 10
    assert first.key != second.key
    teacher.max_subwords = 32
    assert LogitStore(tmp_path, TransformerTeacher(teacher)).key not in (first.key, second.key)


@pytest.mark.usefixtures("small_shards")
def test_rows_are_in_the_order_of_the_sentences_with_repeats(
    teacher: TransformerTokenClassifier, tmp_path: Path
) -> None:
    label(tmp_path, teacher, raw(20, 1))
    sentences = [*raw(40, 2)[::-1], *raw(20, 1), *raw(40, 2), *raw(50, 3)]
    store = LogitStore(tmp_path, TransformerTeacher(teacher))
    done = label_sentences(store, sentences, TransformerTeacher(teacher), Run(None, device="cpu"))
    stored = store.select(done.rows)
    assert [stored.sentence(row).words for row in range(len(stored))] == [sentence.words for sentence in sentences]
    assert stored.hashes().tolist() == hash_array([sentence.hash() for sentence in sentences]).tolist()
    before = {sentence.hash() for sentence in raw(20, 1)}
    known = sum(sentence.hash() in before for sentence in sentences)
    computed = len({sentence.hash() for sentence in sentences} - before)
    assert (done.stored, done.computed, done.repeats) == (known, computed, len(sentences) - known - computed)
    counts = f"teacher logits: {known} sentences reused, {computed} computed, {done.repeats} repeated, "
    assert done.describe().startswith(counts)


def test_hashes_with_the_same_prefix_are_distinguished(
    teacher: TransformerTokenClassifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begins = {sentence.words: sentence.hash() for sentence in raw(4, 1)}
    monkeypatch.setattr(Sentence, "hash", lambda self: bytes(8) + begins[self.words][:8])
    store, computed = label(tmp_path, teacher, raw(4, 1))
    assert computed == 4
    again, computed = label(tmp_path, teacher, raw(4, 1))
    assert computed >= 3  # one is found by its first 8 bytes; the other hashes differ


class Stop(Exception):
    pass


@pytest.mark.usefixtures("small_shards")
@pytest.mark.parametrize("when", ["shard", "manifest"])
def test_an_interrupted_shard_is_labeled_again(
    teacher: TransformerTokenClassifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    sentences = raw(40, 1)
    straight, _ = label(tmp_path / "straight", teacher, sentences)

    calls = iter(range(100))
    target, name = (teacher, "logits") if when == "shard" else (logit_store, "_write_manifest")
    whole: Callable[..., object] = getattr(target, name)

    def broken(*args: object, **keywords: object) -> object:
        if next(calls) == 1:
            raise Stop
        return whole(*args, **keywords)

    monkeypatch.setattr(target, name, broken)
    with pytest.raises(Stop):
        label(tmp_path / "stopped", teacher, sentences)
    monkeypatch.setattr(target, name, whole)
    stopped, computed = label(tmp_path / "stopped", teacher, sentences)
    assert computed == 24
    for file in straight.folder.iterdir():
        assert file.read_bytes() == (stopped.folder / file.name).read_bytes()


def test_large_logits_stay_finite(teacher: TransformerTokenClassifier, tmp_path: Path) -> None:
    with torch.no_grad():
        teacher.model.classifier.bias[0] = 1e6
    store, _ = label(tmp_path, teacher, raw(2, 1))
    assert np.isfinite(store.transfer_set([raw(2, 1)[0].hash()]).teacher_logits(0)).all()


def test_pseudo_labels_are_the_argmax_of_confident_sentences(tmp_path: Path) -> None:
    labels = Labels.from_names(["O", "B-x", "I-x"])
    sure = [[0.1, 0.8, 0.1], [0.2, 0.1, 0.7], [0.98, 0.01, 0.01]]
    unsure = [[0.3, 0.1, 0.6], [0.98, 0.01, 0.01]]
    path = tmp_path / "pseudo.jsonl"
    rows = FixedTransferSet(sure, unsure)
    pseudo_labels = pseudo_label_sentences(rows, labels, min_confidence=0.65, path=path)  # type: ignore[arg-type]
    assert [s.tags for s in pseudo_labels.sentences] == [("B-x", "I-x", "O")]
    assert (pseudo_labels.entities, pseudo_labels.below, pseudo_labels.dropped) == (2, 1, 1)
    pseudo_labels = pseudo_label_sentences(rows, labels, min_confidence=0.0, path=path)  # type: ignore[arg-type]
    assert [s.tags for s in pseudo_labels.sentences][1] == ("I-x", "O")  # the argmax itself
    from nlptrain.data.formats import ReadContext
    from nlptrain.data.formats.jsonl import read_jsonl

    assert [s.tags for s in read_jsonl(path, ReadContext())] == [
        ("B-x", "I-x", "O"),
        ("B-x", "O"),
    ]  # valid IOB2, same entities
    assert '"confidences": [0.8, 0.7, 0.98' in path.read_text()


def test_each_precision_has_a_separate_store(teacher: TransformerTokenClassifier, tmp_path: Path) -> None:
    sentences = raw(20, 1)
    exact, _ = label(tmp_path, teacher, sentences)
    coarse = LogitStore(tmp_path, TransformerTeacher(teacher, "bf16"))
    assert coarse.key.removesuffix("bf16") == exact.key.removesuffix("fp32")
    assert (
        label_sentences(coarse, sentences, TransformerTeacher(teacher, "bf16"), Run(None, device="cpu")).computed == 20
    )
    hashes = [sentence.hash() for sentence in sentences]
    fp32, coarse_logits = (
        np.concatenate([store.transfer_set(hashes).teacher_logits(row).astype(np.float32) for row in range(20)])
        for store in (exact, coarse)
    )
    assert 1e-4 < np.abs(fp32 - coarse_logits).max() < 0.1  # eight bits of a bfloat16's mantissa


def test_int8_logits_are_computed_by_onnx_runtime(
    teacher: TransformerTokenClassifier, tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sentences = [*raw(20, 1), Sentence(tuple(["Ada"] * 300))]
    exact, _ = label(tmp_path, teacher, sentences)
    coarse = LogitStore(tmp_path, TransformerTeacher(teacher, "int8"))
    assert coarse.key == exact.key.removesuffix("torch-fp32") + "onnx1-int8"
    with monkeypatch.context() as patch:
        patch.setattr(type(teacher), "logits", lambda *_: pytest.fail("asked torch"))
        assert (
            label_sentences(coarse, sentences, TransformerTeacher(teacher, "int8"), Run(None, device="cpu")).computed
            == 21
        )
    hashes = [sentence.hash() for sentence in sentences]
    fp32, coarse_logits = (
        np.concatenate([store.transfer_set(hashes).teacher_logits(row).astype(np.float32) for row in range(21)])
        for store in (exact, coarse)
    )
    assert fp32.shape == coarse_logits.shape
    assert 1e-4 < np.abs(fp32 - coarse_logits).max() < 0.1 * np.abs(fp32).max()
    with pytest.raises(InputError, match=r"teacher_precision: .* is a tagger, and int8 is for transformers; use fp32"):
        TransformerTeacher(small_model(tiny_bert, "subword-lstm-softmax"), "int8")
    monkeypatch.setattr(type(teacher.tokenizer), "is_fast", False)
    with pytest.raises(InputError, match="teacher_precision: .* int8 needs a fast tokenizer; use fp32"):
        LogitStore(tmp_path, TransformerTeacher(teacher, "int8"))


@pytest.mark.full
@pytest.mark.usefixtures("small_shards")
@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_several_workers_store_the_same_bytes_as_one(
    teacher: TransformerTokenClassifier, tmp_path: Path, precision: Precision
) -> None:
    sentences = [*raw(70, 1), *raw(5, 1), Sentence(tuple(["Ada"] * 300))]
    alone = LogitStore(tmp_path / "alone", TransformerTeacher(teacher, precision))
    label_sentences(alone, sentences, TransformerTeacher(teacher, precision), Run(None, device="cpu"))
    store = LogitStore(tmp_path / "together", TransformerTeacher(teacher, precision))
    done = label_sentences(store, sentences, TransformerTeacher(teacher, precision), Run(None, device="cpu", workers=2))
    assert (done.computed, done.stored, done.repeats) == (71, 0, 5)
    files = [sorted(path.name for path in folder.iterdir()) for folder in (alone.folder, store.folder)]
    assert files[0] == files[1]
    assert len(files[0]) == 6
    for name in files[0]:
        if name.endswith(".arrow"):
            assert (alone.folder / name).read_bytes() == (store.folder / name).read_bytes()


@pytest.mark.slow
def test_a_killed_worker_is_reported_and_stored_logits_are_kept(
    teacher: TransformerTokenClassifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_shards: None
) -> None:
    sentences = raw(200, 1)
    store = LogitStore(tmp_path, TransformerTeacher(teacher))
    append = store.append

    def then_kill(*given: Any) -> list[Sentence]:
        shard = append(*given)
        for child in multiprocessing.active_children():
            os.kill(child.pid, signal.SIGKILL)
        return shard

    monkeypatch.setattr(store, "append", then_kill)
    with pytest.raises(InputError, match="workers: a worker process was killed"):
        label_sentences(store, sentences, TransformerTeacher(teacher), Run(None, device="cpu", workers=2))
    again = label_sentences(
        LogitStore(tmp_path, TransformerTeacher(teacher)),
        sentences,
        TransformerTeacher(teacher),
        Run(None, device="cpu"),
    )
    assert again.stored >= 16
    assert again.stored + again.computed == 200
