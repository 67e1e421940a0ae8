"""The live part of the dashboard: one reading and one rendering for everybody who sees the same, and their streams.

INVARIANT: a panel is rendered once per language and scope however many people look, and sent to each at most once a
second and only when it has changed.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from random import randint
from time import monotonic
from typing import Any

import orjson
import structlog

from whistle_escalation import queries
from whistle_escalation.pages import panels
from whistle_escalation.pages.words import Words, iso, midnight
from whistle_shared.auth import Caller
from whistle_shared.db import is_passing
from whistle_shared.runtime import Service
from whistle_shared.web import Language, Templates

log = structlog.get_logger(__name__)
BEAT = 15.0
EVERY = 1.0
# Looking may take this part of the time at most: a large district is looked at less often.
_SHARE = 0.1
# What no event tells (a calendar takes a provisional mark away) is found by reading anyway.
_ANYWAY = 10.0
# A page that is further behind than this is asked to load itself again.
KEPT = 20_000


@dataclass(frozen=True, slots=True)
class Frame:
    """All panels as HTML. `mark`: the position of the event log and the registry's version that they show;
    `as_of`: business time at which they were true."""

    mark: tuple[int, int]
    as_of: datetime
    panels: dict[str, str]
    read_at: float

    @property
    def position(self) -> int:
        return self.mark[0]


@dataclass
class Channel:
    """What all viewers of one language and one scope share. `changes`: panel → how often it has changed."""

    language: Language
    caller: Caller
    viewers: int = 0
    frame: Frame | None = None
    changes: dict[str, int] = field(default_factory=dict)
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)


class Live:
    """The channels of one service; there are never more than scopes × languages. `run` is its background duty."""

    def __init__(self, service: Service, templates: Templates) -> None:
        self._service = service
        self._templates = templates
        self._channels: dict[tuple[str, str, str, str | None], Channel] = {}
        self._tick = asyncio.Event()

    def channel(self, language: Language, caller: Caller) -> Channel:
        """The channel for this viewer: people of one scope (and of one grid, if they have no more) share one."""
        whose = "" if caller.scope == "*" else "street" if caller.of_street else "department"
        return self._channels.setdefault((language, whose, caller.scope, caller.grid), Channel(language, caller))

    async def frame(self, channel: Channel) -> Frame:
        """The channel's panels, read again unless that was less than a second ago."""
        async with channel.reading:
            if channel.frame is None or monotonic() - channel.frame.read_at >= EVERY:
                channel.frame = await self._read(channel)
            return channel.frame

    async def _read(self, channel: Channel) -> Frame:
        now = self._service.time.now()
        registry = self._service.replica.registry
        scene = await queries.scene(self._service.engine, channel.caller, midnight(now))
        words = Words(channel.language, self._templates.texts[channel.language], registry)
        before = channel.frame.panels if channel.frame else {}
        html: dict[str, str] = {}
        for name, contents in panels.contents(words, scene, now).items():
            html[name] = self._templates.render(channel.language, f"_{name}.html", **contents)
            if html[name] != before.get(name):
                channel.changes[name] = channel.changes.get(name, 0) + 1
        return Frame((scene.position, registry.version if registry else 0), now, html, monotonic())

    # -- the duty

    async def run(self) -> None:
        """While anybody is watching, look for something new once a second, and read again what has changed."""
        while True:
            began = monotonic()
            try:
                await self._look([channel for channel in self._channels.values() if channel.viewers])
            except Exception as error:
                # Clocks must not stop because a panel cannot be drawn.
                log.warning("dashboard.stale", exc_info=None if is_passing(error) else error, error=str(error)[:200])
            self._tick.set()
            self._tick = asyncio.Event()
            await asyncio.sleep(max(EVERY, (monotonic() - began) / _SHARE))

    async def _look(self, watched: Iterable[Channel]) -> None:
        mark: tuple[int, int] | None = None
        for channel in watched:
            mark = mark or await self._mark()
            frame = channel.frame
            if frame is None or frame.mark != mark or monotonic() - frame.read_at > _ANYWAY:
                await self.frame(channel)
            else:
                channel.frame = replace(frame, as_of=self._service.time.now())

    async def _mark(self) -> tuple[int, int]:
        registry = self._service.replica.registry
        return await queries.position(self._service.engine), registry.version if registry else 0

    # -- the streams

    async def stream(
        self, channel: Channel, after: str | None, still_welcome: Callable[[], Awaitable[bool]]
    ) -> AsyncIterator[bytes]:
        """Server-sent events for one viewer, until the service stops or the viewer is no longer welcome.

        `after` is the position that the viewer's page shows. `hello` comes first; `beat` every BEAT seconds and with
        every push; messages without a name carry panels, and the position as their id; `resync` asks for a new page.
        """
        channel.viewers += 1
        try:
            frame = await self.frame(channel)
            yield f"retry: {randint(1000, 4000)}\n\n".encode()
            yield _message("hello", self._time(frame) | {"build": self._templates.build})
            if not _follows(after, frame.position):
                yield _message("resync", {})
            seen = dict(channel.changes) if after == str(frame.position) else {}
            async for message in self._news(channel, seen, still_welcome):
                yield message
        finally:
            channel.viewers -= 1

    async def _news(
        self, channel: Channel, seen: dict[str, int], still_welcome: Callable[[], Awaitable[bool]]
    ) -> AsyncIterator[bytes]:
        last = monotonic()
        while not self._service.stopping:
            fresh = [name for name, count in channel.changes.items() if count != seen.get(name)]
            if fresh or monotonic() - last >= BEAT:
                if not await still_welcome():
                    return
                assert channel.frame is not None
                seen, last = dict(channel.changes), monotonic()
                yield _message("beat", self._time(channel.frame)) + _pushed(channel.frame, fresh)
            await self._next_tick()

    async def _next_tick(self) -> None:
        try:
            async with asyncio.timeout(EVERY):
                await self._tick.wait()
        except TimeoutError:
            return

    def _time(self, frame: Frame) -> dict[str, Any]:
        """EVENTS.md R3: what a page needs to tell the business time by itself."""
        until = self._service.settings.time_until
        return {
            "now": iso(self._service.time.now()),
            "rate": self._service.time.rate,
            "until": iso(until) if until else None,
            "as_of": iso(frame.as_of),
        }


def _message(event: str, data: dict[str, Any]) -> bytes:
    return b"event: " + event.encode() + b"\ndata: " + orjson.dumps(data) + b"\n\n"


def _pushed(frame: Frame, names: Iterable[str]) -> bytes:
    html = {name: frame.panels[name] for name in names}
    return f"id: {frame.position}\ndata: ".encode() + orjson.dumps(html) + b"\n\n" if html else b""


def _follows(after: str | None, position: int) -> bool:
    """Whether a page that shows `after` can be brought up to date by what follows."""
    if after is None:
        return True
    return after.isascii() and after.isdigit() and len(after) < 19 and position - KEPT <= int(after) <= position
