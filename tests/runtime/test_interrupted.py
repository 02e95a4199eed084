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
    """Exception that a signal handler raises at any line."""


def texts(count: int, seed: int) -> list[str]:
    """Return texts of random words, most of which are not in the tagger's cache."""
    rng = random.Random(seed)
    word = lambda: "".join(rng.choices(SYLLABLES, k=rng.randint(1, 4)))  # noqa: E731
    return [" ".join(rng.choice([str.title, str.lower, str.upper])(word()) for _ in range(9)) for _ in range(count)]


@cache
def with_block_lines(code: CodeType) -> set[int]:
    """Return the lines that open a ``with`` block: after an exception there, its lock may stay locked."""
    return {
        instruction.positions.lineno
        for instruction in dis.get_instructions(code)
        if instruction.opname == "BEFORE_WITH" and instruction.positions and instruction.positions.lineno
    }


class RaiseAtLine:
    """Raise at the ``occurrence``-th time that ``line`` of the package runs; without a line, count all."""

    def __init__(self, line: tuple[str, int] | None = None, occurrence: int = 1) -> None:
        self.counts: Counter[tuple[str, int]] = Counter()
        self._line = line
        self._occurrence = occurrence

    def __enter__(self) -> RaiseAtLine:
        sys.settrace(self._trace)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)

    def _trace(self, frame: FrameType, event: str, _: object):  # noqa: ANN202
        if not frame.f_code.co_filename.startswith(PACKAGE):
            return None
        if event == "line":
            line = frame.f_code.co_filename, frame.f_lineno
            if frame.f_lineno not in with_block_lines(frame.f_code):
                self.counts[line] += 1
                if line == self._line and self.counts[line] == self._occurrence:
                    raise Timeout
        return self._trace


@pytest.mark.parametrize("kind", ["pieces", "pooled", "words"])
def test_predictions_after_interrupted_calls_are_unchanged(folders, kind):
    all_texts = texts(1500, 1)
    uninterrupted, tagger = Tagger(folders[kind]), Tagger(folders[kind])
    lines: list[tuple[int, tuple[str, int]]] = []
    for size in (1, 4):  # a single text runs other lines than several texts
        with RaiseAtLine() as counter:
            for start in range(0, 5 * size, size):
                tagger.predict(all_texts[start : start + size])
        lines += [(size, line) for line in counter.counts]
    assert len(lines) > 300
    tagger = Tagger(folders[kind])
    interruptions = first = 0
    for size, line in lines:
        try:
            with RaiseAtLine(line):
                tagger.predict(all_texts[first : first + size])
        except Timeout:
            interruptions += 1
        first += size  # new words each time, so that the cache grows
    assert interruptions > len(lines) * 0.75  # not every text runs every line
    compared_texts = all_texts[:first:5]
    assert len(compared_texts) >= 150
    predictions = [tagger.predict([text])[0] for text in compared_texts]
    expected = [uninterrupted.predict([text])[0] for text in compared_texts]
    assert predictions == expected


def test_environment_variables_do_not_change(folders, monkeypatch):
    monkeypatch.delenv("TOKENIZERS_PARALLELISM", raising=False)
    before = dict(os.environ)
    Tagger(folders["pieces"]).predict(["Ada lives in Oslo"])
    assert dict(os.environ) == before
