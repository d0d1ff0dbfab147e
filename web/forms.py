"""A user task's form as accessible HTML: what each component shows, with values, errors, and where a value was read."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import nh3
from markdown_it import MarkdownIt
from markupsafe import Markup

from engine.expressions.language import Expression
from engine.forms.answers import Answers, options
from engine.forms.fields import ANSWERED, CHOOSING_SEVERAL, Component, DateKind, Kind
from engine.forms.form import Form
from engine.forms.written_numbers import without_doubt
from storage.views import FieldView
from web.sheets import SURE, Crop

_ALLOWED_TAGS = {"p", "br", "strong", "em", "ul", "ol", "li", "h3", "h4", "code", "a", "blockquote"}
_INPUTS = {DateKind.DATE: "date", DateKind.TIME: "time", DateKind.DATE_TIME: "datetime-local"}
_MANY_OPTIONS = 6
_HALF = 8
_MORE = "more."


@dataclass(frozen=True, slots=True)
class Choice:
    """One option of a field."""

    value: str
    label: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Part:
    """One component as shown. `how`: input, area, choices, select, check, shown, group, list, text, line."""

    how: str
    name: str
    label: str
    hint: str = ""
    type: str = "text"
    value: str = ""
    choices: Sequence[Choice] = ()
    is_several: bool = False
    is_required: bool = False
    is_wide: bool = True
    error: str = ""
    prefix: str = ""
    suffix: str = ""
    longest: int | None = None
    step: str = ""
    html: Markup | None = None
    parts: Sequence["Part"] = ()
    entries: Sequence[Sequence["Part"]] = ()
    can_grow: bool = False
    read: FieldView | None = None
    crop: Crop | None = None
    is_missing: bool = False

    @property
    def id(self) -> str:
        """Give the element's id, to which boxes and error summaries lead."""
        return f"field-{self.name}"

    @property
    def is_unsure(self) -> bool:
        """Tell whether the machine was not sure, or found nothing, and nobody has confirmed it."""
        return self.is_missing or (self.read is not None and self.read.confidence < SURE and not self.read.is_confirmed)

    @property
    def confidence(self) -> float:
        """Give how sure the machine was; what it did not read is sure, since a person wrote it."""
        if self.is_missing:
            return 0.0
        return 1.0 if self.read is None or self.read.is_confirmed else self.read.confidence


@dataclass(frozen=True, slots=True)
class Ending:
    """A way to complete the task: the outcome's value and words, with the parts that only this way asks for."""

    value: str
    label: str
    parts: Sequence[Part]
    has_error: bool


@dataclass(frozen=True, slots=True)
class Shown:
    """A form as shown: its parts, the ways to complete it, and the errors by field in the order of the form."""

    parts: Sequence[Part]
    endings: Sequence[Ending]
    outcome: str | None
    errors: Mapping[str, str]
    is_changing: bool
    unsure: int = 0

    @property
    def first(self) -> Ending | None:
        """Give the usual ending."""
        return self.endings[0] if self.endings else None


@dataclass(frozen=True, slots=True)
class Filling:
    """What a form is filled with: variables, what was typed, what is wrong with it, and what was read from the pages."""

    variables: Mapping[str, Any] = field(default_factory=dict)
    typed: Mapping[str, Any] | None = None
    errors: Mapping[str, str] = field(default_factory=dict)
    readings: Mapping[str, FieldView] = field(default_factory=dict)
    crops: Mapping[str, Crop] = field(default_factory=dict)
    unreadable: frozenset[str] = frozenset()
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))


def show(form: Form, filling: Filling, outcome: str | None = None) -> Shown:
    """Lay out a form; fields that were read unsurely come first, least certain first."""
    key = outcome if outcome and any(one.key == outcome for one in form.fields) else None
    chosen = _endings(form, filling, key)
    hidden = chosen[0][2] if chosen else _hidden(form, filling, {})
    parts = _sorted(_Layout(form, filling, key).parts(form.components, hidden))
    endings = []
    for place, (value, words, others) in enumerate(chosen):
        own = hidden - others if place else frozenset[str]()
        inner = _Layout(form, filling, key, only=own).parts(form.components, others) if own else []
        endings.append(Ending(value, words, inner, has_error=any(name in own for name in filling.errors)))
    return Shown(
        parts,
        endings,
        key,
        filling.errors,
        is_changing=_is_changing(form, key),
        unsure=sum(part.is_unsure for part in parts),
    )


def typed_answers(fields: Mapping[str, list[str]], form: Form) -> dict[str, Any]:
    """Give what a browser sent as the form's checker wants it: a list where several may be chosen, else the last value."""
    several = {one.key for one in form.fields if one.kind in CHOOSING_SEVERAL}
    known = {"csrf_token", "request_key", "action"}
    return {
        name: values if name.rpartition(".")[2] in several or name in several else values[-1]
        for name, values in fields.items()
        if name not in known and not name.startswith(_MORE)
    }


def with_more(fields: Mapping[str, list[str]], typed: dict[str, Any]) -> dict[str, Any]:
    """Add an empty entry to each dynamic list that the browser asked to grow."""
    for name in fields:
        if name.startswith(_MORE):
            listed = name.removeprefix(_MORE)
            typed[f"{listed}.{_entries(typed, listed)}."] = ""
    return typed


def _endings(form: Form, filling: Filling, key: str | None) -> list[tuple[str, str, frozenset[str]]]:
    component = next((one for one in form.fields if one.key == key), None)
    if component is None:
        return []
    found = options(component, filling.variables)
    return [(str(one.value), one.label, _hidden(form, filling, {component.key: one.value})) for one in found]


def _hidden(form: Form, filling: Filling, assumed: Mapping[str, Any]) -> frozenset[str]:
    answers = {**(_known(form, filling) if filling.typed is None else filling.typed), **assumed}
    return form.validate(answers, filling.variables, zone=filling.zone).hidden


def _known(form: Form, filling: Filling) -> dict[str, Any]:
    return {one.key: value for one in form.fields if (value := _look_up(filling.variables, one.key)) is not None}


def _is_changing(form: Form, key: str | None) -> bool:
    """Tell whether what is shown depends on more than the ending."""
    conditions = [one.hidden_if for outer in form.components for one in outer.walk() if one.hidden_if is not None]
    return any(set(condition.names) - {key} for condition in conditions)


def _sorted(parts: list[Part]) -> list[Part]:
    unsure = sorted((part for part in parts if part.is_unsure), key=lambda part: part.confidence)
    return unsure + [part for part in parts if not part.is_unsure]


class _Layout:
    """Turns components into parts, for one filling."""

    def __init__(self, form: Form, filling: Filling, outcome: str | None, only: frozenset[str] | None = None) -> None:
        self._form = form
        self._filling = filling
        self._outcome = outcome
        self._only = only

    def parts(self, components: Sequence[Component], hidden: frozenset[str], path: str = "") -> list[Part]:
        """Give the parts of components that are not hidden."""
        return [part for one in components for part in self._part(one, hidden, path)]

    def _part(self, one: Component, hidden: frozenset[str], path: str) -> Iterator[Part]:
        name = path + one.key if one.key else f"{path}#{one.id}"
        if name in hidden or one.key == self._outcome:
            return
        match one.kind:
            case Kind.GROUP:
                inner = self.parts(one.components, hidden, f"{path}{one.key}." if one.key else path)
                if inner:
                    yield Part("group", name, one.label, parts=inner)
            case Kind.DYNAMIC_LIST:
                yield from self._list(one, name, hidden)
            case Kind.TEXT if self._only is None:
                yield Part("text", name, "", html=markdown(one.text))
            case Kind.SEPARATOR if self._only is None:
                yield Part("line", name, "")
            case kind if kind in ANSWERED and (self._only is None or name in self._only):
                yield from self._field(one, name)
            case _:
                return

    def _list(self, one: Component, name: str, hidden: frozenset[str]) -> Iterator[Part]:
        typed = self._filling.typed
        known = _look_up(self._filling.variables, name)
        count = (
            _entries(typed, name) if typed is not None else len(known) if isinstance(known, list) else one.repetitions
        )
        entries = [self.parts(one.components, hidden, f"{name}.{number}.") for number in range(count)]
        yield Part("list", name, one.label, hint=one.description, entries=entries, can_grow=one.can_grow)

    def _field(self, one: Component, name: str) -> Iterator[Part]:
        is_fixed = one.is_disabled or one.readonly is True or isinstance(one.readonly, Expression)
        if is_fixed and name.partition(".")[0] in self._filling.unreadable:
            return
        value = self._value(one, name)
        common: dict[str, Any] = {
            "name": name,
            "label": one.label or one.key,
            "hint": one.description,
            "is_wide": (one.columns or 16) > _HALF or one.kind is Kind.TEXT_AREA,
            "error": self._filling.errors.get(name, ""),
            "is_required": one.rules.is_required,
            "read": self._filling.readings.get(name),
            "crop": self._filling.crops.get(name),
            "is_missing": one.rules.is_required and not is_fixed and self._known(name) == "",
            "prefix": one.prefix,
            "suffix": one.suffix,
        }
        if is_fixed:
            yield Part("shown", **common | {"read": None, "crop": None}, value=self._words(one, value))
        else:
            yield self._input(one, common, value)

    def _input(self, one: Component, common: dict[str, Any], value: Any) -> Part:
        match one.kind:
            case Kind.TEXT_AREA:
                return Part("area", **common, value=_text(value), longest=one.rules.longest)
            case Kind.NUMBER:
                return Part("input", **common, value=_text(value), type="number", step=_step(one))
            case Kind.DATE_TIME:
                return Part("input", **common, value=self._date(value), type=_INPUTS[one.date_kind])
            case Kind.CHECK_BOX:
                return Part("check", **common, value="on" if value in (True, "on", "true", "1", "yes") else "")
            case Kind.RADIO | Kind.SELECT | Kind.CHECK_LIST | Kind.TAG_LIST:
                return self._choosing(one, common, value)
            case _:
                kind = {"email": "email", "phone": "tel"}.get(one.rules.form or "", "text")
                return Part("input", **common, value=_text(value), type=kind, longest=one.rules.longest)

    def _choosing(self, one: Component, common: dict[str, Any], value: Any) -> Part:
        chosen = {str(each) for each in value} if isinstance(value, list) else {str(value)}
        offered = options(one, self._filling.variables)
        choices = [Choice(str(each.value), each.label, str(each.value) in chosen) for each in offered]
        is_several = one.kind in CHOOSING_SEVERAL
        is_list = one.kind is Kind.SELECT or (not is_several and len(choices) > _MANY_OPTIONS)
        return Part("select" if is_list else "choices", **common, choices=choices, is_several=is_several)

    def _value(self, one: Component, name: str) -> Any:
        typed = self._filling.typed
        if typed is not None and name in typed:
            return typed[name]
        if typed is not None and one.kind in (Kind.CHECK_BOX, *CHOOSING_SEVERAL) and typed:
            return [] if one.kind in CHOOSING_SEVERAL else None
        if name.partition(".")[0] in self._filling.unreadable:
            return None
        known = self._known(name)
        return one.default if known is None else known

    def _known(self, name: str) -> Any:
        """Give the variable; where it was not known yet, what was read on the pages since."""
        known = _look_up(self._filling.variables, name)
        reading = self._filling.readings.get(name)
        if reading is None or reading.is_masked:
            return known
        return reading.value if known is None or (known == "" and not reading.is_confirmed) else known

    def _date(self, value: Any) -> str:
        if isinstance(value, datetime):
            return value.astimezone(self._filling.zone).strftime("%Y-%m-%dT%H:%M")
        if isinstance(value, date | time):
            return value.isoformat()
        return _text(value)

    def _words(self, one: Component, value: Any) -> str:
        for option in options(one, self._filling.variables):
            if str(option.value) == str(value):
                return option.label
        if isinstance(value, Decimal):
            return f"{value:,}"
        if isinstance(value, int) and not isinstance(value, bool):
            return f"{value:,}"
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, date) and not isinstance(value, datetime):
            return f"{value:%a} {value.day} {value:%b %Y}"
        return self._date(value) if one.kind is Kind.DATE_TIME else _text(value)


def markdown(text: str) -> Markup:
    """Render markdown with a few plain elements and nothing that runs or loads."""
    html = MarkdownIt("commonmark", {"html": False}).render(text)
    return Markup(nh3.clean(html, tags=_ALLOWED_TAGS, attributes={"a": {"href"}}, url_schemes={"https", "mailto"}))  # noqa: S704 - cleaned here


def checked(form: Form, typed: Mapping[str, Any], filling: Filling, now: datetime) -> Answers:
    """Check what was typed."""
    return form.validate(typed, filling.variables, zone=filling.zone, now=now)


def _look_up(variables: Mapping[str, Any], name: str) -> Any:
    found: Any = variables
    for part in name.split("."):
        if isinstance(found, Mapping):
            found = found.get(part)
        elif isinstance(found, list) and part.isdecimal() and int(part) < len(found):
            found = found[int(part)]
        else:
            return None
    return found


def _entries(typed: Mapping[str, Any], name: str) -> int:
    start = f"{name}."
    numbers = (each.removeprefix(start).partition(".")[0] for each in typed if each.startswith(start))
    return max((int(number) + 1 for number in numbers if number.isdecimal()), default=0)


def _step(one: Component) -> str:
    if one.increment is not None:
        return str(one.increment)
    return "any" if one.decimal_digits is None else str(Decimal(1).scaleb(-one.decimal_digits))


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, Decimal):
        return without_doubt(value)
    return "" if value is None else str(value)
