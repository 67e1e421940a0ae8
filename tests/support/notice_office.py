"""escalation's notices with a provider on this machine: people with channels, notices, and the sending by hand."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text

from support.city import City
from support.clockface import MONDAY
from support.postbox import Postbox, postbox
from support.window import OPERATOR
from whistle_escalation import tables
from whistle_escalation.notices import channels
from whistle_escalation.notices.channels import Fresh, Owner
from whistle_escalation.notices.domain import Addressee, Outcome, notice_id
from whistle_escalation.notices.sending import Sender
from whistle_shared.auth import Person, create_account
from whistle_shared.runtime import Service
from whistle_shared.timesource import wall_now


@dataclass
class NoticeOffice:
    """One escalation service. `sender` sends by itself in the running city, else when the test says so."""

    service: Service
    box: Postbox

    @property
    def sender(self) -> Sender:
        found: Sender = self.service.app.state.notices
        return found

    async def person(self, name: str, scope: str, role: str = "handler") -> UUID:
        """An account by this name."""
        async with self.service.group.unit() as unit:
            username = f"n-{uuid4().hex[:8]}"
            person = Person(name, role, scope)
            return await create_account(unit, OPERATOR, username, person, password="unused", must_change=False)

    async def reaches(self, owner: Owner, path: str, *, verified: bool = True) -> UUID:
        """The owner has a channel that leads to a path of the postbox."""
        fresh = Fresh("apprise", f"test {path}", self.box.address(path), "zh")
        async with self.service.group.unit() as unit:
            row = await channels.add(unit, self.service.keyring, owner, fresh, "test")
            if verified:
                channels.verified(unit, row)
        channel_id: UUID = row.channel_id
        return channel_id

    async def notice(self, *to: Addressee, cause: UUID | None = None, pressing: bool = False) -> UUID:
        """Something is told to these people; returns the thing."""
        cause = cause or uuid4()
        async with self.service.group.unit() as unit:
            for person in to:
                unit.keep(tables.notice, **_row(unit.now, cause, person, pressing))
        return cause

    async def states(self, cause: UUID) -> list[str]:
        """The states of the notices about a thing, by the name of the person."""
        return [
            row.state for row in await self.rows("select state from notice where cause_id = :c order by name", c=cause)
        ]

    async def outcomes(self, cause: UUID) -> list[tuple[str, Outcome | None]]:
        """Every attempt about a thing: by which channel, and how it ended."""
        query = "select channel, outcome from notice_try where cause_id = :c order by try_id"
        return [(row.channel.removeprefix("test "), row.outcome) for row in await self.rows(query, c=cause)]

    async def rows(self, query: str, **values: Any) -> list[Any]:
        """What the database has."""
        async with self.service.engine.connect() as connection:
            return list(await connection.execute(text(query), values))

    async def sends(self, rounds: int = 1) -> None:
        """So many rounds of sending, each as if the pauses before it were over."""
        for _ in range(rounds):
            await self.skips_pauses()
            await sent_by(self.sender)

    async def skips_pauses(self) -> None:
        """Pauses and leases are over."""
        async with self.service.group.unit() as unit:
            await unit.connection.execute(text("update notice set next_at = :past"), {"past": wall_now()})

    async def clean(self) -> None:
        """Nobody has a channel, nobody was told of anything, and it is Monday at nine."""
        self.box.empty()
        self.service.time.set(MONDAY)  # type: ignore[attr-defined]
        async with self.service.group.unit() as unit:
            for table in ("notice_try", "notice", "notice_channel", "notice_hours"):
                await unit.connection.execute(text(f"delete from {table}"))
            await unit.connection.execute(text("delete from account where username like 'n-%'"))

    async def again(self, city: City) -> "NoticeOffice":
        """Another process of the same service; this one is gone without a word."""
        fresh = city.build("escalation", outgoing_allowed=self.box.entry)
        fresh.replica = self.service.replica
        return NoticeOffice(fresh, self.box)

    async def close(self) -> None:
        """Let go of what was opened."""
        await self.sender.courier.close()
        for closing in (self.service.outgoing.aclose, self.service.engine.dispose, self.service.command_engine.dispose):
            await closing()


async def sent_by(sender: Sender) -> None:
    """One look at what is due, and the end of what it began."""
    await sender.look()
    if sender.under_way:
        await asyncio.wait(sender.under_way)
        sender._let_go()


def _row(now: Any, cause: UUID, person: Addressee, pressing: bool) -> dict[str, Any]:
    ids = {"notice_id": notice_id(cause, person), "cause_id": cause, "whistle_id": uuid4()}
    about = {"organisation": person.organisation, "role": person.role, "name": person.name, "pressing": pressing}
    times = {"made_at": now, "due_at": now, "next_at": wall_now(), "ended_at": None}
    nothing = dict.fromkeys(("task_id", "clock_id", "escalation_id"))
    facts = '{"clock": "ack", "number": "S01-20260601-0001", "title": "t", "department": "CGJ", "rung": 1}'
    return {**ids, **about, **times, **nothing, "kind": "rung", "facts": facts, "state": "waiting"}


@asynccontextmanager
async def standing_still(city: City) -> AsyncIterator[NoticeOffice]:
    """The city's escalation is stopped; a service that was built and not started sends when the test says so."""
    async with city.without("escalation"), postbox() as box:
        service = city.build("escalation", outgoing_allowed=box.entry)
        async with service.engine.connect() as connection:
            await service.replica.refresh(connection)
        office = NoticeOffice(service, box)
        yield office
        await office.close()


@asynccontextmanager
async def at_work(city: City) -> AsyncIterator[NoticeOffice]:
    """The city's escalation runs, and may send to the postbox."""
    async with postbox() as box:
        await city.stop("escalation")
        service = await city.start("escalation", outgoing_allowed=box.entry)
        yield NoticeOffice(service, box)
        await city.stop("escalation")
        await city.start("escalation")
