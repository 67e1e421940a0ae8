"""Whistles that may be about the same matter, for a whole batch in one statement.

INVARIANT: a matter without a category, or without both grid and point, asks the database nothing.
"""

from collections.abc import Mapping
from datetime import datetime
from math import cos, radians
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from whistle_intake import domain
from whistle_shared.contracts.intake import Location
from whistle_shared.registry import Regulation

_MOST = 10
_METRES_PER_DEGREE = 111_195.0  # of latitude, on the mean sphere
_BRANCH = (
    "(select c.whistle_id from whistle c where c.category = q.category and c.street = q.street and c.{time} >= {since} "
    f"and {{where}} order by c.whistle_id desc limit {_MOST})"
)
_SAME_GRID = "c.grid = q.grid and c.stage = '{stage}'"
_NEAR = (
    "c.stage = '{stage}' and c.latitude between q.south and q.north and c.longitude between q.west and q.east "
    "and c.latitude is not null"
)
_STAGES = (("open", "blown_at", "$9"), ("closed", "closed_at", "$10"))
_BRANCHES = " union ".join(
    _BRANCH.format(time=time, since=since, where=where.format(stage=stage))
    for stage, time, since in _STAGES
    for where in (_SAME_GRID, _NEAR)
)
# The newest of each kind: an old grid with a thousand open whistles of one sub-category costs no more than a new one.
SIMILAR = f"""
select q.asked, w.whistle_id, w.number, w.street, w.initiator, w.grid, w.latitude, w.longitude,
       w.facts ->> 'title' as title, w.facts ->> 'description' as description, w.blown_at, w.closed_at
from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::float8[], $6::float8[], $7::float8[], $8::float8[])
     as q(asked, category, street, grid, south, north, west, east)
cross join lateral ({_BRANCHES}) as found
join whistle w on w.whistle_id = found.whistle_id and w.whistle_id <> q.asked
"""


async def find_similar(
    connection: AsyncConnection, probes: Mapping[UUID, domain.Probe], regulation: Regulation, now: datetime
) -> dict[UUID, list[domain.Known]]:
    """For each probe the newest whistles of its street and sub-category in its grid or near its point."""
    asked = [
        (whistle_id, probe.category, probe.street, probe.grid, *_box(probe.location, regulation))
        for whistle_id, probe in probes.items()
        if probe.searchable
    ]
    if not asked:
        return {}
    columns = (list(column) for column in zip(*asked, strict=True))
    rows = await connection.exec_driver_sql(SIMILAR, (*columns, *domain.since(regulation, now)))
    found: dict[UUID, list[domain.Known]] = {}
    for row in rows:
        found.setdefault(row.asked, []).append(_known(row))
    return found


def _box(at: Location | None, regulation: Regulation) -> tuple[float | None, ...]:
    """(south, north, west, east) of the square, in degrees, in which everything near enough lies."""
    if at is None:
        return (None, None, None, None)
    high = regulation.blowing.duplicate_metres / _METRES_PER_DEGREE
    wide = min(180.0, high / max(1e-6, cos(radians(min(89.9, abs(at.latitude) + high)))))
    return (at.latitude - high, at.latitude + high, at.longitude - wide, at.longitude + wide)


def _known(row: Any) -> domain.Known:
    at = None if row.latitude is None else Location(latitude=row.latitude, longitude=row.longitude)
    return domain.Known(
        whistle_id=row.whistle_id,
        number=row.number,
        street=row.street,
        initiator=row.initiator,
        grid=row.grid,
        location=at,
        title=row.title,
        description=row.description,
        blown_at=row.blown_at,
        closed_at=row.closed_at,
    )
