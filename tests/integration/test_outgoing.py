"""The guarded client against servers that mean no good, all on loopback (RELIABILITY.md 4.2, row 31)."""

import asyncio
import gzip
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from time import monotonic

import httpx2
import pytest
import trustme

from whistle_shared.outgoing import Allowed, Caps, GuardedTransport, Refused, Unreachable, guarded_client

Answering = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"
QUICK = Caps(connect=1, total=1)


class Server:
    """A server on loopback that says what a test wants it to say. `asked`: the heads of all requests."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.port = 0

    @asynccontextmanager
    async def saying(
        self, answer: bytes | Answering, address: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
    ) -> AsyncIterator["Server"]:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                self.asked.append((await reader.readuntil(b"\r\n\r\n")).decode())
                if isinstance(answer, bytes):
                    writer.write(answer)
                    await writer.drain()
                else:
                    await answer(reader, writer)
            except (ConnectionError, asyncio.IncompleteReadError):
                pass
            finally:
                writer.close()

        server = await asyncio.start_server(serve, address, port, ssl=tls)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield self


@asynccontextmanager
async def calling(setting: str, **more: object) -> AsyncIterator[httpx2.AsyncClient]:
    """The guarded client under a setting."""
    transport = GuardedTransport(Allowed.of(setting), **more)  # type: ignore[arg-type]
    async with guarded_client(transport) as client:
        yield client


class Resolver:
    """Answers with each of `answers` in turn, then with the last for ever."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


async def test_an_allowed_server_is_called() -> None:
    async with Server().saying(HELLO) as server, calling(f"http://127.0.0.1:{server.port}") as client:
        answer = await client.post(f"http://127.0.0.1:{server.port}/hook?x=1", content=b"{}")
    assert (answer.status_code, answer.text) == (200, "hello")
    assert server.asked[0].startswith("POST /hook?x=1 HTTP/1.1\r\n")
    assert f"host: 127.0.0.1:{server.port}\r\n" in server.asked[0].lower()


@pytest.mark.parametrize(
    "address",
    [
        "http://localhost:{port}/",
        "http://127.0.0.1:{port}/",
        "http://2130706433:{port}/",
        "http://0x7f000001:{port}/",
        "http://017700000001:{port}/",
        "http://127.1:{port}/",
        "http://[::ffff:127.0.0.1]:{port}/",
        "http://[::ffff:7f00:1]:{port}/",
        "http://169.254.169.254:{port}/",
        "http://user:secret@idp.example.cn:{port}/",
        "file:///etc/passwd",
    ],
)
async def test_what_no_entry_names_is_never_connected_to(address: str) -> None:
    async with Server().saying(HELLO) as server, calling(f"http://idp.example.cn:{server.port}") as client:
        with pytest.raises(Refused):
            await client.get(address.format(port=server.port))
    assert server.asked == []


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["::1"],
        ["::ffff:127.0.0.1"],
        ["10.0.0.1"],
        ["169.254.169.254"],
        ["8.8.8.8", "127.0.0.1"],
        ["64:ff9b::7f00:1"],
        ["2002:7f00:1::"],
        ["fe80::1%lo"],
    ],
)
async def test_an_allowed_name_that_leads_inside_is_refused(addresses: list[str]) -> None:
    async with Server().saying(HELLO) as server:
        setting = f"http://idp.example.cn:{server.port}"
        async with calling(setting, resolve=Resolver(addresses)) as client:
            with pytest.raises(Refused, match=r"idp\.example\.cn is at "):
                await client.get(f"http://idp.example.cn:{server.port}/")
    assert server.asked == []


async def test_a_name_that_answers_otherwise_the_second_time_leads_nowhere_else() -> None:
    """INVARIANT: a connection goes to an address that was checked after the one and only resolving of the name."""
    rebinding = Resolver(["127.0.0.1"], ["127.0.0.2"])
    async with (
        Server().saying(HELLO) as good,
        Server().saying(HELLO, "127.0.0.2", good.port) as inner,
        calling(f"http://idp.example.cn:{good.port} in 127.0.0.1/32", resolve=rebinding) as client,
    ):
        answer = await client.get(f"http://idp.example.cn:{good.port}/")
        assert (answer.text, rebinding.asked, len(good.asked)) == ("hello", 1, 1)
        assert f"host: idp.example.cn:{good.port}\r\n" in good.asked[0].lower()
        with pytest.raises(Refused, match=r"idp\.example\.cn is at 127\.0\.0\.2"):
            await client.get(f"http://idp.example.cn:{good.port}/")
    assert (inner.asked, len(good.asked)) == ([], 1)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed_even_by_a_client_that_would(status: int) -> None:
    async with Server().saying(HELLO) as inner:
        away = f"HTTP/1.1 {status} Away\r\nLocation: http://127.0.0.1:{inner.port}/\r\nContent-Length: 0\r\n\r\n"
        async with Server().saying(away.encode()) as server:
            setting = f"http://127.0.0.1:{server.port}, http://127.0.0.1:{inner.port}"
            async with calling(setting) as client:
                with pytest.raises(Refused, match=f"answered {status}; redirects are not followed"):
                    await client.get(f"http://127.0.0.1:{server.port}/", follow_redirects=True)
    assert inner.asked == []


async def _endless_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        writer.write(b"x" * 4096)
        await writer.drain()


async def _endless_headers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X-More: " + b"x" * 4096 + b"\r\n")
        await writer.drain()


async def _endless_hints(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
        await writer.drain()


async def _drips(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A byte now and then: no single read takes long."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        with suppress(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.1)


async def _says_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


BOMB = gzip.compress(b"\0" * 50_000_000)
MANY_HEADERS = b"".join(b"X-%d: %s\r\n" % (i, b"x" * 100) for i in range(200))


@pytest.mark.parametrize(
    ("answer", "error", "why"),
    [
        pytest.param(_endless_body, Refused, "more than 65536 bytes", id="endless body"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 65537\r\n\r\n", Refused, "announced 65537", id="announced"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 65537, Refused, "more than 65536 bytes", id="a byte too long"),
        pytest.param(_endless_headers, Unreachable, "cannot be reached", id="endless headers"),
        pytest.param(b"HTTP/1.1 200 OK\r\n" + MANY_HEADERS + b"\r\n", Refused, "16384 bytes of headers", id="headers"),
        pytest.param(_endless_hints, Unreachable, "did not finish", id="endless hints"),
        pytest.param(_drips, Unreachable, "did not finish its answer within 1 s", id="slow body"),
        pytest.param(_says_nothing, Unreachable, "did not finish its answer within 1 s", id="silence"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s" % (len(BOMB), BOMB),
            Refused,
            "answered in gzip",
            id="bomb",
        ),
        pytest.param(b"I am no web server\r\n\r\n", Unreachable, "cannot be reached", id="not HTTP"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf", Unreachable, "cannot be reached", id="half"),
        pytest.param(b"", Unreachable, "cannot be reached", id="hangs up"),
    ],
)
async def test_an_answer_costs_no_more_than_its_caps(
    answer: bytes | Answering, error: type[Exception], why: str
) -> None:
    """INVARIANT: an answer takes no more than so many bytes and so many seconds, is never unpacked."""
    began = monotonic()
    async with Server().saying(answer) as server, calling(f"http://127.0.0.1:{server.port}", caps=QUICK) as client:
        with pytest.raises(error, match=why):
            await client.get(f"http://127.0.0.1:{server.port}/")
    assert monotonic() - began < 5
    assert len(server.asked) == 1


async def test_an_answer_of_just_the_cap_is_read() -> None:
    body = b"x" * 65536
    answer = b"HTTP/1.1 200 OK\r\n\r\n" + body
    async with Server().saying(answer) as server, calling(f"http://127.0.0.1:{server.port}") as client:
        assert (await client.get(f"http://127.0.0.1:{server.port}/")).content == body


async def test_a_name_that_takes_for_ever_is_given_up() -> None:
    async def never(host: str, port: int) -> list[str]:
        await asyncio.get_running_loop().create_future()
        raise AssertionError

    async with calling("idp.example.cn", caps=QUICK, resolve=never) as client:
        with pytest.raises(Unreachable, match="did not finish"):
            await client.get("https://idp.example.cn/")


async def test_a_name_that_is_none_and_a_port_where_nobody_listens_are_told() -> None:
    async with Server().saying(HELLO) as server:
        port = server.port
    async with calling(f"http://nowhere.invalid:{port}, http://127.0.0.1:{port}") as client:
        with pytest.raises(Unreachable, match=r"nowhere\.invalid cannot be resolved"):
            await client.get(f"http://nowhere.invalid:{port}/")
        with pytest.raises(Unreachable, match=r"http://127\.0\.0\.1 cannot be reached"):
            await client.get(f"http://127.0.0.1:{port}/")


async def test_no_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Server().saying(HELLO) as proxy, Server().saying(HELLO) as server:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        async with calling(f"http://127.0.0.1:{server.port}") as client:
            await client.get(f"http://127.0.0.1:{server.port}/")
    assert (proxy.asked, len(server.asked)) == ([], 1)


async def test_the_certificate_must_be_the_names_not_the_addresses() -> None:
    """The connection goes to the checked address, TLS still asks for the host by its name."""
    authority = trustme.CA()
    right, wrong = (ssl.create_default_context(ssl.Purpose.CLIENT_AUTH) for _ in range(2))
    trust = ssl.create_default_context()
    authority.issue_cert("idp.example.cn").configure_cert(right)
    authority.issue_cert("other.example.cn", "127.0.0.1").configure_cert(wrong)
    authority.configure_trust(trust)
    named: list[str | None] = []
    right.sni_callback = lambda connection, name, context: named.append(name)
    async with Server().saying(HELLO, tls=right) as server, Server().saying(HELLO, tls=wrong) as other:
        setting = f"idp.example.cn:{server.port} in 127.0.0.0/8, idp.example.cn:{other.port} in 127.0.0.0/8"
        async with calling(setting, trust=trust, resolve=Resolver(["127.0.0.1"])) as client:
            answer = await client.get(f"https://idp.example.cn:{server.port}/")
            with pytest.raises(Unreachable, match=r"idp\.example\.cn"):
                await client.get(f"https://idp.example.cn:{other.port}/")
        async with calling(setting, resolve=Resolver(["127.0.0.1"])) as client:
            with pytest.raises(Unreachable, match=r"(?i)certificate"):
                await client.get(f"https://idp.example.cn:{server.port}/")
    assert (answer.text, named[0], other.asked) == ("hello", "idp.example.cn", [])
