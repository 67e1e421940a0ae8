"""What the department's pages show, from facts alone: rows, the next step, clocks, history, the heads' view."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest

from support.sheets import words
from whistle_department import commands, domain, queries, store
from whistle_department.pages import desk, history, overview, rows, steps, task
from whistle_shared.errors import Conflict, IllegalTransition, Invalid, NotFound
from whistle_shared.pages import Panels

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
TASK, WHISTLE = uuid4(), uuid4()
FACTS: dict[str, Any] = {
    "number": "S01-20261123-0001",
    "kind": "emergency",
    "urgency": "critical",
    "street": "S01",
    "category": None,
    "title": "井盖缺失",
    "description": "行人险些跌落。",
    "place": "东门路 12 号门前",
    "beyond_power_reason": "权属不明",
    "blown_by": "采薇街道",
    "blown_at": NOW.isoformat(),
}


def term(name: Any, minutes: int | None = 30, **more: Any) -> domain.Term:
    due_at = None if minutes is None else NOW + timedelta(minutes=minutes)
    return domain.Term(name, "30m@natural", NOW if due_at else None, due_at, **more)


def called(*terms: domain.Term, **more: Any) -> domain.Task:
    about: dict[str, Any] = {"presence": "on_site", "origin": "routed", "dispatched_at": NOW, "terms": terms}
    return domain.Task(TASK, WHISTLE, 1, "CGJ", "lead", **about | more)


def line(step: domain.EntryStep, person: str | None = "王敏", at: datetime = NOW, **detail: Any) -> domain.Entry:
    return domain.Entry(uuid4(), step, at, TASK, 0, "值班手机", person, detail)


def found(one: domain.Task, facts: Mapping[str, Any] = FACTS, told: store.Told | None = None) -> queries.Found:
    told = told or store.Told()
    return queries.Found(one, domain.next_due(one, told.clocks.get(TASK, {})), facts, told)


ARRIVED = line("arrival", mode="on_site", place="东门路", photo=None, arrival=True)
MET: tuple[domain.Entry, ...] = (line("acknowledgement"), ARRIVED)


# -- the next step -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("done", "terms", "presence", "first"),
    [
        ((), ("ack", "arrive", "contain"), "on_site", "acknowledgement"),
        ((line("acknowledgement"),), ("arrive", "contain"), "on_site", "arrival"),
        ((line("acknowledgement"),), ("resolve",), "none", "progress"),
        (MET, ("contain", "plan"), "on_site", "contain"),
        ((*MET, line("milestones", milestone="contain", plan=[])), ("contain", "plan"), "on_site", "plan"),
        (MET, ("resolve",), "on_site", "progress"),
        ((*MET, line("progress", note="备件在途")), ("resolve",), "on_site", "submission"),
    ],
)
def test_one_step_comes_next(done: tuple[domain.Entry, ...], terms: tuple[Any, ...], presence: Any, first: str) -> None:
    one = domain.told(called(*map(term, terms), presence=presence), done)
    assert steps.next_step(one, NOW) == first


def test_after_the_submission_only_the_restoring_is_the_departments() -> None:
    done = (*MET, line("progress", note="已换"), line("submission", result="已换", evidence=[], attempt=1))
    assert steps.next_step(domain.told(called(term("resolve")), done), NOW) is None
    assert steps.next_step(domain.told(called(term("resolve"), term("restore", None)), done), NOW) == "restore"


def test_work_found_not_done_is_to_be_submitted_again() -> None:
    done = (*MET, line("submission", result="已换", evidence=[], attempt=1), line("rework", reasons="松动", attempt=1))
    one = domain.told(called(term("resolve")), done)
    assert (one.state, steps.next_step(one, NOW)) == ("rework", "submission")


def test_a_return_leaves_nothing_but_the_acknowledgement() -> None:
    asked = line("return", request_id=str(uuid4()), basis="条例", proper_department="PSGS", reason="非本单位")
    one = domain.told(called(term("ack"), return_until=NOW + timedelta(hours=1)), [asked])
    assert steps.next_step(one, NOW) == "acknowledgement"
    assert steps.next_step(domain.apply(one, line("acknowledgement")), NOW) is None


def test_every_act_is_offered_once_and_in_one_place() -> None:
    one = domain.told(called(term("contain"), term("resolve", pausable=True)), MET)
    offered = steps.steps(one, NOW)
    every = [offered.first, *offered.others, *offered.seldom, *offered.asking]
    assert len(every) == len(set(every))
    assert offered.first == "contain"
    assert offered.seldom == ("plan", "repair", "restore")
    assert offered.asking == ("suspension",)


def test_every_state_has_a_next_step_or_says_whose_turn_it_is() -> None:
    assert set(steps.WAITS) >= {*domain.AWAITED, *domain.ENDED}


# -- rows and clocks ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("clock", "state"),
    [
        (domain.Clock("ack", NOW + timedelta(minutes=9), status="running"), "normal"),
        (domain.Clock("ack", NOW + timedelta(minutes=9), status="running", warned_percent=50), "half"),
        (domain.Clock("ack", NOW + timedelta(minutes=9), status="running", warned_percent=80), "nearly"),
        (domain.Clock("ack", NOW, status="running"), "late"),
        (domain.Clock("ack", NOW, status="paused"), "paused"),
        (domain.Clock("ack", NOW, status="met"), "met"),
        (domain.Clock("ack", NOW, status="met_late"), "done"),
        (domain.Clock("restore"), "normal"),
    ],
)
def test_how_a_clock_stands(clock: domain.Clock, state: str) -> None:
    assert rows.standing(clock, NOW) == state


def test_a_row_shows_what_runs_out_first() -> None:
    row = rows.row(words(), found(called(term("ack", 5), term("arrive", 30))), NOW, "CGJ")
    assert row.chip == rows.Chip("应哨", "normal", NOW + timedelta(minutes=5))
    assert (row.acknowledge, row.next_word, row.department) == (True, "签收", "")
    after = domain.told(called(term("ack", 5), term("arrive", 30)), [line("acknowledgement")])
    row = rows.row(words(), found(after), NOW, "*")
    assert row.chip == rows.Chip("报到", "normal", NOW + timedelta(minutes=30))
    assert (row.acknowledge, row.person, row.department) == (False, "王敏", "CGJ")


@pytest.mark.parametrize(
    ("kind", "urgency", "alarm"),
    [
        ("emergency", "critical", "repeat"),
        ("appeal", "critical", "repeat"),
        ("emergency", "urgent", "once"),
        ("appeal", "normal", ""),
    ],
)
def test_a_new_emergency_rings_until_it_is_acknowledged(kind: str, urgency: str, alarm: str) -> None:
    facts = FACTS | {"kind": kind, "urgency": urgency}
    assert rows.row(words(), found(called(term("ack")), facts), NOW, "CGJ").alarm == alarm
    seen = domain.told(called(term("ack")), [line("acknowledgement")])
    assert rows.row(words(), found(seen, facts), NOW, "CGJ").alarm == ""


# -- the task's page ---------------------------------------------------------------------------------------------


def panels(one: domain.Task, *history_: Any, told: store.Told | None = None) -> Panels:
    return task.panels(words(), queries.Whole(found(one, told=told), history_, ()), NOW, None)


def test_a_clock_that_was_answered_does_not_go_on_ticking() -> None:
    one = domain.told(called(term("ack", -1), term("arrive")), [line("acknowledgement")])
    ack, arrive = panels(one)["task_clocks"]["clocks"]
    assert (ack.chip.state, ack.status) == ("done", "已完成，待计时确认")
    assert (arrive.chip.state, arrive.status) == ("normal", "计时中")


def test_a_warning_about_what_was_answered_is_not_said() -> None:
    told = store.Told(clocks={TASK: {"ack": domain.Clock("ack", NOW, 1, status="running", warned_percent=80)}})
    waiting = called(term("ack", 0))
    assert panels(waiting, told=told)["task_now"]["banner"]["percent"] == 80
    assert panels(domain.apply(waiting, line("acknowledgement")), told=told)["task_now"]["banner"] is None


def test_the_highest_rung_is_said_with_whom_it_calls() -> None:
    raised = domain.Escalation(uuid4(), TASK, "ack", 2, role="party_secretary", raised_at=NOW)
    told = store.Told(escalations={TASK: {raised.escalation_id: raised}})
    banner = panels(called(term("ack", -9)), told=told)["task_now"]["banner"]
    assert (banner["level"], banner["rung"], banner["clock"]) == ("escalated", 2, "应哨")


def test_requests_stand_with_their_answers_the_newest_first() -> None:
    first, second = str(uuid4()), str(uuid4())
    due = (NOW + timedelta(hours=9)).isoformat()
    asked: dict[str, Any] = {"clock": "resolve", "current_due_at": NOW.isoformat(), "due_at": due, "decider": "street"}
    one = domain.told(
        called(term("resolve", 600, extendable=True)),
        [
            line("acknowledgement"),
            line("extension", request_id=first, number=1, reason="备件", **asked),
            line("decision", None, request_id=first, kind="extension", granted=False, reason="不必", due_at=None),
            line("extension", at=NOW + timedelta(minutes=1), request_id=second, number=2, reason="还是备件", **asked),
        ],
    )
    later, earlier = panels(one)["task_asked"]["asked"]
    assert (later.state, later.answer, later.about.split()[0]) == ("pending", "待答复", "办结")
    assert (earlier.state, earlier.said) == ("refused", "不必")


# -- history -----------------------------------------------------------------------------------------------------

_DETAIL: Mapping[str, Any] = {
    "mode": "on_site",
    "place": "东门路",
    "milestone": "contain",
    "plan": [],
    "attempt": 1,
    "result": "已换",
    "evidence": [],
    "proper_department": "PSGS",
    "basis": "条例",
    "clock": "resolve",
    "due_at": NOW.isoformat(),
    "cause": "lawsuit",
    "kind": "return",
    "granted": True,
    "score": {"total": 92},
    "by_default": False,
    "rung": 2,
    "role": "deputy_head",
}


@pytest.mark.parametrize("step", domain.STEPS)
def test_every_step_of_the_log_has_a_sentence(step: domain.EntryStep) -> None:
    """INVARIANT: every step of the log has a sentence in both languages."""
    assert history.told(words(), step, _DETAIL, "王敏")


def test_the_newest_line_comes_first_in_the_words_that_were_said() -> None:
    later = line("progress", at=NOW + timedelta(minutes=1), note="备件在途")
    first, last = history.lines(words(), [line("acknowledgement"), later])
    assert (first.text, first.words, last.text) == ("王敏记录进展", ("备件在途",), "王敏签收")


def test_a_line_names_its_photos() -> None:
    (one,) = history.lines(words(), [line("submission", result="已换", evidence=["a", "b"], attempt=1)])
    assert (one.photos, one.text) == (("a", "b"), "王敏提交办结")


# -- the heads' view ---------------------------------------------------------------------------------------------


def test_whoever_has_most_that_is_late_comes_first() -> None:
    late = found(called(term("ack", -5)))
    shares = [queries.Share(*one) for one in [("李强", 4, 0, 0, []), ("王敏", 9, 3, 1, [late]), ("", 2, 3, 2, [late])]]
    people = overview.by_person(words(), shares, NOW, "CGJ")
    assert [(one.name, one.in_hand, len(one.rows), one.unshown) for one in people] == [
        ("", 2, 1, 4),
        ("王敏", 9, 1, 3),
        ("李强", 4, 0, 0),
    ]


def test_the_mean_of_no_scores_is_a_dash() -> None:
    assert (overview.mean([]), overview.mean([None]), overview.mean([92, 95, None])) == ("—", "—", "93.5")


# -- letters, meetings, hand-overs -------------------------------------------------------------------------------


def test_an_unanswered_letter_has_a_clock() -> None:
    letter: dict[str, Any] = {"whistle_id": WHISTLE, "department": "CGJ", "form": "letter", "replied_at": None}
    late, answered = desk.letters(
        words(),
        [
            SimpleNamespace(**letter | {"reply_due_at": NOW}),
            SimpleNamespace(**letter | {"reply_due_at": NOW, "replied_at": NOW}),
        ],
        {},
        NOW,
    )
    assert (late["chip"].state, late["form"], answered["chip"]) == ("late", "函告", None)


@pytest.mark.parametrize(("state", "may"), [("dispatched", False), ("acknowledged", True), ("closed", False)])
def test_who_has_not_acknowledged_attends_no_meeting(state: str, may: bool) -> None:
    meeting = SimpleNamespace(whistle_id=WHISTLE, department="CGJ", starts_at=NOW, attended_at=None)
    about = {(WHISTLE, "CGJ"): SimpleNamespace(task_id=TASK, state=state, facts=FACTS)}
    (one,) = desk.meetings(words(), [meeting], about, NOW)
    assert (one["may_attend"], one["about"]["title"]) == (may, "井盖缺失")


def test_a_hand_over_tells_what_is_still_open() -> None:
    me = uuid4()
    rows_ = [
        {
            "task_id": name,
            "state": "working",
            "due_at": None,
            "number": name,
            "title": "",
            "place": "",
            "urgency": "normal",
        }
        for name in ("open", "done")
    ]
    known = domain.Handover(uuid4(), "CGJ", NOW, me, "王敏", "李强", "", rows_)
    (one,) = desk.handovers(words(), [known], {"open"}, me)
    assert ([task["open"] for task in one["tasks"]], one["mine"], one["state"]) == ([True, False], True, "待接班")


def test_what_the_street_did_not_say_is_left_out() -> None:
    names = [name for name, _ in desk.matter(words(), FACTS)]
    assert "坐标" not in names
    with_place = dict(desk.matter(words(), FACTS | {"location": {"longitude": 121.4, "latitude": 31.2}}))
    assert with_place["坐标"] == "31.20000, 121.40000"


# -- hand-overs as commands --------------------------------------------------------------------------------------


class _Unit:
    """As much of a unit as a hand-over touches."""

    def __init__(self, desk_: domain.Desk) -> None:
        self.now = NOW
        self.ledgers: dict[UUID, Any] = {domain.desk_of("CGJ"): desk_}

    def insert(self, table: Any, **row: Any) -> None:
        assert table.name == "handover"

    update = insert


OUT, IN = uuid4(), uuid4()


def _offered(*tasks: UUID) -> tuple[Any, domain.Handover]:
    in_hand = [{"task_id": str(one), "number": f"S01-{n}"} for n, one in enumerate(tasks)]
    unit: Any = _Unit(domain.Desk(in_hand=in_hand))
    return unit, commands.hand_over(unit, uuid4(), "CGJ", OUT, "王敏", "李强", "备件明早到")


def test_a_hand_over_is_accepted_by_somebody_else_who_has_read_everything() -> None:
    """INVARIANT: a hand-over is accepted once, by somebody else than who offered it, with every task still in hand."""
    unit, offered = _offered(TASK)
    with pytest.raises(Conflict, match="somebody else"):
        commands.take_over(unit, offered.handover_id, "CGJ", OUT, "王敏", [TASK])
    with pytest.raises(Invalid, match="S01-0"):
        commands.take_over(unit, offered.handover_id, "CGJ", IN, "李强", [])
    accepted = commands.take_over(unit, offered.handover_id, "CGJ", IN, "李强", [TASK])
    assert (accepted.state, accepted.accepted_at, accepted.accepted_person) == ("accepted", NOW, "李强")
    assert commands.take_over(unit, offered.handover_id, "CGJ", IN, "李强", []) == accepted
    with pytest.raises(IllegalTransition):
        commands.take_over(unit, offered.handover_id, "CGJ", uuid4(), "赵倩", [TASK])


def test_what_is_finished_meanwhile_need_not_be_read() -> None:
    unit, offered = _offered(TASK)
    unit.ledgers[domain.desk_of("CGJ")].in_hand = ()
    assert commands.take_over(unit, offered.handover_id, "CGJ", IN, "李强", []).state == "accepted"


def test_a_newer_hand_over_replaces_the_one_that_waits() -> None:
    unit, first = _offered(TASK)
    second = commands.hand_over(unit, uuid4(), "CGJ", OUT, "王敏", "赵倩", "")
    known = unit.ledgers[domain.desk_of("CGJ")].handovers
    assert (known[first.handover_id].state, second.state) == ("replaced", "offered")
    with pytest.raises(IllegalTransition):
        commands.take_over(unit, first.handover_id, "CGJ", IN, "李强", [TASK])
    with pytest.raises(NotFound):
        commands.take_over(unit, uuid4(), "CGJ", IN, "李强", [TASK])
