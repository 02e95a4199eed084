"""Registries: kinds of installed packages, those that cannot be used, and unknown ones."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Literal

import pytest
from pydantic import Field, ValidationError

import nlptrain
from nlptrain.config import registry as registry_module
from nlptrain.config.components import EMBEDDERS, ENCODERS, HEADS, EncoderConfig
from nlptrain.config.formats import FORMATS
from nlptrain.config.objectives import LOSSES
from nlptrain.config.registry import ConfiguredEntry, Entry, KindSection, Plugin, Registry, plugins, register
from nlptrain.config.section import Section
from nlptrain.config.teachers import TEACHERS
from nlptrain.config.trackers import TRACKERS
from nlptrain.errors import InputError

GROUP = "nlptrain.shapes"
ALL = (EMBEDDERS, ENCODERS, HEADS, LOSSES, FORMATS, TEACHERS, TRACKERS)


class ShapeConfig(KindSection):
    """Of any shape."""

    default_kind = "square"


class SquareConfig(ShapeConfig):
    """A square."""

    kind: Literal["square"] = Field("square", description="A square.")
    side: int = 1


class CircleConfig(ShapeConfig):
    """A circle."""

    kind: Literal["circle"] = Field("circle", description="A circle.")
    radius: int = 2


class OvalConfig(ShapeConfig):
    """An oval."""

    kind: Literal["oval"] = Field("oval", description="An oval.")


@dataclass(frozen=True)
class ShapeEntry(ConfiguredEntry[ShapeConfig]):
    draw: str


CIRCLE = ShapeEntry(CircleConfig, draw="math:cos")
NO_MODULE = ShapeEntry(OvalConfig, draw="no_such_module:draw")
NO_ENTRY = Entry()


@pytest.fixture
def shapes(monkeypatch: pytest.MonkeyPatch) -> Registry[ShapeEntry]:
    """Return a registry with a kind of its own, one of a package, and several that cannot be used."""
    paths = {
        "circle": f"{__name__}:CIRCLE",
        "absent": "no_such_package.plugin:ABSENT",
        "nothing": f"{__name__}:NOTHING",
        "entry": f"{__name__}:NO_ENTRY",
        "oval": f"{__name__}:NO_MODULE",
        "square": f"{__name__}:CIRCLE",
        "ring": f"{__name__}:CIRCLE",
    }
    points = [EntryPoint(kind, path, GROUP) for kind, path in paths.items()]
    monkeypatch.setattr(registry_module, "_entry_points", lambda: {GROUP: points, "nlptrain.shape": points[:1]})
    monkeypatch.setattr(registry_module, "_ALL", [])
    square = ShapeEntry(SquareConfig, draw="math:sin")
    return Registry("shape", "drawing.shape.kind", GROUP, ShapeEntry, {"square": square})


def test_a_package_adds_a_kind(shapes: Registry[ShapeEntry]) -> None:
    assert list(shapes) == ["square", "circle", "oval"]
    assert shapes.load("circle", shapes["circle"].draw)(0.0) == 1.0
    assert shapes["square"].config is SquareConfig  # a package does not replace what is built in


def test_an_unknown_kind_is_an_error_with_the_known_ones(shapes: Registry[ShapeEntry]) -> None:
    message = r"drawing\.shape\.kind: found the shape 'circel'; expected one of square, circle, oval; did you mean"
    with pytest.raises(InputError, match=message):
        shapes["circel"]


@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        ("absent", "ModuleNotFoundError: No module named 'no_such_package'"),
        ("nothing", "AttributeError"),
        ("entry", "is no ShapeEntry"),
        ("ring", "CircleConfig must have the field kind with the only value and default 'ring'"),
    ],
)
def test_a_kind_that_cannot_be_imported_is_an_error_when_it_is_used(
    shapes: Registry[ShapeEntry], kind: str, fault: str
) -> None:
    with pytest.raises(InputError, match=f"{kind} of the package unknown cannot be used .*{fault}.*; update or corr"):
        shapes[kind]


def test_code_that_cannot_be_imported_is_an_error_with_its_path(shapes: Registry[ShapeEntry]) -> None:
    with pytest.raises(InputError, match=r"no_such_module:draw of the package unknown cannot be imported \(Module"):
        shapes.load("oval", shapes["oval"].draw)


def test_plugins_are_listed_with_their_faults(shapes: Registry[ShapeEntry]) -> None:
    listed = {plugin.kind: plugin for plugin in plugins() if plugin.group == GROUP}
    assert listed["circle"] == Plugin(GROUP, "circle", "unknown")
    assert {kind for kind, plugin in listed.items() if plugin.fault} == {
        "absent",
        "nothing",
        "entry",
        "ring",
        "square",
        "oval",
    }
    (misspelled,) = [plugin for plugin in plugins() if plugin.group != GROUP]
    assert misspelled.fault == f"there is no such group; known: {GROUP}"


def test_the_schema_holds_every_kind(shapes: Registry[ShapeEntry]) -> None:
    register(ShapeConfig, shapes)

    class Drawing(Section):
        shape: ShapeConfig = SquareConfig()

    circle = Drawing.model_validate({"shape": {"kind": "circle", "radius": 3}}).shape
    assert circle == CircleConfig(radius=3)
    assert Drawing.model_validate({"shape": {"side": 3}}).shape == SquareConfig(side=3)  # the default kind
    assert Drawing(shape=circle).model_dump() == {"shape": {"kind": "circle", "radius": 3}}
    with pytest.raises(ValidationError, match="absent of the package unknown cannot be used"):
        Drawing.model_validate({"shape": {"kind": "absent"}})
    with pytest.raises(ValidationError, match="does not match any of the expected tags: 'square', 'circle'"):
        Drawing.model_validate({"shape": {"kind": "triangle"}})


@pytest.mark.parametrize("registry", ALL, ids=lambda registry: registry.axis)
def test_every_path_of_a_built_in_kind_can_be_imported(registry: Registry[Entry]) -> None:
    assert registry.group in {other.group for other in ALL}
    for kind, entry in registry.items():
        for path in vars(entry).values():
            if isinstance(path, str) and path.startswith("nlptrain."):
                assert callable(registry.load(kind, path)), path
        with pytest.raises(InputError, match="expected one of"):
            registry[f"{kind}x"]


def test_a_kind_without_registry_is_a_model_of_its_own() -> None:
    assert EncoderConfig.kinds().keys() >= {"lstm", "gru", "idcnn"}
    assert EncoderConfig.kinds()["lstm"].kinds() == {}


def test_no_code_outside_of_the_registries_compares_a_kind() -> None:
    """A kind that is compared somewhere is forgotten there when another one is added."""
    registries = (EMBEDDERS, ENCODERS, HEADS, LOSSES, FORMATS, TRACKERS)
    kinds = {kind for registry in registries for kind in registry}
    kinds -= {"auto", "json", "jsonl", "conll", "entities"}  # also other words: formats of predictions, keys of rows
    package = Path(nlptrain.__file__).parent
    compared = [
        f"{path.relative_to(package)}:{node.lineno}: {ast.unparse(node)}"
        for path in sorted(package.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Compare | ast.MatchValue)
        for constant in ast.walk(node)
        if isinstance(constant, ast.Constant) and constant.value in kinds
    ]
    public = "distillation/losses.py"  # TeacherStudentDistill has the two losses of its interface
    assert {line.split(":")[0] for line in compared} == {public}, "\n".join(compared)
