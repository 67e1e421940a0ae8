"""The certified OpenID provider of npm (`oidc-provider`), as a process of its own, and a browser to visit it with.

Its packages are fetched once, into `.local/oidc-<digest of the lock file>`.
"""

import asyncio
import json
import os
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html import unescape
from typing import Any

import httpx
from fastapi import FastAPI

from support.places import ROOT
from support.waiting import until
from whistle_local.node import NODE, packages
from whistle_local.ports import choose

_SOURCE = ROOT / "tests" / "oidc"
_PATIENCE = 90
_HOME = "https://duty.example.cn"
_FORM = re.compile(r'<form[^>]* action="([^"]+)"')


class RealProvider:
    """The provider at a port that it keeps when it is started anew, with new keys and nobody signed in."""

    def __init__(self, people: dict[str, Any]) -> None:
        """`people`: name → `{"claims": {…}, "amr": […]}`."""
        self.people = people
        self._port = choose()
        self._process: asyncio.subprocess.Process | None = None

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def is_up(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def restart(self) -> None:
        """With the people as they are now, other keys, and nobody signed in."""
        await self.stop()
        await self.start()

    async def start(self) -> None:
        folder = await asyncio.to_thread(packages, _SOURCE, ROOT / ".local", "oidc", _PATIENCE)
        shutil.copy(_SOURCE / "provider.mjs", folder)
        settings = {
            "port": self._port,
            "people": self.people,
            "redirects": [f"{_HOME}/sso/callback"],
            "leavings": [f"{_HOME}/sign-in"],
        }
        self._process = await asyncio.create_subprocess_exec(
            NODE,
            "provider.mjs",
            json.dumps(settings),
            cwd=folder,
            env={"PATH": os.environ.get("PATH", ""), "NODE_ENV": "test"},
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        await until(self._describes_itself, "the OpenID provider to answer")

    async def _describes_itself(self) -> bool:
        assert self._process is not None
        assert self._process.returncode is None, f"the OpenID provider ended with {self._process.returncode}"
        try:
            async with httpx.AsyncClient(trust_env=False) as client:
                answer = await client.get(f"{self.issuer}/.well-known/openid-configuration")
        except httpx.TransportError:
            return False
        return answer.status_code == 200

    async def stop(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            await self._process.wait()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["RealProvider"]:
        """The provider runs inside the block."""
        await self.start()
        try:
            yield self
        finally:
            await self.stop()


class Browser:
    """What a person's browser does: it follows redirects, fills in the provider's form, and keeps cookies.

    The service is at `https://duty.example.cn` for it, without a network; the provider is where it is."""

    def __init__(self, app: FastAPI) -> None:
        inside = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        mounts = {_HOME: inside, "all://": httpx.AsyncHTTPTransport()}
        self.http = httpx.AsyncClient(mounts=mounts, base_url=_HOME, trust_env=False, timeout=20)

    async def __aenter__(self) -> "Browser":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.aclose()

    async def chooses_provider(self, onward: str = "") -> httpx.Response:
        """Click the link of our own sign-in page."""
        return await self.http.get(f"/sso?next={onward}", headers={"sec-fetch-site": "same-origin"})

    async def goes(self, url: str, until: str = "") -> httpx.Response:
        """Visit a page and follow where it leads, but not to an address that begins with `until`."""
        return await self._follows(await self.http.get(url), until)

    async def _follows(self, answer: httpx.Response, until: str = "") -> httpx.Response:
        while answer.is_redirect and not (until and answer.headers["location"].startswith(until)):
            answer = await self.http.get(answer.url.join(answer.headers["location"]))
        return answer

    async def signs_in(self, person: str, onward: str = "", until: str = "") -> httpx.Response:
        """By the provider, as this person: from our link through its form to the page they land on."""
        form = await self._follows(await self.chooses_provider(onward))
        while form.status_code == 200 and (action := _FORM.search(form.text)) and "/interaction/" in action[1]:
            sent = await self.http.post(form.url.join(unescape(action[1])), data={"login": person})
            form = await self.goes(str(sent.url.join(sent.headers["location"])), until)
        return form

    async def sends(self, page: httpx.Response, **fields: str) -> httpx.Response:
        """Send the form of a page as it stands, with these fields filled in."""
        action = _FORM.search(page.text)
        assert action, page.text
        hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.text)
        headers = {"origin": str(page.url.copy_with(raw_path=b"/")).rstrip("/")}
        given = {**{name: unescape(value) for name, value in hidden}, **fields}
        return await self.http.post(page.url.join(unescape(action[1])), data=given, headers=headers)
