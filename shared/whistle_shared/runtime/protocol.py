"""HTTP on the wire: uvicorn's protocol with the limits of time and size that it has not.

INVARIANT: a connection costs us a bounded time and a bounded memory, whatever it sends or fails to read.
"""

import asyncio
from dataclasses import dataclass
from time import monotonic
from typing import Any, cast

import structlog
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from whistle_shared.web import missing, problem

log = structlog.get_logger(__name__)
_TEXTS = {
    400: ("Malformed request", "this is no request in HTTP/1.1"),
    408: ("Malformed request", "the head of the request did not come in time"),
    414: ("Malformed request", "the address is too long"),
    431: ("Malformed request", "the head of the request is too large"),
}


class _Refused(Exception):
    """Raised inside the parser; uvicorn then calls `send_400_response`."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one connection may take: seconds, bytes, counts.

    `head_seconds`: for the head of a request; `linger_seconds`: for the rest of a body whose request is answered
    already; `stall_seconds`: without reading any of an answer. `queued`: requests sent ahead on one connection;
    `connections`: of the process. uvicorn ends connections that rest for its own keep-alive time.
    """

    head_seconds: float = 10.0
    linger_seconds: float = 5.0
    stall_seconds: float = 30.0
    url: int = 8 * 1024
    head: int = 32 * 1024
    fields: int = 64
    queued: int = 16
    connections: int = 500


class GuardedProtocol(HttpToolsProtocol):
    """One connection."""

    def __init__(self, *, bounds: Bounds, **given: Any) -> None:
        super().__init__(**given)
        self._bounds = bounds

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self.began = monotonic()
        self._in_head = self._in_message = False
        self._loose = 0
        self._status = 400
        self._set("head", self._bounds.head_seconds, self._head_is_late)
        if len(self.connections) > self._bounds.connections:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        for name in list(self._timers):
            self._unset(name)
        super().connection_lost(exc)

    def _make_room(self) -> None:
        """The connection that has longest had no request at work goes; this one, if all have."""
        resting = (c for c in self.connections if isinstance(c, GuardedProtocol) and c.is_at_rest)
        oldest = min(resting, key=lambda c: c.began, default=self)
        log.warning("http.connections_full", most=self._bounds.connections)
        oldest.transport.close()
        self.connections.discard(oldest)

    @property
    def is_at_rest(self) -> bool:
        """Whether no request of this connection is at work."""
        cycle = cast(RequestResponseCycle | None, self.cycle)
        return cycle is None or cycle.response_complete

    # -- what comes in

    def data_received(self, data: bytes) -> None:
        # What the parser has told nothing of yet: it tells of a field when it is complete, and keeps it until then.
        self._loose += len(data)
        super().data_received(data)
        if self._loose > 2 * self._bounds.head and not self.transport.is_closing():
            self._refuse(431)

    def on_message_begin(self) -> None:
        self._in_head = self._in_message = True
        self._loose = self._head = self._fields = 0
        self._status = 400
        self.began = monotonic()
        self._set("head", self._bounds.head_seconds, self._head_is_late)
        if len(self.pipeline) >= self._bounds.queued:
            raise _Refused
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > self._bounds.url:
            self._status = 414
            raise _Refused

    def on_header(self, name: bytes, value: bytes) -> None:
        self._loose = 0
        if not self._in_head:
            return  # the trailer of a chunked body: nobody asked for it
        self._head += len(name) + len(value)
        self._fields += 1
        if self._head > self._bounds.head or self._fields > self._bounds.fields:
            self._status = 431
            raise _Refused
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._unset("head")
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._loose = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._loose = 0
        self._in_message = False
        self._unset("linger")
        super().on_message_complete()

    # -- what goes out

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._in_message and not self._in_head and self.is_at_rest:
            self._set("linger", self._bounds.linger_seconds, self.transport.close)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._set("stall", self._bounds.stall_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._unset("stall")

    def send_400_response(self, msg: str) -> None:
        """uvicorn calls this for whatever its parser refuses."""
        self._refuse(self._status)

    def _head_is_late(self) -> None:
        if not self.is_at_rest:
            self._set("head", self._bounds.head_seconds, self._head_is_late)
        elif self._in_head:
            self._refuse(408)
        else:
            self.transport.close()

    def _refuse(self, status: int) -> None:
        """Answer for a request that never became one, and hang up; nothing, while another answer is under way."""
        if self.is_at_rest and not self.transport.is_closing():
            answer = problem(status, *_TEXTS[status])
            start = {"headers": [*answer.raw_headers, (b"connection", b"close")]}
            lines = [b": ".join(field) for field in (*start["headers"], *missing(start, self.scheme == "https"))]
            self.transport.write(STATUS_LINE[status] + b"\r\n".join(lines) + b"\r\n\r\n" + bytes(answer.body))
        self.transport.close()

    # -- timers

    def _set(self, name: str, seconds: float, act: Any) -> None:
        self._unset(name)
        self._timers[name] = self.loop.call_later(seconds, act)

    def _unset(self, name: str) -> None:
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.cancel()
