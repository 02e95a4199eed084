"""Report how many inputs each surface was tried on, from all processes of pytest-xdist."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.helpers.fuzzing import TRIED

_PROPERTY = "fuzz inputs"


@pytest.fixture(autouse=True)
def _count_inputs(record_property):
    before = Counter(TRIED)
    yield
    record_property(_PROPERTY, dict(TRIED - before))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    tried: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", None) == "teardown":
                tried.update(dict(report.user_properties).get(_PROPERTY, {}))
    if tried:
        terminalreporter.section("fuzz")
        for surface, count in sorted(tried.items()):
            terminalreporter.line(f"{surface:40} {count:>9,} inputs")
        terminalreporter.line(f"{'all':40} {sum(tried.values()):>9,} inputs")
