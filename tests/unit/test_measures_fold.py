"""From events to facts and from facts to contributions: the rules, and that the order of hearing leaves no trace."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.clockface import MONDAY
from support.paperwork import Sheet, event, facts
from support.season import Said, season
from whistle_escalation import ledger, measures, store, tables
from whistle_escalation.measures import Counts, Ledger, formulas
from whistle_shared.contracts import TYPES, Event, EventData, department, dispatch, escalation, intake
from whistle_shared.contracts.vocabulary import Score
from whistle_shared.registry import Regulation

WHISTLE, TASK, OTHER = UUID(int=1), UUID(int=2), UUID(int=3)
HOUR = timedelta(hours=1)
ABOUT: dict[str, Any] = {"whistle_id": WHISTLE, "task_id": TASK, "department": "GA"}
STEP = {**ABOUT, "by": "值班室", "person": "王敏"}
ACK, RESOLVE, VERIFY = UUID(int=11), UUID(int=12), UUID(int=13)
CALLED: Counts = {"called": 1, "street_called": 1}


def call(*, role: str = "lead", presence: str = "on_site", round_: int = 1) -> dispatch.WhistleDispatched:
    return dispatch.WhistleDispatched.model_validate(
        {
            "whistle_id": WHISTLE,
            "round": round_,
            "facts": facts(),
            "whistle_due_at": None,
            "tasks": [
                {"task_id": TASK, "department": "GA", "role": role, "presence": presence, "terms": "lead@1"},
                {"task_id": OTHER, "department": "CGJ", "role": "assist", "presence": "none", "terms": "assist@1"},
            ],
            "terms": {"lead@1": (), "assist@1": ()},
            "registry_version": 1,
            "calendar_version": 1,
        }
    )


def changed(name: str, status: str, clock: UUID, due: datetime | None = MONDAY + HOUR) -> escalation.ClocksChanged:
    change = {"clock_id": clock, "name": name, "status": status, "due_at": due}
    return escalation.ClocksChanged.model_validate({"whistle_id": WHISTLE, "task_id": TASK, "changes": [change]})


def breached(name: str, clock: UUID, due: datetime = MONDAY + HOUR) -> escalation.ClockBreached:
    more = {"clock_id": clock, "clock": name, "side": "department", "due_at": due}
    return escalation.ClockBreached.model_validate({**ABOUT, **more, "fired_at": due, "late_by_seconds": 0})


def told(*said: EventData) -> Ledger:
    """The ledger after these, one an hour."""
    known = measures.empty(WHISTLE)
    for hour, data in enumerate(said):
        measures.fold(known, data, MONDAY + hour * HOUR, UUID(int=hour))
    return known


def counts(*said: EventData) -> Counts:
    known = told(call(), *said)
    return measures.task_counts(known, known.tasks[TASK])


# -- the rules ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "contributes"),
    [
        ([], {}),
        ([changed("ack", "met", ACK)], {"acknowledgements": 1, "acknowledged_in_time": 1}),
        ([changed("ack", "met_late", ACK)], {"acknowledgements": 1}),
        ([breached("ack", ACK)], {"acknowledgements": 1}),
        ([changed("ack", "cancelled", ACK)], {}),
        ([breached("ack", ACK), changed("ack", "voided", ACK)], {}),
        ([breached("arrive", ACK)], {"presences": 1, "no_shows": 1}),
        ([changed("resolve", "paused", RESOLVE)], {"due": 1, "suspended_now": 1}),
        ([changed("resolve", "paused", RESOLVE), changed("resolve", "met", RESOLVE)], {"due": 1, "on_time": 1}),
    ],
)
def test_what_a_clock_contributes(said: Sequence[EventData], contributes: Counts) -> None:
    assert counts(*said) == {**CALLED, "tasks": 1, **contributes}


def test_a_breach_that_a_later_due_time_undid_counts_no_more() -> None:
    extended = changed("resolve", "running", RESOLVE, MONDAY + 9 * HOUR)
    assert "due" not in counts(breached("resolve", RESOLVE), extended)
    again = breached("resolve", RESOLVE, MONDAY + 9 * HOUR)
    assert counts(breached("resolve", RESOLVE), extended, again)["due"] == 1


def test_whoever_came_late_came_and_is_no_no_show() -> None:
    came = department.ResponderCheckedIn(**STEP, place="东门路", mode="on_site")
    own = counts(breached("arrive", ACK), came, changed("arrive", "met_late", ACK))
    assert (own["presences"], own.get("no_shows"), own.get("arrived_in_time")) == (1, None, None)


@pytest.mark.parametrize(("presence", "no_shows"), [("on_site", 1), ("meeting", None)])
def test_whoever_sat_in_a_meeting_came_only_where_a_meeting_was_asked_for(presence: str, no_shows: int | None) -> None:
    sat = department.ResponderCheckedIn(**STEP, place="会议室", mode="meeting", meeting_id=uuid4())
    for said in ((call(presence=presence), sat), (sat, call(presence=presence))):
        known = told(*said, breached("arrive", ACK))
        assert measures.task_counts(known, known.tasks[TASK]).get("no_shows") == no_shows


def test_a_task_that_needs_no_presence_is_no_presence() -> None:
    known = told(call(presence="none"), breached("arrive", ACK))
    assert "presences" not in measures.task_counts(known, known.tasks[TASK])


def test_of_two_decisions_on_one_request_the_first_counts() -> None:
    request = uuid4()
    refused, upheld = (returned(request, granted) for granted in (False, True))
    assert counts(refused, upheld)["returns_refused"] == 1
    assert counts(upheld) == {**CALLED, "returns": 1, "returns_upheld": 1, "street_returned": 1}


def returned(request: UUID, upheld: bool) -> dispatch.ReturnDecided:
    """An upheld return ends the task, and the other one leads."""
    decided = {
        **call().model_dump(),
        **ABOUT,
        "tasks": (),
        "request_id": request,
        "upheld": upheld,
        "ended": ({"task_id": TASK, "department": "GA"},) if upheld else (),
        "lead": OTHER if upheld else None,
        "reason": "权责清单",
        "by": "区吹哨办",
    }
    return dispatch.ReturnDecided.model_validate(decided)


def test_the_highest_revision_of_a_score_counts_and_a_default_stays_the_streets_lateness() -> None:
    first, second = scored(1, 80, by_default=True), scored(2, 95)
    for said in ((first, second), (second, first)):
        own = counts(*said)
        assert (own["scored"], own["score"], own["scorings"], own["scored_late"]) == (1, 95, 1, 1)


def scored(revision: int, total: int, *, by_default: bool = False) -> intake.TaskEvaluated:
    score = Score(parts={}, total=total)
    return intake.TaskEvaluated(**ABOUT, revision=revision, score=score, basis="现场", by_default=by_default, by="街道")


def test_the_third_failed_check_and_every_later_one_weigh_more() -> None:
    failed = [
        intake.TaskReworkOrdered(
            **ABOUT, attempt=n, submitted_at=MONDAY, verify_due_at=None, reasons="未修复", by="街道"
        )
        for n in (1, 2, 3, 4)
    ]
    own = counts(*failed, failed[0])
    assert (own["submitted"], own["reworked"], own["reworks"], own["third_failed_checks"]) == (1, 1, 4, 2)


def test_the_call_back_counts_for_whoever_leads_at_the_end_and_the_latest_one() -> None:
    first, second = asked(solved=False), asked(solved=True)
    handed = dispatch.LeadChanged(
        whistle_id=WHISTLE,
        task_id=OTHER,
        department="CGJ",
        previous_task_id=TASK,
        previous_department="GA",
        reason="牵头调整",
        by="区吹哨办",
    )
    known = told(call(), first, second, handed)
    assert "callbacks" not in measures.task_counts(known, known.tasks[TASK])
    lead = measures.task_counts(known, known.tasks[OTHER])
    assert (lead["callbacks"], lead["contacted"], lead["solved"], lead["basically_satisfied"]) == (1, 1, 1, 1)


def asked(*, solved: bool, waived: bool = False) -> intake.CallbackRecorded:
    return intake.CallbackRecorded(
        whistle_id=WHISTLE,
        round=1,
        street="S01",
        contacted=True,
        solved=solved,
        satisfaction="basically_satisfied",
        waived=waived,
        by="回访员",
    )


def test_a_waived_call_back_is_not_valid() -> None:
    assert "callbacks" not in counts(asked(solved=True, waived=True))


@pytest.mark.parametrize(
    ("cause", "contributes"), [("relapse", "relapsed"), ("false_completion", "false_completions"), ("dissatisfied", "")]
)
def test_a_matter_that_came_back_counts_for_the_lead_of_the_round_before(cause: str, contributes: str) -> None:
    closed = intake.WhistleClosed(whistle_id=WHISTLE, round=1, callback="done")
    again = {"whistle_id": WHISTLE, "round": 2, "facts": facts(), "cause": cause, "reason": "回潮", "by": "街道"}
    own = counts(closed, intake.WhistleReopened.model_validate(again))
    assert own["closed"] == 1
    assert {name for name in ("relapsed", "false_completions") if name in own} == (
        {contributes} if contributes else set()
    )


def test_of_two_words_of_one_instant_the_later_one_counts() -> None:
    """Business time may stand still; the events' own ids tell which was said first."""
    out = dispatch.TaskExcluded(**ABOUT, reason="不可抗力", by="区吹哨办")
    said = [(out, UUID(int=7)), (out.model_copy(update={"excluded": False}), UUID(int=8))]
    for order in (said, said[::-1]):
        known = told(call())
        for data, event_id in order:
            measures.fold(known, data, MONDAY, event_id)
        assert measures.task_counts(known, known.tasks[TASK])["tasks"] == 1


def test_an_excluded_task_contributes_nothing_but_that() -> None:
    """INVARIANT: an excluded task contributes nothing but `excluded`."""
    out = dispatch.TaskExcluded(**ABOUT, reason="不可抗力", by="区吹哨办")
    assert counts(changed("ack", "met", ACK), out) == {"excluded": 1}
    assert counts(out, changed("ack", "met", ACK), out.model_copy(update={"excluded": False}))["tasks"] == 1


def test_a_withdrawn_whistles_tasks_leave_but_what_was_decided_stays() -> None:
    gone = intake.WhistleWithdrawn(whistle_id=WHISTLE, round=1, reason="重复", withdrawn_by="街道")
    own = counts(breached("ack", ACK), changed("ack", "met_late", ACK), gone, changed("resolve", "cancelled", RESOLVE))
    assert own == {**CALLED, "acknowledgements": 1}
    known = told(intake.WhistleBlown(whistle_id=WHISTLE, round=1, facts=facts()), gone)
    assert measures.whistle_counts(known.whistle) == {"whistles": 1, "withdrawn": 1, "proposals": 1, "signatures": 1}


def withdrawn(round_: int) -> intake.WhistleWithdrawn:
    return intake.WhistleWithdrawn(whistle_id=WHISTLE, round=round_, reason="重复", withdrawn_by="街道")


def paused() -> intake.SuspensionDecided:
    return intake.SuspensionDecided(**ABOUT, request_id=uuid4(), granted=True, reason="待批", by="街道", cycle=101)


def test_a_suspended_task_of_a_withdrawn_whistle_is_in_neither_half_of_the_rate() -> None:
    assert counts(paused())["suspended"] == 1
    assert counts(paused(), withdrawn(1)) == CALLED


def test_a_later_round_that_is_withdrawn_takes_no_task_of_an_earlier_one_along() -> None:
    assert counts(withdrawn(2))["tasks"] == 1
    assert "tasks" not in counts(withdrawn(1))


def test_late_verifications_are_the_streets_own() -> None:
    late, second = changed("street_verify", "met_late", VERIFY), changed("street_verify", "met", UUID(int=14))
    own = counts(late, second)
    assert (own["verifications"], own["verified_late"]) == (2, 1)


def test_a_draft_that_the_street_handles_itself_is_a_proposal_and_no_whistle() -> None:
    about = {"whistle_id": WHISTLE, "street": "S01"}
    handed = intake.WhistleSubmitted(**about, kind="appeal", urgency="normal", submitted_by="社区")
    rejected = intake.WhistleRejected(**about, outcome="self_handled", reason="自办", by="主任")
    known = told(handed, rejected)
    assert measures.whistle_counts(known.whistle) == {"proposals": 1, "self_handled": 1}
    assert known.whistle.began_at == MONDAY


def test_what_a_department_blows_is_not_the_streets_doing() -> None:
    by_department = facts().model_copy(update={"initiator": "CGJ"})
    known = told(intake.WhistleBlown(whistle_id=WHISTLE, round=1, facts=by_department))
    assert measures.whistle_counts(known.whistle) == {}


def test_a_return_of_what_a_department_called_is_not_the_streets_either() -> None:
    """But who verifies and scores late is the street, whoever blew."""
    by_department = call().model_copy(update={"facts": facts().model_copy(update={"initiator": "CGJ"})})
    late = changed("street_verify", "met_late", VERIFY)
    known = told(by_department, late)
    own = measures.task_counts(known, known.tasks[TASK])
    assert (own["called"], own.get("street_called"), own["verified_late"]) == (1, None, 1)
    upheld = returned(uuid4(), upheld=True)
    assert counts(upheld)["street_returned"] == 1
    known = told(by_department, upheld.model_copy(update={"facts": by_department.facts}))
    assert measures.task_counts(known, known.tasks[TASK]) == {"called": 1, "returns": 1, "returns_upheld": 1}


# -- the order of hearing -------------------------------------------------------------------------------------


@settings(max_examples=150)
@given(st.integers(0, 10_000), st.randoms(use_true_random=False))
def test_the_facts_do_not_depend_on_the_order_of_hearing(seed: int, chance: Random) -> None:
    """INVARIANT: the facts do not depend on the order in which the events of other services are heard."""
    (story,) = season(seed, 1)
    assert rows(overtaken(story, chance)) == rows(story)


@settings(max_examples=30)
@given(st.integers(0, 10_000))
def test_hearing_again_changes_nothing(seed: int) -> None:
    (story,) = season(seed, 1)
    twice = [said for said in story for _ in range(2)]
    assert rows(twice) == rows(story)


def overtaken(story: list[Said], chance: Random) -> list[Said]:
    """The same events, any of another service's anywhere; escalation's own in their order, for it writes the log."""
    own = iter([said for said in story if said.own])
    mixed = list(story)
    chance.shuffle(mixed)
    return [next(own) if said.own else said for said in mixed]


def rows(story: list[Said]) -> list[Any]:
    known: Ledger | None = None
    for said in story:
        whistle_id = measures.about(said.data)
        if whistle_id is not None:
            known = known or measures.empty(whistle_id)
            measures.fold(known, said.data, said.at, said.event_id)
    if known is None:
        return []
    tasks = sorted(known.tasks.values(), key=lambda task: task.task_id)
    return [ledger.whistle_row(known), *(ledger.task_row(known, task) for task in tasks)]


@settings(max_examples=80)
@given(st.integers(0, 10_000), st.none() | st.randoms(use_true_random=False))
def test_what_is_logged_is_projected(seed: int, chance: Random | None) -> None:
    """INVARIANT: nothing that is logged is left out of the projection: the rows that one Unit after another writes are
    those of a fold of the whole story, whichever rows an event is said to touch."""
    (story,) = season(seed, 1)
    if chance is not None:  # and wherever the record ends
        story = overtaken(story, chance)[: chance.randint(1, len(story))]
    kept: dict[Any, dict[str, Any]] = {}
    held: dict[UUID, Any] = {}
    for said in story:
        unit = Sheet("escalation", said.at, None, {})
        unit.ledgers.update(held)
        store.log_event(unit, as_heard(said))
        held = unit.ledgers
        for table, key in ((tables.measure_whistle, "whistle_id"), (tables.measure_task, "task_id")):
            kept |= {row[key]: row for row in unit.rows(table)}
    made = {row["task_id"] if "task_id" in row else row["whistle_id"]: row for row in rows(story)}
    assert {key: (row["facts"], row["counts"]) for key, row in kept.items()} == {
        key: (as_stored(row["facts"]), as_stored(row["counts"])) for key, row in made.items()
    }


@settings(max_examples=150)
@given(st.integers(0, 10_000))
def test_a_number_is_the_sum_of_what_its_list_shows(seed: int) -> None:
    """Whatever contributes to a measure is in its list, and no share is below 0 or above 1."""
    (story,) = season(seed, 1)
    known = rows(story)
    for measure in measures.LISTS.values():
        of_whistles = set(measure.denominator) <= measures.OF_WHISTLES
        for row in known:
            if ("task_id" in row) != of_whistles:
                own = row["counts"]
                listed = any(name in own for name in measure.denominator)
                assert listed or not any(name in own for name in measure.contributions), measure.name
                shown = formulas.number(measure, own, Regulation())
                assert 0 <= shown.numerator <= shown.n or measure.name in ("score", "return_upheld", "dispute_loss")
    points = {"no_shows", "returns_refused", "false_completions", "reworks", "third_failed_checks"}
    assert all("called" in row["counts"] for row in known if points & row["counts"].keys())


def as_heard(said: Said) -> Event[Any]:
    heard = event(said.data, said.at, subject=said.data.whistle_id)  # type: ignore[attr-defined]
    return replace(heard, id=said.event_id)


def as_stored(value: Any) -> str:
    return orjson.dumps(value).decode()


@given(st.integers(0, 10_000))
def test_facts_survive_being_stored(seed: int) -> None:
    (story,) = season(seed, 1)
    for row in rows(story):
        read = measures.task_from if "task_id" in row else measures.whistle_from
        write: Any = measures.task_json if "task_id" in row else measures.whistle_json
        assert write(read(orjson.loads(as_stored(row["facts"])))) == row["facts"]


def test_every_folded_key_is_a_type_of_ours() -> None:
    assert set(measures.FOLDED) <= set(TYPES)


def test_every_contribution_of_a_formula_is_contributed_by_something() -> None:
    contributed = {name for story in season(7, 400) for row in rows(story) for name in row["counts"]}
    asked_for = {name for measure in measures.MEASURES.values() for name in measure.contributions}
    assert asked_for <= contributed
