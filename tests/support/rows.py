"""What a line of the matrix is: who may, about what, at which door, and what they are answered."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

Door = Literal["public", "api", "resident", "code", "page", "stream"]

INFORMANT = frozenset({"informant"})
GRID_OFFICER = frozenset({"grid_officer"})
COMMUNITY = frozenset({"community"})
STREET_DESK = frozenset({"street_initiator", "street_approver"})
APPROVER = frozenset({"street_approver"})
NEIGHBOURHOOD = GRID_OFFICER | COMMUNITY
STREET_SIDE = NEIGHBOURHOOD | STREET_DESK
WORKERS = frozenset({"handler", "section_head", "department_head"})
SPEAKERS = frozenset({"section_head", "department_head"})
HEAD = frozenset({"department_head"})
OFFICE = frozenset({"dispatcher", "arbitrator"})
ARBITRATOR = frozenset({"arbitrator"})
INSPECTOR = frozenset({"inspector"})
LOOKERS = OFFICE | INSPECTOR | {"operations"}
ADMINISTRATOR = frozenset({"administrator"})
AUDITOR = frozenset({"auditor"})
EVERYBODY = INFORMANT | STREET_SIDE | WORKERS | LOOKERS | ADMINISTRATOR | AUDITOR


@dataclass(frozen=True, slots=True)
class Row:
    """`about`: the kind of the story's object; None: a list, or something new. `gives`: what those who may are
    answered. `refuses`: roles that see the object and may still not (403). `leads_on`: those that are sent on to a
    page that is theirs (303). `strange`: what those are answered for whom the object does not exist. `harmless`: the
    body of those who may, where `body` would change something. `elsewhere`: a form that comes from somebody else's
    page."""

    who: frozenset[str] = EVERYBODY
    about: str | None = None
    gives: int | str = 200
    body: Any = None
    door: Door = "api"
    refuses: frozenset[str] = frozenset()
    leads_on: frozenset[str] = frozenset()
    strange: int = 404
    harmless: Any = None
    query: str = ""
    kind: str = "application/json"
    elsewhere: bool = False


PUBLIC = Row(door="public")
BLOWERS = STREET_DESK | HEAD | OFFICE
DRAFTERS = STREET_SIDE | SPEAKERS
WITHDRAWERS = DRAFTERS | OFFICE
READERS = STREET_SIDE | WORKERS | LOOKERS
CLOCK_READERS = COMMUNITY | STREET_DESK | WORKERS | LOOKERS
REGISTRY_READERS = STREET_SIDE | WORKERS | LOOKERS

Table = Mapping[str, tuple[Row, ...]]


def one(who: frozenset[str], about: str | None = None, gives: int = 200, body: Any = None, **more: Any) -> tuple[Row]:
    """A route with one row."""
    return (Row(who, about, gives, body, **more),)


def step(who: frozenset[str], body: Any = None, gives: int = 409, **more: Any) -> tuple[Row, Row]:
    """A step with a whistle: the street's, and one that a department called; both have ended."""
    return Row(who, "whistle", gives, body, **more), Row(who, "called", gives, body, **more)


FORM = "application/x-www-form-urlencoded"


def form(who: frozenset[str], about: str | None = None, gives: int = 303, body: str = "", **more: Any) -> tuple[Row]:
    """A route that takes a form from a page."""
    return (Row(who, about, gives, body, "page", kind=FORM, **more),)


def page(who: frozenset[str], about: str | None = None) -> tuple[Row]:
    return (Row(who, about, door="page"),)


def beginning(who: frozenset[str]) -> tuple[Row]:
    """The page at `/`: whoever administers begins elsewhere."""
    return (Row(who, door="page", leads_on=ADMINISTRATOR | AUDITOR),)


def live(**topics: Row) -> Table:
    """A service's streams: topic → who may hear it, and what it is `about` with the id in its address, as
    `whistle=Row(READERS, "whistle", query="about={whistle_id}")`."""
    unknown = Row(EVERYBODY, gives=404, door="stream", query="topic=none")
    rows = [replace(row, door="stream", query=f"topic={name}&{row.query}") for name, row in topics.items()]
    heads = [replace(row, gives=204, strange=204, about=row.about) for row in rows]
    return {"GET /live": (unknown, *rows), "HEAD /live": (unknown, *heads)}
