"""People at browsers: the services at real addresses, and somebody who looks at their pages.

Every page is listened to: whatever the browser complains about (a script error, a violated policy, a missing file) is a
complaint of the visitor's, unless the test itself caused it (`Visitor.may_fail`).
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from playwright.async_api import Browser, ConsoleMessage, Page

from support.city import City
from support.entrance import Entrance
from support.stack import PROCESSES
from support.window import Somebody, somebody

# Milliseconds: a limit for a busy machine, never a measurement.
PATIENCE = 30_000
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# Their accounts open nothing before the second factor.
_BY_TWO_STEPS = ("administrator", "auditor")
EVERYWHERE = "*"


class Doors:
    """The city's services at ports of this machine, each opened when somebody first comes to it."""

    def __init__(self, city: City) -> None:
        self._city = city
        self._open: dict[str, Entrance] = {}

    def __getitem__(self, service: str) -> Entrance:
        """One that has been opened."""
        return self._open[service]

    async def door(self, service: str) -> Entrance:
        """The door of `intake`, `dispatch`, `department`, `department-ga` or `escalation`.

        The service is freshly started: it may show again what it has drawn within the last second, and that would be
        the test before.
        """
        if service not in self._open:
            producer = PROCESSES[service]
            async with self._city.without(producer):
                pass
            opened = self._open[service] = Entrance(self._city, producer)
            await opened.open()
        return self._open[service]

    async def close(self) -> None:
        for entrance in self._open.values():
            await entrance.close()


@dataclass
class Visitor:
    """Someone with a browser and, as they choose, an account. `service` is everywhere the name of a process: the
    hosted departments are `department`."""

    city: City
    doors: Doors
    browser: Browser
    complaints: list[str] = field(default_factory=list)
    may_fail: tuple[str, ...] = ()

    @property
    def entrance(self) -> Entrance:
        """The way in to escalation, where somebody has been already."""
        return self.doors["escalation"]

    @asynccontextmanager
    async def at(
        self, path: str = "/", *, service: str = "escalation", width: int = 1440, height: int = 900, **context: Any
    ) -> AsyncIterator[Page]:
        """A fresh browser profile that opens a page. `context`: more about the profile, as Playwright names it."""
        door = await self.doors.door(service)
        profile = await self.browser.new_context(viewport={"width": width, "height": height}, **context)
        try:
            page = await profile.new_page()
            page.set_default_timeout(PATIENCE)
            page.on("console", self._listen)
            page.on("pageerror", lambda error: self.complaints.append(str(error)))
            await page.goto(door.address + path)
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
        service: str = "escalation",
        role: str = "arbitrator",
        scope: str = EVERYWHERE,
        part: str | None = None,
        **context: Any,
    ) -> AsyncIterator[Page]:
        """A page behind the sign-in form of its service, opened by a new account; a live one is live."""
        person = await self.somebody(role, scope, service=service, part=part, second_factor=role in _BY_TWO_STEPS)
        async with self.at(path, service=service, **context) as page:
            await self.signs_in(page, person)
            if person.codes:
                await page.fill("#code", person.codes[0])
                await page.press("#code", "Enter")
            await page.wait_for_url(lambda url: "/sign-in" not in url)
            if await page.locator("body[data-topic]").count():
                await page.wait_for_selector("#light[data-state=live]")
            yield page

    async def somebody(
        self, role: str = "arbitrator", scope: str = EVERYWHERE, *, service: str = "escalation", **about: Any
    ) -> Somebody:
        """An account of a service. `about`: `part`, `second_factor`, `must_change`."""
        return await somebody(self.city.services[PROCESSES[service]], role, scope, **about)

    async def signs_in(self, page: Page, person: Somebody) -> None:
        """Fill in the form that is before them."""
        await page.fill("#username", person.username)
        await page.fill("#password", person.password)
        await page.click("main button.btn-primary")
