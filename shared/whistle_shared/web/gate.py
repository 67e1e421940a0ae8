"""The gate that every request passes before anything is done for it: its address's budget, its body, a slot."""

from typing import Literal

import orjson
from fastapi import Request, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from whistle_shared.errors import Unavailable
from whistle_shared.web.body import Bodies
from whistle_shared.web.limits import Limits, Slots, TooMany, Way, address_of, has_token, is_urgent, way_of
from whistle_shared.web.problems import Malformed, note_refusal, problem, too_many

# Whoever asks for these wants to know whether the process is well, not to have work done.
_PROBES = frozenset({"/livez", "/readyz", "/metrics"})
Lane = Literal["ordinary", "urgent", "stream"]


class Gate:
    """Reads the whole body first, so that nobody holds a slot by sending slowly; turns ordinary requests away (503)
    while all their slots are taken."""

    def __init__(self, app: ASGIApp, limits: Limits, slots: Slots) -> None:
        self._app = app
        self._limits = limits
        self._slots = slots
        self._bodies = Bodies()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in _PROBES:
            await self._app(scope, receive, send)
            return
        try:
            way = way_of(scope)
            self._limits.spend_of_address(scope, way, known=await self._is_known(scope, way))
            body = await self._bodies.read(scope, receive, way.most_bytes)
        except (TooMany, Malformed, Unavailable) as refusal:
            await note_refusal(Request(scope), refusal)
            await _refusal(refusal)(scope, receive, send)
            return
        if body is not None:
            await self._admit(scope, _replayed(body, receive), send, self._lane(scope, way, body))

    async def _is_known(self, scope: Scope, way: Way) -> bool:
        """Whether a token spares the address: any does, while the address has a budget left; afterwards a good one."""
        if not way.unless_token or way.address is None or not has_token(scope):
            return False
        if not self._limits.is_spent(way.address, address_of(scope)):
            return True
        with self._slots.taken("ordinary") as free:
            return free and bool(await scope["app"].state.service.knows(Request(scope)))

    async def _admit(self, scope: Scope, receive: Receive, send: Send, lane: Lane) -> None:
        with self._slots.taken(lane) as free:
            if free:
                await self._app(scope, receive, send)
                return
        await problem(503, "Not available now", "Too much is being asked for at once; try again.")(scope, receive, send)

    def _lane(self, scope: Scope, way: Way, body: bytes) -> Lane:
        """Looks closer only when slots are scarce; an address that keeps coming with wrong tokens has no reserve."""
        if way.stream:
            return "stream"
        if way.urgent == "never" or not self._slots.is_full():
            return "ordinary"
        urgent = is_urgent(way, _json(body)) and not self._limits.is_spent("refused", address_of(scope))
        return "urgent" if urgent else "ordinary"


def _json(body: bytes) -> object:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def _replayed(body: bytes, receive: Receive) -> Receive:
    """The body in one piece; then whatever comes, which is only that the other side has gone."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


def _refusal(error: TooMany | Malformed | Unavailable) -> Response:
    if isinstance(error, TooMany):
        return too_many(error)
    if isinstance(error, Malformed):
        return problem(error.status, "Malformed request", error.reason)
    return problem(503, "Not available now", str(error))
