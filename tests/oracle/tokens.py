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
        "complexGateway",
        "callActivity",
        "transaction",
        "adHocSubProcess",
    ]
)
SCOPES = frozenset({"subProcess", "transaction", "adHocSubProcess"})
JOINS = frozenset({"parallelGateway", "inclusiveGateway", "complexGateway"})
AWAITED = frozenset({"message", "timer", "signal"})


@dataclass(eq=False)
class Node:
    """A drawn node with its flows, and what is attached to it."""

    key: str
    kind: str
    element: etree._Element
    outgoing: list["Flow"] = field(default_factory=list)
    incoming: list["Flow"] = field(default_factory=list)
    events: list["Node"] = field(default_factory=list)
    inner: "Graph | None" = None
    handler: "Node | None" = None

    def says(self, name: str) -> str | None:
        """The text of an element inside."""
        found = self.element.findtext(f".//{BPMN}{name}")
        return None if found is None else str(found)

    @property
    def definitions(self) -> list[etree._Element]:
        """What it waits for or throws."""
        return [e for e in self.element if isinstance(e.tag, str) and e.tag.endswith("EventDefinition")]

    def kind_of(self, part: int) -> str | None:
        """What kind of event one of its triggers is."""
        found = self.definitions
        return str(found[part].tag).removeprefix(BPMN).removesuffix("EventDefinition") if found else None

    def name_of(self, part: int) -> str | None:
        """The message or signal that one of its triggers speaks of."""
        found = self.definitions
        return (found[part].get("messageRef") or found[part].get("signalRef")) if found else None

    @property
    def catches(self) -> str | None:
        """What kind of event it is: message, timer, error, escalation ..."""
        return self.kind_of(0)

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


MOST_VISITS = 1_500


class Endless(Exception):
    """The diagram goes round and never waits."""


class Graph:
    """One scope."""

    def __init__(self, scope: etree._Element) -> None:
        self.nodes = {e.get("id"): Node(e.get("id"), str(e.tag).removeprefix(BPMN), e) for e in scope if e.tag in NODES}
        for e in scope.findall(f"{BPMN}sequenceFlow"):
            flow = Flow(e.get("id"), e.get("sourceRef"), e.get("targetRef"))
            self.nodes[flow.source].outgoing.append(flow)
            self.nodes[flow.target].incoming.append(flow)
        for node in self.nodes.values():
            if node.kind == "boundaryEvent" and node.catches != "compensate":
                self.nodes[node.element.get("attachedToRef")].events.append(node)
            if node.kind in SCOPES:
                node.inner = Graph(node.element)
        for link in scope.findall(f"{BPMN}association"):
            host = self.nodes[link.get("sourceRef")].element.get("attachedToRef")
            self.nodes[host].handler = self.nodes[link.get("targetRef")]
        self.handlers = [node for node in self.nodes.values() if node.element.get("triggeredByEvent") == "true"]
        self.start = next((node for node in self.nodes.values() if node.kind == "startEvent"), None)
        self.is_ad_hoc = scope.tag == f"{BPMN}adHocSubProcess"
        self.heads = [n for n in self.nodes.values() if not n.incoming and n.kind != "boundaryEvent"]

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
    must_fall: bool = False
    payload: Data = field(default_factory=dict)
    part: int = 0
    """Which of several triggers of its event."""


@dataclass(eq=False)
class Net:
    """A running scope."""

    graph: Graph
    owner: Token | None
    base: Data
    tokens: list[Token] = field(default_factory=list)
    ends: list[tuple[Data, tuple[int, ...], int]] = field(default_factory=list)
    is_done: bool = False
    log: list["Entry"] = field(default_factory=list)
    rounds: dict[str, set[str]] = field(default_factory=dict)
    begun: int = 0
    is_enough: bool = False


@dataclass(eq=False)
class Entry:
    """A completed activity that can be undone, or a completed scope with such activities in it."""

    graph: Graph
    handler: Node | None
    local: Data
    inner: list["Entry"]


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
        self.thrown: list[str] = []
        self.processes = {process.get("id"): Graph(process) for process in root.findall(f"{BPMN}process")}
        self.top = self.open(next(iter(self.processes.values())), None, copy.deepcopy(data))
        self.run()

    # -- what the driver uses

    def waiting(self, state: str) -> list[Token]:
        """The tokens that wait for work, or for an event, oldest first within a node."""
        outward = (t for net in self.nets for t in net.tokens if t.state == state)
        if state == "wait":
            outward = (t for t in outward if self._kind(t) in AWAITED)
        return sorted(outward, key=lambda t: (self.name_of(t), t.number))

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
        """Run until all wait; raise `Endless` when they seem never to."""
        self.look()
        visits = 0
        while self.urgent or self.queue:
            token = (self.urgent or self.queue).popleft()
            if token.state == "ready" and token in token.net.tokens:
                visits += 1
                if visits > MOST_VISITS:
                    raise Endless
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
            begins = self._start(handler)
            for part in range(len(begins.definitions)):
                self.stand_by(net, handler, data, begins.times if begins.repeats else 1, part)
        if not graph.is_ad_hoc:
            self.put(net, self._first(graph), data, ())
            return net
        is_sequential = owner is not None and owner.node.element.get("ordering") == "Sequential"
        heads = graph.heads[:1] if is_sequential else graph.heads
        net.begun = len(heads)
        fork = self.count()
        self.bases[fork] = copy.deepcopy(data)
        for head in heads:
            self.put(net, head, copy.deepcopy(data), (fork,) if len(heads) > 1 else ())
        return net

    def stand_by(self, net: Net, handler: Node, data: Data, left: int, part: int, *, must_fall: bool = False) -> None:
        """Arm an event subprocess."""
        token = self.put(net, handler, copy.deepcopy(data), (), state="wait")
        token.left, token.part, token.must_fall = left, part, must_fall

    def _start(self, handler: Node) -> Node:
        assert handler.inner is not None
        return self._first(handler.inner)

    def _first(self, graph: Graph) -> Node:
        assert graph.start is not None
        return graph.start

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
            for part in range(len(event.definitions)):
                self.attach(token, event, self.bases[lineage[-1]], event.times if event.repeats else 1, part)
        return token

    def attach(self, host: Token, event: Node, data: Data, left: int, part: int) -> None:
        """Let an event stand by for an activity."""
        lineage = host.lineage
        self.put(host.net, event, copy.deepcopy(data), lineage, state="wait").host = host
        host.net.tokens[-1].left, host.net.tokens[-1].part = left, part

    def arrive(self, token: Token, state: str) -> None:
        """Decide what a token waits for."""
        node = token.node
        if state:
            token.state = state
        elif node.kind == "userTask" and (token.is_single or not self._repeats(node)):
            token.state = "work"
        elif node.kind in JOINS and len(node.incoming) > 1:
            token.state = "join"
            if node.kind == "parallelGateway":
                self.join_all(token.net, node)
            elif node.kind == "complexGateway":
                self.join_some(token)
        elif node.kind == "intermediateCatchEvent":
            token.state = "wait"
        else:
            self.ready(token)

    def ready(self, token: Token) -> None:
        """Queue a token."""
        token.state = "ready"
        is_event = token.node.kind in {"boundaryEvent", "eventBasedGateway"} or (
            token.node in token.net.graph.handlers and not token.memory
        )
        (self.urgent if is_event else self.queue).append(token)

    def leave(self, token: Token, flows: list[Flow]) -> None:
        """Take a token off its node and send it along flows."""
        net = token.net
        if net.is_done:
            return
        net.tokens.remove(token)
        flows = [] if net.is_enough else flows
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
        elif self._repeats(node) and not token.is_single:
            self.repeat(token)
        elif node.kind in SCOPES or node.kind == "callActivity":
            inner = node.inner or self.processes[node.element.get("calledElement")]
            token.state = "net"
            token.memory["seen"] = copy.deepcopy(token.data)
            self.open(inner, token, copy.deepcopy(token.data))
        elif node.kind == "boundaryEvent":
            self.interrupt(token)
        elif node.kind == "eventBasedGateway":
            self.race(token)
        elif node.kind in {"intermediateThrowEvent", "endEvent"} and node.catches not in {None, "terminate"}:
            self.throw(token)
        elif node.catches == "terminate":
            self.done(token)
            self.end(token.net, self.newest_of(token.net))
        else:
            token.data.update(copy.deepcopy(token.payload))
            self.effects.get(node.key, lambda _: None)(token.data)
            if node.kind in {"scriptTask", "userTask"}:
                self.finish(token)
            else:
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
        self.remember(token)
        if token.owner is not None:
            self.ended(token.owner, token)
        elif token.node in token.net.graph.handlers:
            self.handled(token)
        elif not token.net.graph.is_ad_hoc or not self.is_enough(token):
            self.leave(token, token.node.outgoing)

    def is_enough(self, token: Token) -> bool:
        """Look at the condition of an ad-hoc scope; tell whether the scope is over."""
        net = token.net
        assert net.owner is not None
        question = self.questions.get(net.owner.node.key)
        data = self.newest_of(net)
        if net.is_enough or question is None or not question(data):
            return False
        net.is_enough = True
        if net.owner.node.element.get("cancelRemainingInstances") == "false":
            return False
        self.end(net, data)
        return True

    # -- repetition

    def _many(self, node: Node) -> etree._Element | None:
        return node.element.find(f"{BPMN}multiInstanceLoopCharacteristics")

    def _loop(self, node: Node) -> etree._Element | None:
        return node.element.find(f"{BPMN}standardLoopCharacteristics")

    def _repeats(self, node: Node) -> bool:
        return self._many(node) is not None or self._loop(node) is not None

    def repeat(self, token: Token) -> None:
        """Begin the instances of an activity."""
        token.state = "many"
        if self._loop(token.node) is not None:
            token.memory = {"done": 0, "begun": 0}
            if self._loop_goes_on(token, token.data, first=True):
                self.begin(token)
            else:
                self.finish(token)
            return
        loop = self._many(token.node)
        assert loop is not None
        items = loop.get("{https://parcelflow.example/bpmn/1.0}collection")
        count = len(token.data[items]) if items else int(str(loop.findtext(f"{BPMN}loopCardinality")))
        is_sequential = loop.get("isSequential") == "true"
        token.memory = {
            "base": copy.deepcopy(token.data),
            "begun": 0,
            "done": 0,
            "count": count,
            "sequential": is_sequential,
            "items": copy.deepcopy(token.data[items]) if items else None,
        }
        if not count:
            self.finish(token)
            return
        for _ in range(1 if is_sequential else count):
            self.begin(token)

    def begin(self, token: Token) -> None:
        """Begin one instance."""
        data = {**copy.deepcopy(token.data), "loopCounter": token.memory["begun"]}
        if token.memory.get("items") is not None:
            data["item"] = token.memory["items"][token.memory["begun"]]
        token.memory["begun"] += 1
        single = Token(self.count(), token.net, token.node, data, token.lineage, owner=token, is_single=True)
        token.net.tokens.append(single)
        self.arrive(single, "")

    def ended(self, owner: Token, single: Token) -> None:
        """Take one instance over."""
        owner.net.tokens.remove(single)
        if self._loop(owner.node) is not None:
            self._round_ended(owner, single.data)
            return
        memory, made = owner.memory, single.data
        question = self.questions.get(owner.node.key)
        enough = question is not None and question({"nrOfCompletedInstances": memory["done"] + 1, **made})
        base = owner.data if memory["sequential"] else memory["base"]
        local = {"loopCounter", "item"} if memory["items"] is not None else {"loopCounter"}
        put_changes(owner.data, {n: c for n, c in difference(base, made).items() if n not in local})
        memory["done"] += 1
        if enough or memory["done"] == memory["count"]:
            for other in [t for t in owner.net.tokens if t.owner is owner]:
                self.cancel(other)
            self.finish(owner)
        elif memory["sequential"]:
            self.begin(owner)

    def _round_ended(self, owner: Token, made: Data) -> None:
        owner.memory["done"] += 1
        goes_on = self._loop_goes_on(owner, made, first=False)
        outer = {"loopCounter": owner.data["loopCounter"]} if "loopCounter" in owner.data else {}
        owner.data = {**{n: v for n, v in made.items() if n != "loopCounter"}, **outer}
        if goes_on:
            self.begin(owner)
        else:
            self.finish(owner)

    def _loop_goes_on(self, token: Token, data: Data, *, first: bool) -> bool:
        loop, done = self._loop(token.node), token.memory["done"]
        assert loop is not None
        if first and loop.get("testBefore") != "true":
            return True
        if loop.get("loopMaximum") is not None and done >= int(str(loop.get("loopMaximum"))):
            return False
        question = self.questions.get(token.node.key)
        return question is None or question({**data, "loopCounter": done})

    # -- joins and ends

    def join_all(self, net: Net, node: Node) -> None:
        """Open a parallel join if each flow has a token."""
        used = {}
        for token in [t for t in net.tokens if t.state == "join" and t.node is node]:
            used.setdefault(token.flow, token)
        if len(used) == len(node.incoming):
            self.join(list(used.values()))

    def join_some(self, token: Token) -> None:
        """A token comes to a complex gateway: a round may begin, or it is late and ends here."""
        net, node = token.net, token.node
        if node.key not in net.rounds:
            self.begin_round(net, node)
        elif token.flow not in net.rounds[node.key]:
            net.rounds[node.key].add(token.flow)
            net.tokens.remove(token)
            net.ends.append((token.data, token.lineage, self.count()))

    def begin_round(self, net: Net, node: Node) -> None:
        """Go on with what is there if it is enough."""
        here = [t for t in net.tokens if t.state == "join" and t.node is node]
        if len(here) < int(str(node.says("activationCondition")).rsplit(" ", 1)[1]):
            return
        used: dict[str, Token] = {}
        for token in here:
            used.setdefault(token.flow, token)
        if len(used) < len(node.incoming):
            net.rounds[node.key] = set(used)
        self.join(list(used.values()))

    def end_rounds(self, net: Net) -> bool:
        """End the rounds to which nothing can come any more."""
        over = [key for key, seen in net.rounds.items() if not self.may_come(net, net.graph.nodes[key], seen)]
        for key in over:
            del net.rounds[key]
            self.begin_round(net, net.graph.nodes[key])
        return bool(over)

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
        self.look()

    def look(self) -> None:
        """Let the conditional events happen whose condition has become true."""
        waiting = [t for net in self.nets for t in net.tokens if t.state == "wait" and self._kind(t) == "conditional"]
        for token in waiting:
            if token.state != "wait" or token not in token.net.tokens:
                continue
            net = token.net
            while net.owner is not None and net.owner.owner is None and net.owner.node.kind in SCOPES:
                net = net.owner.net
            holds = self.questions[self.name_of(token)](self.newest_of(net))
            if not holds:
                token.must_fall = False
            elif not token.must_fall:
                self.fire(token)

    def settle_net(self, net: Net) -> bool:
        """Open what nothing can reach any more; tell whether anything changed."""
        if self.end_rounds(net):
            return True
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
            if net.graph.is_ad_hoc and not net.is_enough and net.begun < len(net.graph.heads):
                data = self.merged([end[:2] for end in net.ends], net.base)
                net.ends.clear()
                net.begun += 1
                self.put(net, net.graph.heads[net.begun - 1], data, ())
                return True
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
        elif net.owner.state == "undo":
            self.undone(net.owner, data)
        else:
            net.owner.data = data
            if net.log and net.owner.node.handler is None:
                net.owner.net.log.append(Entry(net.graph, None, self._own_names(net.owner), net.log))
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
        return self._event(token).kind_of(token.part)

    def name_of(self, token: Token) -> str:
        """The node that a token waits at, as drawn."""
        is_armed = token.state == "wait" and token.node in token.net.graph.handlers
        return self._start(token.node).key if is_armed else token.node.key

    def fire(self, token: Token, payload: Data | None = None) -> None:
        """An event has happened."""
        token.payload = copy.deepcopy(payload or {})
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
            target = net.graph.nodes[flow.target]
            for part in range(len(target.definitions)):
                lineage = (*token.lineage, fork)
                racer = self.put(net, target, copy.deepcopy(token.data), lineage, flow=flow.key)
                racer.memory["race"], racer.part = token.number, part

    def newest(self, token: Token) -> Data:
        """What an activity has made so far."""
        inner = next((n for n in self.nets if n.owner is token), None) if token.node.kind in SCOPES else None
        made = token.data if inner is None else self.newest_of(inner)
        if token.node in token.net.graph.handlers and token.memory:
            based = {**copy.deepcopy(self._floor(token)), **copy.deepcopy(token.payload)}
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
        elif is_going_on and host is not None and (self._kind(token) != "timer" or token.left > 1):
            self.attach(host, token.node, self.bases[host.lineage[-1]], token.left - 1, token.part)
            host.net.tokens[-1].must_fall = True
        token.data.update(copy.deepcopy(token.payload))
        self.done(token)
        self.leave(token, token.node.outgoing)

    def handle(self, token: Token) -> None:
        """An event subprocess begins."""
        net, inner = token.net, token.node.inner
        assert inner is not None
        token.memory["handling"] = True
        token.number = self.count()  # among those that are under way its place is that of its beginning
        begins = self._first(inner)
        if begins.element.get("isInterrupting") != "false":
            token.data = copy.deepcopy(self.newest_of(net))
            for other in list(net.tokens):
                if other is not token:
                    self.cancel(other)
            net.ends.clear()
            net.base = copy.deepcopy(token.data)
        else:
            if self._kind(token) != "timer" or token.left > 1:
                self.stand_by(net, token.node, net.base, token.left - 1, token.part, must_fall=True)
            token.data = copy.deepcopy(self._without(net, token))
        token.data.update(copy.deepcopy(token.payload))
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
        token.data = {**copy.deepcopy(self._floor(token)), **copy.deepcopy(token.payload)}
        put_changes(token.data, difference(token.memory["seen"], made))
        self.leave(token, [])

    def throw(self, token: Token) -> None:
        """Throw what an event throws."""
        if token.node.catches in {"message", "signal"}:
            self.send(token)
        elif token.node.catches in {"compensate", "cancel"}:
            self.undo(token)
        else:
            self.throw_outwards(token)

    def throw_outwards(self, token: Token) -> None:
        """An error or escalation looks for its catcher, outwards."""
        kind = str(token.node.catches)
        self.done(token)
        main, net = token, token.net
        while True:
            main = main.owner or main
            waiting = [t for t in net.tokens if t.state == "wait" and self._kind(t) == kind]
            catcher = next((t for t in waiting if t.host is main), None)
            if catcher is None:
                beside = (t for t in waiting if t.node in net.graph.handlers and t.node is not main.node)
                catcher = next(beside, None)
            if catcher is not None or net.owner is None:
                break
            main = net.owner
            net = main.net
        if catcher is None:
            self.leave(token, token.node.outgoing)
        elif "false" in {catcher.node.element.get("cancelActivity"), self._is_interrupting(catcher)}:
            self.ready(catcher)
            self.leave(token, token.node.outgoing)
        elif catcher.node in catcher.net.graph.handlers:
            self.handle(catcher)
        else:
            self.interrupt(catcher)

    def _is_interrupting(self, token: Token) -> str | None:
        is_handler = token.node in token.net.graph.handlers
        return self._start(token.node).element.get("isInterrupting") if is_handler else None

    def send(self, token: Token) -> None:
        """A message goes to one receiver, a signal to everybody who waits."""
        kind, name = token.node.catches, token.node.name_of(0)
        waiting = [t for net in self.nets for t in net.tokens if t.state == "wait" and self._kind(t) == kind]
        heard = sorted((t for t in waiting if self._event(t).name_of(t.part) == name), key=lambda t: t.number)
        if kind == "signal" or not heard:
            self.thrown.append(str(name))
        for receiver in heard if kind == "signal" else heard[:1]:
            if receiver.state == "wait" and receiver in receiver.net.tokens:
                self.fire(receiver, {"bits": token.data["bits"]})
        self.done(token)
        self.leave(token, token.node.outgoing)

    def _event(self, token: Token) -> Node:
        return self._start(token.node) if token.node in token.net.graph.handlers else token.node

    # -- compensation

    def remember(self, token: Token) -> None:
        """Note a completed activity that can be undone."""
        if token.node.handler is None or (self._repeats(token.node) and not token.is_single):
            return
        token.net.log.append(Entry(token.net.graph, token.node.handler, self._own_names(token), []))

    @staticmethod
    def _own_names(token: Token) -> Data:
        """What only one instance of a repeated activity knows."""
        own = {name: token.data[name] for name in ("loopCounter", "item") if token.is_single and name in token.data}
        return copy.deepcopy(own)

    def undo(self, token: Token) -> None:
        """Undo what is done in the scope, newest first."""
        if token.node.catches == "cancel":
            token.data, token.lineage = copy.deepcopy(self.newest_of(token.net)), ()
            for other in list(token.net.tokens):
                if other is not token:
                    self.cancel(other)
            token.net.ends.clear()
            token.net.base = copy.deepcopy(token.data)
        nets = [token.net]
        while nets[0].owner is not None and nets[0].owner.node in nets[0].owner.net.graph.handlers:
            nets.insert(0, nets[0].owner.net)
        token.state = "undo"
        token.memory["left"] = [entry for net in nets for entry in net.log]
        for net in nets:
            net.log = []
        self.undo_next(token)

    def undo_next(self, token: Token) -> None:
        """Run the next handler, or go on."""
        left: list[Entry] = token.memory["left"]
        while left:
            entry = left.pop()
            if entry.handler is None:
                left.extend(
                    Entry(one.graph, one.handler, {**entry.local, **one.local}, one.inner) for one in entry.inner
                )
                continue
            token.memory["local"] = entry.local
            data = {**copy.deepcopy(token.data), **copy.deepcopy(entry.local)}
            net = Net(entry.graph, token, copy.deepcopy(data))
            self.nets.append(net)
            self.put(net, entry.handler, data, ())
            return
        self.gone_back(token)

    def undone(self, token: Token, data: Data) -> None:
        """A handler is over."""
        local = token.memory.pop("local")
        kept = {name: token.data[name] for name in local if name in token.data}
        token.data = {**{name: value for name, value in data.items() if name not in local}, **kept}
        self.undo_next(token)

    def gone_back(self, token: Token) -> None:
        """All is undone: leave the transaction, or go on."""
        token.state = "undone"
        self.done(token)
        owner = token.net.owner
        if token.node.catches == "cancel" and owner is not None:
            around = owner.net.tokens
            catcher = next(
                (t for t in around if t.host is owner and t.state == "wait" and t.node.catches == "cancel"), None
            )
            if catcher is not None:
                self.interrupt(catcher)
                return
        self.leave(token, token.node.outgoing)


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
