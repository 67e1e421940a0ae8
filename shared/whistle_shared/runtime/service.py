"""One service: its database, its two broker connections, its application, its background duties."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from functools import partial
from typing import Annotated, Any
from uuid import UUID

import structlog
from fastapi import Depends, FastAPI, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy import text

from whistle_shared.audit import Chainer, Refusals
from whistle_shared.auth import (
    Caller,
    Forbidden,
    Right,
    Session,
    Tokens,
    Unauthenticated,
    find_session,
    renew_session,
)
from whistle_shared.contracts import Event, EventData
from whistle_shared.db import Deed, Group, KeyReused, Outbox, Work, is_outage, is_passing, make_engine, reach_as, wall
from whistle_shared.db.audit import Shown
from whistle_shared.db.group import Load
from whistle_shared.db.unit import Unit
from whistle_shared.errors import DomainError, NotFound
from whistle_shared.keyring import Keyring
from whistle_shared.messaging import Consumer, Handler, Publisher, Relay
from whistle_shared.observability import Trace, new_trace
from whistle_shared.outgoing import Allowed, GuardedTransport, trust_of
from whistle_shared.privacy import Vault, masked_values
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
        what does not exist for them, or asks too much. Comes back within a second, whatever the database does; at once
        for a look at what is not there, which was to change nothing."""
        if getattr(request.state, "noted", False) or not self._is_refusal(request, error):
            return
        request.state.noted = True
        await self.refusals.add(
            deed_of(request, None),
            str(error),
            trace_of(request),
            address=address_of(request.scope),
            once=isinstance(error, TooMany),
            waits=request.method != "GET" or not isinstance(error, NotFound),
        )

    def _is_refusal(self, request: Request, error: Exception) -> bool:
        match error:
            case Unauthenticated():
                return "authorization" in request.headers or session_cookie(self, request) in request.cookies
            case NotFound():
                return hasattr(request.state, "caller") and request.url.path.startswith("/api/v1/")
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
        address=request.client.host if request.client else "",
        asked={name: masked_values(value) for name, value in asked.items()},
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


async def current_caller(request: Request, service: Here) -> Caller:
    """The holder of the request's bearer token. Raises Unauthenticated, and TooMany when they have spent a budget."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise Unauthenticated("a bearer token is required")
    address = request.client.host if request.client else ""
    request.state.caller = caller = await service.tokens.caller(token.strip(), address)
    reach_as(caller.scope)
    service.limits.spend_of_caller(request.scope, caller.actor, getattr(request, "parsed", None))
    return caller


_BEARER = HTTPBearer(auto_error=False, scheme_name="token", description="A token made by `whistlectl token create`")


async def _described_caller(
    request: Request, service: Here, token: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)]
) -> Caller:
    """As `current_caller`; the OpenAPI then says that a token is needed."""
    return await current_caller(request, service)


CurrentCaller = Annotated[Caller, Depends(_described_caller)]


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
        session = await find_session(connection, secret)
    if session is not None:
        reach_as(session.caller.scope)
    return session


async def signed_in(request: Request, service: Here) -> Session | None:
    """As `find_session_of`; a session in use is renewed. Raises TooMany when its account has spent a budget."""
    session = await find_session_of(request, service)
    if session is not None:
        service.limits.spend_of_caller(request.scope, session.caller.actor, None)
    if session is not None and session.ageing:
        async with service.group.unit() as unit:
            await renew_session(unit, request.cookies[session_cookie(service, request)])
    return session


SignedIn = Annotated[Session | None, Depends(signed_in)]
