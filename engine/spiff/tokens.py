# mypy: disallow-subclassing-any=False
# ruff: noqa: SLF001 - the library hands its own members to subclasses under private names
"""One place in the task tree: a live token, or the point where several live tokens parted.

The library's task tree is kept free of history: a child is made when its token arrives (nothing is predicted), and what has
finished is taken out as soon as no two live tokens part there. So the nearest common ancestor of two tokens always holds
the variables they started from.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from SpiffWorkflow.task import Task
from SpiffWorkflow.util.task import TaskState

from engine.diagrams.attributes import ConflictPolicy as Policy
from engine.expressions.language import Expression
from engine.spiff.changes import Merged, Path, apply_changes, changes, merge, shared
from engine.timing import NOW, with_now

FUTURE: Final[int] = TaskState.FUTURE
WAITING: Final[int] = TaskState.WAITING
READY: Final[int] = TaskState.READY
STARTED: Final[int] = TaskState.STARTED
COMPLETED: Final[int] = TaskState.COMPLETED
CANCELLED: Final[int] = TaskState.CANCELLED
LIVE: Final[int] = WAITING | READY | STARTED
FINISHED: Final[int] = TaskState.FINISHED_MASK


class Token(Task):
    """A task of the library with a number for an id, and what our specifications remember about it.

    A finished token `is_left` when a branch that parted here went on from a join further up: what still hangs below counts
    with its own changes only. `flow` is the sequence flow it came by, `host` the activity it is attached to (boundary
    events), `facts` plain values kept by its specification, `fault` why it cannot go on. `written` is what it was last written
    down as, where that is kept, which it is only while nothing hangs below.
    """

    def __init__(self, net: Any, spec: Any, parent: "Token | None", number: int, state: int = FUTURE) -> None:
        super().__init__(net, spec, parent, state=state, id=number)
        self.flow: str | None = None
        self.host: int | None = None
        self.order = 0
        self.facts: dict[str, Any] = {}
        self.fault: dict[str, Any] | None = None
        self.chosen: Sequence[Any] = ()
        self.is_quiet = False
        self.is_answered = False
        self.is_left = False
        self.written: bytes | None = None
        if parent is not None:
            parent.written = None
        net.top_workflow.stirred[number] = self

    def _set_state(self, value: int) -> None:
        self._state = value
        self.stir()

    def stir(self) -> None:
        """Note that something about it changes: what it waits for is looked at anew, and it is written down anew."""
        self.written = None
        self.workflow.top_workflow.stirred[self.id] = self

    def evaluate(self, expression: Expression, more: Mapping[str, Any] | None = None) -> Any:
        """Work an expression out over the variables, `more` names, and the time of the step, `now`, where it asks for that."""
        top = self.workflow.top_workflow
        names = {**self.data, **more} if more else self.data
        return expression.evaluate(with_now(expression, names, top.journal.now, top.time_zone))

    def with_moment(self) -> dict[str, Any]:
        """Give the variables and, if none of them has that name, the time of the step as `now`."""
        top = self.workflow.top_workflow
        return {NOW: top.journal.now.astimezone(top.time_zone), **self.data}

    def run(self) -> None:
        """Do what the flow node does; it may end the token, or leave it waiting for a result."""
        is_done = self.task_spec._run(self)
        if is_done is None and not self.is_finished:
            self._set_state(STARTED)
        elif is_done and not self.is_finished:
            self.complete()

    @property
    def is_live(self) -> bool:
        """Whether it stands in the diagram and is not finished."""
        return bool(self._state & LIVE)

    @property
    def is_finished(self) -> bool:
        """Whether it is completed or cancelled."""
        return bool(self._state & FINISHED)

    @property
    def is_armed(self) -> bool:
        """Whether it stands by for an event subprocess, which does not keep the scope alive."""
        return bool(self.task_spec.arms_handler and self._state == WAITING)

    @property
    def is_inner(self) -> bool:
        """Whether it is one of the instances of a live loop or multi-instance activity."""
        return bool(self.task_spec.repeated_by is not None and self.parent is not None and self.parent.is_live)

    @property
    def start_of_changes(self) -> "dict[str, Any] | None":
        """The variables that its own are told against: those of the token above, or what its parallel repetition began with."""
        above = self.parent
        if above is None:
            return None
        base: dict[str, Any] = above.data
        return above.facts.get("base", base) if self.is_inner else base

    @property
    def is_outward(self) -> bool:
        """Whether the world outside has to do something before it goes on."""
        return bool(self.fault is None and not self.is_answered and self._state == self.task_spec.outward_state)

    @property
    def key(self) -> str:
        """The name by which the world outside speaks of it; unique within the instance for ever."""
        return f"{self.task_spec.drawn or self.task_spec.name}:{self.id}"

    @property
    def ancestry(self) -> "list[Token]":
        """The places from the root down to this one."""
        path = [self]
        while (above := path[-1].parent) is not None:
            path.append(above)
        return path[::-1]

    @property
    def kin(self) -> "list[Token]":
        """The tokens directly below."""
        tasks = self.workflow.tasks
        return [tasks[child] for child in self._children]


def gathered(
    tokens: Sequence[Token], policy: Policy, variables_of: Callable[[Token], dict[str, Any]] = lambda token: token.data
) -> Merged:
    """Merge the variables of tokens, level by level from where the last of them parted up to where the first did.

    Each fork's branches are compared with the variables at that fork, in the order in which the branches arrived; those
    that have not arrived anywhere come last. A fork that a branch has left counts with what came after it, but not the last one:
    all of the tokens hang below it.
    """
    values = {token.id: variables_of(token) for token in tokens}
    arrived = {
        token.id: (token.state != WAITING, token.order if token.state == WAITING else token.id) for token in tokens
    }
    conflicts: list[Path] = []
    gathered_so_far = values[tokens[0].id]
    for fork, branches in _forks(tokens):
        ordered = sorted(branches, key=lambda branch: arrived[branch])
        arrived[fork.id] = arrived[ordered[-1]]
        value = values[ordered[0]]
        if len(ordered) > 1:
            merged = merge(fork.data, [values[branch] for branch in ordered], policy)
            value = gathered_so_far = merged.variables
            conflicts.extend(merged.conflicts)
        values[fork.id] = value if not fork.is_left else rebased(fork, value)
    return Merged(gathered_so_far, tuple(conflicts))


def rebased(fork: Token, value: dict[str, Any]) -> dict[str, Any]:
    """Bring what was changed since a fork on the variables of the fork above."""
    if fork.parent is None:
        return value
    result: dict[str, Any] = shared(fork.parent.data)
    apply_changes(result, changes(fork.data, value))
    return result


def move_to_common_ancestor(used: Sequence[Token], keep: Token) -> None:
    """Hang the token that goes on from a join where its branches parted, and mark the forks that branches have left."""
    paths = [token.ancestry for token in used]
    depth = min(len(path) for path in paths) - 1
    while depth and any(path[depth] is not paths[0][depth] for path in paths):
        depth -= 1
    for path in paths:
        for fork in path[depth + 1 : -1]:
            fork.is_left = True
    common, parent = paths[0][depth], keep.parent
    if parent is not None and parent is not common:
        parent._children.remove(keep.id)
        common._children.append(keep.id)
        keep._parent = common.id
        keep.workflow.top_workflow.retire(parent)


def _forks(tokens: Sequence[Token]) -> list[tuple[Token, list[int]]]:
    """List the places above the tokens, lower ones first, each with its branches that lead to a token."""
    branches: dict[int, list[int]] = {}
    depth: dict[int, int] = {}
    places: dict[int, Token] = {}
    for token in tokens:
        for level, place in enumerate(token.ancestry):
            depth[place.id], places[place.id] = level, place
            if level and place.id not in (known := branches.setdefault(place.parent.id, [])):
                known.append(place.id)
    return [(places[fork], branches[fork]) for fork in sorted(branches, key=lambda fork: -depth[fork])]
