# mypy: disallow-subclassing-any=False
# ruff: noqa: SLF001 - the library hands its own members to subclasses under private names
"""Activities that hold a net of their own: subprocesses, event subprocesses, called processes."""

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from SpiffWorkflow.bpmn.specs import defaults
from SpiffWorkflow.bpmn.specs.bpmn_task_spec import BpmnTaskSpec
from SpiffWorkflow.bpmn.specs.mixins.events.event_types import CatchingEvent

from engine.expressions.language import Expression
from engine.spiff import undoing
from engine.spiff.changes import apply_changes, changes, shared
from engine.spiff.events import Rearming
from engine.spiff.faults import TooMany, Unfit
from engine.spiff.nets import InnerNet
from engine.spiff.nodes import Node
from engine.spiff.tokens import STARTED, Token

MOST_LEVELS: Final = 60


class Nesting(Node):
    """An activity that waits until the net inside is complete."""

    scope: Any
    """The specification of the net inside."""

    def _run_hook(self, my_task: Token) -> None:
        top = my_task.workflow.top_workflow
        if my_task.workflow.depth >= MOST_LEVELS:
            raise TooMany(f"Processes call each other more than {MOST_LEVELS} levels deep; look for a call of itself.")
        scope = self.scope_for(my_task)
        my_task._set_state(STARTED)
        net = InnerNet(scope, my_task, top)
        if self.shares_variables:
            net.process = my_task.workflow.process
        top.subprocesses[my_task.id] = net
        net.begin(self.given(my_task), self.starts(my_task, scope))
        top.touched.append(net)

    def scope_for(self, token: Token) -> Any:
        """Name the specification of the net that a token runs."""
        del token
        return self.scope

    def starts(self, token: Token, scope: Any) -> list[Any]:
        """Name what begins in the net inside."""
        del token
        starts: list[Any] = scope.plain_starts
        return starts

    def completed_one(self, owner: Token, done: Token) -> bool:
        """Look at what a completed activity inside means; tell whether the net has ended by it."""
        del owner, done
        return False

    def goes_on(self, owner: Token, last: Token) -> bool:
        """Tell whether the net goes on, though nothing lives in it; `last` holds what it has made."""
        del owner, last
        return False

    def given(self, token: Token) -> dict[str, Any]:
        """Give the variables that the net inside starts with."""
        return shared(token.data)

    def taken(self, token: Token, variables: dict[str, Any]) -> dict[str, Any]:
        """Give the variables that the activity leaves with."""
        del token
        return variables

    def net_ended(self, token: Token, net: InnerNet) -> None:
        """Remember what the net inside has made, and complete the activity with it."""
        undoing.remember_net(token, net)
        token.facts["made"] = net.data
        token.workflow.top_workflow.attempt(token, "finish", lambda: self.finish(token))

    def finish(self, token: Token) -> None:
        """Complete the activity."""
        token.data = self.taken(token, token.facts["made"])
        del token.facts["made"]
        token.complete()


class SubProcess(Nesting, defaults.SubWorkflowTask):
    """An embedded subprocess: works on the variables of the activity."""

    shares_variables: ClassVar[bool] = True


class CallActivity(Nesting, defaults.CallActivity):
    """Calls another process: variables go in and come out by the mappings, or all if there is none."""

    into: Mapping[str, Expression] | None = None
    back: Mapping[str, Expression] | None = None
    takes_all: bool = True
    gives_all: bool = True
    called: Expression | None = None
    """Names the process while it runs."""

    def scope_for(self, token: Token) -> Any:
        """Find the process to call: the drawn one, or the one that an expression names."""
        if self.called is None:
            return self.scope
        program, key = token.workflow.top_workflow.program, self.called.evaluate(token.data)
        scope = program.scopes.get(program.entries.get(key, "")) if isinstance(key, str) else None
        if scope is None or not scope.plain_starts:
            where = self.title or self.name
            raise Unfit(f"{where} calls the process {key!r:.60}, which is not deployed with it or has no plain start.")
        return scope

    def given(self, token: Token) -> dict[str, Any]:
        """Work out the mapping into the called process."""
        given = shared(token.data) if self.takes_all else {}
        return given | {name: source.evaluate(token.data) for name, source in (self.into or {}).items()}

    def taken(self, token: Token, variables: dict[str, Any]) -> dict[str, Any]:
        """Work out the mapping out of the called process."""
        mapped = {name: source.evaluate(variables) for name, source in (self.back or {}).items()}
        if self.gives_all and self.takes_all:
            return variables | mapped
        return {**token.data, **(variables if self.gives_all else {}), **mapped}


class HandlerTrigger(Rearming, CatchingEvent, BpmnTaskSpec):
    """Stands by at the level of a net for the start event of an event subprocess."""

    arms_handler: ClassVar[bool] = True
    is_silent: ClassVar[bool] = True
    interrupts: bool = True

    def _run_hook(self, my_task: Token) -> bool:
        net = my_task.workflow
        if net.completed:
            net.top_workflow.withdraw(my_task)
            return False
        if self.interrupts:
            my_task.data = shared(net.variables())
            net.withdraw_all(spare=my_task)
        else:
            self.rearm(my_task)
            my_task.data = shared(net.variables())
        return super()._run_hook(my_task)

    def leave(self, token: Token) -> None:
        """Let the handler begin, and know what the event brought."""
        super().leave(token)
        for handler in token.kin:
            handler.facts["brought"] = token.facts.get("payload", {})


class EventSubprocess(Nesting, defaults.EventSubprocess):
    """The handler behind a trigger; what it changed, and only that, joins the rest of the net."""

    shares_variables: ClassVar[bool] = True
    is_handler: ClassVar[bool] = True

    def taken(self, token: Token, variables: dict[str, Any]) -> dict[str, Any]:
        """Bring the handler's own changes on the variables at the place where it parted from the rest."""
        if token.parent is None:
            return variables
        based: dict[str, Any] = shared(token.parent.data)
        based.update(token.facts.get("brought", {}))
        apply_changes(based, changes(token.data, variables))
        return based
