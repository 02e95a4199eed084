"""Which head a configuration comes to where a chain has no place."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from nlptrain.config import COMMANDS, load_config
from nlptrain.errors import InputError


def head(folder: Path, command: str, *settings: str) -> str:
    values: dict[str, Any] = {"output_dir": "runs/x", "data": {"train": "train.conll"}}
    values |= {"student": {"tokenizer": "org/model"}} if command == "tagger" else {"teacher": "org/teacher"}
    path = folder / "c.yaml"
    path.write_text(yaml.safe_dump(values))
    config = load_config(COMMANDS[command], path, settings, check_files=False).config
    return str(config.student.head.kind)


@pytest.mark.parametrize("command", ["tagger", "tagger_kd", "pseudo_label"])
def test_word_parts_take_a_softmax(tmp_path: Path, command: str) -> None:
    assert head(tmp_path, command) == "auto"
    assert head(tmp_path, command, "train.word_parts=true") == "softmax"
    with pytest.raises(InputError, match="a CRF's chain runs over words, so that the parts of a word have no place"):
        head(tmp_path, command, "train.word_parts=true", "student.head.kind=crf")


def test_mse_takes_a_softmax(tmp_path: Path) -> None:
    assert head(tmp_path, "tagger_kd", "objective.loss=kl") == "auto"
    assert head(tmp_path, "tagger_kd", "objective.loss=mse") == "softmax"
    assert head(tmp_path, "tagger_kd", "objective.loss=mse", "student.head.kind=auto") == "softmax"
    with pytest.raises(InputError, match="mse compares logits, and a CRF has marginals"):
        head(tmp_path, "tagger_kd", "objective.loss=mse", "student.head.kind=crf")
