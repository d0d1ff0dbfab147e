"""What `make run` puts into an empty installation: sample people, customers, the shipped workflows, and sample parcels."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from random import Random
from types import MappingProxyType

import click

from capture.delivery import Delivery, Enclosure
from engine.deployment import deploy, read_folder
from storage.audit import SYSTEM_CHAIN
from storage.database import Transaction
from storage.orders import Party
from storage.people import User
from web.assembly import System
from web.auth import hash_password
from web.customer_files import read_customers as read_customer_rows
from web.demo.orders import Customer, read_customers, write_order
from web.demo.papers import draw_page, fax, scan, word_document

GROUPS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "manager": ("Managers", "manager"),
        "accounting": ("Accounting", "accountant"),
        "qa": ("QA", "quality"),
        "planning": ("Planning", "planner"),
        "production": ("Production", "production"),
        "administrators": ("Administrators", "administrator"),
        "process_owners": ("Process owners", "process_owner"),
        "customers": ("Customers", "customer"),
    }
)
"""The groups of a printing house: name, and the role that each grants."""

PEOPLE: Sequence[tuple[str, str, str]] = (
    ("manager", "Maren Vogt", "manager"),
    ("accountant", "Ada Winter", "accounting"),
    ("quality", "Quentin Roth", "qa"),
    ("planner", "Paula Lindner", "planning"),
    ("production", "Pavel Novak", "production"),
    ("administrator", "Arne Holm", "administrators"),
    ("owner", "Olga Peters", "process_owners"),
    ("customer", "Karla Ost", "customers"),
)
SAMPLE_SEED = 2026


@dataclass(frozen=True, slots=True)
class SignIn:
    """A sample person's login and generated password."""

    login: str
    name: str
    password: str


def workflow_folder(name: str = "order") -> Path:
    """Give the folder of a shipped workflow."""
    return Path(str(resources.files("workflows") / name))


def feed(system: System) -> None:
    """Fill an installation in which nobody can sign in yet, and print the sign-ins once; else leave everything alone."""
    with system.database.reading() as tx:
        if tx.people.all():
            click.echo("People are here already, so no samples are fed.")
            return
    sign_ins = add_sample_people(system)
    deploy_shipped(system)
    click.echo(f"\n  {'sign in as':<16}{'password':<20}name")
    for each in sign_ins:
        click.echo(f"  {each.login:<16}{each.password:<20}{each.name}")
    click.echo("\n  These passwords are shown only now. Change one with: parcelflow people password LOGIN\n")
    feed_parcels(system)


def put_groups(tx: Transaction) -> None:
    """Make the groups of the shipped workflows, with the roles they grant."""
    for key, (name, role) in GROUPS.items():
        tx.people.put_group(key, name, [role])


def add_sample_people(system: System) -> list[SignIn]:
    """Make groups, customers and one person for each role, with generated passwords."""
    sign_ins = [SignIn(login, name, secrets.token_urlsafe(9)) for login, name, _ in PEOPLE]
    hashes = [hash_password(each.password) for each in sign_ins]
    with system.database.transaction() as tx:
        put_groups(tx)
        parties = [tx.orders.add_party(Party(**row)) for row in _customer_rows()]  # type: ignore[arg-type]  # all text
        for (login, name, group), word in zip(PEOPLE, hashes, strict=True):
            user = User(login=login, display_name=name, created_at=tx.now, password_hash=word)
            user.customer_id = parties[0].id if group == "customers" else None
            tx.people.add(user, [group])
            tx.audit.record(SYSTEM_CHAIN, "samples", "person_added", login, {"groups": [group]})
    return sign_ins


def deploy_shipped(system: System) -> None:
    """Put the shipped order workflow in force."""
    files = read_folder(workflow_folder())
    deploy(system.database, system.surroundings(), files, login="samples", note="Shipped with Parcelflow", name="order")


def feed_parcels(system: System) -> None:
    """Let a few orders arrive: a scan, a fax and a word processor's file."""
    random = Random(SAMPLE_SEED)  # noqa: S311 - the same samples every time are wanted
    today = system.clock().astimezone(system.zone).date()
    customers = sample_customers()
    orders = [write_order(random, customers, today) for _ in range(3)]
    files = [
        Enclosure("scan.tif", "image/tiff", scan([draw_page(orders[0], random)], random)),
        Enclosure("fax.tif", "image/tiff", fax(draw_page(orders[1], random))),
        Enclosure("order.docx", "application/octet-stream", word_document(orders[2])),
    ]
    for file in files:
        delivery = Delivery("samples", file.file_name, system.clock(), (file,), subject=file.file_name)
        system.intake.receive(delivery)


def sample_customers() -> list[Customer]:
    """Give the shipped sample customers."""
    return read_customers((workflow_folder() / "samples" / "customers.csv").read_text(encoding="utf-8"))


def _customer_rows() -> list[dict[str, str]]:
    return read_customer_rows(workflow_folder() / "samples" / "customers.csv")
