"""The people of the demonstration: they take the work items of their groups and answer the forms."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from engine.forms.form import Form
from storage.people import Actor
from storage.work import WorkItem
from web.assembly import System
from web.demo.arrivals import best_match
from web.demo.orders import WrittenOrder

Say = Callable[[str], None]
REJECTABLE: Mapping[str, tuple[str, str, str]] = {
    "review_price_sheet": ("price_decision", "price_reason", "The price does not fit our last offer."),
    "validate_order": ("quality_decision", "quality_reason", "The paper is too thin for this finishing."),
}
"""Reviews by form: the field of the decision, that of the reason, and what the clerk objects the first time."""


@dataclass(slots=True)
class Clerks:
    """Everybody who works in the demonstration; each kind of review is rejected once."""

    system: System
    orders: Sequence[WrittenOrder]
    say: Say
    rejected: set[str] = field(default_factory=set)

    def work_once(self) -> int:
        """Let everybody complete what waits for them now; gives how many items that were."""
        done = 0
        for actor in self._actors():
            with self.system.database.reading() as tx:
                waiting = [*tx.work.mine(actor), *tx.work.pool(actor)]
            for item in waiting:
                self._complete(actor, item)
                done += 1
        return done

    def _actors(self) -> Sequence[Actor]:
        with self.system.database.reading() as tx:
            people = [user for user in tx.people.all() if user.customer_id is None and user.is_active]
            return [tx.people.actor(user.id) for user in people]

    def _complete(self, actor: Actor, item: WorkItem) -> None:
        with self.system.database.reading() as tx:
            hand = tx.work.in_hand(item.id, actor)
            form = None if hand.form is None else self.system.forms.of(tx, hand.instance.deployment_id, hand.form)
            number = tx.parcels.one(item.parcel_id).number if item.parcel_id else ""
        seen = self.system.engine.variables_at(item.id)
        typed = self._answers(item, form, seen)
        values: Mapping[str, Any] = typed
        if form is not None:
            checked = form.validate(typed, seen, zone=self.system.zone, now=self.system.clock())
            if checked.errors:
                raise ValueError(f"The form {item.form} refuses the answers: {checked.errors}")
            values = checked.values
        self.system.engine.complete(item.id, actor, values)
        told = ", ".join(f"{name} {value}" for name, value in typed.items() if name.endswith(("decision", "reason")))
        self.say(f"  {number}  {actor.name}: {item.name}" + (f" ({told})" if told else ""))

    def _answers(self, item: WorkItem, form: Form | None, seen: Mapping[str, Any]) -> dict[str, str]:
        """Give what the clerk types: what the item is about, and what the form already knows for the rest."""
        own = self._own_answers(item, seen)
        known = {c.key: _typed(seen[c.key]) for c in (form.fields if form else ()) if seen.get(c.key) is not None}
        return {**known, **own}

    def _own_answers(self, item: WorkItem, seen: Mapping[str, Any]) -> dict[str, str]:
        """Give what nobody but the clerk can know."""
        form = item.form or ""
        if form in REJECTABLE:
            return self._review(form)
        if form == "verify_index_fields":
            return {"verification": "order", **self._paper(item).fields}
        today = self.system.clock().astimezone(self.system.zone).date()
        answers = {
            "plan_production": {
                "planned_start_on": today.isoformat(),
                "planned_end_on": (today + timedelta(days=2)).isoformat(),
            },
            "report_start": {"press": "Press 1"},
            "report_finish": {"good_pieces": str(seen.get("run_length", 1))},
            "make_invoice": {"payment_days": "14"},
            "handle_delay": {"delay_reason": "Paper came late.", "delay_answer": "keep_waiting"},
        }
        return answers.get(form, {})

    def _review(self, form: str) -> dict[str, str]:
        decision, reason, objection = REJECTABLE[form]
        if form in self.rejected:
            return {decision: "accept"}
        self.rejected.add(form)
        return {decision: "reject", reason: objection}

    def _paper(self, item: WorkItem) -> WrittenOrder:
        """Look at the paper: the order that this parcel holds."""
        with self.system.database.reading() as tx:
            values = {f.name: f.value for f in tx.parcels.fields(item.parcel_id or 0)}
        return best_match(self.orders, values)


def _typed(value: Any) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
