"""One service: its database, its two broker connections, its application, its background duties."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from functools import partial
from typing import Annotated, Any
from uuid import UUID

import structlog
from fastapi import Depends, FastAPI, Request
from sqlalchemy import text

from whistle_shared.audit import Chainer, Refusals
from whistle_shared.auth import (
    Caller,
    Forbidden,
    Tokens,
    Unauthenticated,
)
from whistle_shared.contracts import Event, EventData
from whistle_shared.db import (
    Deed,
    Group,
    KeyReused,
    Outbox,
    Work,
    is_outage,
    is_passing,
    keep_forgetting,
    make_engine,
    wall,
)
from whistle_shared.db.audit import Shown
from whistle_shared.db.group import Load
from whistle_shared.db.unit import Unit
from whistle_shared.errors import DomainError, Invalid, NotFound
from whistle_shared.keyring import Keyring
from whistle_shared.messaging import Consumer, Handler, Publisher, Relay
from whistle_shared.observability import Trace, new_trace
from whistle_shared.outgoing import Allowed, GuardedTransport, trust_of
from whistle_shared.privacy import Vault
from whistle_shared.replica import Replica
from whistle_shared.runtime.meters import Meters
from whistle_shared.runtime.reach import Unreached, as_the_system
from whistle_shared.runtime.settings import Settings
from whistle_shared.timesource import AffineTime, TimeSource
from whistle_shared.web import Limits, Slots, TooMany, address_of, make_app

log = structlog.get_logger(__name__)
_PATIENCE = 5.0
_FOR_COMMANDS = 4


def _guarded(settings: Settings) -> GuardedTransport:
    believed = None if settings.outgoing_authorities is None else trust_of(settings.outgoing_authorities)
    return GuardedTransport(Allowed.of(settings.outgoing_allowed), trust=believed)


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
        walled: bool = False,
    ) -> None:
        """`shows(unit, subject=…)`: what a loaded whistle (report, precedent) looks like, for the audit. `walled`: the
        tables have policies, so that a caller's transactions see the rows of their scope only."""
        self.name = name
        self.shows = shows
        self.keyring = Keyring.of(settings.keys_file)
        self.vault = Vault(settings.vault_url, self.keyring)
        self.settings = settings
        self.outgoing = _guarded(settings)
        self.time = time
        # Readers may be many and slow: commands, events and whoever knocks have connections of their own.
        self.engine = make_engine(settings.database_url, pool_size=settings.pool_size, name=name)
        self.command_engine = make_engine(settings.database_url, pool_size=_FOR_COMMANDS, name=name)
        if walled:
            wall(self.engine)
            wall(self.command_engine)
        self.replica = Replica()
        self.tokens = Tokens(self.command_engine)
        self.publisher = Publisher(settings.amqp_url, name)
        self.relay = Relay(self.publisher, name)
        self.group = Group(self.command_engine, name, time, load, Outbox(), self.relay.hand_over, self.relay.lease)
        self.refusals = Refusals(self.group)
        self.consumer = self._consumer(handlers, {} if admits is None else {"admits": admits})
        self.duties = self._own_duties()
        self.ready_checks: list[Callable[[], Awaitable[str | None]]] = [self._database_answers]
        self.meters = Meters(self.engine, self.group)
        self.stopping = False
        self.failed = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self.limits = Limits(settings.limits, self.meters.turned_away)
        self.slots = Slots(settings.limit_requests, settings.limit_reserve, settings.limit_connections // 2)
        self.app = self._application(about)

    def _consumer(self, handlers: dict[type[EventData], Handler], more: dict[str, Any]) -> Consumer:
        settings = self.settings
        place = (settings.amqp_url, self.name, self.group, self.publisher, self.time)
        return Consumer(*place, handlers, settling=2.5 * settings.grace_seconds, **more)

    def _own_duties(self) -> dict[str, Callable[[], Coroutine[Any, Any, None]]]:
        return {
            "publisher": self.publisher.run,
            "relay": lambda: self.relay.run(self.group),
            "consumer": self._hear,
            "replica": lambda: self.replica.follow(self.engine),
            "audit": Chainer(self.engine, self.name, self.keyring).run,
            "refusals": self.refusals.run,
            "tokens": lambda: self.tokens.keep_uses(self.group),
            "idempotency": lambda: keep_forgetting(self.engine),
        }

    def _application(self, about: str) -> FastAPI:
        app = make_app(
            f"Whistle · {self.name}",
            about,
            self.ready,
            self.meters.text,
            self.limits,
            self.slots,
            self.settings.metrics_token.get_secret_value(),
        )
        app.state.service = self
        app.add_middleware(Unreached)
        return app

    async def _hear(self) -> None:
        """Hear nothing before the stored registry has been looked at: what is judged by it would be put off."""
        await self.replica.looked.wait()
        await self.consumer.run()

    async def start(self) -> None:
        """Begin the background duties. One that ends ends the process (`failed`): a supervisor starts it again."""
        for name, duty in self.duties.items():
            task = asyncio.create_task(as_the_system(duty), name=f"{self.name}:{name}")
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
        await self.outgoing.aclose()
        await self.engine.dispose()
        await self.command_engine.dispose()

    async def _finish(self) -> None:
        await self.consumer.stop()
        await self.refusals.tell_counts(all_of_them=True)
        await self.refusals.settled()
        await self.group.settled()
        await self.relay.drained()
        await self.tokens.note_uses(self.group)
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
            log.warning("service.not_ready", error=repr(error)[:300])
            return "the database cannot be reached" if is_outage(error) else "the schema is not there"
        return None

    async def command(
        self, act: Callable[[Unit], Any], request: Request, *, deed: Deed | None = None, **about: Any
    ) -> Any:
        """Carry out a command of an HTTP request in the next transaction, and note who asked: by `deed`, if the request
        does not say it all; `about` is for `Work`."""
        whistle: UUID | None = about.get("whistle")
        deed = self._showing(deed or deed_of(request, str(whistle) if whistle else None))
        try:
            return await self.group.do(Work(act=act, trace=trace_of(request), deed=deed, **about))
        except (DomainError, KeyReused):
            request.state.noted = True  # the group has done that
            raise

    def _showing(self, deed: Deed) -> Deed:
        """With what the service can show of the deed's subject."""
        if deed.shows is not None or deed.subject is None or self.shows is None:
            return deed
        try:
            subject = UUID(deed.subject)
        except ValueError:
            return deed
        return replace(deed, shows=partial(self.shows, subject=subject))

    async def refused(self, request: Request, error: Exception) -> None:
        """Note whom this request's answer turns away: whoever brings a wrong credential, may not do this, asks for
        what does not exist for them or says what cannot be, or asks too much. Comes back within a second, whatever the
        database does; at once for a look, which was to change nothing, at what is not there or cannot be."""
        if getattr(request.state, "noted", False) or not self._is_refusal(request, error):
            return
        request.state.noted = True
        unfit = isinstance(error, Invalid)  # counted apart: mistyped forms must not hide what was refused
        await self.refusals.add(
            deed_of(request, None),
            str(error),
            trace_of(request),
            address=address_of(request.scope) + " 422" * unfit,
            once=unfit or isinstance(error, TooMany),
            waits=request.method != "GET" or not (unfit or isinstance(error, NotFound)),
        )

    async def knows(self, request: Request) -> bool:
        """Whether a request brings a token that is good; nothing is noted of it."""
        try:
            await self.tokens.caller(bearer_of(request), host_of(request))
        except Unauthenticated:
            return False
        return True

    def _is_refusal(self, request: Request, error: Exception) -> bool:
        match error:
            case Unauthenticated():
                return "authorization" in request.headers or session_cookie(self, request) in request.cookies
            case NotFound() | Invalid():
                return hasattr(request.state, "caller")
        return isinstance(error, (Forbidden, TooMany))


def trace_of(request: Request) -> Trace:
    """The trace the caller began, or a new one."""
    return new_trace(request.headers.get("traceparent"))


def deed_of(request: Request, subject: str | None) -> Deed:
    """What a request asks for, for the audit: the route's name, its path and its body. Without a `subject` it is what
    the path names first."""
    caller: Caller | None = getattr(request.state, "caller", None)
    body = getattr(request, "parsed", None)
    asked = {**request.path_params, **(body if isinstance(body, dict) else {})}
    return Deed(
        actor=caller.actor if caller else "nobody",
        name=caller.name if caller else "",
        role=caller.role if caller else None,
        scope=caller.scope if caller else None,
        action=action_of(request),
        subject=subject or next((str(value) for value in request.path_params.values()), None),
        address=host_of(request),
        asked=asked,
    )


def action_of(request: Request) -> str:
    """How the audit names what a request asks for: `intake.raise_whistle`, or, where no route answers, its path."""
    service: Service = request.app.state.service
    route = request.scope.get("route")
    name = f"{request.method} {request.url.path}" if route is None else route.name
    return f"{service.name.partition('.')[0]}.{name}"


async def service_of(request: Request) -> Service:
    """The service whose application is answering. A coroutine, for FastAPI runs a plain function in a thread."""
    service: Service = request.app.state.service
    return service


Here = Annotated[Service, Depends(service_of)]


def bearer_of(request: Request) -> str | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def host_of(request: Request) -> str:
    return request.client.host if request.client else ""


def session_cookie(service: Service, request: Request) -> str:
    """The name of the cookie that carries a session of this service's. Browsers keep `__Host-` to this very host and
    to TLS; the services of one host share its cookies whatever their ports, hence a name for each."""
    plain = f"whistle-{service.name.replace('.', '-')}"
    return f"__Host-{plain}" if request.url.scheme == "https" else plain
