"""Sets the stage: a clean stack of the profile `demo`, its business time, and the tokens of the cast."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from whistle_demo import tokens
from whistle_demo.clock import Clock
from whistle_demo.pack import Pack
from whistle_local import Stack
from whistle_shared.timesource import AffineTime, wall_now

# What starting the five services takes; on a slower machine the first whistles are blown some business time later.
_LEAD = timedelta(seconds=8)


@dataclass(frozen=True, slots=True)
class Stage:
    """A stack that is ready. `addresses`, `database_urls` and `tokens` by process name, as `department-ga`; `watcher`:
    username and password of an account that sees the dashboard."""

    addresses: Mapping[str, str]
    database_urls: Mapping[str, str]
    tokens: Mapping[str, Mapping[tokens.Holder, str]]
    watcher: tuple[str, str]
    management_url: str
    clock: Clock
    opening: datetime


@dataclass(frozen=True, slots=True)
class Times:
    """`opening` and `end`: business instants; `rate`: business seconds per second."""

    opening: datetime
    end: datetime
    rate: float


def build(stack: Stack, project: Path, pack: Pack, times: Times, tell: Callable[[str], None]) -> Stage:
    """Starts everything anew; returns when all five services are ready, at about the business time of the opening."""
    tell("RabbitMQ, PostgreSQL …")
    infrastructure = stack.start_infrastructure()
    stack.reset()
    tell("迁移、拓扑、示例区 migrations, topology, sample district …")
    stack.environment |= _environment(times.opening - timedelta(days=1), wall_now(), 1.0, times.end)
    stack.prepare(project)
    minted = asyncio.run(_mint_all(infrastructure.database_urls, pack))
    watcher = asyncio.run(tokens.open_account(infrastructure.database_urls["escalation"], ("operations", "*")))
    tell("服务 services …")
    anchor = wall_now() + _LEAD
    stack.environment |= _environment(times.opening, anchor, times.rate, times.end)
    addresses = stack.start_services()
    return Stage(
        addresses=addresses,
        database_urls=infrastructure.database_urls,
        tokens=minted,
        watcher=watcher,
        management_url=infrastructure.management_url,
        clock=Clock(AffineTime(times.opening, anchor, times.rate, times.end)),
        opening=times.opening,
    )


def _environment(business: datetime, wall: datetime, rate: float, until: datetime) -> dict[str, str]:
    return {
        "WHISTLE_TIME_ANCHOR_BUSINESS": business.isoformat(),
        "WHISTLE_TIME_ANCHOR_WALL": wall.isoformat(),
        "WHISTLE_TIME_RATE": str(rate),
        "WHISTLE_TIME_UNTIL": until.isoformat(),
    }


async def _mint_all(database_urls: Mapping[str, str], pack: Pack) -> dict[str, dict[tokens.Holder, str]]:
    operations = ("operations", "*")
    holders: dict[str, list[tokens.Holder]] = {name: [operations] for name in database_urls}
    holders["intake"] += [("street_initiator", street) for street in pack.streets]
    holders["dispatch"] += [("arbitrator", "*")]
    holders["escalation"] += [("inspector", "*")]
    for code, instance in pack.instances.items():
        holders["department" if instance == "hosted" else f"department-{instance}"] += [("department_head", code)]
    return {name: await tokens.mint(database_urls[name], wanted) for name, wanted in holders.items()}
