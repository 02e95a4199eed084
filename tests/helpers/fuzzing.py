"""Fuzzing: run a surface on generated inputs, with the errors that it may raise and the CPU time that it may take.

``make test`` runs a small, repeatable slice; ``make fuzz`` sets ``NLPTRAIN_FUZZ`` to the number of inputs per surface,
which differ each time.
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

SLICE = 60  # inputs per surface in `make test`
INPUTS = int(os.environ.get("NLPTRAIN_FUZZ", SLICE))
CPU_SECONDS = 2.0
LINE = 520  # characters of a line that is printed, at most
UNSAFE = re.compile(  # a terminal acts on these
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
TRIED: Counter[str] = Counter()  # inputs per test


class TooSlow(BaseException):
    """An input took more CPU time than it may; no library's ``except Exception`` catches it."""


def fuzz(*strategies: SearchStrategy[Any], share: float = 1.0) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Call a test with values of ``strategies``, passed by position after its fixtures.

    Args:
        strategies: one for each of the test's last arguments.
        share: inputs, as a share of those of the other surfaces; below 1 where one input is slow.
    """
    nightly = "NLPTRAIN_FUZZ" in os.environ

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        chosen = settings(
            max_examples=max(1, int(INPUTS * share)),
            deadline=None,  # wall time depends on the machine; `bounded` measures CPU time
            derandomize=not nightly,
            database=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        )
        return chosen(given(*strategies)(test))

    return decorate


@contextmanager
def bounded(*allowed: type[BaseException], surface: str, seconds: float = CPU_SECONDS) -> Iterator[None]:
    """Let the block raise ``allowed`` errors alone and take at most ``seconds`` of CPU time; count it for ``surface``.

    The lines of an ``InputError`` must be printable and short.

    Raises:
        TooSlow: it takes longer. Python code is interrupted; native code is measured after it returns.
    """

    def stop(signal_number: int, frame: FrameType | None) -> None:
        raise TooSlow(f"{surface}: more than {seconds} s of CPU time")

    TRIED[surface] += 1
    old = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    begun = time.process_time()
    try:
        yield
    except allowed as error:
        if isinstance(error, InputError):
            check_lines(str(error))
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, old)
    if (spent := time.process_time() - begun) > seconds:
        raise TooSlow(f"{surface}: {spent:.1f} s of CPU time, more than {seconds} s")


def check_lines(text: str) -> None:
    """Check that ``text`` is fit for a terminal, whatever it quotes."""
    for line in text.split("\n"):
        assert line.strip()
        assert len(line) <= LINE, f"{len(line):,} characters: {line[:200]!r}"
        assert not UNSAFE.search(line), repr(line)
