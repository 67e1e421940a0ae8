"""Making our own picture of one that somebody sent: in a process of its own (`worker.py`), a few at a time.

One process per photo: starting it takes 50 ms of the 300 ms that a photo of 12 megapixels takes, and nothing that one
photo does to it is there for the next.
INVARIANT: this process never decodes what came from outside, nor what the worker made of it; it looks at lengths and
at the first bytes.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

import structlog

from whistle_shared.errors import DomainError, Unavailable

log = structlog.get_logger(__name__)
_WORKER = Path(__file__).with_name("worker.py")
_AT_ONCE, _MOST_WAITING = 2, 8
_PATIENCE = 30.0
_MOST_SIDE, _MOST_BYTES = 2560, 8 << 20
_JPEG = b"\xff\xd8\xff"


class NoPicture(DomainError):
    """What was sent is not a picture that we take. `unknown_format`: it is none of JPEG, PNG and WebP."""

    def __init__(self, reason: str, *, unknown_format: bool = False) -> None:
        self.unknown_format = unknown_format
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class Pictures:
    """A photo as we keep it: two JPEGs that say nothing but what they show. `width`, `height`: of the large one."""

    width: int
    height: int
    large: bytes
    small: bytes


class Darkroom:
    """Where pictures are made; one per service."""

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(_AT_ONCE)
        self._waiting = 0

    async def make(self, data: bytes) -> Pictures:
        """Our pictures of what was sent. Raises NoPicture, and Unavailable when too many wait already."""
        async with self._turn():
            with TemporaryFile() as source, TemporaryFile() as target:
                source.write(data)
                source.seek(0)
                code = await _run(source, target)
                target.seek(0)
                return _read(target.read(_MOST_BYTES + 1), code)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        if self._waiting >= _MOST_WAITING:
            raise Unavailable("too many photos are being looked at; send it again shortly")
        self._waiting += 1
        try:
            async with self._free:
                yield
        finally:
            self._waiting -= 1


async def _run(source: IO[bytes], target: IO[bytes]) -> int:
    """The worker's exit code; negative: the signal that ended it. It never outlives this call.

    Raises Unavailable when it takes too long: its own limit is processor time, so then the machine is at its limit.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", str(_WORKER)),
        stdin=source,
        stdout=target,
        stderr=asyncio.subprocess.DEVNULL,
        env={},
        cwd="/",
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(_PATIENCE):
            return await process.wait()
    except TimeoutError:
        log.warning("photo.worker_starved")
        raise Unavailable("photos take too long at the moment; send it again shortly") from None
    finally:
        if process.returncode is None:
            process.kill()
            await asyncio.shield(process.wait())


def _read(answer: bytes, code: int) -> Pictures:
    """What the worker wrote. Raises NoPicture, and Unavailable when it failed for no reason of the picture's."""
    if code < 0:
        log.info("photo.worker_ended", signal=-code)
        raise NoPicture("cannot be decoded within the limits of time and memory")
    line, _, pictures = answer.partition(b"\n")
    try:
        told = json.loads(line)
        if "fault" in told:
            raise NoPicture(told["reason"], unknown_format=told["fault"] == "format")
        large, small = pictures[: told["large"]], pictures[told["large"] :]
        made = Pictures(int(told["width"]), int(told["height"]), large, small)
    except (ValueError, KeyError, TypeError):
        log.error("photo.worker_failed", code=code)
        raise Unavailable("photos cannot be taken at the moment") from None
    if not _is_ours(made, told["small"]):
        log.error("photo.worker_answers_nonsense", code=code)
        raise Unavailable("photos cannot be taken at the moment")
    return made


def _is_ours(made: Pictures, small: int) -> bool:
    sides = 1 <= made.width <= _MOST_SIDE and 1 <= made.height <= _MOST_SIDE
    return sides and len(made.small) == small and made.large.startswith(_JPEG) and made.small.startswith(_JPEG)
