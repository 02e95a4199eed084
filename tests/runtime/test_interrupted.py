"""A tagger predicts the same after calls that were interrupted at any line."""

from __future__ import annotations

import dis
import os
import random
import sys
from collections import Counter
from functools import cache
from pathlib import Path
from types import CodeType, FrameType

import pytest

import nlptrain_runtime
from nlptrain_runtime import Tagger

pytestmark = pytest.mark.slow

PACKAGE = str(Path(nlptrain_runtime.__file__).parent)
SYLLABLES = ["ada", "lo", "ri", "smith", "par", "is", "osl", "o", "ky", "to", "quin", "x", "7", "-", ".", "'s"]


class Timeout(Exception):
    """What a timeout handler raises, wherever the program is."""


def texts(count: int, seed: int) -> list[str]:
    """Texts of words that are new to a tagger, mostly."""
    draw = random.Random(seed)
    word = lambda: "".join(draw.choices(SYLLABLES, k=draw.randint(1, 4)))  # noqa: E731
    return [" ".join(draw.choice([str.title, str.lower, str.upper])(word()) for _ in range(9)) for _ in range(count)]


@cache
def with_lines(code: CodeType) -> set[int]:
    """Return the lines that open a ``with`` block: after an exception there, its lock may stay locked."""
    return {
        place.positions.lineno
        for place in dis.get_instructions(code)
        if place.opname == "BEFORE_WITH" and place.positions and place.positions.lineno
    }


class Interrupting:
    """Raise at the ``occurrence``-th time that ``line`` of the package runs; without a line, count all."""

    def __init__(self, line: tuple[str, int] | None = None, occurrence: int = 1) -> None:
        self.seen: Counter[tuple[str, int]] = Counter()
        self._line = line
        self._occurrence = occurrence

    def __enter__(self) -> Interrupting:
        sys.settrace(self._trace)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)

    def _trace(self, frame: FrameType, event: str, _: object):  # noqa: ANN202
        if not frame.f_code.co_filename.startswith(PACKAGE):
            return None
        if event == "line":
            line = frame.f_code.co_filename, frame.f_lineno
            if frame.f_lineno not in with_lines(frame.f_code):
                self.seen[line] += 1
                if line == self._line and self.seen[line] == self._occurrence:
                    raise Timeout
        return self._trace


@pytest.mark.parametrize("kind", ["pieces", "pooled", "words"])
def test_a_call_that_is_interrupted_at_any_line_spoils_nothing(folders, kind):
    asked = texts(1500, 1)
    fresh, tagger = Tagger(folders[kind]), Tagger(folders[kind])
    lines: list[tuple[int, tuple[str, int]]] = []
    for size in (1, 4):  # one text has a shorter way through the code than several
        with Interrupting() as counting:
            for text in range(0, 5 * size, size):
                tagger.predict(asked[text : text + size])
        lines += [(size, line) for line in counting.seen]
    assert len(lines) > 300
    tagger = Tagger(folders[kind])
    raised = first = 0
    for size, line in lines:
        try:
            with Interrupting(line):
                tagger.predict(asked[first : first + size])
        except Timeout:
            raised += 1
        first += size  # other words each time, or nothing would be added any more
    assert raised > len(lines) * 0.75  # a text need not come by each line
    asked = asked[:first:5]
    assert len(asked) >= 150
    actual = [tagger.predict([text])[0] for text in asked]
    wanted = [fresh.predict([text])[0] for text in asked]
    assert sum(first_item == other for first_item, other in zip(actual, wanted, strict=True)) == len(asked)


def test_nothing_of_the_environment_changes(folders, monkeypatch):
    monkeypatch.delenv("TOKENIZERS_PARALLELISM", raising=False)
    before = dict(os.environ)
    Tagger(folders["pieces"]).predict(["Ada lives in Oslo"])
    assert dict(os.environ) == before
