"""Random diagrams: blocks inside blocks, each with one way in and one way out, and what their scripts and conditions mean.

A seed gives a tree of blocks (`drawn`), the tree gives a diagram (`RandomDiagram`). Each block carries the seed of its own
details, so blocks can be taken out of a tree and the rest stays as it was: that is how a failing diagram shrinks (`smaller`).
"""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from oracle.drawing import boundary, catching, document, end, gateway, process, start, throwing, timer
from oracle.tokens import Data, Effect, Question

LEAVES = ("user", "user", "script", "many", "rounds", "send", "undo", "waits")
QUIET = ("user", "script", "many", "rounds")
BLOCKS = (
    *("user", "script", "seq", "seq", "par", "par", "xor", "inc", "complex", "loop", "loop", "sub", "many", "many_sub"),
    *("rounds", "rounds_sub", "call", "attached", "attached_sub", "cycle", "handler", "handler", "escalation", "error"),
    *("terminate", "race", "undoable", "undoable_sub", "undo", "transaction", "send", "waits", "ad_hoc"),
)
INSIDE = {
    "seq": (2, 2),
    "par": (2, 3),
    "xor": (2, 3),
    "inc": (2, 3),
    "complex": (2, 3),
    "loop": (1, 1),
    "sub": (1, 1),
    "many_sub": (1, 1),
    "rounds_sub": (1, 1),
    "call": (1, 1),
    "attached": (1, 1),
    "attached_sub": (2, 2),
    "cycle": (2, 2),
    "handler": (2, 2),
    "escalation": (2, 2),
    "error": (2, 2),
    "terminate": (1, 1),
    "race": (2, 2),
    "undoable_sub": (1, 1),
    "transaction": (2, 2),
    "ad_hoc": (1, 3),
}
"""How many blocks stand inside a block, at least and at most."""
WAYS = {"attached": 0, "attached_sub": 1, "cycle": 1, "handler": 1, "escalation": 1}
"""Which of them is the way of an event that may happen again, and must not throw what makes it happen."""
LAST = {"parcelflow:onConflict": "last"}
KEEPS_LAST = 'parcelflow:onConflict="last"'


@dataclass(frozen=True)
class Block:
    """One block: what it is, the seed of its details, and the blocks inside."""

    kind: str
    seed: int
    inner: tuple["Block", ...] = ()

    def __str__(self) -> str:
        inside = " ".join(map(str, self.inner))
        return f"({self.kind}:{self.seed}{' ' if inside else ''}{inside})"

    @property
    def size(self) -> int:
        """How many blocks it is."""
        return 1 + sum(block.size for block in self.inner)


def drawn(seed: int, depth: int = 3) -> Block:
    """Draw a tree of blocks."""
    chance = random.Random(seed)
    return Block("all", seed, tuple(_drawn(chance, depth) for _ in range(3)))


def _drawn(chance: random.Random, depth: int, *, is_quiet: bool = False) -> Block:
    kind = chance.choice((QUIET if is_quiet else LEAVES) if depth <= 0 or is_quiet else BLOCKS)
    seed, (least, most) = chance.randrange(10_000), INSIDE.get(kind, (0, 0))
    count = chance.randint(least, most)
    inner = tuple(_drawn(chance, depth - 1, is_quiet=WAYS.get(kind) == place) for place in range(count))
    return Block(kind, seed, inner)


def smaller(block: Block) -> Iterator[Block]:
    """Give trees with something left out, the smallest first."""
    yield from sorted(set(_smaller(block)), key=lambda tree: (tree.size, str(tree)))


def _smaller(block: Block) -> Iterator[Block]:
    least = 1 if block.kind == "all" else INSIDE.get(block.kind, (0, 0))[0]
    if block.kind != "all":
        yield from block.inner
        if block.kind not in {"user", "script"}:
            yield Block("user", 0)
    if len(block.inner) > least:
        for place in range(len(block.inner)):
            yield replace(block, inner=(*block.inner[:place], *block.inner[place + 1 :]))
    for place, inner in enumerate(block.inner):
        for less in _smaller(inner):
            yield replace(block, inner=(*block.inner[:place], less, *block.inner[place + 1 :]))


class RandomDiagram:
    """The diagram of a tree of blocks."""

    def __init__(self, tree: Block) -> None:
        self.number = 0
        self.kinds: Counter[str] = Counter()
        self.effects: dict[str, Effect] = {}
        self.questions: dict[str, Question] = {}
        self.called: list[str] = []
        out: list[str] = []
        last = "st"
        for block in tree.inner:
            first, following = self.block(out, block)
            self.flow(out, last, first)
            last = following
        self.flow(out, last, "en")
        self.xml = document(process(start() + end() + "".join(out)), *self.called)

    @property
    def data(self) -> dict[str, Any]:
        """The variables to start with."""
        return {"hist": [], "v": {}, "count": {}, "bits": 0, "items": [1, None, "x"]}

    def key(self, prefix: str) -> str:
        """Make an id."""
        self.number += 1
        return f"{prefix}{self.number}"

    def flow(
        self, out: list[str], source: str, target: str, condition: str | None = None, question: Question | None = None
    ) -> str:
        """Draw a flow."""
        key = self.key("f")
        text = "" if condition is None else f"<conditionExpression>{condition}</conditionExpression>"
        out.append(f'<sequenceFlow id="{key}" sourceRef="{source}" targetRef="{target}">{text}</sequenceFlow>')
        if question is not None:
            self.questions[key] = question
        return key

    def block(self, out: list[str], block: Block) -> tuple[str, str]:
        """Draw a block; give its first and its last node."""
        self.kinds[block.kind] += 1
        draw: Callable[[list[str], Block, random.Random], tuple[str, str]] = getattr(self, f"_{block.kind}")
        return draw(out, block, random.Random(block.seed))

    # -- activities

    def _user(self, out: list[str], _block: Block, _chance: random.Random, inside: str = "") -> tuple[str, str]:
        key = self.key("u")
        out.append(f'<userTask id="{key}">{inside}</userTask>')
        return key, key

    def _script(self, out: list[str], _block: Block, _chance: random.Random, inside: str = "") -> tuple[str, str]:
        key = self.written(out, inside=inside)
        return key, key

    def written(
        self, out: list[str], more: str = "", effect: Effect | None = None, inside: str = "", attributes: str = ""
    ) -> str:
        """Draw a script that writes down that it ran."""
        key = self.key("s")
        code = f"hist.append('{key}')\nv['{key}'] = v.get('{key}', 0) + 1\n{more}"
        out.append(f'<scriptTask id="{key}" {attributes}>{inside}<script><![CDATA[{code}]]></script></scriptTask>')

        def does(data: Data) -> None:
            data["hist"].append(key)
            data["v"][key] = data["v"].get(key, 0) + 1
            if effect is not None:
                effect(data)

        self.effects[key] = does
        return key

    def _many(self, out: list[str], block: Block, chance: random.Random) -> tuple[str, str]:
        inside, question = self._instances(chance)
        draw = chance.choice((self._user, self._script))
        key, _ = draw(out, block, chance, inside)
        return self._asked(key, question)

    def _many_sub(self, out: list[str], block: Block, chance: random.Random) -> tuple[str, str]:
        inside, question = self._instances(chance)
        return self._asked(self._scope_of(out, block.inner[0], more=inside), question)

    def _rounds(self, out: list[str], block: Block, chance: random.Random) -> tuple[str, str]:
        inside, question = self._repeated(chance)
        draw = chance.choice((self._user, self._script))
        key, _ = draw(out, block, chance, inside)
        return self._asked(key, question)

    def _rounds_sub(self, out: list[str], block: Block, chance: random.Random) -> tuple[str, str]:
        inside, question = self._repeated(chance)
        return self._asked(self._scope_of(out, block.inner[0], more=inside), question)

    def _asked(self, key: str, question: Question | None) -> tuple[str, str]:
        if question is not None:
            self.questions[key] = question
        return key, key

    def _instances(self, chance: random.Random) -> tuple[str, Question | None]:
        """Draw how often and until when: a number or a collection, perhaps a condition."""
        enough = chance.randint(1, 3)
        attributes = f'isSequential="{chance.choice(("true", "false"))}"'
        content = f"<loopCardinality>{chance.randint(0, 3)}</loopCardinality>"
        if chance.random() < 0.4:
            content, attributes = "", f'{attributes} parcelflow:collection="items" parcelflow:elementVariable="item"'
        question: Question | None = None
        if chance.random() < 0.5:
            content += f"<completionCondition>nrOfCompletedInstances == {enough}</completionCondition>"
            question = lambda data: bool(data["nrOfCompletedInstances"] == enough)  # noqa: E731 - as the others
        tag = "multiInstanceLoopCharacteristics"
        return f"<{tag} {attributes}>{content}</{tag}>", question

    def _repeated(self, chance: random.Random) -> tuple[str, Question | None]:
        """Draw a loop with a limit, tested before or after, perhaps with a condition."""
        attributes = f'testBefore="{chance.choice(("true", "false"))}" loopMaximum="{chance.randint(0, 3)}"'
        content, question = "", None
        if chance.random() < 0.5:
            text, question = self._bit(chance)
            content = f"<loopCondition>{text}</loopCondition>"
        return f"<standardLoopCharacteristics {attributes}>{content}</standardLoopCharacteristics>", question

    def _sub(self, out: list[str], block: Block, _chance: random.Random) -> tuple[str, str]:
        key = self._scope_of(out, block.inner[0])
        return key, key

    def _scope_of(self, out: list[str], block: Block, *, more: str = "", tag: str = "subProcess") -> str:
        """Draw a subprocess around a block."""
        key, first, last, inner = self.key("p"), self.key("e"), self.key("e"), list[str]()
        content = self.block(inner, block)
        self.flow(inner, first, content[0])
        self.flow(inner, content[1], last)
        inside = more + start(first) + end(last) + "".join(inner)
        out.append(f'<{tag} id="{key}" {KEEPS_LAST}>{inside}</{tag}>')
        return key

    def _call(self, out: list[str], block: Block, _chance: random.Random) -> tuple[str, str]:
        key, called, first, last = self.key("c"), self.key("pr"), self.key("e"), self.key("e")
        inner: list[str] = []
        content = self.block(inner, block.inner[0])
        self.flow(inner, first, content[0])
        self.flow(inner, content[1], last)
        self.called.append(process(start(first) + end(last) + "".join(inner), called))
        out.append(f'<callActivity id="{key}" calledElement="{called}"/>')
        return key, key

    def _ad_hoc(self, out: list[str], block: Block, chance: random.Random) -> tuple[str, str]:
        """Draw activities without an order; some until one of them is done."""
        key, inner = self.key("h"), list[str]()
        for each in block.inner:
            self.block(inner, Block("sub", each.seed, (each,)))
        attributes = f'{KEEPS_LAST} ordering="{chance.choice(("Parallel", "Sequential"))}"'
        if chance.random() < 0.6:
            done = self.written(inner)
            question: Question = lambda data: done in data["v"]  # noqa: E731 - as the others
            self.questions[key] = question
            inner.append(f"<completionCondition>'{done}' in v</completionCondition>")
            attributes += f' cancelRemainingInstances="{chance.choice(("true", "false"))}"'
        out.append(f'<adHocSubProcess id="{key}" {attributes}>{"".join(inner)}</adHocSubProcess>')
        return key, key

    # -- gateways

    def _seq(self, out: list[str], block: Block, _chance: random.Random) -> tuple[str, str]:
        first, second = self.block(out, block.inner[0]), self.block(out, block.inner[1])
        self.flow(out, first[1], second[0])
        return first[0], second[1]

    def _par(self, out: list[str], block: Block, chance: random.Random) -> tuple[str, str]:
        return self._split(out, block, chance, "parallel")

    def _xor(self, out: list[str], block: Block, chance: random.Random) -> tuple[str, str]:
        return self._split(out, block, chance, "exclusive")

    def _inc(self, out: list[str], block: Block, chance: random.Random) -> tuple[str, str]:
        return self._split(out, block, chance, "inclusive")

    def _bit(self, chance: random.Random) -> tuple[str, Question]:
        power = 2 ** chance.randint(0, 5)
        return f"(bits // {power}) % 2 == 1", lambda data: (data["bits"] // power) % 2 == 1

    def _split(self, out: list[str], block: Block, chance: random.Random, sort: str) -> tuple[str, str]:
        fork, join = self.key("g"), self.key("g")
        default = {}
        for number, each in enumerate(block.inner):
            inner = self.block(out, each)
            asked = () if sort == "parallel" or not number else self._bit(chance)
            flow = self.flow(out, fork, inner[0], *asked)
            self.flow(out, inner[1], join)
            if sort != "parallel" and not number:
                default = {"default": flow}
        out.append(gateway(sort, fork, **default) + gateway(sort, join, **LAST))
        return fork, join

    def _complex(self, out: list[str], block: Block, chance: random.Random) -> tuple[str, str]:
        """Draw a fork whose join goes on when some of the branches have come."""
        fork, join, after = self.key("g"), self.key("g"), self.written(out)
        for each in block.inner:
            inner = self.block(out, each)
            self.flow(out, fork, inner[0])
            self.flow(out, inner[1], join)
        self.flow(out, join, after)
        condition = (
            f"<activationCondition>activationCount &gt;= {chance.randint(1, len(block.inner))}</activationCondition>"
        )
        out.append(gateway("parallel", fork) + f'<complexGateway id="{join}" {KEEPS_LAST}>{condition}</complexGateway>')
        return fork, after

    def _loop(self, out: list[str], block: Block, chance: random.Random) -> tuple[str, str]:
        top, bottom, counter = self.key("g"), self.key("g"), self.key("c")
        most = chance.randint(2, 4)

        def counts(data: Data) -> None:
            data["count"][counter] = data["count"].get(counter, 0) + 1

        inner = self.block(out, block.inner[0])
        step = self.written(out, f"count['{counter}'] = count.get('{counter}', 0) + 1", counts)
        after = self.written(out)
        self.flow(out, top, inner[0])
        self.flow(out, inner[1], step)
        self.flow(out, step, bottom)
        self.flow(out, bottom, top, f"count.{counter} % {most} != 0", lambda data: data["count"][counter] % most != 0)
        default = self.flow(out, bottom, after)
        out.append(gateway("exclusive", top) + gateway("exclusive", bottom, default=default))
        return top, after

    def _race(self, out: list[str], block: Block, chance: random.Random) -> tuple[str, str]:
        ask, merge = self.key("g"), self.key("g")
        out.append(gateway("eventBased", ask) + gateway("exclusive", merge))
        for definition, each in zip((self._awaited(chance), timer("Duration", "PT1H")), block.inner, strict=True):
            event = self.key("i")
            out.append(catching(event, definition))
            way = self.block(out, each)
            self.flow(out, ask, event)
            self.flow(out, event, way[0])
            self.flow(out, way[1], merge)
        return ask, merge

    # -- events

    def _awaited(self, chance: random.Random) -> str:
        """Draw something that comes from outside, or from another branch."""
        if chance.random() < 0.2:
            return '<messageEventDefinition messageRef="m1"/><signalEventDefinition signalRef="s0"/>'
        name = chance.choice(("m0", "m1", "m2", "s0"))
        kind = "message" if name[0] == "m" else "signal"
        return f'<{kind}EventDefinition {kind}Ref="{name}"/>'

    def _happening(self, event: str, chance: random.Random) -> str:
        """Draw a trigger of an event that stands by, a conditional one too."""
        if chance.random() < 0.7:
            return self._awaited(chance)
        text, self.questions[event] = self._bit(chance)
        return f"<conditionalEventDefinition><condition>{text}</condition></conditionalEventDefinition>"

    def _send(self, out: list[str], _block: Block, chance: random.Random) -> tuple[str, str]:
        key = self.key("i")
        kind, name = chance.choice((("message", "m2"), ("signal", "s0")))
        out.append(
            throwing(key, f'<{kind}EventDefinition {kind}Ref="{name}"/>', "parcelflow:payload=\"{'bits': bits}\"")
        )
        return key, key

    def _waits(self, out: list[str], _block: Block, _chance: random.Random) -> tuple[str, str]:
        """Draw a condition that waits for what a branch beside it does."""
        fork, join, event = self.key("g"), self.key("g"), self.key("i")
        done = self.written(out)
        self.questions[event] = lambda data: done in data["v"]
        condition = f"<condition>'{done}' in v</condition>"
        out.append(catching(event, f"<conditionalEventDefinition>{condition}</conditionalEventDefinition>"))
        for node in (event, done):
            self.flow(out, fork, node)
            self.flow(out, node, join)
        out.append(gateway("parallel", fork) + gateway("parallel", join, **LAST))
        return fork, join

    def _attached(self, out: list[str], block: Block, chance: random.Random) -> tuple[str, str]:
        host, _ = self._user(out, block, chance)
        return self._attach(out, block.inner[0], host, chance)

    def _attached_sub(self, out: list[str], block: Block, chance: random.Random) -> tuple[str, str]:
        return self._attach(out, block.inner[1], self._scope_of(out, block.inner[0]), chance)

    def _cycle(self, out: list[str], block: Block, chance: random.Random) -> tuple[str, str]:
        host = self._scope_of(out, block.inner[0])
        return self._attach(out, block.inner[1], host, chance, timer("Cycle", "R3/PT1H"), interrupting=False)

    def _attach(
        self,
        out: list[str],
        way: Block,
        host: str,
        chance: random.Random,
        definition: str | None = None,
        *,
        interrupting: bool | None = None,
    ) -> tuple[str, str]:
        interrupts = chance.random() < 0.5 if interrupting is None else interrupting
        event = self.key("b")
        out.append(boundary(event, host, definition or self._happening(event, chance), interrupting=interrupts))
        taken = self.block(out, way)
        self.flow(out, event, taken[0])
        if not interrupts:
            last = self.key("e")
            self.flow(out, taken[1], last)
            out.append(end(last))
            return host, host
        merge = self.key("g")
        out.append(gateway("exclusive", merge))
        self.flow(out, host, merge)
        self.flow(out, taken[1], merge)
        return host, merge

    def _handler(self, out: list[str], block: Block, chance: random.Random) -> tuple[str, str]:
        """Draw a scope with an event subprocess; what it waits for may come from inside."""
        key, first, last, inner = self.key("q"), self.key("e"), self.key("e"), list[str]()
        sort = chance.choice(("awaited", "awaited", "condition", "duration", "cycle", "escalation", "error"))
        interrupting = sort == "error" or (sort != "cycle" and chance.random() < 0.4)
        definition = {
            "awaited": self._awaited(chance),
            "duration": timer("Duration", "PT1H"),
            "cycle": timer("Cycle", "R2/PT1H"),
            "escalation": '<escalationEventDefinition escalationRef="es"/>',
            "error": '<errorEventDefinition errorRef="er"/>',
        }.get(sort)
        if definition is None:
            text, self.questions[first] = self._bit(chance)
            definition = f"<conditionalEventDefinition><condition>{text}</condition></conditionalEventDefinition>"
        content = self.block(inner, block.inner[1])
        self.flow(inner, first, content[0])
        self.flow(inner, content[1], last)
        begin = f'<startEvent id="{first}" isInterrupting="{str(interrupting).lower()}">{definition}</startEvent>'
        inside = begin + end(last) + "".join(inner)
        handler = f'<subProcess id="{key}" triggeredByEvent="true" {KEEPS_LAST}>{inside}</subProcess>'
        if sort in {"escalation", "error"}:
            around = self._ways(out, block.inner[0], definition, chance, more=handler)
        else:
            around = self._scope_of(out, block.inner[0], more=handler)
        return around, around

    def _escalation(self, out: list[str], block: Block, chance: random.Random) -> tuple[str, str]:
        definition = '<escalationEventDefinition escalationRef="es"/>'
        key = self._ways(out, block.inner[0], definition, chance)
        return self._attach(out, block.inner[1], key, chance, definition)

    def _error(self, out: list[str], block: Block, chance: random.Random) -> tuple[str, str]:
        definition = '<errorEventDefinition errorRef="er"/>'
        key = self._ways(out, block.inner[0], definition, chance)
        return self._attach(out, block.inner[1], key, chance, definition, interrupting=True)

    def _terminate(self, out: list[str], block: Block, chance: random.Random) -> tuple[str, str]:
        key = self._ways(out, block.inner[0], "<terminateEventDefinition/>", chance)
        return key, key

    def _ways(
        self,
        out: list[str],
        block: Block,
        definition: str,
        chance: random.Random,
        *,
        more: str = "",
        tag: str = "subProcess",
    ) -> str:
        """Draw a scope with a branch beside, whose choice may end in an event of a kind."""
        key, first, fork, ask, good, bad, beside = (self.key(prefix) for prefix in "pegxeee")
        inner: list[str] = []
        content, other = self.block(inner, block), self._user(inner, block, chance)
        self.flow(inner, first, fork)
        self.flow(inner, fork, content[0])
        self.flow(inner, fork, other[0])
        self.flow(inner, other[1], beside)
        self.flow(inner, content[1], ask)
        self.flow(inner, ask, bad, *self._bit(chance))
        default = self.flow(inner, ask, good)
        inner.append(gateway("parallel", fork) + gateway("exclusive", ask, default=default))
        inner.append(start(first) + end(good) + end(beside) + end(bad, definition))
        out.append(f'<{tag} id="{key}" {KEEPS_LAST}>{more}{"".join(inner)}</{tag}>')
        return key

    # -- compensation

    def _undoable(self, out: list[str], block: Block, chance: random.Random) -> tuple[str, str]:
        inside, question = self._instances(chance) if chance.random() < 0.3 else ("", None)
        draw = chance.choice((self._user, self._script))
        key, _ = draw(out, block, chance, inside)
        self._undone_by(out, key, chance)
        return self._asked(key, question)

    def _undoable_sub(self, out: list[str], block: Block, chance: random.Random) -> tuple[str, str]:
        key = self._scope_of(out, block.inner[0])
        self._undone_by(out, key, chance)
        return key, key

    def _undone_by(self, out: list[str], host: str, chance: random.Random) -> None:
        event = self.key("b")
        if chance.random() < 0.5:
            handler = self.written(out, attributes='isForCompensation="true"')
        else:
            handler = self.key("u")
            out.append(f'<userTask id="{handler}" isForCompensation="true"/>')
        out.append(boundary(event, host, "<compensateEventDefinition/>"))
        out.append(f'<association id="{self.key("a")}" sourceRef="{event}" targetRef="{handler}"/>')

    def _undo(self, out: list[str], _block: Block, _chance: random.Random) -> tuple[str, str]:
        key = self.key("i")
        out.append(throwing(key, "<compensateEventDefinition/>"))
        return key, key

    def _transaction(self, out: list[str], block: Block, chance: random.Random) -> tuple[str, str]:
        definition = "<cancelEventDefinition/>"
        key = self._ways(out, block.inner[0], definition, chance, tag="transaction")
        return self._attach(out, block.inner[1], key, chance, definition, interrupting=True)
