"""Turns SIGTERM into an exception, as Python does with Ctrl-C, so that `with` blocks are left in order.

INVARIANT: while `held_off`, neither signal interrupts; cleaning up once begun is finished.
"""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


class Interruption:
    """The signal handlers of one `with` block; does nothing outside the main thread, where none can be set."""

    def __init__(self) -> None:
        self._before: Any = None

    def watch(self) -> None:
        """From now on SIGTERM raises SystemExit(143)."""
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGTERM, _leave)

    @contextmanager
    def held_off(self) -> Iterator[None]:
        """Ignores SIGINT and SIGTERM inside the block; afterwards all is as it was before `watch`."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        interrupt = signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, interrupt)
            signal.signal(signal.SIGTERM, self._before or signal.SIG_DFL)


def _leave(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)
