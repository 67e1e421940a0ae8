"""The guarded client: httpx2 over a connection pool whose every connection is checked as it is made."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import httpcore2
import httpx2

from whistle_shared.outgoing.addresses import Address, address_of
from whistle_shared.outgoing.allowed import Allowed, Entry
from whistle_shared.outgoing.refused import Refused, Unreachable

Resolve = Callable[[str, int], Awaitable[list[str]]]
_FAILURES = (httpcore2.TimeoutException, httpcore2.NetworkError, httpcore2.ProtocolError)


@dataclass(frozen=True, slots=True)
class Caps:
    """What an answer may cost: seconds to connect and in all, bytes of headers and of body, connections at once."""

    connect: float = 5.0
    total: float = 10.0
    headers: int = 16 * 1024
    body: int = 64 * 1024
    connections: int = 20


async def resolve(host: str, port: int) -> list[str]:
    """All addresses of a name. Raises OSError when there are none."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=1)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class GuardedBackend(httpcore2.AsyncNetworkBackend):
    """Makes the connections of one entry: resolves once, checks every address, connects to one of exactly those."""

    def __init__(self, entry: Entry, resolve: Resolve) -> None:
        self._entry = entry
        self._resolve = resolve
        self._inner = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore2 names it so
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Raises Refused when any of the host's addresses is not allowed: a name that also leads inside is a trap."""
        addresses = await self._checked(host, port)
        failure: Exception | None = None
        for address in addresses:
            try:
                return await self._inner.connect_tcp(str(address), port, timeout, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
        raise failure or httpcore2.ConnectError(f"{host} has no address")

    async def _checked(self, host: str, port: int) -> list[Address]:
        try:
            texts = await self._resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise httpcore2.ConnectError(f"{host} cannot be resolved: {error}") from error
        return [_checked(self._entry, host, text) for text in texts]


def _checked(entry: Entry, host: str, text: str) -> Address:
    try:
        address = address_of(text)
    except ValueError as error:
        raise Refused(f"{host} is at {text}: {error}") from None
    if not entry.admits(address):
        raise Refused(f"{host} is at {address}, which outgoing_allowed does not allow for it")
    return address


class GuardedTransport(httpx2.AsyncBaseTransport):
    """For any client of httpx2. Reads the whole answer before it hands it on, within the caps."""

    def __init__(
        self,
        allowed: Allowed,
        caps: Caps | None = None,
        *,
        trust: ssl.SSLContext | None = None,
        resolve: Resolve = resolve,
    ) -> None:
        """`trust`: whose certificates are believed, if not the system's authorities."""
        self._allowed = allowed
        self._caps = caps or Caps()
        self._trust = trust
        self._resolve = resolve
        self._pools: dict[Entry, httpcore2.AsyncConnectionPool] = {}

    @property
    def allowed(self) -> Allowed:
        """What may be called."""
        return self._allowed

    def _pool(self, entry: Entry) -> httpcore2.AsyncConnectionPool:
        """Each entry has connections of its own, so none is ever used under the rule of another."""
        if entry not in self._pools:
            self._pools[entry] = httpcore2.AsyncConnectionPool(
                ssl_context=self._trust or trust_of(None),
                max_connections=self._caps.connections,
                keepalive_expiry=5.0,
                network_backend=GuardedBackend(entry, self._resolve),
            )
        return self._pools[entry]

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Raises Refused for what is not allowed or costs too much, Unreachable for what failed."""
        where = f"{request.url.scheme}://{request.url.host}"
        pool = self._pool(self._allowed.entry_for(request.url))
        try:
            async with asyncio.timeout(self._caps.total):
                return await self._call(pool, request, where)
        except TimeoutError:
            raise Unreachable(f"{where} did not finish its answer within {self._caps.total:g} s") from None
        except _FAILURES as error:
            unreachable = Unreachable(f"{where} cannot be reached: {str(error) or type(error).__name__}")
            unreachable.connected = not isinstance(error, (httpcore2.ConnectError, httpcore2.ConnectTimeout))
            raise unreachable from error

    async def _call(self, pool: httpcore2.AsyncConnectionPool, request: httpx2.Request, where: str) -> httpx2.Response:
        assert isinstance(request.stream, httpx2.AsyncByteStream)
        request.headers["Accept-Encoding"] = "identity"
        url = request.url
        asked = httpcore2.Request(
            request.method,
            httpcore2.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=request.headers.raw,
            content=request.stream,
            extensions={"timeout": {"connect": self._caps.connect, "pool": self._caps.connect}},
        )
        answer = await pool.handle_async_request(asked)
        try:
            self._look_at(answer, where)
            body = await self._read(answer, where)
        finally:
            await answer.aclose()
        return httpx2.Response(answer.status, headers=answer.headers, content=body)

    def _look_at(self, answer: httpcore2.Response, where: str) -> None:
        """Refuse by the headers alone what must not be read or followed."""
        headers = {name.lower(): value for name, value in answer.headers}
        if 300 <= answer.status < 400:
            raise Refused(f"{where} answered {answer.status}; redirects are not followed")
        if sum(len(name) + len(value) for name, value in answer.headers) > self._caps.headers:
            raise Refused(f"{where} answered with more than {self._caps.headers} bytes of headers")
        encoding = headers.get(b"content-encoding", b"identity").strip().lower()
        if encoding != b"identity":
            raise Refused(f"{where} answered in {encoding[:20].decode('latin-1')}; compressed answers are not unpacked")
        announced = headers.get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > self._caps.body:
            raise Refused(f"{where} announced {int(announced)} bytes; at most {self._caps.body} are read")

    async def _read(self, answer: httpcore2.Response, where: str) -> bytes:
        body = bytearray()
        async for chunk in answer.aiter_stream():
            body += chunk
            if len(body) > self._caps.body:
                raise Refused(f"{where} answered with more than {self._caps.body} bytes")
        return bytes(body)

    async def aclose(self) -> None:
        """Let go of the connections that are kept."""
        for pool in self._pools.values():
            await pool.aclose()


def trust_of(authorities: Path | None) -> ssl.SSLContext:
    """Certificates of the system's authorities are believed, or only those signed by the authorities in a PEM file."""
    return ssl.create_default_context(cafile=str(authorities) if authorities else None)


def guarded_client(transport: GuardedTransport) -> httpx2.AsyncClient:
    """A client that calls through this transport and knows no proxy of the environment, no netrc and no redirect."""
    return httpx2.AsyncClient(transport=transport, trust_env=False, follow_redirects=False, timeout=None)
