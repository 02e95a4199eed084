"""The table of cases that Python, Node and the browser's page answer: ``tests/runtime/cases.json``.

A text or a word of a case is a string, or a part with how often it is repeated.
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


def text_of(text: str | list[Any]) -> str:
    """Return the text of a case."""
    whole: str = text if isinstance(text, str) else text[0] * text[1]
    return whole


def words_of(case: dict[str, Any]) -> list[list[Any]]:
    """Return the words of a case with their offsets."""
    return [[text_of(word), start, end] for word, start, end in case["words"]]


def changed(description: dict[str, Any], case: dict[str, Any]) -> dict[str, Any]:
    """Return a description as a case changes it, with its hash computed anew."""
    made = json.loads(json.dumps(description))
    edits = {**case.get("change", {}), **({case["remove"]: _REMOVED} if "remove" in case else {})}
    for key, value in edits.items():
        *parents, last = key.split(".")
        inner = made
        for name in parents:
            inner = inner[name]
        if value is _REMOVED:
            del inner[last]
        else:
            inner[last] = value
    if "add_file" in case:
        made["files"].update(case["add_file"])
    if "remove_file" in case:
        del made["files"][case["remove_file"]]
    return {**made, "hash": description_hash(made)}


def described_cases() -> list[dict[str, Any]]:
    """Return the cases that change a description: those that are refused, then those that are accepted."""
    return [*CASES["refused"], *CASES["accepted"]]


def check_refusals(refusals: Sequence[str | None]) -> None:
    """Check the messages for ``described_cases`` and then for the damaged descriptions."""
    begins: list[str | None] = [f"nlptrain.json: {case['key']}: found " for case in CASES["refused"]]
    begins += [None] * len(CASES["accepted"]) + ["nlptrain.json: "] * len(CASES["damaged"])
    for begin, refused, case in zip(begins, refusals, [*described_cases(), *CASES["damaged"]], strict=True):
        if begin is None or refused is None:
            assert refused == begin, (refused, case)
            continue
        assert refused.startswith(begin), (refused, case)
        assert len(refused) < 400, case
        assert refused.isprintable(), case


def check_tables(answers: dict[str, Any], *, words: Sequence[dict[str, Any]] = CASES["words"]) -> None:
    """Check what words, windows, labels, shapes and characters are answered to the cases; ``words`` may be fewer."""
    assert answers["words"] == [words_of(case) for case in words]
    assert answers["windows"] == [case["windows"] for case in CASES["windows"]]
    assert answers["spelling"] == [[case["shape"], case["characters"]] for case in CASES["spelling"]]
    for answer, case in zip(answers["decoding"], CASES["decoding"], strict=True):
        assert answer["best"] == case["best"]
        for span, wanted in zip(answer["spans"], case["spans"], strict=True):
            assert span[:3] == wanted[:3]
            assert abs(span[3] - wanted[3]) < 2e-4, (span, wanted)
