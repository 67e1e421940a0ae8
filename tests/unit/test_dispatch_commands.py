"""dispatch's use cases as its handlers run them, with a Unit that only collects."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson
import pytest

from support import paperwork
from support.clockface import MONDAY
from support.office import Office, blown, withdrawn
from support.paperwork import WHISTLE, Sheet
from whistle_dispatch import commands, domain, tables
from whistle_shared.contracts import EventData
from whistle_shared.contracts.dispatch import (
    CalendarPublished,
    RegistryPublished,
    WhistleCancelled,
    WhistleDispatched,
    WhistleUnrouted,
)
from whistle_shared.contracts.intake import WhistleFacts
from whistle_shared.errors import NotFound
from whistle_shared.messaging import RetryLater
from whistle_shared.registry import Registry, registry_rows
from whistle_shared.replica import Replica, newest_whole


def only(sheet: Sheet, kind: type[EventData]) -> paperwork.Word:
    (word,) = sheet.words
    assert isinstance(word.data, kind)
    return word


def test_a_blown_whistle_is_dispatched_in_one_event_to_everybody_concerned() -> None:
    sheet = Office().hears(blown(paperwork.facts(), "CGJ", "GA"))
    word = only(sheet, WhistleDispatched)
    assert word.to == ("CGJ", "GA")
    assert sorted(word.awaiting) == ["department.ga", "department.hosted", "escalation"]
    assert word.data == paperwork.dispatched(paperwork.facts(), ["CGJ", "GA"])
    (row,) = sheet.rows(tables.dispatch)
    assert (row["state"], row["dispatched_at"]) == ("dispatched", MONDAY)
    assert [(task["department"], task["role"]) for task in sheet.rows(tables.task)] == [
        ("CGJ", "lead"),
        ("GA", "assist"),
    ]


def test_a_whistle_without_a_route_waits_and_is_dispatched_by_hand() -> None:
    office = Office()
    sheet = office.hears(blown(paperwork.facts(category=None)))
    word = only(sheet, WhistleUnrouted)
    assert isinstance(word.data, WhistleUnrouted)
    assert (word.to, word.awaiting) == ((), ("escalation",))
    assert word.data.clocks == paperwork.triage(paperwork.facts(category=None))
    routing = office.sheet(MONDAY + timedelta(minutes=4))
    done = commands.route_whistle(routing, WHISTLE, ["XF", "GA", "XF"])
    assert (done.state, [task.department for task in done.tasks]) == ("dispatched", ["XF", "GA"])
    assert only(routing, WhistleDispatched).to == ("XF", "GA")


def test_a_whistle_nobody_has_heard_of_cannot_be_routed() -> None:
    office = Office()
    with pytest.raises(NotFound):
        commands.route_whistle(office.sheet(), WHISTLE, ["GA"])
    office.hears(withdrawn())
    with pytest.raises(NotFound):
        commands.route_whistle(office.sheet(), WHISTLE, ["GA"])


def test_a_withdrawal_cancels_at_every_department_that_was_called() -> None:
    office = Office()
    office.hears(blown(paperwork.facts(), "CGJ", "GA"))
    sheet = office.hears(withdrawn())
    word = only(sheet, WhistleCancelled)
    assert (word.to, sorted(word.awaiting)) == (("CGJ", "GA"), ["department.ga", "department.hosted"])
    (row,) = sheet.rows(tables.dispatch)
    assert (row["state"], row["reason"]) == ("cancelled", "重复上报")


def test_a_withdrawal_that_overtakes_the_whistle_calls_nobody() -> None:
    """INVARIANT: the whistle finds the tombstone of an early withdrawal, calls nobody and has its receipt."""
    office = Office()
    first = office.hears(withdrawn())
    late = office.hears(blown(paperwork.facts()))
    for sheet in (first, late):
        word = only(sheet, WhistleCancelled)
        assert isinstance(word.data, WhistleCancelled)
        assert (word.data.departments, word.to, word.awaiting) == ((), (), ())
    assert first.rows(tables.task) == late.rows(tables.task) == []


@pytest.mark.parametrize("about", [paperwork.facts(), paperwork.facts(category=None)])
def test_a_whistle_heard_twice_is_dispatched_once(about: WhistleFacts) -> None:
    office = Office()
    office.hears(blown(about))
    again = office.hears(blown(about), MONDAY + timedelta(minutes=9))
    assert (again.words, again.written) == ([], [])


def test_before_the_first_pack_a_whistle_is_tried_again_later() -> None:
    with pytest.raises(RetryLater, match="pack"):
        Office(Replica()).hears(blown(paperwork.facts()))


# -- publishing a pack ----------------------------------------------------------------------------------------------


def loaded(current: Replica, pack: domain.Pack | None = None) -> tuple[commands.Loaded, Sheet]:
    sheet = Sheet("dispatch", MONDAY, None, {})
    return commands.load_pack(sheet, pack or paperwork.pack(), current), sheet


def published(sheet: Sheet, kind: type[EventData]) -> list[Any]:
    assert {(word.to, word.awaiting) for word in sheet.words} == {((), ())}
    return [data for data in sheet.said if isinstance(data, kind)]


def test_a_pack_is_published_in_parts_that_make_the_same_registry_again() -> None:
    done, sheet = loaded(Replica())
    assert done == commands.Loaded(1, registry_changed=True, calendar_version=1, calendar_changed=True)
    parts = published(sheet, RegistryPublished)
    rows: dict[Any, list[dict[str, Any]]] = {}
    for part in parts:
        assert len(orjson.dumps(part.model_dump(mode="json"))) <= 64 * 1024
        assert (part.version, part.sections[part.section]) == (1, part.parts)
        rows.setdefault(part.section, []).extend(part.rows)
    assert registry_rows(Registry.from_rows(1, rows)) == registry_rows(paperwork.pack().registry)
    assert newest_whole([(part.version, part.section, part.sections) for part in parts]) == 1
    assert newest_whole([(part.version, part.section, part.sections) for part in parts[1:]]) is None
    years = published(sheet, CalendarPublished)
    assert [year.year for year in years] == [year.year for year in paperwork.pack().calendars]
    assert {year.version for year in years} == {1}


def test_an_unchanged_pack_keeps_its_version_and_is_published_again() -> None:
    _, first = loaded(Replica())
    done, again = loaded(paperwork.replica())
    assert done == commands.Loaded(1, registry_changed=False, calendar_version=1, calendar_changed=False)
    assert again.said == first.said


def test_one_changed_year_is_a_new_version_of_the_whole_calendar_and_of_nothing_else() -> None:
    pack = paperwork.pack()
    *others, last = pack.calendars
    changed = replace(pack, calendars=(*others, last.model_copy(update={"official": not last.official})))
    done, sheet = loaded(paperwork.replica(), changed)
    assert done == commands.Loaded(1, registry_changed=False, calendar_version=2, calendar_changed=True)
    assert {year.version for year in published(sheet, CalendarPublished)} == {2}


def test_a_changed_registry_is_the_next_version() -> None:
    pack = paperwork.pack()
    rows = registry_rows(pack.registry)
    fewer = Registry.from_rows(1, {**rows, "grids": rows["grids"][1:]})
    done, sheet = loaded(paperwork.replica(), replace(pack, registry=fewer))
    assert done == commands.Loaded(2, registry_changed=True, calendar_version=1, calendar_changed=False)
    assert {part.version for part in published(sheet, RegistryPublished)} == {2}


def test_a_section_without_rows_is_published_too() -> None:
    pack = paperwork.pack()
    empty = Registry.from_rows(1, {**registry_rows(pack.registry), "grids": []})
    _, sheet = loaded(Replica(), replace(pack, registry=empty))
    (part,) = [part for part in published(sheet, RegistryPublished) if part.section == "grids"]
    assert (part.rows, part.part, part.parts) == ((), 1, 1)
