"""The public holidays of a country or one of its parts: one door to the library that knows them."""

from datetime import date
from functools import lru_cache

from engine.errors import ExpressionError


def check_place(place: str) -> None:
    """Check a country (`DE`) or a part of one (`DE-SN`), by its ISO 3166 code; raises ExpressionError when it is not known."""
    holiday_dates(place, 2026)


@lru_cache(maxsize=512)
def holiday_dates(place: str, year: int) -> frozenset[date]:
    """Give the public holidays of a place in a year."""
    import holidays  # noqa: PLC0415 - it takes a third of a second, and few need it

    country, _, part = place.partition("-")
    try:
        return frozenset(holidays.country_holidays(country, subdiv=part or None, years=year))
    except (NotImplementedError, KeyError, ValueError) as error:
        message = f"The holidays of “{place[:20]}” are not known; write for example DE, DE-SN or FR."
        raise ExpressionError(message) from error
