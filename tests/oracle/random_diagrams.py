"""Random diagrams: blocks inside blocks, each with one way in and one way out, and what their scripts and conditions mean."""

import random
from collections import Counter
from collections.abc import Callable
from typing import Any

from oracle.drawing import boundary, catching, document, end, gateway, process, start, subprocess, timer
from oracle.tokens import Data, Effect, Question

LEAVES = ("user", "script")
BLOCKS = (
    *("user", "script", "seq", "seq", "par", "par", "xor", "inc", "loop", "loop", "sub", "mi"),
    *("attached", "attached_sub", "handler", "escalation", "error", "race", "terminate", "cycle"),
)


class RandomDiagram:
    """One diagram, drawn from a seed."""

    def __init__(self, seed: int, depth: int = 3) -> None:
        self.random = random.Random(seed)
        self.number = 0
        self.kinds: Counter[str] = Counter()
        self.effects: dict[str, Effect] = {}
        self.questions: dict[str, Question] = {}
        out: list[str] = []
        first, last = self.block(out, depth)
        for _ in range(2):
            following = self.block(out, depth)
            self.flow(out, last, following[0])
            last = following[1]
        self.flow(out, "st", first)
        self.flow(out, last, "en")
        self.xml = document(process(start() + end() + "".join(out)))

    @property
    def data(self) -> dict[str, Any]:
        """The variables to start with."""
        return {"hist": [], "v": {}, "count": {}, "bits": 0}

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

    def block(self, out: list[str], depth: int) -> tuple[str, str]:
        """Draw a block; give its first and its last node."""
        kind = self.random.choice(BLOCKS if depth > 0 else LEAVES)
        self.kinds[kind] += 1
        draw: Callable[[list[str], int], tuple[str, str]] = getattr(self, f"_{kind}")
        return draw(out, depth)

    def _user(self, out: list[str], _depth: int) -> tuple[str, str]:
        key = self.key("u")
        out.append(f'<userTask id="{key}"/>')
        return key, key

    def _script(self, out: list[str], _depth: int, more: str = "", effect: Effect | None = None) -> tuple[str, str]:
        key = self.key("s")
        code = f"hist.append('{key}')\nv['{key}'] = v.get('{key}', 0) + 1\n{more}"
        out.append(f'<scriptTask id="{key}"><script><![CDATA[{code}]]></script></scriptTask>')

        def does(data: Data) -> None:
            data["hist"].append(key)
            data["v"][key] = data["v"].get(key, 0) + 1
            if effect is not None:
                effect(data)

        self.effects[key] = does
        return key, key

    def _seq(self, out: list[str], depth: int) -> tuple[str, str]:
        first, second = self.block(out, depth - 1), self.block(out, depth - 1)
        self.flow(out, first[1], second[0])
        return first[0], second[1]

    def _par(self, out: list[str], depth: int) -> tuple[str, str]:
        return self._split(out, depth, "parallel")

    def _xor(self, out: list[str], depth: int) -> tuple[str, str]:
        return self._split(out, depth, "exclusive")

    def _inc(self, out: list[str], depth: int) -> tuple[str, str]:
        return self._split(out, depth, "inclusive")

    def _bit(self) -> tuple[str, Question]:
        power = 2 ** self.random.randint(0, 5)
        return f"(bits // {power}) % 2 == 1", lambda data: (data["bits"] // power) % 2 == 1

    def _split(self, out: list[str], depth: int, sort: str) -> tuple[str, str]:
        fork, join = self.key("g"), self.key("g")
        default = {}
        for number in range(self.random.randint(2, 3)):
            inner = self.block(out, depth - 1)
            asked = () if sort == "parallel" or not number else self._bit()
            flow = self.flow(out, fork, inner[0], *asked)
            self.flow(out, inner[1], join)
            if sort != "parallel" and not number:
                default = {"default": flow}
        out.append(gateway(sort, fork, **default) + gateway(sort, join, **{"parcelflow:onConflict": "last"}))
        return fork, join

    def _loop(self, out: list[str], depth: int) -> tuple[str, str]:
        top, bottom, counter = self.key("g"), self.key("g"), self.key("c")
        most = self.random.randint(2, 4)

        def counts(data: Data) -> None:
            data["count"][counter] = data["count"].get(counter, 0) + 1

        inner = self.block(out, depth - 1)
        step = self._script(out, 0, f"count['{counter}'] = count.get('{counter}', 0) + 1", counts)
        after = self._script(out, 0)
        self.flow(out, top, inner[0])
        self.flow(out, inner[1], step[0])
        self.flow(out, step[1], bottom)
        self.flow(out, bottom, top, f"count.{counter} % {most} != 0", lambda data: data["count"][counter] % most != 0)
        default = self.flow(out, bottom, after[0])
        out.append(gateway("exclusive", top) + gateway("exclusive", bottom, default=default))
        return top, after[1]

    def _sub(self, out: list[str], depth: int, more: str = "") -> tuple[str, str]:
        key, first, last, inner = self.key("p"), self.key("e"), self.key("e"), list[str]()
        content = self.block(inner, depth - 1)
        self.flow(inner, first, content[0])
        self.flow(inner, content[1], last)
        out.append(self._scope(key, start(first) + end(last) + "".join(inner) + more))
        return key, key

    def _scope(self, key: str, content: str) -> str:
        return subprocess(key, content, 'parcelflow:onConflict="last"')

    def _mi(self, out: list[str], _depth: int) -> tuple[str, str]:
        key, sequential = self.key("u"), self.random.choice(("true", "false"))
        loop = f"<loopCardinality>{self.random.randint(0, 3)}</loopCardinality>"
        loop = (
            f'<multiInstanceLoopCharacteristics isSequential="{sequential}">{loop}</multiInstanceLoopCharacteristics>'
        )
        out.append(f'<userTask id="{key}">{loop}</userTask>')
        return key, key

    def _message(self) -> str:
        return f'<messageEventDefinition messageRef="m{self.random.randint(0, 1)}"/>'

    def _attached(self, out: list[str], depth: int) -> tuple[str, str]:
        return self._attach(out, depth, self._user(out, 0)[0], self._message())

    def _attached_sub(self, out: list[str], depth: int) -> tuple[str, str]:
        return self._attach(out, depth, self._sub(out, depth)[0], self._message())

    def _cycle(self, out: list[str], depth: int) -> tuple[str, str]:
        host = self.random.choice((self._user, self._sub))(out, depth)[0]
        return self._attach(out, depth, host, timer("Cycle", "R3/PT1H"), interrupting=False)

    def _attach(
        self, out: list[str], depth: int, host: str, definition: str, *, interrupting: bool | None = None
    ) -> tuple[str, str]:
        interrupts = self.random.random() < 0.5 if interrupting is None else interrupting
        event = self.key("b")
        out.append(boundary(event, host, definition, interrupting=interrupts))
        way = self.block(out, depth - 2)
        self.flow(out, event, way[0])
        if not interrupts:
            last = self.key("e")
            self.flow(out, way[1], last)
            out.append(end(last))
            return host, host
        merge = self.key("g")
        out.append(gateway("exclusive", merge))
        self.flow(out, host, merge)
        self.flow(out, way[1], merge)
        return host, merge

    def _handler(self, out: list[str], depth: int) -> tuple[str, str]:
        key, first, last, inner = self.key("q"), self.key("e"), self.key("e"), list[str]()
        interrupting = "true" if self.random.random() < 0.3 else "false"
        content = self.block(inner, 0)
        self.flow(inner, first, content[0])
        self.flow(inner, content[1], last)
        begin = f'<startEvent id="{first}" isInterrupting="{interrupting}">{self._message()}</startEvent>'
        attributes = 'triggeredByEvent="true" parcelflow:onConflict="last"'
        return self._sub(out, depth, subprocess(key, begin + end(last) + "".join(inner), attributes))

    def _escalation(self, out: list[str], depth: int) -> tuple[str, str]:
        return self._thrown(out, depth, '<escalationEventDefinition escalationRef="es"/>', None)

    def _error(self, out: list[str], depth: int) -> tuple[str, str]:
        return self._thrown(out, depth, '<errorEventDefinition errorRef="er"/>', interrupting=True)

    def _thrown(self, out: list[str], depth: int, definition: str, interrupting: bool | None) -> tuple[str, str]:
        key, bad = self._ways(out, depth, definition)
        del bad
        return self._attach(out, depth, key, definition, interrupting=interrupting)

    def _terminate(self, out: list[str], depth: int) -> tuple[str, str]:
        key, _ = self._ways(out, depth, "<terminateEventDefinition/>")
        return key, key

    def _ways(self, out: list[str], depth: int, definition: str) -> tuple[str, str]:
        """Draw a subprocess with a branch beside, whose choice may end in an event of a kind."""
        key, first, fork, ask, good, bad, beside = (self.key(prefix) for prefix in "pegxeee")
        inner: list[str] = []
        content, other = self.block(inner, depth - 1), self._user(inner, 0)
        self.flow(inner, first, fork)
        self.flow(inner, fork, content[0])
        self.flow(inner, fork, other[0])
        self.flow(inner, other[1], beside)
        self.flow(inner, content[1], ask)
        self.flow(inner, ask, bad, *self._bit())
        default = self.flow(inner, ask, good)
        inner.append(gateway("parallel", fork) + gateway("exclusive", ask, default=default))
        inner.append(start(first) + end(good) + end(beside) + end(bad, definition))
        out.append(self._scope(key, "".join(inner)))
        return key, bad

    def _race(self, out: list[str], depth: int) -> tuple[str, str]:
        ask, merge = self.key("g"), self.key("g")
        out.append(gateway("eventBased", ask) + gateway("exclusive", merge))
        for definition in (self._message(), timer("Duration", "PT1H")):
            event = self.key("i")
            out.append(catching(event, definition))
            way = self.block(out, depth - 2)
            self.flow(out, ask, event)
            self.flow(out, event, way[0])
            self.flow(out, way[1], merge)
        return ask, merge
