"""Kill -9 each process of the real stack in mid-flight; look from outside; nothing lost, nothing doubled.

INVARIANT: an effect, the events it emits and the inbox row of the event that caused it are one transaction, so a
process may die at any line. The play, the independent oracle and the count are the demo's (EVENTS.md section 4).
"""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console

from whistle_demo import count, pack, play, scenario, show, stage
from whistle_local import Stack, preparation
from whistle_local.services import SERVICES

ROOT = Path(__file__).parents[2]
VICTIMS = ("intake", "dispatch", "broker", "department", "department-ga", "database", "escalation")
TIMES = stage.Times(
    opening=datetime.fromisoformat("2026-03-09T09:00:00+08:00"),
    end=datetime.fromisoformat("2026-03-09T12:00:00+08:00"),
    rate=180,
)
PAUSE = 5.0


@pytest.fixture
def stack() -> Iterator[Stack]:
    with Stack(ROOT / ".local" / "faults", free_service_ports=True) as running:
        yield running


async def _play_and_kill(stack: Stack, set_up: stage.Stage, district: pack.Pack) -> tuple[count.Summary, list[str]]:
    """The demo's whistles, all raised within the time in which the killing goes on."""
    plans = [replace(planned, after=planned.after / 3) for planned in scenario.script()]
    with show.Progress(Console(quiet=True), len(plans)) as progress:
        playing = asyncio.create_task(play.perform(set_up, plans, district, progress))
        for victim in VICTIMS:
            done, _ = await asyncio.wait({playing}, timeout=PAUSE)
            assert not done, f"the play ended before {victim} was killed"
            await asyncio.to_thread(stack.kill, victim)
        seen, ledger = await playing
    return count.summarise(seen, ledger, district, 0)


@pytest.mark.timeout(400)
def test_killing_every_process_in_mid_flight_loses_and_doubles_nothing(stack: Stack) -> None:
    district = pack.read(ROOT / "deploy" / "district" / "sample")
    set_up = stage.build(stack, ROOT, district, TIMES, lambda text: None)
    before = {victim: stack.pid(victim) for victim in VICTIMS}

    summary, faults = asyncio.run(_play_and_kill(stack, set_up, district))

    assert not faults
    assert (summary.lost, summary.duplicated, summary.parked, summary.queues_empty) == (0, 0, 0, True)
    assert summary.whistles_raised == len(scenario.script())
    assert len(summary.escalations_by_rung) >= 3
    assert all(stack.pid(victim) != before[victim] for victim in VICTIMS), "every victim was started again"
    for service in SERVICES:  # whoever died while it linked: the chain of the audit is whole
        said = preparation.whistlectl(stack.root / "env" / f"{service.name}.env", "audit", "verify")
        assert "nothing is wrong" in said, f"{service.name}: {said}"
    assert TIMES.end - TIMES.opening > timedelta(seconds=PAUSE * len(VICTIMS) * TIMES.rate), "killed while it ran"
