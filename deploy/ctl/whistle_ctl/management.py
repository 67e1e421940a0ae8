"""RabbitMQ's management API, as its administrator: definitions in and out, bindings away."""

import ssl
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, quote, unquote, urlsplit

import httpx

from whistle_ctl.errors import Refused

_SECONDS = 60


class Management:
    """One broker's management API. `url`: http(s)://user:password@host:port, the user an administrator; with
    `?cafile=FILE` the authorities in FILE are believed, else the system's."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or not parts.username:
            raise Refused("the management address must look like http://administrator:password@host:15672")
        self.user = unquote(parts.username)
        authorities = parse_qs(parts.query).get("cafile", [None])[0]
        self._client = httpx.AsyncClient(
            base_url=f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}/api",
            auth=(self.user, unquote(parts.password or "")),
            timeout=_SECONDS,
            trust_env=False,
            verify=ssl.create_default_context(cafile=authorities),
        )

    async def definitions(self) -> dict[str, Any]:
        """Everything that is defined on the broker."""
        found: dict[str, Any] = (await self._call("GET", "/definitions")).json()
        return found

    async def ensure_vhost(self, vhost: str) -> None:
        """Create the vhost unless it is there; one that is there keeps its description and limits."""
        if (await self._call("GET", f"/vhosts/{_quoted(vhost)}", may_be_absent=True)).status_code == 404:
            await self._call("PUT", f"/vhosts/{_quoted(vhost)}", {})

    async def import_definitions(self, document: Mapping[str, Any]) -> None:
        """Add what the document says; what is there and not in the document stays. Its vhosts must exist."""
        await self._call("POST", "/definitions", document)

    async def bindings(self, vhost: str) -> list[dict[str, Any]]:
        """All bindings of a vhost, each with the `properties_key` that names it."""
        found: list[dict[str, Any]] = (await self._call("GET", f"/bindings/{_quoted(vhost)}")).json()
        return found

    async def unbind(self, binding: Mapping[str, Any]) -> None:
        """Remove one binding of a queue; one that is gone already is as good as removed."""
        source, queue, key = (_quoted(binding[part]) for part in ("source", "destination", "properties_key"))
        path = f"/bindings/{_quoted(binding['vhost'])}/e/{source}/q/{queue}/{key}"
        await self._call("DELETE", path, may_be_absent=True)

    async def _call(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, may_be_absent: bool = False
    ) -> httpx.Response:
        answer = await self._client.request(method, path, json=body)
        if answer.status_code == 401:
            raise Refused(f"RabbitMQ does not accept the login of {self.user!r} as an administrator")
        if answer.is_error and not (may_be_absent and answer.status_code == 404):
            raise Refused(f"RabbitMQ refused {method} {path}: {answer.status_code} {answer.text[:300]}")
        return answer

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()


def _quoted(text: str) -> str:
    return quote(text, safe="")
