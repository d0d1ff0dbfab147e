"""Figures that tests count while they run (diagrams, kills, breaches), summed up over all processes and printed at the end."""

from collections import Counter
from collections.abc import Callable, Iterable

import pytest

KIND = "figure"
Count = Callable[[str, int], None]


@pytest.fixture
def count(record_property: Callable[[str, object], None]) -> Count:
    """Give a function that adds a number to a figure; what counts nothing is told too, as 0."""
    return lambda what, number: record_property(KIND, (what, number))


def summed(reports: Iterable[pytest.TestReport]) -> Counter[str]:
    """Add up the figures of many tests."""
    total: Counter[str] = Counter()
    for report in reports:
        for kind, value in report.user_properties:
            if kind == KIND:
                what, number = value  # type: ignore[misc]  # as `count` put it there
                total[what] += number
    return total


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the figures of all tests that have run."""
    stats = terminalreporter.stats
    total = summed(report for kind in ("passed", "failed") for report in stats.get(kind, ()) if report.when == "call")
    if total:
        terminalreporter.section("figures")
        for what, number in sorted(total.items()):
            terminalreporter.line(f"{number:>9,}  {what}")
