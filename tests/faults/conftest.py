"""Report the outcomes of each kind of fault, over all processes of pytest-xdist."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.command_server import CommandServer
from tests.helpers.counting import record_counts, recorded_counts
from tests.helpers.faults import CLEAR_ERROR, COUNTS, LOST, SURVIVED, FaultHarness


@pytest.fixture(autouse=True)
def _count_faults(record_property):
    with record_counts(COUNTS, "faults", record_property):
        yield


@pytest.fixture(scope="session")
def harness(tiny_bert: Path, command_server: CommandServer) -> Iterator[FaultHarness]:
    folder = Path(tempfile.mkdtemp(prefix="nlptrain-faults-"))  # other users cannot read pytest's folders
    folder.chmod(0o755)
    yield FaultHarness(folder, tiny_bert, command_server)
    shutil.rmtree(folder, ignore_errors=True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    counts = recorded_counts(terminalreporter, "faults")
    if not counts:
        return
    kinds = sorted({key.split("|")[0] for key in counts})
    terminalreporter.section("faults")
    terminalreporter.line(f"{'':44}{'tried':>8}{'survived':>10}{'clear error':>13}{'lost':>6}")
    rows = [(kind, [counts[f"{kind}|{outcome}"] for outcome in (SURVIVED, CLEAR_ERROR, LOST)]) for kind in kinds]
    rows.append(("all", [sum(column) for column in zip(*(outcome_counts for _, outcome_counts in rows), strict=True)]))
    for kind, outcome_counts in rows:
        survived, clear, lost = outcome_counts
        terminalreporter.line(f"{kind:44}{sum(outcome_counts):>8,}{survived:>10,}{clear:>13,}{lost:>6,}")
