"""Up to the blowing, without a database: what the registry bears out, the gate, who has to sign."""

from dataclasses import replace
from datetime import timedelta
from typing import Any, Literal

import orjson
import pytest

from support import paperwork
from support.clockface import MONDAY
from support.drafting import (
    COMMUNITY,
    DAY,
    DEPARTMENT,
    DISTRICT,
    DUTY,
    EMERGENCY,
    LEADER,
    MATTER,
    NONE,
    OTHER,
    STREET,
    WISH,
    registry,
)
from support.drafting import DraftingDesk as Desk
from support.paperwork import WHISTLE, Sheet
from whistle_intake import commands, domain, store, tables
from whistle_shared.auth import Caller
from whistle_shared.contracts.intake import (
    Location,
    SignatureMissed,
    WhistleApproved,
    WhistleBlown,
    WhistleFacts,
    WhistleRejected,
    WhistleSubmitted,
    WhistleWithdrawn,
)
from whistle_shared.errors import IllegalTransition, Invalid, NotFound, Unavailable
from whistle_shared.registry import Duty, Street
from whistle_shared.replica import Replica

# -- what the registry bears out ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "field_at_fault"),
    [
        ({"street": "S99"}, "street"),
        ({"grid": "S99-G001"}, "grid"),
        ({"grid": "S02-G001"}, "grid"),  # another street's grid
        ({"category": "9999"}, "category"),
        ({"departments": ("CGJ", "XYZ")}, "departments.1"),
        ({"kind": "emergency", "urgency": "long_term"}, "urgency"),
    ],
)
def test_what_the_registry_does_not_bear_out_is_refused_by_name(change: dict[str, Any], field_at_fault: str) -> None:
    with pytest.raises(Invalid) as refused:
        domain.check(replace(MATTER, **change), registry())
    assert refused.value.field == field_at_fault
    desk = Desk()
    with pytest.raises(Invalid) as refused:
        desk.drafts(replace(MATTER, **change))
    assert refused.value.field == field_at_fault
    desk.drafts()
    desk.matters[WHISTLE] = replace(MATTER, **change)  # the registry has changed since
    with pytest.raises(Invalid) as refused:
        desk.submits(DISTRICT)
    assert (refused.value.field, desk.said) == (field_at_fault, [])


def test_a_pair_without_a_policy_is_refused_with_the_legal_ones() -> None:
    with pytest.raises(Invalid, match=r"legal: critical, urgent$"):
        domain.check(replace(EMERGENCY, urgency="normal"), registry())


@pytest.mark.parametrize("change", [{}, {"grid": None}, {"category": None}, {"departments": ()}])
def test_what_the_registry_bears_out_is_taken(change: dict[str, Any]) -> None:
    domain.check(replace(MATTER, **change), registry())


def test_without_a_registry_nothing_is_blown() -> None:
    sheet = Sheet("intake", MONDAY, store.Reference(Replica(), {WISH: iter([7])}), {})
    with pytest.raises(Unavailable):
        commands.raise_whistle(sheet, WHISTLE, MATTER, STREET, NONE, WISH)


# -- blowing --------------------------------------------------------------------------------------------------------


def test_to_raise_is_to_blow_where_nobody_has_to_sign() -> None:
    desk = Desk()
    up = desk.raises()
    assert (up.whistle.number, up.whistle.state, up.whistle.blown_at) == ("S01-20260601-0007", "blown", MONDAY)
    facts = MATTER.facts("S01-20260601-0007", STREET.name, MONDAY)
    assert desk.said == [WhistleBlown(whistle_id=WHISTLE, round=1, facts=facts, departments=("CGJ", "GA"))]
    assert desk.awaited == [("dispatch",)]
    assert (up.whistle.signature, up.likeness) == (None, domain.Likeness())


def test_what_is_stored_of_a_matter_gives_the_matter_back() -> None:
    told = replace(MATTER, location=Location(latitude=39.9, longitude=116.4), cross_district=True, initiator="GA")
    whistle = domain.Whistle(WHISTLE, "n", "S01", 1, blown_at=MONDAY, submitted_by="x")
    kept = orjson.loads(store.facts_json(whistle, told))
    assert domain.Matter.of(kept, told.departments) == told
    assert WhistleFacts.model_validate(kept) == told.facts("n", "x", MONDAY)


CASES = [
    ("automatic", MATTER, STREET, "blown", None),
    ("automatic", MATTER, LEADER, "blown", None),
    ("review", MATTER, STREET, "pending_approval", None),
    ("review", MATTER, DISTRICT, "pending_approval", None),
    ("review", MATTER, LEADER, "blown", None),
    ("automatic", EMERGENCY, STREET, "blown", "owed"),
    ("review", EMERGENCY, STREET, "blown", "owed"),
    ("review", EMERGENCY, DISTRICT, "blown", "owed"),
    ("review", EMERGENCY, LEADER, "blown", None),
    ("review", replace(MATTER, initiator="GA"), DEPARTMENT, "blown", None),
    ("review", replace(EMERGENCY, initiator="GA"), DEPARTMENT, "blown", None),
]


@pytest.mark.parametrize(("approval", "matter", "caller", "state", "signature"), CASES)
def test_who_hands_up_what_decides_whether_somebody_has_to_sign(
    approval: Literal["automatic", "review"], matter: domain.Matter, caller: Caller, state: str, signature: str | None
) -> None:
    desk = Desk(approval)
    whistle = desk.raises(matter, caller).whistle
    assert (whistle.state, whistle.signature) == (state, signature)
    assert whistle.signature_due_at == (MONDAY + DAY if signature else None)
    assert whistle.signed_by == (LEADER.name if caller is LEADER else None)
    assert desk.told(WhistleBlown if state == "blown" else WhistleSubmitted)


def test_a_draft_calls_nobody_until_it_is_handed_up() -> None:
    desk = Desk("review")
    draft = desk.drafts()
    assert (draft.state, draft.drafted_by, draft.blown_at, desk.said) == ("draft", "第一社区", None, [])
    assert set(draft.legal) == {"editing", "submission", "joining", "withdrawal"}
    assert desk.submits().whistle.state == "pending_approval"
    assert desk.said == [
        WhistleSubmitted(
            whistle_id=WHISTLE, street="S01", kind="appeal", urgency="normal", category="0701", submitted_by=STREET.name
        )
    ]
    with pytest.raises(IllegalTransition) as refused:
        desk.submits()
    assert (refused.value.state, set(refused.value.legal)) == (
        "pending_approval",
        {"approval", "rejection", "withdrawal"},
    )


def test_a_draft_is_mended_whole_but_stays_in_its_street() -> None:
    desk = Desk("review")
    desk.drafts()
    mended = replace(MATTER, title="两处井盖缺失")
    desk.does(commands.edit_draft, WHISTLE, mended, COMMUNITY)
    assert desk.matters[WHISTLE].title == "两处井盖缺失"
    with pytest.raises(Invalid, match="S01-20260601-0007 is of street"):
        desk.does(commands.edit_draft, WHISTLE, replace(mended, street="S02"), DISTRICT)
    with pytest.raises(Invalid, match="category"):
        desk.does(commands.edit_draft, WHISTLE, replace(mended, category="9999"), COMMUNITY)
    desk.submits()
    with pytest.raises(IllegalTransition):
        desk.does(commands.edit_draft, WHISTLE, mended, COMMUNITY)


# -- the gate -------------------------------------------------------------------------------------------------------


def test_what_is_on_the_streets_own_list_needs_a_reason() -> None:
    desk = Desk(duties=(DUTY,))
    with pytest.raises(Invalid, match="B99 井盖巡查") as refused:
        desk.raises()
    assert (refused.value.field, desk.said) == ("override_reason", [])


def test_an_overruled_duty_list_is_on_record() -> None:
    desk = Desk(duties=(DUTY,))
    desk.raises(reasons=commands.Reasons(override="需断路施工"))
    submitted, blown = desk.said
    assert isinstance(submitted, WhistleSubmitted)
    assert isinstance(blown, WhistleBlown)
    assert (submitted.duties, submitted.override_reason) == (("B99",), "需断路施工")


@pytest.mark.parametrize(
    ("matter", "caller", "duty"),
    [
        (EMERGENCY, STREET, DUTY),
        (replace(MATTER, initiator="GA"), DEPARTMENT, DUTY),
        (replace(MATTER, category=None), STREET, DUTY),
        (MATTER, STREET, DUTY.model_copy(update={"categories": ("0702",)})),
        (MATTER, STREET, DUTY.model_copy(update={"level": "assisting"})),
    ],
)
def test_the_gate_stands_open(matter: domain.Matter, caller: Caller, duty: Duty) -> None:
    assert Desk(duties=(duty,)).raises(matter, caller).whistle.state == "blown"


# -- signing --------------------------------------------------------------------------------------------------------


def test_a_leader_signs_and_the_whistle_is_blown_in_the_name_of_who_handed_it_up() -> None:
    desk = Desk("review")
    desk.raises()
    signed = desk.does(commands.approve_whistle, WHISTLE, LEADER, at=MONDAY + DAY)
    assert (signed.state, signed.signed_by, signed.blown_at) == ("blown", LEADER.name, MONDAY + DAY)
    assert desk.told(WhistleSubmitted, WhistleApproved, WhistleBlown)
    blown = desk.said[-1]
    assert isinstance(blown, WhistleBlown)
    assert (blown.facts.blown_by, blown.facts.blown_at) == (STREET.name, MONDAY + DAY)
    with pytest.raises(IllegalTransition):
        desk.does(commands.approve_whistle, WHISTLE, LEADER)


@pytest.mark.parametrize(("outcome", "state"), [("self_handled", "self_handled"), ("draft", "draft")])
def test_a_leader_does_not_sign(outcome: str, state: str) -> None:
    desk = Desk("review")
    desk.raises()
    desk.does(commands.reject_whistle, WHISTLE, LEADER, outcome, "街道可自行处置")
    assert desk.whistle.state == state
    assert desk.said[-1] == WhistleRejected(
        whistle_id=WHISTLE, street="S01", outcome=outcome, reason="街道可自行处置", by=LEADER.name
    )
    with pytest.raises(IllegalTransition):
        desk.does(commands.reject_whistle, WHISTLE, LEADER, outcome, "街道可自行处置")


def test_another_streets_leader_does_not_know_the_whistle() -> None:
    """INVARIANT: a caller's commands reach only what its scope covers."""
    desk = Desk("review")
    desk.raises()
    for command, more in ((commands.approve_whistle, ()), (commands.reject_whistle, ("draft", "x"))):
        with pytest.raises(NotFound):
            desk.does(command, WHISTLE, OTHER, *more)


@pytest.mark.parametrize(
    ("after", "late"), [(timedelta(0), False), (DAY, False), (DAY + timedelta(microseconds=1), True), (3 * DAY, True)]
)
def test_an_emergency_is_signed_afterwards(after: timedelta, late: bool) -> None:
    desk = Desk()
    desk.raises(EMERGENCY)
    assert "approval" in desk.whistle.legal
    signed = desk.does(commands.approve_whistle, WHISTLE, LEADER, at=MONDAY + after)
    assert (signed.state, signed.signature, signed.signed_by) == ("blown", "late" if late else "given", LEADER.name)
    # INVARIANT: a late signature was missed before, whether the timer has come by or not.
    assert desk.told(WhistleBlown, *([SignatureMissed] if late else []), WhistleApproved)
    approved = desk.said[-1]
    assert isinstance(approved, WhistleApproved)
    assert approved.late is late
    with pytest.raises(IllegalTransition):
        desk.does(commands.approve_whistle, WHISTLE, LEADER, at=MONDAY + after)


def test_a_missed_signature_is_said_once() -> None:
    """INVARIANT: a signature that is missed is said once."""
    desk = Desk()
    desk.raises(EMERGENCY)
    for late in (timedelta(0), DAY):
        desk.does(commands.miss_signature, WHISTLE, MONDAY + late)
    assert desk.told(WhistleBlown)
    for late in (2 * DAY, 2 * DAY, 3 * DAY):
        desk.does(commands.miss_signature, WHISTLE, MONDAY + late)
    assert desk.told(WhistleBlown, SignatureMissed)
    desk.does(commands.approve_whistle, WHISTLE, LEADER, at=MONDAY + 3 * DAY)
    assert desk.told(WhistleBlown, SignatureMissed, WhistleApproved)
    desk.does(commands.miss_signature, WHISTLE, MONDAY + 4 * DAY)
    assert desk.whistle.signature == "late"


def test_nothing_is_owed_for_what_was_taken_back() -> None:
    desk = Desk()
    desk.raises(EMERGENCY)
    desk.does(commands.withdraw_whistle, WHISTLE, STREET, "误报")
    desk.does(commands.miss_signature, WHISTLE, MONDAY + 2 * DAY)
    assert desk.told(WhistleBlown, WhistleWithdrawn)
    with pytest.raises(IllegalTransition):
        desk.does(commands.approve_whistle, WHISTLE, LEADER)


# -- rows -----------------------------------------------------------------------------------------------------------


def test_what_is_searched_by_stands_beside_the_facts() -> None:
    replica = paperwork.replica()
    replica.registry = registry()
    sheet = Sheet("intake", MONDAY, store.Reference(replica, {WISH: iter([7])}), {})
    commands.raise_whistle(
        sheet,
        WHISTLE,
        replace(MATTER, location=Location(latitude=39.9, longitude=116.4)),
        STREET,
        commands.Reasons(distinct="另一处"),
        WISH,
    )
    (row,) = sheet.rows(tables.whistle)
    assert (row["category"], row["grid"], row["latitude"], row["longitude"]) == ("0701", "S01-G001", 39.9, 116.4)
    assert (row["state"], row["stage"], row["distinct_reason"]) == ("blown", "open", "另一处")


def test_the_review_street_is_one_of_the_samples() -> None:
    assert {street.approval for street in paperwork.pack().registry.streets} == {"automatic", "review"}
    assert Street(code="S1", name_zh="a", name_en="a").approval == "automatic"
