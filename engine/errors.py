"""What can go wrong in the engine, and the findings that describe faulty definitions."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from storage.errors import ParcelflowError


class Severity(StrEnum):
    """How much a finding matters: an error refuses deployment, the others are advice."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Finding:
    """One remark on a diagram, table or form, addressed to the process owner.

    `element` is the id of the element as drawn, or None for the file as a whole; `code` is stable and documented.
    """

    file: str
    element: str | None
    severity: Severity
    code: str
    message: str


class EngineError(ParcelflowError):
    """The engine could not do what was asked; the message says what to do."""

    code = "engine_error"


class DefinitionError(EngineError):
    """A diagram, table or form cannot be deployed; correct the findings and deploy again."""

    code = "definition_refused"

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__(" ".join(finding.message for finding in self.findings) or "The definition cannot be deployed.")


class BusinessError(EngineError):
    """An expected bad outcome with a code of its own; the diagram's error arrow of that code takes it."""

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(message or code)
        self.code = code  # type: ignore[misc]  # each business error brings its own code


class ExpressionError(EngineError):
    """An expression, cell or script cannot be read or worked out; correct it or the data it uses."""

    code = "expression_failed"

    def __init__(self, message: str, expression: str | None = None) -> None:
        super().__init__(message)
        self.expression = expression


class LimitExceeded(EngineError):
    """More time, memory or steps were asked for than one step may use; make the work smaller."""

    code = "limit_exceeded"


class CostlyExpression(ExpressionError, LimitExceeded):
    """An expression or script asks for more time or memory than it may have; make its work smaller."""

    code = "limit_exceeded"
