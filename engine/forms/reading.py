"""Reads a form-js schema: bounded JSON, every condition and pattern compiled, all faults told together."""

import json
import keyword
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NoReturn

from engine.errors import DefinitionError, ExpressionError, Finding, Severity
from engine.expressions.functions import compile_pattern
from engine.expressions.language import Expression, compile_expression
from engine.expressions.plain import equal
from engine.forms.fields import ANSWERED, CHOOSING, Component, DateKind, Kind, Option, Rules

LARGEST_FORM = 1_000_000
"""Bytes of a form."""
DEEPEST = 50
MOST_COMPONENTS = 500
MOST_OPTIONS = 2_000
_KEY = re.compile(r"[^\W\d_]\w*(\.[^\W\d_]\w*)*")
_FORMS_OF_TEXT = ("email", "phone")
_WIDEST = 16


def load_json(data: bytes, file: str) -> Any:
    """Load JSON of at most 1 MB and 50 levels, numbers with a point as Decimal; raise DefinitionError for anything else."""
    if len(data) > LARGEST_FORM:
        raise _refused(file, "form_too_large", f"The form is larger than {LARGEST_FORM // 1_000_000} MB.")
    try:
        loaded = json.loads(data.decode("utf-8-sig"), parse_float=Decimal, parse_constant=_refuse_constant)
    except (ValueError, ArithmeticError) as error:
        raise _refused(file, "form_json", f"The form is no JSON: {str(error)[:200]}.") from error
    except RecursionError as error:
        raise _refused(file, "form_too_large", f"The form is nested more than {DEEPEST} levels deep.") from error
    level = [loaded]
    for _ in range(DEEPEST + 1):
        level = [inner for outer in level for inner in _inside(outer)]
    if level:
        raise _refused(file, "form_too_large", f"The form is nested more than {DEEPEST} levels deep.")
    return loaded


def _inside(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _refused(file: str, code: str, message: str) -> DefinitionError:
    return DefinitionError([Finding(file, None, Severity.ERROR, code, message)])


@dataclass(slots=True)
class FormReader:
    """One form being read, and what was found wrong with it so far."""

    file: str
    findings: list[Finding] = field(default_factory=list)
    count: int = 0

    def read(self, schema: Any) -> tuple[Component, ...]:
        """Read the components of a loaded schema; those that cannot be read are left out, with a finding."""
        if not isinstance(schema, dict) or not isinstance(schema.get("components"), list):
            raise _refused(self.file, "form_json", "This is not a form; it has no list of components.")
        components = self._all(schema["components"])
        self._refuse_repeated(components)
        return components

    def complain(self, raw: Mapping[str, Any], code: str, message: str, severity: Severity = Severity.ERROR) -> None:
        """Note a fault of a component."""
        element = raw.get("id") or raw.get("key")
        self.findings.append(Finding(self.file, str(element) if element else None, severity, code, message))

    def _all(self, raw: Any) -> tuple[Component, ...]:
        if not isinstance(raw, list):
            return ()
        self.count += len(raw)
        if self.count > MOST_COMPONENTS:
            raise _refused(self.file, "form_too_large", f"The form has more than {MOST_COMPONENTS} components.")
        return tuple(component for component in map(self._component, raw) if component is not None)

    def _component(self, raw: Any) -> Component | None:
        if not isinstance(raw, dict):
            self.complain({}, "form_component", "A component of the form is no JSON object.")
            return None
        try:
            kind = Kind(str(raw.get("type")))
        except ValueError:
            known = ", ".join(Kind)
            message = f"Components of the type “{raw.get('type')}” cannot be shown; there are {known}."
            self.complain(raw, "form_component", message)
            return None
        self._check_key(raw, kind)
        options = self._options(raw, kind)
        component = Component(
            kind=kind,
            id=str(raw.get("id") or raw.get("key") or f"component_{self.count}"),
            key=str(raw.get("key") or raw.get("path") or ""),
            label=str(raw.get("label") or raw.get("dateLabel") or raw.get("timeLabel") or ""),
            description=str(raw.get("description") or ""),
            text=str(raw.get("text") or raw.get("source") or raw.get("action") or ""),
            default=raw.get("defaultValue"),
            rules=self._rules(raw),
            hidden_if=self._condition(raw),
            readonly=self._readonly(raw),
            is_disabled=raw.get("disabled") is True,
            options=options,
            options_from=str(raw["valuesKey"]) if raw.get("valuesKey") else None,
            options_expression=self._compiled(raw, "form_options", raw.get("valuesExpression")),
            decimal_digits=self._whole(raw, "decimalDigits", raw.get("decimalDigits")),
            increment=self._number(raw, "increment", raw.get("increment")),
            is_kept_as_text=raw.get("serializeToString") is True,
            date_kind=self._date_kind(raw),
            refuses_past=raw.get("disallowPassedDates") is True,
            prefix=_adornment(raw, "prefixAdorner"),
            suffix=_adornment(raw, "suffixAdorner"),
            row=_layout(raw, "row", str),
            columns=_layout(raw, "columns", int),
            can_grow=raw.get("allowAddRemove") is True,
            repetitions=self._whole(raw, "defaultRepetitions", raw.get("defaultRepetitions")) or 1,
            components=self._all(raw.get("components")),
        )
        self._check_answerable(raw, component)
        return component

    def _check_key(self, raw: Mapping[str, Any], kind: Kind) -> None:
        key = raw.get("key") if kind in ANSWERED else raw.get("path")
        if kind in ANSWERED or kind is Kind.DYNAMIC_LIST:
            if not isinstance(key, str) or not key:
                self.complain(
                    raw, "form_key", f"The {kind} “{raw.get('label', '')}” needs a key, the name of its variable."
                )
                return
        elif not key or kind is not Kind.GROUP:
            return
        if not isinstance(key, str) or not _KEY.fullmatch(key) or any(map(keyword.iskeyword, key.split("."))):
            self.complain(
                raw, "form_key", f"“{key}” cannot be a variable; use letters, digits and _, beginning with a letter."
            )

    def _check_answerable(self, raw: Mapping[str, Any], component: Component) -> None:
        if component.kind in ANSWERED and not component.label:
            message = f"The field “{component.key}” has no label, so a screen reader cannot name it."
            self.complain(raw, "form_label", message, Severity.WARNING)
        if component.kind in CHOOSING and component.options and component.default is not None:
            chosen = component.default if isinstance(component.default, list) else [component.default]
            offered = [option.value for option in component.options]
            if not all(any(equal(value, offer) for offer in offered) for value in chosen):
                self.complain(raw, "form_default", f"The default of “{component.label}” is none of its options.")

    def _options(self, raw: Mapping[str, Any], kind: Kind) -> tuple[Option, ...]:
        if kind not in CHOOSING:
            return ()
        listed = raw.get("values")
        if not listed and not raw.get("valuesKey") and not raw.get("valuesExpression"):
            self.complain(raw, "form_options", f"“{raw.get('label', '')}” offers no options.")
        options = options_of(listed) if isinstance(listed, list) else ()
        repeated = [value for value, times in Counter(str(option.value) for option in options).items() if times > 1]
        if repeated or len(options) > MOST_OPTIONS:
            which = ", ".join(repeated) if repeated else "too many"
            self.complain(raw, "form_options", f"“{raw.get('label', '')}” offers options twice or too many: {which}.")
        return options

    def _rules(self, raw: Mapping[str, Any]) -> Rules:
        written = raw.get("validate")
        if not isinstance(written, dict):
            return Rules()
        smallest, largest = self._limit(raw, written.get("min")), self._limit(raw, written.get("max"))
        shortest = self._whole(raw, "minLength", written.get("minLength"))
        longest = self._whole(raw, "maxLength", written.get("maxLength"))
        for low, high in ((smallest, largest), (shortest, longest)):
            if isinstance(low, int | Decimal) and isinstance(high, int | Decimal) and low > high:
                self.complain(
                    raw, "form_limits", f"“{raw.get('label', '')}” allows nothing: {low} is more than {high}."
                )
        form = written.get("validationType")
        return Rules(
            is_required=written.get("required") is True,
            smallest=smallest,
            largest=largest,
            shortest=shortest,
            longest=longest,
            pattern=self._pattern(raw, written.get("pattern")),
            pattern_message=str(written["patternErrorMessage"]) if written.get("patternErrorMessage") else None,
            form=form if form in _FORMS_OF_TEXT else None,
        )

    def _pattern(self, raw: Mapping[str, Any], pattern: Any) -> str | None:
        if not isinstance(pattern, str) or not pattern:
            return None
        try:
            compile_pattern(pattern)
        except ExpressionError as error:
            self.complain(raw, "form_pattern", f"“{raw.get('label', '')}”: {error}")
            return None
        return pattern

    def _condition(self, raw: Mapping[str, Any]) -> Expression | None:
        conditional = raw.get("conditional")
        return self._compiled(raw, "form_condition", conditional.get("hide") if isinstance(conditional, dict) else None)

    def _readonly(self, raw: Mapping[str, Any]) -> bool | Expression:
        written = raw.get("readonly")
        return written if isinstance(written, bool) else self._compiled(raw, "form_condition", written) or False

    def _compiled(self, raw: Mapping[str, Any], code: str, text: Any) -> Expression | None:
        if text in (None, "", False):
            return None
        try:
            return compile_expression(str(text))
        except ExpressionError as error:
            self.complain(
                raw, code, f"“{raw.get('label') or raw.get('key') or raw.get('id')}”, “{str(text)[:80]}”: {error}"
            )
            return None

    def _limit(self, raw: Mapping[str, Any], written: Any) -> Decimal | Expression | None:
        if isinstance(written, str) and written.lstrip().startswith("="):
            return self._compiled(raw, "form_limits", written)
        return self._number(raw, "a limit", written)

    def _number(self, raw: Mapping[str, Any], what: str, written: Any) -> Decimal | None:
        if written in (None, "") or isinstance(written, bool):
            return None
        try:
            number = Decimal(str(written))
        except ArithmeticError:
            number = Decimal("NaN")
        if not number.is_finite() or abs(number.adjusted()) > 100:  # noqa: PLR2004  (digits of any sensible limit)
            self.complain(
                raw, "form_limits", f"“{raw.get('label', '')}”: {what} is “{str(written)[:80]}”, which is no number."
            )
            return None
        return number

    def _whole(self, raw: Mapping[str, Any], what: str, written: Any) -> int | None:
        number = self._number(raw, what, written)
        if number is not None and (number != int(number) or number < 0 or number > LARGEST_FORM):
            self.complain(raw, "form_limits", f"“{raw.get('label', '')}”: {what} is no whole number above zero.")
            return None
        return None if number is None else int(number)

    def _date_kind(self, raw: Mapping[str, Any]) -> DateKind:
        try:
            return DateKind(raw.get("subtype", "date"))
        except ValueError:
            self.complain(raw, "form_component", f"“{raw.get('subtype')}” is neither date, time nor datetime.")
            return DateKind.DATE

    def _refuse_repeated(self, components: tuple[Component, ...], path: str = "") -> None:
        keys = Counter(key for component in components for key in _keys(component, path))
        for key in sorted(key for key, times in keys.items() if times > 1):
            self.complain({"key": key}, "form_key_repeated", f"Several fields have the key “{key}”; give each its own.")
        for key in sorted(keys):
            above = key.rpartition(".")[0]
            if above in keys:
                self.complain(
                    {"key": key}, "form_key_repeated", f"“{key}” lies inside of “{above}”, which is a field itself."
                )
        for component in components:
            for inner in component.walk():
                if inner.kind is Kind.DYNAMIC_LIST:
                    self._refuse_repeated(inner.components, f"{inner.key}[].")


def options_of(listed: list[Any]) -> tuple[Option, ...]:
    """Read options as form-js writes them, or a plain list of values."""
    options = []
    for entry in listed:
        if isinstance(entry, dict) and "value" in entry:
            options.append(Option(entry["value"], str(entry.get("label") or entry["value"])))
        elif isinstance(entry, str | int | Decimal):
            options.append(Option(entry, str(entry)))
    return tuple(options)


def _keys(component: Component, path: str) -> list[str]:
    if component.kind is Kind.GROUP:
        inner = f"{path}{component.key}." if component.key else path
        return [key for child in component.components for key in _keys(child, inner)]
    return [path + component.key] if component.key else []


def _adornment(raw: Mapping[str, Any], side: str) -> str:
    appearance = raw.get("appearance")
    return str(appearance.get(side) or "") if isinstance(appearance, dict) else ""


def _layout(raw: Mapping[str, Any], name: str, sort: Callable[[Any], Any]) -> Any:
    layout = raw.get("layout")
    value = layout.get(name) if isinstance(layout, dict) else None
    if sort is int:
        return value if type(value) is int and 0 < value <= _WIDEST else None
    return None if value is None else sort(value)
