"""Replicas of the registry and the calendars: whole or not there, whatever the order of the parts."""

import random
from collections.abc import Sequence

import pytest

from support.paperwork import pack
from support.workshop import Workshop
from whistle_dispatch.commands import load_pack
from whistle_dispatch.tables import edition
from whistle_shared.contracts.dispatch import CalendarPublished, RegistryPublished
from whistle_shared.replica import Replica, keep_calendar, keep_part


async def published(workshop: Workshop) -> tuple[list[RegistryPublished], list[CalendarPublished]]:
    """What dispatch publishes when the sample pack is loaded, as read from its outbox."""
    async with workshop.engine("dispatch").begin() as connection:
        await connection.run_sync(edition.drop, checkfirst=True)
        await connection.run_sync(edition.create)
    async with workshop.group("dispatch").unit() as unit:
        load_pack(unit, pack(), Replica())
    rows = await workshop.rows("dispatch", "select key, body::jsonb -> 'data' as data from outbox order by event_id")
    parts = [RegistryPublished.model_validate(row.data) for row in rows if row.key == RegistryPublished.key]
    years = [CalendarPublished.model_validate(row.data) for row in rows if row.key == CalendarPublished.key]
    return parts, years


async def keep(workshop: Workshop, replica: Replica, parts: Sequence[RegistryPublished | CalendarPublished]) -> None:
    """Store these parts at intake and let the replica follow."""
    async with workshop.group("intake").unit() as unit:
        for part in parts:
            if isinstance(part, RegistryPublished):
                keep_part(unit, part)
            else:
                keep_calendar(unit, part)
    async with workshop.engine("intake").connect() as connection:
        await replica.refresh(connection)


async def test_every_part_stays_under_the_largest_event(workshop: Workshop) -> None:
    await published(workshop)
    [largest] = await workshop.rows("dispatch", "select max(length(body)) as bytes from outbox")
    assert largest.bytes <= 64 * 1024


@pytest.mark.parametrize("seed", range(4))
async def test_a_registry_is_there_with_its_last_part_and_not_before(workshop: Workshop, seed: int) -> None:
    """INVARIANT: a reader sees one whole version or none, never a mixture."""
    parts, _ = await published(workshop)
    random.Random(seed).shuffle(parts)
    replica = Replica()
    for part in parts[:-1]:
        await keep(workshop, replica, [part, part])
        assert replica.registry is None
    await keep(workshop, replica, parts)
    assert replica.registry == pack().registry


async def test_a_half_arrived_version_leaves_the_one_before_in_force(workshop: Workshop) -> None:
    parts, _ = await published(workshop)
    replica = Replica()
    await keep(workshop, replica, parts)
    newer = [part.model_copy(update={"version": 2}) for part in parts]
    await keep(workshop, replica, newer[:-1])
    assert replica.registry is not None
    assert replica.registry.version == 1
    await keep(workshop, replica, newer[-1:])
    assert replica.registry.version == 2


async def test_an_older_version_that_arrives_late_changes_nothing(workshop: Workshop) -> None:
    parts, _ = await published(workshop)
    replica = Replica()
    await keep(workshop, replica, [part.model_copy(update={"version": 3}) for part in parts])
    await keep(workshop, replica, parts)
    assert replica.registry is not None
    assert replica.registry.version == 3


async def test_a_calendar_is_known_as_it_stood_at_any_version_that_came_whole(workshop: Workshop) -> None:
    _, years = await published(workshop)
    replica = Replica()
    await keep(workshop, replica, years)
    later = [year.model_copy(update={"version": 2, "official": True}) for year in years]
    for year in later[:-1]:
        await keep(workshop, replica, [year])
        assert replica.calendar_version == 1
    await keep(workshop, replica, later)
    assert replica.calendar_version == 2
    assert replica.calendar(1).is_official(2027) is False
    assert replica.calendar(2).is_official(2027) is True
    assert replica.calendar().is_official(2026) is True


async def test_an_unchanged_pack_keeps_its_version_and_is_published_again(workshop: Workshop) -> None:
    """So that a new instance gets it (EVENTS.md: registry change)."""
    parts, _ = await published(workshop)
    replica = Replica()
    async with workshop.engine("dispatch").connect() as connection:
        await replica.refresh(connection)
    async with workshop.group("dispatch").unit() as unit:
        loaded = load_pack(unit, pack(), replica)
    assert (loaded.registry_version, loaded.registry_changed, loaded.calendar_changed) == (1, False, False)
    assert await workshop.count("dispatch", "outbox", f"key = '{RegistryPublished.key}'") == 2 * len(parts)
    assert await workshop.count("dispatch", "registry_part") == len(parts)
