"""One caller of one service: a bearer token, and the patience of a real client.

INVARIANT: a command is repeated with the same idempotency key until it is answered, so that a service which is down
for some seconds costs time and nothing else.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from time import monotonic
from typing import Any

import httpx

PATIENCE_SECONDS = 120.0
_PAGE = 200
_CONNECTIONS = 32
_NOT_NOW = 503


class Refused(Exception):
    """The service answered, and it was not a success; the message gives the request, the status and the reason."""

    def __init__(self, request: str, status: int, reason: str) -> None:
        self.status = status
        super().__init__(f"{request}: {status} {reason}")


def connect(addresses: Iterable[str]) -> httpx.AsyncClient:
    """The connections that all callers share: a pool for each address, because a request costs time in proportion to
    the connections in its pool."""
    limits = httpx.Limits(max_connections=_CONNECTIONS, max_keepalive_connections=_CONNECTIONS)
    pools = {address: httpx.AsyncHTTPTransport(limits=limits) for address in addresses}
    return httpx.AsyncClient(mounts=pools, timeout=15, trust_env=False)


class Api:
    """`address` without a trailing slash, for example http://127.0.0.1:8101."""

    def __init__(self, http: httpx.AsyncClient, address: str, token: str) -> None:
        self._http = http
        self._root = f"{address}/api/v1"
        self._authorization = {"Authorization": f"Bearer {token}"}

    async def get(self, path: str, **query: str | int) -> Any:
        """The JSON answer. Raises Refused, also when nobody answers for PATIENCE_SECONDS."""
        return await self._ask("GET", path, {}, params=query)

    async def post(self, path: str, body: dict[str, object], key: str) -> Any:
        """The JSON answer to a command. Raises Refused like `get`."""
        return await self._ask("POST", path, {"Idempotency-Key": key}, json=body)

    async def pages(self, path: str, page: int, **query: str | int) -> AsyncIterator[list[dict[str, Any]]]:
        """A list page by page, each of at most so many items."""
        cursor: str | None = None
        while True:
            answer = await self.get(path, limit=page, **query, **({"cursor": cursor} if cursor else {}))
            yield answer["items"]
            cursor = answer["next_cursor"]
            if cursor is None:
                return

    async def items(self, path: str, **query: str | int) -> AsyncIterator[dict[str, Any]]:
        """Every item of a list."""
        async for page in self.pages(path, _PAGE, **query):
            for item in page:
                yield item

    async def _ask(self, method: str, path: str, headers: dict[str, str], **more: Any) -> Any:
        headers |= self._authorization
        limit, pause = monotonic() + PATIENCE_SECONDS, 0.1
        while True:
            try:
                answer = await self._http.request(method, self._root + path, headers=headers, **more)
                status, reason = answer.status_code, answer.text[:500]
            except httpx.TransportError as error:
                status, reason = _NOT_NOW, repr(error)
            else:
                if answer.is_success:
                    return answer.json()
            if status != _NOT_NOW or monotonic() > limit:
                raise Refused(f"{method} {self._root}{path}", status, reason)
            await asyncio.sleep(pause)
            pause = min(2 * pause, 2.0)
