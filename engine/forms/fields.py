"""What a form is made of: its components as form-js (the editor of the process owners) writes them, made into values."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any

from engine.expressions.language import Expression


class Kind(StrEnum):
    """The components of form-js 1.x that are rendered and checked here."""

    TEXT_FIELD = "textfield"
    TEXT_AREA = "textarea"
    NUMBER = "number"
    DATE_TIME = "datetime"
    CHECK_BOX = "checkbox"
    RADIO = "radio"
    SELECT = "select"
    CHECK_LIST = "checklist"
    TAG_LIST = "taglist"
    GROUP = "group"
    DYNAMIC_LIST = "dynamiclist"
    TEXT = "text"
    IMAGE = "image"
    BUTTON = "button"
    SPACER = "spacer"
    SEPARATOR = "separator"


ANSWERED = frozenset(
    {
        Kind.TEXT_FIELD,
        Kind.TEXT_AREA,
        Kind.NUMBER,
        Kind.DATE_TIME,
        Kind.CHECK_BOX,
        Kind.RADIO,
        Kind.SELECT,
        Kind.CHECK_LIST,
        Kind.TAG_LIST,
    }
)
"""The components that a person answers."""
CHOOSING = frozenset({Kind.RADIO, Kind.SELECT, Kind.CHECK_LIST, Kind.TAG_LIST})
"""Those that offer options."""
CHOOSING_SEVERAL = frozenset({Kind.CHECK_LIST, Kind.TAG_LIST})


class DateKind(StrEnum):
    """What a `datetime` component asks for."""

    DATE = "date"
    TIME = "time"
    DATE_TIME = "datetime"


@dataclass(frozen=True, slots=True)
class Option:
    """One choice: what is stored, and what is shown."""

    value: Any
    label: str


@dataclass(frozen=True, slots=True)
class Rules:
    """What an answer must fulfil; a limit may be an expression over the other fields."""

    is_required: bool = False
    smallest: Decimal | Expression | None = None
    largest: Decimal | Expression | None = None
    shortest: int | None = None
    longest: int | None = None
    pattern: str | None = None
    pattern_message: str | None = None
    form: str | None = None
    """`email` or `phone`."""


@dataclass(frozen=True, slots=True)
class Component:
    """One component of a form, with those inside it."""

    kind: Kind
    id: str
    key: str = ""
    """Name of the variable, or dotted path to an entry of one, below the paths of the groups around it."""
    label: str = ""
    description: str = ""
    text: str = ""
    """Markdown of a text, address of an image, action of a button."""
    default: Any = None
    rules: Rules = field(default_factory=Rules)
    hidden_if: Expression | None = None
    readonly: bool | Expression = False
    is_disabled: bool = False
    options: tuple[Option, ...] = ()
    options_from: str | None = None
    """Variable that holds the options."""
    options_expression: Expression | None = None
    decimal_digits: int | None = None
    increment: Decimal | None = None
    is_kept_as_text: bool = False
    date_kind: DateKind = DateKind.DATE
    refuses_past: bool = False
    prefix: str = ""
    suffix: str = ""
    row: str | None = None
    columns: int | None = None
    """Width of sixteen columns."""
    can_grow: bool = False
    repetitions: int = 1
    """Entries that a dynamic list begins with."""
    components: tuple["Component", ...] = ()

    @property
    def looks_at_variables(self) -> bool:
        """Tell whether checking an answer to it asks for a variable, its own or one of a condition or of its options."""
        reasons = (self.hidden_if, self.options_from, self.options_expression)
        return self.is_disabled or self.readonly is not False or any(reason is not None for reason in reasons)

    def walk(self) -> Iterator["Component"]:
        """Give the component and all those inside it."""
        yield self
        for component in self.components:
            yield from component.walk()
