"""One service: its database, its two broker connections, its application, its background duties."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Annotated, Any
from uuid import UUID

import structlog
from fastapi import Depends, FastAPI, Request
from prometheus_client import CollectorRegistry
from sqlalchemy import text

from whistle_shared.auth import Caller, Right, Session, Tokens, Unauthenticated, find_session, renew_session
from whistle_shared.contracts import Event, EventData
from whistle_shared.db import Deed, Group, Outbox, Work, is_outage, is_passing, make_engine
from whistle_shared.db.audit import Shown
from whistle_shared.db.group import Load
from whistle_shared.db.unit import Unit
from whistle_shared.keyring import Keyring
from whistle_shared.messaging import Consumer, Handler, Publisher, Relay
from whistle_shared.observability import Gauge, Trace, metrics_text, new_trace
from whistle_shared.replica import Replica
from whistle_shared.runtime.settings import Settings
from whistle_shared.timesource import AffineTime, TimeSource
from whistle_shared.web import make_app

log = structlog.get_logger(__name__)
_PATIENCE = 5.0
# Secrets and personal fields: the audit keeps neither.
_NOT_KEPT = frozenset({"password", "token", "code", "contact"})


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
        shows: Callable[..., Shown | None] | None = None,
    ) -> None:
        """`shows(unit, whistle=…)`: what a loaded whistle looks like, for the audit's before and after."""
        self.name = name
        self.shows = shows
        self.keyring = Keyring.of(settings.keys_file)
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
        """Carry out a command of an HTTP request in the next transaction, and note who asked; `about` is for `Work`."""
        whistle: UUID | None = about.get("whistle")
        shows = None if whistle is None or self.shows is None else partial(self.shows, whistle=whistle)
        deed = deed_of(request, str(whistle) if whistle else None, shows)
        return await self.group.do(Work(act=act, trace=trace_of(request), deed=deed, **about))


def trace_of(request: Request) -> Trace:
    """The trace the caller began, or a new one."""
    return new_trace(request.headers.get("traceparent"))


def deed_of(request: Request, subject: str | None, shows: Callable[[Unit], Shown | None] | None = None) -> Deed:
    """What a request asks for, for the audit: the route's name, its path and its body, without what is nobody's."""
    caller: Caller | None = getattr(request.state, "caller", None)
    route = request.scope.get("route")
    body = getattr(request, "parsed", None)
    asked = {**request.path_params, **(body if isinstance(body, dict) else {})}
    return Deed(
        actor=caller.actor if caller else "nobody",
        name=caller.name if caller else "",
        role=caller.role if caller else None,
        scope=caller.scope if caller else None,
        action=getattr(route, "name", request.url.path),
        subject=subject,
        address=request.client.host if request.client else "",
        asked={name: value for name, value in asked.items() if name not in _NOT_KEPT},
        shows=shows,
    )


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
    request.state.caller = caller = await service.tokens.caller(token.strip())
    return caller


CurrentCaller = Annotated[Caller, Depends(current_caller)]


def may(right: Right) -> Any:
    """For a route's signature, `Annotated[Caller, may("whistle.blow")]`: whoever calls, if their role has this right.

    Decided before the body is looked at. Raises Unauthenticated and Forbidden.
    """

    async def allowed(caller: CurrentCaller) -> Caller:
        caller.needs(right)
        return caller

    return Depends(allowed)


def session_cookie(service: Service, request: Request) -> str:
    """The name of the cookie that carries a session of this service's. Browsers keep `__Host-` to this very host and
    to TLS; the services of one host share its cookies whatever their ports, hence a name for each."""
    plain = f"whistle-{service.name.replace('.', '-')}"
    return f"__Host-{plain}" if request.url.scheme == "https" else plain


async def find_session_of(request: Request, service: Service) -> Session | None:
    """The live session behind this request's cookie, or None."""
    secret = request.cookies.get(session_cookie(service, request))
    if not secret:
        return None
    async with service.engine.connect() as connection:
        return await find_session(connection, secret)


async def signed_in(request: Request, service: Here) -> Session | None:
    """As `find_session_of`; a session in use is renewed."""
    session = await find_session_of(request, service)
    if session is not None and session.ageing:
        async with service.group.unit() as unit:
            await renew_session(unit, request.cookies[session_cookie(service, request)])
    return session


SignedIn = Annotated[Session | None, Depends(signed_in)]
