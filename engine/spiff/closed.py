# mypy: disallow-subclassing-any=False
"""The script engine handed to the library: it runs what was compiled from the closed languages, and nothing else."""

from collections.abc import Mapping
from typing import Any, Final

from SpiffWorkflow.bpmn.script_engine import PythonScriptEngine

from engine.expressions.language import Expression
from engine.expressions.scripts import Script


class ClosedScriptEngine(PythonScriptEngine):
    """Takes the place of the library's engine, whose environment gives text to Python's own evaluation."""

    def __init__(self) -> None:
        self.environment = None

    def evaluate(self, task: Any, expression: Expression, external_context: Mapping[str, Any] | None = None) -> Any:
        """Work out a compiled expression over the task's variables and those of the context."""
        return expression.evaluate({**task.data, **external_context} if external_context else task.data)

    def execute(self, task: Any, script: Script, external_context: Mapping[str, Any] | None = None) -> bool:
        """Run a compiled script; the task gets the variables it leaves."""
        names = {**task.data, **external_context} if external_context else task.data
        task.data = script.run(names, now=task.workflow.top_workflow.journal.now)
        return True

    def call_service(self, task: Any, **kwargs: Any) -> None:
        """Refuse: operations run as jobs, never inside a step."""
        raise NotImplementedError("Operations run as jobs, outside the step.")


CLOSED_ENGINE: Final = ClosedScriptEngine()
