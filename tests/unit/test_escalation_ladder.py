"""The ladder's finer parts: who is on duty, repetitions, stale acknowledgements, jumps, letters, the watchdog."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from support import paperwork
from support.casebook import Case, closed
from support.clockface import MONDAY, local
from support.clocks import MINUTE, TASK, instants, started, terms
from support.desk import CALL, Desk, minutes, of, withdrawn
from support.paperwork import WHISTLE
from whistle_escalation import commands, domain, tables
from whistle_shared.contracts.dispatch import LadderStep, WhistleDispatched
from whistle_shared.contracts.escalation import (
    ClockBreached,
    ClockOverlooked,
    ClocksChanged,
    EscalationRaised,
    EscalationRepeated,
    LetterIssued,
    RungSkipped,
    TaskReminded,
)
from whistle_shared.errors import Conflict, IllegalTransition, Invalid, NotFound
from whistle_shared.registry import DutyPerson, Registry

PIT = Case(CALL, "CGJ")
HOUR = 60


def with_ladder(*steps: LadderStep) -> WhistleDispatched:
    """The call to CGJ alone, with this ladder on its acknowledgement and no other clock."""
    (spec,) = [spec for spec in CALL.terms["lead@1"] if spec.name == "ack"]
    assert spec.schedule is not None
    due = spec.schedule.due_at
    timed = spec.schedule.model_copy(update={"rung_at": tuple(due for _ in steps)})
    changed = spec.model_copy(update={"ladder": steps, "schedule": timed})
    task = next(task for task in CALL.tasks if task.department == "CGJ")
    return CALL.model_copy(update={"tasks": (task,), "terms": {task.terms: (changed,)}})


def called_with(*steps: LadderStep, registry: Registry | None = None) -> Desk:
    desk = Desk()
    if registry is not None:
        desk.replica.registry = registry
    desk.hears(paperwork.event(with_ladder(*steps), MONDAY))
    return desk


def step(rung: int = 1, role: str = "deputy_head", form: Any = "reminder", **more: Any) -> LadderStep:
    return LadderStep(rung=rung, role=role, form=form, delay="", **more)


def registry(*people: DutyPerson, desk: Any = "always") -> Registry:
    known = paperwork.pack().registry
    changed = tuple(
        department.model_copy(update={"desk": desk}) if department.code == "CGJ" else department
        for department in known.departments
    )
    return Registry(version=1, departments=changed, streets=known.streets, ladders=known.ladders, people=people)


def person(role: str, hours: Any = "always", organisation: str = "CGJ", grid: str | None = None) -> DutyPerson:
    return DutyPerson(organisation=organisation, role=role, grid=grid, name=f"{role} {hours}", hours=hours)


# -- who is on duty -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("people", "desk", "working", "expected"),
    [
        ([("deputy_head", "always")], "none", False, ("deputy_head always",)),
        ([("deputy_head", "work")], "none", True, ("deputy_head work",)),
        ([("deputy_head", "work")], "none", False, None),
        ([("deputy_head", "work")], "always", False, ()),
        ([("deputy_head", "work"), ("deputy_head", "always")], "none", False, ("deputy_head always",)),
        ([], "always", False, ()),
        ([], "work", True, ()),
        ([], "work", False, None),
        ([], "none", True, None),
        ([("whistle_office", "always")], "none", True, None),
    ],
)
def test_named_people_on_duty_else_the_desk_else_nobody(
    people: list[tuple[str, str]], desk: str, working: bool, expected: tuple[str, ...] | None
) -> None:
    known = registry(*(person(role, hours) for role, hours in people), desk=desk)
    clock = started(terms(), instants(terms(), timedelta(hours=1), (timedelta(0),) * 3))
    assert domain.on_duty(known, "deputy_head", clock, None, lambda: working) == expected


def test_a_district_or_street_role_with_nobody_named_is_always_reachable() -> None:
    clock = started(terms(), instants(terms(), timedelta(hours=1), (timedelta(0),) * 3))
    street = replace(clock, side="street", department="CGJ")
    about = domain.About(1, "S01-1", "x", "S01", None, "emergency", "critical", None)
    assert domain.on_duty(registry(desk="none"), "whistle_office", clock, about, lambda: False) == ()
    assert domain.on_duty(registry(desk="none"), "street_director", street, about, lambda: False) == ()
    named = registry(person("whistle_office", "work", "district"), person("street_director", "always", "S01"))
    assert domain.on_duty(named, "whistle_office", clock, about, lambda: False) is None
    assert domain.on_duty(named, "street_director", street, about, lambda: False) == ("street_director always",)


def test_the_grids_own_people_come_before_the_departments() -> None:
    clock = started(terms(), instants(terms(), timedelta(hours=1), (timedelta(0),) * 3))
    about = domain.About(1, "S01-1", "x", "S01", "S01-G1", "emergency", "critical", None)
    known = registry(person("deputy_head"), person("deputy_head", "work", grid="S01-G1"))
    assert domain.on_duty(known, "deputy_head", clock, about, lambda: True) == ("deputy_head work",)


def test_a_raised_rung_names_who_was_on_duty() -> None:
    desk = called_with(step(), registry=registry(person("deputy_head")))
    (raised,) = of(EscalationRaised, desk.watches(minutes(6)))
    assert raised.people == ("deputy_head always",)


def test_a_rung_with_nobody_is_skipped_aloud_and_the_next_takes_over_at_once() -> None:
    """INVARIANT: a rung that nobody can hear is never silent."""
    known = registry(person("department_head"), desk="none")
    later = step(2, "department_head", "letter", every="1h@natural", repeats=1)
    desk = called_with(step(), later, registry=known)
    words = desk.watches(minutes(6))
    assert [type(word) for word in words[-3:]] == [ClockBreached, RungSkipped, EscalationRaised]
    skipped, raised = words[-2:]
    assert (skipped.rung, skipped.role, raised.rung) == (1, "deputy_head", 2)  # type: ignore[attr-defined]
    assert raised.fired_at == raised.rung_at == skipped.due_at  # type: ignore[attr-defined]
    assert desk.clock("ack", "CGJ").climbed == 2


def test_a_later_rung_that_took_over_early_is_not_climbed_again() -> None:
    spec = terms(rungs=(1, 2, 3))
    schedule = instants(spec, timedelta(hours=1), (timedelta(0), 15 * MINUTE, 30 * MINUTE))
    reach = {1: None, 2: ("x",), 3: ()}.get
    clock, fired = started(spec, schedule), []
    while clock.next_at is not None:
        clock, said = domain.fire(clock, spec, schedule, clock.next_at, clock.next_at, lambda s: reach(s.rung))
        fired += [type(one).__name__ + str(getattr(one, "rung", "")) for one in said]
    assert fired == ["Warned", "Warned", "Breached", "Skipped1", "Raised2", "Raised3"]


def test_when_nobody_is_left_the_last_rung_says_so_and_the_clock_stays_overdue() -> None:
    desk = called_with(step(), step(2, "department_head"), registry=registry(desk="none"))
    words = desk.watches(minutes(6))
    assert [word.rung for word in of(RungSkipped, words)] == [1, 2]
    clock = desk.clock("ack", "CGJ")
    assert (clock.status, clock.next_at, clock.climbed) == ("running", None, 2)
    assert desk.watches(minutes(9999)) == []
    assert commands.watch_matter(desk.unit(minutes(9999)), WHISTLE) == 0, "nothing is overlooked"


# -- said again -----------------------------------------------------------------------------------------------


def test_a_rung_is_repeated_until_somebody_has_seen_it() -> None:
    desk = called_with(step(every="1h@natural", repeats=3))
    words = of(EscalationRepeated, desk.watches(minutes(2 * HOUR + 5)))
    assert [(word.repeat, word.stale) for word in words] == [(1, False), (2, False)]
    (standing,) = desk.matter.escalations.values()
    desk.does(commands.acknowledge_escalation, minutes(2 * HOUR + 6), WHISTLE, standing.escalation_id, "李副局长")
    assert of(EscalationRepeated, desk.watches(minutes(4 * HOUR))) == []


def test_a_rung_is_repeated_so_often_and_no_more() -> None:
    desk = called_with(step(every="1h@natural", repeats=2))
    assert [word.repeat for word in of(EscalationRepeated, desk.watches(minutes(9999)))] == [1, 2]
    assert [e.next_at for e in desk.matter.escalations.values()] == [None]


def test_a_repetition_waits_for_the_end_of_the_quiet_hours() -> None:
    desk = called_with(step(every="15h@natural", repeats=1, quiet="22:00-07:00"))
    desk.watches(minutes(6))
    (standing,) = desk.matter.escalations.values()
    assert standing.next_at == local(2026, 6, 2, 7)


def test_a_rung_of_a_clock_that_has_ended_is_not_repeated() -> None:
    desk = called_with(step(every="1h@natural", repeats=3))
    desk.watches(minutes(6))
    desk.hears(PIT.acknowledged(minutes(10)))
    assert desk.watches(minutes(9999)) == []


def test_an_acknowledgement_without_anything_done_goes_stale() -> None:
    """Acknowledged, then nothing for four working hours: the rung is said again and the acknowledgement is gone."""
    desk = called_with(step())
    desk.watches(minutes(6))
    (standing,) = desk.matter.escalations.values()
    desk.does(commands.acknowledge_escalation, minutes(30), WHISTLE, standing.escalation_id, "李副局长")
    stale_at = local(2026, 6, 1, 15)  # 09:30 and four working hours, less the noon
    assert desk.matter.escalations[standing.escalation_id].next_at == stale_at
    (again,) = desk.watches(minutes(9999))
    assert isinstance(again, EscalationRepeated)
    assert (again.stale, again.repeat) == (True, 1)
    stale = desk.matter.escalations[standing.escalation_id]
    assert (stale.acknowledged_at, stale.acknowledged_by, stale.next_at) == (None, None, None)


@pytest.mark.parametrize("done", ["progress", "arrived", "contain", "submitted"])
def test_work_keeps_an_acknowledgement_fresh(done: str) -> None:
    desk = called_with(step())
    desk.watches(minutes(6))
    (standing,) = desk.matter.escalations.values()
    desk.does(commands.acknowledge_escalation, minutes(30), WHISTLE, standing.escalation_id, "李副局长")
    at = local(2026, 6, 1, 14)
    desk.hears(PIT.reached(at, "contain") if done == "contain" else getattr(PIT, done)(at))
    assert desk.watches(local(2026, 6, 1, 16)) == []
    assert [type(word) for word in desk.watches(local(2026, 6, 5))] == [EscalationRepeated]


# -- by hand --------------------------------------------------------------------------------------------------


def jump(desk: Desk, rung: int, at: datetime) -> list[Any]:
    clock = desk.clock("ack", "CGJ").clock_id
    return desk.does(commands.jump_to_rung, at, WHISTLE, clock, rung, "群众反映强烈", "区吹哨办")


def test_a_jump_passes_the_rungs_below_over_and_those_above_still_fire() -> None:
    desk = called_with(step(), step(2), step(3), step(4))
    desk.watches(minutes(6))
    (raised,) = jump(desk, 3, minutes(10))
    assert (raised.rung, raised.by, raised.reason, raised.late_by_seconds) == (3, "区吹哨办", "群众反映强烈", 0)
    assert [word.rung for word in of(EscalationRaised, desk.watches(minutes(60)))] == [4]
    assert desk.running() == {("CGJ", "ack")}


def test_a_jump_before_the_breach_is_not_repeated_by_it() -> None:
    desk = called_with(step(), step(2))
    jump(desk, 1, minutes(1))
    words = desk.watches(minutes(60))
    assert [word.rung for word in of(EscalationRaised, words)] == [2]
    assert len(of(ClockBreached, words)) == 1


def test_a_rung_is_climbed_once_by_hand_too() -> None:
    desk = called_with(step(), step(2), step(3))
    jump(desk, 2, minutes(10))
    for rung in (1, 2):
        with pytest.raises(IllegalTransition) as refused:
            jump(desk, rung, minutes(11))
        assert refused.value.legal == ("3",)
    with pytest.raises(Invalid, match="rungs 1, 2, 3"):
        jump(desk, 7, minutes(11))
    with pytest.raises(NotFound):
        desk.does(commands.jump_to_rung, minutes(11), WHISTLE, TASK, 1, "x", "y")
    desk.hears(PIT.acknowledged(minutes(12)))
    with pytest.raises(IllegalTransition) as refused:
        jump(desk, 3, minutes(13))
    assert (refused.value.state, refused.value.legal) == ("met_late", ())


def test_a_jump_to_where_nobody_is_is_refused() -> None:
    desk = called_with(step(), registry=registry(desk="none"))
    with pytest.raises(Conflict, match="nobody"):
        jump(desk, 1, minutes(1))


# -- letters and reminders ------------------------------------------------------------------------------------


def test_a_rung_in_writing_is_numbered_and_owes_a_reply() -> None:
    desk = called_with(step(form="supervision"))
    words = desk.writes(minutes(6))
    (letter,) = of(LetterIssued, words)
    (raised,) = of(EscalationRaised, words)
    assert (letter.number, letter.form, letter.by) == ("督〔2026〕1号", "supervision", "the ladder")
    assert (letter.escalation_id, letter.department) == (raised.escalation_id, "CGJ")
    reply = desk.clock("reply", "CGJ")
    assert (reply.due_at, reply.started_at) == (letter.reply_due_at, minutes(6))
    assert "应哨时限已于2026年6月1日 09:05届满" in letter.text
    assert "2026年6月3日 17:30" in letter.text  # two working days after a Monday
    desk.hears(PIT.replied(minutes(200), letter.letter_id))
    assert desk.clock("reply", "CGJ").status == "met"


def test_a_letter_before_the_limit_does_not_say_that_it_has_passed() -> None:
    """INVARIANT: a letter names the limit that it is about, and says that it has passed only when it has."""
    desk = called_with(step(form="letter"))
    (raised,) = jump(desk, 1, minutes(1))
    owed = domain.Owed(WHISTLE, PIT.task.task_id, "letter", "区吹哨办", raised.escalation_id)
    letter, _ = desk.does(commands.issue_letter, minutes(1), owed, domain.Series.at(minutes(1), "letter"))
    assert isinstance(letter, LetterIssued)
    assert "应哨时限将于2026年6月1日 09:05届满" in letter.text


def test_letters_are_numbered_within_their_form_and_year() -> None:
    series = domain.Series.at(local(2026, 12, 31, 23, 59), "letter")
    assert [series.number(1), domain.Series.at(local(2027, 1, 1), "notice").number(12)] == [
        "函〔2026〕1号",
        "通〔2027〕12号",
    ]


def test_no_letter_is_written_about_a_letter() -> None:
    """A reply that does not come climbs the ladder; it does not breed further letters."""
    desk = called_with(step(form="letter"))
    (letter,) = of(LetterIssued, desk.writes(minutes(6)))
    words = [word for day in range(1, 40) for word in desk.writes(letter.reply_due_at + timedelta(days=day))]
    raised = [word for word in of(EscalationRaised, words) if word.clock == "reply"]
    assert {word.form for word in raised} >= {"letter", "supervision"}
    assert of(LetterIssued, words) == []


@pytest.mark.parametrize("form", ["reminder", "red_light"])
def test_a_rung_that_is_not_in_writing_writes_nothing(form: str) -> None:
    assert of(LetterIssued, called_with(step(form=form)).writes(minutes(6))) == []


def test_a_letter_by_hand_says_what_its_author_wrote() -> None:
    desk = called_with(step())
    owed = domain.Owed(WHISTLE, PIT.task.task_id, "interview", "区吹哨办", text="请于周三来访")
    words = desk.does(commands.issue_letter, minutes(3), owed, domain.Series.at(minutes(3), "interview"))
    letter, told = words
    assert isinstance(letter, LetterIssued)
    assert (letter.number, letter.text, letter.escalation_id) == ("约〔2026〕1号", "请于周三来访", None)
    assert isinstance(told, ClocksChanged)


def test_a_reply_to_a_letter_that_is_not_known_gets_its_receipt() -> None:
    desk = called_with(step())
    (receipt,) = desk.hears(PIT.replied(minutes(5), TASK))
    assert receipt == ClocksChanged(whistle_id=WHISTLE, task_id=PIT.task.task_id, changes=())


def test_a_street_urges_and_the_department_is_reminded() -> None:
    desk = called_with(step())
    unit = desk.unit(minutes(3))
    commands.remind(unit, WHISTLE, PIT.task.task_id, "请尽快", "区吹哨办")
    (word,) = unit.words
    assert (word.to, type(word.data)) == (("CGJ",), TaskReminded)
    (urged,) = desk.hears(PIT.urged(minutes(4)))
    assert isinstance(urged, TaskReminded)
    assert (urged.note, urged.by) == ("请尽快到场", "采薇街道")


@pytest.mark.parametrize("end", ["withdrawn", "closed"])
def test_a_task_that_is_over_is_neither_urged_nor_written_to(end: str) -> None:
    desk = called_with(step())
    desk.hears(withdrawn(minutes(2)) if end == "withdrawn" else closed(minutes(2)))
    with pytest.raises(IllegalTransition):
        desk.does(commands.remind, minutes(3), WHISTLE, PIT.task.task_id, "x", "y")
    owed = domain.Owed(WHISTLE, PIT.task.task_id, "letter", "y", text="x")
    with pytest.raises(IllegalTransition):
        desk.does(commands.issue_letter, minutes(3), owed, domain.Series.at(minutes(3), "letter"))
    with pytest.raises(NotFound):
        desk.does(commands.remind, minutes(3), WHISTLE, TASK, "x", "y")


def test_an_unanswered_letter_is_no_fault_at_closing(capsys: pytest.CaptureFixture[str]) -> None:
    desk = called_with(step(form="letter"))
    desk.writes(minutes(6))
    desk.hears(PIT.acknowledged(minutes(7)))
    desk.hears(closed(minutes(8)))
    assert desk.clock("reply", "CGJ").status == "cancelled"
    assert "clock.left_running" not in capsys.readouterr().out


# -- the watchdog ---------------------------------------------------------------------------------------------


def broken(desk: Desk, **wrong: Any) -> Desk:
    """A clock whose row somebody spoilt."""
    clock = replace(desk.clock("ack", "CGJ"), **wrong)
    clocks = {**desk.matter.clocks, clock.clock_id: clock}
    desk.loaded = replace(desk.loaded, matter=replace(desk.matter, clocks=clocks))
    return desk


def test_a_clock_that_nobody_would_look_at_is_given_its_next_look_and_it_is_said() -> None:
    """INVARIANT: every running clock has a next firing, or has climbed its whole ladder."""
    desk = broken(called_with(step()), next_at=None)
    assert desk.watches(minutes(60)) == []
    unit = desk.unit(minutes(60))
    assert commands.watch_matter(unit, WHISTLE) == 1
    (word,) = desk.keep(unit)
    assert isinstance(word, ClockOverlooked)
    assert [type(one) for one in desk.watches(minutes(60))[-2:]] == [ClockBreached, EscalationRaised]


def test_a_clock_that_is_looked_after_is_left_alone() -> None:
    desk = called_with(step())
    unit = desk.unit(minutes(1))
    assert commands.watch_matter(unit, WHISTLE) == 0
    assert unit.rows(tables.clock) == []
