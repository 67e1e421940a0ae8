"""Waits for a condition with a limit; the only place of this package that sleeps."""

import time
from collections.abc import Callable

from whistle_local.errors import StackError


def until(condition: Callable[[], bool], seconds: float, failure: Callable[[], str]) -> None:
    """Returns as soon as the condition holds; raises StackError with the failure's text after so many seconds."""
    limit = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > limit:
            raise StackError(failure())
        time.sleep(0.05)
