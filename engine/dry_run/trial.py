"""What a dry run is asked, and how it ends."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from engine.errors import Finding, Severity

TIME_IS_OVER = "The run was stopped at its time limit; give it more time, or look whether it ever ends."
START = datetime(2026, 1, 1, tzinfo=UTC)


class Outcome(StrEnum):
    """How a dry run ends; of several the worst, which stands first, is told."""

    REFUSED = "refused"
    INCIDENT = "incident"
    FAILED = "failed"
    WAITING = "waiting"
    TERMINATED = "terminated"
    COMPLETED = "completed"


@dataclass(frozen=True, slots=True)
class Options:
    """What to try: which processes, with which variables, along which script, from when on, for how long."""

    processes: tuple[str, ...] = ()
    variables: Mapping[str, Any] = field(default_factory=dict)
    script: Sequence[Mapping[str, Any]] = ()
    hold: bool = False
    limit: timedelta = timedelta(seconds=10)
    now: datetime = START
    time_zone: str = "Europe/Berlin"


@dataclass(frozen=True, slots=True)
class End:
    """One reason to end, with what is told about it."""

    outcome: Outcome
    code: str | None = None
    element: str | None = None
    findings: tuple[Finding, ...] = ()

    def event(self, variables: Mapping[str, Any]) -> dict[str, Any]:
        """Give the last event of a run."""
        return {
            "event": "end",
            "outcome": self.outcome.value,
            "code": self.code,
            "element": self.element,
            "variables": dict(variables),
            "findings": [_finding(finding) for finding in self.findings],
        }


def told(code: str, element: str | None, message: str, file: str = "") -> tuple[Finding, ...]:
    """Say in a sentence why a run ends; without a file it is told of the first one."""
    return (Finding(file, element, Severity.ERROR, code, message),)


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "file": finding.file,
        "element": finding.element,
        "severity": finding.severity.value,
        "code": finding.code,
        "message": finding.message,
    }
