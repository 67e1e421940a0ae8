"""The chain over the audit's rows: what is digested, and how a row is linked to the one before.

A link's digest is SHA-256(digest before || the row), the row being a JSON object of all its columns that are not null,
names sorted, no blanks, every value as text: instants in seconds since 1970, JSON as PostgreSQL writes jsonb. A column
that is added later changes no digest of the rows before it.
"""

from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import orjson
from sqlalchemy import ColumnElement, DateTime, Text, cast, extract, select
from sqlalchemy.ext.asyncio import AsyncConnection

from whistle_shared.db.tables import audit, audit_link

GENESIS = bytes(32)
"""What stands for the digest before the first row."""


def _as_text(column: Any) -> ColumnElement[str]:
    value = extract("epoch", column) if isinstance(column.type, DateTime) else column
    return cast(value, Text).label(column.name)


COLUMNS = tuple(_as_text(column) for column in audit.columns)
"""Every column of a row as the text that is digested."""
_NAMES = tuple(str(column.name) for column in audit.columns)


@dataclass(frozen=True, slots=True)
class Link:
    """One link: positions are counted from 1 without a gap, audit ids grow with them."""

    position: int
    audit_id: int
    digest: bytes


NOTHING = Link(0, 0, GENESIS)


def digest_of(before: bytes, row: Any) -> bytes:
    """The digest of a row (selected by COLUMNS) whose predecessor in the chain has the digest `before`."""
    said = {name: getattr(row, name) for name in _NAMES if getattr(row, name) is not None}
    return sha256(before + orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).digest()


async def tail_of(connection: AsyncConnection) -> Link:
    """The chain's last link; NOTHING before the first."""
    t = audit_link.c
    last = select(t.position, t.audit_id, t.digest).order_by(t.position.desc()).limit(1)
    row = (await connection.execute(last)).one_or_none()
    return NOTHING if row is None else Link(*row)
