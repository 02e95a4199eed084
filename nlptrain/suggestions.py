"""Suggestions for misspelled names and paths."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

_ENTRIES = 10_000  # of a folder that are compared, at most


def suggest(name: str, known: Iterable[str]) -> str:
    """Return ``; did you mean 'person'?`` with the most similar of the ``known`` names, or "" if none is similar."""
    similar = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {similar[0]!r}?" if similar else ""


def suggest_path(path: Path) -> str:
    """Return ``; did you mean 'data/train.conll'?`` with a similar name from the folder of ``path``, or ""."""
    try:
        with os.scandir(path.parent) as entries:
            names = [entry.name for entry in islice(entries, _ENTRIES)]
    except (OSError, ValueError):  # the folder is missing or unreadable
        return ""
    similar = difflib.get_close_matches(path.name, names, n=1)
    return f"; did you mean '{path.parent / similar[0]}'?" if similar else ""
