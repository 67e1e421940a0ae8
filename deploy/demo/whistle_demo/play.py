"""The play itself: everybody acts until business time stands still, then the count."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import httpx

from whistle_demo import assessment, client, count, oracle, stories
from whistle_demo.cast import DutyOfficer, Streets, WhistleOffice
from whistle_demo.client import Api, Refused
from whistle_demo.count import Seen
from whistle_demo.ledger import Ledger
from whistle_demo.outside import Outside
from whistle_demo.pack import Pack
from whistle_demo.scenario import Planned
from whistle_demo.show import Progress
from whistle_demo.stage import Stage

_OPERATIONS = ("operations", "*")
_INSPECTION = ("inspector", "*")
# With a script every department minds its desk; a flood of messages gets a sample of answers.
_SCRIPTED = 200
_ATTENTION, _POLL = 1.0, 0.5
_FLOOD_ATTENTION, _FLOOD_POLL = 0.2, 3.0


async def perform(stage: Stage, plans: list[Planned], pack: Pack, progress: Progress) -> tuple[Seen, Ledger]:
    """Raises and answers everything, waits until nothing moves, and looks."""
    ledger = Ledger()
    async with client.connect(stage.addresses.values()) as http:
        outside = _outside(http, stage)
        watch = _Watch(stage, ledger, outside, progress)
        watching = asyncio.create_task(watch.run())
        try:
            await _act(http, stage, plans, pack, ledger)
            watch.note = "业务时间已停，等待收尾 business time stands still"
            seen = await count.observe(outside, ledger, stage.clock.end, watch.tell)
            watch.note = "公布榜单，由事件日志重算 boards, and the numbers reckoned anew from the log"
            inspection = _api(http, stage, "escalation", _INSPECTION)
            seen = await assessment.assess(seen, inspection, stage.database_urls["escalation"])
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching
        return seen, ledger


async def _act(http: httpx.AsyncClient, stage: Stage, plans: list[Planned], pack: Pack, ledger: Ledger) -> None:
    """Returns when business time stands still and everybody has finished what they had begun."""
    flood = len(plans) > _SCRIPTED
    attention, poll = (_FLOOD_ATTENTION, _FLOOD_POLL) if flood else (_ATTENTION, _POLL)
    apis = {code: _api(http, stage, "intake", ("street_initiator", code)) for code in pack.streets}
    desk = WhistleOffice(_api(http, stage, "dispatch", ("arbitrator", "*")), stage.clock, ledger, poll)
    owed = sum(bool(planned.routed_to) and oracle.needs_office(planned, pack) for planned in plans)
    desks = {
        code: _api(http, stage, _process(code, pack), ("department_head", code))
        for code in sorted({code for planned in plans for code in oracle.called(planned, pack)})
    }
    told = [planned for planned in plans if planned.story]
    elsewhere = frozenset(planned.title for planned in told)
    cast = stories.Cast(apis, desks, _api(http, stage, "dispatch", ("arbitrator", "*")), stage.clock, ledger)
    await stage.clock.reaches(stage.opening)
    async with asyncio.TaskGroup() as group:
        for code, api in desks.items():
            officer = DutyOfficer(code, api, stage.clock, ledger, attention, poll, elsewhere)
            group.create_task(officer.serve())
        group.create_task(stories.tell_all(cast, told))
        group.create_task(desk.serve(owed))
        group.create_task(Streets(apis, stage.clock, ledger).raise_all(plans, stage.opening))
        group.create_task(stage.clock.reaches(stage.clock.end))


def _process(department: str, pack: Pack) -> str:
    """The department service that serves it, as a process is named."""
    instance = pack.instances[department]
    return "department" if instance == "hosted" else f"department-{instance}"


def _api(http: httpx.AsyncClient, stage: Stage, process: str, holder: tuple[str, str]) -> Api:
    return Api(http, stage.addresses[process], stage.tokens[process][holder])


def _outside(http: httpx.AsyncClient, stage: Stage) -> Outside:
    return Outside(
        http=http,
        addresses=stage.addresses,
        management_url=stage.management_url,
        intake=_api(http, stage, "intake", _OPERATIONS),
        dispatch=_api(http, stage, "dispatch", _OPERATIONS),
        departments=tuple(_api(http, stage, name, _OPERATIONS) for name in stage.addresses if "department" in name),
        escalation=_api(http, stage, "escalation", _OPERATIONS),
    )


class _Watch:
    """Keeps the progress display going; what it cannot learn it leaves out."""

    def __init__(self, stage: Stage, ledger: Ledger, outside: Outside, progress: Progress) -> None:
        self._stage = stage
        self._ledger = ledger
        self._outside = outside
        self._progress = progress
        self.note = ""
        self.tell: Callable[[str], None] = self._tell

    def _tell(self, text: str) -> None:
        self.note = text[:160]

    async def run(self) -> None:
        while True:
            statistics = None
            with suppress(TimeoutError, Refused):
                statistics = await asyncio.wait_for(self._outside.statistics(), 2)
            self._progress.update(self._stage.clock.now(), self._ledger, statistics, self.note)
            await asyncio.sleep(1)
