"""Waiting for a condition, with a limit: the only place of the tests that lets time go by."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import TypeVar

T = TypeVar("T")
SECONDS = 30.0


async def until(condition: Callable[[], Awaitable[T | None]], what: str, seconds: float = SECONDS) -> T:
    """The first truthy value of `condition`, asked about thirty times a second.

    Raises AssertionError that says what was waited for and what was seen last.
    """
    limit = monotonic() + seconds
    while True:
        seen = await condition()
        if seen:
            return seen
        if monotonic() > limit:
            raise AssertionError(f"waited {seconds:.0f} s in vain for {what}; last seen: {seen!r}")
        await asyncio.sleep(0.03)
