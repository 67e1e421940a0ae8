"""How long a change in one service takes until it stands on the open page of somebody else, in another service."""

from secrets import token_hex
from statistics import median

from playwright.async_api import Page

from support.city import City
from whistle_shared.timesource import wall_now

# The browser's own clock is this machine's, so both ends of the way are read from one clock.
_WATCH = """() => {
  window.appeared = {};
  const look = () => {
    for (const row of document.querySelectorAll('#feed li')) {
      const title = /change [0-9a-f]{8}/.exec(row.textContent)?.[0];
      if (title) window.appeared[title] ??= Date.now();
    }
  };
  new MutationObserver(look).observe(document.body, { childList: true, subtree: true, characterData: true });
}"""


async def measured(city: City, page: Page, changes: int) -> list[float]:
    """Seconds from a street's request until the dashboard in this page tells of it, for so many changes."""
    await page.evaluate(_WATCH)
    spans = []
    for _ in range(changes):
        title = f"change {token_hex(4)}"
        began = wall_now().timestamp()
        await city.street("S02").blows("0702", departments=["CGJ"], title=title, distinct_reason="另一处")
        await page.locator("#feed").get_by_text(title).first.wait_for()
        spans.append(await page.evaluate("(title) => window.appeared[title]", title) / 1000 - began)
        await city.settles()
    return spans


def told(spans: list[float]) -> str:
    """The figures as a sentence."""
    ordered = sorted(spans)
    return f"median {median(ordered):.2f} s, slowest {ordered[-1]:.2f} s, of {len(ordered)} changes"
