"""The defaults of student.head.kind and student.encoder.layers."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from nlptrain.config import COMMANDS, load_config
from nlptrain.config.auto import resolve_auto
from nlptrain.errors import InputError

RAW = "data.unlabeled=raw.txt"


def student(folder: Path, command: str, *settings: str) -> Any:  # noqa: ANN401
    values: dict[str, Any] = {"output_dir": "runs/x", "data": {"train": "train.conll"}}
    values |= {"student": {"tokenizer": "org/model"}} if command == "tagger" else {"teacher": "org/teacher"}
    path = folder / "c.yaml"
    path.write_text(yaml.safe_dump(values))
    return resolve_auto(load_config(COMMANDS[command], path, settings, check_files=False).config)[0].student


def head(folder: Path, command: str, *settings: str) -> str:
    return str(student(folder, command, *settings).head.kind)


@pytest.mark.parametrize("command", ["tagger", "tagger_kd", "pseudo_label"])
def test_pipeline_words_need_a_softmax(tmp_path: Path, command: str) -> None:
    assert head(tmp_path, command) == "auto"
    assert head(tmp_path, command, "train.label_pipeline_words=true") == "softmax"
    with pytest.raises(InputError, match="a CRF labels whole words, not parts of words"):
        head(tmp_path, command, "train.label_pipeline_words=true", "student.head.kind=crf")


def test_mse_needs_a_softmax(tmp_path: Path) -> None:
    assert head(tmp_path, "tagger_kd", "objective.loss=kl") == "auto"
    assert head(tmp_path, "tagger_kd", "objective.loss=mse") == "softmax"
    assert head(tmp_path, "tagger_kd", "objective.loss=mse", "student.head.kind=auto") == "softmax"
    with pytest.raises(InputError, match="mse, which compares logits, and a CRF has marginals"):
        head(tmp_path, "tagger_kd", "objective.loss=mse", "student.head.kind=crf")


@pytest.mark.parametrize(
    ("command", "settings", "layers"),
    [
        ("tagger_kd", (RAW,), "auto"),
        ("tagger_kd", (RAW, "student.embedder.kind=pooled", "student.encoder.hidden=64"), "auto"),
        ("tagger_kd", (RAW, "student.encoder.kind=gru"), "auto"),
        ("tagger_kd", (), 2),
        ("tagger_kd", (RAW, "student.embedder.kind=word"), 2),
        ("tagger_kd", (RAW, "student.embedder.kind=word", "student.encoder.layers=1"), 1),
        ("pseudo_label", (RAW,), 2),
        ("tagger", (), 2),
        ("tagger", ("student.encoder.hidden=64", "student.encoder.layers=auto"), 2),
        ("tagger", ("student.encoder.layers=3",), 3),
        ("tagger", ("student.init_from=org/start",), "auto"),  # those of the start
    ],
)
def test_the_default_number_of_layers(
    tmp_path: Path, command: str, settings: tuple[str, ...], layers: int | str
) -> None:
    assert student(tmp_path, command, *settings).encoder.layers == layers


def test_a_convolution_gets_no_layers(tmp_path: Path) -> None:
    assert student(tmp_path, "tagger", "student.encoder.kind=idcnn").encoder.kind == "idcnn"
