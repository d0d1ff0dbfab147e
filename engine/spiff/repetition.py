# mypy: disallow-subclassing-any=False
# ruff: noqa: SLF001 - the library hands its own members to subclasses under private names
"""Activities that are done several times: in parallel, one after the other, or while a condition holds.

The activity's own token is started and owns one token for each instance. A parallel instance works on a copy of the
variables, and its changes are merged when it ends; sequential instances and rounds hand the variables on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from SpiffWorkflow.bpmn.specs import defaults

from engine.expressions.language import Expression
from engine.spiff import throwing
from engine.spiff.changes import apply_changes, changes, shared
from engine.spiff.faults import TooMany, Unfit
from engine.spiff.nodes import Node
from engine.spiff.tokens import READY, STARTED, Token
from engine.spiff.triggers import Trigger

MOST_INSTANCES: Final = 1_000
COUNTER: Final = "loopCounter"


@dataclass(frozen=True, slots=True)
class Telling:
    """What is thrown when an instance has ended: of each, of the first only, or of those for which a condition holds."""

    trigger: Trigger
    is_of_first: bool = False
    condition: Expression | None = None

    def is_due(self, done: int, counted: dict[str, Any]) -> bool:
        """Tell whether it is thrown for the instance that ended last."""
        if self.is_of_first:
            return done == 1
        return self.condition is None or bool(self.condition.evaluate(counted))


@dataclass(frozen=True, slots=True)
class RepetitionDetails:
    """How often, over what, under which names, and until when."""

    cardinality: Expression | None = None
    collection: Expression | None = None
    item: str | None = None
    index: str | None = None
    """Another name for the number of the instance, from 0 on."""
    first: int = 0
    """What `loopCounter` is in the first instance."""
    output: str | None = None
    output_item: str | None = None
    condition: Expression | None = None
    tells: tuple[Telling, ...] = ()


class Repeating(Node):
    """What loops and multi-instance activities have in common."""

    instance: Any
    """The specification of one instance."""

    def spawn(self, token: Token, number: int, local: dict[str, Any]) -> Token:
        """Make the token of one instance."""
        net = token.workflow
        child: Token = net.create(self.instance, token, {**token.data, **local})
        child.facts["instance"] = number
        return child

    def ended(self, token: Token, child: Token) -> None:
        """Queue what one instance made, and take it over unless the activity is stuck."""
        token.stir()
        token.facts.setdefault("ended", []).append({"instance": child.facts["instance"], "variables": child.data})
        if token.fault is None:
            token.workflow.top_workflow.attempt(token, "finish", lambda: self.finish(token))

    def finish(self, token: Token) -> None:
        """Take over what instances have made since the last time."""
        while token.is_live and (ended := token.facts.get("ended")):
            self.take(token, ended[0]["instance"], ended[0]["variables"])
            del ended[0]

    def take(self, token: Token, number: int, made: dict[str, Any]) -> None:
        """Take over what one instance made; go on with the next, or close."""
        raise NotImplementedError

    def keep(self, token: Token, number: int, made: dict[str, Any]) -> None:
        """Take over what one instance has changed."""
        raise NotImplementedError

    def close(self, token: Token) -> None:
        """Complete the activity; instances that still run are withdrawn."""
        token.facts = {name: value for name, value in token.facts.items() if name == "hidden"}
        for child in token.kin:
            token.workflow.top_workflow.withdraw(child)
        token.complete()


class MultiInstance(Repeating):
    """An activity done once for each item of a collection, or a number of times."""

    repetition: RepetitionDetails
    is_sequential = False

    def _update_hook(self, my_task: Token) -> bool:
        return my_task is not None

    def _run_hook(self, my_task: Token) -> bool | None:
        items = self._items(my_task)
        keys = list(items) if isinstance(items, dict) else None
        values = list(items.values()) if isinstance(items, dict) else items
        my_task.facts.update(items=values, total=len(values), keys=keys, next=0, done=0, outputs={})
        if not values:
            self._deliver(my_task)
            return True
        my_task._set_state(STARTED)
        if not self.is_sequential:
            my_task.facts["base"] = shared(my_task.data)
        children = [self._next(my_task) for _ in range(1 if self.is_sequential else len(values))]
        if not self.is_sequential:
            del my_task.facts["items"]  # each instance has its own now
        for child in children:
            my_task.workflow.top_workflow.arrive(child)
        return None

    def _items(self, token: Token) -> list[Any] | dict[str, Any]:
        details = self.repetition
        if details.cardinality is not None:
            return list(range(self._count(details.cardinality.evaluate(token.data))))
        items = details.collection.evaluate(token.data) if details.collection else []
        if not isinstance(items, list | dict):
            raise Unfit(f"The collection of {self.title or self.name} must be a list, but is {items!r:.60}.")
        self._count(len(items))
        return items

    def _count(self, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int | Decimal) or value != int(value) or value < 0:
            raise Unfit(
                f"The number of instances of {self.title or self.name} must be 0 or more, but is {value!r:.60}."
            )
        if value > MOST_INSTANCES:
            raise TooMany(
                f"{self.title or self.name} asks for {value:,} instances; at most {MOST_INSTANCES:,} are made."
            )
        return int(value)

    def _next(self, token: Token) -> Token:
        number = token.facts["next"]
        token.facts["next"] = number + 1
        index = {self.repetition.index: number} if self.repetition.index else {}
        local = {COUNTER: number + self.repetition.first} | index
        if self.repetition.item:
            local[self.repetition.item] = token.facts["items"][number]
        return self.spawn(token, number, local)

    def take(self, token: Token, number: int, made: dict[str, Any]) -> None:
        """Merge the changes of an ended instance, keep its output item, and look whether that was enough."""
        facts, details = token.facts, self.repetition
        is_new = facts.get("taken") != number  # else what it throws has failed, and is tried again
        done = facts["done"] + is_new
        counted = self._counted(token, made, done) | self._collected_with(token, number, made)
        is_enough = details.condition is not None and bool(details.condition.evaluate(counted))
        told = [one.trigger for one in details.tells if one.is_due(done, counted)]
        if is_new:
            self.keep(token, number, made)
            facts["done"] = done
        if told:
            facts["taken"] = number
            if self._is_left(token, told):
                return
        if is_enough or done == _total(token):
            self._deliver(token)
            self.close(token)
        elif self.is_sequential:
            token.workflow.top_workflow.arrive(self._next(token))

    def keep(self, token: Token, number: int, made: dict[str, Any]) -> None:
        """Take over what an instance has changed, and its output item."""
        if self.repetition.output and self.repetition.output_item:
            token.facts["outputs"][str(number)] = made.get(self.repetition.output_item)
        mine = [change for change in changes(self._start_of(token), made) if change.path[0] not in self._local]
        apply_changes(token.data, mine)

    def _is_left(self, token: Token, told: list[Trigger]) -> bool:
        """Throw what an ended instance throws; tell whether an event attached to the activity ends it."""
        for trigger in told:
            if token.is_live:
                throwing.throw(token, trigger, is_over=False)
        attached = (other for other in token.workflow.tasks.values() if other.host == token.id)
        return not token.is_live or any(other.state == READY and other.task_spec.interrupts for other in attached)

    def _start_of(self, token: Token) -> dict[str, Any]:
        """Give the variables that an instance started from."""
        base: dict[str, Any] = token.facts["base"] if "base" in token.facts else token.data  # noqa: SIM401 - typed
        return base

    def _counted(self, token: Token, made: dict[str, Any], done: int) -> dict[str, Any]:
        """Count as the standard does, by those made so far (Table 10.30), and as other tools do, with those to come."""
        begun, total = token.facts["next"], _total(token)
        return {
            "numberOfInstances": begun,
            "numberOfActiveInstances": begun - done,
            "numberOfCompletedInstances": done,
            "numberOfTerminatedInstances": 0,
            "nrOfInstances": total,
            "nrOfActiveInstances": 1 if self.is_sequential else total - done,
            "nrOfCompletedInstances": done,
            "nrOfTerminatedInstances": 0,
            **made,
        }

    def _collected_with(self, token: Token, number: int, made: dict[str, Any]) -> dict[str, Any]:
        """Give the outputs collected so far to a condition that asks for them; for others no long list is made in vain."""
        facts, details = token.facts, self.repetition
        if details.condition is None or details.output not in details.condition.names or not details.output_item:
            return {}
        outputs = facts["outputs"] | {str(number): made.get(details.output_item)}
        return {details.output: _collected(outputs, facts["keys"])}

    @property
    def _local(self) -> set[str | None]:
        return {COUNTER, self.repetition.index, self.repetition.item, self.repetition.output_item}

    def _deliver(self, token: Token) -> None:
        """Write the collected outputs down."""
        facts, details = token.facts, self.repetition
        if details.output and details.output_item:
            token.data[details.output] = _collected(facts["outputs"], facts["keys"])


def _collected(outputs: Mapping[str, Any], keys: Sequence[str] | None) -> list[Any] | dict[str, Any]:
    """Put outputs by the number of their instance into the order of the items; under their keys if the items had keys."""
    numbers = sorted(outputs, key=int)
    if keys is None:
        return [outputs[number] for number in numbers]
    return {keys[int(number)]: outputs[number] for number in numbers}


def _total(token: Token) -> int:
    """Give the number of instances; those written down before it was noted still hold all their items."""
    facts = token.facts
    total: int = facts["total"] if "total" in facts else len(facts["items"])
    return total


class ParallelMultiInstance(MultiInstance, defaults.ParallelMultiInstanceTask):
    """All instances at once."""


class SequentialMultiInstance(MultiInstance, defaults.SequentialMultiInstanceTask):
    """One instance after the other."""

    is_sequential = True


@dataclass(frozen=True, slots=True)
class LoopDetails:
    """While which condition holds, at most how often, and whether it is looked at before the first round."""

    condition: Expression | None
    maximum: int | None
    is_tested_before: bool


class StandardLoop(Repeating, defaults.StandardLoopTask):
    """An activity done again while a condition holds."""

    loop: LoopDetails

    def _run_hook(self, my_task: Token) -> bool | None:
        my_task.facts["done"] = 0
        if self.loop.is_tested_before and not self._goes_on(my_task, my_task.data):
            return True
        my_task._set_state(STARTED)
        self._round(my_task)
        return None

    def _goes_on(self, token: Token, made: dict[str, Any]) -> bool:
        done, loop = token.facts["done"], self.loop
        if loop.maximum is not None and done >= loop.maximum:
            return False
        return loop.condition is None or bool(loop.condition.evaluate({**made, COUNTER: done}))

    def _round(self, token: Token) -> None:
        done = token.facts["done"]
        token.workflow.top_workflow.arrive(self.spawn(token, done, {COUNTER: done}))

    def take(self, token: Token, number: int, made: dict[str, Any]) -> None:
        """Go on with what the round has left, or leave."""
        token.facts["done"] = number + 1
        goes_on = self._goes_on(token, made)
        self.keep(token, number, made)
        if goes_on:
            self._round(token)
        else:
            self.close(token)

    def keep(self, token: Token, number: int, made: dict[str, Any]) -> None:
        """Take over what a round has left, but not its number."""
        del number
        outer = {COUNTER: token.data[COUNTER]} if COUNTER in token.data else {}
        token.data = {**{name: value for name, value in made.items() if name != COUNTER}, **outer}
