"""Why is it due then: what is explained is what was reckoned, and both languages say it whole."""

import re
from datetime import timedelta
from typing import Any

import pytest

from support import paperwork, sheets
from support.casebook import Case
from support.clockface import MONDAY, local
from support.desk import CALL, KEY_CALL, Desk, minutes
from whistle_escalation import domain
from whistle_escalation.pages import why
from whistle_shared.contracts.dispatch import LadderStep
from whistle_shared.pages import LANGUAGES, Language, Words

TEMPLATES = sheets.templates("escalation")
CHINESE = re.compile(r"[一-鿿，。；：（）]")
KEY = Case(KEY_CALL, "CGJ")
PIT = Case(CALL, "CGJ")
DAY = 24 * 60


def explained(desk: Desk, name: str) -> domain.Explanation:
    found = domain.explanation(desk.matter, desk.clock(name, "CGJ"), desk.replica.calendar)
    assert found is not None
    return found


def after(case: Case, *events: Any) -> Desk:
    desk = Desk()
    for event in (case.called(MONDAY), *events):
        desk.hears(event)
    return desk


def text(words: dict[str, Any], language: Language) -> str:
    return TEMPLATES.render(language, "_why.html", **words)


def test_a_working_limit_shows_every_span_counted() -> None:
    found = explained(after(KEY), "ack")  # two working hours from nine
    assert [(span.kind, span.counted) for span in found.counted] == [("work", True)]
    assert (found.first_due, found.bends, found.held_down) == (found.clock.due_at, [], False)
    assert sum((span.end - span.start for span in found.counted), timedelta()) == timedelta(hours=2)


def test_what_moved_the_due_time_is_told_in_order_and_ends_at_the_clocks_own() -> None:
    """INVARIANT: what is explained is what was reckoned: both come from the same course."""
    desk = after(KEY, KEY.suspended(minutes(DAY)), KEY.resumed(minutes(3 * DAY)))
    due = desk.clock("resolve", "CGJ").due_at
    desk.hears(KEY.extended(minutes(4 * DAY), due + timedelta(days=2)))
    found = explained(desk, "resolve")
    assert [(bend.kind, bend.at, bend.until) for bend in found.bends] == [
        ("given_back", minutes(DAY), minutes(3 * DAY)),
        ("extension", minutes(4 * DAY), None),
    ]
    assert found.first_due == due - timedelta(days=2)
    assert found.bends[-1].due == found.clock.due_at == due + timedelta(days=2)


def test_a_clock_that_stands_still_says_since_when() -> None:
    found = explained(after(KEY, KEY.suspended(minutes(DAY))), "resolve")
    assert (found.standing_still, found.clock.status) == (minutes(DAY), "paused")


def test_a_limit_held_down_by_the_whistles_own_due_time_says_so() -> None:
    (task,) = [task for task in CALL.tasks if task.department == "CGJ"]
    cap = minutes(300)
    specs = tuple(
        spec.model_copy(update={"schedule": spec.schedule.model_copy(update={"due_at": cap})})
        if spec.name == "resolve" and spec.schedule
        else spec
        for spec in CALL.terms[task.terms]
    )
    desk = Desk()
    held = CALL.model_copy(update={"tasks": (task,), "terms": {task.terms: specs}})
    desk.hears(paperwork.event(held, MONDAY))
    found = explained(desk, "resolve")
    assert (found.held_down, found.first_due, found.counted[-1].end) == (True, cap, cap)


def test_quiet_hours_show_beside_the_rung_that_waits_for_them() -> None:
    (task,) = [task for task in CALL.tasks if task.department == "CGJ"]
    step = LadderStep(rung=1, role="deputy_head", form="reminder", delay="14h@natural", quiet="22:00-07:00")
    specs = tuple(spec.model_copy(update={"ladder": (step,)}) for spec in CALL.terms[task.terms] if spec.name == "ack")
    desk = Desk()
    desk.hears(paperwork.event(CALL.model_copy(update={"tasks": (task,), "terms": {task.terms: specs}}), MONDAY))
    (rung,) = explained(desk, "ack").rungs
    assert rung.at == rung.quiet_until == local(2026, 6, 2, 7)


def cases() -> dict[str, tuple[Desk, str]]:
    planned = Case(paperwork.dispatched(paperwork.facts("key_work", "long_term"), ["CGJ"]), "CGJ")
    plan = planned.reached(minutes(DAY), "plan", minutes(20 * DAY))
    extended = KEY.extended(minutes(DAY), minutes(40 * DAY))
    return {
        "natural": (after(KEY), "resolve"),
        "working": (after(KEY), "ack"),
        "moved": (after(KEY, KEY.suspended(minutes(9)), KEY.resumed(minutes(DAY)), extended), "resolve"),
        "paused": (after(KEY, KEY.suspended(minutes(DAY))), "resolve"),
        "plan": (after(planned, planned.acknowledged(minutes(5)), plan), "resolve"),
        "days": (after(KEY, KEY.acknowledged(minutes(5))), "plan"),
        "restore": (after(PIT, PIT.reached(minutes(60), "contain")), "restore"),
    }


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("case", ["natural", "working", "moved", "paused", "plan", "days", "restore"])
def test_the_fragment_is_whole_in_both_languages(language: Language, case: str) -> None:
    desk, name = cases()[case]
    words = Words(language, TEMPLATES.texts[language], paperwork.pack().registry)
    html = text(why.contents(words, explained(desk, name), "Manhole cover missing", "S01-1"), language)
    assert "%(" not in html
    assert (CHINESE.search(html) is not None) == (language == "zh")
    assert words.exactly(desk.clock(name, "CGJ").due_at) in html
    assert "style=" not in html


@pytest.mark.parametrize(("case", "told"), [("natural", True), ("paused", False), ("met", False)])
def test_what_is_ahead_is_told_of_a_clock_that_runs_only(case: str, told: bool) -> None:
    met = (after(KEY, KEY.acknowledged(minutes(5))), "ack")
    desk, name = met if case == "met" else cases()[case]
    words = Words("zh", TEMPLATES.texts["zh"], paperwork.pack().registry)
    html = text(why.contents(words, explained(desk, name), "井盖缺失", "S01-1"), "zh")
    assert ("预警" in html, "催办" in html) == (told, told)


def test_a_clock_whose_terms_are_gone_is_not_explained() -> None:
    desk = after(KEY)
    clock = desk.clock("ack", "CGJ")
    assert domain.explanation(domain.Matter(desk.matter.whistle_id), clock, desk.replica.calendar) is None
