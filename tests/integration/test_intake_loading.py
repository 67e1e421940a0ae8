"""What intake fetches for a batch: little where there is little, and everything where there is something."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID, uuid4

from sqlalchemy import event as sqlalchemy_event

from support import paperwork
from support.city import City
from support.clockface import MONDAY
from whistle_intake import domain, store
from whistle_shared.contracts.escalation import ClockChange, ClocksChanged
from whistle_shared.db import Unit, Work
from whistle_shared.runtime import Service


def nothing(unit: Unit) -> None:
    """The works here are only loaded."""


@contextmanager
def counted(service: Service) -> Iterator[list[object]]:
    """For every statement in a transaction of the service's inside the block, the connection that it ran on."""
    seen: list[object] = []

    def note(connection: object, *_: object) -> None:
        seen.append(connection)

    engine = service.group.engine.sync_engine
    sqlalchemy_event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        sqlalchemy_event.remove(engine, "before_cursor_execute", note)


async def loaded(city: City, *works: Work) -> tuple[dict[UUID, domain.Whistle], int]:
    """What a batch finds, and how many statements that took."""
    service = city.services["intake"]
    with counted(service) as seen:
        async with service.group.unit() as unit:
            own = unit.connection.sync_connection
            before = seen.count(own)
            await store.load(service.replica, unit, works)
            return dict(unit.cases), seen.count(own) - before


async def test_what_few_whistles_have_is_fetched_only_where_there_is_some(city: City) -> None:
    plain = await city.street("S01").blows("0701", departments=["CGJ"])
    called = await city.street("S02").blows("0701", departments=["GA"])
    await city.settles()
    await city.street("S02").convenes(called, ["GA"])
    await city.settles()
    works = [Work(nothing, whistle=UUID(whistle.whistle_id)) for whistle in (plain, called)]
    _, alone = await loaded(city, works[0])
    cases, together = await loaded(city, *works)
    assert (alone, together) == (3, 6)  # tasks, whistles, what is said of them; and requests, meetings, call-backs
    assert [len(cases[UUID(whistle.whistle_id)].meetings) for whistle in (plain, called)] == [0, 1]


async def test_a_receipt_needs_nothing_at_all(city: City) -> None:
    whistle = UUID((await city.street("S01").blows("0701", departments=["CGJ"])).whistle_id)
    told = paperwork.event(ClocksChanged(whistle_id=whistle, task_id=uuid4(), changes=()), MONDAY, subject=whistle)
    assert await loaded(city, Work(nothing, whistle=whistle, event=told)) == ({}, 0)


async def test_a_receipt_that_moves_clocks_needs_the_clocks_alone(city: City) -> None:
    whistle = UUID((await city.street("S01").blows("0701", departments=["CGJ"])).whistle_id)
    change = ClockChange(clock_id=uuid4(), name="ack", status="met")
    data = ClocksChanged(whistle_id=whistle, task_id=uuid4(), changes=(change,))
    told = paperwork.event(data, MONDAY, subject=whistle)
    assert await loaded(city, Work(nothing, whistle=whistle, event=told)) == ({}, 1)
