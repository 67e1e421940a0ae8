"""An OpenID provider of our own that does what a good one never does: it says whatever a test has it say.

It has two keys of its own (RS256 `r1`, ES256 `e1`), answers on loopback, and counts what it is asked for.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import uvicorn
from joserfc import jws, jwt
from joserfc.jwk import ECKey, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from support.waiting import until

RSA = RSAKey.generate_key(2048, {"kid": "r1", "use": "sig"})
EC = ECKey.generate_key("P-256", {"kid": "e1", "use": "sig"})
SOMEBODY = {"sub": "u-1", "name": "张伟", "groups": ["handlers"], "whistle_scope": "CGJ"}
CLIENT = "whistle"
SECRET = "a secret of the tests"


def signed(claims: dict[str, Any], key: Any = RSA, algorithm: str = "RS256", **header: Any) -> str:
    """A token; `header` beside `alg` and the key's `kid`."""
    return jwt.encode({"alg": algorithm, "kid": key.kid} | header, claims, key, algorithms=[algorithm])


def signed_text(payload: bytes) -> str:
    """A token of anything at all, with a good signature."""
    return jws.serialize_compact({"alg": "RS256", "kid": RSA.kid}, payload, RSA, algorithms=["RS256"])


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Ctrl-C belongs to pytest."""
        yield


@dataclass
class FalseProvider:
    """`token` makes the ID token of the claims that would be right; `more` are what the userinfo endpoint says;
    `answers` replaces what a path answers; `describes` what the description says."""

    token: Callable[[dict[str, Any]], str] = signed
    claims: dict[str, Any] = field(default_factory=lambda: dict(SOMEBODY))
    more: dict[str, Any] = field(default_factory=dict)
    keys: list[Any] = field(default_factory=lambda: [RSA, EC])
    describes: dict[str, Any] = field(default_factory=dict)
    answers: dict[str, Response] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    forms: list[dict[str, str]] = field(default_factory=list)
    authorizations: list[str] = field(default_factory=list)
    nonce: str = ""
    port: int = 0

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def begins_again(self, nonce: str = "") -> "FalseProvider":
        """As if it had just been made."""
        vars(self).update(vars(FalseProvider(nonce=nonce, port=self.port)))
        return self

    def right(self) -> dict[str, Any]:
        """The claims that a good provider would sign for the latest attempt."""
        now = int(time.time())
        times = {"iat": now, "exp": now + 300}
        return {"iss": self.issuer, "aud": CLIENT, "nonce": self.nonce} | times | self.claims

    async def answer(self, request: Request) -> Response:
        path = request.url.path
        self.asked.append(path)
        if path in self.answers:
            return self.answers[path]
        if path == "/token":
            self.authorizations.append(request.headers.get("authorization", ""))
            self.forms.append(dict(parse_qsl((await request.body()).decode())))
            return JSONResponse({"access_token": "at", "token_type": "Bearer", "id_token": self.token(self.right())})
        if path == "/me":
            return JSONResponse({"sub": self.claims["sub"]} | self.more)
        if path == "/jwks":
            return JSONResponse({"keys": [key.as_dict(private=False) for key in self.keys]})
        return JSONResponse(self.description())

    def description(self) -> dict[str, Any]:
        """What it says of itself."""
        paths = {"authorization_endpoint": "/auth", "token_endpoint": "/token", "jwks_uri": "/jwks"}
        paths |= {"userinfo_endpoint": "/me", "end_session_endpoint": "/leave"}
        return {"issuer": self.issuer} | {name: self.issuer + path for name, path in paths.items()} | self.describes

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["FalseProvider"]:
        """At a port of this machine, inside the block."""
        app = Starlette(routes=[Route("/{path:path}", self.answer, methods=["GET", "POST"])])
        server = _Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, lifespan="off"))
        task = asyncio.create_task(server.serve())

        async def listening() -> bool:
            return server.started

        await until(listening, "the false provider to listen")
        self.port = server.servers[0].sockets[0].getsockname()[1]
        yield self
        server.should_exit = True
        await task
