"""Which scheme a teacher from elsewhere writes is read from its answers."""

import json
from pathlib import Path

import pytest

from nlptrain.config.commands import TaggerKDConfig
from nlptrain.data.labels import Labels
from nlptrain.data.tag_schemes import Scheme
from nlptrain.distillation.teachers.ensemble import infer_scheme
from nlptrain.models import TokenModel, TransformerTokenClassifier
from nlptrain.procedures.models import load_ensemble

IOB = ("O", "B-x", "I-x", "B-y", "I-y")
OPENED_BY_B = [["B-x", "I-x", "O", "B-y", "B-y"]] * 10
OPENED_BY_I = [["I-x", "I-x", "O", "I-y", "B-y"]] * 10


@pytest.mark.parametrize(
    ("names", "answers", "scheme", "guessed"),
    [
        (IOB, OPENED_BY_B, "iob2", False),
        (IOB, OPENED_BY_I, "iob1", False),
        (IOB, OPENED_BY_I[:9], "iob2", True),  # too few
        (IOB, OPENED_BY_B * 2 + OPENED_BY_I, "iob2", True),  # of two minds
        (IOB, OPENED_BY_B * 9 + OPENED_BY_I, "iob2", False),
        (("O", "B-x", "I-x", "I-y"), OPENED_BY_I, "iob1", False),  # y never stands twice
        (("O", "B-x", "I-x", "I-y"), OPENED_BY_B, "iob2", True),  # y could not be answered
        (("O", "I-x", "I-y"), OPENED_BY_I, "iob1", False),
        (("O", "B-x", "I-x", "L-x", "U-x"), [], "bilou", False),
        (("O", "B-x", "I-x", "L-x", "U-y"), [], "bilou", True),
        (("O", "B-x", "I-x", "E-x", "S-x"), [], "iobes", False),
        (("NOUN", "VERB"), [], "plain", False),
    ],
)
def test_what_opens_its_entities_tells(
    names: tuple[str, ...], answers: list[list[str]], scheme: Scheme, guessed: bool
) -> None:
    assert infer_scheme(Labels.from_names(names), answers) == Labels(names, scheme, guessed)


def test_what_is_known_is_not_asked() -> None:
    known = Labels.from_names(IOB, "iob2")
    assert infer_scheme(known, OPENED_BY_I) is known


@pytest.mark.parametrize("foreign", [False, True])
def test_a_teachers_folder_or_its_answers_decide(
    tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, foreign: bool
) -> None:
    TransformerTokenClassifier.from_pretrained(str(tiny_bert), Labels.from_names(IOB, "iob2")).save(tmp_path)
    path = tmp_path / "config.json"
    if foreign:
        path.write_text(json.dumps({**json.loads(path.read_text()), "nlptrain_scheme": None}))
    asked: list[object] = []

    def tag(_: TokenModel, words: object) -> list[list[str]]:
        asked.append(words)
        return OPENED_BY_I

    monkeypatch.setattr(TokenModel, "tag", tag)
    config = TaggerKDConfig.model_validate(
        {"teacher": str(tmp_path), "data": {"unlabeled": "raw.txt"}, "output_dir": str(tmp_path / "run")}
    )
    said: list[str] = []
    labels = load_ensemble(config, lambda: [("Ada", "sings")], log=said.append).labels
    assert labels == Labels(IOB, "iob1" if foreign else "iob2")
    assert asked == [[("Ada", "sings")]] * foreign
    assert ["iob1, detected from the predictions of" in line for line in said] == [True] * foreign
