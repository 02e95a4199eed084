"""Fuzzing: run a function on generated inputs, with limits on its errors and its CPU time.

``make test`` tries a few inputs, the same each time; ``make fuzz`` sets ``NLPTRAIN_FUZZ`` to the number of inputs per
test, which are different each time.
"""

from __future__ import annotations

import os
import re
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import SearchStrategy

from nlptrain.errors import InputError

DEFAULT_INPUTS = 60  # per test in `make test`
INPUTS = int(os.environ.get("NLPTRAIN_FUZZ", DEFAULT_INPUTS))
CPU_SECONDS = 2.0
MAX_LINE_LENGTH = 520  # of a printed line, in characters
UNPRINTABLE = re.compile(  # characters that change what a terminal shows
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
INPUT_COUNTS: Counter[str] = Counter()  # by surface


class TooSlow(BaseException):
    """An input took too much CPU time. Derives from BaseException, so that no ``except Exception`` swallows it."""


def fuzz(*strategies: SearchStrategy[Any], share: float = 1.0) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Run a test on values of ``strategies``, passed by position after its fixtures.

    Args:
        strategies: one for each of the test's last arguments.
        share: the number of inputs relative to that of other tests; below 1 for slow tests.
    """
    is_random = "NLPTRAIN_FUZZ" in os.environ

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        configured = settings(
            max_examples=max(1, int(INPUTS * share)),
            deadline=None,  # wall time depends on the machine; `try_input` measures CPU time
            derandomize=not is_random,
            database=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        )
        return configured(given(*strategies)(test))

    return decorate


@contextmanager
def try_input(*allowed: type[BaseException], surface: str, seconds: float = CPU_SECONDS) -> Iterator[None]:
    """Run the block on an input of ``surface``: it may raise ``allowed`` errors, and take ``seconds`` of CPU time.

    The message of an ``InputError`` must be printable and have short lines.

    Raises:
        TooSlow: if it takes longer. Python code is interrupted; native code is measured after it returns.
    """

    def stop(signal_number: int, frame: FrameType | None) -> None:
        raise TooSlow(f"{surface}: more than {seconds} s of CPU time")

    INPUT_COUNTS[surface] += 1
    previous = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    start = time.process_time()
    try:
        yield
    except allowed as error:
        if isinstance(error, InputError):
            check_printable(str(error))
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, previous)
    if (elapsed := time.process_time() - start) > seconds:
        raise TooSlow(f"{surface}: {elapsed:.1f} s of CPU time, more than {seconds} s")


def check_printable(text: str) -> None:
    """Check that ``text`` has short lines without control characters."""
    for line in text.split("\n"):
        assert line.strip()
        assert len(line) <= MAX_LINE_LENGTH, f"{len(line):,} characters: {line[:200]!r}"
        assert not UNPRINTABLE.search(line), repr(line)
