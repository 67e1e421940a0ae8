"""`whistlectl simulate`: what another policy, ladder or calendar would have made of the whistles on record.

Replays what escalation's log holds and puts warnings, breaches and escalations beside those that happened, by kind,
urgency and clock. Changes nothing.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import orjson
import structlog
import typer
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from whistle_ctl import settings
from whistle_ctl.database import engine_of
from whistle_ctl.errors import Refused
from whistle_ctl.record import revive
from whistle_ctl.rehearsal import STEPS, Recorded, Rehearsal
from whistle_ctl.supposed import Supposed, in_force, suppose
from whistle_ctl.terminal import harmless, moment, table
from whistle_dispatch.domain import PackInvalid
from whistle_dispatch.domain.terms import Rules
from whistle_shared.contracts import EventData
from whistle_shared.contracts.dispatch import TasksCalled, WhistleDispatched, WhistleUnrouted
from whistle_shared.contracts.escalation import ClockBreached, ClockEvent, ClockWarned, EscalationRaised
from whistle_shared.worktime import SHANGHAI

COUNTED: dict[type[ClockEvent], str] = {
    ClockWarned: "warnings",
    ClockBreached: "breaches",
    EscalationRaised: "escalations",
}
_REPLY = "reply"
_AT_ONCE = 200
# A whistle belongs to the span in which it was first dispatched or began to wait for it.
_CHOSEN = """
select subject from event_log where key = any(:keys)
group by subject having min(at) >= :since and min(at) < :until order by min(at), subject
"""
_STORY = """
select subject, key, producer, at, data from event_log
where subject = any(:subjects) and key = any(:keys) order by subject, at, position
"""
_SPAN = "select min(at), max(at) from event_log where key = any(:keys)"


def business(given: str) -> datetime:
    """An instant of business time: ISO 8601; without an offset it is Shanghai's."""
    try:
        at = datetime.fromisoformat(given)
        at = at if at.tzinfo else at.replace(tzinfo=SHANGHAI)
        return at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise typer.BadParameter(
            f"{harmless(given)!r} is not an instant such as 2026-06-01 or 2026-06-01T09:00"
        ) from None


@dataclass(frozen=True, slots=True, order=True)
class Line:
    """What firings are counted by."""

    kind: str
    urgency: str
    clock: str


@dataclass
class Comparison:
    """Firings by line: (happened, simulated), each by what fired."""

    whistles: int = 0
    tasks: int = 0
    lines: dict[Line, tuple[dict[str, int], dict[str, int]]] = field(default_factory=dict)

    def count(self, kind: str, urgency: str, said: Iterable[EventData], *, simulated: bool) -> None:
        """Count what was said of clocks while the whistle was of this kind and urgency."""
        for data in said:
            fired = COUNTED.get(type(data)) if isinstance(data, ClockEvent) and data.clock != _REPLY else None
            if fired is not None and isinstance(data, ClockEvent):
                pair = self.lines.setdefault(Line(kind, urgency, data.clock), ({}, {}))
                pair[simulated][fired] = pair[simulated].get(fired, 0) + 1


def command(
    policy: Annotated[
        Path, typer.Option(help="policies.csv, ladders.csv, calendar.toml, or the folder of a whole pack.", exists=True)
    ],
    since: Annotated[
        datetime | None, typer.Option(parser=business, metavar="INSTANT", help="Business time; else all of the log.")
    ] = None,
    until: Annotated[datetime | None, typer.Option(parser=business, metavar="INSTANT", help="Before then.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of a table.")] = False,
) -> None:
    """Replay the whistles first dispatched in a span under other terms, each to the end of the record. The environment
    is that of escalation. What the file does not say stays as it is in force."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        compared, supposed, span = asyncio.run(_simulate(settings.current().need("database_url"), policy, since, until))
    except PackInvalid as invalid:
        for problem in invalid.problems:
            typer.echo(harmless(str(problem)), err=True)
        raise typer.Exit(1) from None
    if as_json:
        typer.echo(orjson.dumps(_as_json(compared, span)).decode())
    else:
        typer.echo(_told(compared, supposed, span))


Span = tuple[datetime, datetime]


async def _simulate(
    database_url: str, policy: Path, since: datetime | None, until: datetime | None
) -> tuple[Comparison, Supposed, Span]:
    async with engine_of(database_url) as engine, engine.connect() as plain:
        connection = await plain.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        supposed = suppose(policy, await in_force(connection))
        first, last = await _span(connection)
        span = (since or first, until or last)
        if span[0] > span[1]:
            end = "--until" if until else "the end of the record,"
            raise Refused(f"--since {moment(span[0])} is not before {end} {moment(span[1])}")
        compared = await simulate(connection, supposed.rules, since or first, until, last)
        return compared, supposed, span


async def _span(connection: AsyncConnection) -> Span:
    first, last = (await connection.execute(text(_SPAN), {"keys": _KEYS})).one()
    if first is None:
        raise Refused("the log is empty: there is nothing to replay")
    return first, last


async def simulate(
    connection: AsyncConnection, rules: Rules, since: datetime, until: datetime | None, last: datetime
) -> Comparison:
    """Replay every whistle first dispatched from `since` to before `until` (None: no end), each up to `last`."""
    beyond = datetime.max.replace(tzinfo=SHANGHAI) if until is None else until
    starts = {"keys": [WhistleDispatched.key, WhistleUnrouted.key], "since": since, "until": beyond}
    subjects = list((await connection.execute(text(_CHOSEN), starts)).scalars())
    compared = Comparison()
    for first in range(0, len(subjects), _AT_ONCE):
        async for subject, story in _stories(connection, subjects[first : first + _AT_ONCE]):
            replay(UUID(subject), story, rules, last, compared)
    return compared


async def _stories(connection: AsyncConnection, subjects: list[str]) -> AsyncIterator[tuple[str, list[Recorded]]]:
    """Each whistle with its events in the order of business time."""
    stories: dict[str, list[Recorded]] = {subject: [] for subject in subjects}
    for row in await connection.execute(text(_STORY), {"subjects": subjects, "keys": _KEYS}):
        stories[row.subject].append(Recorded(revive(row.key, row.data), row.at, row.producer))
    for subject, story in stories.items():
        yield subject, story


def replay(whistle_id: UUID, story: list[Recorded], rules: Rules, last: datetime, compared: Comparison) -> None:
    """Play one whistle again and count what happened and what would have. Raises Refused when the supposed policies
    have no row for it."""
    rehearsal = Rehearsal(whistle_id, rules)
    kind, urgency = _nature(story)
    compared.whistles += 1
    for recorded in story:
        if isinstance(recorded.data, ClockEvent):
            compared.count(kind, urgency, [recorded.data], simulated=False)
            continue
        if isinstance(recorded.data, TasksCalled):
            compared.tasks += len(recorded.data.tasks)
        facts = getattr(recorded.data, "facts", None)
        if facts is not None and (facts.kind, facts.urgency) not in rules.registry.policy_by_pair:
            raise Refused(f"the policies have no row for {facts.kind} whistles that are {facts.urgency}")
        compared.count(kind, urgency, rehearsal.passes(recorded.at, before=True), simulated=True)
        kind, urgency = (facts.kind, facts.urgency) if facts is not None else (kind, urgency)
        compared.count(kind, urgency, rehearsal.hears(recorded), simulated=True)
    compared.count(kind, urgency, rehearsal.passes(last), simulated=True)


def _nature(story: list[Recorded]) -> tuple[str, str]:
    """What the whistle was at first."""
    facts = next((found for each in story if (found := getattr(each.data, "facts", None)) is not None), None)
    return (facts.kind, facts.urgency) if facts is not None else ("", "")


_KEYS = [model.key for model in (*STEPS, *COUNTED)]


def _as_json(compared: Comparison, span: Span) -> dict[str, Any]:
    return {
        "since": moment(span[0]),
        "until": moment(span[1]),
        "whistles": compared.whistles,
        "tasks": compared.tasks,
        "rows": [
            {"kind": line.kind, "urgency": line.urgency, "clock": line.clock, **_sides(pair)}
            for line, pair in sorted(compared.lines.items())
        ],
        "total": _sides(_total(compared)),
    }


def _sides(pair: tuple[dict[str, int], dict[str, int]]) -> dict[str, dict[str, int]]:
    return {
        side: {fired: counted.get(fired, 0) for fired in COUNTED.values()}
        for side, counted in zip(("happened", "simulated"), pair, strict=True)
    }


def _total(compared: Comparison) -> tuple[dict[str, int], dict[str, int]]:
    happened, simulated = (
        {fired: sum(pair[side].get(fired, 0) for pair in compared.lines.values()) for fired in COUNTED.values()}
        for side in (0, 1)
    )
    return happened, simulated


def _told(compared: Comparison, supposed: Supposed, span: Span) -> str:
    head = ("kind", "urgency", "clock", *(f"{fired} then → now" for fired in COUNTED.values()))
    rows = [(line.kind, line.urgency, line.clock, *_cells(pair)) for line, pair in sorted(compared.lines.items())]
    rows.append(("all", "", "", *_cells(_total(compared))))
    said = (
        f"{compared.whistles} whistles with {compared.tasks} tasks from {moment(span[0])} to {moment(span[1])}, "
        f"as they went and as they would have gone with {harmless(supposed.changed)}"
    )
    return f"{said}\n{table(head, rows)}"


def _cells(pair: tuple[dict[str, int], dict[str, int]]) -> list[str]:
    return [f"{pair[0].get(fired, 0)} → {pair[1].get(fired, 0)}" for fired in COUNTED.values()]
