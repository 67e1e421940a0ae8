"""Counts what happened, from outside. Source of every definition: EVENTS.md section 4."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from time import monotonic
from typing import Any
from uuid import UUID

import httpx

from whistle_demo import oracle
from whistle_demo.ledger import Ledger
from whistle_demo.outside import PARKING, Outside
from whistle_demo.pack import Pack

# The broker's figures are up to five seconds old, so calm must last longer than that to be true.
CALM_SECONDS = 6.0
SETTLING_SECONDS = 300.0
_DECIDERS = ("intake", "dispatch")
_ACKNOWLEDGED = "department.task_acknowledged.v1"


@dataclass(frozen=True, slots=True)
class Summary:
    """`summary.json`, key by key."""

    whistles_raised: int
    tasks_expected: int
    tasks_dispatched: int
    tasks_acknowledged: int
    acknowledged_late: int
    warnings: int
    breaches: int
    escalations: int
    escalations_by_rung: dict[str, int]
    escalations_withdrawn: int
    returns_arbitrated: int
    extensions_granted: int
    reworks: int
    meetings: int
    whistles_closed: int
    board_rows: int
    recomputed_equal: bool
    lost: int
    duplicated: int
    parked: int
    queues_empty: bool
    seconds: float

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Seen:
    """Everything that the public APIs showed at the end, and what is still moving (None: nothing).

    `board_rows`: of the boards published at the end; `recomputed_equal`: whether every measure, reckoned anew from the
    event log alone, is what the service shows; `differences`: where not.
    """

    tasks: list[dict[str, Any]]
    clocks: list[dict[str, Any]]
    escalations: list[dict[str, Any]]
    told: dict[UUID, dict[str, Any]]
    undispatched: frozenset[UUID]
    queues: dict[str, int]
    moving: str | None
    board_rows: int = 0
    recomputed_equal: bool = False
    differences: tuple[str, ...] = ()


async def observe(outside: Outside, ledger: Ledger, end: datetime, tell: Callable[[str], None]) -> Seen:
    """Waits, after the end of business time, until nothing moves any more, and reads everything the count needs.

    Nothing moves: outboxes and queues are empty for longer than the broker's figures are old, and no clock is left to
    fire. After SETTLING_SECONDS it reads what there is, and says in `moving` what still moved. Raises Refused.
    """
    limit = monotonic() + SETTLING_SECONDS
    while True:
        moving, queues = await _calm(outside, limit, tell)
        tell("清点 counting")
        seen = await _look(outside, ledger, moving, queues)
        unfired = _unfired(seen.clocks, end)
        if unfired is None or monotonic() > limit:
            return replace(seen, moving=seen.moving or unfired)
        tell(unfired)


async def _calm(outside: Outside, limit: float, tell: Callable[[str], None]) -> tuple[str | None, dict[str, int]]:
    """Returns when all was empty for CALM_SECONDS, or at the limit with what was not; and the queues' lengths."""
    calm_since = monotonic()
    while True:
        moving, queues = await _moving(outside)
        if moving is not None:
            calm_since = monotonic()
            tell(moving)
        if monotonic() - calm_since >= CALM_SECONDS or monotonic() > limit:
            return moving, queues
        await asyncio.sleep(0.5)


async def _moving(outside: Outside) -> tuple[str | None, dict[str, int]]:
    try:
        pending, queues = await outside.pending(), await outside.queues()
    except httpx.HTTPError as error:
        return f"not answering: {error!r}", {}
    waiting = {f"outbox of {name}": n for name, n in pending.items()}
    waiting |= {f"queue {name}": n for name, n in queues.items() if name != PARKING}
    return ", ".join(f"{name}: {n}" for name, n in waiting.items() if n) or None, queues


def _unfired(clocks: list[dict[str, Any]], end: datetime) -> str | None:
    left = sum(clock["next_at"] is not None and datetime.fromisoformat(clock["next_at"]) <= end for clock in clocks)
    return f"clocks due and not fired: {left}" if left else None


async def _look(outside: Outside, ledger: Ledger, moving: str | None, queues: dict[str, int]) -> Seen:
    at_once = {whistle for whistle in ledger.withdrawn if not ledger.raised[whistle].withdrawn_after}
    return Seen(
        tasks=await outside.tasks(),
        clocks=await outside.clocks(),
        escalations=await outside.escalations(),
        told=await outside.whistles({*ledger.acknowledged.values(), *ledger.told}),
        undispatched=await outside.undispatched(at_once),
        queues=queues,
        moving=moving,
    )


def summarise(seen: Seen, ledger: Ledger, pack: Pack, seconds: float) -> tuple[Summary, list[str]]:
    """The summary, and every fault in words. Pure."""
    expected = oracle.pairs(ledger.raised.items(), seen.undispatched, pack)
    called = [_pair(task) for task in seen.tasks]
    fired = [(rung["clock_id"], rung["rung"]) for rung in seen.escalations]
    by_rung = Counter(str(rung["rung"]) for rung in seen.escalations)
    missing = _missing(seen, ledger, expected)
    summary = Summary(
        whistles_raised=len(ledger.raised),
        tasks_expected=len(expected),
        tasks_dispatched=len(set(called)),
        tasks_acknowledged=sum(task["acknowledged_at"] is not None for task in seen.tasks),
        acknowledged_late=sum(clock["name"] == "ack" and clock["status"] == "met_late" for clock in seen.clocks),
        warnings=sum(clock["warned"] for clock in seen.clocks),
        breaches=sum(clock["breached_at"] is not None for clock in seen.clocks),
        escalations=len(seen.escalations),
        escalations_by_rung=dict(sorted(by_rung.items())),
        escalations_withdrawn=sum(rung["status"] == "withdrawn" for rung in seen.escalations),
        returns_arbitrated=_said(seen, "dispatch.return_decided.v1") + _said(seen, "dispatch.dispute_decided.v1"),
        extensions_granted=sum(_said(seen, f"{who}.extension_decided.v1", granted=True) for who in _DECIDERS),
        reworks=_said(seen, "intake.task_rework_ordered.v1"),
        meetings=_said(seen, "intake.meeting_minuted.v1"),
        whistles_closed=sum(whistle["state"] == "closed" for whistle in seen.told.values()),
        board_rows=seen.board_rows,
        recomputed_equal=seen.recomputed_equal,
        lost=len(missing),
        duplicated=oracle.seen_again(called) + oracle.seen_again(fired),
        parked=seen.queues.get(PARKING, 0),
        queues_empty=seen.moving is None,
        seconds=round(seconds, 1),
    )
    wrong = _wrong(seen, ledger, set(called) - expected)
    return summary, [*ledger.problems, *missing, *wrong, *_doubled(called, fired)]


def _said(seen: Seen, event: str, **data: object) -> int:
    """How often the timelines tell of this event (with these data)."""
    return sum(
        entry["event"] == event and data.items() <= entry["data"].items()
        for whistle in seen.told.values()
        for entry in whistle["timeline"]
    )


def _pair(task: dict[str, Any]) -> oracle.Pair:
    return UUID(task["whistle_id"]), task["round"], task["department"], task["origin"]


def _missing(seen: Seen, ledger: Ledger, expected: set[oracle.Pair]) -> list[str]:
    """One line for each thing lost."""
    called = {_pair(task) for task in seen.tasks}
    armed = {clock["task_id"] for clock in seen.clocks if clock["name"] == "ack"}
    standing = [task for task in seen.tasks if UUID(task["whistle_id"]) not in ledger.withdrawn]
    told = {
        entry["data"]["task_id"]
        for whistle in seen.told.values()
        for entry in whistle["timeline"]
        if entry["event"] == _ACKNOWLEDGED
    }
    number = ledger.numbers
    return [
        *(f"lost: no task for {department} under {number[whistle]}" for whistle, _, department, _ in expected - called),
        *(f"lost: no ack clock for {_name(task, ledger)}" for task in standing if task["task_id"] not in armed),
        *(
            f"lost: the acknowledgement of task {task} is not in the timeline of {number[whistle]}"
            for task, whistle in ledger.acknowledged.items()
            if str(task) not in told
        ),
    ]


def _wrong(seen: Seen, ledger: Ledger, unexpected: set[oracle.Pair]) -> list[str]:
    """What is neither lost nor doubled and yet may not be."""
    gone = {str(whistle) for whistle in ledger.withdrawn}
    return [
        *(f"wrong: nobody asked for {department} under {whistle}" for whistle, _, department, _ in unexpected),
        *(
            f"wrong: {_name(task, ledger)} is {task['state']} although its whistle was withdrawn"
            for task in seen.tasks
            if task["whistle_id"] in gone and task["state"] != "cancelled"
        ),
        *(
            f"wrong: clock {clock['name']} of {clock['department']} runs on although its whistle was withdrawn"
            for clock in seen.clocks
            if clock["whistle_id"] in gone and clock["status"] == "running"
        ),
        *([f"still moving: {seen.moving}"] if seen.moving else []),
        *([] if seen.recomputed_equal else ["wrong: the measures reckoned anew from the event log differ"]),
        *(f"wrong: {difference}" for difference in seen.differences),
    ]


def _doubled(called: list[oracle.Pair], fired: list[tuple[str, int]]) -> list[str]:
    twice = [what for what, count in Counter([*called, *fired]).items() if count > 1]
    return [f"doubled: {what}" for what in twice]


def _name(task: dict[str, Any], ledger: Ledger) -> str:
    return f"{task['department']} under {ledger.numbers.get(UUID(task['whistle_id']), task['whistle_id'])}"
