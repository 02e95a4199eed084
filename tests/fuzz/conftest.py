"""Report the number of inputs per surface, over all processes of pytest-xdist."""

from __future__ import annotations

import pytest

from tests.helpers.counting import record_counts, recorded_counts
from tests.helpers.fuzzing import INPUT_COUNTS


@pytest.fixture(autouse=True)
def _count_inputs(record_property):
    with record_counts(INPUT_COUNTS, "fuzz inputs", record_property):
        yield


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    inputs = recorded_counts(terminalreporter, "fuzz inputs")
    if inputs:
        terminalreporter.section("fuzz")
        for surface, count in sorted(inputs.items()):
            terminalreporter.line(f"{surface:40} {count:>9,} inputs")
        terminalreporter.line(f"{'all':40} {sum(inputs.values()):>9,} inputs")
