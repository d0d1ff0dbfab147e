"""Worklists: claim, release and delegate work items, and who may complete them.

Each is one conditional update: of two who want the same item one gets it, and the other is told who has it, since when.
A person may take an item when it is offered to one of the person's groups (or to those of somebody the person stands in
for), and the access matrix lets the person act on the parcel in its present status.
"""

from collections.abc import Callable, Mapping
from typing import Any

from storage.database import Database, Transaction
from storage.errors import Conflict, NotFound, Refused
from storage.failpoints import failpoint
from storage.people import Actor
from storage.worklist import ItemInHand

Answers = Mapping[str, Any] | Callable[[Transaction, ItemInHand], Mapping[str, Any]]
"""Checked answers, or what checks and gives them within the transaction, of the item in hand."""


def check_in_reach(tx: Transaction, item: ItemInHand, actor: Actor) -> None:
    """Check that a work item is offered or given to somebody; raises `NotFound` for anybody else, who hears nothing of it."""
    is_theirs = item.assignee_id in actor.user_ids or item.completed_by_id == actor.user_id
    if not is_theirs and not item.is_for_everybody and not tx.work.is_candidate(item, actor):
        raise NotFound("There is no such work item; look for it in the worklist.")


def check_may_complete(tx: Transaction, item: ItemInHand, actor: Actor) -> None:
    """Check that the person may complete the item; raises `AlreadyTaken`, `Conflict` or `Refused`."""
    if not item.is_open or (item.assignee_id is not None and item.assignee_id not in actor.user_ids):
        raise tx.work.taken(item)
    _check_may_act(tx, item, actor)


def _check_may_act(tx: Transaction, item: ItemInHand, actor: Actor) -> None:
    if item.rights is not None and not item.rights.may_act:
        raise Refused("You may look at this parcel, but not work on it; ask an administrator for the right.")
    if item.assignee_id in actor.user_ids or item.is_for_everybody or tx.work.is_candidate(item, actor):
        return
    raise Refused("This work item is offered to another group; ask one of its people.")


class Worklist:
    """What people do with work items, one transaction each; raises `NotFound` for who has nothing to do with an item."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(self, item_id: int, actor: Actor) -> None:
        """Take an item; taking one's own again changes nothing. Raises `AlreadyTaken` when another was faster.

        What rests with its suspended instance is not taken: raises `Suspended`.
        """
        with self._database.transaction() as tx:
            item = _in_reach(tx, item_id, actor)
            if item.is_open and item.assignee_id == actor.user_id:
                return
            check_may_complete(tx, item, actor)
            tx.processes.usable(item.instance)
            if not tx.work.claim(item_id, actor.user_id):
                raise tx.work.taken(tx.work.in_hand(item_id, actor))
            _record(tx, item, actor, "work.claimed")
            failpoint("claim.before_commit")
        failpoint("claim.committed")

    def release(self, item_id: int, actor: Actor) -> None:
        """Give an item back to its groups; raises `Conflict` when the person does not have it."""
        with self._database.transaction() as tx:
            item = _in_reach(tx, item_id, actor)
            if item.assignee_id not in actor.user_ids or not tx.work.release(item_id, item.assignee_id or 0):
                raise Conflict("You do not have this work item, or it has no group to go back to.")
            _record(tx, item, actor, "work.released")

    def delegate(self, item_id: int, actor: Actor, to_user_id: int) -> None:
        """Hand an item over to another person, who must be allowed to complete it; raises `Refused` otherwise."""
        with self._database.transaction() as tx:
            item = _in_reach(tx, item_id, actor)
            check_may_complete(tx, item, actor)
            receiver = tx.people.actor(to_user_id)
            theirs = tx.work.in_hand(item_id, receiver)
            if (theirs.rights is not None and not theirs.rights.may_act) or not tx.work.is_candidate(theirs, receiver):
                raise Refused(f"{receiver.name} may not do this work; choose somebody of its group.")
            if not tx.work.assign(item_id, item.assignee_id, to_user_id):
                raise tx.work.taken(tx.work.in_hand(item_id, actor))
            _record(tx, item, actor, "work.delegated", {"to": receiver.login})


def _in_reach(tx: Transaction, item_id: int, actor: Actor) -> ItemInHand:
    item = tx.work.in_hand(item_id, actor)
    check_in_reach(tx, item, actor)
    return item


def _record(
    tx: Transaction, item: ItemInHand, actor: Actor, action: str, details: Mapping[str, Any] | None = None
) -> None:
    more = {"node": item.node, **(details or {})}
    tx.audit.record(item.instance.chain, actor.login, action, f"work_item:{item.id}", more)
