"""Checks what a person answered against a form, and gives the answers as typed values."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, tzinfo
from decimal import Decimal
from typing import Any

from engine.errors import CostlyExpression, ExpressionError
from engine.expressions.evaluation import Budget
from engine.expressions.functions import matches, parse_number
from engine.expressions.language import Expression
from engine.expressions.plain import equal
from engine.forms.fields import ANSWERED, CHOOSING, CHOOSING_SEVERAL, Component, DateKind, Kind, Option
from engine.forms.reading import options_of
from engine.forms.written_numbers import NotANumber, TwoMeanings, read_written

LONGEST_ANSWER = 100_000
"""Characters of one answer."""
MOST_ENTRIES = 200
"""Entries of a dynamic list."""
_ROUNDS = 5
_BUDGET = 200_000
_YES = frozenset({"on", "true", "1", "yes"})
_NO = frozenset({"", "off", "false", "0", "no"})
_E_MAIL = r"^[^@\s]+@[^@\s]+\.[^@\s]+$"
_PHONE = r"^\+?[0-9][0-9 ()/.-]{3,30}$"
_NUMBER = re.compile(r"[+-]?(\d{1,30}(\.\d{0,30})?|\.\d{1,30})", re.ASCII)
_ENTRY = re.compile(r"0|[1-9]\d{0,3}", re.ASCII)
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


class Faulty(Exception):
    """An answer cannot be taken; the message says what to write."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What came of checking: the typed values as variables, a sentence for each faulty field, and names that no field has."""

    values: dict[str, Any]
    errors: dict[str, str]
    unknown: tuple[str, ...] = ()
    hidden: frozenset[str] = frozenset()
    """Names of the fields that a condition hides."""

    @property
    def are_accepted(self) -> bool:
        """Tell whether no field is faulty."""
        return not self.errors


@dataclass(frozen=True, slots=True)
class Place:
    """A field in a form as answered: inside a dynamic list there is one for each entry."""

    name: str
    component: Component
    around: tuple["Place", ...] = ()


@dataclass(slots=True)
class Check:
    """One form being checked against one set of answers."""

    answers: Mapping[str, Any]
    variables: Mapping[str, Any]
    zone: tzinfo
    now: datetime | None
    budget: Budget = field(default_factory=lambda: Budget(_BUDGET))

    def run(self, components: Sequence[Component]) -> Answers:
        """Check all fields: hidden and read-only ones are left out, everything else is typed."""
        given = dict(_flattened(self.answers))
        places = list(self._places(components, given, "", ()))
        values, errors = self._typed(places, given)
        hidden = self._hidden(places, values)
        shown = {place.name for place in places if place.component.kind in ANSWERED} - hidden
        fixed = {place.name for place in places if self._is_fixed(place, values)}
        kept = {name: value for name, value in values.items() if name in shown - fixed}
        sentences = {name: errors[name] for name in errors if name in shown - fixed}
        for place in places:
            if place.name in kept and place.name not in sentences:
                fault = self._fault(place, kept[place.name], values)
                if fault:
                    sentences[place.name] = fault
        unknown = tuple(sorted(given.keys() - {place.name for place in places}))
        lists = [
            place.name for place in places if place.component.kind is Kind.DYNAMIC_LIST and place.name not in hidden
        ]
        return Answers(_nested(kept, lists), sentences, unknown, frozenset(hidden))

    def _places(
        self, components: Sequence[Component], given: Mapping[str, Any], path: str, around: tuple[Place, ...]
    ) -> Iterator[Place]:
        for component in components:
            place = Place(path + component.key if component.key else f"{path}#{component.id}", component, around)
            if component.kind is Kind.DYNAMIC_LIST:
                yield place
                for number in _entries(given, place.name):
                    yield from self._places(component.components, given, f"{place.name}.{number}.", (*around, place))
            elif component.kind is Kind.GROUP:
                yield place
                inner = f"{path}{component.key}." if component.key else path
                yield from self._places(component.components, given, inner, (*around, place))
            elif component.kind in ANSWERED:
                yield place

    def _typed(self, places: Sequence[Place], given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
        values: dict[str, Any] = {}
        errors: dict[str, str] = {}
        for place in places:
            if place.component.kind not in ANSWERED:
                continue
            if _is_always_fixed(place):
                values[place.name] = _looked_up(self.variables, place.name)
                continue
            try:
                values[place.name] = self._value(place.component, given.get(place.name))
            except Faulty as fault:
                values[place.name] = None
                errors[place.name] = str(fault)
        return values, errors

    def _value(self, component: Component, answer: Any) -> Any:
        if component.kind in CHOOSING_SEVERAL:
            return self._choices(component, answer)
        if isinstance(answer, list):
            answer = answer[-1] if answer else None
        if isinstance(answer, str) and (len(answer) > LONGEST_ANSWER or _CONTROLS.search(answer)):
            raise Faulty(f"“{component.label}” is too long or holds characters that cannot be stored.")
        if component.kind is Kind.CHECK_BOX:
            return _yes_or_no(component, answer)
        if answer is None or (isinstance(answer, str) and not answer.strip()):
            return None
        return _VALUES[component.kind](self, component, answer)

    def _text(self, component: Component, answer: Any) -> str:
        if not isinstance(answer, str):
            raise Faulty(f"“{component.label}” must be text.")
        return answer.replace("\r\n", "\n").strip()

    def _number(self, component: Component, answer: Any) -> Any:
        written = str(answer).strip()
        number = self._number_of(component, answer, written)
        if component.is_kept_as_text:
            return written if _NUMBER.fullmatch(written) else f"{number:f}"
        digits = component.decimal_digits
        exponent = number.as_tuple().exponent
        if digits is not None and isinstance(exponent, int) and -exponent > digits and number != round(number, digits):
            raise Faulty(
                f"“{component.label}” must be a whole number."
                if digits == 0
                else f"“{component.label}” may have {digits} decimals."
            )
        if digits == 0 or (digits is None and exponent == 0):
            return int(number)
        return number if digits is None else number.quantize(Decimal(1).scaleb(-digits))

    def _number_of(self, component: Component, answer: Any, written: str) -> Decimal:
        """Give the number that was answered: as data, or as a person writes it."""
        try:
            if not isinstance(answer, str) and not isinstance(answer, bool) and _NUMBER.fullmatch(written):
                return parse_number(written)
            return read_written(written, is_whole=component.decimal_digits == 0)
        except TwoMeanings as two:
            raise Faulty(f"“{component.label}” can be read in two ways; write {two.large} or {two.small}.") from None
        except NotANumber:
            raise Faulty(f"“{component.label}” must be a number, for example 5000 or 12.50.") from None

    def _date(self, component: Component, answer: Any) -> date | time | datetime:
        try:
            match component.date_kind:
                case DateKind.DATE:
                    return date.fromisoformat(str(answer).strip())
                case DateKind.TIME:
                    return time.fromisoformat(str(answer).strip())
                case DateKind.DATE_TIME:
                    moment = datetime.fromisoformat(str(answer).strip())
                    return (moment if moment.tzinfo else moment.replace(tzinfo=self.zone)).astimezone(UTC)
        except (ValueError, OverflowError) as error:
            example = {DateKind.DATE: "2026-01-31", DateKind.TIME: "17:30"}.get(component.date_kind, "2026-01-31T17:30")
            raise Faulty(f"“{component.label}” must be a {component.date_kind}, for example {example}.") from error

    def _choice(self, component: Component, answer: Any) -> Any:
        for option in options(component, self.variables, self.budget):
            if equal(option.value, answer) or str(option.value) == str(answer):
                return option.value
        raise Faulty(f"“{component.label}” must be one of its options.")

    def _choices(self, component: Component, answer: Any) -> list[Any]:
        listed = answer if isinstance(answer, list) else [answer]
        chosen = [self._choice(component, entry) for entry in listed[:LONGEST_ANSWER] if entry not in (None, "")]
        return [value for number, value in enumerate(chosen) if value not in chosen[:number]]

    def _hidden(self, places: Sequence[Place], values: Mapping[str, Any]) -> set[str]:
        """Find what conditions hide; a hidden field has no value, which may hide others in turn."""
        hidden: set[str] = set()
        for _ in range(_ROUNDS):
            seen = {name: None if name in hidden else value for name, value in values.items()}
            found = {place.name for place in places if any(self._hides(near, seen) for near in (*place.around, place))}
            if found == hidden:
                break
            hidden = found
        return hidden

    def _hides(self, place: Place, values: Mapping[str, Any]) -> bool:
        condition = place.component.hidden_if
        return condition is not None and self._holds(condition, place, values)

    def _is_fixed(self, place: Place, values: Mapping[str, Any]) -> bool:
        """Tell whether a person cannot answer the field, itself or as part of a group."""
        return _is_always_fixed(place) or any(
            isinstance(near.component.readonly, Expression) and self._holds(near.component.readonly, place, values)
            for near in (*place.around, place)
        )

    def _holds(self, condition: Expression, place: Place, values: Mapping[str, Any]) -> bool:
        """Work a condition out as FEEL does: one that cannot be worked out, say for an empty field, does not hold."""
        try:
            return condition.evaluate(self._names(condition, place, values), self.budget) is True
        except CostlyExpression:
            raise
        except ExpressionError:
            return False

    def _names(self, expression: Expression, place: Place, values: Mapping[str, Any]) -> dict[str, Any]:
        """Collect what an expression sees: variables, over them all fields, over them those of the same list entry."""
        self.budget.charge(len(values))
        names = {**dict.fromkeys(expression.names), **self.variables, **_nested(values)}
        for near in place.around:
            if near.component.kind is Kind.DYNAMIC_LIST:
                start = ".".join(place.name.split(".")[: near.name.count(".") + 2]) + "."
                own = {name.removeprefix(start): value for name, value in values.items() if name.startswith(start)}
                names |= _nested(own)
        return names

    def _fault(self, place: Place, value: Any, values: Mapping[str, Any]) -> str | None:
        component, rules = place.component, place.component.rules
        if value is None or value == [] or (component.kind is Kind.CHECK_BOX and not value):
            if not rules.is_required:
                return None
            verb = "Choose" if component.kind in CHOOSING else "Tick" if component.kind is Kind.CHECK_BOX else "Fill in"
            return f"{verb} “{component.label or component.key}”."
        if component.kind in (Kind.TEXT_FIELD, Kind.TEXT_AREA):
            return _fault_of_text(component, value)
        if component.kind is Kind.NUMBER:
            return self._fault_of_number(place, value, values)
        return self._fault_of_date(place, value, values)

    def _fault_of_number(self, place: Place, value: Any, values: Mapping[str, Any]) -> str | None:
        number = Decimal(str(value))
        smallest = self._limit(place.component.rules.smallest, place, values)
        largest = self._limit(place.component.rules.largest, place, values)
        if smallest is not None and number < smallest:
            return f"“{place.component.label}” must be at least {smallest}."
        if largest is not None and number > largest:
            return f"“{place.component.label}” must be at most {largest}."
        return None

    def _limit(self, limit: Decimal | Expression | None, place: Place, values: Mapping[str, Any]) -> Decimal | None:
        value = self._reckoned(limit, place, values)
        return Decimal(value) if isinstance(value, int | Decimal) else None

    def _reckoned(self, limit: Decimal | Expression | None, place: Place, values: Mapping[str, Any]) -> Any:
        if not isinstance(limit, Expression):
            return limit
        try:
            return limit.evaluate(self._names(limit, place, values), self.budget)
        except ExpressionError:
            return None

    def _fault_of_date(self, place: Place, value: date | time | datetime, values: Mapping[str, Any]) -> str | None:
        component, rules = place.component, place.component.rules
        if component.refuses_past and self._is_past(value):
            return f"“{component.label}” must not lie in the past."
        given: Any = value
        first, last = self._reckoned(rules.smallest, place, values), self._reckoned(rules.largest, place, values)
        if type(first) is type(given) and given < first:
            return f"“{component.label}” must not be before {first.isoformat()}."
        if type(last) is type(given) and given > last:
            return f"“{component.label}” must not be after {last.isoformat()}."
        return None

    def _is_past(self, value: date | time | datetime) -> bool:
        if self.now is None or isinstance(value, time):
            return False
        return value < (self.now if isinstance(value, datetime) else self.now.astimezone(self.zone).date())


_VALUES: dict[Kind, Callable[[Check, Component, Any], Any]] = {
    Kind.TEXT_FIELD: Check._text,  # noqa: SLF001  (this table belongs to the class)
    Kind.TEXT_AREA: Check._text,  # noqa: SLF001
    Kind.NUMBER: Check._number,  # noqa: SLF001
    Kind.DATE_TIME: Check._date,  # noqa: SLF001
    Kind.RADIO: Check._choice,  # noqa: SLF001
    Kind.SELECT: Check._choice,  # noqa: SLF001
}


def _is_always_fixed(place: Place) -> bool:
    return any(near.component.is_disabled or near.component.readonly is True for near in (*place.around, place))


def options(component: Component, variables: Mapping[str, Any], budget: Budget | None = None) -> tuple[Option, ...]:
    """Give the options that a field offers: its own, those of a variable, or those of an expression."""
    listed: Any = None
    if component.options_from is not None:
        listed = variables.get(component.options_from)
    elif component.options_expression is not None:
        try:
            listed = component.options_expression.evaluate(variables, budget)
        except ExpressionError:
            listed = None
    return options_of(listed) if isinstance(listed, list) else component.options


def _fault_of_text(component: Component, value: str) -> str | None:
    rules, label = component.rules, component.label
    if rules.shortest is not None and len(value) < rules.shortest:
        return f"“{label}” needs at least {rules.shortest} characters."
    if rules.longest is not None and len(value) > rules.longest:
        return f"“{label}” may have at most {rules.longest} characters."
    if rules.form == "email" and not matches(value, _E_MAIL):
        return f"“{label}” must be a mail address, for example name@example.com."
    if rules.form == "phone" and not matches(value, _PHONE):
        return f"“{label}” must be a telephone number, for example +49 30 123456."
    if rules.pattern is not None and not matches(value, rules.pattern):
        return rules.pattern_message or f"“{label}” has not the expected form ({rules.pattern})."
    return None


def _yes_or_no(component: Component, answer: Any) -> bool:
    if isinstance(answer, bool) or answer is None:
        return bool(answer)
    written = str(answer).strip().lower()
    if written not in _YES | _NO:
        raise Faulty(f"“{component.label}” is answered by yes or no.")
    return written in _YES


def _flattened(answers: Mapping[str, Any], path: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Give nested answers as a web form names them: `lines.0.price`."""
    for name, answer in answers.items():
        inner: Mapping[str, Any] | None = None
        if isinstance(answer, Mapping):
            inner = answer
        elif isinstance(answer, list) and answer and all(isinstance(entry, Mapping) for entry in answer):
            inner = {str(number): entry for number, entry in enumerate(answer)}
        if inner is None or depth > _ROUNDS:
            yield f"{path}{name}", answer
        else:
            yield from _flattened(inner, f"{path}{name}.", depth + 1)


def _entries(given: Mapping[str, Any], name: str) -> list[str]:
    """Give the numbers of the entries that were answered of a dynamic list, in their order."""
    start = f"{name}."
    numbers = {path[len(start) :].partition(".")[0] for path in given if path.startswith(start)}
    return sorted((number for number in numbers if _ENTRY.fullmatch(number)), key=int)[:MOST_ENTRIES]


def _nested(values: Mapping[str, Any], lists: Iterable[str] = ()) -> dict[str, Any]:
    """Put values named by paths into groups and lists; a dynamic list without entries is an empty list."""
    root: dict[str, Any] = {}
    for name in lists:
        _put(root, name.split("."), {})
    for name, value in values.items():
        _put(root, name.split("."), value)
    return {name: _as_list(value) for name, value in root.items()}


def _put(root: dict[str, Any], parts: list[str], value: Any) -> None:
    for part in parts[:-1]:
        inner = root.get(part)
        if not isinstance(inner, dict):
            inner = root[part] = {}
        root = inner
    root[parts[-1]] = value


def _as_list(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if all(name.isdecimal() for name in value):
        return [_as_list(value[name]) for name in sorted(value, key=int)]
    return {name: _as_list(entry) for name, entry in value.items()}


def _looked_up(variables: Mapping[str, Any], path: str) -> Any:
    value: Any = variables
    for part in path.split("."):
        if isinstance(value, list) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        else:
            value = value.get(part) if isinstance(value, Mapping) else None
    return value
