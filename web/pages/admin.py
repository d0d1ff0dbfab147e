"""Administration: people, the groups they belong to, and the roles that groups grant."""

import re
import secrets
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from storage.audit import SYSTEM_CHAIN
from storage.database import Transaction
from storage.errors import AlreadyExists, Invalid, NotFound
from storage.people import Substitution, User
from web.auth import hash_password, set_password
from web.context import person, system
from web.navigation import say
from web.rights import Right, needs

pages = Blueprint("admin", __name__, url_prefix="/people")

_LOGIN = re.compile(r"[A-Za-z0-9._@+-]{2,100}")
_KEY = re.compile(r"[a-z][a-z0-9_]{1,62}")


@pages.get("")
@needs(Right.ADMINISTER)
def people() -> ResponseReturnValue:
    """List everybody."""
    with system().database.reading() as tx:
        everybody = tx.people.all()
        groups = {user.id: tx.people.groups_of(user.id) for user in everybody}
        names = {group.key: group.name for group in tx.people.groups()}
        return render_template("people.html", people=everybody, groups=groups, names=names)


@pages.get("/new")
@needs(Right.ADMINISTER)
def new() -> ResponseReturnValue:
    """Ask for a new person."""
    return _form(None, {}, "")


@pages.post("/new")
@needs(Right.ADMINISTER)
def add() -> ResponseReturnValue:
    """Add a person with a first password, which is shown once."""
    password = secrets.token_urlsafe(12)
    try:
        user_id, login = _add(hash_password(password))
    except (Invalid, AlreadyExists, NotFound) as error:
        return _form(None, request.form, error.message), 422
    return render_template("password_once.html", login=login, password=password, user_id=user_id, is_new=True)


@pages.get("/<int:user_id>")
@needs(Right.ADMINISTER)
def show(user_id: int) -> ResponseReturnValue:
    """Show a person."""
    return _form(user_id, {}, "")


@pages.post("/<int:user_id>")
@needs(Right.ADMINISTER)
def change(user_id: int) -> ResponseReturnValue:
    """Change a person's name, address, groups and whether they may sign in; their sessions end when rights change."""
    try:
        with system().database.transaction() as tx:
            user = tx.people.one(user_id)
            before = tx.people.groups_of(user_id), user.is_active
            _fill(tx, user)
            user.is_active = bool(request.form.get("is_active"))
            tx.people.set_groups(user_id, request.form.getlist("groups"))
            after = tx.people.groups_of(user_id), user.is_active
            _check_still_administered(tx)
            if before != after:
                tx.sign_ins.close_all(user_id)
            _note(tx, "person_changed", user, {"groups": sorted(after[0]), "is_active": after[1]})
    except (Invalid, NotFound) as error:
        return _form(user_id, request.form, error.message), 422
    say("Saved.")
    return redirect(url_for("admin.people"))


@pages.post("/<int:user_id>/password")
@needs(Right.ADMINISTER)
def give_password(user_id: int) -> ResponseReturnValue:
    """Give a person a new password, shown once, and end all their sessions."""
    password = secrets.token_urlsafe(12)
    with system().database.transaction() as tx:
        set_password(tx, user_id, password, person().login)
        login = tx.people.one(user_id).login
    return render_template("password_once.html", login=login, password=password, user_id=user_id, is_new=False)


@pages.post("/<int:user_id>/substitution")
@needs(Right.ADMINISTER)
def substitute(user_id: int) -> ResponseReturnValue:
    """Let somebody stand in for a person for some days."""
    try:
        _substitute(user_id)
    except (Invalid, NotFound) as error:
        return _form(user_id, {}, error.message), 422
    say("Saved.")
    return redirect(url_for("admin.show", user_id=user_id))


@pages.get("/groups")
@needs(Right.ADMINISTER)
def groups() -> ResponseReturnValue:
    """Show which group grants which roles."""
    return _groups_page("")


@pages.post("/groups")
@needs(Right.ADMINISTER)
def put_group() -> ResponseReturnValue:
    """Make a group, or change its name and roles."""
    try:
        _put_group(request.form.get("key", "").strip(), request.form.get("name", "").strip())
    except Invalid as error:
        return _groups_page(error.message), 422
    say("Saved. Its members sign in again.")
    return redirect(url_for("admin.groups"))


@pages.post("/roles")
@needs(Right.ADMINISTER)
def put_role() -> ResponseReturnValue:
    """Make a role, or change its name."""
    try:
        _put_role(request.form.get("key", "").strip(), request.form.get("name", "").strip())
    except Invalid as error:
        return _groups_page(error.message), 422
    say("Saved. Give the role to a group, and rights to the role in the access table of a process.")
    return redirect(url_for("admin.groups"))


def _add(hashed: str) -> tuple[int, str]:
    login = request.form.get("login", "").strip()
    if not _LOGIN.fullmatch(login):
        raise Invalid("A name to sign in with has 2 to 100 letters, digits or . _ @ + -")
    groups = request.form.getlist("groups")
    with system().database.transaction() as tx:
        user = User(login=login, display_name="", created_at=tx.now, password_hash=hashed)
        _fill(tx, user)
        tx.people.add(user, groups)
        _note(tx, "person_added", user, {"groups": sorted(set(groups))})
        return user.id, login


def _substitute(user_id: int) -> None:
    begins, ends = _days(request.form.get("from"), request.form.get("until"))
    with system().database.transaction() as tx:
        other = tx.people.one(request.form.get("substitute", 0, type=int))
        if other.id == user_id:
            raise Invalid("Nobody stands in for themselves; choose another person.")
        tx.people.substitute(Substitution(absent_id=user_id, substitute_id=other.id, begins_at=begins, ends_at=ends))
        _note(tx, "substitution_set", tx.people.one(user_id), {"by": other.login, "from": begins, "until": ends})


def _put_role(key: str, name: str) -> None:
    _check_named(key, name)
    with system().database.transaction() as tx:
        tx.people.put_role(key, name[:100])
        tx.audit.record(SYSTEM_CHAIN, person().login, "role_changed", f"role {key}", {"name": name[:100]})


def _check_named(key: str, name: str) -> None:
    if not _KEY.fullmatch(key):
        raise Invalid("A key has 2 to 63 small letters, digits or _, and begins with a letter.")
    if not name:
        raise Invalid("Give it a name.")


def _put_group(key: str, name: str) -> None:
    _check_named(key, name)
    with system().database.transaction() as tx:
        roles = sorted(set(request.form.getlist("roles")) & {role.key for role in tx.people.roles()})
        tx.people.put_group(key, name[:100], roles)
        _check_still_administered(tx)
        for member in tx.people.members(key):
            tx.sign_ins.close_all(member.id)
        tx.audit.record(SYSTEM_CHAIN, person().login, "group_changed", f"group {key}", {"roles": roles})


def _fill(tx: Transaction, user: User) -> None:
    user.display_name = request.form.get("display_name", "").strip()[:200]
    if not user.display_name:
        raise Invalid("Give the person a name.")
    user.email = request.form.get("email", "").strip()[:320] or None
    number = request.form.get("customer", "").strip()
    customer = tx.orders.party_numbered(number) if number else None
    if number and customer is None:
        raise Invalid(f"There is no customer {number}.")
    user.customer_id = customer.id if customer else None


def _check_still_administered(tx: Transaction) -> None:
    if not any("administrator" in tx.people.actor(user.id).roles for user in tx.people.all() if user.is_active):
        raise Invalid("Nobody would be left to administer; give somebody else the role first.")


def _days(first: str | None, last: str | None) -> tuple[datetime, datetime]:
    try:
        begins, ends = date.fromisoformat(first or ""), date.fromisoformat(last or "") + timedelta(days=1)
    except ValueError as error:
        raise Invalid("Give the first and the last day.") from error
    if begins >= ends:
        raise Invalid("The last day comes before the first.")
    zone = system().zone
    return (
        datetime.combine(begins, time(), zone).astimezone(UTC),
        datetime.combine(ends, time(), zone).astimezone(UTC),
    )


def _form(user_id: int | None, typed: Mapping[str, str], error: str) -> str:
    with system().database.reading() as tx:
        user = tx.people.one(user_id) if user_id else None
        everybody = tx.people.all()
        customer = tx.orders.party(user.customer_id) if user and user.customer_id else None
        return render_template(
            "person.html",
            user=user,
            typed=typed,
            error=error,
            groups=tx.people.groups(),
            held=tx.people.groups_of(user.id) if user else frozenset(),
            customer=customer,
            others=[other for other in everybody if other.is_active and other.id != user_id],
            substitutions=[one for one in tx.people.substitutions() if one.absent_id == user_id],
            names={other.id: other.display_name for other in everybody},
        )


def _groups_page(error: str) -> str:
    with system().database.reading() as tx:
        everything = [(group, tx.people.roles_of_group(group.id)) for group in tx.people.groups()]
        return render_template("groups.html", groups=everything, roles=tx.people.roles(), error=error)


def _note(tx: Transaction, action: str, user: User, details: dict[str, object]) -> None:
    tx.audit.record(SYSTEM_CHAIN, person().login, action, f"person {user.login}", details)
