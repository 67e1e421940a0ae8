"""The street's pages as pure functions: what a line, a lane, a timeline and the look ahead say."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any, get_args
from uuid import UUID, uuid5

import pytest

from support import paperwork, sheets
from support.clockface import MONDAY
from support.paperwork import WHISTLE
from whistle_intake import domain, queries
from whistle_intake.consumers import SUBSCRIPTIONS
from whistle_intake.domain.tasks import STREET_STEPS
from whistle_intake.pages import approvals, board, foresight, lanes, matters, rows
from whistle_shared.auth import Caller
from whistle_shared.errors import Invalid
from whistle_shared.pages import Language, kind
from whistle_shared.pages.sentences import SENTENCES
from whistle_shared.registry import Registry

CHINESE = re.compile(r"[一-鿿，。；：（）]")
LANGUAGES: tuple[Language, ...] = ("zh", "en")


TEMPLATES = sheets.templates("intake")
words = partial(sheets.words, registry=paperwork.pack().registry, service="intake")


def caller(role: str = "street_initiator", scope: str = "S01") -> Caller:
    return Caller(UUID(int=1), "王街道", role, scope)  # type: ignore[arg-type]


def at(minutes: float) -> datetime:
    return MONDAY + timedelta(minutes=minutes)


def task(department: str = "CGJ", **known: Any) -> domain.Task:
    about: dict[str, Any] = {"role": "lead", "round": 1, "called_at": MONDAY, "presence": "on_site"}
    return domain.Task(uuid5(WHISTLE, department), department, **(about | known))


def clock(name: str = "ack", due: float = 15, department: str = "CGJ", **known: Any) -> domain.Clock:
    task_id = uuid5(WHISTLE, department)
    return domain.Clock(uuid5(task_id, name), WHISTLE, task_id, name, due_at=at(due), **known)  # type: ignore[arg-type]


def row(state: str = "responding", due: float | None = 15, **known: Any) -> Any:
    about: dict[str, Any] = {
        "whistle_id": uuid5(WHISTLE, f"{state}{due}"),
        "number": "S01-20260601-0007",
        "street": "S01",
        "category": "0701",
        "state": state,
        "stage": state if state in ("draft", "pending_approval", "closed") else "open",
        "routing": "dispatched",
        "round": 1,
        "blown_at": MONDAY,
        "closed_at": None,
        "withdrawn_at": None,
        "due_at": None if due is None else at(due),
        "signature": None,
        "signature_due_at": None,
        "reason": None,
        "override_reason": None,
        "distinct_reason": None,
        "submitted_by": None,
        "title": "井盖缺失",
        "place": "东门路 12 号",
        "kind": "emergency",
        "urgency": "urgent",
    }
    return SimpleNamespace(**about | known)


# -- lines and columns --------------------------------------------------------------------------------------------


def test_what_runs_out_first_is_the_worst_and_names_whom_it_binds() -> None:
    line = rows.line(
        words(), row(), [task(), task("GA", role="assist")], [clock("resolve", 1440), clock("ack", 10, "GA")], at(5)
    )
    assert line.worst is not None
    assert (line.worst.name, line.worst.who, line.worst.state) == ("应哨", "公安分局", "normal")
    assert [name for name, _ in line.departments] == ["城市管理局（城管委）", "公安分局"]


@pytest.mark.parametrize(
    ("known", "now", "state"),
    [
        ({}, 5, "normal"),
        ({"warned": 50}, 5, "half"),
        ({"warned": 80}, 5, "nearly"),
        ({"warned": 80}, 15, "late"),
        ({"status": "paused"}, 50, "paused"),
        ({"status": "met"}, 5, "met"),
    ],
)
def test_how_a_clock_stands(known: Mapping[str, Any], now: float, state: str) -> None:
    assert rows.standing(clock(**known), at(now)) == state


def test_a_task_that_was_replaced_is_named_no_more_and_many_are_counted() -> None:
    many = [task(code, role="assist") for code in ("GA", "XF", "JJ", "HW", "ZJ")]
    line = rows.line(words(), row(), [task(ended="reassigned"), *many], [], at(5))
    assert (len(line.departments), line.more, line.worst) == (4, 1, None)


def test_every_state_has_a_look_and_a_column_or_an_end() -> None:
    columns = {state for states, _, _ in board.COLUMNS.values() for state in states}
    assert columns | {*domain.ENDS, "closed"} == set(get_args(domain.State))
    assert set(rows.LOOKS) >= {*get_args(domain.State), *get_args(domain.TaskState)}


def test_a_long_column_says_so() -> None:
    found = queries.Lines([row("blown", n) for n in range(4)] + [row("draft", None)])
    stacks = {stack.code: stack for stack in board.stacks(words(), found, at(0), each=3)}
    assert (len(stacks["blown"].lines), stacks["blown"].more) == (3, True)
    assert (len(stacks["before"].lines), stacks["before"].more) == (1, False)


def test_a_leader_with_much_to_sign_sees_the_first_fifty_whole() -> None:
    found = queries.Lines([row("pending_approval", minutes) for minutes in range(51)])
    shown = approvals.papers(words(), found, paperwork.pack().registry, MONDAY)
    assert [paper.line.whistle_id for paper in shown] == [one.whistle_id for one in found.rows[:50]]


def test_what_runs_out_first_stands_in_front_and_what_has_no_clock_last() -> None:
    ordered = sorted([row("blown", None), row("blown", 20), row("blown", 10)], key=queries.rank)
    assert [one.due_at for one in ordered] == [at(10), at(20), None]


@pytest.mark.parametrize("due", [15, None])
def test_a_place_in_a_column_comes_back(due: float | None) -> None:
    line = row("blown", due)
    assert board.key_of(board.cursor_of(line)) == (line.due_at, line.whistle_id)


@pytest.mark.parametrize("text", ["", "~", "nowhere", "yesterday~x", f"9999-99-99~{WHISTLE}", f"0001-01-01T00:00~{1}"])
def test_what_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        board.key_of(text)


# -- lanes ----------------------------------------------------------------------------------------------------------


def test_a_lane_tells_what_was_done_when_and_what_was_late() -> None:
    along = lanes.axis("hour", MONDAY, [], at(60))
    done = task(acknowledged_at=at(20), arrived_at=at(30), attempt=1, submitted_at=at(45))
    lane = lanes.lane(words(), along, done, [clock("ack", 15, status="met_late")], at(60))
    assert [(s.kind, s.x, s.width) for s in lane.segments] == [
        ("waiting", 0, 33.33),
        ("seen", 33.33, 16.67),
        ("here", 50, 25),
        ("check", 75, 25),
        ("late", 25, 8.33),
    ]
    assert [(limit.word, limit.x, limit.late) for limit in lane.limits] == [("应哨", 25, True)]
    assert lane.told == ["应哨 09:20", "报到 09:30", "提交办结 09:45", "应哨超时"]


def test_a_lane_of_a_suspended_task_shows_that_it_stands_still() -> None:
    along = lanes.axis("hour", MONDAY, [], at(30))
    held = task(acknowledged_at=at(5), suspended_at=at(10))
    lane = lanes.lane(words(), along, held, [clock("resolve", 50, status="paused")], at(30))
    assert [(s.kind, s.x, s.width) for s in lane.segments][-1] == ("paused", 16.67, 33.33)


def test_a_limit_that_nobody_met_is_late_up_to_now() -> None:
    along = lanes.axis("hour", MONDAY, [], at(45))
    lane = lanes.lane(words(), along, task(), [clock("ack", 15)], at(45))
    assert [(s.kind, s.x, s.width) for s in lane.segments] == [("waiting", 0, 75), ("late", 25, 50)]


@pytest.mark.parametrize(("span", "hours"), [("hour", 1), ("day", 24)])
def test_an_axis_has_few_marks_and_now_only_where_it_lies_on_it(span: lanes.Span, hours: float) -> None:
    along = lanes.axis(span, MONDAY, [], at(30))
    assert along.end - along.start == timedelta(hours=hours)
    assert 3 <= len(along.ticks) <= 6
    assert along.now == round(50 / hours, 2)
    assert lanes.axis(span, MONDAY, [], at(60 * 48)).now is None


@pytest.mark.parametrize("days", [0, 1, 7, 40, 400])
def test_the_whole_span_ends_with_what_comes_last(days: int) -> None:
    along = lanes.axis("all", MONDAY, [at(days * 1440)], at(1))
    assert along.end >= at(days * 1440)
    assert len(along.ticks) <= 6


# -- a whistle's page -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", sorted({*(step for steps in STREET_STEPS.values() for step in steps)}))
def test_every_step_of_a_task_is_somebodys(step: str) -> None:
    assert matters.steps([step], caller()) == [step]
    assert not matters.steps([step], caller("inspector", "*"))


def test_every_step_of_a_whistle_is_somebodys_and_the_withdrawal_stands_last() -> None:
    found = {step for state in get_args(domain.State) for step in domain.legal(state)}
    approver = caller("street_approver")
    assert set(matters.steps([*found, "callback"], approver)) == found | {"callback"}
    assert matters.steps([*sorted(found), "callback"], approver)[-1] == "withdrawal"


@pytest.mark.parametrize("language", LANGUAGES)
def test_all_that_a_timeline_may_hold_is_told(language: Language) -> None:
    silent = {"registry_published", "calendar_published", "clocks_changed"}
    assert {kind(event.key) for event in SUBSCRIPTIONS} - silent <= {*SENTENCES, *matters.OWN}
    said = {
        "by": "Zhao",
        "submitted_by": "Li",
        "reason": "solved",
        "person": "Wang",
        "department": "CGJ",
        "outcome": "draft",
    }
    whistle = SimpleNamespace(street="S01", facts={"title": "Cover missing"})
    for name in matters.OWN:
        line = SimpleNamespace(key=f"intake.{name}.v1", at=MONDAY, data=said)
        (told,) = matters.timeline(words(language), whistle, [line])
        assert told.text
        assert "%(" not in told.text
        if language == "en":
            assert not CHINESE.search(told.text), told.text


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_sentence_of_the_timeline_leaves_the_title_out(language: Language) -> None:
    whistle = SimpleNamespace(street="S01", facts={"title": "Cover missing"})
    data = {"department": "CGJ", "person": "Wang", "mode": "on_site"}
    line = SimpleNamespace(key="department.responder_checked_in.v1", at=MONDAY, data=data)
    (told,) = matters.timeline(words(language), whistle, [line])
    assert "Cover missing" not in told.text
    assert told.text[-1] not in "：: "


def test_tasks_of_the_present_round_come_first_and_the_lead_before_the_others() -> None:
    known = [task("GA", role="assist"), task("XF", round=2), task(), task("JJ", ended="cancelled", role="assist")]
    found = matters.duties(words(), known, {}, [], "S01", caller(), at(5))
    assert [duty.code for duty in found] == ["XF", "CGJ", "GA", "JJ"]


# -- the look ahead ---------------------------------------------------------------------------------------------------


def seen(wish: foresight.Wish, *, signs: bool = False, registry: Registry | None = None) -> foresight.Foresight:
    known = registry or paperwork.pack().registry
    return foresight.foresee(
        words(), known, paperwork.replica().calendar(), wish, signs=signs, initiator=False, now=MONDAY
    )


@pytest.mark.parametrize("wanted", [(), ("GA", "CGJ")])
def test_what_is_foreseen_is_what_dispatch_plans(wanted: tuple[str, ...]) -> None:
    about = paperwork.facts("emergency", "urgent", "0701")
    called = paperwork.dispatched(about, wanted)
    found = seen(foresight.Wish("S01", "0701", "emergency", "urgent", wanted))
    names = [name for group in found.called for name, _ in group.departments]
    assert set(names) == {words().department(one.department) for one in called.tasks}
    assert names[0] == words().department(called.tasks[0].department)
    planned = {
        (words().clock(spec.name), spec.schedule.due_at)
        for specs in called.terms.values()
        for spec in specs
        if spec.schedule is not None
    }
    assert {(name, due) for group in found.called for name, _, due in group.limits if due} == planned


def test_nobody_follows_from_a_matter_without_a_category_or_beyond_the_district() -> None:
    assert seen(foresight.Wish("S01", None, "appeal", "normal")).to_office
    assert seen(foresight.Wish("S01", "0701", "emergency", "urgent", (), True)).to_office


def test_who_signs_and_when() -> None:
    plain, urgent = ("appeal", "normal"), ("emergency", "urgent")
    assert seen(foresight.Wish("S01", "0103", *plain)).signing == "at_once"  # type: ignore[arg-type]
    assert seen(foresight.Wish("S13", "0103", *plain)).signing == "by_leader"  # type: ignore[arg-type]
    assert seen(foresight.Wish("S13", "0103", *plain), signs=True).signing == "at_once"  # type: ignore[arg-type]
    assert seen(foresight.Wish("S01", "0701", *urgent)).signing == "afterwards"  # type: ignore[arg-type]


def test_a_pair_without_a_policy_is_told() -> None:
    assert not seen(foresight.Wish("S01", "0701", "appeal", "critical")).legal
