"""For whoever answers for a department: what is late or nearly, by person; what waits for an answer; scores. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from whistle_department import queries
from whistle_department.pages import history, rows
from whistle_shared.pages import Words

Panels = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Person:
    """Who has taken tasks on, and which of them are late or nearly so. `name` empty: nobody has acknowledged them."""

    name: str
    late: Sequence[rows.Row]
    nearly: Sequence[rows.Row]
    in_hand: int


def panels(
    words: Words,
    in_hand: Sequence[queries.Found],
    asked: Sequence[Any],
    scored: Sequence[Any],
    now: datetime,
    scope: str,
) -> Panels:
    """What each panel's template needs."""
    people = by_person(rows.rows(words, in_hand, now, scope))
    return {
        "overview_figures": {
            "late": sum(len(one.late) for one in people),
            "nearly": sum(len(one.nearly) for one in people),
            "unseen": sum(one.in_hand for one in people if not one.name),
            "asked": len(asked),
            "mean": mean([row.detail["score"].get("total") for row in scored]),
            "scores": len(scored),
        },
        "overview_people": {"people": people},
        "overview_asked": {"asked": [_asked(words, row, scope) for row in asked]},
        "overview_scores": {"scores": [_score(words, row, scope) for row in scored]},
    }


def by_person(all_rows: Sequence[rows.Row]) -> list[Person]:
    """Whoever has most that is late first, then most that is nearly so."""
    names = dict.fromkeys("" if row.state == "dispatched" else row.person for row in all_rows)
    people = [_person(name, [row for row in all_rows if _whose(row) == name]) for name in names]
    return sorted(people, key=lambda one: (-len(one.late), -len(one.nearly), one.name))


def _whose(row: rows.Row) -> str:
    return "" if row.state == "dispatched" else row.person


def _person(name: str, own: Sequence[rows.Row]) -> Person:
    def standing(state: str) -> list[rows.Row]:
        return [row for row in own if row.chip is not None and row.chip.state == state]

    return Person(name, standing("late"), standing("nearly"), len(own))


def mean(totals: Sequence[float | None]) -> str:
    """The mean of the scores that are given, with one decimal; a dash where there are none."""
    known = [total for total in totals if total is not None]
    return f"{sum(known) / len(known):.1f}" if known else "—"


def _asked(words: Words, row: Any, scope: str) -> dict[str, Any]:
    told = history.told(words, row.step, row.detail, row.person or "")
    return _line(words, row, scope) | {"text": told, "reason": row.detail.get("reason", "")}


def _score(words: Words, row: Any, scope: str) -> dict[str, Any]:
    score = row.detail["score"]
    about = {"total": score.get("total"), "veto": bool(score.get("veto")), "basis": row.detail["basis"]}
    until = row.detail.get("appeal_until")
    appeal_until = datetime.fromisoformat(until) if until else None
    return _line(words, row, scope) | about | {"by_default": row.detail["by_default"], "appeal_until": appeal_until}


def _line(words: Words, row: Any, scope: str) -> dict[str, Any]:
    return {
        "task_id": str(row.task_id),
        "number": row.facts["number"],
        "title": row.facts["title"],
        "department": words.department(row.department) if scope == "*" else "",
        "at": row.at,
    }
