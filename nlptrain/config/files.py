"""Whether the files and folders that a configuration names are there, before anything heavy is imported."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

from nlptrain.config.commands import CommandConfig
from nlptrain.config.data import HUB, SPLITS, DataConfig
from nlptrain.config.references import model_references
from nlptrain.suggestions import suggest_path
from nlptrain_runtime.errors import quoted

_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+(@[\w./-]+)?")


def missing_files(
    config: CommandConfig, expected: Callable[[str], bool] = lambda _: False
) -> Iterator[tuple[str, str]]:
    """The key and the fault of each file or model folder that is not there, but for those that are ``expected``."""
    yield from _missing_data(config.data, expected)
    for key, reference in model_references(config).items():
        if not expected(reference) and (fault := missing_model(reference)):
            yield key, fault
    vectors = getattr(getattr(getattr(config, "student", None), "embedder", None), "vectors", None)
    if vectors is not None and not os.path.isfile(vectors):
        yield (
            "student.embedder.vectors",
            f"there is no file {quoted(vectors)} (looked in {_here()}){suggest_path(Path(vectors))}",
        )


def missing_model(reference: str) -> str | None:
    """Why there can be no model behind ``reference``, or None; a Hub name is taken on trust."""
    if reference.startswith("package:"):
        name, _, inner = reference.removeprefix("package:").partition("/")
        spec = find_spec(name) if re.fullmatch(r"\w+", name) and name != "__main__" else None
        if spec is None or not spec.submodule_search_locations:
            return f"no package {quoted(name)} is installed; pip install {name.replace('_', '-')}"
        there = os.path.isdir(os.path.join(spec.submodule_search_locations[0], inner))
        return None if there else f"the package {name!r} has no folder {quoted(inner)}"
    path = Path(os.path.expanduser(reference))
    if os.path.isdir(path) or _HUB_NAME.fullmatch(reference):
        return None
    if os.path.isfile(path):
        return f"{quoted(reference)} is a file; name the folder of a model or of a run"
    hint = suggest_path(path) or ("" if "/" in reference else "; a model of the Hub has an owner, too: OWNER/NAME")
    return f"there is no folder {quoted(reference)} (looked in {_here()}){hint}"


def _missing_data(data: DataConfig, expected: Callable[[str], bool]) -> Iterator[tuple[str, str]]:
    for split in SPLITS:
        for entry in data.named(split):
            if expected(entry):
                continue
            if entry.startswith("hub:"):
                if HUB.fullmatch(entry) is None:
                    yield (
                        f"data.{split}",
                        f"found {quoted(entry)}; a split of a data set on the Hub is hub:OWNER/NAME:SPLIT",
                    )
                continue
            matches = [entry] if os.path.exists(entry) else glob.glob(entry, recursive=True)
            if not matches:
                yield (
                    f"data.{split}",
                    f"no file matches {quoted(entry)} (looked in {_here()}){suggest_path(Path(entry))}",
                )
            elif all(os.path.isdir(match) for match in matches):
                yield f"data.{split}", f"{quoted(entry)} is a folder; name its files, e.g. '{entry.rstrip('/')}/*'"


def _here() -> str:
    try:
        return os.getcwd()
    except OSError:
        return "a folder that was removed"
