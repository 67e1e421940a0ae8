"""People at a browser."""

from whistle_escalation import store
from whistle_shared.auth import Caller
from whistle_shared.db import Unit


async def sign_in(unit: Unit, caller: Caller) -> str:
    """The holder of a token opens the pages; returns what the browser's cookie carries."""
    return await store.add_session(unit, caller)


def stay_signed_in(unit: Unit, secret: str) -> None:
    """The pages are in use."""
    store.keep_session(unit, secret)


def sign_out(unit: Unit, secret: str) -> None:
    """The session ends at once, wherever its cookie is."""
    store.end_session(unit, secret)
