"""Counts of tests, summed over the processes of pytest-xdist."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def record_counts(counter: Counter[str], name: str, record_property: Callable[[str, object], None]) -> Iterator[None]:
    """Record what the block adds to ``counter`` as the property ``name`` of a test."""
    before = Counter(counter)
    yield
    record_property(name, dict(counter - before))


def recorded_counts(terminalreporter: pytest.TerminalReporter, name: str) -> Counter[str]:
    """Return the sum of the recorded counts ``name`` over all tests."""
    counts: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", None) == "teardown":
                counts.update(dict(report.user_properties).get(name, {}))
    return counts
