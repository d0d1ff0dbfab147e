"""A second engine: plain tokens over the drawn graph, written from the rules alone.

It shares nothing with the product: it reads the XML itself, keeps no tree (a token knows the forks it came through), and searches
forwards where the product searches backwards. Scripts and conditions are Python functions that the diagram's maker hands
over. What both engines agree on, trace and data, is very likely right.
"""

import copy
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lxml import etree

Data = dict[str, Any]
Effect = Callable[[Data], None]
Question = Callable[[Data], bool]
BPMN = "{http://www.omg.org/spec/BPMN/20100524/MODEL}"
NODES = frozenset(
    BPMN + name
    for name in [
        "startEvent",
        "endEvent",
        "userTask",
        "scriptTask",
        "exclusiveGateway",
        "parallelGateway",
        "inclusiveGateway",
        "subProcess",
        "boundaryEvent",
        "intermediateThrowEvent",
        "intermediateCatchEvent",
        "eventBasedGateway",
    ]
)


@dataclass
class Node:
    """A drawn node with its flows, and what is attached to it."""

    key: str
    kind: str
    element: etree._Element
    outgoing: list["Flow"] = field(default_factory=list)
    incoming: list["Flow"] = field(default_factory=list)
    events: list["Node"] = field(default_factory=list)
    inner: "Graph | None" = None

    @property
    def catches(self) -> str | None:
        """What kind of event it is: message, timer, error, escalation ..."""
        found = (str(child.tag).removeprefix(BPMN) for child in self.element)
        return next((name.removesuffix("EventDefinition") for name in found if name.endswith("EventDefinition")), None)

    @property
    def repeats(self) -> bool:
        """Whether a timer comes again."""
        return self.element.find(f".//{BPMN}timeCycle") is not None

    @property
    def times(self) -> int:
        """How often a cycle fires."""
        return int(str(self.element.findtext(f".//{BPMN}timeCycle")).split("/")[0][1:])


@dataclass(frozen=True)
class Flow:
    """A drawn flow."""

    key: str
    source: str
    target: str


class Graph:
    """One scope."""

    def __init__(self, scope: etree._Element) -> None:
        self.nodes = {e.get("id"): Node(e.get("id"), str(e.tag).removeprefix(BPMN), e) for e in scope if e.tag in NODES}
        for e in scope.findall(f"{BPMN}sequenceFlow"):
            flow = Flow(e.get("id"), e.get("sourceRef"), e.get("targetRef"))
            self.nodes[flow.source].outgoing.append(flow)
            self.nodes[flow.target].incoming.append(flow)
        for node in self.nodes.values():
            if node.kind == "boundaryEvent":
                self.nodes[node.element.get("attachedToRef")].events.append(node)
            if node.kind == "subProcess":
                node.inner = Graph(node.element)
        self.handlers = [node for node in self.nodes.values() if node.element.get("triggeredByEvent") == "true"]
        self.start = next(node for node in self.nodes.values() if node.kind == "startEvent")

    def reaches(self, source: str, gateway: str) -> set[str]:
        """The incoming flows of a gateway by which a token at `source` could come, without passing the gateway."""
        found: set[str] = set()
        seen, todo = {source}, [source]
        while todo:
            node = self.nodes[todo.pop()]
            ways = [*node.outgoing, *(flow for event in node.events for flow in event.outgoing)]
            for flow in ways:
                if flow.target == gateway:
                    found.add(flow.key)
                elif flow.target not in seen:
                    seen.add(flow.target)
                    todo.append(flow.target)
        return found


@dataclass(eq=False)
class Token:
    """A token; `state` is ready, work, wait, join, net or many."""

    number: int
    net: "Net"
    node: Node
    data: Data
    lineage: tuple[int, ...]
    state: str = "ready"
    flow: str = ""
    host: "Token | None" = None
    owner: "Token | None" = None
    left: int = 0
    memory: Data = field(default_factory=dict)
    is_single: bool = False


@dataclass(eq=False)
class Net:
    """A running scope."""

    graph: Graph
    owner: Token | None
    base: Data
    tokens: list[Token] = field(default_factory=list)
    ends: list[tuple[Data, tuple[int, ...], int]] = field(default_factory=list)
    is_done: bool = False


class Engine:
    """Runs one process."""

    def __init__(
        self, xml: bytes, effects: Mapping[str, Effect], questions: Mapping[str, Question], data: Data
    ) -> None:
        root = etree.fromstring(xml)
        self.effects, self.questions = effects, questions
        self.number = 0
        self.bases: dict[int, Data] = {}
        self.left: set[int] = set()
        self.nets: list[Net] = []
        self.queue: deque[Token] = deque()
        self.urgent: deque[Token] = deque()
        self.trace: list[str] = []
        self.result: Data | None = None
        self.top = self.open(Graph(root.find(f"{BPMN}process")), None, copy.deepcopy(data))
        self.run()

    # -- what the driver uses

    def waiting(self, state: str) -> list[Token]:
        """The tokens that wait for work, or for an event, oldest first within a node."""
        outward = (t for net in self.nets for t in net.tokens if t.state == state)
        if state == "wait":
            outward = (t for t in outward if self._kind(t) in {"message", "timer"})
        return sorted(outward, key=lambda t: (self._name(t), t.number))

    def complete(self, token: Token, answers: Data) -> None:
        """A person has answered."""
        token.data.update(copy.deepcopy(answers))
        self.finish(token)
        self.settle()
        self.run()

    def trigger(self, token: Token) -> None:
        """A message has come, or a timer has gone off."""
        self.fire(token)
        self.run()

    # -- moving

    def run(self) -> None:
        """Run until all wait."""
        while self.urgent or self.queue:
            token = (self.urgent or self.queue).popleft()
            if token.state == "ready" and token in token.net.tokens:
                self.visit(token)
                if not self.urgent:
                    self.settle()

    def count(self) -> int:
        """Count on."""
        self.number += 1
        return self.number

    def open(self, graph: Graph, owner: Token | None, data: Data) -> Net:
        """Begin a scope."""
        net = Net(graph, owner, copy.deepcopy(data))
        self.nets.append(net)
        for handler in graph.handlers:
            assert handler.inner is not None
            self.put(net, handler, copy.deepcopy(data), (), state="wait")
        self.put(net, graph.start, data, ())
        return net

    def put(
        self, net: Net, node: Node, data: Data, lineage: tuple[int, ...], *, flow: str = "", state: str = ""
    ) -> Token:
        """Let a token arrive."""
        if node.events:
            fork = self.count()
            self.bases[fork], lineage = copy.deepcopy(data), (*lineage, fork)
        token = Token(self.count(), net, node, data, lineage, flow=flow)
        net.tokens.append(token)
        self.arrive(token, state)
        for event in node.events:
            self.attach(token, event, self.bases[lineage[-1]], event.times if event.repeats else 1)
        return token

    def attach(self, host: Token, event: Node, data: Data, left: int) -> None:
        """Let an event stand by for an activity."""
        lineage = host.lineage
        self.put(host.net, event, copy.deepcopy(data), lineage, state="wait").host = host
        host.net.tokens[-1].left = left

    def arrive(self, token: Token, state: str) -> None:
        """Decide what a token waits for."""
        node = token.node
        if state:
            token.state = state
        elif node.kind == "userTask" and (token.is_single or self._many(node) is None):
            token.state = "work"
        elif node.kind in {"parallelGateway", "inclusiveGateway"} and len(node.incoming) > 1:
            token.state = "join"
            if node.kind == "parallelGateway":
                self.join_all(token.net, node)
        elif node.kind == "intermediateCatchEvent":
            token.state = "wait"
        else:
            self.ready(token)

    def ready(self, token: Token) -> None:
        """Queue a token."""
        token.state = "ready"
        is_event = token.node.kind == "boundaryEvent" or (token.node in token.net.graph.handlers and not token.memory)
        (self.urgent if is_event else self.queue).append(token)

    def leave(self, token: Token, flows: list[Flow]) -> None:
        """Take a token off its node and send it along flows."""
        net = token.net
        net.tokens.remove(token)
        lineage = token.lineage
        if len(flows) > 1:
            fork = self.count()
            self.bases[fork], lineage = copy.deepcopy(token.data), (*lineage, fork)
        for flow in flows:
            data = copy.deepcopy(token.data) if len(flows) > 1 else token.data
            self.put(net, net.graph.nodes[flow.target], data, lineage, flow=flow.key)
        if not flows:
            net.ends.append((token.data, token.lineage, self.count()))

    def visit(self, token: Token) -> None:
        """Do what a node does."""
        node = token.node
        if token.net.graph.handlers and node in token.net.graph.handlers and not token.memory:
            self.handle(token)
        elif self._many(node) is not None and not token.is_single:
            self.repeat(token)
        elif node.kind == "subProcess":
            assert node.inner is not None
            token.state = "net"
            token.memory["seen"] = copy.deepcopy(token.data)
            self.open(node.inner, token, copy.deepcopy(token.data))
        elif node.kind == "boundaryEvent":
            self.interrupt(token)
        elif node.kind == "eventBasedGateway":
            self.race(token)
        elif node.catches in {"error", "escalation"}:
            self.throw(token)
        elif node.catches == "terminate":
            self.done(token)
            self.end(token.net, token.data)
        else:
            self.effects.get(node.key, lambda _: None)(token.data)
            self.done(token)
            self.leave(token, self.choose(token))

    def done(self, token: Token) -> None:
        """Write the trace."""
        self.trace.append(token.node.key)

    def choose(self, token: Token) -> list[Flow]:
        """Choose the flows to take."""
        flows, default = token.node.outgoing, token.node.element.get("default")
        if token.node.kind not in {"exclusiveGateway", "inclusiveGateway"} or len(flows) < 2:
            return flows
        true = [f for f in flows if f.key != default and self.questions[f.key](token.data)]
        return (true[:1] if token.node.kind == "exclusiveGateway" else true) or [f for f in flows if f.key == default]

    def finish(self, token: Token) -> None:
        """An activity is done."""
        self.done(token)
        for other in [t for t in token.net.tokens if t.host is token and t.state == "wait"]:
            self.cancel(other)
        if token.owner is not None:
            self.ended(token.owner, token)
        elif token.node in token.net.graph.handlers:
            self.handled(token)
        else:
            self.leave(token, token.node.outgoing)

    # -- repetition

    def _many(self, node: Node) -> etree._Element | None:
        return node.element.find(f"{BPMN}multiInstanceLoopCharacteristics")

    def repeat(self, token: Token) -> None:
        """Begin the instances of an activity."""
        loop = self._many(token.node)
        assert loop is not None
        count = int(str(loop.findtext(f"{BPMN}loopCardinality")))
        is_sequential = loop.get("isSequential") == "true"
        token.memory = {
            "base": copy.deepcopy(token.data),
            "begun": 0,
            "done": 0,
            "count": count,
            "sequential": is_sequential,
        }
        if not count:
            token.state = "many"
            self.finish(token)
            return
        token.state = "many"
        for _ in range(1 if is_sequential else count):
            self.begin(token)

    def begin(self, token: Token) -> None:
        """Begin one instance."""
        data = {**copy.deepcopy(token.data), "loopCounter": token.memory["begun"]}
        token.memory["begun"] += 1
        single = Token(self.count(), token.net, token.node, data, token.lineage, owner=token, is_single=True)
        token.net.tokens.append(single)
        self.arrive(single, "")

    def ended(self, owner: Token, single: Token) -> None:
        """Take one instance over."""
        owner.net.tokens.remove(single)
        single.data.pop("loopCounter", None)
        memory = owner.memory
        base = owner.data if memory["sequential"] else memory["base"]
        put_changes(owner.data, difference(base, single.data))
        memory["done"] += 1
        if memory["done"] == memory["count"]:
            self.finish(owner)
        elif memory["sequential"]:
            self.begin(owner)

    # -- joins and ends

    def join_all(self, net: Net, node: Node) -> None:
        """Open a parallel join if each flow has a token."""
        used = {}
        for token in [t for t in net.tokens if t.state == "join" and t.node is node]:
            used.setdefault(token.flow, token)
        if len(used) == len(node.incoming):
            self.join(list(used.values()))

    def join(self, used: list[Token]) -> None:
        """Make one token of several."""
        used.sort(key=lambda t: t.number)
        keep = used[-1]
        if len(used) > 1:
            keep.data = self.merged([(t.data, t.lineage) for t in used], keep.net.base)
            shared = common([t.lineage for t in used])
            self.left.update(fork for t in used for fork in t.lineage[len(shared) :])
            keep.lineage = shared
        for token in used[:-1]:
            token.net.tokens.remove(token)
        self.ready(keep)

    def merged(self, parts: list[tuple[Data, tuple[int, ...]]], base: Data) -> Data:
        """Merge what came through the same forks first; `parts` are in order of arrival."""
        depth = len(common([lineage for _, lineage in parts]))
        return self.under(parts, depth, self.bases[parts[0][1][depth - 1]] if depth else base)

    def under(self, parts: list[tuple[Data, tuple[int, ...]]], depth: int, base: Data) -> Data:
        """Merge parts that share the first forks; of a fork that a branch has left, only what came after it counts."""
        groups: dict[object, list[tuple[Data, tuple[int, ...]]]] = {}
        for number, (data, lineage) in enumerate(parts):
            name: object = lineage[depth] if len(lineage) > depth else ("single", number)
            groups[name] = [*groups.pop(name, []), (data, lineage)]  # the group's place is that of its last arrival
        values = [self.value_of(name, group, depth, base) for name, group in groups.items()]
        if len(values) == 1:
            return values[0]
        state = copy.deepcopy(base)
        for value in values:
            put_changes(state, difference(base, value))
        return state

    def value_of(self, name: object, group: list[tuple[Data, tuple[int, ...]]], depth: int, base: Data) -> Data:
        """What one group has made of the base."""
        if not isinstance(name, int):
            return group[0][0]
        value = self.under(group, depth + 1, self.bases[name])
        if name not in self.left:
            return value
        state = copy.deepcopy(base)
        put_changes(state, difference(self.bases[name], value))
        return state

    def settle(self) -> None:
        """Open inclusive joins and end scopes, inner ones first."""
        again = True
        while again:
            again = any(self.settle_net(net) for net in reversed(self.nets) if not net.is_done)

    def settle_net(self, net: Net) -> bool:
        """Open what nothing can reach any more; tell whether anything changed."""
        for node in {
            t.node.key: t.node for t in net.tokens if t.state == "join" and t.node.kind == "inclusiveGateway"
        }.values():
            used: dict[str, Token] = {}
            for token in [t for t in net.tokens if t.state == "join" and t.node is node]:
                used.setdefault(token.flow, token)
            if not self.may_come(net, node, set(used)):
                self.join(list(used.values()))
                return True
        if all(t.state == "wait" and t.node in net.graph.handlers for t in net.tokens):
            self.end(net, self.merged([end[:2] for end in net.ends], net.base) if net.ends else net.base)
            return True
        return False

    def may_come(self, net: Net, node: Node, got: set[str]) -> bool:
        """Whether a token can come on an empty flow and not on one that has a token."""
        for token in net.tokens:
            if token.node is node or token.owner is not None:
                continue
            ways = net.graph.reaches(token.node.key, node.key)
            if ways - got and not ways & got:
                return True
        return False

    def end(self, net: Net, data: Data) -> None:
        """A scope is complete."""
        net.is_done = True
        for token in list(net.tokens):
            self.cancel(token)
        self.nets.remove(net)
        if net.owner is None:
            self.result = data
        else:
            net.owner.data = data
            self.finish(net.owner)

    def cancel(self, token: Token) -> None:
        """Take a token away with all that belongs to it."""
        if token not in token.net.tokens:
            return
        token.net.tokens.remove(token)
        for net in [n for n in self.nets if n.owner is token]:
            net.is_done = True
            for inner in list(net.tokens):
                self.cancel(inner)
            self.nets.remove(net)
        for other in [t for t in token.net.tokens if t.owner is token or (t.host is token and t.state == "wait")]:
            self.cancel(other)

    # -- events

    def _kind(self, token: Token) -> str | None:
        node = token.node
        return node.inner.start.catches if node.inner is not None else node.catches

    def _name(self, token: Token) -> str:
        return token.node.inner.start.key if token.node.inner is not None and token.state == "wait" else token.node.key

    def fire(self, token: Token) -> None:
        """An event has happened."""
        race = token.memory.pop("race", None)
        for other in [t for t in token.net.tokens if race is not None and t.memory.get("race") == race]:
            self.cancel(other)
        self.ready(token)

    def race(self, token: Token) -> None:
        """Wait for the first of several events."""
        self.done(token)
        net = token.net
        net.tokens.remove(token)
        fork = self.count()
        self.bases[fork] = copy.deepcopy(token.data)
        for flow in token.node.outgoing:
            lineage = (*token.lineage, fork)
            racer = self.put(net, net.graph.nodes[flow.target], copy.deepcopy(token.data), lineage, flow=flow.key)
            racer.memory["race"] = token.number

    def newest(self, token: Token) -> Data:
        """What an activity has made so far."""
        inner = next((n for n in self.nets if n.owner is token), None)
        made = token.data if inner is None else self.newest_of(inner)
        if token.node in token.net.graph.handlers and token.memory:
            based = copy.deepcopy(self._floor(token))
            put_changes(based, difference(token.data, made))
            return based
        return made

    def _floor(self, token: Token) -> Data:
        return self.bases[token.lineage[-1]] if token.lineage else token.net.base

    def newest_of(self, net: Net) -> Data:
        """What a scope has made so far."""
        live = [t for t in net.tokens if t.owner is None and not (t.state == "wait" and t.node in net.graph.handlers)]
        parts = [((0, order), data, lineage) for data, lineage, order in net.ends]
        parts += [((int(t.state not in {"join", "wait"}), t.number), self.newest(t), t.lineage) for t in live]
        parts.sort(key=lambda part: part[0])
        return self.merged([part[1:] for part in parts], net.base) if parts else net.base

    def interrupt(self, token: Token) -> None:
        """An attached event takes its way."""
        host = token.host
        is_going_on = host is not None and host in host.net.tokens
        if token.node.element.get("cancelActivity") != "false":
            if not is_going_on:
                self.cancel(token)
                return
            assert host is not None
            token.data = copy.deepcopy(self.newest(host))
            token.host = None
            self.cancel(host)
        elif is_going_on and host is not None and (token.node.catches != "timer" or token.left > 1):
            self.attach(host, token.node, self.bases[host.lineage[-1]], token.left - 1)
        self.done(token)
        self.leave(token, token.node.outgoing)

    def handle(self, token: Token) -> None:
        """An event subprocess begins."""
        net, inner = token.net, token.node.inner
        assert inner is not None
        token.memory["handling"] = True
        if inner.start.element.get("isInterrupting") != "false":
            token.data = copy.deepcopy(self.newest_of(net))
            for other in list(net.tokens):
                if other is not token:
                    self.cancel(other)
            net.ends.clear()
            net.base = copy.deepcopy(token.data)
        else:
            self.put(net, token.node, copy.deepcopy(net.base), (), state="wait")
            token.data = copy.deepcopy(self._without(net, token))
        self.ready(token)

    def _without(self, net: Net, token: Token) -> Data:
        place = net.tokens.index(token)
        del net.tokens[place]
        newest = self.newest_of(net)
        net.tokens.insert(place, token)
        return newest

    def handled(self, token: Token) -> None:
        """An event subprocess is over: only its own changes count."""
        made = token.data
        token.data = copy.deepcopy(self._floor(token))
        put_changes(token.data, difference(token.memory["seen"], made))
        self.leave(token, [])

    def throw(self, token: Token) -> None:
        """An error or escalation looks for its catcher, outwards."""
        kind = str(token.node.catches)
        self.done(token)
        main, net = token, token.net
        while True:
            main = main.owner or main
            catcher = next(
                (t for t in net.tokens if t.host is main and t.state == "wait" and t.node.catches == kind), None
            )
            if catcher is not None or net.owner is None:
                break
            main = net.owner
            net = main.net
        if catcher is None:
            self.leave(token, token.node.outgoing)
        elif catcher.node.element.get("cancelActivity") == "false":
            self.ready(catcher)
            self.leave(token, token.node.outgoing)
        else:
            self.interrupt(catcher)


def common(lineages: Iterable[tuple[int, ...]]) -> tuple[int, ...]:
    """The forks that all have come through."""
    shared: list[int] = []
    for level in zip(*lineages, strict=False):
        if len(set(level)) > 1:
            break
        shared.append(level[0])
    return tuple(shared)


def difference(base: Data, new: Data) -> Data:
    """What a branch made of its base: per name `("in", …)`, `("more", items)`, `("is", value)` or `("gone",)`."""
    found: Data = {}
    for name in [*base, *(n for n in new if n not in base)]:
        if name not in new:
            found[name] = ("gone",)
        elif name not in base:
            found[name] = ("in", difference({}, new[name])) if isinstance(new[name], dict) else ("is", new[name])
        elif isinstance(base[name], dict) and isinstance(new[name], dict):
            inner = difference(base[name], new[name])
            found |= {name: ("in", inner)} if inner else {}
        elif base[name] != new[name]:
            is_more = (
                isinstance(base[name], list)
                and isinstance(new[name], list)
                and new[name][: len(base[name])] == base[name]
            )
            found[name] = ("more", new[name][len(base[name]) :]) if is_more else ("is", new[name])
    return found


def put_changes(state: Data, changes: Data) -> None:
    """Lay changes over a state."""
    for name, (deed, *what) in changes.items():
        if deed == "gone":
            state.pop(name, None)
        elif deed == "in":
            if not isinstance(state.get(name), dict):
                state[name] = {}
            put_changes(state[name], what[0])
        elif deed == "more" and isinstance(state.get(name), list):
            state[name] = state[name] + copy.deepcopy(what[0])
        else:
            state[name] = copy.deepcopy(what[0])
