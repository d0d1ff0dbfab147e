# mypy: disallow-subclassing-any=False
# ruff: noqa: SLF001 - the library hands its own members to subclasses under private names
"""Specifications of flow nodes: what every node does, tasks, and gateways that choose.

`Node` comes before the library's class in the bases. It replaces prediction and history by arrival and flow: a token
arrives (`_update_hook`), gets its turn (`_run_hook`), and goes on along the flows that `outgoing` names.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from SpiffWorkflow.bpmn.specs import control, defaults

from engine.decision_shapes import shaped
from engine.expressions.evaluation import MissingVariable
from engine.expressions.language import Expression
from engine.spiff import undoing
from engine.spiff.changes import copied
from engine.spiff.faults import Unfit
from engine.spiff.flows import Flow
from engine.spiff.tokens import READY, STARTED, Token
from engine.spiff.triggers import Trigger
from engine.steps import OperationWait, Wait, WaitKind, WorkWait
from engine.timing import TimerDefinition

if TYPE_CHECKING:
    from engine.decisions.decision import Decision

_LARGEST_NUMBER = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Handing:
    """One data association of an activity: `own` is its name inside, `target` gets the value of the expression."""

    own: str
    target: str
    expression: Expression

    def handed(self, token: Token) -> dict[str, Any]:
        """Give the value under its target; nothing where the data is not there (yet)."""
        try:
            return {self.target: token.evaluate(self.expression)}
        except MissingVariable:
            return {}


class Node:
    """What every flow node does; mixed in before the library's specification class."""

    name: str
    manual: bool
    drawn: str | None = None
    title: str = ""
    status: str | None = None
    flows: tuple[Flow, ...] = ()
    lines: tuple[str, ...] = ()
    """Ids of the incoming flows."""
    attached: tuple[Any, ...] = ()
    """Boundary events."""
    repeated_by: "Any | None" = None
    trigger: Trigger | None = None
    handler: str | None = None
    """The activity that compensates this one."""
    activity: str = ""
    """The id of the activity, also for one of its instances."""
    is_activity: bool = False
    brings: "tuple[Handing, ...]" = ()
    """Inputs that have another name inside the activity."""
    gives: "tuple[Handing, ...]" = ()
    """Outputs that have another name inside the activity."""
    keeps: bool = False
    """Whether results stay inside, so that the outputs alone are handed on."""
    local_names: frozenset[str] = frozenset()
    """Variables that only one instance of a repeated activity has."""

    enters_on_arrival: ClassVar[bool] = True
    is_urgent: ClassVar[bool] = False
    arms_handler: ClassVar[bool] = False
    is_handler: ClassVar[bool] = False
    is_silent: ClassVar[bool] = False
    """Whether its visits are those of another node."""
    shares_variables: ClassVar[bool] = False
    gathers: ClassVar[bool] = False
    """Whether tokens wait here for others."""
    waits_for_all: ClassVar[bool] = False
    """Whether it opens only when a given number of them has come, and not when no more can come."""
    outward_state: int = 0

    def test(self) -> None:
        """Check nothing: what can be wrong was found when the diagram was compiled."""

    def _predict(self, my_task: Token, *_args: Any, **_kwargs: Any) -> None:
        pass

    def _update_hook(self, my_task: Token) -> bool:
        """Tell whether an arriving token may run at once."""
        return my_task is not None

    def _on_ready(self, my_task: Token) -> None:
        top = my_task.workflow.top_workflow
        if not self.enters_on_arrival:
            top.journal.entered(my_task)
        if self.outward_state == READY:
            self.open(my_task)
        else:
            top.enqueue(my_task)

    def _run(self, my_task: Token) -> Any:
        return self._run_hook(my_task)

    def _run_hook(self, my_task: Token) -> bool | None:
        return my_task is not None

    def bring(self, token: Token) -> None:
        """Give an arriving token the inputs under the names they have inside, and remember what those names hid."""
        token.facts["hidden"] = {name: token.data[name] for name in self._inner_names(token) if name in token.data}
        brought: dict[str, Any] = {}
        for handing in self.brings:
            brought |= handing.handed(token)
        token.data.update(brought)

    def without_inner_names(self, token: Token, variables: dict[str, Any]) -> dict[str, Any]:
        """Give variables as they are outside the activity, whose own names of inputs and outputs are gone."""
        if "hidden" not in token.facts:
            return variables
        inside = self._inner_names(token)
        kept = {name: value for name, value in variables.items() if name not in inside}
        hidden: dict[str, Any] = token.facts["hidden"]
        return kept | hidden

    def _inner_names(self, token: Token) -> set[str]:
        return {handing.own for handing in (*self.brings, *self.gives)}.union(token.facts.get("kept", ()))

    def take_in(self, token: Token, result: Mapping[str, Any]) -> None:
        """Lay a result over the variables, and remember what it hid where it is to stay inside."""
        if self.keeps and "hidden" in token.facts:
            new = result.keys() - self._inner_names(token)
            token.facts["hidden"] |= {name: token.data[name] for name in new if name in token.data}
            token.facts["kept"] = sorted(new.union(token.facts.get("kept", ())))
        token.data.update(result)

    def _give(self, token: Token) -> None:
        given: dict[str, Any] = {}
        for handing in self.gives:
            given |= handing.handed(token)
        token.data = self.without_inner_names(token, token.data) | given
        del token.facts["hidden"]
        token.facts.pop("kept", None)

    def _on_complete(self, my_task: Token) -> None:
        net = my_task.workflow
        if "hidden" in my_task.facts:
            self._give(my_task)
        net.top_workflow.journal.completed(my_task)
        net.top_workflow.release(my_task)
        net._task_completed_notify(my_task)
        undoing.remember(my_task)
        if self.repeated_by is not None and my_task.parent.task_spec is self.repeated_by:
            self.repeated_by.ended(my_task.parent, my_task)
        elif not (net.is_ad_hoc and self.is_activity and net.owner.task_spec.completed_one(net.owner, my_task)):
            self.leave(my_task)

    def leave(self, token: Token) -> None:
        """Send a finished token on."""
        token.workflow.follow(token, self.outgoing(token))

    def outgoing(self, token: Token) -> Sequence[Flow]:
        """Name the flows that a finished token takes."""
        del token
        return self.flows

    def open(self, token: Token) -> None:
        """Tell the world that a token waits for it."""
        wait = self.wait(token)
        if wait is not None:
            token.workflow.top_workflow.journal.open(wait)

    def wait(self, token: Token) -> Wait | None:
        """Describe what a token waits for, if it is something outside."""
        del token
        return None

    def finish(self, token: Token) -> None:
        """Complete a token whose result has come from outside."""
        token.complete()


class Start(Node, control.BpmnStartTask):
    """The library's root of a net; never seen."""


class End(Node, control.SimpleBpmnTask):
    """The library's last specification; a net ends without passing it."""


class NoneTask(Node, defaults.NoneTask):
    """A task without a kind: passes through."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.manual = False


@dataclass(frozen=True, slots=True)
class WorkDetails:
    """What the diagram says about a work item."""

    form: str | None
    candidate_groups: tuple[str, ...]
    group_expression: Expression | None
    assignee: Expression | None
    due: TimerDefinition | None
    priority: Expression | None
    outcome: str | None
    instructions: str | None


class Work(Node):
    """A task that a person does."""

    details: WorkDetails
    outward_state = READY

    def _update_hook(self, my_task: Token) -> bool:
        details, names = self.details, my_task.data
        if details.group_expression is not None:
            my_task.facts["groups"] = _groups(details.group_expression.evaluate(names))
        if details.assignee is not None:
            my_task.facts["assignee"] = _text(details.assignee.evaluate(names), "assignee")
        if details.priority is not None:
            my_task.facts["priority"] = _whole(details.priority.evaluate(names), "priority")
        if details.due is not None:
            top = my_task.workflow.top_workflow
            my_task.facts["due"] = details.due.first_due(top.journal.now, names, top.time_zone).at
        return True

    def wait(self, token: Token) -> WorkWait:
        """Describe the work item."""
        details, facts = self.details, token.facts
        return WorkWait(
            key=token.key,
            kind=WaitKind.WORK,
            node=self.drawn or self.name,
            process=token.workflow.process,
            name=self.title,
            form=details.form,
            candidate_groups=tuple(facts.get("groups", details.candidate_groups)),
            assignee=facts.get("assignee"),
            due_at=facts.get("due"),
            priority=facts.get("priority", 50),
            outcome=details.outcome,
            instructions=details.instructions,
        )

    def finish(self, token: Token) -> None:
        """Complete the task with the answers."""
        self.take_in(token, token.facts.pop("result", {}))
        token.run()


class UserTask(Work, defaults.UserTask):
    """A person works with a form."""


class ManualTask(Work, defaults.ManualTask):
    """A person works without the system and says when it is done."""


def _groups(value: Any) -> list[str]:
    named = value if isinstance(value, list) else [value]
    if not named or not all(isinstance(group, str) and group.strip() for group in named):
        raise Unfit(f"The candidate groups must be keys of groups, but are {value!r:.60}; correct the expression.")
    return [group.strip() for group in named]


def _text(value: Any, what: str) -> str | None:
    if value is None or isinstance(value, str):
        return value or None
    raise Unfit(f"The {what} must be a text, but is {value!r:.60}; correct the expression.")


def _whole(value: Any, what: str) -> int:
    is_number = not isinstance(value, bool) and hasattr(value, "__int__")
    if is_number and not -_LARGEST_NUMBER <= value <= _LARGEST_NUMBER:
        raise Unfit(f"The {what} must lie between -{_LARGEST_NUMBER} and {_LARGEST_NUMBER}; correct the expression.")
    if not is_number or int(value) != value:
        raise Unfit(f"The {what} must be a whole number, but is {value!r:.60}; correct the expression.")
    return int(value)


@dataclass(frozen=True, slots=True)
class OperationDetails:
    """What the diagram says about an operation: its name, the inputs to work out, and where the results go.

    In a trial no operation runs: what it would have returned may be missing, and is null then.
    """

    name: str
    inputs: Mapping[str, Expression]
    outputs: Mapping[str, Expression]
    retry_after: tuple[timedelta, ...] | None = None
    is_trial: bool = False

    def given(self, variables: Mapping[str, Any]) -> dict[str, Any]:
        """Work out the inputs."""
        return {name: self._value(expression, variables, None) for name, expression in self.inputs.items()}

    def taken(self, variables: Mapping[str, Any], result: Mapping[str, Any]) -> Mapping[str, Any]:
        """Work out what becomes of the result: the declared outputs, or all of it."""
        names = {**variables, **result, "result": result}
        declared = {name: self._value(expression, names, result.get(name)) for name, expression in self.outputs.items()}
        return declared if self.outputs else result

    def _value(self, expression: Expression, names: Mapping[str, Any], instead: Any) -> Any:
        try:
            return expression.evaluate(names)
        except MissingVariable:
            if not self.is_trial:
                raise
            return instead


class Operating(Node):
    """A task done by an operation, which runs as a job outside the step."""

    operation: OperationDetails
    outward_state = STARTED

    def _run_hook(self, my_task: Token) -> None:
        self.open(my_task)

    def wait(self, token: Token) -> OperationWait:
        """Describe the operation that is owed."""
        return OperationWait(
            key=token.key,
            kind=WaitKind.OPERATION,
            node=self.drawn or self.name,
            process=token.workflow.process,
            name=self.title,
            operation=self.operation.name,
            inputs=copied(self.operation.given(token.data)),
            retry_after=self.operation.retry_after,
        )

    def finish(self, token: Token) -> None:
        """Take the results over: the declared outputs, or all of them."""
        taken = self.operation.taken(token.data, token.facts["result"])
        del token.facts["result"]
        self.take_in(token, taken)
        token.complete()


class ServiceTask(Operating, defaults.ServiceTask):
    """Calls an operation."""


class SendingTask(Operating, defaults.ServiceTask):
    """A send task with an operation."""


class ScriptTask(Node, defaults.ScriptTask):
    """Runs a compiled script over the variables."""

    def _run_hook(self, my_task: Token) -> bool:
        return bool(self._execute(my_task))


class ComputingTask(Node, defaults.NoneTask):
    """Works out expressions into variables, where another product has a script that is an expression."""

    computes: tuple[Handing, ...] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.manual = False

    def _run_hook(self, my_task: Token) -> bool:
        for one in self.computes:
            self.take_in(my_task, {one.target: copied(my_task.evaluate(one.expression))})
        return True


class DecisionTask(Node, defaults.NoneTask):
    """Asks a decision table; the answer is stored under one name, or its outputs become variables."""

    decision: "Decision"
    result_variable: str | None = None
    shape: str | None = None
    """In which shape it is stored, where that is another product's."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.manual = False

    def _run_hook(self, my_task: Token) -> bool:
        answer = copied(self.decision.evaluate(my_task.with_moment()))
        if self.result_variable:
            taken = shaped(answer, self.shape, self.decision.output_name) if self.shape else answer
            self.take_in(my_task, {self.result_variable: taken})
        elif isinstance(answer, dict):
            self.take_in(my_task, answer)
        elif answer is not None:
            raise Unfit("The decision gives no named outputs; name a result variable at the task.")
        return True
