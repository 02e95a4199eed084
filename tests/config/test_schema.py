"""JSON Schema, reference page and starter files match the models that validate configurations."""

from __future__ import annotations

import functools
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from jsonschema import Draft202012Validator

from nlptrain.cli.main import main
from nlptrain.config import COMMANDS, command_of, load_config
from nlptrain.config.schema import json_schema, keys, starter
from nlptrain.config.yaml_files import read_yaml

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SHIPPED = sorted(path for path in (ROOT / "configs").glob("*/*.yaml") if not path.name.startswith("_"))


@functools.cache
def validator(command: str) -> Draft202012Validator:
    schema = json_schema(command)
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def faults(command: str, values: dict[str, Any]) -> list[str]:
    return [error.message for error in validator(command).iter_errors(values)]


@pytest.mark.parametrize("path", SHIPPED, ids=[f"{path.parent.name}/{path.stem}" for path in SHIPPED])
def test_every_file_in_configs_is_valid_by_the_schema(path: Path) -> None:
    assert not faults(command_of(path), read_yaml(path))


@pytest.mark.parametrize("command", COMMANDS)
def test_a_starter_file_has_all_defaults(tmp_path: Path, command: str) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(starter(command))
    config = load_config(COMMANDS[command], path, check_files=False).config
    assert not faults(command, read_yaml(path))
    assert max(map(len, starter(command).split("\n"))) <= 110
    values = {**config.model_dump(), "data": {}, "output_dir": "", "model": "", "teacher": "", "student": {}}
    bare = {"data": {"train": "x"}, "output_dir": "y", "model": "org/m", "teacher": "org/t"}
    bare |= {"student": {"tokenizer": "org/m"}} if command == "tagger" else {}
    bare = {key: value for key, value in bare.items() if key in COMMANDS[command].model_fields}
    other = COMMANDS[command].model_validate(bare).model_dump()
    assert values == {**other, "data": {}, "output_dir": "", "model": "", "teacher": "", "student": {}}


@pytest.mark.parametrize("command", COMMANDS)
def test_the_comments_of_a_starter_file_are_keys(tmp_path: Path, command: str) -> None:
    """Each key after a # is a key of the configuration, in the right section."""
    known = {key.name for key in keys(COMMANDS[command])}
    path: list[str] = []
    commented_keys = set()
    for line in starter(command).split("\n"):
        if match := re.match(r"( *)#?(\w+):", line):
            depth = len(match[1]) // 2
            path = [*path[:depth], match[2]]
            assert ".".join(path) in known
            commented_keys.add(".".join(path))
    assert commented_keys == {key.name for key in keys(COMMANDS[command], all_kinds=False)}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"studnet": {}}, "'studnet' was unexpected"),
        ({"train": {"steps": 0}}, "is not valid under any of the given schemas"),
        ({"student": {"encoder": {"hidden": 4, "filters": 3}}}, "is not valid under any of the given schemas"),
        ({"student": {"encoder": {"hidden": 4, "layers": 9}}}, "is not valid under any of the given schemas"),
        ({"student": {"encoder": {"kind": "gruu"}}}, "is not valid under any of the given schemas"),
        ({"seed": "1"}, "is not valid under any of the given schemas"),
    ],
)
def test_invalid_values_are_invalid_by_the_schema(values: dict[str, Any], fault: str) -> None:
    base = {"teacher": "t", "data": {"train": "x"}, "output_dir": "o"}
    assert not faults("tagger_kd", base)
    assert not faults("tagger_kd", {"base": "other.yaml"})
    assert any("is not valid under any of the given" in message for message in faults("tagger_kd", {"teacher": "t"}))
    assert any(fault in message for message in faults("tagger_kd", {**base, **values}))


@pytest.mark.parametrize(
    "student",
    [
        {"encoder": {"hidden": 4}},
        {"encoder": {"kind": "gru", "hidden": 4}},
        {"embedder": {"kind": "word"}, "head": {"kind": "softmax"}},
        {"kind": "transformer", "layers": 2},
    ],
)
def test_kinds_are_distinguished(student: dict[str, Any]) -> None:
    assert not faults("tagger_kd", {"teacher": "t", "data": {}, "output_dir": "o", "student": student})


def test_the_reference_has_each_command_and_key() -> None:
    written = (ROOT / "docs/reference/configuration.md").read_text(encoding="utf-8")
    for command, model in COMMANDS.items():
        assert f"## {command}\n" in written
        for key in keys(model):
            assert f"| `{key.name.rpartition('.')[2]}` |" in written


def test_the_commands_print_schema_and_starter() -> None:
    def call(*arguments: str) -> Any:  # noqa: ANN401
        return CliRunner().invoke(main, ["config", *arguments])

    assert json.loads(call("schema", "tagger").stdout) == json_schema("tagger")
    assert yaml.safe_load(call("init", "pseudo_label").stdout)["output_dir"] == "runs/pseudo"
    for name in ("schema", "init"):
        wrong = call(name, "taggerkd")
        assert wrong.exit_code == 2
        assert "'taggerkd' is not one of 'transformer_token', 'tagger', " in wrong.stderr
        assert wrong.stderr.endswith("Did you mean 'tagger_kd'?\n")
