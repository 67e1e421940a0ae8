"""For whoever answers for a department: what is late or nearly, by person; what waits for an answer; scores. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from whistle_department import queries
from whistle_department.pages import history, rows
from whistle_shared.auth import EVERYWHERE
from whistle_shared.pages import Panels, Words

ASKED = 30
"""So many requests that wait are listed."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who has taken tasks on. `name` empty: nobody has acknowledged them; `rows`: the first of what is late or nearly
    so, of which `unshown` more stand so."""

    name: str
    in_hand: int
    late: int
    nearly: int
    rows: Sequence[rows.Row]

    @property
    def unshown(self) -> int:
        return self.late + self.nearly - len(self.rows)


def panels(
    words: Words,
    shares: Sequence[queries.Share],
    asked: Sequence[Any],
    scored: Sequence[Any],
    now: datetime,
    scope: str,
) -> Panels:
    """What each panel's template needs."""
    people = by_person(words, shares, now, scope)
    return {
        "overview_figures": {
            "late": sum(one.late for one in people),
            "nearly": sum(one.nearly for one in people),
            "unseen": sum(one.in_hand for one in people if not one.name),
            "asked": f"{len(asked)}+" if len(asked) == ASKED else len(asked),
            "mean": mean([row.detail["score"].get("total") for row in scored]),
            "scores": len(scored),
        },
        "overview_people": {"people": people},
        "overview_asked": {"asked": [_asked(words, row, scope) for row in asked]},
        "overview_scores": {"scores": [_score(words, row, scope) for row in scored]},
    }


def by_person(words: Words, shares: Sequence[queries.Share], now: datetime, scope: str) -> list[Person]:
    """Whoever has most that is late first, then most that is nearly so."""
    people = [
        Person(one.person, one.in_hand, one.late, one.nearly, rows.rows(words, one.first, now, scope)) for one in shares
    ]
    return sorted(people, key=lambda one: (-one.late, -one.nearly, one.name))


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
        "department": words.department(row.department) if scope == EVERYWHERE else "",
        "at": row.at,
    }
