"""Reads the decision tables of a DMN file as dmn-js writes them, every cell compiled, all faults told together."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple, NoReturn, TypeVar

from lxml import etree

from engine.decisions.allowance import Allowance, TooMuch
from engine.decisions.cell_tests import InputCell
from engine.decisions.cells import compile_input_cell, compile_value, list_values
from engine.decisions.names import SpokenNames
from engine.decisions.tables import Aggregation, HitPolicy, Input, Output, Rule, Table
from engine.errors import DefinitionError, ExpressionError, Finding, Severity
from engine.expressions.feel_phrases import Model
from engine.expressions.language import Expression

MOST_CELLS = 20_000
"""Cells of all tables of a file together."""
MOST_FAULTS = 500
"""Faults of a file that are told."""
LONGEST_NAMED = 200
"""Letters of a name, heading or id in a finding."""
_BY_RANK = (HitPolicy.PRIORITY, HitPolicy.OUTPUT_ORDER)
_CAMUNDA = "http://camunda.org/schema/1.0/dmn"
_LANGUAGES = ("feel", "s-feel", "python", "parcelflow")

Read = TypeVar("Read")


class _Heads(NamedTuple):
    """How the columns of a table are headed, and by which names the cells of its inputs call what they look at."""

    inputs: list[str]
    subjects: list[tuple[str, ...]]
    outputs: list[str]


@dataclass(slots=True)
class TableReader:
    """Reads the tables and expressions of one file, and keeps what was found wrong with it so far."""

    file: str
    names: SpokenNames = field(default_factory=SpokenNames)
    findings: list[Finding] = field(default_factory=list)
    cells: int = 0
    allowance: Allowance = field(default_factory=Allowance)
    models: dict[str, Model] = field(default_factory=dict)
    """The business knowledge models of the file that can be called."""
    _read: dict[tuple[tuple[str, ...], str], InputCell] = field(default_factory=dict)
    """Cells that were read already; the same ones stand in many rules."""
    _values: dict[str, Expression] = field(default_factory=dict)

    def complain(self, element: etree._Element, code: str, message: str) -> None:
        """Note a fault of an element; raise DefinitionError where there are more than anybody reads."""
        named = next((one.get("id") for one in (element, *element.iterancestors()) if one.get("id")), None)
        self.findings.append(Finding(self.file, named and named[:LONGEST_NAMED], Severity.ERROR, code, message))
        if len(self.findings) == MOST_FAULTS:
            message = f"There are {MOST_FAULTS} faults up to here; correct these first."
            self.findings.append(Finding(self.file, None, Severity.ERROR, "decision_many_faults", message))
            raise DefinitionError(self.findings)

    def stop(self, element: etree._Element, where: str, error: TooMuch) -> NoReturn:
        """Read no more of the file: raise DefinitionError with what was found so far, and where it became too much."""
        self.complain(element, error.code, f"{where}: {error}")
        raise DefinitionError(self.findings)

    def value(self, text: str) -> Expression:
        """Read a value that may call the file's business knowledge models."""
        if text not in self._values:
            self._values[text] = compile_value(text, self.models, self.allowance)
        return self._values[text]

    def table(self, element: etree._Element, title: str, result_name: str) -> Table | None:
        """Read a table; None if it is far too large, and with faults noted where some of it cannot be read."""
        asked = list(children(element, "input"))
        inputs = [self._input(column, number, title) for number, column in enumerate(asked, 1)]
        columns = list(children(element, "output"))
        outputs = [self._output(column, number, title, result_name) for number, column in enumerate(columns, 1)]
        rules = list(children(element, "rule"))
        self.cells += len(rules) * (len(inputs) + len(outputs))
        if self.cells > MOST_CELLS:
            self.complain(
                element, "decision_too_large", f"The tables of a file have at most {MOST_CELLS:,} cells together."
            )
            return None
        if not outputs:
            self.complain(element, "decision_output", f"{title} has no output column.")
        self._refuse_repeated(element, title, outputs)
        heads = _Heads(
            [short(column.label) for column in inputs], _subjects(asked), [short(column.label) for column in outputs]
        )
        read = [self._rule(rule, number, title, heads) for number, rule in enumerate(rules, 1)]
        policy, aggregation = self._policy(element, title, outputs)
        return Table(tuple(inputs), tuple(outputs), tuple(filter(None, read)), policy, aggregation)

    def _refuse_repeated(self, element: etree._Element, title: str, outputs: list[Output]) -> None:
        counts = Counter(output.name for output in outputs)
        for name in sorted(name for name, count in counts.items() if count > 1):
            message = f"{title} has several outputs named “{short(name)}”; give each its own name."
            self.complain(element, "decision_output", message)

    def _input(self, element: etree._Element, number: int, title: str) -> Input:
        expression = next(children(element, "inputExpression"), element)
        label = element.get("label") or text_of(expression) or f"input {number}"
        where = f"{title}, input “{short(label)}”"
        self.refuse_language(expression, where)
        read = self.attempt(element, where, self.value, text_of(expression))
        listed = self._listed(element, "inputValues", where)
        return Input(label, expression.get("typeRef", ""), read or compile_value("null"), listed)

    def _output(self, element: etree._Element, number: int, title: str, result_name: str) -> Output:
        label = element.get("label") or element.get("name") or f"output {number}"
        name = element.get("name") or (result_name if number == 1 else f"output_{number}")
        ranking = self._ranking(element, f"{title}, output “{short(label)}”")
        default = next(children(element, "defaultOutputEntry"), None)
        fallback = (
            self.attempt(element, f"{title}, default of “{short(label)}”", self.value, text_of(default))
            if text_of(default)
            else None
        )
        return Output(name, label, element.get("typeRef", ""), ranking, fallback)

    def _ranking(self, element: etree._Element, where: str) -> tuple[Any, ...]:
        """Read the values of an output in their order; what is no list of values matters only where the table goes by them."""
        text = text_of(next(children(element, "outputValues"), None))
        table = element.getparent()
        if text and table is not None and table.get("hitPolicy") in _BY_RANK:
            return self.attempt(element, where, partial(list_values, allowance=self.allowance), text) or ()
        return self._listed(element, "outputValues", where)

    def _listed(self, element: etree._Element, name: str, where: str) -> tuple[Any, ...]:
        """Read the values that are listed for a column; none where they are no list of values, as ranges are not."""
        text = text_of(next(children(element, name), None))
        try:
            return list_values(self.names.in_text(text), self.allowance) if text else ()
        except ExpressionError:
            return ()
        except TooMuch as error:
            self.stop(element, where, error)

    def _policy(
        self, element: etree._Element, title: str, outputs: list[Output]
    ) -> tuple[HitPolicy, Aggregation | None]:
        written, aggregation = element.get("hitPolicy", "UNIQUE"), element.get("aggregation")
        try:
            policy, aggregate = HitPolicy(written), Aggregation(aggregation) if aggregation else None
        except ValueError:
            said = short(f"{written} {aggregation or ''}")
            self.complain(element, "decision_policy", f"{title} has an unknown hit policy, “{said}”.")
            return HitPolicy.UNIQUE, None
        if policy in _BY_RANK and not any(output.ranking for output in outputs):
            message = f"{title} goes by priority, so an output needs its values listed, the most important first."
            self.complain(element, "decision_priority", message)
        if policy is not HitPolicy.COLLECT:
            return policy, None
        if aggregate is not None and len(outputs) != 1:
            self.complain(
                element, "decision_aggregate", f"{title} aggregates with {aggregate}, so it may have one output only."
            )
        return policy, aggregate

    def _rule(self, element: etree._Element, number: int, title: str, heads: _Heads) -> Rule | None:
        cells = list(children(element, "inputEntry")), list(children(element, "outputEntry"))
        place = f"{title}, rule {number}"
        if (len(cells[0]), len(cells[1])) != (len(heads.inputs), len(heads.outputs)):
            self.complain(element, "decision_rule", f"{place} has not as many cells as the table has columns.")
            return None
        inputs = [
            self._cell(cell, place, head, partial(self._input_cell, subjects))
            for cell, head, subjects in zip(cells[0], heads.inputs, heads.subjects, strict=True)
        ]
        outputs = [
            self._cell(cell, place, head, self.value) if text_of(cell) not in ("", "-") else None
            for cell, head in zip(cells[1], heads.outputs, strict=True)
        ]
        notes = [text_of(note) for note in (*children(element, "description"), *children(element, "annotationEntry"))]
        complete = tuple(cell for cell in inputs if cell is not None)
        if len(complete) < len(inputs):
            return None
        return Rule(number, element.get("id", ""), " · ".join(filter(None, notes)), complete, tuple(outputs))

    def _input_cell(self, subjects: tuple[str, ...], text: str) -> InputCell:
        cell = self._read.get((subjects, text))
        if cell is None:
            cell = self._read[subjects, text] = compile_input_cell(text, self.models, subjects, self.allowance)
        return cell

    def _cell(self, element: etree._Element, place: str, head: str, reader: Callable[[str], Read]) -> Read | None:
        where = f"{place}, column “{head}”"
        self.refuse_language(element, where)
        return self.attempt(element, where, reader, text_of(element))

    def attempt(self, element: etree._Element, where: str, reader: Callable[[str], Read], text: str) -> Read | None:
        """Read a text, or note why it cannot be and give None."""
        try:
            return reader(self.names.in_text(text))
        except ExpressionError as error:
            self.allowance.take_fault()
            self.complain(element, "decision_cell", f"{where}: “{text[:80]}” cannot be understood. {error}")
            return None
        except TooMuch as error:
            self.stop(element, where, error)

    def refuse_language(self, element: etree._Element, where: str) -> None:
        """Complain of an expression that is written in a language other than FEEL."""
        if not is_in_feel(element):
            language = element.get("expressionLanguage", "")
            message = f"{where} is written in “{short(language)}”; write it in FEEL."
            self.complain(element, "decision_language", message)


def short(text: str) -> str:
    """Cut a name that is too long to be repeated in every message."""
    return text if len(text) <= LONGEST_NAMED else f"{text[:LONGEST_NAMED]}…"


def is_in_feel(element: etree._Element) -> bool:
    """Tell whether an expression is written in FEEL; B-FEEL, which has other values for null, is not."""
    language = element.get("expressionLanguage", "").lower().rstrip("/")
    return not language or (not language.endswith("b-feel") and ("feel" in language or language.endswith(_LANGUAGES)))


def _subjects(columns: Sequence[etree._Element]) -> list[tuple[str, ...]]:
    """Give the names by which the cells of each column call its value in files for Camunda 7."""
    is_camunda = any(_CAMUNDA in column.nsmap.values() for column in columns[:1])
    mark = f"{{{_CAMUNDA}}}"
    return [
        (column.get(f"{mark}inputVariable", "cellInput"),)
        if is_camunda or any(str(name).startswith(mark) for name in column.attrib)
        else ()
        for column in columns
    ]


def children(element: etree._Element, name: str) -> Iterator[etree._Element]:
    """Give the child elements of that name, whatever the version of DMN."""
    return (child for child in element if isinstance(tag := child.tag, str) and tag.rpartition("}")[2] == name)


def text_of(element: etree._Element | None) -> str:
    """Give the text of an expression element: its `text` child as DMN has it, or its own."""
    if element is None:
        return ""
    inner = next(children(element, "text"), element)
    return (inner.text or "").strip()
