"""What every page shows around its content: the rail of the person's places, theme and messages."""

from dataclasses import dataclass

from flask import Flask, current_app, request, session

from storage.people import Actor
from web.context import person_or_none
from web.rights import Right, allows

THEMES = ("auto", "light", "dark")
THEME_COOKIE = "theme"


@dataclass(frozen=True, slots=True)
class Place:
    """An entry of the rail: its words, the route it leads to, and the right it needs."""

    words: str
    endpoint: str
    right: Right
    is_more: bool = False

    @property
    def part(self) -> str:
        """Give the blueprint it belongs to."""
        return self.endpoint.partition(".")[0]


_PLACES = (
    Place("Worklist", "worklist.show", Right.WORK),
    Place("Orders", "orders.find", Right.LOOK_UP),
    Place("Parcels", "parcels.find", Right.LOOK_UP),
    Place("Bring in", "upload.form", Right.BRING_IN),
    Place("Quarantine", "quarantine.waiting", Right.QUARANTINE, is_more=True),
    Place("Reports", "reports.show", Right.REPORT, is_more=True),
    Place("Instances", "instances.find", Right.OPERATE, is_more=True),
    Place("Incidents", "incidents.open_ones", Right.OPERATE, is_more=True),
    Place("Messages", "messages.undelivered", Right.OPERATE, is_more=True),
    Place("Processes", "processes.all_in_force", Right.DRAW, is_more=True),
    Place("People", "admin.people", Right.ADMINISTER, is_more=True),
    Place("My orders", "portal.mine", Right.PORTAL),
)


def tell_navigation(app: Flask) -> None:
    """Give every template what it shows around its content."""
    app.context_processor(_surroundings)


def places(person: Actor | None, app: Flask) -> list[Place]:
    """Give the places a person may go to."""
    roles = person.roles if person else None
    return [place for place in _PLACES if place.endpoint in app.view_functions and allows(place.right, roles)]


def can(right: str) -> bool:
    """Tell a template whether the person has a right, by its name."""
    person = person_or_none()
    return allows(Right(right), person.roles if person else None)


def _surroundings() -> dict[str, object]:
    person = person_or_none()
    theme = request.cookies.get(THEME_COOKIE, "auto")
    return {
        "me": person,
        "places": places(person, current_app),
        "here": (request.blueprint or "").partition(".")[0],
        "theme": theme if theme in THEMES else "auto",
        "themes": THEMES,
        "can": can,
        "messages": session.pop("messages", ()),
    }


def say(sentence: str, tone: str = "good") -> None:
    """Leave a sentence for the next page the person sees."""
    session["messages"] = [*session.get("messages", ()), (tone, sentence)]
