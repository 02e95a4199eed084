"""Which experiments make what another one reads: models, and the text that ``pseudo_label`` writes."""

from __future__ import annotations

import glob
import os
from collections.abc import Collection, Mapping
from fnmatch import fnmatchcase
from pathlib import Path

from nlptrain.config.commands import CommandConfig
from nlptrain.config.data import SPLITS
from nlptrain.config.references import model_references

_TEXT = "pseudo_labels.jsonl"  # all that a run writes and another one may learn from


def models_of(config: CommandConfig, outputs: Collection[Path]) -> dict[str, list[Path]]:
    """The models that a run names, each with those of the ``outputs`` of others that it is, or will be, in."""
    return {name: _within(os.path.expanduser(name), outputs) for name in model_references(config).values()}


def texts_of(config: CommandConfig, outputs: Mapping[Path, str]) -> dict[str, list[Path]]:
    """The files and globs that a run names, each with those of the ``outputs`` whose text it is, or matches.

    Args:
        config: of the run.
        outputs: of the others, each with its command; "" where it is not known.
    """
    writers = [output for output, command in outputs.items() if command in ("pseudo_label", "")]
    names = [name for split in SPLITS for name in config.data.named(split)]
    return {name: _within(name, writers) for name in names if _matches(_TEXT, Path(name).name)}


def _within(name: str, outputs: Collection[Path]) -> list[Path]:
    """Those of ``outputs``, which are resolved, that ``name``, a path or a glob, is in or may match something in."""
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
