"""The courier as the service sees it: a process that is started when it is needed and again when it has died."""

import asyncio
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import structlog

log = structlog.get_logger(__name__)
_PROGRAM = Path(__file__).with_name("courier.py")
_SECONDS = 45.0
_WAITING = 64
_LINE = 256 * 1024


class Courier:
    """Hands jobs to the process and brings back their answers. `allowed`, `authorities`: as the settings have them."""

    def __init__(self, allowed: str, authorities: Path | None) -> None:
        self._settings = {"allowed": allowed, "authorities": None if authorities is None else str(authorities)}
        self._process: asyncio.subprocess.Process | None = None
        self._listening: asyncio.Task[None] | None = None
        self._jobs: dict[str, asyncio.Future[dict[str, str]]] = {}
        self._starting = asyncio.Lock()

    async def ask(self, do: str, job: Mapping[str, Any]) -> dict[str, str]:
        """The answer to a job: at least `outcome`; `unknown` when the process died over it or took too long."""
        if len(self._jobs) >= _WAITING:
            return {"outcome": "failed", "receipt": "too much is being sent"}
        process = await self._running()
        name = uuid4().hex
        answer = self._jobs[name] = asyncio.get_running_loop().create_future()
        try:
            assert process.stdin is not None
            process.stdin.write(json.dumps({"id": name, "do": do, **job}).encode() + b"\n")
            async with asyncio.timeout(_SECONDS):
                told: dict[str, str] = await answer
                return told
        except TimeoutError:
            log.warning("courier.too_slow")
            self._kill()
            return {"outcome": "unknown", "receipt": "took too long"}
        finally:
            self._jobs.pop(name, None)

    async def _running(self) -> asyncio.subprocess.Process:
        async with self._starting:
            if self._process is None or self._process.returncode is not None:
                # Isolated, and without this process's environment: there are its secrets.
                self._process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-I",
                    str(_PROGRAM),
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    env={"LANG": "C.UTF-8"},
                    limit=_LINE,
                )
                assert self._process.stdin is not None
                self._process.stdin.write(json.dumps(self._settings).encode() + b"\n")
                self._listening = asyncio.create_task(self._listen(self._process), name="courier")
            return self._process

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        try:
            async for line in process.stdout:
                told = json.loads(line)
                waiting = self._jobs.get(told["id"])
                if waiting is not None and not waiting.done():
                    waiting.set_result(told)
        finally:
            for waiting in self._jobs.values():
                if not waiting.done():
                    waiting.set_result({"outcome": "unknown", "receipt": "interrupted"})
            self._kill()
            await process.wait()

    def _kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()

    async def close(self) -> None:
        """End the process; what is under way ends with it."""
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)
            self._listening = None
