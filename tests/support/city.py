"""The city of a story: its ground, its people, and what a story expects of it.

Every `expects_…` waits, with a limit, until the public APIs (or the broker's parking) show it.
"""

from typing import Any

from support.ground import Ground
from support.people import Blown
from support.waiting import until
from whistle_shared.messaging import PARKING

_LOST = ("rung", "clock", "status", "department")


class City(Ground):
    """`Ground` with expectations."""

    async def expects_tasks(self, whistle: Blown, departments: list[str]) -> list[dict[str, Any]]:
        """Exactly these departments are called, the first one leads, and each sees its own task."""
        dispatch = await self.whistle_office.dispatch(whistle)
        called = [task["department"] for task in dispatch["tasks"]]
        assert (called[:1], sorted(called)) == (departments[:1], sorted(departments))
        assert [task["role"] for task in dispatch["tasks"]] == ["lead"] + ["assist"] * (len(called) - 1)
        return [await self.department(code).task(whistle) for code in departments]

    async def expects_clock(
        self, whistle: Blown, name: str, status: str = "running", department: str | None = None
    ) -> dict[str, Any]:
        """This clock of the whistle (or of a department under it) has this status."""
        query = {"whistle_id": whistle.whistle_id, "name": name}
        query |= {"department": department} if department else {}

        async def seen() -> dict[str, Any] | None:
            found = await self.watch.clocks(**query)
            assert len(found) < 2, found
            return found[0] if found and found[0]["status"] == status else None

        return await until(seen, f"clock {name} of {department or 'the district'} to be {status}")

    async def expects_escalation(
        self, *, rung: int, department: str | None = None, clock: str = "ack", status: str = "open"
    ) -> dict[str, Any]:
        """This rung of a department's clock (`department` None: of the district's) was climbed, once, and stands so."""
        wanted = {"rung": rung, "department": department, "clock": clock}

        async def seen() -> dict[str, Any] | None:
            found = [e for e in await self.watch.escalations(rung=rung) if wanted.items() <= e.items()]
            assert len(found) < 2, f"climbed twice: {found}"
            return found[0] if found and found[0]["status"] == status else None

        return await until(seen, f"rung {rung} of {department or 'the district'} ({clock}) to be {status}")

    async def expects_no_escalation(self, **query: Any) -> None:
        """Nothing (of what `query` selects) has ever been escalated, and nothing is under way that would."""
        await self.settles()
        found = await self.watch.escalations(**query)
        assert not found, [{name: e[name] for name in _LOST} for e in found]

    async def expects_in_timeline(self, whistle: Blown, *keys: str) -> list[dict[str, Any]]:
        """The street's timeline shows these events (short names), in this order among themselves."""

        async def seen() -> list[dict[str, Any]] | None:
            entries = (await self.whistle_office.sees(whistle))["timeline"]
            told = iter(_short(entry["event"]) for entry in entries)
            return entries if all(key in told for key in keys) else None

        return await until(seen, f"{', '.join(keys)} in the timeline of {whistle.number}")

    async def expects_state(self, whistle: Blown, state: str) -> dict[str, Any]:
        """The street sees the whistle in this state."""

        async def seen() -> dict[str, Any] | None:
            view = await self.whistle_office.sees(whistle)
            return view if view["state"] == state else None

        return await until(seen, f"{whistle.number} to be {state}")

    async def expects_parked(self, reason: str, queue: str | None = None) -> dict[str, Any]:
        """One message was parked for this reason (part of it); it is taken out. Returns its headers."""

        async def seen() -> Any:
            return await self.broker.take(PARKING)

        message = await until(seen, f"a message to be parked: {reason}")
        headers = dict(message.headers)
        assert reason in str(headers.get("x-reason")), headers
        assert queue in (None, headers.get("x-origin-queue")), headers
        return headers

    async def expects_nothing_parked(self) -> None:
        """Parking is empty once everything has settled."""
        await self.settles()
        message = await self.broker.take(PARKING)
        assert message is None, (dict(message.headers), message.body)


def _short(key: str) -> str:
    """`dispatch.whistle_dispatched.v1` → `whistle_dispatched`."""
    return key.split(".")[1]
