"""The door over HTTP: strict JSON in, problem documents out, probes, cursors, the caller.

INVARIANT: bad input is answered with a 4xx that names the field; it never becomes a 5xx.
"""

from whistle_shared.web.app import make_app
from whistle_shared.web.body import StrictRoute
from whistle_shared.web.chinese import prefers_chinese, said
from whistle_shared.web.command import (
    IdempotencyKey,
    OptionalIdempotencyKey,
    comes_from_here,
    keyed,
    require_own_page,
    respond,
)
from whistle_shared.web.headers import missing
from whistle_shared.web.limits import BudgetName, Limits, Slots, TooMany, TooManyPhotos, address_of
from whistle_shared.web.models import PROBLEMS, Blotted, Cursor, Limit, Page, Reason, Strict, When, after, next_cursor
from whistle_shared.web.problems import Malformed, problem
from whistle_shared.web.sheets import cell, sheet

__all__ = [
    "PROBLEMS",
    "Blotted",
    "BudgetName",
    "Cursor",
    "IdempotencyKey",
    "Limit",
    "Limits",
    "Malformed",
    "OptionalIdempotencyKey",
    "Page",
    "Reason",
    "Slots",
    "Strict",
    "StrictRoute",
    "TooMany",
    "TooManyPhotos",
    "When",
    "address_of",
    "after",
    "cell",
    "comes_from_here",
    "keyed",
    "make_app",
    "missing",
    "next_cursor",
    "prefers_chinese",
    "problem",
    "require_own_page",
    "respond",
    "said",
    "sheet",
]
