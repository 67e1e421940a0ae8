"""Ends old rows, day by day, each time up to a signed head, which then stands for all that went before it.

INVARIANT: nothing is ended that is younger than the policy allows, or that no signed head vouches for; what remains
verifies as before, and a row of the audit says who ended what.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from whistle_shared.audit.heads import Head, heads_of
from whistle_shared.audit.verify import PURGED
from whistle_shared.db import Deed, Unit, note

# Only the owner of the tables may do this; it is taken back with the transaction, whatever happens.
_OPEN = "alter table {} disable trigger append_only"
_CLOSE = "alter table {} enable trigger append_only"
_ROWS = text("delete from audit a using audit_link l where l.audit_id = a.audit_id and l.position <= :position")
_LINKS = text("delete from audit_link where position < :position")
_FIRST = text(
    "select l.position, a.audit_id is null as gone from audit_link l left join audit a using (audit_id)"
    " order by l.position limit 1"
)


@dataclass(frozen=True, slots=True)
class Purged:
    """What was ended: `rows` of them, up to the end of `day`."""

    day: date
    position: int
    rows: int


async def purgeable(
    connection: AsyncConnection, service: str, keys: Mapping[str, Ed25519PublicKey], before: date
) -> list[Head]:
    """The heads of days before `before` (wall time, Asia/Shanghai) that still have rows to end, the oldest first."""
    first = (await connection.execute(_FIRST)).one_or_none()
    if first is None:
        return []
    done = first.position if first.gone else first.position - 1
    heads: list[Head] = []
    for head in await heads_of(connection, service):
        if head.day < before and head.position > done and head.is_signed_by(keys):
            heads.append(head)
            done = head.position
    return heads


async def purge_to(unit: Unit, head: Head, deed: Deed) -> Purged:
    """End the rows that a head vouches for, and note who did it. Needs the rights of the tables' owner; audit rows of
    others wait until the transaction is over."""
    for table in ("audit", "audit_link"):
        await unit.connection.execute(text(_OPEN.format(table)))
    ended = await unit.connection.execute(_ROWS, {"position": head.position})
    await unit.connection.execute(_LINKS, {"position": head.position})
    for table in ("audit", "audit_link"):
        await unit.connection.execute(text(_CLOSE.format(table)))
    purged = Purged(head.day, head.position, ended.rowcount)
    after = {"day": head.day.isoformat(), "position": head.position, "rows": purged.rows}
    note(unit, replace(deed, action=PURGED), "done", after=after)
    return purged
