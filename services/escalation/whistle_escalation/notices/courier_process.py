"""The courier as the service sees it: a process that is started when it is needed and again when it has died.

INVARIANT: a job that has not begun when its process ends has failed, and may be done again; one that has begun is
unknown.
INVARIANT: a job that takes too long costs no other job its end.
"""

import asyncio
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import structlog

log = structlog.get_logger(__name__)
AT_ONCE = 8
_PROGRAM = Path(__file__).with_name("courier.py")
_SECONDS = 45.0
# Before a job begins. Together with the above it is less than a notice's lease.
_PATIENCE = 20.0
_LINE = 256 * 1024
Answer = dict[str, str]


@dataclass
class _Job:
    answer: asyncio.Future[Answer]
    begun: bool = False


@dataclass
class _Carrier:
    """One process and what it carries. `retired`: it is given no more, and ends with the last of its jobs."""

    process: asyncio.subprocess.Process
    jobs: dict[str, _Job] = field(default_factory=dict)
    retired: bool = False

    def tell(self, what: Mapping[str, Any]) -> None:
        """Write one line to it."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(what).encode() + b"\n")

    def kill(self) -> None:
        """End it, unless it has ended."""
        if self.process.returncode is None:
            self.process.kill()


class Courier:
    """Hands jobs to the process and brings back their answers. `allowed`, `authorities`: as the settings have them."""

    def __init__(self, allowed: str, authorities: Path | None) -> None:
        authority = None if authorities is None else str(authorities)
        self._settings = {"allowed": allowed, "authorities": authority, "at_once": AT_ONCE}
        self._carrier: _Carrier | None = None
        self._listening: set[asyncio.Task[None]] = set()
        self._starting = asyncio.Lock()
        # As many as the process has threads: what is written to it begins at once.
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def ask(self, do: str, job: Mapping[str, Any]) -> Answer:
        """The answer to a job: at least `outcome`; `unknown` when the process died over it or took too long, `failed`
        when the job has not begun."""
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._slots.acquire()
        except TimeoutError:
            return {"outcome": "failed", "receipt": "too much is being sent"}
        try:
            return await self._answer({"id": uuid4().hex, "do": do, **job})
        finally:
            self._slots.release()

    async def _answer(self, job: dict[str, Any]) -> Answer:
        carrier = await self._running()
        mine = carrier.jobs[job["id"]] = _Job(asyncio.get_running_loop().create_future())
        try:
            carrier.tell(job)
            async with asyncio.timeout(_SECONDS):
                return await mine.answer
        except TimeoutError:
            log.warning("courier.too_slow")
            self._retire(carrier)
            return {"outcome": "unknown", "receipt": "took too long"}
        finally:
            del carrier.jobs[job["id"]]
            if carrier.retired and not carrier.jobs:
                carrier.kill()

    def _retire(self, carrier: _Carrier) -> None:
        carrier.retired = True
        if self._carrier is carrier:
            self._carrier = None

    async def _running(self) -> _Carrier:
        async with self._starting:
            if self._carrier is None:
                # Isolated, and without this process's environment: there are its secrets.
                process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-I",
                    str(_PROGRAM),
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    env={"LANG": "C.UTF-8"},
                    limit=_LINE,
                )
                self._carrier = _Carrier(process)
                self._carrier.tell(self._settings)
                listening = asyncio.create_task(self._listen(self._carrier), name="courier")
                self._listening.add(listening)
                listening.add_done_callback(self._listening.discard)
            return self._carrier

    async def _listen(self, carrier: _Carrier) -> None:
        assert carrier.process.stdout is not None
        try:
            async for line in carrier.process.stdout:
                told = json.loads(line)
                job = carrier.jobs.get(told["id"])
                if job is not None and "begun" in told:
                    job.begun = True
                elif job is not None and not job.answer.done():
                    job.answer.set_result(told)
        finally:
            # First of all: nothing is written any more to what has ended.
            self._retire(carrier)
            for job in carrier.jobs.values():
                if not job.answer.done():
                    job.answer.set_result({"outcome": "unknown" if job.begun else "failed", "receipt": "interrupted"})
            carrier.kill()
            await carrier.process.wait()

    async def close(self) -> None:
        """End every process; what is under way ends with it."""
        for listening in self._listening:
            listening.cancel()
        await asyncio.gather(*self._listening, return_exceptions=True)
