"""The stored registry and calendars, as a value that follows its tables.

dispatch writes the tables when a pack is loaded; the others fill theirs from the events. All read them here.
INVARIANT: a reader sees one whole version or none, never a mixture.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

import orjson
import structlog
from pydantic import ValidationError
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from whistle_shared.contracts import Event
from whistle_shared.contracts.dispatch import CalendarPublished, RegistryPublished
from whistle_shared.db import Unit, is_passing
from whistle_shared.db.tables import calendar_year, registry_part
from whistle_shared.errors import Invalid
from whistle_shared.messaging import RetryLater
from whistle_shared.registry import Registry
from whistle_shared.worktime import Calendar, CalendarYear, HoursProfile

log = structlog.get_logger(__name__)
_EVERY = 1.0
_PAST = 4
_FIRST_YEAR, _LAST_YEAR = 2000, 2200


class Replica:
    """The newest whole registry (None before the first) and the calendars of every version."""

    def __init__(self) -> None:
        self.registry: Registry | None = None
        self._years: list[CalendarPublished] = []
        self._built: dict[int, Calendar] = {}
        self._mark: tuple[Any, ...] = ()
        self._past: dict[int, Registry] = {}
        self._reading = asyncio.Lock()
        self.looked = asyncio.Event()

    @property
    def ready(self) -> bool:
        """Whether there is a whole registry and at least one calendar."""
        return self.registry is not None and bool(self._years)

    @property
    def calendar_version(self) -> int:
        return max((year.version for year in self._years), default=0)

    def published(self, year: int) -> CalendarPublished | None:
        """The newest publication of a year, its version and the years beside it left out, for comparison."""
        found = [known for known in self._years if known.year == year]
        return found[-1].model_copy(update={"version": 0, "years": ()}) if found else None

    def calendar(self, version: int | None = None) -> Calendar:
        """The calendar as it stood at `version` (default: the newest): for each year its latest publication."""
        asked = self.calendar_version if version is None else version
        if asked not in self._built:
            self._built[asked] = _calendar([year for year in self._years if year.version <= asked], asked)
        return self._built[asked]

    async def follow(self, engine: AsyncEngine) -> None:
        """Keep in step with the tables until cancelled."""
        while True:
            try:
                async with engine.connect() as connection:
                    await self.refresh(connection)
                self.looked.set()
            except Exception as error:
                if not is_passing(error):
                    raise
                log.warning("registry.not_read", error=str(error)[:200])
            await asyncio.sleep(_EVERY)

    async def refresh(self, connection: AsyncConnection) -> None:
        """Read the tables again if they have grown. One reads at a time: whoever began earlier could finish later, and
        leave an older version behind."""
        async with self._reading:
            await self._refresh(connection)

    async def _refresh(self, connection: AsyncConnection) -> None:
        mark = tuple(
            (
                await connection.execute(
                    select(
                        select(func.count()).select_from(registry_part).scalar_subquery(),
                        select(func.max(registry_part.c.version)).scalar_subquery(),
                        select(func.count()).select_from(calendar_year).scalar_subquery(),
                    )
                )
            ).one()
        )
        if mark == self._mark:
            return
        await self._read_registry(connection)
        rows = await connection.execute(select(calendar_year.c.body).order_by(calendar_year.c.version))
        self._years = _whole([CalendarPublished.model_validate(row.body) for row in rows])
        self._built = {}
        self._mark = mark

    async def at(self, connection: AsyncConnection, version: int) -> Registry | None:
        """A stored version as it was; None where there is none. The last few are kept: they never change."""
        if self.registry is not None and self.registry.version == version:
            return self.registry
        found = self._past.get(version) or await _registry_at(connection, version)
        if found is not None:
            self._past = dict([*self._past.items(), (version, found)][-_PAST:])
        return found

    async def _read_registry(self, connection: AsyncConnection) -> None:
        t = registry_part.c
        present = (await connection.execute(select(t.version, t.section, t.sections))).all()
        version = newest_whole([(row.version, row.section, row.sections) for row in present])
        if version is None or (self.registry is not None and self.registry.version == version):
            return
        self.registry = await _registry_at(connection, version)
        log.info("registry.version", version=version)


async def _registry_at(connection: AsyncConnection, version: int) -> Registry | None:
    t = registry_part.c
    parts = select(t.section, t.rows).where(t.version == version).order_by(t.section, t.part)
    rows: dict[str, list[Mapping[str, Any]]] = {}
    for part in await connection.execute(parts):
        rows.setdefault(part.section, []).extend(part.rows)
    return Registry.from_rows(version, rows) if rows else None  # type: ignore[arg-type]


async def calendar_at(connection: AsyncConnection, version: int) -> tuple[CalendarPublished, ...]:
    """The years that were published as this version, in order."""
    t = calendar_year.c
    years = await connection.execute(select(t.body).where(t.version == version).order_by(t.year))
    return tuple(CalendarPublished.model_validate(row.body) for row in years)


def newest_whole(present: list[tuple[int, str, Mapping[str, int]]]) -> int | None:
    """The highest version of which every part of every section is present, or None."""
    counts: dict[int, dict[str, int]] = {}
    wanted: dict[int, Mapping[str, int]] = {}
    for version, section, sections in present:
        wanted[version] = sections
        counts.setdefault(version, {}).setdefault(section, 0)
        counts[version][section] += 1
    return max((version for version, sections in wanted.items() if counts[version] == sections), default=None)


def _whole(published: list[CalendarPublished]) -> list[CalendarPublished]:
    """Those whose version has all its years."""
    present = {(event.version, event.year) for event in published}
    return [event for event in published if all((event.version, year) in present for year in event.years)]


def _calendar(published: list[CalendarPublished], version: int) -> Calendar:
    latest = {year.year: year for year in published}
    years = {year: CalendarYear.from_dict(event.model_dump()) for year, event in latest.items()}
    hours = HoursProfile.from_dict(published[-1].model_dump()) if published else HoursProfile()
    return Calendar(years=years, hours=hours, version=version)


def on_registry_published(unit: Unit, event: Event[RegistryPublished]) -> None:
    """Keep one part of a version. Raises Invalid for rows that no registry can hold: kept, they would stop every
    reader."""
    try:
        Registry.from_rows(event.data.version, {event.data.section: event.data.rows})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise Invalid("rows", f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    keep_part(unit, event.data)


def keep_part(unit: Unit, part: RegistryPublished) -> None:
    """Store one part of a version, once."""
    unit.keep(
        registry_part,
        version=part.version,
        section=part.section,
        part=part.part,
        sections=orjson.dumps(part.sections).decode(),
        rows=orjson.dumps(part.rows).decode(),
    )


def on_calendar_published(unit: Unit, event: Event[CalendarPublished]) -> None:
    """Keep one version of one year. Raises Invalid for one that cannot be counted by."""
    said = event.data.model_dump()
    if not _FIRST_YEAR <= event.data.year <= _LAST_YEAR:
        raise Invalid("year", f"must be one of {_FIRST_YEAR} to {_LAST_YEAR}")
    try:
        CalendarYear.from_dict(said)
        HoursProfile.from_dict(said)
    except (ValueError, TypeError) as error:
        raise Invalid("days", str(error)) from None
    keep_calendar(unit, event.data)


def keep_calendar(unit: Unit, year: CalendarPublished) -> None:
    """Store one version of one year, once."""
    unit.keep(calendar_year, version=year.version, year=year.year, body=year.model_dump_json())


def serving_fault(replica: Replica, producer: str, department: str) -> str | None:
    """Why `producer` may not speak for `department`, or None (EVENTS.md R8). Raises RetryLater while the registry
    does not know the department: its news may be newer than ours."""
    known = replica.registry.department_by_code.get(department) if replica.registry else None
    if known is None:
        raise RetryLater(f"department {department!r} is not in the registry (yet)")
    if producer != f"department.{known.instance}":
        return f"department {department!r} is served by instance {known.instance!r}, not by {producer!r}"
    return None
