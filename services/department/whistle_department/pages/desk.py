"""Letters, meetings, hand-overs and a matter's facts as the pages say them. Pure."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, get_args
from uuid import UUID

from whistle_department import domain
from whistle_department.pages.rows import Chip
from whistle_shared.pages import Words, mark
from whistle_shared.registry import Registry

_HANDOVER = {
    "offered": mark("待接班"),
    "accepted": mark("已接班"),
    "replaced": mark("已作废，另有新的交班"),
}


def states(words: Words) -> list[tuple[str, str]]:
    """Every state of a task as (code, word)."""
    return [(state, words.of("task_state", state)) for state in get_args(domain.State)]


def matter(words: Words, facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What the street said, as (name, text); what it did not say is left out."""
    blown_at = datetime.fromisoformat(facts["blown_at"])
    location = facts.get("location") or {}
    said = [
        (words.gettext("编号"), facts["number"]),
        (words.gettext("类别"), words.category(facts.get("category"))),
        (words.gettext("哨型"), f"{words.of('kind', facts['kind'])} · {words.of('urgency', facts['urgency'])}"),
        (words.gettext("地点"), facts["place"]),
        (words.gettext("坐标"), _degrees(location)),
        (words.gettext("所属街道"), words.street(facts["street"])),
        (words.gettext("吹哨人"), f"{facts['blown_by']} · {words.exactly(blown_at)}"),
        (words.gettext("吹哨单位"), words.department(facts["initiator"]) if facts.get("initiator") else ""),
        (words.gettext("吹哨理由"), facts.get("beyond_power_reason") or ""),
    ]
    return [(name, text) for name, text in said if text]


def _degrees(location: Mapping[str, Any]) -> str:
    if "latitude" not in location:
        return ""
    return f"{location['latitude']:.5f}, {location['longitude']:.5f}"


def letters(
    words: Words, found: Sequence[Any], about: Mapping[tuple[UUID, str], Any], now: datetime
) -> list[dict[str, Any]]:
    """Each with what it is about, and the clock of its reply."""
    return [
        {
            "row": row,
            "form": words.of("form", row.form),
            "chip": None if row.replied_at else _reply_chip(words, row.reply_due_at, now),
            "about": _about(about.get((row.whistle_id, row.department))),
            "to": words.department(row.department),
        }
        for row in found
    ]


def _reply_chip(words: Words, due_at: datetime, now: datetime) -> Chip:
    return Chip(words.clock("reply"), "late" if due_at <= now else "normal", due_at)


def _about(row: Any) -> dict[str, str] | None:
    """The task that something is about; None: it is not here."""
    if row is None:
        return None
    return {"task_id": str(row.task_id), "title": row.facts["title"], "number": row.facts["number"]}


def meetings(
    words: Words, found: Sequence[Any], about: Mapping[tuple[UUID, str], Any], now: datetime
) -> list[dict[str, Any]]:
    """Each with the task it is about; `may_attend`: it has a task that can be reported in for."""
    return [
        {
            "row": row,
            "about": _about(about.get((row.whistle_id, row.department))),
            "to": words.department(row.department),
            "starts": words.exactly(row.starts_at),
            "ahead": row.starts_at > now,
            "may_attend": row.attended_at is None and _is_open(about.get((row.whistle_id, row.department))),
        }
        for row in found
    ]


def _is_open(row: Any) -> bool:
    return row is not None and row.state not in (*domain.ENDED, "dispatched")


def open_tasks(words: Words, tasks: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The tasks of a hand-over as it keeps them."""
    return [
        {
            **row,
            "urgency_word": words.of("urgency", row["urgency"]),
            "state_word": words.of("task_state", row["state"]),
            "due": datetime.fromisoformat(row["due_at"]) if row["due_at"] else None,
        }
        for row in tasks
    ]


def handovers(
    words: Words, known: Sequence[domain.Handover], open_now: Collection[str], viewer: UUID
) -> list[dict[str, Any]]:
    """Each with its tasks, which of them are still open, and whether this viewer may take it over."""
    return [
        {
            "id": str(one.handover_id),
            "one": one,
            "state": words.gettext(_HANDOVER[one.state]),
            "tasks": [task | {"open": task["task_id"] in open_now} for task in open_tasks(words, one.tasks)],
            "mine": one.offered_by == viewer,
        }
        for one in known
    ]


def colleagues(registry: Registry | None, department: str, me: str) -> list[str]:
    """Who is named in the registry for this department, but oneself."""
    people = registry.people if registry else ()
    names = dict.fromkeys(person.name for person in people if person.organisation == department and person.name != me)
    return list(names)
