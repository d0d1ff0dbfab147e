"""Decision tables and literal decisions (DMN 1.1 to 1.6), every cell read when the file is read.

A violated hit policy, a cell that does not fit its input, a faulty text: each error names table, rule and column. A single-hit
table gives a mapping of its outputs, all None where no rule matches and no default stands; a multiple-hit table gives a list,
of plain values if it has one output, else of mappings; an aggregate gives its number. Decisions that another one requires are
worked out first, and their outputs are variables of those that follow; so is a single value under its decision's name.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from lxml import etree

from engine.decisions.knowledge_models import read_models, required_models
from engine.decisions.names import SpokenNames, spoken_names
from engine.decisions.reading import TableReader, children, short, text_of
from engine.decisions.tables import Hit, Table, failed, single, typed
from engine.diagrams.reader import read_xml
from engine.errors import DefinitionError, ExpressionError, Finding, Severity
from engine.expressions.evaluation import Budget
from engine.expressions.language import Expression

MOST_DECISIONS = 200
BUDGET = 500_000
"""Steps of one evaluation with everything it requires."""
_VERSIONS = (
    "20151101/dmn.xsd",
    "20151101/dmn11.xsd",
    "20180521/MODEL/",
    "20191111/MODEL/",
    "20211108/MODEL/",
    "20230324/MODEL/",
    "20240513/MODEL/",
)
NAMESPACES = frozenset(
    f"{scheme}://www.omg.org/spec/DMN/{version}" for scheme in ("http", "https") for version in _VERSIONS
)
_BOXED = {
    "context": "a context",
    "invocation": "an invocation",
    "list": "a list",
    "relation": "a relation",
    "functionDefinition": "a function",
    "conditional": "a conditional",
    "filter": "a filter",
    "for": "an iteration",
    "some": "a quantified expression",
    "every": "a quantified expression",
}
"""Boxed expressions (DMN 1.5 clause 7.3 and 10.2.2) that are not worked out here."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """How a decision came about: what its inputs were, which rules matched, what came out, and what it rests on."""

    decision: str
    name: str
    inputs: tuple[tuple[str, Any], ...]
    hits: tuple[Hit, ...]
    result: Any
    required: tuple["Explanation", ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision that has been read and may be worked out any number of times, by any thread."""

    id: str
    name: str
    file: str
    logic: Table | Expression
    result_name: str
    """The name of a literal decision's value, or of a table's value to those who require it."""
    required: tuple["Decision", ...] = field(default=(), repr=False)
    spoken: SpokenNames = field(default_factory=SpokenNames, repr=False)
    given: frozenset[str] = frozenset()
    """The names of the input data that it requires, which outputs of other decisions do not hide."""
    result_type: str = ""
    """The type that a literal decision's value is declared to have."""

    @property
    def output_names(self) -> tuple[str, ...]:
        """Name the outputs in their order."""
        return (
            tuple(output.name for output in self.logic.outputs)
            if isinstance(self.logic, Table)
            else (self.result_name,)
        )

    @property
    def output_name(self) -> str:
        """The name of its one output, or of its result."""
        outputs = self.logic.outputs if isinstance(self.logic, Table) else ()
        return outputs[0].name if len(outputs) == 1 else self.result_name

    def evaluate(self, names: Mapping[str, Any]) -> Any:
        """Work the decision out: a mapping of outputs, a list, or the aggregate; raise ExpressionError if it cannot be."""
        return self.explain(names).result

    def explain(self, names: Mapping[str, Any]) -> Explanation:
        """Work the decision out and tell how: input values, rules that matched, and the same for what it requires."""
        return self.work_out({**names, **self.spoken.among(names)}, Budget(BUDGET), {})

    def work_out(self, names: dict[str, Any], budget: Budget, known: dict[str, Explanation]) -> Explanation:
        """Work the decision out once, after those it requires, on a shared budget."""
        if self.id not in known:
            required = tuple(decision.work_out(names, budget, known) for decision in self.required)
            for decision, explanation in zip(self.required, required, strict=True):
                made = decision.as_variables(explanation.result)
                hidden = self.given - {decision.result_name}
                given = {name: value for name, value in made.items() if name not in hidden}
                names = names | given | self.spoken.among(given)
            known[self.id] = self._conclude(names, budget, required)
        return known[self.id]

    def _conclude(self, names: Mapping[str, Any], budget: Budget, required: tuple[Explanation, ...]) -> Explanation:
        title = f"Decision “{self.name}”"
        if isinstance(self.logic, Table):
            subjects, hits = self.logic.look_up(title, names, budget)
            result = self.logic.conclude(title, hits, names, budget)
            inputs = tuple((column.label, subject) for column, subject in zip(self.logic.inputs, subjects, strict=True))
            return Explanation(self.id, self.name, inputs, tuple(hits), result, required)
        try:
            value = self.logic.evaluate(names, budget)
            result = {self.result_name: typed(single(value, self.result_type), self.result_type)}
        except ExpressionError as error:
            raise failed(title, error, self.logic.text) from error
        seen = tuple((name, names.get(name)) for name in sorted(self.logic.names))
        return Explanation(self.id, self.name, seen, (), result, required)

    def as_variables(self, result: Any) -> dict[str, Any]:
        """Give the result as the variables that those who require it see."""
        if not isinstance(result, dict):
            return {self.result_name: result}
        value = next(iter(result.values())) if len(result) == 1 else result
        return {self.result_name: value, **result}


def read_decisions(data: bytes, file: str) -> dict[str, Decision]:
    """Read the decisions of a DMN file by id; raise DefinitionError with every fault, each with its rule and column."""
    root = read_xml(data, file)
    if etree.QName(root).localname != "definitions" or etree.QName(root).namespace not in NAMESPACES:
        raise DefinitionError([Finding(file, None, Severity.ERROR, "not_dmn", "This is not a DMN decision file.")])
    reader = TableReader(file, spoken_names(root))
    reader.refuse_language(root, "The file")
    uncallable = read_models(root, reader)
    elements = _elements(root, reader)
    inputs = _input_names(root)
    finished: dict[str, Decision] = {}
    for key in _in_order(elements, reader):
        _refuse_models(elements[key], uncallable, reader)
        decision = _decision(elements[key], finished, inputs, reader)
        if decision is not None:
            finished[key] = decision
    if reader.findings:
        raise DefinitionError(reader.findings)
    return finished


def _elements(root: etree._Element, reader: TableReader) -> dict[str, etree._Element]:
    elements: dict[str, etree._Element] = {}
    for element in children(root, "decision"):
        key = element.get("id", "")
        if not key or key in elements:
            reader.complain(element, "decision_id", f"A decision needs an id of its own; “{short(key)}” is none.")
        elements[key] = element
    if len(elements) > MOST_DECISIONS:
        reader.complain(root, "decision_too_large", f"A file has at most {MOST_DECISIONS} decisions.")
        return {}
    if not elements:
        reader.complain(root, "decision_missing", "The file holds no decision.")
    return elements


def _in_order(elements: Mapping[str, etree._Element], reader: TableReader) -> list[str]:
    """Put those that others require first; a circle is a fault."""
    order: list[str] = []
    open_for: dict[str, list[str]] = {key: _required(element) for key, element in elements.items()}
    while open_for:
        ready = [key for key, needs in open_for.items() if all(need not in open_for for need in needs)]
        if not ready:
            key = next(iter(open_for))
            reader.complain(
                elements[key], "decision_circle", f"The decisions {short(', '.join(open_for))} require each other."
            )
            return order
        order.extend(ready)
        open_for = {key: needs for key, needs in open_for.items() if key not in ready}
    return order


def _decision(
    element: etree._Element,
    finished: Mapping[str, Decision],
    inputs: Mapping[str, Collection[str]],
    reader: TableReader,
) -> Decision | None:
    key = element.get("id", "")
    name = element.get("name") or key
    title = f"Decision “{short(name)}”"
    missing = [need for need in _required(element) if need not in finished]
    for need in missing:
        reader.complain(element, "decision_required", f"{title} requires “{short(need)}”, which cannot be read here.")
    variable = next(children(element, "variable"), None)
    result_name = (variable.get("name") if variable is not None else None) or key
    result_type = variable.get("typeRef", "") if variable is not None else ""
    table = next(children(element, "decisionTable"), None)
    literal = next(children(element, "literalExpression"), None)
    logic: Table | Expression | None = None
    if table is not None:
        logic = reader.table(table, title, result_name)
    elif literal is not None:
        reader.refuse_language(literal, title)
        logic = reader.attempt(literal, title, reader.value, text_of(literal))
    else:
        reader.complain(
            element,
            "decision_kind",
            f"{title} is {_boxed(element)}; make it a decision table or a literal expression.",
        )
    if logic is None or missing:
        return None
    required = tuple(finished[need] for need in _required(element))
    given = _given(element, inputs)
    return Decision(key, name, reader.file, logic, result_name, required, reader.names, given, result_type)


def _input_names(root: etree._Element) -> dict[str, set[str]]:
    """Give the names of what a decision may require as input, by id: its variable's or its own."""
    names: dict[str, set[str]] = {}
    for one in root.iterchildren("{*}*"):
        if one.get("id"):
            named = (one, *children(one, "variable"))
            names.setdefault(one.get("id", ""), set()).update(each.get("name", "") for each in named)
    return names


def _given(element: etree._Element, inputs: Mapping[str, Collection[str]]) -> frozenset[str]:
    """Name the input data that a decision requires, by its variable's name or its own."""
    needs = [need for need in _references(element, "requiredInput") if need != element.get("id")]
    return frozenset(name for need in needs for name in inputs.get(need, ()))


def _refuse_models(element: etree._Element, uncallable: Mapping[str, str], reader: TableReader) -> None:
    name = element.get("name") or str(element.get("id"))
    for model in required_models(element):
        if model in uncallable:
            message = (
                f"Decision “{short(name)}” uses the business knowledge model “{short(model)}”: {uncallable[model]}"
            )
            reader.complain(element, "decision_knowledge", message)


def _boxed(element: etree._Element) -> str:
    """Say what a decision is that is neither table nor literal expression."""
    return next((what for tag, what in _BOXED.items() if next(children(element, tag), None) is not None), "empty")


def _required(element: etree._Element) -> list[str]:
    return _references(element, "requiredDecision")


def _references(element: etree._Element, kind: str) -> list[str]:
    """Give the ids of what a decision requires, each once."""
    found = [
        reference.get("href", "").rpartition("#")[2]
        for requirement in children(element, "informationRequirement")
        for reference in children(requirement, kind)
    ]
    return list(dict.fromkeys(found))
