"""The district whistle office's desk: returns and disputes, with a Unit that only collects."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support import paperwork
from support.clockface import MONDAY, local
from support.office import Office, calls, decides, hours, only, overdue, request_id, returned, rules_on
from support.paperwork import WHISTLE
from whistle_dispatch import commands, tables
from whistle_shared import worktime
from whistle_shared.contracts.dispatch import (
    ClockSpec,
    DisputeDecided,
    DisputeOpened,
    ReturnDecided,
)
from whistle_shared.errors import Conflict, IllegalTransition, Invalid, NotFound
from whistle_shared.messaging import RetryLater

HOSTED = "department.hosted"


def spec_of(decided: ReturnDecided, department: str, name: str) -> ClockSpec:
    (task,) = [task for task in decided.tasks if task.department == department]
    return next(spec for spec in decided.terms[task.terms] if spec.name == name)


# -- returns ----------------------------------------------------------------------------------------------------


def test_a_return_lies_on_the_desk_and_changes_nothing() -> None:
    office = calls("CGJ", "GA")
    sheet = office.hears(returned(office, "CGJ", at=hours(0.5)))
    assert (sheet.words, sheet.rows(tables.task), sheet.rows(tables.dispatch)) == ([], [], [])
    (row,) = sheet.rows(tables.request)
    assert (row["kind"], row["state"], row["decide_by"]) == ("return", "pending", local(2026, 6, 1, 15))
    assert office.hears(returned(office, "GA")).rows(tables.dispute), "a second return is another matter"


def test_a_refused_return_resets_nothing() -> None:
    """INVARIANT: a refused return resets nothing."""
    office = calls("CGJ", "GA")
    office.hears(returned(office, "CGJ"))
    before = office.known.tasks
    sheet = decides(office, "CGJ")
    decided = only(sheet, ReturnDecided)
    assert (decided.upheld, decided.tasks, decided.terms, decided.ended, decided.lead) == (False, (), {}, (), None)
    assert (sheet.words[0].to, sorted(sheet.words[0].awaiting)) == (("CGJ",), [HOSTED, "escalation"])
    assert (office.known.tasks, sheet.rows(tables.task)) == (before, [])
    (row,) = sheet.rows(tables.request)
    assert (row["state"], row["decide_by"], row["decided_by"]) == ("refused", None, "区吹哨办")


def test_an_upheld_return_of_the_lead_hands_the_lead_on_and_the_clocks_begin_anew() -> None:
    office = calls("CGJ", "GA")
    due = office.known.whistle_due_at
    office.hears(returned(office, "CGJ"))
    sheet = decides(office, "CGJ", ["PSGS", "GSGS"], at=2)
    decided = only(sheet, ReturnDecided)
    ended = office.task("CGJ")
    assert [(task.task_id, task.department) for task in decided.ended] == [(ended.task_id, "CGJ")]
    assert ended.ended_at == hours(2)
    assert [(task.department, task.role, task.origin, task.terms) for task in decided.tasks] == [
        ("PSGS", "lead", "reassigned-1", "lead@1.reassigned-1"),
        ("GSGS", "assist", "reassigned-1", "assist@1.reassigned-1"),
    ]
    assert decided.lead == office.task("PSGS").task_id
    assert office.standing() == [("PSGS", "lead"), ("GA", "assist"), ("GSGS", "assist")]
    assert sheet.words[0].to == ("CGJ", "CGJ", "PSGS", "GSGS", "PSGS")
    assert set(sheet.words[0].awaiting) == {"escalation", HOSTED}
    for name in ("ack", "arrive", "resolve"):
        schedule = spec_of(decided, "PSGS", name).schedule
        assert schedule is not None
        assert schedule.start_at == hours(2)
    assert (decided.whistle_due_at, office.known.whistle_due_at) == (due, due)


def test_no_transfer_moves_the_whistles_own_due_time() -> None:
    """INVARIANT: no transfer moves the whistle's own due time: a new resolve clock is due with it at the latest."""
    office = calls("CGJ")
    office.hears(returned(office, "CGJ"))
    decided = only(decides(office, "CGJ", ["PSGS"], at=28), ReturnDecided)
    resolve = spec_of(decided, "PSGS", "resolve").schedule
    assert resolve is not None
    assert resolve.due_at == office.known.whistle_due_at == MONDAY + timedelta(days=7)
    left = timedelta(days=7) - timedelta(hours=28)
    assert resolve.warn_at == (hours(28) + left * 50 / 100, hours(28) + left * 80 / 100)
    assert resolve.rung_at[0] == resolve.due_at
    ack = spec_of(decided, "PSGS", "ack").schedule
    assert ack is not None
    limit = worktime.Limit.parse("4h@work")
    assert ack.due_at == worktime.due(hours(28), limit, paperwork.rules().calendar).at


def test_a_limit_in_working_days_is_cut_in_working_time_and_one_that_is_over_is_over() -> None:
    about = paperwork.facts("key_work", "normal")
    office = calls("CGJ", about=about)
    office.hears(returned(office, "CGJ"))
    due = office.known.whistle_due_at
    assert due is not None
    half = decides(office, "CGJ", ["PSGS"], at=24)
    resolve = spec_of(only(half, ReturnDecided), "PSGS", "resolve").schedule
    assert resolve is not None
    calendar = paperwork.rules().calendar
    left = worktime.working_minutes(hours(24), due, calendar)
    assert resolve.due_at == due
    assert worktime.working_minutes(hours(24), resolve.warn_at[0], calendar) == left / 2
    late = calls("CGJ", about=about)
    late.hears(returned(late, "CGJ"))
    over = spec_of(only(decides(late, "CGJ", ["PSGS"], at=24 * 90), ReturnDecided), "PSGS", "resolve").schedule
    assert over is not None
    assert (over.due_at, over.warn_at) == (due, (due, due))


def test_who_assists_already_leads_without_another_task() -> None:
    office = calls("CGJ", "GA")
    office.hears(returned(office, "CGJ", "GA"))
    decided = only(decides(office, "CGJ", ["GA"]), ReturnDecided)
    assert (decided.tasks, decided.terms, decided.lead) == ((), {}, office.task("GA").task_id)
    assert office.standing() == [("GA", "lead")]


def test_an_assistants_return_leaves_the_lead_alone() -> None:
    office = calls("CGJ", "GA")
    office.hears(returned(office, "GA"))
    decided = only(decides(office, "GA", ["XF"]), ReturnDecided)
    assert ([(task.department, task.role) for task in decided.tasks], decided.lead) == ([("XF", "assist")], None)
    assert office.standing() == [("CGJ", "lead"), ("XF", "assist")]


@pytest.mark.parametrize(
    ("upheld", "departments", "field"),
    [
        (True, [], "departments"),
        (True, ["CGJ"], "departments"),
        (True, ["PSGS", "XYZ"], "departments.1"),
        (False, ["PSGS"], "departments"),
    ],
)
def test_a_decision_that_cannot_be_names_the_field(upheld: bool, departments: list[str], field: str) -> None:
    office = calls("CGJ", "GA")
    office.hears(returned(office, "CGJ"))
    asked = request_id(office, "CGJ")
    sheet = office.sheet()
    with pytest.raises(Invalid) as refused:
        commands.decide_return(sheet, WHISTLE, asked, upheld, departments, "理由", "区吹哨办")
    assert (refused.value.field, sheet.written, sheet.words) == (field, [], [])


def test_a_return_is_decided_once() -> None:
    office = calls("CGJ", "GA")
    office.hears(returned(office, "CGJ"))
    decides(office, "CGJ")
    with pytest.raises(IllegalTransition, match="refused"):
        decides(office, "CGJ", ["PSGS"])
    with pytest.raises(NotFound):
        commands.decide_return(office.sheet(), WHISTLE, WHISTLE, True, ["PSGS"], "理由", "区吹哨办")


def test_a_return_of_a_whistle_that_is_not_known_yet_waits_for_it() -> None:
    office = calls("CGJ")
    event = returned(office, "CGJ")
    with pytest.raises(RetryLater):
        Office().hears(event)


def test_a_return_of_a_task_that_is_not_the_departments_is_nobodys_word() -> None:
    office, other = calls("CGJ"), calls("GA")
    with pytest.raises(NotFound):
        office.hears(returned(other, "GA"))


def test_the_same_return_heard_twice_lies_there_once() -> None:
    office = calls("CGJ", "GA")
    event = returned(office, "CGJ")
    office.hears(event)
    assert (again := office.hears(event)).written == [] == again.words


# -- disputes ---------------------------------------------------------------------------------------------------


def test_a_return_that_nobody_decides_in_time_is_disputed_exactly_once() -> None:
    """INVARIANT: a return that nobody decides in time is disputed exactly once."""
    office = calls("CGJ", "GA")
    office.hears(returned(office, "CGJ"))
    assert overdue(office, 5.4).words == []
    sheet = overdue(office, 5.5)
    opened = only(sheet, DisputeOpened)
    assert (opened.cause, sheet.words[0].to, sheet.words[0].awaiting) == ("undecided", ("CGJ",), ("escalation",))
    assert (opened.clock.name, opened.clock.side, opened.clock.limit) == ("adjudication", "district", "1d@work")
    assert opened.clock.schedule is not None
    assert (opened.clock.schedule.start_at, opened.clock.schedule.due_at) == (hours(5.5), local(2026, 6, 2, 17, 30))
    assert overdue(office, 9).words == []
    with pytest.raises(IllegalTransition) as refused:
        decides(office, "CGJ", ["PSGS"], at=6)
    assert (refused.value.state, refused.value.legal) == ("disputed", ("dispute_decision",))


def test_four_working_hours_are_counted_on_the_calendar() -> None:
    office = calls("CGJ")
    office.hears(returned(office, "CGJ", at=local(2026, 6, 5, 16)))
    (request,) = office.known.requests.values()
    assert request.decide_by == local(2026, 6, 8, 11)


def test_a_second_return_in_the_round_is_disputed_at_once() -> None:
    office = calls("CGJ", "GA")
    office.hears(returned(office, "CGJ"))
    decides(office, "CGJ", ["PSGS"])
    opened = only(office.hears(returned(office, "PSGS", "CGJ", at=hours(2))), DisputeOpened)
    assert (opened.cause, opened.department) == ("second_return", "PSGS")


def test_one_transfer_too_many_is_disputed_at_once() -> None:
    office = calls("CGJ", "GA")
    office.hears(returned(office, "CGJ"))
    decides(office, "CGJ", ["PSGS"])
    office.hears(returned(office, "PSGS", at=hours(2)))
    rules_on(office, ["GSGS"], at=3)
    assert only(office.hears(returned(office, "GSGS", at=hours(4))), DisputeOpened).cause == "transfer_cap"


def test_a_dispute_is_decided_on_site_and_remembered_as_a_precedent() -> None:
    office = calls("CGJ", "GA")
    office.hears(returned(office, "CGJ"))
    overdue(office, 6)
    due = office.known.whistle_due_at
    sheet = rules_on(office, ["PSGS", "CGJ"], rule="塌陷系排水管破损的，由排水公司主办", on_site=True)
    decided = only(sheet, DisputeDecided)
    assert (decided.upheld, decided.on_site, decided.ended) == (True, True, ())
    assert office.standing() == [("PSGS", "lead"), ("CGJ", "assist"), ("GA", "assist")]
    assert [task.department for task in decided.tasks] == ["PSGS"]
    assert decided.precedent is not None
    assert (decided.precedent.category, decided.precedent.department) == ("0701", "PSGS")
    assert decided.precedent.assist == ("CGJ", "GA")
    (row,) = sheet.rows(tables.precedent)
    assert (row["precedent_id"], row["adopted_at"]) == (decided.precedent.precedent_id, None)
    (ruled,) = sheet.rows(tables.dispute)
    assert (ruled["state"], ruled["on_site"], ruled["precedent_id"]) == ("decided", True, row["precedent_id"])
    assert (decided.whistle_due_at, office.known.whistle_due_at) == (due, due)
    with pytest.raises(ValueError, match="not enough values"):
        rules_on(office, ["GA"])


def test_a_refused_dispute_leaves_the_task_where_it_is() -> None:
    office = calls("CGJ", "GA")
    office.hears(returned(office, "CGJ"))
    overdue(office, 6)
    before = office.known.tasks
    decided = only(rules_on(office), DisputeDecided)
    assert (decided.upheld, decided.tasks, decided.lead, office.known.tasks) == (False, (), None, before)
    (dispute,) = office.known.disputes.values()
    with pytest.raises(IllegalTransition, match="decided"):
        commands.decide_dispute(
            office.sheet(), WHISTLE, dispute.dispute_id, True, ["GA"], "理由", False, None, "区吹哨办"
        )


def test_to_name_only_the_department_itself_refuses_the_return() -> None:
    office = calls("CGJ", "GA")
    office.hears(returned(office, "CGJ"))
    overdue(office, 6)
    with pytest.raises(Invalid, match="refuses"):
        rules_on(office, ["CGJ"])


# -- whatever happens -------------------------------------------------------------------------------------------

CODES = ("CGJ", "GA", "PSGS", "XF", "GSGS")
STEPS = st.one_of(
    st.tuples(st.just("return"), st.sampled_from(CODES)),
    st.tuples(st.just("decide"), st.lists(st.sampled_from(CODES), max_size=3, unique=True)),
    st.tuples(st.just("rule"), st.lists(st.sampled_from(CODES), max_size=3, unique=True)),
    st.tuples(st.just("lead"), st.sampled_from(CODES)),
    st.tuples(st.just("wait"), st.just("")),
)


@settings(max_examples=120, deadline=None, database=None)
@given(st.lists(STEPS, max_size=12))
def test_in_every_round_one_standing_task_leads_whatever_the_office_does(steps: list[tuple[str, Any]]) -> None:
    """INVARIANT: in every round one standing task leads, and a task that has ended never comes back."""
    office, ended, at = calls("CGJ", "GA"), set[UUID](), 0.0
    due = office.known.whistle_due_at
    for step, what in steps:
        at += 5
        try:
            _take(office, step, what, at)
        except (Conflict, Invalid, StopIteration):
            continue
        standing = office.known.active
        assert [task.role for task in standing].count("lead") == 1
        assert len({task.department for task in standing}) == len(standing) >= 1
        assert ended <= (ended := {task.task_id for task in office.known.tasks if task.ended_at})
        assert office.known.whistle_due_at == due
        names = [(task.round, task.department, task.origin) for task in office.known.tasks]
        assert len(set(names)) == len(names)


def _take(office: Office, step: str, what: Any, at: float) -> None:
    requests, disputes = office.known.requests.values(), office.known.disputes.values()
    if step == "return" and office.known.held_by(what):
        office.hears(returned(office, what, at=hours(at)))
    elif step == "decide":
        request = next(r.asked.request_id for r in requests if r.state == "pending")
        office.does(
            lambda unit: commands.decide_return(unit, WHISTLE, request, bool(what), what, "理由", "区吹哨办"), hours(at)
        )
    elif step == "rule":
        dispute = next(d.dispute_id for d in disputes if d.state == "open")
        office.does(
            lambda unit: commands.decide_dispute(
                unit, WHISTLE, dispute, bool(what), what, "理由", False, "规则", "区吹哨办"
            ),
            hours(at),
        )
    elif step == "lead":
        office.does(lambda unit: commands.change_lead(unit, WHISTLE, what, "理由", "区吹哨办"), hours(at))
    else:
        overdue(office, at)
