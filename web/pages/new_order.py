"""A new order by hand: from scratch, or with an earlier order as its template; customers order for themselves only."""

import secrets
from datetime import date
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from engine.forms.form import Form
from storage.database import Transaction
from storage.errors import NotFound
from storage.people import Actor
from storage.views import ParcelView
from web.context import person, system
from web.desk import deployed_form
from web.forms import Filling, Part, checked, typed_answers, with_more
from web.forms import show as lay_out
from web.lists import PROCESS
from web.navigation import say
from web.repeats import once
from web.rights import Right, needs
from web.words import label

pages = Blueprint("new_order", __name__, url_prefix="/orders/new")

FORM = "order_form"
_NOT_TAKEN_OVER = frozenset({"wanted_on", "customer_reference"})
_CUSTOMER = ("customer_number", "customer_name")


@pages.get("")
@needs(Right.ORDER)
def new() -> ResponseReturnValue:
    """Show the order form, filled from an earlier order when one is named."""
    with system().database.reading() as tx:
        form = _form(tx)
        filling = _filling(tx, person(), request.args.get("template"))
    return _page(form, filling)


@pages.post("")
@needs(Right.ORDER)
def create() -> ResponseReturnValue:
    """Take the filled-in form in as a parcel whose document is its PDF; the same request again changes nothing."""
    return once(_create)


def _create() -> ResponseReturnValue:
    from capture.channels.form import form_delivery  # noqa: PLC0415 - drawing a form takes a while to load

    with system().database.reading() as tx:
        form = _form(tx)
        own = _own_customer(tx, person())
    fields = dict(request.form.lists())
    typed = {**with_more(fields, typed_answers(fields, form)), **own}
    filling = Filling(zone=system().zone, typed=typed)
    answers = checked(form, typed, filling, system().clock())
    if answers.errors:
        return _page(form, Filling(zone=system().zone, typed=typed, errors=answers.errors)), 422
    receipt = system().intake.receive(
        form_delivery(
            [(one.label or label(one.key), _printed(answers.values.get(one.key))) for one in form.fields],
            fields={name: _printed(value) for name, value in answers.values.items() if value not in (None, "")},
            request_key=request.form.get("request_key") or secrets.token_urlsafe(16),
            submitted_by=person().user_id,
            received_at=system().clock(),
            sender=person().name,
            customer_id=person().customer_id,
        )
    )
    say(f"Taken in as {receipt.parcel_number}.")
    endpoint = "portal.show" if person().customer_id is not None else "parcels.show"
    return redirect(url_for(endpoint, number=receipt.parcel_number))


def _form(tx: Transaction) -> Form:
    form = deployed_form(tx, PROCESS, FORM)
    if form is None:
        raise NotFound("No order form is in force; a process owner deploys it with the order process.")
    return form


def _filling(tx: Transaction, actor: Actor, template: str | None) -> Filling:
    values: dict[str, Any] = {}
    if template:
        values = _taken_over(tx.search.view_of_order(actor, template))
    return Filling(variables={**values, **_own_customer(tx, actor)}, zone=system().zone)


def _taken_over(view: ParcelView) -> dict[str, Any]:
    """Give what a new order takes over from an earlier one, as far as the person may read it."""
    read = {field.name: field.value for field in view.fields if not field.is_masked}
    known = {name: value for name, value in view.values.items() if view.rights.reads_field(name)}
    return {name: value for name, value in {**read, **known}.items() if name not in _NOT_TAKEN_OVER and value}


def _own_customer(tx: Transaction, actor: Actor) -> dict[str, str]:
    """Give the customer that a customer's person orders for: always their own, whatever was sent."""
    if actor.customer_id is None:
        return {}
    party = tx.orders.party(actor.customer_id)
    return dict(zip(_CUSTOMER, (party.number, party.name), strict=True))


def _page(form: Form, filling: Filling) -> str:
    shown = lay_out(form, filling)
    parts = [part for part in shown.parts if not _is_given(part)]
    return render_template(
        "new_order.html",
        shown=shown,
        parts=parts,
        template=request.args.get("template", ""),
        request_key=request.form.get("request_key") or secrets.token_urlsafe(16),
    )


def _is_given(part: Part) -> bool:
    return person().customer_id is not None and part.name in _CUSTOMER


def _printed(value: Any) -> str:
    if isinstance(value, date):
        return value.isoformat()
    return "" if value is None else ", ".join(map(str, value)) if isinstance(value, list) else str(value)
