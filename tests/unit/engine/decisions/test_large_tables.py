"""Large decision files: read, looked at and worked out with work in proportion to size, or refused where it is too much."""

from collections.abc import Callable, Iterator
from typing import Any, Final
from xml.sax.saxutils import escape

import pytest
from counted import calls_of
from lxml import etree

from engine.decisions.advice import advise
from engine.decisions.allowance import MOST_CONSTANTS, MOST_STEPS, MOST_WORDS, Allowance, TooMuch
from engine.decisions.cells import compile_input_cell, compile_value
from engine.decisions.constants import constant_cell
from engine.decisions.decision import Decision, read_decisions
from engine.decisions.editing import tables
from engine.decisions.names import spoken_names
from engine.errors import DefinitionError, ExpressionError, Finding
from engine.expressions.evaluation import Budget

SIZES: Final = 60, 120
ASKED: Final = "<inputExpression><text>a</text></inputExpression>"
HEAD: Final = "<definitions xmlns='https://www.omg.org/spec/DMN/20191111/MODEL/' id='d' name='d' namespace='n'>"


def decided(*parts: str) -> bytes:
    return f"{HEAD}{''.join(parts)}</definitions>".encode()


def table(
    cells: Iterator[str],
    *,
    policy: str = "FIRST",
    listed: str = "",
    answers: str = "",
    answer: str = "1",
    name: str = "T",
) -> str:
    """Write a decision that looks at `a`, one rule for each cell."""
    values = f"<inputValues><text>{escape(listed)}</text></inputValues>" if listed else ""
    ranked = f"<outputValues><text>{escape(answers)}</text></outputValues>" if answers else ""
    rules = "".join(
        f"<rule id='r{n}'><inputEntry><text>{escape(cell)}</text></inputEntry>"
        f"<outputEntry><text>{escape(answer.format(n))}</text></outputEntry></rule>"
        for n, cell in enumerate(cells, 1)
    )
    return (
        f"<decision id='t' name='{name}'><decisionTable hitPolicy='{policy}'><input id='i'><inputExpression><text>a</text>"
        f"</inputExpression>{values}</input><output id='o' name='o'>{ranked}</output>{rules}</decisionTable></decision>"
    )


def refused(data: bytes) -> list[Finding]:
    with pytest.raises(DefinitionError) as caught:
        read_decisions(data, "t.dmn")
    return list(caught.value.findings)


def literal(key: str, text: str, inside: str = "") -> str:
    return f"<decision id='{key}' name='{key}'>{inside}<literalExpression><text>{text}</text></literalExpression></decision>"


def texts(size: int) -> bytes:
    rows = (",".join(f'"{row} {n}"' for n in range(40)) for row in range(size))
    return decided(table(rows, listed='"0 0"'))


def numbers(size: int) -> bytes:
    return decided(table(f"[{n}..{n + 1}), {n}.25, >= {size}.5" for n in range(size)))


def long_cells(size: int) -> bytes:
    return decided(table(",".join(f"b{size} + {n + row}" for n in range(2 * size)) for row in range(2)))


def long_conditions(size: int) -> bytes:
    return decided(table(" or ".join(f"? in [{n}..{size}{n}]" for n in range(size // 2)) for _ in range(1)))


def ranked(size: int) -> bytes:
    answers = ",".join(f'"{n}"' for n in range(1, size + 1))
    return decided(table(("-" for _ in range(size)), policy="OUTPUT ORDER", answers=answers, answer='"{}"'))


def outputs(size: int) -> bytes:
    heads = "".join(f"<output id='o{n}' name='o{n}'/>" for n in range(10 * size))
    return decided(f"<decision id='t' name='t'><decisionTable>{heads}</decisionTable></decision>")


def named(size: int) -> bytes:
    data = "".join(f"<inputData id='n{n}' name='Name {n} of'/>" for n in range(5 * size))
    return decided(data, table(f"> Name {n} of + {size}" for n in range(size)))


def required(size: int) -> bytes:
    data = "".join(f"<inputData id='n{n}' name='n{n}'/>" for n in range(20 * size))
    need = "<informationRequirement><requiredInput href='#n{}'/></informationRequirement>"
    return decided(data, *(literal(f"d{n}", "1", need.format(n)) for n in range(size)))


def models(size: int) -> bytes:
    model = (
        "<businessKnowledgeModel id='m{0}' name='m{0}'><encapsulatedLogic><literalExpression><text>{0}</text>"
        "</literalExpression></encapsulatedLogic><knowledgeRequirement><requiredKnowledge href='#m{1}'/>"
        "</knowledgeRequirement></businessKnowledgeModel>"
    )
    return decided(*(model.format(f"{size}{n}", f"{size}{n + 1}") for n in range(size)), literal("d", "1"))


SHAPES: Final = [texts, numbers, long_cells, long_conditions, ranked, outputs, named, required, models]


@pytest.mark.parametrize("shape", SHAPES)
def test_twice_the_file_is_at_most_twice_the_work_to_read(shape: Callable[[int], bytes]) -> None:
    read_decisions(shape(30), "t.dmn")  # what is made once is made now
    files = [shape(size) for size in SIZES]

    small, large = (calls_of(lambda data=data: read_decisions(data, "t.dmn")) for data in files)  # type: ignore[misc]  # bound default

    assert 1.2 * small < large < 2.2 * small


@pytest.mark.parametrize("shape", [texts, numbers, ranked])
def test_twice_the_table_is_at_most_twice_the_work_to_work_out(shape: Callable[[int], bytes]) -> None:
    found = [read_decisions(shape(size), "t.dmn")["t"] for size in SIZES]

    small, large = (calls_of(lambda one=one: one.evaluate({"a": None})) for one in found)  # type: ignore[misc]  # bound default

    assert large < 2.2 * small


def test_a_text_is_found_among_many_as_quickly_as_among_few() -> None:
    few, many = (compile_input_cell(",".join(f'"{n}"' for n in range(count))) for count in (2, 500))

    assert calls_of(lambda: few.matches("0", {}, Budget())) == calls_of(lambda: many.matches("499", {}, Budget()))


@pytest.mark.parametrize("cell", ["1,{}x", "1,-{}x", "< {}x", "[{}1..2{}x", "[1..{}x", "date({}x", "not({}x", "1{}"])
@pytest.mark.parametrize("blank", [" ", "\n", "\u2003"])
def test_nineteen_thousand_blanks_keep_nobody_waiting(cell: str, blank: str) -> None:
    assert constant_cell(cell.format(*[blank * 9_500] * 2) + blank) == constant_cell(cell.format("", ""))


@pytest.mark.parametrize("cell", ['"{}', "{}", "{}\\", '"\\\n{}'])
def test_a_text_that_is_never_closed_is_passed_over_once(cell: str) -> None:
    names = spoken_names(etree.fromstring("<d><inputData name='Full Name'/></d>"))
    text = cell.format('\\"' * 9_900)

    assert names.in_text(f"Full Name = {text}") == f"{names.in_text('Full Name')} = {text}"


def test_cells_that_say_the_same_are_read_once() -> None:
    def rows(count: int) -> bytes:
        return decided(table(("> limit * 3 + 17" for _ in range(count)), answer="limit * 5 + 19"))

    once, often = (calls_of(lambda data=data: read_decisions(data, "t.dmn")) for data in (rows(1), rows(11)))  # type: ignore[misc]  # bound default

    assert often < 3 * once


def test_a_table_of_28_rules_of_500_texts_is_read_and_worked_out() -> None:
    decision = read_decisions(
        decided(table((",".join(f'"{row}/{n}"' for n in range(500)) for row in range(28)), answer="{}")), "t.dmn"
    )["t"]

    assert decision.evaluate({"a": "27/499"}) == {"o": 28}
    assert decision.evaluate({"a": "28/0"}) == {"o": None}


@pytest.mark.parametrize(
    ("cells", "row"),
    [
        ((",".join(f"{n}" for n in range(row, row + 500)) for row in range(600)), 500),
        ((",".join(f"[{n}..{n}9]" for n in range(row, row + 250)) for row in range(600)), 251),
        ((f"> limit + {n}" for n in range(9_000)), None),
        ((f"> count(for x in 1..9999 return x + {n})" for n in range(20)), None),
    ],
    ids=["values", "ranges", "expressions", "steps"],
)
def test_what_is_too_much_is_refused_with_table_rule_and_column(cells: Iterator[str], row: int | None) -> None:
    found = refused(decided(table(cells)))[-1]

    assert found.code == "decision_too_large"
    assert found.element is not None
    assert found.element.startswith("r")
    assert row is None or found.element == f"r{row}"
    assert f"Decision “T”, rule {found.element[1:]}, column “a”: up to here the" in found.message
    assert found.message.endswith("divide it.")


def test_what_is_told_before_it_is_too_much_is_told_too() -> None:
    found = refused(decided(table(f"limit + {n}" if n else "1 +" for n in range(9_000))))

    assert [one.code for one in found] == ["decision_cell", "decision_too_large"]


def test_five_hundred_faults_are_told() -> None:
    found = refused(decided(table(f"{n} +" for n in range(9_000))))

    assert [one.code for one in found] == ["decision_cell"] * 500 + ["decision_many_faults"]
    assert found[-2].element == "r500"


def test_too_many_listed_values_are_refused_with_their_column() -> None:
    listed = ",".join(f'lower("{n}")' for n in range(400))
    column = f"<input id='i{{}}'>{ASKED}<inputValues><text>{listed}</text></inputValues></input>"
    heads = "".join(column.format(n) for n in range(40))

    found = refused(
        decided(f"<decision id='t' name='T'><decisionTable>{heads}<output id='o'/></decisionTable></decision>")
    )

    assert [one.code for one in found] == ["decision_too_large"]
    assert "Decision “T”, input “a”: up to here" in found[0].message


def test_too_many_models_are_refused_with_their_name() -> None:
    said = " + ".join(f"{n}" for n in range(300))
    model = (
        "<businessKnowledgeModel id='m{0}' name='m{0}'><encapsulatedLogic><literalExpression><text>{1} + {0}</text>"
        "</literalExpression></encapsulatedLogic></businessKnowledgeModel>"
    )

    found = refused(decided(*(model.format(n, said) for n in range(200)), literal("d", "1")))

    assert found[-1].code == "decision_too_large"
    assert found[-1].message.startswith(f"Business knowledge model “{found[-1].element}”: up to here")


def test_the_editor_leaves_out_listed_values_that_are_too_much() -> None:
    listed = ",".join(f'lower("{n}")' for n in range(400))
    column = f"<input id='i{{}}'>{ASKED}<inputValues><text>{listed}</text></inputValues></input>"
    heads = "".join(column.format(n) for n in range(40))

    [found] = tables(decided(f"<decision id='t' name='T'><decisionTable>{heads}</decisionTable></decision>"), "t.dmn")

    assert len(found.inputs[0].values) == 400
    assert found.inputs[-1].values == ()


def test_an_allowance_is_used_up_by_what_is_read() -> None:
    allowance = Allowance()
    compile_input_cell('"a", "b", < 5', allowance=allowance)
    compile_value("3", allowance=allowance)
    compile_value("lower(limit)", allowance=allowance)
    compile_value('lower("A")', allowance=allowance)
    with pytest.raises(ExpressionError):
        compile_value("§" * 40, allowance=allowance)

    assert allowance.constants == MOST_CONSTANTS - 7
    assert allowance.words == MOST_WORDS - 2 * (10 + 4) - 10
    assert MOST_STEPS - 20 < allowance.steps < MOST_STEPS


def test_a_model_that_makes_much_of_few_words_counts_as_much() -> None:
    data = decided(
        "<businessKnowledgeModel id='m' name='m'><encapsulatedLogic><formalParameter name='x'/><literalExpression><text>"
        f"count([{', '.join(map(str, range(300)))}]) + x</text></literalExpression></encapsulatedLogic></businessKnowledgeModel>",
        table(f"m({n} + limit) > ?" for n in range(4_000)),
    )

    assert [one.code for one in refused(data)] == ["decision_too_large"]


def test_an_allowance_that_is_used_up_lets_nothing_more_be_read() -> None:
    with pytest.raises(TooMuch):
        compile_value("1", allowance=Allowance(constants=0))
    with pytest.raises(TooMuch):
        compile_value("a", allowance=Allowance(words=0))
    with pytest.raises(TooMuch):
        compile_value("1 + 1", allowance=Allowance(steps=0))


def test_long_headings_and_ids_are_cut_in_findings() -> None:
    data = decided(table((f"{n} +" for n in range(20)), name="T" * 100_000))
    found = refused(
        data.replace(b"id='r1'", b"id='%s'" % (b"r" * 100_000)).replace(b"id='i'", b"label='%s'" % (b"i" * 9_000))
    )

    assert len(found) == 20
    assert max(len(one.message) for one in found) < 1_000
    assert max(len(str(one.element)) for one in found) == 200


def test_names_that_begin_alike_are_each_found_and_the_longest_counts() -> None:
    names = ("Price", "Price of", "Price of all", "of all", "5 Tage", "% off", 'a "b" c')
    data = "".join(f"<inputData id='n{n}' name='{escape(name)}'/>" for n, name in enumerate(names))
    text = 'Price  of\n all + Price of + Price * 5 Tage + % off - xPrice of ally + "Price of" + a "b" c'

    decision = read_decisions(decided(data, literal("d", "1")), "t.dmn")["d"]

    assert decision.spoken.in_text(text) == (
        'Price_of_all + Price_of + Price * _5_Tage + _off - xPrice of ally + "Price of" + a_b_c'
    )


def test_names_that_end_otherwise_again_and_again_are_refused() -> None:
    data = decided(f"<inputData id='n' name='{'a ' * 200}b'/>", literal("d", "a " * 2_000))

    assert "begin alike and end otherwise" in refused(data)[0].message


def advised(*parts: str) -> tuple[int, list[Finding]]:
    decisions = read_decisions(decided(*parts), "t.dmn")
    found: list[Finding] = []
    return calls_of(lambda: found.extend(advise(decisions))), found


def test_advice_on_many_tables_takes_no_more_than_on_some() -> None:
    def several(count: int) -> Iterator[str]:
        rows = [",".join(f'"{row}/{n}"' for n in range(25)) for row in range(20)]
        one = table(iter(["-", *rows]), policy="UNIQUE")
        return (one.replace("id='t'", f"id='t{n}'") for n in range(count))

    (some, few), (many, more) = advised(*several(1)), advised(*several(5))

    assert few
    assert len(more) == len(few)
    assert many < 1.5 * some


def test_a_hundred_values_that_are_not_listed_are_told() -> None:
    data = decided(
        table((",".join(f'"{n}{row}"' for n in range(40)) for row in range(10)), policy="COLLECT", listed='"x"')
    )

    assert len(advise(read_decisions(data, "t.dmn"))) == 100


def test_a_constant_is_not_worked_out_again_for_advice() -> None:
    cells = ",".join(f">= sum(for x in 1..1000 return x) + {n}" for n in range(20))

    calls, _ = advised(table((cells for _ in range(10)), policy="UNIQUE"))

    assert calls < 200_000


def test_a_list_that_a_cell_answers_is_new_each_time() -> None:
    decision: Decision = read_decisions(decided(table((c for c in ["-"]), answer='["a", "b"]')), "t.dmn")["t"]

    answer: Any = decision.evaluate({"a": 1})["o"]
    answer.append("c")

    assert decision.evaluate({"a": 1}) == {"o": ["a", "b"]}
