"""The door over HTTP: strict JSON in, problem documents out, probes, cursors, the caller; pages and their sessions.

INVARIANT: bad input is answered with a 4xx that names the field; it never becomes a 5xx.
"""

from whistle_shared.web.app import make_app
from whistle_shared.web.body import StrictRoute
from whistle_shared.web.command import IdempotencyKey, OptionalIdempotencyKey, keyed, respond
from whistle_shared.web.headers import missing
from whistle_shared.web.limits import BudgetName, Limits, Slots, TooMany, address_of
from whistle_shared.web.models import PROBLEMS, Cursor, Limit, Page, Strict, When, after, next_cursor
from whistle_shared.web.pages import (
    LANGUAGES,
    PAGE_HEADERS,
    SOURCE,
    Language,
    Look,
    Templates,
    elsewhere,
    form_of,
    look_of,
    page,
    set_cookie,
)
from whistle_shared.web.problems import problem
from whistle_shared.web.sheets import cell, sheet

__all__ = [
    "LANGUAGES",
    "PAGE_HEADERS",
    "PROBLEMS",
    "SOURCE",
    "BudgetName",
    "Cursor",
    "IdempotencyKey",
    "Language",
    "Limit",
    "Limits",
    "Look",
    "OptionalIdempotencyKey",
    "Page",
    "Slots",
    "Strict",
    "StrictRoute",
    "Templates",
    "TooMany",
    "When",
    "address_of",
    "after",
    "cell",
    "elsewhere",
    "form_of",
    "keyed",
    "look_of",
    "make_app",
    "missing",
    "next_cursor",
    "page",
    "problem",
    "respond",
    "set_cookie",
    "sheet",
]
