"""The functions that train: the same bytes as the commands, their keys, their errors, and what they print."""

from __future__ import annotations

import inspect
import runpy
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml

import nlptrain
from nlptrain import COMMANDS, DataConfig, InputError, TokenModel, TrainConfig
from nlptrain.errors import Interrupted
from tests.helpers.commands import call, write_configs

pytestmark = pytest.mark.slow

FUNCTIONS: dict[str, Callable[..., TokenModel]] = {
    "transformer_token": nlptrain.train_transformer,
    "tagger": nlptrain.train_tagger,
    "tagger_kd": nlptrain.distill,
    "pseudo_label": nlptrain.pseudo_label,
}


class Terminated(Exception):
    """Raised by a program's own handler of SIGTERM."""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, tiny_bert: Path) -> Path:
    """Write a corpus, two files of raw text, and a teacher that the command has trained."""
    from tests.helpers.corpora import write_corpus

    corpus = write_corpus(tmp_path_factory.mktemp("corpus"))
    lines = (corpus / "raw.txt").read_text().splitlines()
    (corpus / "more.txt").write_text("\n".join(f"yesterday {line}" for line in lines[:100]))
    path = write_configs(corpus, tiny_bert)["transformer_token"]
    done = call("transformer_token", path)
    assert done.exit_code == 0, done.output
    return corpus


def values_of(trained: Path, tiny_bert: Path, name: str) -> dict[str, object]:
    """Return the keys of the command ``name``, with few steps."""
    values = yaml.safe_load(write_configs(trained, tiny_bert)[name].read_text())
    values["train"] |= {"steps": 8, "eval_every": 4} if name != "transformer_token" else {"epochs": 2}
    return values


def weights(folder: Path) -> bytes:
    return (folder / "model/model.safetensors").read_bytes()


def train_twice(name: str, values: dict[str, object], folder: Path) -> tuple[TokenModel, Path]:
    """Train with the function and with the command, into two folders below ``folder``; return model and folder."""
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump({**values, "output_dir": str(folder / "command")}))
    done = call(name, path)
    assert done.exit_code == 0, done.output
    return FUNCTIONS[name](**{**values, "output_dir": folder / "python"}), folder / "command"


@pytest.mark.parametrize("name", ["transformer_token", "tagger", "pseudo_label"])
def test_it_trains_the_same_weights_as_the_command(trained, tiny_bert, tmp_path, name):
    model, folder = train_twice(name, values_of(trained, tiny_bert, name), tmp_path)
    assert model.folder == tmp_path / "python"
    assert weights(model.folder) == weights(folder)


def test_it_distills_the_same_weights_with_weights_of_sources(trained, tiny_bert, tmp_path):
    values = values_of(trained, tiny_bert, "tagger_kd")
    sources = [{"path": trained / "raw.txt", "weight": 0.5}, {"path": str(trained / "more.txt"), "weight": 2}]
    values["data"]["max_words"] = 12
    values["data"]["unlabeled"] = [{**source, "path": str(source["path"])} for source in sources]
    model, folder = train_twice("tagger_kd", values, tmp_path)
    assert weights(model.folder) == weights(folder)
    values["data"]["unlabeled"] = sources  # paths, too
    again = nlptrain.distill(**{**values, "output_dir": tmp_path / "python"})
    assert again.folder == model.folder
    del values["data"]["unlabeled"][0]["weight"]
    with pytest.raises(InputError, match="holds a run with another configuration"):
        nlptrain.distill(**{**values, "output_dir": tmp_path / "python"})


def test_it_distills_the_same_weights_with_a_word_embedder(trained, tiny_bert, tmp_path):
    values = values_of(trained, tiny_bert, "tagger_kd")
    values["student"] = {
        "embedder": {"kind": "word", "dim": 16, "char_filters": 8, "min_count": 1},
        "encoder": {"kind": "idcnn", "filters": 24, "dilations": [1, 2], "blocks": 1},
        "head": {"kind": "crf"},
    }
    model, folder = train_twice("tagger_kd", values, tmp_path)
    assert weights(model.folder) == weights(folder)


def test_of_several_seeds_all_are_trained_and_the_best_is_returned(trained, tiny_bert, tmp_path):
    model, folder = train_twice("tagger_kd", {**values_of(trained, tiny_bert, "tagger_kd"), "seeds": [3, 4]}, tmp_path)
    for seed in ("seed-3", "seed-4"):
        assert weights(tmp_path / "python" / seed) == weights(folder / seed)
    scores = {seed: yaml.safe_load((folder / seed / "scores.json").read_text()) for seed in ("seed-3", "seed-4")}
    assert model.folder is not None
    best = max(run["dev"]["f1"] for run in scores.values())
    assert scores[model.folder.name]["dev"]["f1"] == best


def test_arguments_override_a_file_whatever_they_are_given_as(trained, tiny_bert, tmp_path):
    values = values_of(trained, tiny_bert, "tagger")
    path = tmp_path / "tagger.yaml"
    path.write_text(yaml.safe_dump({**values, "output_dir": "elsewhere", "seed": 7}))
    data = DataConfig(train=str(trained / "dev.conll"))
    options = {"data": data, "train": TrainConfig(steps=3, ema=0.0), "output_dir": tmp_path / "run"}
    assert nlptrain.train_tagger(path, **options).folder == tmp_path / "run"
    written = yaml.safe_load((tmp_path / "run/config.yaml").read_text())
    expected = {**values["train"], "steps": 3, "ema": 0.0}
    assert {key: written["train"][key] for key in expected} == expected
    assert written["data"]["train"] == str(trained / "dev.conll")
    assert written["data"]["test"] == values["data"]["test"]
    assert written["seed"] == 7


def test_it_is_silent_unless_progress_is_asked_for(trained, tiny_bert, tmp_path, capfd):
    values = values_of(trained, tiny_bert, "tagger")
    nlptrain.train_tagger(**{**values, "output_dir": tmp_path / "silent"})
    assert capfd.readouterr() == ("", "")
    assert f"tagger: {tmp_path / 'silent'}" in (tmp_path / "silent/log.txt").read_text()
    nlptrain.train_tagger(**{**values, "output_dir": tmp_path / "loud"}, progress=True)
    out, err = capfd.readouterr()
    assert out == ""
    assert f"tagger: {tmp_path / 'loud'}" in err


@pytest.mark.parametrize("name", list(COMMANDS))
def test_its_parameters_are_the_keys_of_the_command(name):
    parameters = inspect.signature(FUNCTIONS[name]).parameters
    extra = {"config", "overwrite", "progress"} | ({"workers"} if name in ("tagger_kd", "pseudo_label") else set())
    assert set(parameters) - extra == set(COMMANDS[name].model_fields)
    assert extra < set(parameters)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"train": {"stepz": 5}}, "^distill: train.stepz: unknown key; did you mean 'steps'"),
        ({"train": {"steps": "many"}}, "^distill: train.steps: found 'many'"),
        ({"data": "train.conll"}, "^distill: data: found 'train.conll'; expected a map"),
        ({"data": {"train": "nowhere.conll"}}, "distill: data.train: no file matches 'nowhere.conll'"),
        ({"data": {"train": {1, 2}}}, "^distill: data.train: found .*, of type set; expected a map, a list"),
        ({"data": {3: "x"}}, "^distill: data: found the key '?3'?, of type int; expected a string"),
        ({"seed": 1.5}, "^distill: seed: found 1.5; expected a whole number"),
        ({"train": {"learning_rate": float("nan")}}, "^distill: train.learning_rate: .*expected finite"),
        ({"teacher": None}, "^distill: teacher: missing"),
        ({"output_dir": None}, r"^distill: output_dir: missing"),
        ({"seed": 1, "seeds": [1, 2]}, "seed"),
        ({"student": {"kind": "robot"}}, "^distill: student.kind: found 'robot'"),
    ],
)
def test_errors_name_the_function_and_the_key(trained, tiny_bert, keys, message):
    values = values_of(trained, tiny_bert, "tagger_kd")
    with pytest.raises(InputError, match=message) as raised:
        nlptrain.distill(**{**values, **keys})
    assert "--" not in str(raised.value)
    assert "command line" not in str(raised.value)


def test_a_value_of_a_file_is_reported_with_the_file(trained, tiny_bert, tmp_path):
    path = tmp_path / "kd.yaml"
    path.write_text(yaml.safe_dump({**values_of(trained, tiny_bert, "tagger_kd"), "precision": "fp7"}))
    with pytest.raises(InputError, match=f"^{path}: precision: found 'fp7'"):
        nlptrain.distill(path, train={"steps": 3})


@pytest.mark.parametrize(("signal_number", "error"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, Terminated)])
def test_a_signal_is_raised_as_in_any_program(trained, tiny_bert, tmp_path, monkeypatch, signal_number, error):
    def stop(*_: object, **__: object) -> None:
        torch.set_num_threads(torch.get_num_threads() + 1)
        raise Interrupted(signal_number)

    def terminate(*_: object) -> None:
        raise Terminated

    monkeypatch.setattr("nlptrain.api.training.run_training", stop)
    threads, before = torch.get_num_threads(), signal.signal(signal.SIGTERM, terminate)
    try:
        with pytest.raises(error):
            nlptrain.train_tagger(**{**values_of(trained, tiny_bert, "tagger"), "output_dir": tmp_path})
    finally:
        signal.signal(signal.SIGTERM, before)
    assert torch.get_num_threads() == threads


def test_a_program_that_its_own_processes_start_again_is_an_error(tmp_path):
    program = tmp_path / "program.py"
    program.write_text("import nlptrain\ndef run(): nlptrain.distill('nowhere.yaml')\nif __name__ != 'x': run()\n")
    with pytest.raises(InputError, match=f"^{program}:3: the processes that it starts .*below if __name__ =="):
        runpy.run_path(str(program), run_name="__mp_main__")  # as multiprocessing does
    with pytest.raises(InputError, match=r"^nowhere.yaml"):
        runpy.run_path(str(program), run_name="__main__")
    with pytest.raises(InputError, match=r"^nowhere.yaml"):
        runpy.run_path(str(program), run_name="x")["run"]()
