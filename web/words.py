"""How values are said on a page: times as people say them, amounts, sizes, and names of what the code calls by key."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from flask import Flask
from markupsafe import Markup, escape

from storage.months import Months
from web.context import system

_NAMES = {
    "qa": "QA",
    "purchase_order": "Purchase order",
    "customer": "Customer",
    "wanted_on": "Wanted date",
    "run_length": "Run length",
    "pdf": "PDF",
    "searchable_pdf": "Searchable PDF",
    "drop_folder": "drop folder",
    "mail_server": "mail",
    "mailbox": "mail",
    "upload": "upload",
    "form": "order form",
    "parcels:read": "Look up parcels and documents",
    "parcels:write": "Bring in files",
    "orders:read": "Look up orders",
    "work:read": "Look up work items",
    "work:write": "Claim and complete work items",
    "deployments:read": "Look up processes",
    "deployments:write": "Put processes in force",
}
_KINDS = {
    "application/pdf": "PDF",
    "image/tiff": "TIFF",
    "image/jpeg": "JPEG",
    "image/png": "PNG",
    "message/rfc822": "mail",
    "text/plain": "text",
    "text/html": "HTML",
    "application/octet-stream": "unknown kind",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "Word",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "Excel",
}
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def tell_words(app: Flask) -> None:
    """Give the templates their words."""
    app.jinja_env.filters.update(
        when=when,
        due=due,
        day=day,
        span=span,
        amount=amount,
        size=size,
        shown=shown,
        label=label,
        kind=media_name,
        percent=percent,
        as_read=as_read,
        breakable=breakable,
    )


def label(key: object) -> str:
    """Say a key as words: `review_price_sheet` becomes "Review price sheet"."""
    text = str(key)
    return _NAMES.get(text) or (text[:1].upper() + text[1:]).replace("_", " ")


def media_name(media_type: str) -> str:
    """Say a media type as people do."""
    return _KINDS.get(media_type, media_type)


def amount(value: Decimal | int | None, currency: str = "") -> str:
    """Write an amount with two places and grouped thousands; a dash for none."""
    if value is None:
        return "–"
    return f"{value:,.2f} {currency}".strip()


def shown(value: object) -> str | Markup:
    """Write any value as people do; a dash for none."""
    if value is None or value == "":
        return "–"
    for kind, write in _WRITERS:
        if isinstance(value, kind):
            return write(value)
    return str(value)


def as_read(text: str, name: str) -> str:
    """Write the value of an index field as people do: dates, which its name tells, as days; a dash for nothing."""
    if name.endswith(("_on", "date")):
        with suppress(ValueError):
            return day(date.fromisoformat(text))
    return text or "–"


def breakable(name: str) -> Markup:
    """Write the name of a file so that a narrow page breaks it between its words."""
    return Markup("").join(Markup("{}<wbr>").format(letter) if letter in "/_-." else escape(letter) for letter in name)


def size(count: int) -> str:
    """Write a number of bytes as people do."""
    value = float(count)
    for unit in ("bytes", "KB", "MB"):
        if value < 1000:  # noqa: PLR2004 - a thousand of one unit is the next
            return f"{value:.0f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"


def percent(share: float) -> str:
    """Write a share of 0 to 1 in per cent; never "100 %" for what is not quite sure."""
    return f"{min(int(share * 100 + 0.5), 100 if share >= 1 else 99)} %"


def day(value: date | None) -> str:
    """Write a day as "Fri 4 Dec"; the year only where it is another one."""
    if value is None:
        return "–"
    year = "" if value.year == _today().year else f" {value.year}"
    return f"{value:%a} {value.day} {value:%b}{year}"


def span(value: timedelta | None) -> str:
    """Write a duration in its two largest parts: "1 d 3 h"."""
    if value is None:
        return "–"
    seconds = int(abs(value.total_seconds()))
    if seconds < _MINUTE:
        return f"{seconds} s"
    if seconds < _HOUR:
        return f"{seconds // _MINUTE} min"
    if seconds < _DAY:
        return _two(seconds, _HOUR, "h", _MINUTE, "min")
    return _two(seconds, _DAY, "d", _HOUR, "h")


def months(value: Months) -> str:
    """Write a duration of years and months: "1 year 2 months"."""
    parts = [
        f"{part} {unit}{'' if abs(part) == 1 else 's'}"
        for part, unit in ((value.years, "year"), (value.rest, "month"))
        if part
    ]
    return " ".join(parts) or "0 months"


def when(value: datetime | None) -> Markup:
    """Write a time as people say it, exact on hover and for machines."""
    if value is None:
        return Markup("–")
    local = value.astimezone(_zone())
    return _time(value, local, _said(local))


def due(value: datetime | None) -> Markup:
    """Write a due time as a chip when it is late or today, plainly otherwise."""
    if value is None:
        return Markup('<span class="quiet">no date</span>')
    now = system().clock()
    local = value.astimezone(_zone())
    if value < now:
        return Markup('<span class="chip bad">{}</span>').format(_time(value, local, f"{span(now - value)} late"))
    if local.date() == _today():
        return Markup('<span class="chip warn">{}</span>').format(_time(value, local, f"today {local:%H:%M}"))
    return _time(value, local, _said(local))


def _said(local: datetime) -> str:
    distance = (local.date() - _today()).days
    near = {0: "today", -1: "yesterday", 1: "tomorrow"}.get(distance)
    return f"{near or day(local.date())} {local:%H:%M}"


def _time(value: datetime, local: datetime, words: str) -> Markup:
    exact = f"{local:%Y-%m-%d %H:%M:%S %Z}"
    return Markup('<time datetime="{}" title="{}">{}</time>').format(value.isoformat(), exact, escape(words))


def _two(seconds: int, large: int, large_name: str, small: int, small_name: str) -> str:
    rest = seconds % large // small
    return f"{seconds // large} {large_name}" + (f" {rest} {small_name}" if rest else "")


def _zone() -> ZoneInfo:
    return system().zone


def _today() -> date:
    return system().clock().astimezone(_zone()).date()


def _listed(value: Mapping[str, object] | Sequence[object]) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{label(name)}: {shown(part)}" for name, part in value.items())
    return ", ".join(map(str, value))


_WRITERS: Sequence[tuple[type | tuple[type, ...], Callable[..., str | Markup]]] = (
    (bool, lambda value: "yes" if value else "no"),
    (Decimal, amount),
    (int, "{:,}".format),
    (datetime, when),
    (date, day),
    (timedelta, span),
    (Months, months),
    ((dict, list, tuple), _listed),
)
