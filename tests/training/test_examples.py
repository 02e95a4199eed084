import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nlptrain.config.objectives import KLConfig
from nlptrain.config.student import StudentConfig
from nlptrain.config.train import TrainConfig
from nlptrain.data.labels import Labels
from nlptrain.data.sentence import Sentence
from nlptrain.data.splits import Splits
from nlptrain.distillation.teachers import TransformerTeacher
from nlptrain.errors import InputError
from nlptrain.models import TokenModel, TransformerTokenClassifier, build_student, build_tagger
from nlptrain.procedures.student_training import train_on_logits
from nlptrain.run.run import Run
from nlptrain.training.examples import Examples
from nlptrain.training.objective import NO_LABEL
from tests.helpers.corpora import LABELS


@pytest.fixture
def model(tiny_bert: Path) -> TokenModel:
    teacher = TransformerTokenClassifier.from_pretrained(str(tiny_bert), LABELS)
    shape = {"embedder": {"dim": 8}, "head": {"kind": "softmax"}}
    return build_tagger(StudentConfig.model_validate(shape), LABELS, seed=0, teacher=teacher)


class FixedLogits:
    """Teacher logits that are different for each word of each sentence."""

    def gather(self, spans: Sequence[tuple[int, int, int]]) -> np.ndarray:
        rows = [(np.arange(3 * 5).reshape(3, 5) + 100 * n)[first : first + count] for n, first, count in spans]
        return np.concatenate(rows).astype(np.float16)


SENTENCES = [
    Sentence(("in", "oslo-paris", "."), ("O", "B-place", "O")),
    Sentence(("@ada", "lives", "-"), ("B-person", "O", "O")),
]


def test_later_pipeline_words_have_inside_labels(model: TokenModel) -> None:
    examples = Examples(model, SENTENCES, label_pipeline_words=True)
    inputs = examples.inputs([1, 0])
    ids, positions = inputs.model_inputs["input_ids"], inputs.word_positions
    targets = examples.targets([1, 0])
    subwords = model.tokenizer.convert_ids_to_tokens(ids.flatten()[positions].tolist())
    tags = [LABELS.names[index] for index in targets.gold]
    assert list(zip(subwords, tags, strict=True)) == [
        ("@", "B-person"),
        ("lives", "O"),
        ("-", "O"),
        ("in", "O"),
        ("oslo", "B-place"),
        (".", "O") if "." in subwords else ("[UNK]", "O"),
        ("ada", "I-person"),
        ("-", "I-place"),
        ("paris", "I-place"),
    ]


def test_later_pipeline_words_swap_begin_and_inside_logits(model: TokenModel) -> None:
    targets = Examples(model, SENTENCES, teacher_logits=FixedLogits(), label_pipeline_words=True).targets([1])
    assert targets.teacher_logits is not None
    assert targets.teacher_logits[0].tolist() == [100, 101, 102, 103, 104]
    assert targets.teacher_logits[3].tolist() == [100, 101, 102, 103, 104]  # the inside was the larger one already

    class Opening(FixedLogits):
        def gather(self, spans: Sequence[tuple[int, int, int]]) -> np.ndarray:
            return super().gather(spans)[:, ::-1]

    targets = Examples(model, SENTENCES, teacher_logits=Opening(), label_pipeline_words=True).targets([1])
    assert targets.teacher_logits is not None
    assert targets.teacher_logits[0].tolist() == [104, 103, 102, 101, 100]
    assert targets.teacher_logits[3].tolist() == [104, 102, 103, 100, 101]


def test_each_word_has_one_target_by_default(model: TokenModel) -> None:
    examples = Examples(model, [*SENTENCES, Sentence(("a", "b", "c"))], teacher_logits=FixedLogits())
    inputs = examples.inputs([0, 1, 2])
    ids, mask, positions = (
        inputs.model_inputs["input_ids"],
        inputs.model_inputs["attention_mask"],
        inputs.word_positions,
    )
    targets = examples.targets([0, 1, 2])
    assert len(positions) == len(targets.gold) == 9
    assert targets.gold[-3:].tolist() == [NO_LABEL] * 3
    assert torch.equal(mask, (ids != model.tokenizer.pad_token_id).long())
    assert bool(targets.has_teacher.all())


def test_labels_may_have_begin_without_inside(tiny_bert: Path) -> None:
    labels = Labels.from_names(["O", "B-person", "I-person", "B-place"])
    more = {"tokenizer": str(tiny_bert), "head": {"kind": "softmax"}}
    shape = StudentConfig.model_validate({"embedder": {"dim": 8}, **more})
    examples = Examples(build_tagger(shape, labels, seed=0), SENTENCES, label_pipeline_words=True)
    tags = [labels.names[index] for index in examples.targets([0]).gold]
    assert tags == ["O", "B-place", "O", "B-place", "B-place"]  # the labels have no I-place


def test_error_if_labels_are_in_another_order_than_the_teachers(tiny_bert: Path, tmp_path: Path) -> None:
    turned = Labels.from_names(["O", "B-place", "I-place", "B-person", "I-person"])
    teacher = TransformerTokenClassifier.from_pretrained(str(tiny_bert), LABELS)
    shape = StudentConfig.model_validate({"embedder": {"dim": 8}, "head": {"kind": "softmax"}})
    student = build_tagger(shape, turned, seed=0, teacher=teacher)
    splits = Splits(LABELS, SENTENCES, SENTENCES, [], is_dev_from_train=False)
    run = Run(None, device="cpu")
    with pytest.raises(InputError, match="student: the labels are O, B-place"):
        train_on_logits(
            student,
            TransformerTeacher(teacher),
            splits,
            [],
            KLConfig(),
            TrainConfig(),
            run,
            transfer_dir=tmp_path / "transfer",
        )
    assert not (tmp_path / "transfer").exists()


def test_stored_examples_are_read_instead_of_encoded(
    model: TokenModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "examples/key"
    first = Examples(model, SENTENCES, label_pipeline_words=True, stored=folder)
    whole = {path.name: path.read_bytes() for path in folder.iterdir()}

    def assert_same(second: Examples) -> None:
        assert (second.sentences, second.words, len(second)) == (2, 6, len(first))
        for indices in ([1, 0], [0]):
            targets, expected = second.targets(indices), first.targets(indices)
            torch.testing.assert_close(targets.gold, expected.gold)
            inputs, expected_inputs = second.inputs(indices), first.inputs(indices)
            torch.testing.assert_close(inputs.word_positions, expected_inputs.word_positions)
            torch.testing.assert_close(inputs.model_inputs, expected_inputs.model_inputs)
        assert second.target_words.tolist() == first.target_words.tolist()

    with monkeypatch.context() as patch:
        patch.setattr(model.featurizer, "encoder", None)
        patch.setattr("nlptrain.training.examples.WindowWriter", lambda *_: pytest.fail("encoded again"))
        assert_same(Examples(model, [], label_pipeline_words=True, stored=folder))
    for name in ("subwords.npy", "sums.json"):
        (folder / name).write_bytes(whole[name][:-1])
        assert_same(Examples(model, SENTENCES, label_pipeline_words=True, stored=folder))
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == whole
    monkeypatch.setattr("nlptrain.training.windows.np.save", lambda *_: (_ for _ in ()).throw(OSError(28, "full")))
    assert_same(Examples(model, SENTENCES, label_pipeline_words=True, stored=tmp_path / "other"))
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("embedder", [{"kind": "pooled", "dim": 8}, {"kind": "word", "dim": 8, "min_count": 1}])
def test_stored_examples_have_the_ids_of_words_that_another_process_assigned(
    tiny_bert: Path, tmp_path: Path, embedder: dict[str, Any]
) -> None:
    shape = {"embedder": embedder, "encoder": {"hidden": 8, "layers": 1}}
    shape |= {} if embedder["kind"] == "word" else {"tokenizer": str(tiny_bert)}
    config = StudentConfig.model_validate(shape)
    models = [build_student(config, LABELS, seed=0, text=lambda: SENTENCES) for _ in range(2)]
    words = [
        sorted({word for sentence in SENTENCES for word in sentence.words}, reverse=order) for order in (True, False)
    ]
    for model, known in zip(models, words, strict=True):
        model.windows(known)
    first = Examples(models[0], SENTENCES, stored=tmp_path / "key")
    second = Examples(models[1], [], stored=tmp_path / "key")
    assert (second.sentences, second.words) == (first.sentences, first.words)
    for inputs in zip(*(examples.inputs([1, 0]).model_inputs.values() for examples in (first, second)), strict=True):
        torch.testing.assert_close(*inputs)


def test_tokenizers_use_several_threads_only_while_examples_are_encoded(
    model: TokenModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    used = []
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    monkeypatch.delenv("RAYON_NUM_THREADS", raising=False)
    monkeypatch.setattr(
        type(model.featurizer), "__call__", lambda *_: used.append(os.environ["TOKENIZERS_PARALLELISM"]) or 1 / 0
    )
    with pytest.raises(ZeroDivisionError):
        Examples(model, SENTENCES)
    assert used == ["true"]
    assert os.environ["TOKENIZERS_PARALLELISM"] == "false"
    assert "RAYON_NUM_THREADS" not in os.environ
    monkeypatch.setattr("nlptrain.models.tokenization.tokenizer._PROCESS", -1)  # as after a fork
    with pytest.raises(ZeroDivisionError):
        Examples(model, SENTENCES)
    assert used == ["true", "false"]


@pytest.mark.parametrize("embedder", [{"dim": 8}, {"kind": "pooled", "dim": 8}])
@pytest.mark.parametrize("long", [None, 100, 700])
def test_sentences_that_are_encoded_together_have_the_windows_of_each(
    tiny_bert: Path, embedder: dict[str, Any], long: int | None
) -> None:
    shape = {"tokenizer": str(tiny_bert), "embedder": embedder, "encoder": {"hidden": 8, "layers": 1}}
    model = build_student(StudentConfig.model_validate(shape), LABELS, seed=0, text=lambda: SENTENCES)
    sentences = [SENTENCES[n % 2] if n % 3 else Sentence((*SENTENCES[n % 2].words, f"{n}")) for n in range(1100)]
    if long is not None:
        words = sentences[long].words * model.max_subwords
        sentences[long] = Sentence(words, ("O",) * len(words))
    examples = Examples(model, sentences, teacher_logits=FixedLogits(), teacher_logits_from=2000)
    windows = [(row, window) for row, sentence in enumerate(sentences) for window in model.windows(sentence.words)]
    assert examples.sentences == 1100
    assert (len(examples) > 1100) == (long is not None)
    assert examples.words == sum(len(sentence.words) for sentence in sentences)
    assert len(examples) == len(windows)
    everything = np.arange(len(examples))
    actual, expected = examples.inputs(everything), model.pad([window for _, window in windows])
    assert actual.word_positions.tolist() == expected.word_positions.tolist()
    for name, values in expected.model_inputs.items():
        torch.testing.assert_close(actual.model_inputs[name], values)
    for name in ("counts", "starts_sentence", "ends_sentence"):
        assert getattr(actual.sequence_lengths, name).equal(getattr(expected.sequence_lengths, name))
    gold = [
        LABELS.ids[sentences[row].tags[window.first_word + n]] if sentences[row].tags else NO_LABEL
        for row, window in windows
        for n in range(len(window.word_starts))
    ]
    assert examples.targets(everything).gold.tolist() == gold
    assert examples.lengths.tolist() == [len(window.subwords) for _, window in windows]
    has_tags = [sentences[row].tags is not None for row, _ in windows]
    assert (examples.target_words > 0).tolist() == has_tags
