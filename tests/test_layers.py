"""Imports run downwards only, by the layers of docs/concepts/architecture.md."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.layers import DEPTH

PACKAGE = Path(__file__).parents[1] / "nlptrain"


def imports_of(source: str, module: str, *, is_package: bool = False) -> Iterator[tuple[int, str]]:
    """Yield each import of ``nlptrain`` in ``source`` as (line, dotted name), anywhere in the file."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = module.split(".")[: len(module.split(".")) - node.level + is_package] if node.level else []
            origin = ".".join([*above, *([node.module] if node.module else [])])
            names = [f"{origin}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from ((node.lineno, name) for name in names if name.split(".")[0] == "nlptrain")


def upward_imports(source: str, module: str, *, is_package: bool = False) -> list[str]:
    """Return a line for each import in ``module`` from a higher layer, or from a module without a layer."""
    own = module.split(".")[1]
    if own not in DEPTH:
        return [f"{module}: {own} has no layer; add it to LAYERS"]
    faults = []
    for line, name in imports_of(source, module, is_package=is_package):
        target = name.split(".")[1] if "." in name else ""
        if target == "__version__":  # a constant of the package
            continue
        if target not in DEPTH:
            faults.append(f"{module}:{line}: imports {name}; name the module that it comes from, below {own}")
        elif DEPTH[target] < DEPTH[own]:
            faults.append(f"{module}:{line}: imports {name}, which is above {own}")
    return faults


def modules() -> list[tuple[Path, str, bool]]:
    """Return path, name and whether it is a package, of each module."""
    listed = []
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        listed.append((path, ".".join(parts[:-1] if is_package else parts), is_package))
    return listed


def test_the_runtime_imports_nothing_of_nlptrain():
    runtime = PACKAGE.parent / "runtime" / "nlptrain_runtime"
    imports = [
        f"{path.name}: {name}"
        for path in sorted(runtime.rglob("*.py"))
        for _, name in imports_of(path.read_text(encoding="utf-8"), f"nlptrain_runtime.{path.stem}")
    ]
    assert (runtime / "tagger.py").is_file()
    assert not imports, "\n".join(imports)


def test_no_import_runs_upwards():
    checked = [module for module in modules() if module[1] != "nlptrain"]  # it imports the public names lazily
    assert len(checked) > 10
    faults = [
        fault
        for path, module, is_package in checked
        for fault in upward_imports(path.read_text(encoding="utf-8"), module, is_package=is_package)
    ]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(
    ("source", "module"),
    [
        ("import nlptrain.training.loop", "nlptrain.models.tagger"),
        ("from nlptrain.cli.main import main", "nlptrain.procedures"),
        ("from nlptrain.deployment import onnx", "nlptrain.distillation.kd"),
        ("from nlptrain import procedures", "nlptrain.analysis.comparison"),
        ("def f():\n    from nlptrain.models.tokenization.inputs import Inputs", "nlptrain.data.batching"),
        ("if TYPE_CHECKING:\n    from nlptrain.run.run import Run", "nlptrain.config.train"),
        ("from ..training import loop", "nlptrain.data.batching"),
        ("from . import procedures", "nlptrain.labels"),
        ("import nlptrain", "nlptrain.data.batching"),
        ("from nlptrain import TokenModel", "nlptrain.training.loop"),
        ("from nlptrain.utils import helper", "nlptrain.cli.main"),
        ("", "nlptrain.utils"),
    ],
)
def test_an_upward_import_is_found(source, module):
    assert len(upward_imports(source, module)) == 1


def test_a_relative_import_in_a_package_counts_from_the_package():
    assert not upward_imports(
        "from . import columns\nfrom ..errors import InputError", "nlptrain.data", is_package=True
    )
    assert len(upward_imports("from ..models import crf", "nlptrain.data", is_package=True)) == 1


@pytest.mark.parametrize(
    ("source", "module"),
    [
        ("from nlptrain.errors import InputError\nimport torch", "nlptrain.data.batching"),
        ("from nlptrain.data.formats.conll import read_conll", "nlptrain.data.corpus"),
        ("from nlptrain.analysis.comparison import compare", "nlptrain.deployment.benchmark"),
        ("from .formats import conll\nfrom ..errors import InputError", "nlptrain.data.corpus"),
        ("from nlptrain.cli.main import main", "nlptrain.__main__"),
        ("from nlptrain import __version__", "nlptrain.run"),
        ("import nlptrainer", "nlptrain.errors"),
    ],
)
def test_a_downward_import_is_allowed(source, module):
    assert upward_imports(source, module) == []
