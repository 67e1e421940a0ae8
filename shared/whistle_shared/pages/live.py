"""Pages that keep themselves fresh: one reading and one rendering for everybody who sees the same, and their streams.

INVARIANT: a panel is rendered once per language, scope and address however many people look, and sent to each at most
once a second and only when it has changed.
INVARIANT: a reader that comes back is sent what its page does not show yet, whatever it has missed and whoever was
started anew meanwhile: an id names the contents of the panels, not a place in a log.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from math import inf
from random import randint
from time import monotonic
from typing import Any
from uuid import UUID

import orjson
import structlog
from sqlalchemy import func, select

from whistle_shared.auth import Caller, Right
from whistle_shared.db import is_passing, reaching
from whistle_shared.db.tables import outbox
from whistle_shared.errors import NotFound, Unavailable
from whistle_shared.pages.look import Language
from whistle_shared.pages.templating import Templates
from whistle_shared.pages.words import Words, iso
from whistle_shared.runtime import Service

log = structlog.get_logger(__name__)
BEAT = 15.0
EVERY = 1.0
# Looking may take this part of the time at most: a large district is looked at less often.
_SHARE = 0.4
# What no event tells (a calendar takes a provisional mark away) is found by reading anyway.
_ANYWAY = 10.0
_MOST_CHANNELS = 2_000
_FORGOTTEN_AFTER = 60.0


@dataclass(frozen=True, slots=True)
class Viewer:
    """For whom a page is drawn. `about`: the rest of its address, which the topic understands (a whistle's id, a
    filter); people whose scope, part and `about` are the same see the same. `since`: what was read then or later, for
    whomever, is new enough; seconds of the monotonic clock."""

    caller: Caller
    words: Words
    now: datetime
    about: str = ""
    since: float = inf


Panels = Mapping[str, Mapping[str, Any]]
"""Panel → what its template needs."""


def id_in(text: str) -> UUID:
    """The id in a page's address. Raises NotFound where there is none."""
    try:
        return UUID(text)
    except ValueError:
        raise NotFound(f"address {text!r}") from None


@dataclass(frozen=True, slots=True)
class Topic:
    """What a page shows. `draw` gives panel → what its template `_<panel>.html` needs beside `words`, `now` and
    `caller`; it raises NotFound where there is nothing for this viewer. `right`: who may look."""

    right: Right
    draw: Callable[[Viewer], Awaitable[Panels]]


@dataclass(frozen=True, slots=True)
class Frame:
    """All panels as HTML. `mark`: what they were drawn from; `as_of`: business time at which they were true; `digest`:
    the name of exactly these contents."""

    mark: tuple[Any, ...]
    as_of: datetime
    panels: dict[str, str]
    digest: str
    read_at: float


@dataclass
class Channel:
    """What all viewers of one topic, language, scope and address share: its `key`. `changes`: panel → how often it
    changed; `touched_at`: when somebody last came or left."""

    key: tuple[Any, ...]
    topic: Topic
    language: Language
    caller: Caller
    about: str
    viewers: int = 0
    touched_at: float = 0.0
    frame: Frame | None = None
    changes: dict[str, int] = field(default_factory=dict)
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)


class Live:
    """The live pages of one service: its `topics` by name. `run` is its background duty."""

    def __init__(self, service: Service, templates: Templates) -> None:
        self.topics: dict[str, Topic] = {}
        self._service = service
        self._templates = templates
        self._channels: dict[tuple[Any, ...], Channel] = {}
        self._tick = asyncio.Event()

    def channel(self, topic: str, language: Language, caller: Caller, about: str = "") -> Channel:
        """The channel for this viewer. Raises NotFound for a topic that this service does not have, and Unavailable
        when too many different pages are open."""
        found = self.topic(topic)
        key = (topic, language, caller.role, caller.scope, caller.part, about)
        if key not in self._channels:
            self._forget()
            if len(self._channels) >= _MOST_CHANNELS:
                raise Unavailable("too many different pages are open; try again shortly")
            self._channels[key] = Channel(key, found, language, caller, about)
        channel = self._channels[key]
        channel.touched_at = monotonic()
        return channel

    def topic(self, name: str) -> Topic:
        """Raises NotFound for one that this service does not have."""
        if name not in self.topics:
            raise NotFound(f"topic {name!r}")
        return self.topics[name]

    def _forget(self) -> None:
        """Let go of what nobody looks at any more."""
        long_ago = monotonic() - _FORGOTTEN_AFTER
        for key, channel in list(self._channels.items()):
            if not channel.viewers and channel.touched_at < long_ago:
                del self._channels[key]

    async def frame(self, channel: Channel) -> Frame:
        """The channel's panels, drawn again when something has happened since. INVARIANT: an address with nothing
        behind it takes no room."""
        try:
            since = monotonic()
            return await self._frame(channel, await self._mark(), since)
        except Exception:
            never_drawn = channel.frame is None and not channel.viewers
            if never_drawn and self._channels.get(channel.key) is channel:
                del self._channels[channel.key]
            raise

    async def _frame(self, channel: Channel, mark: tuple[Any, ...], since: float) -> Frame:
        async with channel.reading:
            frame = channel.frame
            if frame is None or frame.mark != mark or monotonic() - frame.read_at > _ANYWAY:
                channel.frame = await self._drawn(channel, mark, since)
            else:
                channel.frame = replace(frame, as_of=self._service.time.now())
            return channel.frame

    async def _drawn(self, channel: Channel, mark: tuple[Any, ...], since: float) -> Frame:
        now, texts = self._service.time.now(), self._templates.texts[channel.language]
        words = Words(channel.language, texts, self._service.replica.registry)
        with reaching(channel.caller.scope):
            drawn = await channel.topic.draw(Viewer(channel.caller, words, now, channel.about, since))
        before = channel.frame.panels if channel.frame else {}
        html: dict[str, str] = {}
        about = {"words": words, "now": now, "caller": channel.caller}
        for name, contents in drawn.items():
            html[name] = self._templates.render(channel.language, f"_{name}.html", **about, **contents)
            if html[name] != before.get(name):
                channel.changes[name] = channel.changes.get(name, 0) + 1
        digest = sha256("\0".join(f"{name}\0{text}" for name, text in html.items()).encode()).hexdigest()[:16]
        return Frame(mark, now, html, digest, monotonic())

    # -- the duty

    async def run(self) -> None:
        """While anybody is watching, draw what may have changed: at once when this process writes, within a second when
        another one does, and not more often than once a second."""
        while True:
            began, changes, drew = monotonic(), self._service.group.changes, True
            try:
                drew = await self._look([channel for channel in self._channels.values() if channel.viewers])
            except Exception as error:
                # Clocks must not stop because a panel cannot be drawn.
                log.warning("page.stale", exc_info=None if is_passing(error) else error, error=str(error)[:200])
            await asyncio.sleep(max(EVERY if drew else 0, (monotonic() - began) / _SHARE))
            if self._service.group.changes == changes:
                await self._service.group.next_change(EVERY)

    async def _look(self, watched: Sequence[Channel]) -> bool:
        """Whether anything was drawn."""
        drawn_before = [channel.frame and channel.frame.read_at for channel in watched]
        since = monotonic()
        mark = await self._mark() if watched else ()
        for channel in watched:
            try:
                await self._frame(channel, mark, since)
            except NotFound:
                channel.frame = None  # it was taken away from its viewers; the stream ends by itself
            except Exception as error:
                if is_passing(error):
                    raise
                log.error("page.broken", topic=channel.key[0], about=channel.about, exc_info=error)
            self._tick.set()
            self._tick = asyncio.Event()
        return drawn_before != [channel.frame and channel.frame.read_at for channel in watched]

    async def _mark(self) -> tuple[Any, ...]:
        """Changes with whatever is written: here, or by another process of this service."""
        registry = self._service.replica.registry
        async with self._service.engine.connect() as connection:
            said = (await connection.execute(select(func.max(outbox.c.created_at)))).scalar_one()
        return self._service.group.changes, said, registry.version if registry else 0

    # -- the streams

    async def stream(
        self, channel: Channel, after: str | None, still_welcome: Callable[[], Awaitable[bool]]
    ) -> AsyncIterator[bytes]:
        """Server-sent events for one viewer, until the service stops or the viewer is no longer welcome.

        `after` names the contents that the viewer's page shows. `hello` comes first; `beat` every BEAT seconds and with
        every push; messages without a name carry panels, and the name of what the page shows then as their id.
        """
        # Let go of while this viewer was on the way, it would not be looked at any more.
        channel = self._channels.setdefault(channel.key, channel)
        channel.viewers += 1
        try:
            frame = await self.frame(channel)
            yield f"retry: {randint(1000, 4000)}\n\n".encode()
            yield _message("hello", self._time(frame) | {"build": self._templates.build})
            seen = dict(channel.changes) if after == frame.digest else {}
            async for message in self._news(channel, seen, still_welcome):
                yield message
        finally:
            channel.viewers -= 1
            channel.touched_at = monotonic()

    async def _news(
        self, channel: Channel, seen: dict[str, int], still_welcome: Callable[[], Awaitable[bool]]
    ) -> AsyncIterator[bytes]:
        last, pushed = monotonic(), 0.0
        while not self._service.stopping and channel.frame is not None:
            fresh = [name for name, count in channel.changes.items() if count != seen.get(name)]
            if fresh and pushed + EVERY > monotonic():
                await asyncio.sleep(pushed + EVERY - monotonic())
                continue
            if fresh or monotonic() - last >= BEAT:
                if not await still_welcome():
                    return
                frame = channel.frame
                if frame is None:
                    return
                seen, last = dict(channel.changes), monotonic()
                pushed = last if fresh else pushed
                yield _message("beat", self._time(frame)) + _pushed(frame, fresh)
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
    html = {name: frame.panels[name] for name in names if name in frame.panels}
    return f"id: {frame.digest}\ndata: ".encode() + orjson.dumps(html) + b"\n\n" if html else b""
