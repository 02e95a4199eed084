"""The way of a configuration from the command to the student that it shapes: few files, and downhill."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import pytest
from pydantic import BaseModel

import nlptrain
from nlptrain.config.commands import TaggerKDConfig
from nlptrain.config.loading import load_config
from nlptrain.data.labels import Labels
from nlptrain.models import TransformerTokenClassifier
from nlptrain.procedures import models, run_training
from tests.helpers.commands import write_configs
from tests.helpers.layers import DEPTH

pytestmark = pytest.mark.slow

PACKAGE = Path(nlptrain.__file__).parent


def files_entered(call: Callable[[], object]) -> list[str]:
    """Return the files of the functions that receive a configuration, or a section of one, while ``call`` runs.

    Methods of the configuration itself are not counted, nor are further functions of the same file in a row.
    """
    route = [""]

    def record(frame: FrameType, event: str, _: object) -> None:
        path = Path(frame.f_code.co_filename)
        if event != "call" or PACKAGE not in path.parents:
            return
        names = frame.f_code.co_varnames[: frame.f_code.co_argcount + frame.f_code.co_kwonlyargcount]
        received = [frame.f_locals.get(name) for name in names if name not in ("self", "cls")]
        if any(isinstance(value, BaseModel) for value in received):
            file = path.relative_to(PACKAGE).as_posix()
            if file != route[-1]:
                route.append(file)

    sys.setprofile(record)
    try:
        call()
    finally:
        sys.setprofile(None)
    return route[1:]


def test_configuration_of_tagger_kd_reaches_the_student(
    corpus: Path, tiny_bert: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = Labels.from_names(["O", "B-person", "I-person", "B-place", "I-place"])
    TransformerTokenClassifier.from_pretrained(str(tiny_bert), labels, seed=0).save_pretrained(
        corpus / "runs/transformer_token"
    )
    config = load_config(TaggerKDConfig, write_configs(corpus, tiny_bert)["tagger_kd"]).config

    class StudentIsBuilt(Exception):
        pass

    def stop(*_: object) -> None:
        sys.setprofile(None)
        raise StudentIsBuilt

    monkeypatch.setattr(models, "_log_student", stop)
    route = files_entered(lambda: pytest.raises(StudentIsBuilt, run_training, "tagger_kd", config))
    depths = [DEPTH[file.split("/")[0]] for file in route]
    climbs = [f"{route[stay - 1]} -> {route[stay]}" for stay in range(1, len(route)) if depths[stay] < depths[stay - 1]]
    assert "models/students/building.py" in route
    assert len(set(route)) <= 14, sorted(set(route))
    assert len(climbs) <= 4, climbs
