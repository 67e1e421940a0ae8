"""Row 10 of the bad-input matrix on real connections: too large, too slow, too many, and never read.

INVARIANT: a connection costs us a bounded time and a bounded memory, whatever it sends or fails to read.
INVARIANT: what waits in memory of bodies is bounded, whatever is sent and however slowly.
"""

import asyncio
from collections.abc import AsyncIterator
from itertools import count, repeat

import httpx
import psutil
import pytest
import pytest_asyncio
from starlette.types import Message

from support.city import City
from support.entrance import Entrance, opened
from support.line import Line
from whistle_shared.errors import Unavailable
from whistle_shared.runtime.protocol import Bounds
from whistle_shared.web import body as bodies

TIGHT = Bounds(head_seconds=0.4, linger_seconds=0.4, stall_seconds=0.4, connections=8)
PIECE = b"10000\r\n" + b" " * 65_536 + b"\r\n"
POST = b"POST /api/v1/whistles HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
PROBE = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
MIB = 1024 * 1024


@pytest_asyncio.fixture(loop_scope="session")
async def entrance(standing_city: City) -> AsyncIterator[Entrance]:
    async with opened(standing_city, "intake", TIGHT) as entrance:
        yield entrance


def told(answer: httpx.Response, status: int) -> None:
    """A problem document with the headers that every answer has."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "server" not in answer.headers


async def test_row10_an_endless_chunked_body_is_refused_and_memory_stays_flat(entrance: Entrance) -> None:
    before = psutil.Process().memory_info().rss
    for _ in range(3):
        async with await Line.to(entrance.address) as line:
            await line.say(POST, b"Transfer-Encoding: chunked\r\n\r\n")
            with pytest.raises(ConnectionError):
                await line.say(*repeat(PIECE, 100_000))
    assert psutil.Process().memory_info().rss - before < 24 * MIB


async def test_row10_a_hundred_megabytes_announced_are_refused_before_they_are_sent(entrance: Entrance) -> None:
    async with await Line.to(entrance.address) as line:
        await line.say(POST, b"Content-Length: 104857600\r\n\r\n")
        told(await line.answer(), 413)
        assert await line.is_hung_up()


async def test_row10_who_sends_an_announced_body_to_its_end_still_reads_why_it_was_refused(entrance: Entrance) -> None:
    async with await Line.to(entrance.address) as line:
        await line.say(POST, b"Content-Length: 1048576\r\n\r\n", b" " * MIB)
        told(await line.answer(), 413)
        await line.say(PROBE)
        assert (await line.answer()).status_code == 200


async def test_row10_many_chunked_bodies_at_once_wait_in_little_memory(entrance: Entrance) -> None:
    """As much as the limit for each, and no byte more: none of them ends."""
    before = psutil.Process().memory_info().rss
    lines = [await Line.to(entrance.address) for _ in range(8)]
    for line in lines:
        await line.say(POST, b"Transfer-Encoding: chunked\r\n\r\n", PIECE, PIECE, PIECE)
    assert psutil.Process().memory_info().rss - before < 24 * MIB
    for line in lines:
        line.writer.transport.abort()


async def test_a_photo_takes_no_more_room_while_it_comes_than_it_says_it_needs() -> None:
    """Phones send slowly: as many may send at once as fit into memory, not as many as the largest that there may be."""

    async def never() -> Message:
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    def coming(size: int | None) -> asyncio.Task[bytes | None]:
        said = (b"transfer-encoding", b"chunked") if size is None else (b"content-length", b"%d" % size)
        scope = {"headers": [said], "client": (f"10.0.0.{next(phone_number)}", 1)}
        return asyncio.create_task(reader.read(scope, never, 12 * MIB))

    reader, phone_number = bodies.Bodies(), count(1)
    phones = [coming(2 * MIB) for _ in range(26)]
    phones.append(coming(None))
    await asyncio.sleep(0)
    assert not any(phone.done() for phone in phones), "52 MiB, and twelve for the one that does not say"
    with pytest.raises(Unavailable):
        await coming(MIB)
    for phone in phones:
        phone.cancel()
    await asyncio.gather(*phones, return_exceptions=True)
    assert not reader.large


async def test_row10_a_body_that_does_not_come_is_given_up(entrance: Entrance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "SECONDS", 0.3)
    async with await Line.to(entrance.address) as line:
        await line.say(POST, b"Content-Length: 100\r\n\r\n", b'{"kind":')
        told(await line.answer(), 408)
        assert await line.is_hung_up()


@pytest.mark.parametrize(
    "head", [b"", b"POST /api", POST, POST + b"X-Slow: a"], ids=["nothing", "line", "head", "field"]
)
async def test_row10_a_head_that_does_not_come_is_given_up(entrance: Entrance, head: bytes) -> None:
    async with await Line.to(entrance.address) as line:
        await line.say(head)
        if head:
            told(await line.answer(), 408)
        assert await line.is_hung_up()


async def test_row10_a_second_head_that_does_not_come_is_given_up_too(entrance: Entrance) -> None:
    async with await Line.to(entrance.address) as line:
        await line.say(PROBE)
        assert (await line.answer()).status_code == 200
        await line.say(PROBE[:-2])
        told(await line.answer(), 408)


HEADS = {
    "many fields": (PROBE[:-2] + b"X-A: b\r\n" * 100 + b"\r\n", 431),
    "large fields": (PROBE[:-2] + b"X-A: " + b"b" * 20_000 + b"\r\nX-B: " + b"b" * 20_000 + b"\r\n\r\n", 431),
    "one field of a megabyte": (PROBE[:-2] + b"X-A: " + b"b" * MIB, 431),
    "a long address": (b"GET /livez?" + b"a" * 9_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
    "an address of a megabyte": (b"GET /" + b"a" * MIB, 414),
}


@pytest.mark.parametrize("name", HEADS)
async def test_row10_a_head_that_is_too_large_is_refused(entrance: Entrance, name: str) -> None:
    head, status = HEADS[name]
    async with await Line.to(entrance.address) as line:
        line.writer.write(head)
        told(await line.answer(), status)
        assert await line.is_hung_up()


NONSENSE = {
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64),
    "an unknown method": b"WHISTLE / HTTP/1.1\r\nHost: x\r\n\r\n",
    "two lengths": POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "a length and chunks": POST + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a negative length": POST + b"Content-Length: -1\r\n\r\n",
    "NUL in a field": b"GET /livez HTTP/1.1\r\nHost: x\r\nX-A: a\x00b\r\n\r\n",
    "a bare line feed in a field": b"GET /livez HTTP/1.1\r\nHost: x\r\nX-A: a\nX-B b\r\n\r\n",
    "a path that is no ASCII": "GET /吹哨 HTTP/1.1\r\nHost: x\r\n\r\n".encode(),
    "a tunnel": b"CONNECT example.org:443 HTTP/1.1\r\nHost: example.org\r\n\r\n",
}


@pytest.mark.parametrize("name", NONSENSE)
async def test_row10_what_is_no_request_is_refused(entrance: Entrance, name: str) -> None:
    async with await Line.to(entrance.address) as line:
        await line.say(NONSENSE[name])
        told(await line.answer(), 400)
        assert await line.is_hung_up()


async def test_row10_a_body_that_stops_making_sense_ends_the_connection(entrance: Entrance) -> None:
    async with await Line.to(entrance.address) as line:
        await line.say(POST, b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n")
        assert await line.is_hung_up()


async def test_row10_trailing_fields_are_no_fields_of_the_request(entrance: Entrance) -> None:
    async with await Line.to(entrance.address) as line:
        chunks = b"2\r\n{}\r\n0\r\nAuthorization: Bearer x\r\nX-More: 1\r\n\r\n"
        await line.say(POST, b"Transfer-Encoding: chunked\r\n\r\n", chunks)
        told(await line.answer(), 401)
        await line.say(POST, b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX-Endless: ")
        with pytest.raises(ConnectionError):
            await line.say(*repeat(b"a" * 65_536, 1_000))


async def test_row10_requests_sent_ahead_are_answered_in_order_up_to_a_number(entrance: Entrance) -> None:
    async with await Line.to(entrance.address) as line:
        await line.say(PROBE * 10)
        assert [(await line.answer()).status_code for _ in range(10)] == [200] * 10
        await line.say(PROBE * 1_000)
        assert await line.is_hung_up()


async def test_row10_who_never_reads_is_hung_up_on(entrance: Entrance) -> None:
    async with await Line.to(entrance.address) as line:
        line.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await line.say(b"GET /docs/files/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n" * 12)
        await line.closes()


async def test_row10_connections_at_rest_give_way_to_new_ones(entrance: Entrance) -> None:
    resting = [await Line.to(entrance.address) for _ in range(TIGHT.connections)]
    for line in resting[1:]:
        await line.say(PROBE)
        assert (await line.answer()).status_code == 200
    async with await Line.to(entrance.address) as fresh:
        await fresh.say(PROBE)
        assert (await fresh.answer()).status_code == 200
    assert await resting[0].is_hung_up()
    for line in resting:
        line.writer.transport.abort()
