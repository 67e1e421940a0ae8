"""Somebody who opens any page of the stage in a browser, in any look, waits until it stands still, and says what they
find: what axe-core reports, what it weighs, whether it is too wide for its window."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Response

from support.every_page import View
from support.places import ROOT
from support.stage import Stage
from support.visitor import PATIENCE, Doors
from support.waiting import until
from whistle_local.kit import kit_packages

# WCAG 2.2 A and AA, and what axe-core calls good practice.
_RULES = "{ resultTypes: ['violations'] }"
_STILL = """() => document.readyState === 'complete' && !document.querySelector('.htmx-request, .htmx-swapping')
  && (!document.body.dataset.topic || document.getElementById('light')?.dataset.state === 'live')
  && document.getAnimations().every((it) => it.playState !== 'running' || it.effect.getTiming().iterations === Infinity)
  && [...document.images].every((one) => one.complete || one.loading === 'lazy')"""
_TOO_WIDE = """() => document.documentElement.scrollWidth <= innerWidth ? [] :
  [...document.querySelectorAll('body *')].filter((node) => node.getBoundingClientRect().right > innerWidth + 1)
    .map((node) => node.outerHTML.slice(0, 90)).slice(0, 5)"""


_KEPT = ("/static/", "/map.json")


@dataclass(frozen=True, slots=True)
class Look:
    """Language, theme, and the window in CSS pixels."""

    language: str
    theme: str
    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.language}-{self.theme}-{self.width}"


DESK, PHONE, WALL = (1440, 900), (360, 740), (3840, 2160)


@dataclass
class Seen:
    """An open page. `answers`: everything that the browser was given for it, in the order in which it came."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    answers: list[Response] = field(default_factory=list)

    def _listens(self) -> None:
        self.page.on("console", self._hears)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("response", self._receives)

    def _receives(self, answer: Response) -> None:
        self.answers.append(answer)

    def _hears(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    async def too_wide(self) -> list[str]:
        """What makes the page wider than its window; nothing when it is not."""
        found: list[str] = await self.page.evaluate(_TOO_WIDE)
        return found

    async def violations(self) -> list[str]:
        """What axe-core finds: rule, what is wrong, and where. It is put in by the browser's own debugger, so that the
        page's policy stays as it is."""
        debugger = await self.page.context.new_cdp_session(self.page)
        await debugger.send("Runtime.evaluate", {"expression": _axe()})
        asked = {"expression": f"axe.run(document, {_RULES})", "awaitPromise": True, "returnByValue": True}
        answer: Any = await debugger.send("Runtime.evaluate", asked)
        await debugger.detach()
        assert "exceptionDetails" not in answer, answer
        return [_told(found) for found in answer["result"]["value"]["violations"]]

    async def assets(self) -> dict[str, int]:
        """What the page fetched that browsers keep (its files, the map): bytes on the wire by path, without headers."""
        found: dict[str, int] = {}
        for answer in self.answers:
            path = urlsplit(answer.url).path
            if path.startswith(_KEPT):
                found[path] = (await answer.request.sizes())["responseBodySize"]
        return found


def _told(found: dict[str, Any]) -> str:
    places = "; ".join(f"{' '.join(map(str, node['target']))} {_why(node)}" for node in found["nodes"][:4])
    return f"{found['id']} ({found['impact']}) × {len(found['nodes'])}: {found['help']}: {places}"


def _why(node: dict[str, Any]) -> str:
    checks = [*node["any"], *node["all"], *node["none"]]
    return f"[{checks[0]['message']}]" if checks else ""


@cache
def _axe() -> str:
    return (kit_packages(ROOT) / "node_modules" / "axe-core" / "axe.min.js").read_text("utf-8")


@dataclass
class Onlooker:
    """Goes from page to page. One browser profile for each look and person, kept until the end."""

    stage: Stage
    doors: Doors
    browser: Browser
    _profiles: dict[tuple[Any, ...], BrowserContext] = field(default_factory=dict)

    @asynccontextmanager
    async def before(self, view: View, look: Look) -> AsyncIterator[Seen]:
        """The page, standing still, as whoever looks at it there sees it first."""
        door = await self.doors.door(view.service)
        profile = await self._profile(view, look)
        page = await profile.new_page()
        try:
            page.set_default_timeout(PATIENCE)
            seen = Seen(page)
            seen._listens()
            await page.goto(door.address + view.address(self.stage, lang=look.language, theme=look.theme))

            async def still() -> bool:
                return bool(await page.evaluate(_STILL))

            await until(still, f"{view.name} ({look}) to stand still")
            yield seen
        finally:
            await page.close()

    async def _profile(self, view: View, look: Look) -> BrowserContext:
        cookies = await view.cookies(self.stage)
        key = (look, *cookies.values())
        if key not in self._profiles:
            profile = self._profiles[key] = await self.browser.new_context(
                viewport={"width": look.width, "height": look.height},
                reduced_motion="reduce",
                timezone_id="Asia/Shanghai",
            )
            for name, value in cookies.items():
                await profile.add_cookies([{"name": name, "value": value, "domain": "127.0.0.1", "path": "/"}])
        return self._profiles[key]

    async def rests(self) -> None:
        """Forget what browsers keep, so that the next page is a first one again."""
        for profile in self._profiles.values():
            await profile.close()
        self._profiles.clear()
