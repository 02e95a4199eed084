"""Test cases for Python, Node and the page in a browser: ``tests/runtime/cases.json``.

A text or a word of a case is a string, or a part with the number of its repetitions.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nlptrain_runtime.folder import description_hash

FILE = Path(__file__).parents[1] / "runtime" / "cases.json"
CASES: dict[str, list[Any]] = json.loads(FILE.read_text("utf-8"))

_REMOVED = object()


def expand_text(text: str | list[Any]) -> str:
    """Return the text of a case."""
    expanded: str = text if isinstance(text, str) else text[0] * text[1]
    return expanded


def expand_words(case: dict[str, Any]) -> list[list[Any]]:
    """Return the words of a case with their offsets."""
    return [[expand_text(word), start, end] for word, start, end in case["words"]]


def changed_description(description: dict[str, Any], case: dict[str, Any]) -> dict[str, Any]:
    """Return a description with the changes of a case and a matching hash."""
    copy = json.loads(json.dumps(description))
    changes = {**case.get("change", {}), **({case["remove"]: _REMOVED} if "remove" in case else {})}
    for key, value in changes.items():
        *parents, last = key.split(".")
        parent = copy
        for name in parents:
            parent = parent[name]
        if value is _REMOVED:
            del parent[last]
        else:
            parent[last] = value
    if "add_file" in case:
        copy["files"].update(case["add_file"])
    if "remove_file" in case:
        del copy["files"][case["remove_file"]]
    return {**copy, "hash": description_hash(copy)}


def described_cases() -> list[dict[str, Any]]:
    """Return the cases that change a description: the invalid ones, then the valid ones."""
    return [*CASES["refused"], *CASES["accepted"]]


def check_errors(errors: Sequence[str | None]) -> None:
    """Check the messages for ``described_cases`` and then for the damaged descriptions."""
    prefixes: list[str | None] = [f"nlptrain.json: {case['key']}: found " for case in CASES["refused"]]
    prefixes += [None] * len(CASES["accepted"]) + ["nlptrain.json: "] * len(CASES["damaged"])
    for prefix, error, case in zip(prefixes, errors, [*described_cases(), *CASES["damaged"]], strict=True):
        if prefix is None or error is None:
            assert error == prefix, (error, case)
            continue
        assert error.startswith(prefix), (error, case)
        assert len(error) < 400, case
        assert error.isprintable(), case


def check_tables(results: dict[str, Any], *, words: Sequence[dict[str, Any]] = CASES["words"]) -> None:
    """Check words, windows, labels, shapes and characters of the cases; ``words``: a subset of the cases."""
    assert results["words"] == [expand_words(case) for case in words]
    assert results["windows"] == [case["windows"] for case in CASES["windows"]]
    assert results["spelling"] == [[case["shape"], case["characters"]] for case in CASES["spelling"]]
    for result, case in zip(results["decoding"], CASES["decoding"], strict=True):
        assert result["best"] == case["best"]
        for span, expected in zip(result["spans"], case["spans"], strict=True):
            assert span[:3] == expected[:3]
            assert abs(span[3] - expected[3]) < 2e-4, (span, expected)
