"""Laws about time: what timers and due dates say can be read before they are needed."""

import re
from collections.abc import Iterator
from typing import Final

from lxml import etree

from engine.diagrams.attributes import due_date, retry, time_to_live
from engine.diagrams.drawing import Drawing
from engine.diagrams.laws import Fault, LintContext, Rule
from engine.diagrams.lint_expressions import owner, short, unknown_calendars
from engine.diagrams.vocabulary import TIMER_TEXTS, title
from engine.errors import ExpressionError
from engine.expressions.language import compile_expression
from engine.retries import fixed_duration, parse_pauses
from engine.timing import compile_timer

_CAPITALS: Final = re.compile(r"[A-Z]+", re.ASCII)
"""As ISO 8601 writes, and nobody names a variable."""


def timers(drawing: Drawing, context: LintContext) -> Iterator[Fault]:
    """Find timers whose time cannot be read."""
    for element in drawing.root.iter(*TIMER_TEXTS):
        text = "".join(map(str, element.itertext())).strip()
        if text:
            yield from _timer(owner(element), TIMER_TEXTS[str(element.tag)], text, context)
    for task in drawing.nodes:
        if (text := due_date(task) or "") and not _is_time(text):
            yield from _due_date(task, text, context)


def _timer(event: etree._Element, kind: str, text: str, context: LintContext) -> Iterator[Fault]:
    if _CAPITALS.fullmatch(text):
        message = f"The {kind} of the timer {title(event)} says “{short(text)}”, which is no ISO 8601 text; write one."
        yield Fault("timer_word", event, message)
    try:
        yield from unknown_calendars(event, compile_timer(kind, text).expression, context)
    except ExpressionError as error:
        message = f"The {kind} of the timer {title(event)} cannot be read: {error.message} It says “{short(text)}”."
        yield Fault("timer_unreadable", event, message)


def _is_time(text: str) -> bool:
    """Tell whether a due date is an ISO duration, an ISO date or an expression."""
    for kind in ("duration", "date"):
        try:
            return compile_timer(kind, text).expression is None
        except ExpressionError:
            continue
    return False


def _due_date(task: etree._Element, text: str, context: LintContext) -> Iterator[Fault]:
    try:
        yield from unknown_calendars(task, compile_expression(text), context)
    except ExpressionError as error:
        message = f"The due date of {title(task)} cannot be read: {error.message} It says “{short(text)}”."
        yield Fault("timer_unreadable", task, message)


def pauses(drawing: Drawing, _context: LintContext) -> Iterator[Fault]:
    """Find retries and lives of messages that cannot be read."""
    for node in drawing.nodes:
        for what, text, read in (
            ("retries", retry(node), parse_pauses),
            ("time to live", time_to_live(node), fixed_duration),
        ):
            try:
                if text is not None:
                    read(text)
            except ExpressionError as error:
                message = f"The {what} of {title(node)} cannot be read: {error.message} It says “{short(text or '')}”."
                yield Fault("timer_unreadable", node, message)


RULES: Final[tuple[Rule, ...]] = (timers, pauses)
