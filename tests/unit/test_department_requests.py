"""What a department may ask for, and within what bounds; and what becomes of its requests."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from support import paperwork
from support.clockface import MONDAY, local
from support.worksite import DAY, DUTY, Worksite, arrives, at_work, called, district, files, submits, urgent, wrong
from whistle_department import commands, domain
from whistle_shared.contracts import EventData, dispatch, intake
from whistle_shared.contracts.department import (
    ExtensionRequested,
    ReturnRequested,
    SuspensionRequested,
    TaskResumed,
)
from whistle_shared.contracts.dispatch import ClockSchedule, ClockSpec, DisputeOpened
from whistle_shared.contracts.vocabulary import ClockName
from whistle_shared.errors import IllegalTransition
from whistle_shared.registry import Regulation
from whistle_shared.worktime import Limit, due

# -- returns -----------------------------------------------------------------------------------------------------

RETURN: Mapping[str, Any] = {
    "duty": None,
    "basis": "《城市道路管理条例》第二十三条",
    "proper_department": "PSGS",
    "reason": "井盖属排水公司",
}


def returns(site: Worksite, **said: Any) -> domain.Task:
    return site.does(commands.request_return, **{**RETURN, **said})


def a_call(**how: Any) -> Worksite:
    site = Worksite()
    site.hears(called(**how))
    return site


def test_a_return_is_asked_for_and_the_clocks_run_on() -> None:
    site = a_call()
    due_before = site.case.tasks[site.task().task_id].terms
    assert returns(site).state == "return_requested"
    asked = site.last()
    assert isinstance(asked, ReturnRequested)
    assert (asked.basis, asked.duty, asked.proper_department) == (RETURN["basis"], None, "PSGS")
    assert site.task().terms == due_before
    assert domain.next_due(site.task(), {}) == MONDAY + timedelta(minutes=30)
    assert site.legal() == ("acknowledgement",)


def test_a_return_cites_an_item_of_the_duty_list_or_a_clause() -> None:
    site = a_call()
    with wrong("basis"):
        returns(site, basis=None)
    with wrong("duty"):
        returns(site, duty="D-99")
    returns(site, basis=None, duty=DUTY.code)
    assert (site.last().duty, site.last().basis) == (DUTY.code, DUTY.name_zh)


@pytest.mark.parametrize("named", ["CGJ", "NOPE"])
def test_a_return_names_another_department_that_exists(named: str) -> None:
    with wrong("proper_department"):
        returns(a_call(), proper_department=named)


def test_a_return_is_made_within_its_window_before_arriving_and_once() -> None:
    late = a_call()
    late.passes(hours=2, seconds=1)
    arrived = at_work()
    critical = a_call(facts=paperwork.facts())
    again = a_call()
    returns(again)
    for site in (late, arrived, critical, again):
        with pytest.raises(IllegalTransition) as refused:
            returns(site)
        assert "return" not in refused.value.legal
    edge = a_call()
    edge.passes(hours=2)
    assert returns(edge).state == "return_requested"


def refused(site: Worksite, upheld: bool = False, **more: Any) -> dispatch.ReturnDecided:
    task = site.task()
    said = {
        **site.about(),
        "round": 1,
        "facts": urgent(),
        "whistle_due_at": None,
        "tasks": (),
        "terms": {},
        "registry_version": 1,
        "calendar_version": 1,
        "request_id": site.task().asked("return")[0].request_id,
        "upheld": upheld,
        "ended": ({"task_id": task.task_id, "department": "CGJ"},) if upheld else (),
        "reason": "属本单位职责",
        "by": "区吹哨办",
    }
    return dispatch.ReturnDecided.model_validate(said | more)


def test_a_refused_return_resets_nothing_and_is_not_asked_for_again() -> None:
    site = a_call()
    returns(site)
    site.passes(minutes=20)
    (receipt,) = site.hears(refused(site))
    assert receipt.key == "department.tasks_received.v1"
    assert site.task().state == "dispatched"
    assert domain.next_due(site.task(), {}) == MONDAY + timedelta(minutes=30)
    assert site.legal() == ("acknowledgement",)
    assert site.task().asked("return")[0].state == "refused"


def test_of_two_decisions_the_first_one_made_counts_whichever_is_heard_first() -> None:
    site = a_call()
    returns(site)
    site.passes(minutes=20)
    second = paperwork.event(refused(site, upheld=True, ended=()), site.now)
    first = paperwork.event(refused(site), site.now - timedelta(minutes=5))
    site.takes_in(second)
    site.takes_in(first)
    assert site.task().asked("return")[0].state == "refused"
    assert site.task().state == "dispatched"


def test_a_disputed_return_waits_for_the_district() -> None:
    site = a_call()
    returns(site)
    request = site.task().asked("return")[0]
    (spec,) = [s for s in called().terms.popitem()[1] if s.name == "ack"]
    opened = DisputeOpened(
        **site.about(),
        dispute_id=uuid4(),
        request_id=request.request_id,
        cause="undecided",
        clock=spec,
        registry_version=1,
        calendar_version=1,
    )
    site.hears(opened)
    assert (site.task().state, site.legal()) == ("disputed", ("acknowledgement",))
    decided = refused(site).model_dump() | {"dispute_id": opened.dispute_id, "on_site": True}
    site.hears(dispatch.DisputeDecided.model_validate(decided))
    assert site.task().state == "dispatched"


# -- more time ---------------------------------------------------------------------------------------------------


def spec(name: ClockName, limit: str, due_at: datetime | None = None, start: datetime = MONDAY) -> ClockSpec:
    """A clock that can be extended and paused."""
    schedule = due_at and ClockSchedule(start_at=start, due_at=due_at, provisional=False, warn_at=(), rung_at=())
    return ClockSpec(
        name=name,
        side="department",
        limit=limit,
        warn_percent=(),
        pausable=True,
        extendable=True,
        ladder=(),
        schedule=schedule,
    )


def working_on(limit: str) -> Worksite:
    """A department at work since Monday nine o'clock under one resolve clock of this limit."""
    calendar = paperwork.replica().calendar()
    return at_work(specs=(spec("resolve", limit, due(MONDAY, Limit.parse(limit), calendar).at),))


def extends(site: Worksite, due_at: datetime, clock: ClockName = "resolve") -> domain.Task:
    return site.does(commands.ask_for_time, clock=clock, due_at=due_at, reason="备件次日到货")


# The working day is 8:30–12:00 and 13:30–17:30; 2026-06-01 is a Monday. Half of each limit, reckoned by hand:
CAPS = [
    ("24h@natural", local(2026, 6, 2, 9), local(2026, 6, 2, 21)),
    # 8 h from Mon 9:00: 3 h before noon, 4 h until 17:30, 1 h on Tuesday; then 4 h: 2:30 until noon, 1:30 after lunch
    ("8h@work", local(2026, 6, 2, 9, 30), local(2026, 6, 2, 15)),
    # to the end of the second working day after Monday; 7 h of Monday + 15 h = 22 working hours, half: 11 h,
    # of which Thursday has 7:30 and Friday from 8:30 the other 3:30, until noon
    ("2d@work", local(2026, 6, 3, 17, 30), local(2026, 6, 5, 12)),
]


@pytest.mark.parametrize(("limit", "due_at", "latest"), CAPS)
def test_an_extension_adds_at_most_half_of_the_original_limit_in_its_own_unit(
    limit: str, due_at: datetime, latest: datetime
) -> None:
    site = working_on(limit)
    with wrong("due_at"):
        extends(site, latest + timedelta(seconds=1))
    with wrong("due_at"):
        extends(site, due_at)
    extends(site, latest)
    asked = site.last()
    assert isinstance(asked, ExtensionRequested)
    assert (asked.current_due_at, asked.due_at, asked.number, asked.decider) == (due_at, latest, 1, "street")


def grants(site: Worksite, due_at: datetime, by_district: bool = False) -> EventData:
    """The named decider grants the latest extension; escalation moves the due time."""
    about = {**site.about(), "reason": "同意", "by": "值班长", "granted": True, "clock": "resolve", "due_at": due_at}
    model = dispatch.ExtensionDecided if by_district else intake.ExtensionDecided
    return model.model_validate(about | {"request_id": site.last().request_id})


def moved(site: Worksite, due_at: datetime) -> None:
    commands.follow_clock(
        site.unit(),
        paperwork.WHISTLE,
        site.task().task_id,
        "resolve",
        lambda clock: domain.told_due(domain.told_status(clock, "running", 40), due_at, 40),
    )


def test_the_second_extension_is_the_districts_and_there_is_no_third() -> None:
    site = working_on("24h@natural")
    first, second = local(2026, 6, 2, 21), local(2026, 6, 3, 9)
    extends(site, first)
    with pytest.raises(IllegalTransition):
        extends(site, first)  # one waits
    site.hears(grants(site, first))
    moved(site, first)
    assert site.task().asked("extension")[0].state == "granted"
    with wrong("due_at"):
        extends(site, second + timedelta(seconds=1))  # half of the original 24 hours, not of 36
    extends(site, second)
    assert (site.last().number, site.last().decider, site.last().current_due_at) == (2, "district", first)
    site.hears(grants(site, second, by_district=True))
    with pytest.raises(IllegalTransition):
        extends(site, second + DAY / 4)


def test_what_was_granted_counts_before_escalation_has_moved_the_clock() -> None:
    """Else the second request could name a due time before the one granted, and move it back."""
    site = working_on("24h@natural")
    first = local(2026, 6, 2, 21)
    extends(site, first)
    site.hears(grants(site, first))
    with wrong("due_at"):
        extends(site, local(2026, 6, 2, 15))
    extends(site, local(2026, 6, 3, 9))
    assert (site.last().number, site.last().current_due_at) == (2, first)


def test_an_extension_is_asked_for_before_the_limit_and_for_a_clock_that_can_be_extended() -> None:
    site = at_work()
    for clock in ("ack", "arrive", "contain", "plan"):
        with wrong("clock"):
            extends(site, MONDAY + DAY, clock)
    site.passes(hours=24)
    with wrong("clock"):
        extends(site, MONDAY + 2 * DAY)


def test_a_plans_clock_is_extended_by_half_of_what_the_plan_took() -> None:
    site = at_work(specs=(spec("resolve", "per_plan@natural"),))
    with wrong("clock"):
        extends(site, MONDAY + DAY)
    files(site, 10, 20)
    moved(site, MONDAY + 20 * DAY)
    with wrong("due_at"):
        extends(site, MONDAY + 30 * DAY + timedelta(seconds=1))
    assert extends(site, MONDAY + 30 * DAY).state == "arrived"


# -- suspensions -------------------------------------------------------------------------------------------------


def suspends(site: Worksite, until: datetime) -> domain.Task:
    return site.does(commands.ask_to_suspend, cause="superior_approval", until=until, reason="待市级审批")


def suspended(site: Worksite, granted: bool = True, cycle: int = 1, **more: Any) -> EventData:
    asked = site.task().asked("suspension")[-1]
    said = {"request_id": asked.request_id, "granted": granted, "reason": "同意", "by": "值班长", "cycle": cycle}
    return intake.SuspensionDecided.model_validate({**site.about(), **said, **more})


def test_the_street_decides_suspensions_of_ten_working_days_and_the_district_longer_ones() -> None:
    ten = local(2026, 6, 15, 17, 30)  # ten working days after Monday the first
    for until, decider in ((ten, "street"), (ten + timedelta(seconds=1), "district")):
        site = at_work()
        assert suspends(site, until).state == "arrived"
        asked = site.last()
        assert isinstance(asked, SuspensionRequested)
        assert (asked.decider, asked.number, asked.until) == (decider, 1, until)
    for until in (MONDAY, MONDAY - DAY, MONDAY + 4000 * DAY):
        with wrong("until"):
            suspends(at_work(), until)


def test_a_suspension_that_is_granted_after_the_submission_holds_nothing_up_until_it_is_to_be_done_again() -> None:
    site = at_work()
    suspends(site, MONDAY + DAY)
    submits(site)
    site.hears(suspended(site))
    assert site.task().state == "submitted"
    order = {"attempt": 1, "submitted_at": MONDAY, "verify_due_at": None, "reasons": "未止", "by": "采薇街道"}
    site.hears(intake.TaskReworkOrdered.model_validate(site.about() | order))
    assert (site.task().state, site.legal()) == ("suspended", ("departure", "resumption"))
    assert site.does(commands.resume, reason="").state == "rework"


def test_an_emergency_is_never_suspended() -> None:
    site = at_work(facts=paperwork.facts())
    assert "suspension" not in site.legal()
    with pytest.raises(IllegalTransition):
        suspends(site, MONDAY + DAY)


def test_a_suspended_task_stands_still_until_it_is_resumed() -> None:
    site = at_work()
    suspends(site, MONDAY + 5 * DAY)
    with pytest.raises(IllegalTransition):
        suspends(site, MONDAY + 5 * DAY)  # one at a time
    site.hears(suspended(site, until=MONDAY + 5 * DAY))
    assert (site.task().state, site.legal()) == ("suspended", ("departure", "resumption"))
    assert domain.next_due(site.task(), {}) is None
    with pytest.raises(IllegalTransition):
        submits(site)
    assert site.does(commands.resume, reason="审批已下达").state == "arrived"
    assert isinstance(site.last(), TaskResumed)
    assert site.sheet.words[-1].awaiting == ("escalation",)
    with pytest.raises(IllegalTransition):
        site.does(commands.resume, reason="")
    suspends(site, MONDAY + 3 * DAY)
    assert site.last().number == 2
    site.hears(suspended(site))
    assert site.task().state == "suspended"


@pytest.mark.parametrize("model", [intake.TaskResumed, dispatch.TaskResumed])
def test_whoever_decides_may_resume_also_before_the_grant_is_heard(model: type[EventData]) -> None:
    site = at_work()
    suspends(site, MONDAY + 5 * DAY)
    site.passes(hours=1)
    grant = paperwork.event(suspended(site), site.now)
    site.passes(hours=1)
    site.hears(model.model_validate({**site.about(), "reason": "条件已具备", "by": "值班长"}))
    site.takes_in(grant)
    assert site.task().state == "arrived"


def test_a_kept_suspension_shows_its_latest_review_and_a_refused_one_changes_nothing() -> None:
    site = at_work()
    suspends(site, MONDAY + 40 * DAY)
    site.hears(suspended(site, until=MONDAY + 40 * DAY, cycle=1))
    site.passes(days=30)
    site.hears(suspended(site, until=MONDAY + 60 * DAY, cycle=2))
    request = site.task().asked("suspension")[0]
    assert request.latest is not None
    assert (site.task().state, request.latest.detail["cycle"]) == ("suspended", 2)
    other = at_work()
    suspends(other, MONDAY + DAY)
    other.hears(suspended(other, granted=False))
    assert (other.task().state, other.task().asked("suspension")[0].state) == ("arrived", "refused")
    suspends(other, MONDAY + DAY)


def test_the_numbers_are_the_regulations() -> None:
    regulation = Regulation.model_validate({"more_time": {"percent": 10, "extensions": 1}})
    calendar = paperwork.replica().calendar()
    site = Worksite(replica=district(regulations=(regulation,)))
    site.hears(called(specs=(spec("resolve", "24h@natural", due(MONDAY, Limit.parse("24h@natural"), calendar).at),)))
    site.does(commands.acknowledge_task)
    arrives(site)
    with wrong("due_at"):
        extends(site, MONDAY + timedelta(hours=26, minutes=25))
    extends(site, MONDAY + timedelta(hours=26, minutes=24))
    site.hears(grants(site, MONDAY + timedelta(hours=26)))
    with pytest.raises(IllegalTransition):
        extends(site, MONDAY + timedelta(hours=26, minutes=30))
