"""Work items: listed, looked at, claimed, given back and completed."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any

from flask import Response, url_for
from flask_openapi3.blueprint import APIBlueprint

from engine.forms.cache import form_file
from engine.worklist import check_may_complete
from storage.beside import Beside
from storage.database import Transaction
from storage.search import Filter
from storage.views import ParcelView
from storage.work import WorkItem
from storage.worklist import ItemInHand, Place
from web import desk as desks
from web.api import shapes
from web.api.answering import answer, next_page
from web.api.asking import RequestRefused, reads
from web.api.parcels import field_line
from web.context import person, system
from web.desk import Accepted, Desk, checked_in_hand, desk, form_in_hand
from web.problems import Detailed
from web.repeats import Keep, once, once_within
from web.rights import Right, needs
from web.tokens import Scope, scoped
from web.work_rows import place_text, read_place

api = APIBlueprint("work", __name__)


class AnswersRefused(Detailed):
    """Some answers cannot be taken as they are; correct the fields that are listed."""

    code = "answers_refused"

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__(
            "Some answers cannot be taken as they are; correct the fields that are listed.", fields=dict(fields)
        )


@api.get("/work-items", summary="List work items", responses={200: shapes.WorkItemPage})
@needs(Right.WORK)
@scoped(Scope.WORK_READ)
@reads
def find(query: shapes.WorkQuery) -> Response:
    """List what the person has on the table, or what its groups may take; the soonest due first."""
    after = _place(query.after)
    with system().database.reading() as tx:
        items = _listed(tx, query, after)
        lines = _lines(tx, items[: query.limit])
    more = place_text(items[query.limit - 1]) if len(items) > query.limit else None
    return answer(shapes.WorkItemPage(items=lines, next=next_page(more)))


@api.get("/work-items/<int:item_id>", summary="Look at a work item", responses={200: shapes.WorkItem})
@needs(Right.WORK)
@scoped(Scope.WORK_READ)
@reads
def show(path: shapes.WorkItemPath) -> Response:
    """Show a work item with its form and what that is filled with."""
    with system().database.reading() as tx:
        on_desk = desk(tx, person(), path.item_id)
        [line] = _lines(tx, [on_desk.item])
        return answer(
            shapes.WorkItem(
                **dict(line),
                instructions=on_desk.item.instructions,
                outcome_field=on_desk.item.outcome_field,
                form=_schema(tx, on_desk),
                variables=dict(on_desk.filling.variables),
                fields=[field_line(field) for field in on_desk.filling.readings.values()],
            )
        )


@api.post("/work-items/<int:item_id>/claim", summary="Claim a work item", responses={200: shapes.WorkItemLine})
@needs(Right.WORK)
@scoped(Scope.WORK_WRITE)
@reads
def claim(path: shapes.WorkItemPath, header: shapes.Repeatable) -> Response:  # noqa: ARG001 - for the document
    """Take the item; who comes second is told who has it, and since when."""

    def act() -> Response:
        system().worklist.claim(path.item_id, person())
        return _line_of(path.item_id)

    return once(act)


@api.post("/work-items/<int:item_id>/release", summary="Give a work item back", responses={200: shapes.WorkItemLine})
@needs(Right.WORK)
@scoped(Scope.WORK_WRITE)
@reads
def release(path: shapes.WorkItemPath, header: shapes.Repeatable) -> Response:  # noqa: ARG001 - for the document
    """Give the item back, so that it waits for all of its groups again."""

    def act() -> Response:
        system().worklist.release(path.item_id, person())
        return _line_of(path.item_id)

    return once(act)


@api.post("/work-items/<int:item_id>/complete", summary="Complete a work item", responses={200: shapes.Completed})
@needs(Right.WORK)
@scoped(Scope.WORK_WRITE)
@reads
def complete(
    path: shapes.WorkItemPath,
    header: shapes.Repeatable,  # noqa: ARG001 - for the document
    body: shapes.Completion,
) -> Response:
    """Check the answers by the form and complete the item, which claims one that nobody has."""
    return once_within(lambda keep: _complete(path.item_id, body.answers, keep))


def _complete(item_id: int, answers: Mapping[str, Any], keep: Keep) -> Response:
    actor = person()
    made: list[Response] = []

    def accept(tx: Transaction, hand: ItemInHand) -> Accepted:
        check_may_complete(tx, hand, actor)
        tx.processes.usable(hand.instance)
        return _accepted(tx, hand, answers)

    def also(tx: Transaction, _beside: Beside) -> None:
        made.append(answer(shapes.Completed(id=item_id, completed_by=actor.name, completed_at=tx.now)))
        keep(tx, made[-1])

    desks.complete(item_id, actor, accept, also)
    return made[-1]


def _accepted(tx: Transaction, hand: ItemInHand, answers: Mapping[str, Any]) -> Accepted:
    form = form_in_hand(tx, hand)
    if form is None:
        if answers:
            raise AnswersRefused(dict.fromkeys(answers, "This work item has no form, so it takes no answers."))
        return Accepted()
    found = checked_in_hand(tx, hand, form, answers)
    unknown = dict.fromkeys(found.unknown, "The form has no such field.")
    if found.errors or unknown:
        raise AnswersRefused({**unknown, **found.errors})
    return Accepted(form, found.values)


def _place(text: str | None) -> Place | None:
    if text is None:
        return None
    place = read_place(text)
    if place is None or place.due_order.tzinfo is not UTC or not 0 < place.item_id < 2**53:
        raise RequestRefused([("query.after", "it is no place in this list")])
    return place


def _listed(tx: Transaction, query: shapes.WorkQuery, after: Place | None) -> Sequence[WorkItem]:
    if query.which == "mine":
        return tx.work.mine(person(), after, query.limit + 1)
    return tx.work.pool(person(), query.group, after, query.limit + 1)


def _line_of(item_id: int) -> Response:
    with system().database.reading() as tx:
        [line] = _lines(tx, [tx.work.one(item_id)])
        return answer(line)


def _lines(tx: Transaction, items: Sequence[WorkItem]) -> list[shapes.WorkItemLine]:
    views = _views(tx, items)
    names = tx.people.names([item.assignee_id for item in items if item.assignee_id is not None])
    return [_line(item, views.get(item.parcel_id or 0), names) for item in items]


def _line(item: WorkItem, view: ParcelView | None, names: Mapping[int, str]) -> shapes.WorkItemLine:
    return shapes.WorkItemLine(
        id=item.id,
        name=item.name,
        process=item.process_key,
        node=item.node,
        state=item.state,
        group=item.candidate_group,
        assignee=None if item.assignee_id is None else names.get(item.assignee_id),
        is_mine=item.assignee_id == person().user_id,
        due_at=item.due_at,
        priority=item.priority,
        created_at=item.created_at,
        claimed_at=item.claimed_at,
        parcel=view.number if view else None,
        order=view.order_number if view else None,
        href=url_for("api.work.show", item_id=item.id),
    )


def _views(tx: Transaction, items: Sequence[WorkItem]) -> Mapping[int, ParcelView]:
    ids = tuple({item.parcel_id for item in items if item.parcel_id is not None})
    found = tx.search.parcels(person(), Filter(parcel_ids=ids), limit=len(ids)).parcels if ids else ()
    return {view.id: view for view in found}


def _schema(tx: Transaction, on_desk: Desk) -> dict[str, Any] | None:
    if on_desk.form is None or on_desk.item.form is None:
        return None
    _, data = form_file(tx, on_desk.hand.instance.deployment_id, on_desk.item.form)
    schema: dict[str, Any] = json.loads(data)
    return schema
