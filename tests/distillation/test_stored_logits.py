"""Of many labels the largest logits are stored, so that no word's distribution changes by 1e-4 nats; else all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlptrain.data.blocks import cut_blocks
from nlptrain.data.labels import Labels
from nlptrain.data.sentence import Sentence
from nlptrain.distillation import stored_logits
from nlptrain.distillation.block_file import block_content, open_block
from nlptrain.distillation.block_store import BlockStore
from nlptrain.distillation.sealed_files import DamagedFileError
from nlptrain.distillation.stored_logits import TopLogits, smallest_columns
from nlptrain.distillation.teachers import Teacher, TeacherLogits
from nlptrain.run.run import Run
from tests.helpers.transfer_sets import label


def log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def divergences(logits: np.ndarray, stored: np.ndarray) -> np.ndarray:
    first, second = log_softmax(logits), log_softmax(stored)
    return (np.exp(first) * (first - second)).sum(axis=1)


def stored(logits: np.ndarray) -> tuple[TopLogits, np.ndarray]:
    columns = TopLogits.columns(logits)
    words = pa.StructArray.from_arrays(list(columns.values()), list(columns))
    read = TopLogits.read(words, logits.shape[1])
    return read, read.between(0, len(logits))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 120), st.sampled_from([0.1, 1.0, 3.0, 12.0]), st.integers(0, 40))
def test_the_stored_distribution_is_that_of_the_teacher(seed: int, labels: int, scale: float, words: int) -> None:
    logits = np.random.default_rng(seed).normal(scale=scale, size=(words, labels)).astype(np.float16)
    read, values = stored(logits)
    if words:
        assert divergences(logits, values).max() < 1.5e-4  # 1e-4, and the rounding to float16
        best = logits[np.arange(words), values.argmax(axis=1)].astype(np.float32)
        assert (logits.max(axis=1).astype(np.float32) - best).max() < 0.03  # the likeliest one, but for rounding
    for start, end in ((0, 0), (words // 3, words // 2), (words, words)):
        np.testing.assert_array_equal(read.between(start, end), values[start:end])


def test_few_labels_of_a_sure_teacher_are_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored_logits, "_SLICE", 7)
    logits = np.random.default_rng(0).normal(size=(30, 100)).astype(np.float16)
    logits[np.arange(30), np.arange(30)] = 20  # the others share 1e-7
    read, values = stored(logits)
    assert np.diff(read.ends, prepend=0).tolist() == [1] * 30
    assert values.argmax(axis=1).tolist() == list(range(30))
    even = np.zeros((2, 100), np.float16)  # nothing is likelier than the rest
    assert stored(even)[0].ends.tolist() == [0, 0]
    np.testing.assert_allclose(stored(even)[1], np.log(0.01), atol=2e-3)


def test_all_logits_of_an_uncertain_teacher_are_stored() -> None:
    uncertain = np.random.default_rng(0).normal(size=(30, 100)).astype(np.float16)
    assert list(smallest_columns(uncertain)) == ["logits"]
    confident = uncertain.copy()
    confident[:, 7] = 20
    assert list(smallest_columns(confident)) == ["rest", "top"]


class ManyLabels(Teacher):
    name = "many"
    labels = Labels.from_names([f"t{n}" for n in range(100)])

    def fingerprint(self) -> str:
        return "many"

    def predict_logits(self, sentences: list[Sentence]) -> list[np.ndarray]:
        random = np.random.default_rng(len(sentences))
        return [random.normal(scale=6, size=(len(s.words), 100)).astype(np.float32) for s in sentences]


def test_a_store_of_the_largest_logits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sentences = [Sentence((f"w{n}",) * (n % 5 + 1)) for n in range(50)]
    store, teacher = BlockStore(tmp_path, ManyLabels(), top=True), ManyLabels()
    assert (store.key, BlockStore(tmp_path, ManyLabels()).key) == ("many-top", "many")
    from nlptrain.distillation.block_labeling import label_sentences

    rows = label_sentences(store, sentences, teacher, Run(None, device="cpu")).transfer_set()
    whole = label(tmp_path, teacher, sentences)[1].transfer_set()
    for row in range(50):
        assert divergences(whole.teacher_logits(row), rows.teacher_logits(row)).max() < 1.5e-4
    np.testing.assert_array_equal(rows.gather([(3, 1, 2), (8, 0, 1)])[:2], rows.teacher_logits(3)[1:3])
    monkeypatch.setattr("nlptrain.distillation.block_store.MANY_LABELS", 200)
    assert BlockStore(tmp_path, ManyLabels(), top=True).key == "many"


def test_other_columns_are_damage(tmp_path: Path) -> None:
    sentences = [Sentence(("a", "b")), Sentence(("c",))]
    (block,) = cut_blocks(sentences)
    logits = TeacherLogits.of(ManyLabels().predict_logits(sentences))
    path = tmp_path / "block.arrow"
    for top in (False, True):
        path.write_bytes(block_content(block, logits, 100, None, top=top))
        assert open_block(path, 100).logits.between(0, 3).shape == (3, 100)
        with pytest.raises(DamagedFileError, match=r"it has (no 3 logits for each word|other labels than 3)"):
            open_block(path, 3)
    columns = {"rest": pa.array([1.0] * 3), "top": pa.array([[1]] * 3)}
    words = pa.StructArray.from_arrays(list(columns.values()), list(columns))
    with pytest.raises(DamagedFileError, match="it has no logits of the likeliest labels"):
        TopLogits.read(words, 100)
