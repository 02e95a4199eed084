"""Dependencies between experiments: models, and the text that ``pseudo_label`` writes."""

from __future__ import annotations

import glob
import os
from collections.abc import Collection, Mapping
from fnmatch import fnmatchcase
from pathlib import Path

from nlptrain.config.commands import CommandConfig
from nlptrain.config.data import SPLITS
from nlptrain.config.references import model_references

_TEXT = "pseudo_labels.jsonl"  # the only text that a run writes and another run can train on


def model_dependencies(config: CommandConfig, outputs: Collection[Path]) -> dict[str, list[Path]]:
    """Map each model that a run names to the output folders that contain it, or will contain it.

    Args:
        config: of the run.
        outputs: output folders of the other experiments.
    """
    return {name: _within(os.path.expanduser(name), outputs) for name in model_references(config).values()}


def text_dependencies(config: CommandConfig, outputs: Mapping[Path, str]) -> dict[str, list[Path]]:
    """Map each file and glob that a run names to the output folders whose text it matches.

    Args:
        config: of the run.
        outputs: output folders of the other experiments with their commands; "" if a command is unknown.
    """
    writers = [output for output, command in outputs.items() if command in ("pseudo_label", "")]
    names = [name for split in SPLITS for name in config.data.named(split)]
    return {name: _within(name, writers) for name in names if _matches(_TEXT, Path(name).name)}


def _within(name: str, outputs: Collection[Path]) -> list[Path]:
    """Return the ``outputs`` (resolved paths) that contain ``name``, a path, or may contain a match of it, a glob."""
    parts = Path(name).parts
    fixed = next((number for number, part in enumerate(parts) if glob.has_magic(part)), len(parts))
    pattern = (*Path(*parts[:fixed]).resolve().parts, *parts[fixed:])
    return [output for output in outputs if _reaches(pattern, output.parts)]


def _reaches(pattern: tuple[str, ...], folder: tuple[str, ...]) -> bool:
    for number, part in enumerate(pattern):
        if number == len(folder) or part == "**":
            return True
        if not _matches(folder[number], part):
            return False
    return len(pattern) == len(folder)


def _matches(name: str, pattern: str) -> bool:
    return name == pattern or fnmatchcase(name, pattern)
