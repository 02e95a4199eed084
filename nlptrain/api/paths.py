"""Paths and models as arguments: an error names the argument, what was given, and what is expected."""

from __future__ import annotations

from collections.abc import Iterable
from os import PathLike, fspath
from pathlib import Path

from nlptrain.errors import InputError
from nlptrain.models import TokenModel

MODEL = "a folder, a Hub name or a model"


def text_of(path: str | Path, name: str, expected: str = "a path") -> str:
    """Return ``path`` as a string; ``name`` is that of the argument.

    Raises:
        TypeError: it is no path.
    """
    if isinstance(path, str | PathLike):
        return fspath(path)
    raise TypeError(f"{name}: found {type(path).__name__}; expected {expected}")


def texts_of(paths: str | Path | Iterable[str | Path], name: str) -> list[str]:
    """Return one path, or each of several, as a string.

    Raises:
        TypeError: one of them is no path.
    """
    expected = "a path, or a list of paths"
    if isinstance(paths, str | PathLike):
        return [fspath(paths)]
    if not isinstance(paths, Iterable):
        raise TypeError(f"{name}: found {type(paths).__name__}; expected {expected}")
    return [text_of(path, name, expected) for path in paths]


def model_of(model: str | Path | TokenModel) -> str | TokenModel:
    """Return a model, or its name as a string.

    Raises:
        TypeError: it is neither.
    """
    return model if isinstance(model, TokenModel) else text_of(model, "model", MODEL)


def folder_of(run: str | Path | TokenModel, name: str) -> str:
    """Return the folder of a run or of an exported tagger; of a model, the one that it was loaded from.

    Raises:
        InputError: the model was not loaded from a folder.
        TypeError: ``run`` is neither a path nor a model.
    """
    if not isinstance(run, TokenModel):
        return text_of(run, name, "a folder, or a model that was loaded from one")
    if run.folder is None:
        raise InputError(
            "was not loaded from a folder", location=run.name, hint="save it: model.save_pretrained(FOLDER)"
        )
    return str(run.folder)
