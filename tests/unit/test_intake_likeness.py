"""What is known already, and what becomes of a matter beside being blown: joined, withdrawn, blown again."""

from dataclasses import replace
from datetime import timedelta
from typing import Any, cast
from uuid import uuid4, uuid5

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from support.clockface import MONDAY
from support.drafting import COMMUNITY, DAY, DEPARTMENT, DISTRICT, EMERGENCY, MATTER, OTHER, STREET, registry
from support.drafting import DraftingDesk as Desk
from support.paperwork import WHISTLE
from whistle_intake import commands, domain, store
from whistle_intake.domain.likeness import distance, wording
from whistle_shared.auth import Caller, Forbidden
from whistle_shared.contracts.intake import (
    Location,
    WhistleJoined,
    WhistleReopened,
    WhistleSubmitted,
    WhistleWithdrawn,
)
from whistle_shared.errors import Conflict, IllegalTransition, NotFound

# -- what is known already ------------------------------------------------------------------------------------------


def known(**change: Any) -> domain.Known:
    """An open whistle about the same matter, blown an hour ago."""
    same = domain.Known(
        whistle_id=uuid5(WHISTLE, "known"),
        number="S01-20260601-0003",
        street="S01",
        initiator=None,
        grid="S01-G001",
        location=None,
        title=MATTER.title,
        description=MATTER.description,
        blown_at=MONDAY - timedelta(hours=1),
        closed_at=None,
    )
    return replace(same, **change)


HERE = Location(latitude=39.9, longitude=116.4)
NEAR = Location(latitude=39.9008, longitude=116.4)  # 89 m north
FAR = Location(latitude=39.9, longitude=116.4013)  # 111 m east
SIMILAR = [
    ({}, True),
    ({"grid": "S01-G002"}, False),
    ({"grid": None}, False),
    ({"blown_at": MONDAY - 7 * DAY}, True),
    ({"blown_at": MONDAY - 7 * DAY - timedelta(seconds=1)}, False),
    ({"title": "树木倒伏", "description": "绿化带内一棵杨树被大风刮倒，压住三辆自行车。"}, False),
    ({"description": MATTER.description + "，已有人受伤"}, True),
    ({"grid": "S01-G002", "location": NEAR}, True),
    ({"grid": "S01-G002", "location": FAR}, False),
    ({"location": FAR}, True),  # the same grid is near enough
]


@pytest.mark.parametrize(("change", "alike"), SIMILAR)
def test_a_duplicate_is_near_of_late_and_in_similar_words(change: dict[str, Any], alike: bool) -> None:
    probe = domain.Probe.of(replace(MATTER, location=HERE))
    found = domain.liken(probe, [known(**change)], registry().regulation, MONDAY, lambda _: True)
    assert (len(found.duplicates), found.relapses) == (int(alike), ())


@pytest.mark.parametrize(("ago", "alike"), [(30 * DAY, True), (30 * DAY + timedelta(seconds=1), False)])
def test_a_relapse_is_what_was_closed_of_late_however_long_ago_it_was_blown(ago: timedelta, alike: bool) -> None:
    closed = known(blown_at=MONDAY - 300 * DAY, closed_at=MONDAY - ago)
    found = domain.liken(domain.Probe.of(MATTER), [closed], registry().regulation, MONDAY, lambda _: True)
    assert (found.duplicates, len(found.relapses)) == ((), int(alike))


def test_the_likest_comes_first() -> None:
    less = known(description=MATTER.description + "，已有人受伤", number="less")
    found = domain.liken(domain.Probe.of(MATTER), [less, known()], registry().regulation, MONDAY, lambda _: True)
    assert [alike.number for alike in found.duplicates] == ["S01-20260601-0003", "less"]
    assert found.duplicates[0].similarity == 1.0


@pytest.mark.parametrize(
    "change", [{"category": None, "location": HERE}, {"grid": None}, {"category": None, "grid": None}]
)
async def test_where_there_is_nothing_to_search_by_nothing_is_searched(change: dict[str, Any]) -> None:
    """INVARIANT: a matter without a category, or without both grid and point, asks the database nothing."""
    nobody = cast(AsyncConnection, None)
    probe = domain.Probe.of(replace(MATTER, **change))
    assert await store.find_similar(nobody, {WHISTLE: probe}, registry().regulation, MONDAY) == {}


def test_distance_is_in_metres() -> None:
    """Oracle: one degree of latitude is 111.195 km on the mean sphere; of longitude, that times cos(latitude)."""
    north = Location(latitude=40.9, longitude=116.4)
    assert distance(HERE, north) == pytest.approx(111_195, rel=1e-4)
    assert distance(HERE, FAR) == pytest.approx(0.0013 * 111_195 * 0.76717, rel=1e-3)
    assert distance(HERE, HERE) == 0


def test_what_is_known_already_is_told_unless_it_is_said_to_be_distinct() -> None:
    desk = Desk(similar=[known(), known(number="closed", closed_at=MONDAY - DAY)])
    with pytest.raises(commands.KnownAlready) as refused:
        desk.raises()
    assert [alike.number for alike in refused.value.likeness.duplicates] == ["S01-20260601-0003"]
    assert [alike.number for alike in refused.value.likeness.relapses] == ["closed"]
    assert isinstance(refused.value, Conflict)
    assert desk.said == []
    assert desk.raises(reasons=commands.Reasons(distinct="另一处井盖")).whistle.state == "blown"


def test_an_emergency_waits_for_no_comparison_but_is_told() -> None:
    desk = Desk(similar=[known()])
    up = desk.raises(EMERGENCY)
    assert up.whistle.state == "blown"
    assert len(up.likeness.duplicates) == 1


@pytest.mark.parametrize(
    ("caller", "initiator", "sees"),
    [
        (STREET, None, True),
        (DISTRICT, None, True),
        (OTHER, None, False),
        (DEPARTMENT, None, False),
        (DEPARTMENT, "GA", True),
    ],
)
def test_nobody_is_told_of_whistles_that_do_not_exist_for_them(
    caller: Caller, initiator: str | None, sees: bool
) -> None:
    """INVARIANT: what is told as alike is the asker's to see."""
    desk = Desk(similar=[known(initiator=initiator)])
    matter = replace(EMERGENCY, initiator="GA" if caller is DEPARTMENT else None)
    assert bool(desk.raises(matter, caller).likeness) is sees


# -- joining, withdrawing, reopening --------------------------------------------------------------------------------

OPEN = domain.Whistle(uuid5(WHISTLE, "known"), "S01-20260601-0003", "S01", 1, blown_at=MONDAY)


def test_a_draft_joins_an_open_whistle() -> None:
    desk = Desk(whistles={OPEN.whistle_id: OPEN})
    desk.drafts()
    joined = desk.does(commands.join_whistle, WHISTLE, OPEN.whistle_id, STREET)
    assert (joined.state, joined.joined_to, joined.legal) == ("joined", OPEN.whistle_id, ())
    assert desk.said == [WhistleJoined(whistle_id=OPEN.whistle_id, joined_id=WHISTLE, by=STREET.name)]
    with pytest.raises(IllegalTransition):
        desk.submits()


@pytest.mark.parametrize("stage", ["draft", "pending_approval", "self_handled", "joined", "closed", "withdrawn"])
def test_a_draft_joins_nothing_that_is_not_open(stage: domain.Stage) -> None:
    desk = Desk(whistles={OPEN.whistle_id: replace(OPEN, stage=stage)})
    desk.drafts()
    with pytest.raises(Conflict):
        desk.does(commands.join_whistle, WHISTLE, OPEN.whistle_id, STREET)
    assert (desk.whistle.state, desk.said) == ("draft", [])


def test_a_draft_joins_nothing_of_another_street_and_not_itself() -> None:
    theirs = replace(OPEN, street="S02")
    desk = Desk(whistles={OPEN.whistle_id: theirs})
    desk.drafts()
    for caller in (STREET, DISTRICT):
        with pytest.raises(NotFound):
            desk.does(commands.join_whistle, WHISTLE, OPEN.whistle_id, caller)
    with pytest.raises(NotFound):
        desk.does(commands.join_whistle, WHISTLE, uuid4(), STREET)
    with pytest.raises(Conflict):
        desk.does(commands.join_whistle, WHISTLE, WHISTLE, STREET)


def test_a_draft_is_withdrawn_without_a_word_and_by_whoever_may_draft() -> None:
    desk = Desk()
    desk.drafts()
    assert desk.does(commands.withdraw_whistle, WHISTLE, COMMUNITY, "误报").state == "withdrawn"
    assert desk.said == []


def test_what_was_handed_up_is_withdrawn_with_a_word_by_the_street() -> None:
    desk = Desk("review")
    desk.raises()
    with pytest.raises(Forbidden):
        desk.does(commands.withdraw_whistle, WHISTLE, COMMUNITY, "误报")
    desk.does(commands.withdraw_whistle, WHISTLE, STREET, "误报")
    assert desk.told(WhistleSubmitted, WhistleWithdrawn)
    assert desk.awaited[-1] == (), "nobody was called: nobody has anything to cancel"


def closed(desk: Desk, ago: timedelta = DAY) -> None:
    tasks = {}
    for code, role, ended in (("GA", "assist", None), ("CGJ", "lead", None), ("PSGS", "assist", "reassigned")):
        task = domain.Task(uuid5(WHISTLE, code), code, role, round=1, called_at=MONDAY, ended=ended)  # type: ignore[arg-type]
        tasks[task.task_id] = task
    desk.whistles[WHISTLE] = replace(desk.whistle, stage="closed", closed_at=MONDAY - ago, tasks=tasks)


@pytest.mark.parametrize("cause", ["relapse", "false_completion"])
def test_a_closed_whistle_begins_again_more_urgent_with_its_lead_first(cause: str) -> None:
    desk = Desk()
    desk.raises(replace(MATTER, departments=()))
    closed(desk)
    again = desk.does(commands.reopen_whistle, WHISTLE, STREET, cause, "再次缺失", at=MONDAY)
    assert (again.state, again.round, again.routing, again.closed_at, again.current) == (
        "blown",
        2,
        "pending",
        None,
        (),
    )
    told = desk.said[-1]
    assert isinstance(told, WhistleReopened)
    assert (told.round, told.cause, told.departments) == (2, cause, ("CGJ", "GA"))
    assert (told.facts.urgency, told.facts.number, told.facts.blown_at) == ("urgent", again.number, MONDAY)
    assert desk.awaited[-1] == ("dispatch",)
    assert desk.matters[WHISTLE].urgency == "urgent", "the current round's facts"


def test_a_whistle_is_not_reopened_when_the_time_for_relapses_is_over() -> None:
    desk = Desk()
    desk.raises()
    closed(desk, ago=30 * DAY + timedelta(seconds=1))
    with pytest.raises(IllegalTransition):
        desk.does(commands.reopen_whistle, WHISTLE, STREET, "relapse", "x")
    closed(desk, ago=30 * DAY)
    assert desk.does(commands.reopen_whistle, WHISTLE, STREET, "relapse", "x").round == 2


def test_an_open_whistle_is_not_reopened() -> None:
    desk = Desk()
    desk.raises()
    with pytest.raises(IllegalTransition):
        desk.does(commands.reopen_whistle, WHISTLE, STREET, "relapse", "x")


# Source: EVENTS.md section 6 with the sample policies (DOMAIN.md D).
@pytest.mark.parametrize(
    ("kind", "urgency", "raised"),
    [
        ("key_work", "long_term", "normal"),
        ("key_work", "normal", "urgent"),
        ("key_work", "urgent", "urgent"),
        ("appeal", "normal", "urgent"),
        ("appeal", "urgent", "urgent"),
        ("enforcement", "urgent", "critical"),
        ("emergency", "urgent", "critical"),
        ("emergency", "critical", "critical"),
    ],
)
def test_urgency_rises_one_step_up_to_the_kinds_highest(kind: Any, urgency: Any, raised: str) -> None:
    assert domain.raised(kind, urgency, registry()) == raised


def test_what_is_compared_of_a_text_is_bounded() -> None:
    """Two texts of 10 000 characters take a hundred times as long to compare as two of 1 000, and everybody waits."""
    long = "道路塌陷水管破裂" * 1_250
    assert len(wording("路面塌陷", long)) == 1_000
    assert wording("路面塌陷", "采薇路 12 号，水管破裂！") == "路面塌陷采薇路12号水管破裂"
