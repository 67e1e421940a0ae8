"""Notices in the database: the claim of what is due, the record of every attempt, and what became of it."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import uuid_utils.compat
from sqlalchemy import and_, or_, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from whistle_escalation import tables
from whistle_escalation.domain import DISTRICT
from whistle_escalation.notices import domain
from whistle_shared.auth import EVERYWHERE
from whistle_shared.clockwork import awake
from whistle_shared.db import Unit, among
from whistle_shared.timesource import wall_now

_PATIENCE = timedelta(minutes=1)
KEPT = timedelta(days=400)
"""How long a notice that has ended is kept with its attempts, in wall time: a year's assessment and the month in which
it may be disputed. What was said of the matter stays in the log."""
_AT_ONCE = 5_000
_n, _t, _c = tables.notice.c, tables.notice_try.c, tables.notice_channel.c
_DUE = "state in ('waiting', 'sending') and due_at <= :now and next_at <= :wall"
_ANY_DUE = text(f"select exists (select 1 from notice where {_DUE})")
# In one order for all processes: first who has waited longest.
_CLAIM = text(
    f"""
with due as materialized (
    select notice_id from notice where {_DUE} and pressing = :pressing order by due_at, notice_id limit :limit
    for update skip locked
)
select n.*, c.status as clock_status, e.status as escalation_status
from due join notice n using (notice_id)
left join clock c on c.clock_id = n.clock_id left join escalation e on e.escalation_id = n.escalation_id
order by n.due_at, n.notice_id
"""
)
_ACCOUNTS = text(
    "select account_id, name, scope from account where disabled_at is null and name = any(:names) order by account_id"
)
_LATE = text(f"select count(*) from notice where {_DUE}")
_ENDED = text(
    "select state, count(*) as n from notice "
    "where state in ('unknown', 'failed', 'nowhere') and ended_at > :since group by state"
)
_FAILING = text(
    "select c.*, a.name from notice_channel c left join account a using (account_id) "
    "where c.failing_since is not null order by c.failing_since, c.channel_id limit 20"
)
# A word that comes late counts where nothing else has been decided since.
_SETTLE_TRY = """
update notice_try set outcome = $2, receipt = $3, ended_at = $4
where try_id = $1 and (outcome is null or outcome = 'unknown')
"""
_SETTLE = """
update notice set state = $3::text, next_at = $4,
    ended_at = case when $3::text in ('waiting', 'sending') then null else $5::timestamptz end
where notice_id = $1 and (state = 'sending' or (state = 'unknown' and $3::text = 'delivered'))
and $2 = (select try_id from notice_try where notice_id = $1 order by try_id desc limit 1)
"""
_FORGET = text(
    """
with gone as (
    delete from notice where notice_id = any(array(
        select notice_id from notice where ended_at is not null and next_at < :before limit :most for update skip locked
    )) returning notice_id
), attempts as (delete from notice_try where notice_id in (select notice_id from gone))
select count(*) from gone
"""
)
_CHANNEL_WORKS = "update notice_channel set failing_since = null, fault = null where channel_id = $1"
_CHANNEL_FAILS = """
update notice_channel set failing_since = coalesce(failing_since, $2::timestamptz), fault = $3::text,
    verified_at = case when $4::boolean then null else verified_at end where channel_id = $1
"""


@dataclass(frozen=True, slots=True)
class Sending:
    """One attempt that is on record and may be made. `attempt`: the how-manieth by this channel."""

    try_id: UUID
    notice: Any
    channel: domain.Channel
    attempt: int


async def is_due(engine: AsyncEngine, now: datetime) -> bool:
    """Whether there is anything to claim; costs one look at an index."""
    async with engine.connect() as connection:
        return bool((await connection.execute(_ANY_DUE, {"now": now, "wall": wall_now()})).scalar_one())


async def claim(unit: Unit, limit: int, *, pressing: bool) -> list[Sending]:
    """Take due notices, those in a hurry or the others, decide about each, and put on record what is now being sent.

    INVARIANT: whoever else claims, a notice is with one process, and all attempts about one thing are decided one after
    the other (the lock on the thing).
    """
    asked = {"now": unit.now, "wall": wall_now(), "limit": limit, "pressing": pressing}
    claimed = (await unit.connection.execute(_CLAIM, asked)).all()
    await unit.lock(f"notices of {row.cause_id}" for row in claimed)
    await _lose(unit, [row.notice_id for row in claimed if row.state == "sending"])
    tries = await _tries(unit.connection, {row.cause_id for row in claimed})
    ways = await _ways(unit.connection, claimed)
    sendings = []
    for row in claimed:
        sending = _next(unit, row, ways[row.notice_id], tries[row.cause_id])
        if sending is not None:
            sendings.append(sending)
    return sendings


async def _lose(unit: Unit, notice_ids: Sequence[UUID]) -> None:
    """Attempts that were never heard of again: how they ended nobody knows."""
    if notice_ids:
        lost = tables.notice_try.update().where(among(_t.notice_id, notice_ids), _t.outcome.is_(None))
        await unit.connection.execute(lost.values(outcome="unknown", ended_at=wall_now(), receipt="interrupted"))


async def _tries(connection: AsyncConnection, causes: Iterable[UUID]) -> dict[UUID, list[Any]]:
    """All attempts about these things, in their order, by thing."""
    query = select(_t.notice_id, _t.cause_id, _t.channel_id, _t.outcome).where(among(_t.cause_id, list(causes)))
    found: dict[UUID, list[Any]] = defaultdict(list)
    for row in await connection.execute(query.order_by(_t.try_id)):
        found[row.cause_id].append(row)
    return found


@dataclass(frozen=True, slots=True)
class _Ways:
    """How a notice's person can be reached: own channels, then their desk's. `quiet`: their quiet hours."""

    channels: list[domain.Channel]
    quiet: str


async def _ways(connection: AsyncConnection, claimed: Sequence[Any]) -> dict[UUID, _Ways]:
    """By notice, in four statements for them all."""
    accounts = await _accounts(connection, {row.name for row in claimed if row.name})
    desks = {(row.organisation, row.role) for row in claimed}
    own, behind = await _channels(connection, [found.account_id for found in accounts], desks)
    hours = await _hours(connection, [found.account_id for found in accounts])
    return {row.notice_id: _ways_of(row, accounts, own, behind, hours) for row in claimed}


def _ways_of(
    row: Any,
    accounts: Sequence[Any],
    own: dict[UUID, list[domain.Channel]],
    behind: dict[tuple[str, str], list[domain.Channel]],
    hours: dict[UUID, str],
) -> _Ways:
    scopes = (row.organisation, EVERYWHERE) if row.organisation == DISTRICT else (row.organisation,)
    mine = [found.account_id for found in accounts if found.name == row.name and found.scope in scopes]
    channels = [channel for account_id in mine for channel in own.get(account_id, ())]
    quiet = next((hours[account_id] for account_id in mine if account_id in hours), "")
    return _Ways([*channels, *behind.get((row.organisation, row.role), ())], quiet)


async def _accounts(connection: AsyncConnection, names: set[str]) -> Sequence[Any]:
    asked = {"names": sorted(names)}
    rows: Sequence[Any] = (await connection.execute(_ACCOUNTS, asked)).all() if names else []
    return rows


async def _channels(
    connection: AsyncConnection, accounts: list[UUID], desks: set[tuple[str, str]]
) -> tuple[dict[UUID, list[domain.Channel]], dict[tuple[str, str], list[domain.Channel]]]:
    """Channels that a test message has reached, in their order: by account, and by desk."""
    of_desk = and_(_c.account_id.is_(None), tuple_(_c.organisation, _c.role).in_(sorted(desks)))
    query = select(tables.notice_channel).where(_c.verified_at.is_not(None))
    query = query.where(or_(among(_c.account_id, accounts), of_desk) if desks else among(_c.account_id, accounts))
    own: dict[UUID, list[domain.Channel]] = defaultdict(list)
    behind: dict[tuple[str, str], list[domain.Channel]] = defaultdict(list)
    for row in await connection.execute(query.order_by(_c.position, _c.channel_id)):
        place = behind[row.organisation, row.role] if row.account_id is None else own[row.account_id]
        place.append(channel_of(row))
    return own, behind


def channel_of(row: Any) -> domain.Channel:
    """A channel as it is stored."""
    return domain.Channel(row.channel_id, row.kind, row.label, row.sealed, row.language, row.account_id)


async def _hours(connection: AsyncConnection, accounts: list[UUID]) -> dict[UUID, str]:
    h = tables.notice_hours.c
    if not accounts:
        return {}
    return {
        row.account_id: row.quiet
        for row in await connection.execute(select(h.account_id, h.quiet).where(among(h.account_id, accounts)))
    }


def _next(unit: Unit, row: Any, ways: _Ways, tries: list[Any]) -> Sending | None:
    """Decide about one notice and write it down; what is to be sent is among `tries` for those after it."""
    wakes = unit.now if row.pressing else awake(unit.now, ways.quiet)
    if wakes > unit.now and row.state == "waiting":
        unit.update(tables.notice, notice_id=row.notice_id, due_at=wakes)
        return None
    own = [domain.Try(made.channel_id, made.outcome) for made in tries if made.notice_id == row.notice_id]
    elsewhere = {made.channel_id: made.outcome for made in tries if made.notice_id != row.notice_id}
    step = domain.decide(domain.Waiting(_is_over(row), ways.channels, own, elsewhere))
    if step.state == "sending" and step.channel is not None:
        tries.append(_begin(unit, row, step.channel))
        attempt = 1 + sum(made.channel_id == step.channel.channel_id for made in own)
        return Sending(tries[-1].try_id, row, step.channel, attempt)
    if step.state == "waiting":
        unit.update(
            tables.notice, notice_id=row.notice_id, state="waiting", next_at=wall_now() + domain.SHORTLY, ended_at=None
        )
    else:
        unit.update(tables.notice, notice_id=row.notice_id, state=step.state, next_at=wall_now(), ended_at=unit.now)
    return None


def _is_over(row: Any) -> bool:
    """Whether what it tells of is over: the clock stopped, the rung was withdrawn."""
    if row.escalation_status is not None:
        return bool(row.escalation_status != "open")
    return row.clock_status is not None and row.clock_status not in ("running", "paused")


@dataclass(frozen=True, slots=True)
class _Begun:
    try_id: UUID
    notice_id: UUID
    channel_id: UUID
    outcome: domain.Outcome | None = None


def _begin(unit: Unit, row: Any, channel: domain.Channel) -> _Begun:
    begun = _Begun(uuid_utils.compat.uuid7(), row.notice_id, channel.channel_id)
    unit.insert(
        tables.notice_try,
        try_id=begun.try_id,
        notice_id=row.notice_id,
        cause_id=row.cause_id,
        channel_id=channel.channel_id,
        channel=channel.label,
        began_at=wall_now(),
        ended_at=None,
        outcome=None,
        receipt=None,
    )
    unit.update(
        tables.notice, notice_id=row.notice_id, state="sending", next_at=wall_now() + domain.LEASE, ended_at=None
    )
    return begun


async def settle(unit: Unit, made: Sending, outcome: domain.Outcome, receipt: str) -> None:
    """Write down how an attempt ended, and what follows for the notice and for the channel."""
    state, rest = domain.after(outcome, made.channel.kind, made.attempt)
    wall, sql = wall_now(), unit.connection.exec_driver_sql
    unit.touches += 1
    await sql(_SETTLE_TRY, (made.try_id, outcome, receipt, wall))
    await sql(_SETTLE, (made.notice.notice_id, made.try_id, state, wall + rest, unit.now))
    await mark(unit, made.channel.channel_id, outcome, receipt)


async def mark(unit: Unit, channel_id: UUID, outcome: domain.Outcome, fault: str) -> None:
    """Whether a channel works, for its owner and for operations; one that is gone is not used any more."""
    if outcome == "delivered":
        await unit.connection.exec_driver_sql(_CHANNEL_WORKS, (channel_id,))
    else:
        asked = (channel_id, wall_now(), fault or outcome, outcome == "gone")
        await unit.connection.exec_driver_sql(_CHANNEL_FAILS, asked)


async def forget_old(engine: AsyncEngine) -> int:
    """Delete what was kept long enough, so many at a time; returns how many notices."""
    forgotten, before = 0, wall_now() - KEPT
    while True:
        async with engine.begin() as connection:
            gone: int = (await connection.execute(_FORGET, {"before": before, "most": _AT_ONCE})).scalar_one()
        forgotten += gone
        if gone < _AT_ONCE:
            return forgotten


# -- looking --------------------------------------------------------------------------------------------------


async def of_escalations(engine: AsyncEngine, escalation_ids: Sequence[UUID]) -> list[tuple[Any, list[Any]]]:
    """Every notice of these rungs with its attempts, in the order in which they were written."""
    if not escalation_ids:
        return []
    async with engine.connect() as connection:
        query = select(tables.notice).where(among(_n.escalation_id, escalation_ids))
        notices = (await connection.execute(query.order_by(_n.made_at, _n.name, _n.notice_id))).all()
        made = select(tables.notice_try).where(among(_t.notice_id, [row.notice_id for row in notices]))
        tries: dict[UUID, list[Any]] = defaultdict(list)
        for row in (await connection.execute(made.order_by(_t.try_id))).all() if notices else ():
            tries[row.notice_id].append(row)
    return [(row, tries[row.notice_id]) for row in notices]


@dataclass(frozen=True, slots=True)
class Trouble:
    """What operations should know: notices by state since a time, those that are overdue, channels that fail."""

    counts: dict[str, int]
    overdue: int
    failing: Sequence[Any]


async def trouble(engine: AsyncEngine, now: datetime, within: timedelta) -> Trouble:
    """Of the notices that ended `within` the last business time; overdue by a minute of technical time."""
    async with engine.connect() as connection:
        counts = {row.state: row.n for row in await connection.execute(_ENDED, {"since": now - within})}
        late = {"now": now, "wall": wall_now() - _PATIENCE}
        overdue = (await connection.execute(_LATE, late)).scalar_one()
        failing = (await connection.execute(_FAILING)).all()
    return Trouble(counts, overdue, failing)
