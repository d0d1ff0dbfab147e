"""Forms of user tasks, in form-js' file format: read and checked at deployment, answered by people, validated here alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any

from engine.errors import Finding
from engine.forms.answers import Answers, Check
from engine.forms.fields import ANSWERED, Component
from engine.forms.reading import FormReader, load_json


@dataclass(frozen=True, slots=True)
class Form:
    """A form that has been read; what is wrong with it is in `lint`."""

    id: str
    file: str
    components: tuple[Component, ...]
    _findings: tuple[Finding, ...] = field(default=(), repr=False)

    @property
    def fields(self) -> tuple[Component, ...]:
        """Give every component that a person answers, those inside of groups and lists too."""
        return tuple(inner for outer in self.components for inner in outer.walk() if inner.kind in ANSWERED)

    @property
    def looks_at_variables(self) -> bool:
        """Tell whether checking answers asks for variables of the process."""
        return any(inner.looks_at_variables for outer in self.components for inner in outer.walk())

    def lint(self) -> list[Finding]:
        """Tell what is wrong with the form; an error refuses its deployment."""
        return list(self._findings)

    def validate(
        self,
        answers: Mapping[str, Any],
        variables: Mapping[str, Any] | None = None,
        *,
        zone: tzinfo = UTC,
        now: datetime | None = None,
    ) -> Answers:
        """Check answers, named by key or path (`lines.0.price`) or nested as JSON, and give them as typed values.

        Hidden and read-only fields take no answer; every other field has a value afterwards, None where it was left empty.
        `variables` are what conditions and options look at beside the answers; `zone` is that of dates without one.
        """
        return Check(answers, variables or {}, zone, now).run(self.components)


def read_form(data: bytes, file: str) -> Form:
    """Read a form; raise DefinitionError if it is none at all, and keep every smaller fault for `lint`."""
    schema = load_json(data, file)
    reader = FormReader(file)
    components = reader.read(schema)
    return Form(str(schema.get("id") or ""), file, components, tuple(reader.findings))
