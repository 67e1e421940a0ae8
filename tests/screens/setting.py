"""What looking at pages needs: broker, database, the services, the stage, and a browser that can write Chinese."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from argon2 import PasswordHasher
from playwright.async_api import Browser, Playwright, async_playwright

from support import stack
from support.city import City
from support.onlooker import Onlooker
from support.places import ROOT
from support.stage import set_stage
from support.visitor import ARGUMENTS, Doors
from whistle_local import StackError
from whistle_local.browser import ensure_chromium, with_chinese_font
from whistle_shared.auth import passwords

# Two glyphs that are the same where the font has neither: a box.
_WRITES_CHINESE = """() => {
  const drawn = ["吹", "哨"].map((glyph) => {
    const pen = Object.assign(document.createElement("canvas"), { width: 40, height: 40 }).getContext("2d");
    pen.font = "32px sans-serif";
    pen.fillText(glyph, 2, 34);
    return pen.getImageData(0, 0, 40, 40).data.join();
  });
  return drawn[0] !== drawn[1];
}"""


@asynccontextmanager
async def onlooker() -> AsyncIterator[Onlooker]:
    """Somebody before the stage. Raises StackError where something is missing."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("warning"))
    # Nobody's real password is kept here.
    passwords._argon2 = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1)
    running = stack.running()
    # It starts an event loop of its own for its migrations.
    infrastructure = await asyncio.to_thread(running.__enter__)
    try:
        city = City(infrastructure)
        await city.open()
        doors = Doors(city)
        async with async_playwright() as playwright:
            browser = await _browser(playwright)
            yield Onlooker(await set_stage(city), doors, browser)
            await browser.close()
        await doors.close()
        await city.close()
    finally:
        await asyncio.to_thread(running.__exit__, None, None, None)


async def _browser(playwright: Playwright) -> Browser:
    """A Chromium with a Chinese font: the machine's, else one that is fetched."""
    program = await asyncio.to_thread(ensure_chromium, ROOT)
    browser = await playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
    if await _writes_chinese(browser):
        return browser
    await browser.close()
    environment = await asyncio.to_thread(with_chinese_font, ROOT)
    browser = await playwright.chromium.launch(executable_path=program, args=ARGUMENTS, env=dict(environment))
    if not await _writes_chinese(browser):
        raise StackError("no Chinese font: install one (package fonts-noto-cjk) and try again")
    return browser


async def _writes_chinese(browser: Browser) -> bool:
    page = await browser.new_page()
    answer = bool(await page.evaluate(_WRITES_CHINESE))
    await page.close()
    return answer
