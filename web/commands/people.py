"""`parcelflow people`: add people, set passwords, make and change groups, make tokens."""

import re
import secrets

import click

from storage.audit import SYSTEM_CHAIN
from storage.database import Transaction
from storage.errors import AlreadyExists, NotFound
from storage.people import User
from web.auth import hash_password, set_password
from web.commands.opening import opened_system
from web.rights import SHIPPED_ROLES
from web.tokens import Scope, issue
from web.tokens import revoke as take_out_of_force

ACTOR = "command line"
LOGIN = re.compile(r"[A-Za-z0-9._@+-]{2,100}")
GROUP_KEY = re.compile(r"[a-z][a-z0-9_]{1,62}")
SCOPES = click.Choice([scope.value for scope in Scope])


@click.group()
def people() -> None:
    """Add people, set their passwords, change their groups, make tokens for their programs."""


@people.command()
@click.argument("login")
@click.option("--name", help="Name that others see; the login if not given.")
@click.option("--email", help="Mail address.")
@click.option("--role", "roles", multiple=True, help="Role to have, by the group of that name; may be repeated.")
@click.option("--group", "groups", multiple=True, help="Group to be in, by key; may be repeated.")
@click.option("--customer", help="Customer number, for somebody who follows orders from outside.")
@click.option("--password", help="Password; a generated one is printed if not given. Seen by others on this machine.")
def add(  # noqa: PLR0917 - click passes them by name
    login: str,
    name: str | None,
    email: str | None,
    roles: tuple[str, ...],
    groups: tuple[str, ...],
    customer: str | None,
    password: str | None,
) -> None:
    """Add a person."""
    if not LOGIN.fullmatch(login):
        raise click.UsageError("A name to sign in with has 2 to 100 letters, digits or . _ @ + -")
    word = password or secrets.token_urlsafe(12)
    with opened_system() as system, system.database.transaction() as tx:
        user = User(login=login, display_name=name or login, email=email, created_at=tx.now)
        user.password_hash = hash_password(word)
        user.customer_id = _customer_id(tx, customer)
        tx.people.add(user, [*groups, *(_group_granting(tx, role) for role in roles)])
        tx.audit.record(SYSTEM_CHAIN, ACTOR, "person_added", login, {"groups": sorted(groups), "roles": sorted(roles)})
    click.echo(f"Added {login}." if password else f"Added {login} with the password {word}")


@people.command()
@click.argument("login")
@click.option("--password", help="The new password; a generated one is printed if not given.")
def password(login: str, password: str | None) -> None:
    """Set a person's password and end the person's sessions."""
    word = password or secrets.token_urlsafe(12)
    with opened_system() as system, system.database.transaction() as tx:
        set_password(tx, _person(tx, login).id, word, ACTOR)
    click.echo(f"Set the password of {login}." if password else f"Set the password of {login} to {word}")


@people.command()
@click.argument("login")
@click.argument("groups", nargs=-1)
def groups(login: str, groups: tuple[str, ...]) -> None:
    """Show the groups of a person, or make the person a member of exactly these."""
    with opened_system() as system, system.database.transaction() as tx:
        user = _person(tx, login)
        if groups:
            tx.people.set_groups(user.id, groups)
            tx.audit.record(SYSTEM_CHAIN, ACTOR, "groups_set", login, {"groups": sorted(groups)})
        click.echo(" ".join(sorted(tx.people.groups_of(user.id))) or f"{login} is in no group.")


@people.command()
@click.argument("key")
@click.option("--name", help="Name that others see; made of the key if not given.")
@click.option("--role", "roles", multiple=True, help="Role that it grants; may be repeated.")
def group(key: str, name: str | None, roles: tuple[str, ...]) -> None:
    """Make the group KEY, as diagrams name it; a group that is there is changed by an administrator in the browser."""
    if not GROUP_KEY.fullmatch(key):
        raise click.UsageError("A key has 2 to 63 small letters, digits or _, and begins with a letter.")
    with opened_system() as system, system.database.transaction() as tx:
        if any(one.key == key for one in tx.people.groups()):
            raise AlreadyExists(f"There is a group {key} already; choose another key, or change it in the browser.")
        for role in roles:
            _check_role(tx, role)
        made = tx.people.put_group(key, name or key.replace("_", " ").capitalize(), roles)
        tx.audit.record(SYSTEM_CHAIN, ACTOR, "group_changed", f"group {key}", {"roles": sorted(roles)})
        click.echo(f"Made the group {key} ({made.name}).")


@people.command()
@click.argument("login")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    type=SCOPES,
    help="May be repeated.",
)
@click.option("--days", type=int, default=30, show_default=True, help="Days it is in force.")
@click.option("--name", default=ACTOR, show_default=True, help="What it is for.")
def token(login: str, scopes: tuple[str, ...], days: int, name: str) -> None:
    """Make a token for the REST interface and print it; it is kept nowhere."""
    with opened_system() as system, system.database.transaction() as tx:
        user = _person(tx, login)
        text, _ = issue(tx, user.id, name=name, scopes=scopes, days=days, actor=ACTOR)
    click.echo(text)


@people.command()
@click.argument("login")
def tokens(login: str) -> None:
    """List a person's tokens: how each begins, what for, what it may, until when, and when it was used last."""
    with opened_system() as system, system.database.reading() as tx:
        found = tx.people.tokens(_person(tx, login).id)
        for one in found:
            end = f"revoked {one.revoked_at:%Y-%m-%d}" if one.revoked_at else f"until {one.expires_at:%Y-%m-%d}"
            used = f"used {one.last_used_at:%Y-%m-%d}" if one.last_used_at else "never used"
            click.echo(f"pf_{one.prefix}  {end}  {used}  {','.join(one.scopes)}  {one.name}")
        if not found:
            click.echo(f"{login} has no tokens.")


@people.command()
@click.argument("login")
@click.argument("beginning")
def revoke(login: str, beginning: str) -> None:
    """Take a person's token that begins with BEGINNING (pf_ and 12 signs) out of force."""
    with opened_system() as system, system.database.transaction() as tx:
        user = _person(tx, login)
        prefix = beginning.removeprefix("pf_")
        found = next((one.id for one in tx.people.tokens(user.id) if one.prefix == prefix), 0)
        take_out_of_force(tx, found, user.id, actor=ACTOR)
    click.echo(f"pf_{prefix} opens nothing any more.")


def _person(tx: Transaction, login: str) -> User:
    user = tx.people.with_login(login)
    if user is None:
        raise NotFound(f"There is nobody with the login {login}; add the person first.")
    return user


def _customer_id(tx: Transaction, number: str | None) -> int | None:
    if number is None:
        return None
    party = tx.orders.party_numbered(number)
    if party is None:
        raise NotFound(f"There is no customer {number}; import the customers first.")
    return party.id


def _group_granting(tx: Transaction, role: str) -> str:
    """Give a group that grants just this role, made if there is none."""
    _check_role(tx, role)
    for group in tx.people.groups():
        if tx.people.roles_of_group(group.id) == {role}:
            return group.key
    return tx.people.put_group(role, role.replace("_", " ").capitalize(), [role]).key


def _check_role(tx: Transaction, role: str) -> None:
    known = sorted({one.key for one in tx.people.roles()} | SHIPPED_ROLES)
    if role not in known:
        raise NotFound(f"There is no role {role}; choose among {', '.join(known)}.")
