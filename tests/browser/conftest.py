"""A headless Chromium, the dashboard at a real address, and a person who looks at it.

Every page of every test is watched: whatever the browser complains about (a script error, a violated policy, a missing
file) fails the test, unless the test itself caused it (`Visitor.may_fail`).
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
import pytest_asyncio
from playwright.async_api import Browser, ConsoleMessage, Page, async_playwright, expect

from support.city import City
from support.entrance import Entrance
from support.places import ROOT
from support.window import Somebody, somebody
from whistle_local.browser import find_chromium

# Milliseconds: a limit for a busy machine, never a measurement.
_PATIENCE = 30_000
_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest_asyncio.fixture(scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """One browser for the session. Fails when there is none: `make browser` provides it."""
    program = find_chromium(ROOT)
    assert program is not None, "no Chromium: run `make browser`, or name one in WHISTLE_CHROMIUM"
    expect.set_options(timeout=_PATIENCE)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=_ARGUMENTS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture
async def entrance(city: City) -> AsyncIterator[Entrance]:
    """The escalation service at a port of this machine, freshly started: it may show again what it has drawn within
    the last second, and that would be the test before."""
    async with city.without("escalation"):
        pass
    opened = Entrance(city, "escalation")
    await opened.open()
    yield opened
    await opened.close()


@dataclass
class Visitor:
    """Someone with a browser and, as they choose, an account."""

    city: City
    entrance: Entrance
    browser: Browser
    complaints: list[str] = field(default_factory=list)
    may_fail: tuple[str, ...] = ()

    @asynccontextmanager
    async def at(self, path: str = "/", *, width: int = 1440, height: int = 900, **context: str) -> AsyncIterator[Page]:
        """A fresh browser profile that opens a page."""
        profile = await self.browser.new_context(viewport={"width": width, "height": height}, **context)  # type: ignore[arg-type]
        try:
            page = await profile.new_page()
            page.set_default_timeout(_PATIENCE)
            page.on("console", self._listen)
            page.on("pageerror", lambda error: self.complaints.append(str(error)))
            await page.goto(self.entrance.address + path)
            yield page
        finally:
            await profile.close()

    def _listen(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not any(text in message.text for text in self.may_fail):
            self.complaints.append(message.text)

    @asynccontextmanager
    async def signed_in(
        self,
        path: str = "/",
        *,
        role: str = "arbitrator",
        scope: str = "*",
        width: int = 1440,
        height: int = 900,
        **context: str,
    ) -> AsyncIterator[Page]:
        """The dashboard behind the sign-in form, live."""
        person = await self.somebody(role, scope)
        async with self.at(path, width=width, height=height, **context) as page:
            await self.signs_in(page, person)
            await page.wait_for_selector("#light[data-state=live]")
            yield page

    async def somebody(self, role: str = "arbitrator", scope: str = "*", **about: bool) -> Somebody:
        """An account of the escalation service."""
        return await somebody(self.city.services["escalation"], role, scope, **about)  # type: ignore[arg-type]

    async def signs_in(self, page: Page, person: Somebody) -> None:
        """Fill in the form that is before them."""
        await page.fill("#username", person.username)
        await page.fill("#password", person.password)
        await page.click("main button.main")


@pytest.fixture
def visitor(city: City, entrance: Entrance, chromium: Browser) -> Iterator[Visitor]:
    """Somebody at a browser. Whatever their browser complained about fails the test."""
    person = Visitor(city, entrance, chromium)
    yield person
    assert not person.complaints, person.complaints
