"""The stored logits are the teacher's, computed once for each block, and the same bytes however they are computed."""

from __future__ import annotations

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
from nlptrain.data.sentence import Sentence
from nlptrain.distillation import block_store
from nlptrain.distillation.block_labeling import LabelingResult
from nlptrain.distillation.block_store import BlockStore
from nlptrain.distillation.labeling import label_with_ensemble, open_stores
from nlptrain.distillation.pseudo_labels import pseudo_label_sentences
from nlptrain.distillation.teachers import Precision, TeacherEnsemble, TransformerTeacher
from nlptrain.distillation.text_blocks import all_blocks
from nlptrain.errors import InputError
from nlptrain.models import TransformerTokenClassifier
from nlptrain.run.run import Run
from tests.helpers.corpora import LABELS, make_sentences
from tests.helpers.small_models import small_model
from tests.helpers.transfer_sets import FixedTransferSet, fixed_blocks, label


@pytest.fixture
def teacher(tiny_bert: Path) -> TransformerTokenClassifier:
    return TransformerTokenClassifier.from_pretrained(str(tiny_bert), LABELS)


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    fixed_blocks(monkeypatch, 16)


def raw(count: int, seed: int) -> list[Sentence]:
    return [Sentence((*words, str(n))) for n, (words, _) in enumerate(make_sentences(count, seed))]


def words_of(result: LabelingResult) -> list[tuple[str, ...]]:
    return [sentence.words for sentence in result.transfer_set().sentences()]


@pytest.mark.usefixtures("small_blocks")
def test_stored_logits_equal_the_teachers_in_float16(teacher: TransformerTokenClassifier, tmp_path: Path) -> None:
    spaced = Sentence(("Ada", "sings", "."), text="  Ada \u00a0sings.")
    sentences = [*raw(50, 1), Sentence(tuple(["Ada"] * 300)), spaced, Sentence(("x" * 300, "y" * 70_000))]
    _, done = label(tmp_path, teacher, sentences)
    assert (done.computed, done.stored, done.words) == (53, 0, sum(len(sentence.words) for sentence in sentences))
    stored = done.transfer_set()
    assert words_of(done) == [sentence.words for sentence in sentences]
    for row, sentence in enumerate(sentences):
        (live,) = teacher.logits([sentence.words])
        np.testing.assert_allclose(stored.teacher_logits(row), live.astype(np.float16), atol=2e-3)
        assert stored.sentence(row) == Sentence(sentence.words)
    assert stored.sentence(51).as_text()[0] == "  Ada \u00a0sings."
    joined = stored.gather([(3, 1, 2), (50, 200, 100)])
    expected = np.concatenate([stored.teacher_logits(3)[1:3], stored.teacher_logits(50)[200:300]])
    np.testing.assert_array_equal(joined, expected.astype(np.float32))


@pytest.mark.usefixtures("small_blocks")
def test_stored_blocks_are_not_computed_again(teacher: TransformerTokenClassifier, tmp_path: Path) -> None:
    sentences = raw(40, 1)
    assert label(tmp_path, teacher, sentences)[1].computed == 40
    again = label(tmp_path, teacher, sentences)[1]
    assert (again.computed, again.stored) == (0, 40)
    assert again.describe() == "teacher logits: 40 sentences reused, 0 computed (transfer_dir)"
    more = label(tmp_path, teacher, [*sentences, *raw(3, 99)])[1]  # the last block of 8 becomes one of 11
    assert (more.computed, more.stored) == (11, 32)
    assert more.describe().startswith("teacher logits: 32 sentences reused, 11 computed, ")


def test_a_changed_teacher_has_another_key(teacher: TransformerTokenClassifier, tmp_path: Path) -> None:
    sentences = raw(10, 1)
    first, _ = label(tmp_path, teacher, sentences)
    with torch.no_grad():
        teacher.model.classifier.bias[0] += 1
    second, done = label(tmp_path, teacher, sentences)
    assert done.computed == 10
    assert first.key != second.key
    teacher.max_subwords = 32
    assert BlockStore(tmp_path, TransformerTeacher(teacher)).key not in (first.key, second.key)


@pytest.mark.usefixtures("small_blocks")
def test_gold_sentences_keep_their_order_and_text_comes_once(
    teacher: TransformerTokenClassifier, tmp_path: Path
) -> None:
    gold = [*raw(20, 1)[::-1], *raw(4, 1), *raw(20, 1)]
    text = [*raw(30, 2), *raw(30, 2)[5:9], *raw(25, 1), *raw(50, 3)]
    ensemble, run = TeacherEnsemble.of(TransformerTeacher(teacher)), Run(None, device="cpu")
    stores = open_stores(ensemble, tmp_path)
    left_out = raw(50, 3)[:2]
    dataset = label_with_ensemble(ensemble, gold, run, stores, text=all_blocks(text), left_out=lambda: left_out)
    assert [sentence.words for sentence in dataset.sentences()][:44] == [sentence.words for sentence in gold]
    hidden = {sentence.words for sentence in left_out}
    expected = {sentence.words for sentence in text} - hidden
    actual = [sentence.words for sentence in dataset.sentences(44)]
    assert len(actual) == len(expected)
    assert set(actual) == expected
    parts = list(dataset.parts())
    assert np.concatenate([counts for _, counts in parts]).tolist() == [len(s.words) for s in dataset.sentences()]
    logits_of_all = np.concatenate([dataset.teacher_logits(row) for row in range(len(dataset))])
    np.testing.assert_array_equal(np.concatenate([logits for logits, _ in parts]), logits_of_all)
    # A sentence of several blocks has the logits of the first one by name, so the order of the text does not matter.
    turned = label_with_ensemble(
        ensemble, [], run, stores, text=list(all_blocks(text))[::-1], left_out=lambda: left_out
    )
    logits = {sentence.words: turned.teacher_logits(row).tobytes() for row, sentence in enumerate(turned.sentences())}
    for row, sentence in enumerate(dataset.sentences(44)):
        assert dataset.teacher_logits(44 + row).tobytes() == logits[sentence.words]


class Stop(BaseException):
    pass


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("when", ["before", "after"])
def test_an_interrupted_labeling_continues_with_the_same_bytes(
    teacher: TransformerTokenClassifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    sentences = raw(40, 1)
    straight, _ = label(tmp_path / "straight", teacher, sentences)

    calls = iter(range(100))
    target, name = (teacher, "logits") if when == "before" else (block_store, "put_if_absent")
    whole: Callable[..., object] = getattr(target, name)

    def broken(*args: object, **keywords: object) -> object:
        if next(calls) == 1:
            raise Stop
        return whole(*args, **keywords)

    monkeypatch.setattr(target, name, broken)
    with pytest.raises(Stop):
        label(tmp_path / "stopped", teacher, sentences)
    monkeypatch.setattr(target, name, whole)
    stopped, done = label(tmp_path / "stopped", teacher, sentences)
    assert (done.computed, done.stored) == (24, 16)
    assert sorted(path.name for path in straight.folder.iterdir()) == sorted(p.name for p in stopped.folder.iterdir())
    for file in straight.folder.iterdir():
        assert file.read_bytes() == (stopped.folder / file.name).read_bytes()


def test_the_first_stored_block_counts(teacher: TransformerTokenClassifier, tmp_path: Path) -> None:
    store, done = label(tmp_path, teacher, raw(10, 1))
    (name,) = done.names
    before = store.path(name).read_bytes()
    store.add(name, b"another one")
    assert store.path(name).read_bytes() == before
    assert sorted(path.name for path in store.folder.iterdir()) == sorted([f"{name}.arrow", "teacher.json"])


def test_large_logits_stay_finite(teacher: TransformerTokenClassifier, tmp_path: Path) -> None:
    with torch.no_grad():
        teacher.model.classifier.bias[0] = 1e6
    _, done = label(tmp_path, teacher, raw(2, 1))
    assert np.isfinite(done.transfer_set().teacher_logits(0)).all()


def test_pseudo_labels_are_the_argmax_of_confident_sentences(tmp_path: Path) -> None:
    labels = Labels.from_names(["O", "B-x", "I-x"])
    sure = [[0.1, 0.8, 0.1], [0.2, 0.1, 0.7], [0.98, 0.01, 0.01]]
    unsure = [[0.3, 0.1, 0.6], [0.98, 0.01, 0.01]]
    path = tmp_path / "pseudo.jsonl"
    rows = FixedTransferSet(sure, unsure)
    pseudo_labels = pseudo_label_sentences(rows, labels, min_confidence=0.65, path=path)  # type: ignore[arg-type]
    assert [s.tags for s in pseudo_labels.sentences()] == [("B-x", "I-x", "O")]
    pseudo_labels = pseudo_label_sentences(rows, labels, min_confidence=0.0, path=path)  # type: ignore[arg-type]
    assert [s.tags for s in pseudo_labels.sentences()][1] == ("I-x", "O")  # the argmax itself
    from nlptrain.data.formats import ReadContext
    from nlptrain.data.formats.jsonl import read_jsonl

    assert [s.tags for s in read_jsonl(path, ReadContext())] == [
        ("B-x", "I-x", "O"),
        ("B-x", "O"),
    ]  # valid IOB2, same entities
    assert '"confidences": [0.8, 0.7, 0.98' in path.read_text()


def all_logits(done: LabelingResult) -> np.ndarray:
    return np.concatenate([block.logits.between(0, int(block.offsets[-1])) for block in done.blocks]).astype(np.float32)


def test_each_precision_has_a_separate_store(teacher: TransformerTokenClassifier, tmp_path: Path) -> None:
    sentences = raw(20, 1)
    exact, exact_done = label(tmp_path, teacher, sentences)
    coarse, coarse_done = label(tmp_path, TransformerTeacher(teacher, "bf16"), sentences)
    assert coarse.key.removesuffix("bf16") == exact.key.removesuffix("fp32")
    assert coarse_done.computed == 20
    difference = np.abs(all_logits(exact_done) - all_logits(coarse_done)).max()
    assert 1e-4 < difference < 0.1  # eight bits of a bfloat16's mantissa


def test_int8_logits_are_computed_by_onnx_runtime(
    teacher: TransformerTokenClassifier, tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sentences = [*raw(20, 1), Sentence(tuple(["Ada"] * 300))]
    exact, exact_done = label(tmp_path, teacher, sentences)
    with monkeypatch.context() as patch:
        patch.setattr(type(teacher), "logits", lambda *_: pytest.fail("asked torch"))
        coarse, coarse_done = label(tmp_path, TransformerTeacher(teacher, "int8"), sentences)
    assert coarse.key == exact.key.removesuffix("torch-fp32") + "onnx1-int8"
    assert coarse_done.computed == 21
    fp32, int8 = all_logits(exact_done), all_logits(coarse_done)
    assert fp32.shape == int8.shape
    assert 1e-4 < np.abs(fp32 - int8).max() < 0.1 * np.abs(fp32).max()
    with pytest.raises(InputError, match=r"teacher_precision: .* is a tagger, and int8 is for transformers; use fp32"):
        TransformerTeacher(small_model(tiny_bert, "subword-lstm-softmax"), "int8")
    monkeypatch.setattr(type(teacher.tokenizer), "is_fast", False)
    with pytest.raises(InputError, match="teacher_precision: .* int8 needs a fast tokenizer; use fp32"):
        BlockStore(tmp_path, TransformerTeacher(teacher, "int8"))


@pytest.mark.full
@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_several_workers_store_the_same_bytes_as_one(
    teacher: TransformerTokenClassifier, tmp_path: Path, precision: Precision
) -> None:
    sentences = [*raw(70, 1), *raw(5, 1), Sentence(tuple(["Ada"] * 300))]
    alone, _ = label(tmp_path / "alone", TransformerTeacher(teacher, precision), sentences)
    together, done = label(
        tmp_path / "together", TransformerTeacher(teacher, precision), sentences, Run(None, device="cpu", workers=2)
    )
    assert (done.computed, done.stored) == (76, 0)
    files = [sorted(path.name for path in store.folder.iterdir()) for store in (alone, together)]
    assert files[0] == files[1]
    assert len(files[0]) == 6
    for name in files[0]:
        assert (alone.folder / name).read_bytes() == (together.folder / name).read_bytes()


@pytest.mark.slow
def test_a_killed_worker_is_reported_and_stored_logits_are_kept(
    teacher: TransformerTokenClassifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_blocks: None
) -> None:
    sentences = raw(200, 1)
    put = block_store.put_if_absent

    def then_kill(*given: Any) -> None:
        put(*given)
        for child in multiprocessing.active_children():
            os.kill(child.pid, signal.SIGKILL)

    monkeypatch.setattr(block_store, "put_if_absent", then_kill)
    with pytest.raises(InputError, match="workers: a worker process was killed"):
        label(tmp_path, teacher, sentences, Run(None, device="cpu", workers=2))
    monkeypatch.setattr(block_store, "put_if_absent", put)
    _, again = label(tmp_path, teacher, sentences)
    assert again.stored >= 16
    assert again.stored + again.computed == 200
