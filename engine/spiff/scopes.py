# mypy: disallow-subclassing-any=False
"""The specification of a net: a process or a subprocess."""

from functools import cached_property
from typing import Any

from SpiffWorkflow.bpmn.specs.bpmn_process_spec import BpmnProcessSpec

from engine.diagrams.attributes import ConflictPolicy as Policy
from engine.spiff.joins import EndJoin, Join, QuantityJoin
from engine.spiff.nodes import End, Start


class Scope(BpmnProcessSpec):
    """A net's specification with our own start and end in place of the library's."""

    def __init__(self, name: str, process: str, policy: Policy) -> None:
        super().__init__(name=name)
        self.process = process
        self.start.__class__ = Start
        self.task_specs["End"].__class__ = End
        self.end.__class__ = EndJoin
        self.end.policy = policy
        self.handlers: list[Any] = []
        """What stands by for event subprocesses."""
        self.undoing: str | None = None
        """The event subprocess that compensates this one."""
        self.title = ""
        self.drawn: str | None = None
        self.is_ad_hoc = False
        self.is_executable = True

    @property
    def plain_starts(self) -> list[Any]:
        """The start events that need no trigger."""
        return [spec for spec in self.bpmn_start_events if spec.trigger is None]

    @cached_property
    def settling(self) -> tuple[Any, ...]:
        """The joins that must be looked at after each step."""
        specs = self.task_specs.values()
        settling = (spec for spec in specs if isinstance(spec, Join) and not isinstance(spec, EndJoin))
        return tuple(spec for spec in settling if len(spec.lines) > 1 or isinstance(spec, QuantityJoin))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of its specifications, in a fixed order; snapshots refer to them by number."""
        return tuple(sorted(self.task_specs))

    @cached_property
    def numbers(self) -> dict[str, int]:
        """The numbers of the names."""
        return {name: number for number, name in enumerate(self.names)}
