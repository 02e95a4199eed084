"""All students of the configuration: embedder x encoder x head, and small transformers."""

from collections.abc import Sequence
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter

from nlptrain.config.components import EMBEDDERS, ENCODERS
from nlptrain.config.student import Student
from nlptrain.config.train import TrainConfig
from nlptrain.data.sentence import Sentence
from nlptrain.models import TokenModel, build_student, load_token_model
from nlptrain.run.run import Run
from nlptrain.training import Examples, SupervisedObjective, fit, score_model
from tests.helpers import small_models
from tests.helpers.corpora import LABELS, make_sentences

TEN = [Sentence(words, tags) for words, tags in make_sentences(10, 11)]
SIZES = {**small_models.SIZES, "lstm": {"hidden": 16, "layers": 1}, "gru": {"hidden": 16, "layers": 1}}
COMBINATIONS = [
    dict(zip(("embedder", "encoder", "head"), c, strict=True)) for c in product(EMBEDDERS, ENCODERS, ("softmax", "crf"))
]


def student(tiny_bert: Path, parts: dict[str, str], **more: object) -> TokenModel:
    config = small_models.student_config(tiny_bert, parts, sizes=SIZES, **more)
    return build_student(config, LABELS, seed=0, text=lambda: TEN)


def padded(model: TokenModel, sentences: Sequence[Sequence[str]], left: int, right: int) -> list[np.ndarray]:
    """Return the emissions of each sentence with ``left`` and ``right`` positions of padding."""
    results = []
    for words in sentences:
        inputs = model.pad(model.windows(words))
        wide = dict(inputs.model_inputs)
        for name, tensor in inputs.model_inputs.items():
            if name not in ("characters", "subwords"):
                wide[name] = torch.nn.functional.pad(tensor, (left, right))
        inputs = type(inputs)(wide, inputs.word_positions + left, inputs.sequence_lengths)
        with torch.inference_mode():
            results.append(model.emissions(inputs).numpy())
    return results


@pytest.mark.slow
@pytest.mark.parametrize("parts", COMBINATIONS, ids=lambda parts: "-".join(parts.values()))
def test_every_combination_overfits_and_is_saved(tiny_bert: Path, tmp_path: Path, parts: dict[str, str]) -> None:
    model = student(tiny_bert, parts)
    settings = TrainConfig.model_validate(
        {"steps": 80, "warmup_steps": 5, "learning_rate": 0.02, "ema": 0.0, "eval_every": 40, "batch_sentences": 10}
    )
    fit(model, Examples(model, TEN), TEN, SupervisedObjective(), settings, Run(None, device="cpu"))
    assert score_model(model, TEN).value == 1.0

    model.save_pretrained(tmp_path)
    again = load_token_model(str(tmp_path))
    sentences = [words for words, _ in make_sentences(6, 6)] + [("hm",)]
    for actual, expected in zip(model.predict_labels(sentences), again.predict_labels(sentences), strict=True):
        assert actual.logits.tobytes() == expected.logits.tobytes()
        assert np.array_equal(actual.label_ids, expected.label_ids)
    assert again.fingerprint() == model.fingerprint()
    assert not [path.name for path in tmp_path.iterdir() if path.suffix not in (".json", ".safetensors")]

    alone = padded(model, sentences, 0, 0)
    for left, right in ((0, 5), (4, 0), (3, 2)):
        for actual, expected in zip(alone, padded(model, sentences, left, right), strict=True):
            np.testing.assert_allclose(actual, expected, atol=1e-5)
    together = model.predict_labels(sentences)
    for words, prediction in zip(sentences, together, strict=True):
        np.testing.assert_allclose(model.predict_labels([words])[0].logits, prediction.logits, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("parts", COMBINATIONS, ids=lambda parts: "-".join(parts.values()))
def test_default_students_have_2_to_3_5_million_parameters(tiny_bert: Path, parts: dict[str, str]) -> None:
    shape: dict[str, object] = {part: {"kind": kind} for part, kind in parts.items()}
    text = [Sentence((f"word{index}",) * 2) for index in range(40_000)]
    if parts["embedder"] != "word":
        shape |= {"tokenizer": str(tiny_bert), "embedder": {"kind": parts["embedder"], "init": "random"}}
    config = TypeAdapter(Student).validate_python(shape)
    model = build_student(config, LABELS, seed=0, text=lambda: text)
    count = model.parameters()
    if parts["embedder"] != "word":  # MiniLM's 30,522 subwords instead of the tiny model's
        count += 64 * (30_522 - len(model.tokenizer))
    assert 2_000_000 <= count <= 3_500_000
