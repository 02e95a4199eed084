"""Suggestions for misspelled names and paths, with a leading semicolon."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from nlptrain.errors import path_suggestion, suggestion


def suggest(name: str, known: Iterable[str]) -> str:
    """Return ``; did you mean 'person'?`` with the most similar of the ``known`` names, or "" if none is similar."""
    return "; " * bool(text := suggestion(name, known)) + text


def suggest_path(path: Path) -> str:
    """Return ``; did you mean 'data/train.conll'?`` with a similar name from the folder of ``path``, or ""."""
    return "; " * bool(text := path_suggestion(path)) + text
