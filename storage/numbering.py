"""Running numbers without gaps, for parcels, orders and customers: one row a series."""

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from storage.base import Base, Unit


class NumberSeries(Base):
    """A series of numbers and the last one given."""

    __tablename__ = "number_series"

    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    last: Mapped[int]


def next_number(unit: Unit, series: str) -> int:
    """Give the next number of the series; it is given back when the transaction fails."""
    statement = (
        unit.insert(NumberSeries)
        .values(name=series, last=1)
        .on_conflict_do_update(index_elements=["name"], set_={"last": NumberSeries.last + 1})
        .returning(NumberSeries.last)
    )
    return unit.connection.execute(statement).scalar_one()


def yearly_number(unit: Unit, prefix: str) -> str:
    """Give the next number of this year, such as `P-2026-000001`."""
    year = unit.now.year
    return f"{prefix}-{year}-{next_number(unit, f'{prefix}-{year}'):06d}"
