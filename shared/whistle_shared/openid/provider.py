"""The provider over HTTP: its description, its keys, codes for tokens. All of it through the guarded client."""

from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any
from urllib.parse import urlencode

import httpx2
import orjson
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from joserfc.jwk import KeySet

from whistle_shared.openid.attempt import Attempt
from whistle_shared.openid.id_token import NotProven, UnknownKey, keys_of, read_id_token
from whistle_shared.outgoing import GuardedTransport, guarded_client
from whistle_shared.timesource import wall_now

_LASTING = 3600.0
_DESCRIPTION = "/.well-known/openid-configuration"
_NEEDED = ("authorization_endpoint", "token_endpoint", "jwks_uri")


@dataclass(frozen=True, slots=True)
class Client:
    """What the provider knows us by. `secret` None: a public client, which PKCE alone protects. `asks`: the scopes of
    OAuth, with spaces between."""

    issuer: str
    client_id: str
    secret: str | None = None
    asks: str = "openid profile"


class Provider:
    """One provider. Its description and its keys are fetched when they are first needed, and again after an hour."""

    def __init__(self, client: Client, transport: GuardedTransport) -> None:
        self.client = client
        self._transport = transport
        self._http = guarded_client(transport)
        self._described: tuple[float, dict[str, Any]] | None = None
        self._keys: tuple[float, KeySet] | None = None

    async def description(self) -> Mapping[str, Any]:
        """What the provider says of itself (OpenID Connect Discovery). Raises NotProven, and httpx2.TransportError."""
        if self._described is None or self._described[0] < monotonic():
            said = await self._json(self.client.issuer.rstrip("/") + _DESCRIPTION)
            _check_description(said, self.client.issuer)
            self._described = (monotonic() + _LASTING, said)
        return self._described[1]

    async def keys(self, *, again: bool = False) -> KeySet:
        """The provider's keys. Raises as `description`."""
        if again or self._keys is None or self._keys[0] < monotonic():
            where = (await self.description())["jwks_uri"]
            self._keys = (monotonic() + _LASTING, keys_of(await self._json(where)))
        return self._keys[1]

    async def address_for(self, attempt: Attempt) -> str:
        """Where the browser goes to sign in. Raises as `description`."""
        endpoint = (await self.description())["authorization_endpoint"]
        url, _ = self._oauth().create_authorization_url(
            endpoint,
            state=attempt.state,
            nonce=attempt.nonce,
            code_verifier=attempt.verifier,
            redirect_uri=attempt.redirect_uri,
        )
        return str(url)

    async def check_issuer(self, named: str | None) -> None:
        """The `iss` that came along with the browser (RFC 9207): required where the provider sends it.

        Raises NotProven when it is another's, which is how mixed-up providers show.
        """
        promised = (await self.description()).get("authorization_response_iss_parameter_supported") is True
        if named != self.client.issuer and (promised or named is not None):
            raise NotProven("the answer does not name the issuer that was asked")

    async def claims(self, attempt: Attempt, code: str) -> dict[str, Any]:
        """Who signed in: the claims of the ID token, and beside them those of the userinfo endpoint if there is one.

        Raises NotProven, and httpx2.TransportError when the provider cannot be reached or answers what is not read.
        """
        token = await self._exchange(attempt, code)
        access = token.get("access_token")
        access = access if isinstance(access, str) else ""
        claims = await self._read(token.get("id_token"), attempt.nonce, access)
        endpoint = (await self.description()).get("userinfo_endpoint")
        if isinstance(endpoint, str) and access:
            more = await self._json(endpoint, {"Authorization": f"Bearer {access}"})
            if more.get("sub") != claims["sub"]:
                raise NotProven("the userinfo endpoint speaks of somebody else")
            claims = more | claims
        return claims

    async def way_out(self, back_to: str) -> str | None:
        """Where the browser can sign out at the provider too (RP-initiated logout 1.0), or None."""
        endpoint = (await self.description()).get("end_session_endpoint")
        if not isinstance(endpoint, str):
            return None
        asked = urlencode({"client_id": self.client.client_id, "post_logout_redirect_uri": back_to})
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{asked}"

    async def _exchange(self, attempt: Attempt, code: str) -> Mapping[str, Any]:
        described = await self.description()
        client = self._oauth(_method(described, self.client.secret))
        try:
            token = await client.fetch_token(
                described["token_endpoint"],
                grant_type="authorization_code",
                code=code,
                code_verifier=attempt.verifier,
                redirect_uri=attempt.redirect_uri,
            )
        except AuthlibBaseError as error:
            raise NotProven(f"the provider does not take the code: {str(error.error)[:100]}") from error
        except httpx2.HTTPStatusError as error:
            raise httpx2.TransportError(f"the token endpoint answered {error.response.status_code}") from error
        except (ValueError, RecursionError) as error:
            raise NotProven("the provider answered the code with what is no token") from error
        return dict(token)

    async def _read(self, token: object, nonce: str, access_token: str) -> dict[str, Any]:
        """Keys may have changed since they were fetched: a key that is not known is looked for once more."""
        asked: dict[str, Any] = {
            "issuer": self.client.issuer,
            "client_id": self.client.client_id,
            "nonce": nonce,
            "access_token": access_token,
            "now": int(wall_now().timestamp()),
        }
        try:
            return read_id_token(token, await self.keys(), **asked)
        except UnknownKey:
            return read_id_token(token, await self.keys(again=True), **asked)

    async def _json(self, url: str, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        answer = await self._http.get(url, headers=dict(headers or {}))
        if answer.status_code >= 500:
            raise httpx2.TransportError(f"{answer.url.host} answered {answer.status_code}")
        try:
            said = orjson.loads(answer.content) if answer.status_code == 200 else None
        except orjson.JSONDecodeError:
            said = None
        if not isinstance(said, dict):
            raise NotProven(f"{answer.url.host} answered {answer.status_code} with what is no JSON object")
        return said

    def _oauth(self, method: str | None = None) -> AsyncOAuth2Client:
        """Authlib's client, new each time, for it keeps the token it got; it shares the transport and owns nothing."""
        return AsyncOAuth2Client(
            self.client.client_id,
            self.client.secret,
            token_endpoint_auth_method=method,
            scope=self.client.asks,
            code_challenge_method="S256",
            transport=self._transport,
            trust_env=False,
            follow_redirects=False,
            timeout=None,
        )


def _method(described: Mapping[str, Any], secret: str | None) -> str:
    """How we prove who we are at the token endpoint: Basic, unless the provider takes the secret in the form only."""
    if secret is None:
        return "none"
    taken = described.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
    return "client_secret_basic" if "client_secret_basic" in taken else "client_secret_post"


def _check_description(said: Mapping[str, Any], issuer: str) -> None:
    """Raises NotProven unless it speaks of this issuer and names what is needed, with no less than its security."""
    if said.get("issuer") != issuer:
        raise NotProven("the provider's description is of another issuer")
    scheme = issuer.partition("://")[0]
    for name in _NEEDED:
        endpoint = said.get(name)
        if not isinstance(endpoint, str) or not endpoint.startswith(("https://", f"{scheme}://")):
            raise NotProven(f"the provider's description has no {name} that can be used")
