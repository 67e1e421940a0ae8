"""What crosses on its way to the whistle office, and what happens while business time stands still."""

from datetime import datetime
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid5

import pytest

from support import paperwork
from support.clockface import MONDAY
from support.office import (
    Office,
    asks_extension,
    asks_suspension,
    calls,
    closed,
    decides,
    heard,
    hours,
    only,
    request_id,
    returned,
)
from support.paperwork import WHISTLE, Sheet
from whistle_dispatch import commands, tables
from whistle_shared.contracts import Event, department
from whistle_shared.contracts.dispatch import DisputeOpened, WhistleDispatched
from whistle_shared.contracts.intake import ActionItem, MeetingMinuted, WhistleReopened
from whistle_shared.errors import Invalid
from whistle_shared.messaging import RetryLater


def resumed(office: Office, at: datetime) -> Event[Any]:
    task = office.task("CGJ")
    about = {"whistle_id": WHISTLE, "task_id": task.task_id, "department": "CGJ", "by": "值班室", "person": "王建国"}
    return heard(department.TaskResumed.model_validate(about), at, "CGJ")


def minuted(at: datetime, round_: int) -> Event[Any]:
    data = MeetingMinuted(
        meeting_id=uuid5(WHISTLE, f"meeting/{round_}"),
        whistle_id=WHISTLE,
        round=round_,
        minutes="议定分工",
        attended=("CGJ",),
        items=(ActionItem(department="GA", title="疏导", limit="2d@work"),),
        by="采薇街道",
    )
    return heard(data, at)


def reopened(office: Office, round_: int = 2) -> Event[Any]:
    assert office.known.facts is not None
    data = WhistleReopened(
        whistle_id=WHISTLE,
        round=round_,
        facts=office.known.facts,
        departments=("CGJ",),
        cause="relapse",
        reason="又坏了",
        by="采薇街道",
    )
    return heard(data, hours(30))


def test_a_resumption_from_before_a_suspension_does_not_end_it() -> None:
    """The street's suspension was over when the district granted its own; only the word of it comes late."""
    office = calls("CGJ")
    office.hears(asks_suspension(office, "CGJ"))
    asked = request_id(office, "CGJ")
    word = (True, None, None, "理由充分", "区吹哨办")
    office.does(lambda unit: commands.decide_request(unit, WHISTLE, asked, *word), hours(5))
    assert office.hears(resumed(office, hours(4)), hours(6)).rows(tables.request) == []
    assert office.known.requests[asked].resumed_at is None
    office.hears(resumed(office, hours(7)))
    assert office.known.requests[asked].resumed_at == hours(7)


def divides(office: Office, dispute: UUID, department: str) -> None:
    word = (dispute, True, [department], "现场踏勘", False, None, "区吹哨办")
    office.does(lambda unit: commands.decide_dispute(unit, WHISTLE, *word), MONDAY)


def test_transfers_are_counted_one_by_one_also_while_business_time_stands_still() -> None:
    """The cap (`returning.transfer_cap`) is about transfers, not about the instants at which they were made."""
    office = calls("CGJ")
    cap = paperwork.pack().registry.regulation.returning.transfer_cap
    holders = ["CGJ", "PSGS", "GSGS", "ZFJ"][: cap + 1]
    for holder, following in pairwise(holders):
        sheet = office.hears(returned(office, holder))
        if sheet.words:
            dispute = only(sheet, DisputeOpened).dispute_id
            divides(office, dispute, following)
        else:
            decides(office, holder, [following], at=0)
    assert len({task.ended_at for task in office.known.tasks if task.ended_at}) == 1
    assert only(office.hears(returned(office, holders[-1])), DisputeOpened).cause == "transfer_cap"


def test_minutes_of_a_round_that_is_over_call_nobody_into_the_next_one() -> None:
    office = calls("CGJ")
    office.hears(closed())
    office.hears(reopened(office))
    assert office.known.round == 2
    late = office.hears(minuted(hours(20), 1), hours(31))
    assert only(late, WhistleDispatched).tasks == (), "intake is told that nobody follows"
    assert office.standing() == [("CGJ", "lead")]


@pytest.mark.parametrize("over", [True, False])
def test_minutes_that_overtake_the_next_round_wait_for_it(over: bool) -> None:
    office = calls("CGJ")
    if over:
        office.hears(closed())
    early = minuted(hours(31), 2)
    with pytest.raises(RetryLater):
        office.hears(early)
    office.hears(reopened(office))
    assert [task.round for task in office.known.active if task.origin == "meeting-1"] == []
    office.hears(early)
    assert [task.round for task in office.known.active if task.origin == "meeting-1"] == [2]


def test_a_date_for_the_wrong_kind_of_request_is_refused_by_name() -> None:
    for asks, field in ((asks_extension, "until"), (asks_suspension, "due_at")):
        office = calls("CGJ")
        office.hears(asks(office, "CGJ"))
        asked = request_id(office, "CGJ")
        dates = {"due_at": None, "until": None} | {field: hours(100)}

        def decide(unit: Sheet, asked: Any = asked, dates: Any = dates) -> None:
            commands.decide_request(unit, WHISTLE, asked, True, dates["due_at"], dates["until"], "理由", "区吹哨办")

        with pytest.raises(Invalid) as refused:
            office.does(decide, hours(1))
        assert refused.value.field == field
