"""One service: its database, its two broker connections, its application, its background duties."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Annotated, Any

import structlog
from fastapi import Depends, FastAPI, Request
from prometheus_client import CollectorRegistry
from sqlalchemy import text

from whistle_shared.auth import Caller, Tokens, Unauthenticated
from whistle_shared.contracts import Event, EventData
from whistle_shared.db import Group, Outbox, Work, is_outage, is_passing, make_engine
from whistle_shared.db.group import Load
from whistle_shared.db.unit import Unit
from whistle_shared.messaging import Consumer, Handler, Publisher, Relay
from whistle_shared.observability import Gauge, Trace, metrics_text, new_trace
from whistle_shared.replica import Replica
from whistle_shared.runtime.settings import Settings
from whistle_shared.timesource import AffineTime, TimeSource
from whistle_shared.web import make_app

log = structlog.get_logger(__name__)
_PATIENCE = 5.0


def make_time(settings: Settings) -> TimeSource:
    """The time source the settings describe."""
    return AffineTime(settings.time_anchor_business, settings.time_anchor_wall, settings.time_rate, settings.time_until)


class Service:
    """What `build` of every service returns. `name` is the producer name, the broker user and the log name."""

    def __init__(
        self,
        name: str,
        about: str,
        settings: Settings,
        time: TimeSource,
        *,
        load: Load,
        handlers: dict[type[EventData], Handler],
        admits: Callable[[Event[EventData]], str | None] | None = None,
    ) -> None:
        self.name = name
        self.settings = settings
        self.time = time
        self.engine = make_engine(settings.database_url, pool_size=settings.pool_size, name=name)
        self.replica = Replica()
        self.tokens = Tokens(self.engine)
        self.publisher = Publisher(settings.amqp_url, name)
        self.relay = Relay(self.publisher, name)
        self.group = Group(self.engine, name, time, load, Outbox(), self.relay.hand_over, self.relay.lease)
        extra: dict[str, Any] = {} if admits is None else {"admits": admits}
        self.consumer = Consumer(
            settings.amqp_url,
            name,
            self.group,
            self.publisher,
            time,
            handlers,
            settling=2.5 * settings.grace_seconds,
            **extra,
        )
        self.duties: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {
            "publisher": self.publisher.run,
            "relay": lambda: self.relay.run(self.group),
            "consumer": self._hear,
            "replica": lambda: self.replica.follow(self.engine),
        }
        self.ready_checks: list[Callable[[], Awaitable[str | None]]] = [self._database_answers]
        self.metrics = CollectorRegistry()
        self._pending = Gauge("whistle_outbox_pending", "Confirmations outstanding", registry=self.metrics)
        self._due_stuck = Gauge("whistle_outbox_stuck", "Receipts missing for too long", registry=self.metrics)
        self.stopping = False
        self.failed = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self.app: FastAPI = make_app(f"Whistle · {name}", about, self.ready, self._metrics_text)
        self.app.state.service = self

    async def _hear(self) -> None:
        """Hear nothing before the stored registry has been looked at: what is judged by it would be put off."""
        await self.replica.looked.wait()
        await self.consumer.run()

    async def start(self) -> None:
        """Begin the background duties. One that ends ends the process (`failed`): a supervisor starts it again."""
        for name, duty in self.duties.items():
            task = asyncio.create_task(duty(), name=f"{self.name}:{name}")
            task.add_done_callback(self._duty_ended)
            self._tasks.append(task)

    def _duty_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and not self.stopping:
            log.error("duty.ended", duty=task.get_name(), exc_info=task.exception())
            self.failed.set()

    async def stop(self) -> None:
        """Finish what is being committed, hand over what is committed, then let go."""
        self.stopping = True
        try:
            await asyncio.wait_for(self._finish(), _PATIENCE)
        except Exception as error:
            if not is_passing(error):
                raise
            log.info("service.leaves_the_rest_to_its_tables", error=repr(error)[:200])
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.engine.dispose()

    async def _finish(self) -> None:
        await self.consumer.stop()
        await self.group.settled()
        await self.relay.drained()
        async with self.group.unit():
            pass  # takes in the last confirms, or their events would be sent once more

    async def ready(self) -> str | None:
        """What keeps this service from doing its job, or None. Never the broker: the outbox waits for that."""
        if self.stopping:
            return "the service is stopping"
        for check in self.ready_checks:
            missing = await check()
            if missing is not None:
                return missing
        return None

    async def _database_answers(self) -> str | None:
        try:
            async with self.engine.connect() as connection:
                await connection.execute(text("select 1 from outbox limit 1"))
        except Exception as error:  # noqa: BLE001 - the probe's answer says it
            return "the database cannot be reached" if is_outage(error) else f"the schema is not there: {error}"[:200]
        return None

    async def _metrics_text(self) -> bytes:
        async with self.engine.connect() as connection:
            counted = await connection.execute(text("select count(*), count(*) filter (where stuck) from outbox_due"))
            pending, stuck = counted.one()
        self._pending.set(pending)
        self._due_stuck.set(stuck)
        return metrics_text(self.metrics)

    async def command(self, act: Callable[[Unit], Any], request: Request, **about: Any) -> Any:
        """Carry out a command of an HTTP request in the next transaction; `about` is for `Work`."""
        return await self.group.do(Work(act=act, trace=trace_of(request), **about))


def trace_of(request: Request) -> Trace:
    """The trace the caller began, or a new one."""
    return new_trace(request.headers.get("traceparent"))


async def service_of(request: Request) -> Service:
    """The service whose application is answering. A coroutine, for FastAPI runs a plain function in a thread."""
    service: Service = request.app.state.service
    return service


Here = Annotated[Service, Depends(service_of)]


async def current_caller(request: Request, service: Here) -> Caller:
    """The holder of the request's bearer token. Raises Unauthenticated."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise Unauthenticated("a bearer token is required")
    return await service.tokens.caller(token.strip())


CurrentCaller = Annotated[Caller, Depends(current_caller)]
