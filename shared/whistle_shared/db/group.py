"""Group commit: many pieces of work, one transaction. Requests, events and timers all go through here.

Whoever is free commits what is waiting; there is no timer, so a single request at rest pays nothing. If one piece
spoils a transaction, the pieces are run again one by one, so it spoils only itself.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from whistle_shared.contracts import TYPES, Event, EventData
from whistle_shared.db import audit, tables
from whistle_shared.db.engine import among, is_outage, is_passing, is_transient
from whistle_shared.db.idempotency import Answer, Idempotency, KeyReused, stored_answers
from whistle_shared.db.outbox import Outbox, Outgoing
from whistle_shared.db.unit import Unit
from whistle_shared.db.walls import reach, reach_of, reaching
from whistle_shared.errors import DomainError, Unavailable
from whistle_shared.observability import Trace, new_trace
from whistle_shared.timesource import TimeSource, wall_now

log = structlog.get_logger(__name__)
_LARGEST = 100
_COMMITTERS = 2
_ATTEMPTS = 3
_MOST_WAITING = 2_000
_PATIENCE = 8.0


@dataclass(frozen=True, slots=True)
class Work:
    """One thing to do in a transaction: `act` decides and collects, without waiting for anything.

    `whistle` is locked and loaded before `act` runs; so is `also`, where two whistles are concerned. `event` is claimed
    in the inbox, `idempotency` in the table of idempotency keys. `wants` is for the service's `load`: what else to
    fetch for this piece. `deed`: who asks, for the audit; what nobody asked for (an event, a timer) has none.
    `photos`: what of them is not deleted is locked and put into `unit.photos`. `reach`: whose rows it sees (walls).
    """

    act: Callable[[Unit], Any]
    whistle: UUID | None = None
    idempotency: Idempotency | None = None
    event: Event[EventData] | None = None
    wants: Any = None
    also: UUID | None = None
    deed: audit.Deed | None = None
    photos: Sequence[UUID] = ()
    trace: Trace = field(default_factory=new_trace)
    reach: str = field(default_factory=reach)

    def locks(self) -> Iterable[str]:
        if self.whistle is not None:
            yield str(self.whistle)
        elif self.event is not None:
            yield self.event.subject
        if self.also is not None:
            yield str(self.also)
        if self.idempotency is not None:
            yield "key " + " ".join(self.idempotency.identity)


Load = Callable[[Unit, Sequence[Work]], Awaitable[None]]


class Spoilt(Exception):
    """A piece of work failed after it had begun to collect; its transaction cannot be kept."""


class Group:
    """The one way to change a service's database. `hand_over` takes committed events to a relay in this process;
    without one they are due at once for whichever process polls the outbox. `lease`: how long the poll leaves them to
    the relay."""

    def __init__(
        self,
        engine: AsyncEngine,
        producer: str,
        time: TimeSource,
        load: Load,
        outbox: Outbox,
        hand_over: Callable[[list[Outgoing]], None] | None = None,
        lease: Callable[[], timedelta] = timedelta,
    ) -> None:
        self.engine = engine
        self.producer = producer
        self.time = time
        self.outbox = outbox
        self._load = load
        self._hand_over = hand_over
        self.lease = lease
        self._waiting: deque[tuple[Work, asyncio.Future[Any]]] = deque()
        self._committers: set[asyncio.Task[None]] = set()
        self.ids_reused = 0
        self.changes = 0
        self._changed = asyncio.Event()

    async def do(self, work: Work) -> Any:
        """Have `work` done in the next transaction; returns what `act` returned or raises what it raised.

        Raises Unavailable when too much is waiting, and TimeoutError after 8 s: then the outcome is unknown.
        """
        if len(self._waiting) >= _MOST_WAITING:
            raise Unavailable("too much is waiting to be written; try again shortly")
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append((work, future))
        if len(self._committers) < _COMMITTERS:
            self._committers.add(asyncio.create_task(self._commit_until_none_waits(), name="group-commit"))
        async with asyncio.timeout(_PATIENCE):
            return await asyncio.shield(future)

    async def _commit_until_none_waits(self) -> None:
        """INVARIANT: whoever waits has a committer: one leaves the set in the same step in which it finds nobody."""
        try:
            await self._commit_waiting()
        finally:
            self._committers.discard(cast(asyncio.Task[None], asyncio.current_task()))

    async def _commit_waiting(self) -> None:
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), _LARGEST))]
            try:
                outcomes = await self.run([work for work, _ in batch])
            except Exception as error:  # noqa: BLE001 - whoever asked is told
                outcomes = [error] * len(batch)
            for (_, future), outcome in zip(batch, outcomes, strict=True):
                if future.done():
                    continue  # whoever asked has gone
                if isinstance(outcome, Exception):
                    future.set_exception(outcome)
                else:
                    future.set_result(outcome)

    async def settled(self) -> None:
        """Wait until nothing that was asked for is waiting or being committed."""
        while self._committers:
            await asyncio.gather(*self._committers, return_exceptions=True)

    @asynccontextmanager
    async def unit(self) -> AsyncIterator[Unit]:
        """A transaction to collect in; written, committed and handed to the relay when the block ends well."""
        async with self.engine.begin() as connection:
            unit = Unit(connection, self.producer, self.time.now(), self.lease())
            unit.trace = new_trace()
            yield unit
            await self._settle(unit)
            await unit.flush()
        if unit.touches:
            self.changes += 1
            self._changed.set()
            self._changed = asyncio.Event()
        if self._hand_over:
            self._hand_over(unit.outgoing)

    async def next_change(self, within: float) -> None:
        """Wait until this process commits something, at most so many seconds."""
        try:
            async with asyncio.timeout(within):
                await self._changed.wait()
        except TimeoutError:
            return

    async def run(self, works: Sequence[Work]) -> list[Any]:
        """Do all of `works` in one transaction. Returns per piece its result or its exception, in order.

        Raises only when the database is out of reach.
        """
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return await self._together(works)
            except Exception as error:
                if is_outage(error):
                    raise
                if is_transient(error) and attempt < _ATTEMPTS:
                    continue
                if len(works) > 1:
                    log.info("group.split", size=len(works), error=str(error)[:300])
                    return [(await self.run([work]))[0] for work in works]
                return [await self._failed(works[0], error)]
        raise AssertionError("unreachable")

    async def _failed(self, work: Work, error: Exception) -> Exception:
        """Why a piece could not be done that took its transaction with it: noted in a transaction of its own."""
        cause = error.__cause__ if isinstance(error, Spoilt) else error
        assert isinstance(cause, Exception)
        if work.deed is not None:
            try:
                async with self.unit() as unit:
                    unit.trace = work.trace
                    _refused(unit, work, cause)
            except Exception as failure:
                if not is_passing(failure):
                    raise
                said = repr(failure)[:200]
                log.warning("audit.not_written", action=work.deed.action, actor=work.deed.actor, error=said)
        return cause

    async def _together(self, works: Sequence[Work]) -> list[Any]:
        """INVARIANT: a batch sees the rows of those who asked for its pieces and no others."""
        with reaching(reach_of(work.reach for work in works)):
            return await self._within_reach(works)

    async def _within_reach(self, works: Sequence[Work]) -> list[Any]:
        async with self.unit() as unit:
            await unit.lock(lock for work in works for lock in work.locks())
            unit.now = self.time.now()
            seen = await self._seen(unit, works)
            answers = await self._answered(unit, works)
            fresh = [
                work
                for work in works
                if not (work.event and work.event.id in seen)
                and not (work.idempotency and work.idempotency.identity in answers)
            ]
            await self._lock_photos(unit, fresh)
            await self._load(unit, fresh)
            return [self._one(unit, work, seen, answers) for work in works]

    def _one(
        self, unit: Unit, work: Work, seen: dict[UUID, bytes], answers: dict[tuple[str, str], tuple[str, Answer]]
    ) -> Any:
        if work.event is not None and work.event.id in seen:
            self._compare(work.event, seen[work.event.id])
            return None
        unit.cause, unit.trace = work.event, work.trace
        if work.idempotency is not None and work.idempotency.identity in answers:
            digest, answer = answers[work.idempotency.identity]
            return answer if digest == work.idempotency.digest else _refused(unit, work, KeyReused())
        touched = unit.touches
        before = _shown(unit, work.deed)
        try:
            result = work.act(unit)
        except Exception as error:
            if unit.touches != touched:
                raise Spoilt from error
            return _refused(unit, work, error)
        if work.deed is not None:
            audit.note(unit, work.deed, "done", before, _shown(unit, work.deed))
        if work.event is not None:
            seen[work.event.id] = work.event.digest
            unit.insert(
                tables.inbox,
                event_id=work.event.id,
                digest=work.event.digest,
                receipt_id=unit.receipt_for(work.event.id),
                seen_at=wall_now(),
            )
        if work.idempotency is not None:
            self._keep_answer(unit, work.idempotency, result, answers)
        return result

    @staticmethod
    def _keep_answer(
        unit: Unit, request: Idempotency, answer: Answer, answers: dict[tuple[str, str], tuple[str, Answer]]
    ) -> None:
        answers[request.identity] = (request.digest, Answer(answer.status, answer.body, replayed=True))
        unit.insert(
            tables.idempotency,
            caller=request.caller,
            key=request.key,
            digest=request.digest,
            status=answer.status,
            body=answer.body,
            created_at=wall_now(),
        )

    async def _lock_photos(self, unit: Unit, works: Sequence[Work]) -> None:
        """After the subjects' locks and in one order, so nobody deadlocks."""
        ids = {photo_id for work in works for photo_id in work.photos}
        if ids:
            p = tables.photo
            query = select(p).where(among(p.c.photo_id, ids), p.c.deleted_at.is_(None))
            rows = await unit.connection.execute(query.order_by(p.c.photo_id).with_for_update())
            unit.photos = {row.photo_id: row for row in rows}

    def _compare(self, event: Event[EventData], first: bytes) -> None:
        """Two events with one id: the first counts, and somebody must look at whoever said the second."""
        if first and event.digest and first != event.digest:
            self.ids_reused += 1
            log.error("event.id_reused", event_id=str(event.id), key=event.key, sender=event.sender)

    async def _seen(self, unit: Unit, works: Sequence[Work]) -> dict[UUID, bytes]:
        """Events handled before, with their digests. Every event ends the wait for its receipt; a seen one gets its own
        receipt again."""
        events = [work.event for work in works if work.event is not None]
        if not events:
            return {}
        t = tables.inbox.c
        query = select(t.event_id, t.digest).where(among(t.event_id, [event.id for event in events]))
        found = await unit.connection.execute(query)
        seen = {row.event_id: row.digest or b"" for row in found}
        unit.receipts.extend((event.causation_id, event.producer) for event in events if event.causation_id)
        unit.repeated.extend(sorted(seen))
        return seen

    async def answered(self, asked: Idempotency) -> bool:
        """Whether this key has an answer already."""
        async with self.engine.connect() as connection:
            return bool(await stored_answers(connection, [asked]))

    async def _answered(self, unit: Unit, works: Sequence[Work]) -> dict[tuple[str, str], tuple[str, Answer]]:
        requests = [work.idempotency for work in works if work.idempotency is not None]
        return await stored_answers(unit.connection, requests) if requests else {}

    async def _settle(self, unit: Unit) -> None:
        for row in await self.outbox.settle(unit.connection, unit.receipts):
            self._tell_delivery(unit, "delivery_recovered", row)
        if unit.repeated:
            await self.outbox.send_receipts_again(unit.connection, unit.repeated)

    async def report_stuck(self) -> None:
        """Tell operations about events whose receipt has been missing for too long, each once."""
        async with self.unit() as unit:
            for row in await self.outbox.mark_stuck(unit.connection):
                log.warning("outbox.stuck", event_id=str(row.event_id), key=row.key, receiver=row.receiver)
                self._tell_delivery(unit, "delivery_stuck", row)

    def _tell_delivery(self, unit: Unit, what: str, row: Any) -> None:
        model = TYPES[f"{self.producer.split('.')[0]}.{what}.v1"]
        unit.cause, unit.trace = None, new_trace()
        whistle = _uuid_or_none(row.subject)
        unit.emit(
            model.model_validate(
                {
                    "event_id": row.event_id,
                    "event_type": row.key,
                    "whistle_id": whistle,
                    "receiver": row.receiver,
                    "sent_at": row.since,
                }
            ),
            row.subject,
        )


def _refused(unit: Unit, work: Work, error: Exception) -> Exception:
    """The error, noted down if somebody asked. What nobody foresaw is named by its kind only: it may quote anything."""
    if work.deed is not None:
        foreseen = isinstance(error, (DomainError, KeyReused))
        reason = str(error) if foreseen else type(error).__name__
        audit.note(unit, work.deed, "refused" if foreseen else "failed", after={"reason": reason})
    return error


def _shown(unit: Unit, deed: audit.Deed | None) -> audit.Shown | None:
    return deed.shows(unit) if deed is not None and deed.shows is not None else None


def _uuid_or_none(subject: str) -> UUID | None:
    try:
        return UUID(subject)
    except ValueError:
        return None
