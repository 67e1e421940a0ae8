"""A service that starts again takes up where it was: it knows its district before it hears anything."""

import asyncio
from contextlib import suppress

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection
from structlog.testing import capture_logs

from support.city import City
from whistle_shared.replica import Replica

_A_LONG_TIME = 0.5


@pytest.mark.parametrize("producer", ["escalation", "intake", "department.ga"])
async def test_a_service_that_starts_knows_its_registry_before_it_hears_anything(
    city: City, monkeypatch: pytest.MonkeyPatch, producer: str
) -> None:
    """Reading the stored registry takes long, so that the consumer has every chance to overtake it."""
    reading = Replica.refresh

    async def slow(replica: Replica, connection: AsyncConnection) -> None:
        if replica.registry is None:
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.Event().wait(), _A_LONG_TIME)
        await reading(replica, connection)

    whistle = await city.street("S01").blows("0701", departments=["GA"])
    await city.department("GA").task(whistle)
    await city.settles()
    await city.stop(producer)
    if producer != "department.ga":
        await city.department("GA").acknowledges(whistle)
    else:
        await city.street("S02").blows("0701", departments=["GA"])
    await city.settles()
    monkeypatch.setattr(Replica, "refresh", slow)

    with capture_logs() as logs:
        await city.start(producer)
        await city.settles()

    assert [entry for entry in logs if entry["event"] in ("event.retried", "event.parked")] == []
