"""The public names of ``nlptrain``: found by dir, completion and help; typed without Any; imported on use."""

from __future__ import annotations

import inspect
import pydoc
import rlcompleter
import subprocess
import sys
import typing
from collections.abc import Callable, Iterator

import numpy as np
import pytest

import nlptrain

FUNCTIONS = ["train_transformer", "train_tagger", "distill", "pseudo_label"]
FUNCTIONS += ["evaluate", "predict", "compare", "export", "benchmark", "load", "label"]


def test_dir_and_completion_know_the_names():
    assert set(nlptrain.__all__) <= set(dir(nlptrain))
    assert {*FUNCTIONS, "TokenModel", "Objective", "Sentence", "InputError", "fit"} <= set(nlptrain.__all__)
    completer = rlcompleter.Completer({"nlptrain": nlptrain})
    assert completer.complete("nlptrain.distil", 0) == "nlptrain.distill("


def test_each_name_is_there_and_documented():
    for name in nlptrain.__all__:
        assert getattr(nlptrain, name) is not None
    for name, value in public():
        assert inspect.getdoc(value), name
    with pytest.raises(AttributeError, match="no attribute 'distil'") as raised:
        _ = nlptrain.distil
    assert (raised.value.name, raised.value.obj) == ("distil", nlptrain)  # for Python's suggestion


def test_a_function_stays_one_after_all_modules_are_imported():
    import nlptrain.api

    for name in FUNCTIONS:
        assert getattr(nlptrain, name) is getattr(nlptrain.api, name), name


def test_help_shows_an_example_and_the_functions():
    shown = pydoc.plain(pydoc.render_doc(nlptrain))
    assert "nlptrain.distill(teacher=" in shown
    for name in FUNCTIONS:
        assert f"    {name}(" in shown, name


def test_importing_it_imports_no_torch():
    program = "import nlptrain, sys; dir(nlptrain); sys.exit(any(m in sys.modules for m in ('torch', 'pydantic')))"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def public() -> Iterator[tuple[str, Callable[..., object]]]:
    """Yield each public function, class and method of ours."""
    for name in nlptrain.__all__:
        value = getattr(nlptrain, name)
        if inspect.isclass(value):
            yield name, value
            for key, inner in vars(value).items():
                function = inspect.unwrap(getattr(inner, "fget", None) or getattr(inner, "__func__", inner))
                is_ours = getattr(function, "__module__", "").startswith("nlptrain")
                if inspect.isfunction(function) and is_ours and (key == "__init__" or not key.startswith("_")):
                    yield f"{name}.{key}", function
        elif inspect.isfunction(value):
            yield name, value


def has_any(annotation: object) -> bool:
    if typing.get_origin(annotation) is np.ndarray:  # of any shape
        return has_any(typing.get_args(annotation)[1])
    return annotation is typing.Any or any(map(has_any, typing.get_args(annotation)))


def test_no_signature_has_any():
    checked = []
    for name, function in public():
        if inspect.isclass(function):
            continue
        hints = typing.get_type_hints(function, None, _names_for_types())
        parameters = [key for key in inspect.signature(function).parameters if key not in ("self", "cls")]
        assert set(hints) >= {*parameters, "return"}, f"{name} lacks types"
        faults = [key for key, hint in hints.items() if has_any(hint)]
        checked.append(name)
        assert not faults, f"{name}: {faults}"
    assert len(checked) > 60


def _names_for_types() -> dict[str, object]:
    """Return names that modules import for types alone."""
    return {"TokenModel": nlptrain.TokenModel}
