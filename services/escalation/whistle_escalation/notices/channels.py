"""How people and duty desks are reached: their channels in order, and when they want to be left alone.

INVARIANT: what leads to somebody (a webhook's address with its key, a browser's subscription) is stored sealed, and no
answer, page or log shows more of it than its label.
INVARIANT: a label shows nobody's number or address whole.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote
from uuid import UUID

import uuid_utils.compat
from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncConnection

from whistle_escalation import tables
from whistle_escalation.notices.domain import ChannelKind
from whistle_shared.auth import Caller
from whistle_shared.db import Unit
from whistle_shared.errors import Conflict, NotFound
from whistle_shared.keyring import Keyring
from whistle_shared.privacy import masked
from whistle_shared.timesource import wall_now

MOST = 8
PURPOSE = "notice channel"
# What Apprise puts for a password; without it, a user and their host read as the address that they are.
_PASSWORD = re.compile(r":\*{4}@")
_c = tables.notice_channel.c


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose channels: an account's, or the desk's of a role of an organisation."""

    account_id: UUID | None = None
    organisation: str | None = None
    role: str | None = None

    @property
    def theirs(self) -> ColumnElement[bool]:
        """The rows."""
        if self.account_id is not None:
            return _c.account_id == self.account_id
        return _c.account_id.is_(None) & (_c.organisation == self.organisation) & (_c.role == self.role)

    @property
    def lock(self) -> str:
        """What is held while their channels change."""
        return f"channels of {self.account_id or f'{self.organisation}/{self.role}'}"


@dataclass(frozen=True, slots=True)
class Fresh:
    """A channel to be added: what leads there, and what of it may be shown."""

    kind: ChannelKind
    label: str
    secret: str
    language: str


def shown(address: str) -> str:
    """What of an address, in which Apprise has blotted out its secrets, may stand in a label."""
    return masked(unquote(_PASSWORD.sub("@", address)))


async def of_owner(connection: AsyncConnection, owner: Owner) -> Sequence[Any]:
    """An owner's channels in their order."""
    query = select(tables.notice_channel).where(owner.theirs).order_by(_c.position, _c.channel_id)
    rows: Sequence[Any] = (await connection.execute(query)).all()
    return rows


async def desks(connection: AsyncConnection) -> dict[tuple[str, str], int]:
    """How many channels in use each duty desk has, where any."""
    query = select(_c.organisation, _c.role).where(_c.account_id.is_(None), _c.verified_at.is_not(None))
    counts: dict[tuple[str, str], int] = {}
    for row in await connection.execute(query):
        counts[row.organisation, row.role] = counts.get((row.organisation, row.role), 0) + 1
    return counts


async def one(connection: AsyncConnection, caller: Caller, channel_id: UUID) -> Any:
    """A channel of the caller's own, or of a desk that they administer. Raises NotFound."""
    row = (await connection.execute(select(tables.notice_channel).where(_c.channel_id == channel_id))).one_or_none()
    if row is None or not _may_touch(caller, row):
        raise NotFound(f"channel {channel_id}")
    return row


def _may_touch(caller: Caller, row: Any) -> bool:
    if row.account_id is not None:
        return caller.means == "account" and caller.id == row.account_id
    return caller.has("account.manage") and covers_desk(caller, row.organisation)


def covers_desk(caller: Caller, organisation: str) -> bool:
    """Whether an administrator's scope has this organisation in it; the district's own is nobody's but theirs."""
    return caller.covers(organisation)


def owner_of(row: Any) -> Owner:
    """Whose channel it is."""
    return Owner(row.account_id, row.organisation, row.role)


async def add(unit: Unit, keyring: Keyring, owner: Owner, fresh: Fresh, by: str) -> Any:
    """Add a channel behind the others; one that is there already stays as it is. It is not used before a test message
    has reached somebody. Raises Conflict when there are too many."""
    await unit.lock([owner.lock])
    known = await of_owner(unit.connection, owner)
    for row in known:
        if row.kind == fresh.kind and _opened(keyring, row) == fresh.secret:
            return row
    if len(known) >= MOST:
        raise Conflict(f"there are {MOST} channels already")
    channel_id = uuid_utils.compat.uuid7()
    row = {
        "channel_id": channel_id,
        "account_id": owner.account_id,
        "organisation": owner.organisation,
        "role": owner.role,
        "position": 1 + max((row.position for row in known), default=0),
        "kind": fresh.kind,
        "label": fresh.label,
        "language": fresh.language,
        "sealed": keyring.seal(fresh.secret.encode(), f"{PURPOSE} {channel_id}"),
        "added_at": wall_now(),
        "added_by": by,
        **dict.fromkeys(("verified_at", "failing_since", "fault")),
    }
    unit.touches += 1
    written = tables.notice_channel.insert().values(**row).returning(tables.notice_channel)
    return (await unit.connection.execute(written)).one()


def _opened(keyring: Keyring, row: Any) -> str:
    return keyring.open(row.sealed, f"{PURPOSE} {row.channel_id}").decode()


async def promote(unit: Unit, row: Any) -> None:
    """Change places with the channel before it."""
    owner = owner_of(row)
    await unit.lock([owner.lock])
    order = [known.channel_id for known in await of_owner(unit.connection, owner)]
    place = order.index(row.channel_id) if row.channel_id in order else 0
    if place:
        order[place - 1], order[place] = order[place], order[place - 1]
    for position, channel_id in enumerate(order, 1):
        unit.update(tables.notice_channel, channel_id=channel_id, position=position)


async def remove(unit: Unit, row: Any) -> None:
    """Take a channel away; attempts that were made by it stay on record."""
    unit.touches += 1
    await unit.connection.execute(tables.notice_channel.delete().where(_c.channel_id == row.channel_id))


def verified(unit: Unit, row: Any) -> None:
    """A test message has arrived: from now on the channel is used."""
    unit.update(
        tables.notice_channel, channel_id=row.channel_id, verified_at=wall_now(), failing_since=None, fault=None
    )


async def quiet_of(connection: AsyncConnection, account_id: UUID) -> str:
    """When an account is left alone; "": never."""
    h = tables.notice_hours.c
    return (await connection.execute(select(h.quiet).where(h.account_id == account_id))).scalar_one_or_none() or ""


async def set_quiet(unit: Unit, account_id: UUID, quiet: str) -> None:
    """Leave an account alone in these hours."""
    unit.touches += 1
    await unit.connection.exec_driver_sql(
        "insert into notice_hours(account_id, quiet) values ($1, $2) "
        "on conflict (account_id) do update set quiet = excluded.quiet",
        (account_id, quiet),
    )
