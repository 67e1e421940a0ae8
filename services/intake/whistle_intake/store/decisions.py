"""Rows to requests, meetings, call-backs and scores, and back."""

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Table, select

from whistle_intake import domain, tables
from whistle_shared.contracts.intake import ActionItem, TaskEvaluated
from whistle_shared.db import Unit, among, columns_of

_REQUEST = [field.name for field in fields(domain.Request)]
_MEETING = [field.name for field in fields(domain.Meeting)]
_CALLBACK = [field.name for field in fields(domain.Callback)]


async def load_decisions(unit: Unit, ids: list[UUID]) -> dict[UUID, dict[str, Any]]:
    """What was asked and decided under these whistles, as fields of `domain.Whistle`."""
    found: dict[UUID, dict[str, Any]] = {}
    for row in await _rows(unit, tables.request, ids):
        found.setdefault(row.whistle_id, {}).setdefault("requests", {})[row.request_id] = to_request(row)
    for row in await _rows(unit, tables.meeting, ids):
        found.setdefault(row.whistle_id, {}).setdefault("meetings", {})[row.meeting_id] = to_meeting(row)
    for row in await _rows(unit, tables.callback, ids):
        found.setdefault(row.whistle_id, {}).setdefault("callbacks", {})[row.round] = to_callback(row)
    return found


async def _rows(unit: Unit, table: Table, ids: list[UUID]) -> Iterable[Any]:
    return await unit.connection.execute(select(table).where(among(table.c.whistle_id, ids)))


def to_request(row: Any) -> domain.Request:
    """A request from its row."""
    return domain.Request(**{name: getattr(row, name) for name in _REQUEST})


def to_meeting(row: Any) -> domain.Meeting:
    """A meeting from its row."""
    plain = {name: getattr(row, name) for name in _MEETING}
    items = tuple(ActionItem.model_validate(item) for item in row.items)
    return domain.Meeting(
        **plain | {"departments": tuple(row.departments), "attended": tuple(row.attended), "items": items}
    )


def to_callback(row: Any) -> domain.Callback:
    """A call-back from its row."""
    return domain.Callback(**{name: getattr(row, name) for name in _CALLBACK})


def save_decisions(unit: Unit, before: domain.Whistle, after: domain.Whistle) -> None:
    """Store what changed among requests, meetings and call-backs."""
    whistle_id = after.whistle_id
    for known, now, table, row in (
        (before.requests, after.requests, tables.request, columns_of),
        (before.meetings, after.meetings, tables.meeting, _meeting_row),
        (before.callbacks, after.callbacks, tables.callback, columns_of),
    ):
        for key, value in _changed(known, now):
            write = unit.update if key in known else unit.insert
            write(table, whistle_id=whistle_id, **row(value))


def _changed(before: Mapping[Any, Any], after: Mapping[Any, Any]) -> list[tuple[Any, Any]]:
    return [(key, value) for key, value in after.items() if before.get(key) != value]


def _meeting_row(meeting: domain.Meeting) -> dict[str, Any]:
    return columns_of(meeting) | {
        "departments": orjson.dumps(meeting.departments).decode(),
        "attended": orjson.dumps(meeting.attended).decode(),
        "items": orjson.dumps([item.model_dump(mode="json") for item in meeting.items]).decode(),
    }


def keep_score(unit: Unit, said: TaskEvaluated) -> None:
    """Keep one revision of a task's score."""
    unit.insert(
        tables.evaluation,
        task_id=said.task_id,
        revision=said.revision,
        whistle_id=said.whistle_id,
        score=said.score.model_dump_json(),
        basis=said.basis,
        by_default=said.by_default,
        by=said.by,
        at=unit.now,
    )
