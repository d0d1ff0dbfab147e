"""Orders with their lines, and the parties (customers) they come from."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ForeignKey, String, UniqueConstraint, delete, func, select
from sqlalchemy.orm import Mapped, mapped_column

from storage.base import Base, ExactDecimal, Unit, identity
from storage.errors import NotFound
from storage.numbering import next_number, yearly_number


class Party(Base):
    """A customer: master data."""

    __tablename__ = "party"

    id: Mapped[int] = identity()
    number: Mapped[str] = mapped_column(String(32), unique=True, default="")
    name: Mapped[str]
    street: Mapped[str] = mapped_column(default="")
    postcode: Mapped[str] = mapped_column(String(32), default="")
    city: Mapped[str] = mapped_column(default="")
    country: Mapped[str] = mapped_column(String(2), default="")
    email: Mapped[str | None] = mapped_column(String(320), default=None, index=True)
    mail_domain: Mapped[str | None] = mapped_column(String(255), default=None, index=True)
    vat_id: Mapped[str | None] = mapped_column(String(32), default=None, index=True)
    phone: Mapped[str | None] = mapped_column(String(64), default=None)


class Order(Base):
    """The business object that arises from a parcel; it shows the parcel's status."""

    __tablename__ = "order"

    id: Mapped[int] = identity()
    parcel_id: Mapped[int] = mapped_column(ForeignKey("parcel.id"), unique=True)
    number: Mapped[str] = mapped_column(String(32), unique=True, default="")
    customer_id: Mapped[int | None] = mapped_column(ForeignKey("party.id"), default=None, index=True)
    product: Mapped[str | None] = mapped_column(default=None)
    paper: Mapped[str | None] = mapped_column(default=None)
    format: Mapped[str | None] = mapped_column(default=None)
    run_length: Mapped[int | None] = mapped_column(default=None)
    colours: Mapped[str | None] = mapped_column(default=None)
    finishing: Mapped[str | None] = mapped_column(default=None)
    wanted_on: Mapped[date | None] = mapped_column(default=None)
    remarks: Mapped[str | None] = mapped_column(default=None)
    price: Mapped[Decimal | None] = mapped_column(ExactDecimal(2), default=None)
    currency: Mapped[str] = mapped_column(String(3), default="EUR")
    prepayment: Mapped[Decimal | None] = mapped_column(ExactDecimal(2), default=None)
    planned_start_on: Mapped[date | None] = mapped_column(default=None)
    planned_end_on: Mapped[date | None] = mapped_column(default=None)
    production_started_at: Mapped[datetime | None] = mapped_column(default=None)
    production_finished_at: Mapped[datetime | None] = mapped_column(default=None)
    is_delayed: Mapped[bool] = mapped_column(default=False)
    template_order_id: Mapped[int | None] = mapped_column(ForeignKey("order.id"), default=None)
    extra: Mapped[dict[str, Any]] = mapped_column(default_factory=dict)


class OrderLine(Base):
    """One position of an order."""

    __tablename__ = "order_line"
    __table_args__ = (UniqueConstraint("order_id", "position"),)

    id: Mapped[int] = identity()
    order_id: Mapped[int] = mapped_column(ForeignKey("order.id"))
    position: Mapped[int]
    description: Mapped[str]
    quantity: Mapped[Decimal] = mapped_column(ExactDecimal(3))
    unit: Mapped[str] = mapped_column(String(32), default="")
    unit_price: Mapped[Decimal | None] = mapped_column(ExactDecimal(4), default=None)
    amount: Mapped[Decimal | None] = mapped_column(ExactDecimal(2), default=None)


class Orders:
    """The orders of one transaction, and their customers."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit

    def add(self, order: Order) -> Order:
        """Store a new order; it gets its number."""
        order.number = order.number or yearly_number(self._unit, "O")
        self._unit.add(order)
        return order

    def one(self, order_id: int) -> Order:
        """Give the order by id; raises `NotFound`."""
        order = self._unit.session.get(Order, order_id)
        if order is None:
            raise NotFound("There is no such order; look for it in the list.")
        return order

    def numbered(self, number: str) -> Order:
        """Give the order by its number; raises `NotFound`."""
        order = self._unit.session.scalar(select(Order).where(Order.number == number))
        if order is None:
            raise NotFound(f"There is no order {number}; look for it in the list.")
        return order

    def of_parcel(self, parcel_id: int) -> Order | None:
        """Give the order that arose from the parcel, if any."""
        return self._unit.session.scalar(select(Order).where(Order.parcel_id == parcel_id))

    def is_first_of_customer(self, order: Order) -> bool:
        """Tell whether its customer has sent no earlier order."""
        self._unit.session.flush()
        earlier = select(Order.id).where(Order.customer_id == order.customer_id, Order.id < order.id).limit(1)
        return self._unit.session.scalar(earlier) is None

    def put_lines(self, order_id: int, lines: Sequence[OrderLine]) -> None:
        """Keep the lines of an order in place of earlier ones; positions count from 1."""
        self._unit.session.execute(delete(OrderLine).where(OrderLine.order_id == order_id))
        for position, line in enumerate(lines, start=1):
            line.order_id, line.position = order_id, position
        self._unit.add(*lines)

    def lines(self, order_id: int) -> Sequence[OrderLine]:
        """Give the lines of an order."""
        statement = select(OrderLine).where(OrderLine.order_id == order_id).order_by(OrderLine.position)
        return self._unit.session.scalars(statement).all()

    def add_party(self, party: Party) -> Party:
        """Store a new customer; without a number it gets the next one."""
        party.number = party.number or f"C-{next_number(self._unit, 'C'):05d}"
        self._unit.add(party)
        return party

    def party(self, party_id: int) -> Party:
        """Give the customer by id; raises `NotFound`."""
        party = self._unit.session.get(Party, party_id)
        if party is None:
            raise NotFound("There is no such customer.")
        return party

    def party_numbered(self, number: str) -> Party | None:
        """Give the customer by number."""
        return self._unit.session.scalar(select(Party).where(Party.number == number))

    def parties(self) -> Sequence[Party]:
        """Give all customers by name."""
        return self._unit.session.scalars(select(Party).order_by(Party.name, Party.id)).all()

    def parties_mailing_from(self, address: str) -> Sequence[Party]:
        """Give the customers with this mail address; failing that, with its domain."""
        address = address.casefold()
        found = self._unit.session.scalars(select(Party).where(func.lower(Party.email) == address)).all()
        domain = address.rpartition("@")[2]
        return found or self._unit.session.scalars(select(Party).where(func.lower(Party.mail_domain) == domain)).all()
