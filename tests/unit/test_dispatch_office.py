"""The district whistle office beyond the single return: precedents, the lead, substitutes, and whistles that are over;
with a Unit that only collects."""

from typing import Any
from uuid import UUID

import pytest

from support import paperwork
from support.clockface import MONDAY
from support.office import (
    APPEAL,
    Office,
    calls,
    closed,
    decides,
    hours,
    only,
    overdue,
    returned,
    rules_on,
    silent,
    withdrawn,
)
from support.paperwork import WHISTLE, Sheet
from whistle_dispatch import commands, domain, tables
from whistle_shared.contracts.dispatch import LeadChanged, RegistryPublished, WhistleDispatched
from whistle_shared.errors import Conflict, IllegalTransition, Invalid, NotFound
from whistle_shared.registry import Registry

# -- precedents -------------------------------------------------------------------------------------------------


def with_precedent(office: Office) -> UUID:
    office.hears(returned(office, "CGJ"))
    overdue(office, 6)
    (row,) = rules_on(office, ["PSGS"], rule="由排水公司主办").rows(tables.precedent)
    found: UUID = row["precedent_id"]
    return found


def registry_of(sheet: Sheet) -> Registry:
    parts = [data for data in sheet.said if isinstance(data, RegistryPublished)]
    rows: dict[Any, list[dict[str, Any]]] = {}
    for part in parts:
        rows.setdefault(part.section, []).extend(part.rows)
    return Registry.from_rows(parts[-1].version, rows)


def test_an_adopted_precedent_routes_the_sub_category_in_the_next_registry() -> None:
    office = calls("CGJ", "GA")
    precedent_id = with_precedent(office)
    sheet = office.does(lambda unit: commands.adopt_precedent(unit, precedent_id, "区吹哨办"), hours(8))
    made, before = registry_of(sheet), paperwork.pack().registry
    assert made.version == before.version + 1
    assert (made.category_by_code["0701"].lead, made.category_by_code["0701"].assist) == ("PSGS", ("GA",))
    others = [row for row in before.categories if row.code != "0701"]
    assert [row for row in made.categories if row.code != "0701"] == others
    assert (made.policies, made.duties, made.regulation) == (before.policies, before.duties, before.regulation)
    (row,) = sheet.rows(tables.precedent)
    assert (row["adopted_at"], row["adopted_version"]) == (hours(8), made.version)
    with pytest.raises(IllegalTransition, match="adopted"):
        commands.adopt_precedent(office.sheet(), precedent_id, "区吹哨办")


def test_one_registry_follows_another() -> None:
    """INVARIANT: one registry follows another: two adoptions in one transaction make two versions."""
    one = calls("CGJ", "GA")
    first = with_precedent(one)
    second = UUID(int=7)
    one.cases[second] = domain.Ruling(
        second, UUID(int=8), WHISTLE, "0702", "GA", (), "由公安分局主办", MONDAY, "区吹哨办"
    )

    def adopt_both(unit: Sheet) -> None:
        commands.adopt_precedent(unit, first, "区吹哨办")
        commands.adopt_precedent(unit, second, "区吹哨办")

    made = registry_of(one.does(adopt_both, hours(8)))
    assert made.version == paperwork.pack().registry.version + 2
    assert (made.category_by_code["0701"].lead, made.category_by_code["0702"].lead) == ("PSGS", "GA")


def test_a_precedent_that_the_registry_cannot_follow_is_not_adopted() -> None:
    office = calls("CGJ")
    for ruling_id, category, department in ((1, None, "GA"), (2, "9999", "GA"), (3, "0701", "XYZ")):
        key = UUID(int=ruling_id)
        office.cases[key] = domain.Ruling(key, key, WHISTLE, category, department, (), "规则", MONDAY, "区吹哨办")
        with pytest.raises(Conflict):
            commands.adopt_precedent(office.sheet(), key, "区吹哨办")
    with pytest.raises(NotFound):
        commands.adopt_precedent(office.sheet(), UUID(int=9), "区吹哨办")


def test_precedents_are_for_whoever_has_to_name_a_department() -> None:
    office = calls("CGJ", "GA")
    assert not office.known.precedents_apply
    office.hears(returned(office, "CGJ"))
    assert office.known.precedents_apply
    decides(office, "CGJ")
    assert not office.known.precedents_apply
    assert domain.Dispatch(WHISTLE, "awaiting_triage", 1, APPEAL).precedents_apply


# -- the lead, and substitutes ----------------------------------------------------------------------------------


def test_the_lead_is_handed_over_and_no_clock_is_touched() -> None:
    office = calls("CGJ", "GA")
    sheet = office.does(lambda unit: commands.change_lead(unit, WHISTLE, "GA", "现场以疏导为主", "区吹哨办"), hours(1))
    changed = only(sheet, LeadChanged)
    assert (changed.department, changed.previous_department, sheet.words[0].to) == ("GA", "CGJ", ("GA", "CGJ"))
    assert office.standing() == [("GA", "lead"), ("CGJ", "assist")]
    assert {row["role"] for row in sheet.rows(tables.task)} == {"lead", "assist"}
    for department in ("GA", "XF"):
        with pytest.raises(Invalid):
            commands.change_lead(office.sheet(), WHISTLE, department, "理由", "区吹哨办")


def test_a_substitute_is_called_once_a_department_was_silent_up_to_the_offices_rung() -> None:
    office = calls("CGJ", "GA")

    def call(unit: Sheet) -> None:
        commands.call_substitute(unit, WHISTLE, "XF", "assist", "城管局未应哨")

    office.hears(silent(office, "CGJ", hours(2), role="deputy_head"))
    with pytest.raises(Conflict):
        call(office.sheet())
    office.hears(silent(office, "CGJ", hours(8)))
    assert office.task("CGJ").raised_at == hours(8)
    assert office.hears(silent(office, "CGJ", hours(9))).written == [], "the first time counts"
    sheet = office.does(call, hours(10))
    called = only(sheet, WhistleDispatched)
    assert [(t.department, t.role, t.origin, t.terms) for t in called.tasks] == [
        ("XF", "assist", "substitute-1", "assist@1.substitute-1")
    ]
    assert (sheet.words[0].to, called.whistle_due_at) == (("XF",), office.known.whistle_due_at)
    assert [
        spec.schedule.start_at for spec in called.terms["assist@1.substitute-1"] if spec.name == "ack" and spec.schedule
    ]
    assert (office.task("CGJ").raised_at, office.task("CGJ").ended_at) == (None, None)
    with pytest.raises(Conflict):
        call(office.sheet())


@pytest.mark.parametrize("department", ["GA", "XYZ"])
def test_a_substitute_is_active_and_has_no_task_yet(department: str) -> None:
    office = calls("CGJ", "GA")
    office.hears(silent(office, "CGJ", hours(8)))
    with pytest.raises(Invalid) as refused:
        commands.call_substitute(office.sheet(), WHISTLE, department, "assist", "理由")
    assert refused.value.field == "department"


# -- read-only --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", [closed(), withdrawn()])
def test_a_whistle_that_is_over_is_read_only(end: Any) -> None:
    office = calls("CGJ", "GA")
    office.hears(returned(office, "CGJ"))
    office.hears(end)
    state = office.known.state
    assert {request.state for request in office.known.requests.values()} == {"lapsed"}
    assert overdue(office, 9).words == []
    for act in (
        lambda: decides(office, "CGJ", ["PSGS"]),
        lambda: commands.change_lead(office.sheet(), WHISTLE, "GA", "理由", "区吹哨办"),
        lambda: commands.call_substitute(office.sheet(), WHISTLE, "XF", "assist", "理由"),
        lambda: commands.route_whistle(office.sheet(), WHISTLE, ["XF"]),
    ):
        with pytest.raises(IllegalTransition, match=state):
            act()
    late = office.hears(returned(office, "GA"))
    assert (late.written, late.words) == ([], [])


def test_an_open_dispute_lapses_with_its_whistle() -> None:
    office = calls("CGJ", "GA")
    office.hears(returned(office, "CGJ"))
    overdue(office, 6)
    sheet = office.hears(withdrawn())
    assert [row["state"] for row in sheet.rows(tables.dispute)] == ["lapsed"]
    assert [row["state"] for row in sheet.rows(tables.request)] == ["lapsed"]


def test_a_department_whose_task_was_replaced_is_not_cancelled_with_the_others() -> None:
    office = calls("CGJ", "GA")
    office.hears(returned(office, "CGJ"))
    decides(office, "CGJ", ["PSGS"])
    assert office.hears(withdrawn()).words[0].to == ("PSGS", "GA")
