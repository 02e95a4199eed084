"""An objective of the user's own replaces the loss, is part of the run's identity, and its mistakes are reported."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
import yaml
from torch import Tensor

import nlptrain
from nlptrain import COMMANDS, InputError, Loss, Targets, load_config
from nlptrain.config.objectives import KLConfig
from nlptrain.distillation.objectives import DistillObjective
from nlptrain.models.heads import WordOutput
from nlptrain.models.transformer import TransformerTokenClassifier
from nlptrain.training.objective import describe_objective
from tests.helpers.commands import write_configs
from tests.helpers.corpora import LABELS, write_corpus

pytestmark = pytest.mark.slow


class SameAsTheCommand:
    """The default loss, without weights of rare labels."""

    def loss(self, words: WordOutput, targets: Targets) -> Loss:
        return DistillObjective(KLConfig(rare_label_weight=0.0)).loss(words, targets)


@dataclass(frozen=True)
class Squared:
    """The squared distance of the probabilities from the teacher's."""

    scale: float = 1.0

    def loss(self, words: WordOutput, targets: Targets) -> Loss:
        assert targets.teacher_logits is not None
        distance = words.log_probabilities().exp() - targets.teacher_logits.softmax(dim=-1)
        return Loss({"squared": self.scale * distance[targets.has_teacher].square().sum()})


class Returns:
    """Returns a fixed value, or what a function makes of the words."""

    def __init__(self, value: object) -> None:
        self.value = value

    def loss(self, words: WordOutput, _: Targets) -> object:
        return self.value(words.logits) if callable(self.value) else self.value


@pytest.fixture(scope="module")
def values(tmp_path_factory: pytest.TempPathFactory, tiny_bert: Path) -> dict[str, object]:
    """Return the keys of ``distill`` for a teacher of random weights, with few steps."""
    corpus = write_corpus(tmp_path_factory.mktemp("corpus"))
    teacher = TransformerTokenClassifier.from_pretrained(tiny_bert, LABELS, seed=0)
    teacher.save_pretrained(corpus / "runs/transformer_token")
    keys = yaml.safe_load(write_configs(corpus, tiny_bert)["tagger_kd"].read_text())
    keys["train"] |= {"steps": 6, "eval_every": 3}
    return keys


def test_the_same_loss_trains_the_same_weights(values, tmp_path):
    configured = {**values, "objective": {"rare_label_weight": 0.0}}
    expected = nlptrain.distill(**{**configured, "output_dir": tmp_path / "configured"})
    own = nlptrain.distill(**{**values, "objective": SameAsTheCommand(), "output_dir": tmp_path / "own"})
    assert own.fingerprint() == expected.fingerprint()
    other = nlptrain.distill(**{**values, "objective": Squared(), "output_dir": tmp_path / "other"})
    assert other.fingerprint() != expected.fingerprint()


def test_it_is_recorded_and_makes_another_run(values, tmp_path):
    folder = tmp_path / "run"
    model = nlptrain.distill(**{**values, "objective": Squared(2.0), "output_dir": folder})
    name = describe_objective(Squared(2.0))
    assert name.startswith(f"{Squared.__module__}.Squared(scale=2.0), code ")
    assert model.scores.to_json()["objective"] == name
    assert yaml.safe_load((folder / "config.yaml").read_text())["objective"]["python"] == name
    with pytest.raises(
        InputError, match=r"objective.python: found .*, an objective from Python; .*; pass the object to"
    ):
        load_config(COMMANDS["tagger_kd"], folder / "config.yaml")
    assert json.loads((folder / "run.json").read_text())["config"]["objective"]["python"] == name
    assert f"objective: {name}" in (folder / "log.txt").read_text()
    assert '"squared": ' in (folder / "metrics.jsonl").read_text()
    assert nlptrain.distill(**{**values, "objective": Squared(2.0), "output_dir": folder}).folder == folder
    for objective in (Squared(3.0), SameAsTheCommand(), None, {"loss": "mse"}):
        with pytest.raises(InputError, match="holds a run with another configuration .*objective.python"):
            nlptrain.distill(**{**values, "objective": objective, "output_dir": folder})


def test_each_of_several_seeds_is_trained_with_it(values, tmp_path):
    keys = {**values, "seeds": [1, 2], "objective": Squared(), "output_dir": tmp_path / "runs"}
    model = nlptrain.distill(**keys)
    assert model.scores.to_json()["objective"] == describe_objective(Squared())
    assert nlptrain.distill(**keys).folder == model.folder
    with pytest.raises(InputError, match="objective.python"):
        nlptrain.distill(**{**keys, "objective": Squared(2.0)})


@pytest.mark.parametrize(
    ("objective", "error", "message"),
    [
        (Squared, TypeError, r"objective: found the class Squared; expected an object of it: Squared\(...\)"),
        (3, TypeError, r"objective: found int; expected a map, or an object with a method loss"),
        ("kl", TypeError, "objective: found str; expected a map"),
        (Returns(1.0), TypeError, r"Returns.loss: found float; expected nlptrain.Loss\(\{NAME: sum"),
        (Returns(lambda logits: logits.sum()), TypeError, "Returns.loss: found Tensor; expected nlptrain.Loss"),
        (Returns(Loss({})), TypeError, "Returns.loss: found no parts"),
        (Returns(Loss({"a": 1.0})), TypeError, "Returns.loss: found float for 'a'; expected"),
        (Returns(lambda logits: Loss({"a": logits.sum(1)})), TypeError, r"found a tensor of shape \[\d+\] for 'a'"),
        (Returns(lambda logits: Loss({"a": logits.sum() / 0})), InputError, "found -?(inf|nan) for 'a' in the first"),
        (Returns(lambda _: Loss({"a": torch.ones(())})), InputError, "no gradient flows from the loss to the model"),
    ],
)
def test_mistakes_are_reported(values, tmp_path, objective, error, message):
    with pytest.raises(error, match=message):
        nlptrain.distill(**{**values, "objective": objective, "output_dir": tmp_path / "run"})


def test_notes_may_be_reported_too(values, tmp_path):
    def noted(logits: Tensor) -> Loss:
        return Loss({"a": logits.square().sum()}, {"largest": logits.max().detach()})

    nlptrain.distill(**{**values, "objective": Returns(noted), "output_dir": tmp_path / "run"})
    assert '"largest": ' in (tmp_path / "run/metrics.jsonl").read_text()


def test_values_of_an_objective_distinguish_it():
    weights = torch.arange(400.0)
    first, second = Returns(weights), Returns(torch.cat([weights[:-1], torch.zeros(1)]))
    assert describe_objective(first) == describe_objective(Returns(weights.clone()))
    assert describe_objective(first) != describe_objective(second)
    assert len(describe_objective(first)) < 250
    assert describe_objective(Returns(object())) == describe_objective(Returns(object()))  # no address
