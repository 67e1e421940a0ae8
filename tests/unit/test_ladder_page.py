"""The ladder as its page draws it: what is done, where the clock stands, what comes next, and the proof beside it."""

from collections import defaultdict
from datetime import datetime, timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from support import paperwork, sheets
from support.casebook import Case
from support.clockface import MONDAY
from support.desk import CALL, Desk, minutes
from whistle_escalation import domain
from whistle_escalation.pages import ladders
from whistle_escalation.queries.dossiers import Dossier
from whistle_shared.pages import LANGUAGES, Language

TEMPLATES = sheets.templates("escalation")
PIT = Case(CALL, "CGJ")
EVENT = UUID(int=7)
words = partial(sheets.words, registry=paperwork.pack().registry, service="escalation")


def dossier(rungs: int = 0, **about: Any) -> Dossier:
    """The ack clock of an emergency, late, with this many rungs climbed."""
    desk = Desk()
    desk.hears(PIT.called(MONDAY))
    clock = desk.clock("ack", "CGJ")
    road = domain.explanation(desk.matter, clock, desk.replica.calendar)
    assert road is not None
    row = {name: getattr(clock, name) for name in domain.Clock.__slots__}
    row |= {"number": "S01-1", "title": "井盖缺失", "street": "S01"}
    if rungs:
        row |= {"breached_at": clock.due_at, "warned": 2, "climbed": rungs, "next_at": minutes(99)}
    climbed = [_rung(n + 1, road.rungs[n].step.role, clock.due_at) for n in range(rungs)]
    said = [_said(rung, 10 + rung.rung) for rung in climbed]
    return Dossier(SimpleNamespace(**row | about), desk.matter, road, climbed, [], said, {})


def _rung(rung: int, role: str, at: datetime, **about: Any) -> Any:
    facts: dict[str, Any] = {
        "escalation_id": UUID(int=rung),
        "rung": rung,
        "role": role,
        "form": "reminder",
        "people": ["王敏"],
        "fired_at": at + timedelta(minutes=rung),
        "degraded": False,
        "raised_by": None,
        "raised_reason": None,
        "status": "open",
        "ended_at": None,
        "acknowledged_at": None,
        "acknowledged_by": None,
        "repeated": 0,
    }
    return SimpleNamespace(**facts | about)


def _said(rung: Any, position: int) -> Any:
    data = {"escalation_id": str(rung.escalation_id), "rung": rung.rung, "clock_id": str(UUID(int=3))}
    data |= {"clock": "ack", "side": "department", "department": "CGJ", "role": rung.role}
    return SimpleNamespace(
        position=position,
        event_id=UUID(int=position),
        key="escalation.escalation_raised.v1",
        at=rung.fired_at,
        data=data,
        number="S01-1",
        title="井盖缺失",
        street="S01",
    )


def states(found: Dossier) -> list[str]:
    return [step.state for step in ladders.steps(words(), found)]


def test_before_anything_has_happened_the_first_warning_is_next() -> None:
    assert states(dossier()) == ["next"] + ["later"] * 7


def test_the_highest_open_rung_is_where_it_stands_and_the_one_above_comes_next() -> None:
    found = dossier(rungs=2)
    steps = ladders.steps(words(), found)
    assert [step.state for step in steps] == ["done", "done", "done", "done", "now", "next", "later", "later"]
    assert steps[5].at == minutes(99), "when the clock is looked at next"


def test_what_is_shown_as_done_was_said() -> None:
    """INVARIANT: what is shown as done was said: beside each rung stands where in the log, to whom, and who has yet to
    confirm it."""
    found = dossier(rungs=1)
    (report,) = ladders.steps(words(), found)[3].reports
    assert (report.position, report.waiting) == (11, ())
    waiting = Dossier(
        **{name: getattr(found, name) for name in Dossier.__slots__} | {"waiting": {UUID(int=11): ["department.ga"]}}
    )
    (report,) = ladders.steps(words(), waiting)[3].reports
    assert report.waiting == ["department.ga"]


def test_a_rung_that_was_passed_over_is_not_shown_as_done() -> None:
    found = dossier(rungs=2)
    skipped = Dossier(**{name: getattr(found, name) for name in Dossier.__slots__} | {"rungs": found.rungs[1:]})
    assert states(skipped)[3:5] == ["passed", "now"]


def test_a_clock_that_has_ended_has_nothing_before_it() -> None:
    found = dossier(rungs=1, status="met_late")
    assert "next" not in states(found)
    assert ladders.contents(words(), found, MONDAY)["ahead"] is None


def test_if_still_nobody_comes_it_says_when_it_climbs_and_to_whom() -> None:
    ahead = ladders.contents(words(), dossier(rungs=1), MONDAY)["ahead"]
    assert (ahead.clock, ahead.at, ahead.rung) == ("应哨", minutes(99), "L2 函告")
    assert ahead.role == "部门主要负责人"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("rungs", [0, 3])
def test_the_page_is_whole_in_both_languages(language: Language, rungs: int) -> None:
    found = dossier(rungs=rungs)
    about = ladders.contents(words(language), found, MONDAY)
    frame = {"words": words(language), "now": MONDAY, "caller": None}
    for name in ("ladder", "case"):
        html = TEMPLATES.render(language, f"_{name}.html", **frame, **about, dossier=found, told=defaultdict(list))
        assert "%(" not in html
        assert "style=" not in html
