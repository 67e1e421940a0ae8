"""escalation's event log as a command reads it: in the order of its positions, in chunks, each row an event again."""

from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from whistle_ctl.errors import Refused
from whistle_shared.contracts import EventData, event_type
from whistle_shared.contracts.dispatch import RegistryPublished
from whistle_shared.registry import Registry
from whistle_shared.replica import newest_whole

_CHUNK = 2000
_LOG = "select position, event_id, key, at, data from event_log where key = any(:keys) order by position"
_STORED = "select section, rows from registry_part where version = :version order by section, part"
_VERSIONS = "select version, section, sections from registry_part"


async def stream(connection: AsyncConnection, keys: Iterable[str]) -> AsyncIterator[Any]:
    """Rows of the log with these keys: `position`, `event_id`, `key`, `at` (business), `data`."""
    rows = await connection.stream(text(_LOG).execution_options(yield_per=_CHUNK), {"keys": list(keys)})
    async for row in rows:
        yield row


def revive(key: str, data: dict[str, Any]) -> EventData:
    """The event of which the log kept `data`: everything but a resident's own words. Raises Refused."""
    model = event_type(key)
    if model is None:
        raise Refused(f"the log holds a {key}, which this build does not know")
    if isinstance(data.get("facts"), dict):
        data = {**data, "facts": {"description": "(not kept)", **data["facts"]}}
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise Refused(f"the log holds a {key} that cannot be read: {error}") from None


@dataclass(slots=True)
class Registries:
    """The versions of the registry, by the log; where the log does not reach back so far, by the stored copy."""

    _parts: dict[int, dict[tuple[str, int], RegistryPublished]] = field(default_factory=dict)
    _built: dict[int, Registry] = field(default_factory=dict)

    @classmethod
    async def of_log(cls, connection: AsyncConnection) -> "Registries":
        """Every version that the log holds."""
        known = cls()
        async for row in stream(connection, [RegistryPublished.key]):
            part = RegistryPublished.model_validate(row.data)
            known._parts.setdefault(part.version, {})[part.section, part.part] = part
        return known

    async def newest(self, connection: AsyncConnection) -> Registry:
        """The newest whole version. Raises Refused when there is none."""
        heard: list[tuple[int, str, Mapping[str, int]]] = [
            (version, part.section, {str(name): parts for name, parts in part.sections.items()})
            for version, parts in self._parts.items()
            for part in parts.values()
        ]
        stored = (await connection.execute(text(_VERSIONS))).all()
        known = newest_whole(heard) or newest_whole([(row.version, row.section, row.sections) for row in stored])
        if known is None:
            raise Refused("no whole registry is in the log")
        return await self.version(connection, known)

    async def version(self, connection: AsyncConnection, version: int) -> Registry:
        """One version. Raises Refused when it is nowhere."""
        if version not in self._built:
            rows: dict[str, list[Mapping[str, Any]]] = {}
            for part in sorted(self._parts.get(version, {}).values(), key=lambda part: (part.section, part.part)):
                rows.setdefault(part.section, []).extend(part.rows)
            if not rows:
                for stored in await connection.execute(text(_STORED), {"version": version}):
                    rows.setdefault(stored.section, []).extend(stored.rows)
            if not rows:
                raise Refused(f"registry version {version} is not in the log")
            self._built[version] = Registry.from_rows(version, rows)  # type: ignore[arg-type]
        return self._built[version]
