"""Random decision tables against a second reckoning: every hit policy and aggregation, over all kinds of cells."""

from random import Random
from typing import Any, Final
from xml.sax.saxutils import escape

import pytest
from figures import Count
from oracle.tables import POLICIES, RANKED, SINGLE, VIOLATED, Row, concluded, random_rows

from engine.decisions.decision import Decision, read_decisions
from engine.errors import ExpressionError

AGGREGATES: Final = {"C+": "SUM", "C<": "MIN", "C>": "MAX", "C#": "COUNT"}
NUMBERS: Final = (None, 0, 1, 3, 5, 6, 8, 11)
WORDS: Final = (None, "a", 'b"c', "d,e", "f\\g", "z")


def written(policy: str, rows: list[Row]) -> Decision:
    """Write the table as the editor does, and read it."""
    aggregate = f' aggregation="{AGGREGATES[policy]}"' if policy in AGGREGATES else ""
    heads = "".join(
        f'<input id="i_{name}"><inputExpression id="e_{name}" typeRef="{kind}"><text>{name}</text></inputExpression></input>'
        for name, kind in (("number", "number"), ("word", "string"))
    )
    values = escape(",".join(f'"{colour}"' for colour in RANKED))
    listed = f'<outputValues id="v"><text>{values}</text></outputValues>'
    colour = f'<output id="o_c" name="colour" typeRef="string">{listed}</output>'
    heads += ("" if aggregate else colour) + '<output id="o_a" name="amount" typeRef="number"/>'
    rules = "".join(_rule(number, row, is_aggregate=bool(aggregate)) for number, row in enumerate(rows, 1))
    hit_policy = "COLLECT" if aggregate else policy
    text = (
        '<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" id="d" name="d" namespace="n">'
        f'<decision id="t" name="T"><decisionTable id="dt" hitPolicy="{hit_policy}"{aggregate}>{heads}{rules}'
        "</decisionTable></decision></definitions>"
    )
    return read_decisions(text.encode(), "random.dmn")["t"]


def _rule(number: int, row: Row, *, is_aggregate: bool) -> str:
    cells = "".join(f"<inputEntry><text>{escape(cell.text)}</text></inputEntry>" for cell in (row.number, row.word))
    given = ([] if is_aggregate else [f'"{row.colour}"']) + [str(row.amount)]
    outputs = "".join(f"<outputEntry><text>{escape(text)}</text></outputEntry>" for text in given)
    return f'<rule id="r{number}">{cells}{outputs}</rule>'


def answered(decision: Decision, policy: str, number: Any, word: Any) -> Any:
    """Work the decision out, in the oracle's form."""
    try:
        answer = decision.evaluate({"number": number, "word": word})
    except ExpressionError:
        return VIOLATED
    if policy in AGGREGATES:
        return answer
    pairs = [(one["colour"], one["amount"]) for one in ([answer] if policy in SINGLE else answer)]
    if policy not in SINGLE:
        return pairs
    return None if pairs[0] == (None, None) else pairs[0]


def compare(policy: str, seed: int) -> int:
    """Compare all inputs of one table; give how many there were."""
    rows = random_rows(Random(seed))
    decision = written(policy, rows)
    for number in NUMBERS:
        for word in WORDS:
            expected = concluded(policy, rows, number, word)
            assert answered(decision, policy, number, word) == expected, (policy, seed, number, word, rows)
    return len(NUMBERS) * len(WORDS)


@pytest.mark.parametrize("policy", POLICIES)
def test_a_random_table_comes_to_what_the_second_reckoning_says(policy: str) -> None:
    assert sum(compare(policy, seed) for seed in range(25)) == 25 * len(NUMBERS) * len(WORDS)


@pytest.mark.long
@pytest.mark.parametrize("policy", POLICIES)
def test_many_random_tables_do_too(policy: str, count: Count) -> None:
    for seed in range(1_000, 2_000):
        count("answers of random tables reckoned twice", compare(policy, seed))


def test_the_second_reckoning_notices_a_wrong_policy() -> None:
    rows = next(rows for seed in range(100) if len(rows := random_rows(Random(seed))) > 3)
    answers = {
        policy: [concluded(policy, rows, number, word) for number in NUMBERS for word in WORDS] for policy in POLICIES
    }

    assert len({repr(one) for one in answers.values()}) > len(POLICIES) / 2
