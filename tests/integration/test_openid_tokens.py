"""What a good provider never says: every bad ID token of RELIABILITY.md 4.2 row 30 is refused, below any page."""

import base64
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from joserfc.jwk import RSAKey
from starlette.responses import JSONResponse, RedirectResponse, Response

from support.false_provider import CLIENT, EC, RSA, SECRET, FalseProvider, signed
from support.false_tokens import BAD, Making, but, headed
from whistle_shared.openid import ALGORITHMS, LEEWAY, Attempt, Client, NotProven, Provider
from whistle_shared.outgoing import Allowed, Caps, GuardedTransport, Refused, Unreachable

ATTEMPT = Attempt.begun("https://duty.example.cn/sso/callback", "", datetime.now(UTC))


@pytest.fixture
def false(serving: FalseProvider) -> FalseProvider:
    return serving.begins_again(ATTEMPT.nonce)


@pytest_asyncio.fixture
async def asking(false: FalseProvider) -> AsyncIterator[Provider]:
    transport = GuardedTransport(Allowed.of(false.issuer), Caps(total=2))
    yield Provider(Client(false.issuer, CLIENT, SECRET), transport)
    await transport.aclose()


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(signed, id="RS256"),
        pytest.param(headed(EC, "ES256"), id="ES256"),
        pytest.param(headed(algorithm="PS256"), id="PS256"),
        pytest.param(but(aud=[CLIENT]), id="audience in a list"),
        pytest.param(but(aud=[CLIENT, "another"], azp=CLIENT), id="two audiences, issued to us"),
        pytest.param(but(exp=lambda claims: claims["iat"] - 20), id="expired within the leeway"),
        pytest.param(headed(typ="jwt", x5t="abc"), id="harmless header"),
    ],
)
async def test_a_good_token_is_read(false: FalseProvider, asking: Provider, make: Making) -> None:
    false.token, false.more = make, {"groups": ["more"], "email": "a@example.cn"}
    claims = await asking.claims(ATTEMPT, "a code")
    assert (claims["sub"], claims["groups"], claims["email"]) == ("u-1", ["handlers"], "a@example.cn")
    [form] = false.forms
    assert form["code_verifier"] == ATTEMPT.verifier
    assert form["redirect_uri"] == ATTEMPT.redirect_uri


@pytest.mark.parametrize("make", BAD.values(), ids=BAD)
async def test_a_token_that_does_not_hold_is_refused(false: FalseProvider, asking: Provider, make: Making) -> None:
    """INVARIANT: nobody is who a provider says unless its word is signed by a key of that provider, for us, for this
    very attempt, and not out of date.

    INVARIANT: a key comes from the provider's own list and from nowhere that a token points to.
    """
    false.token = make
    with pytest.raises(NotProven):
        await asking.claims(ATTEMPT, "a code")
    assert "/me" not in false.asked
    assert false.asked.count("/jwks") <= 2


async def test_a_token_of_a_megabyte_is_not_even_read(false: FalseProvider, asking: Provider) -> None:
    false.token = but(fill="x" * 1_000_000)
    with pytest.raises(Refused, match="at most 65536 are read"):
        await asking.claims(ATTEMPT, "a code")


async def test_keys_are_fetched_once_and_once_more_for_a_key_that_is_not_known(
    false: FalseProvider, asking: Provider
) -> None:
    for _ in range(3):
        await asking.claims(ATTEMPT, "a code")
    assert (false.asked.count("/jwks"), false.asked.count("/token")) == (1, 3)
    fresh = RSAKey.generate_key(2048, {"kid": "r2", "use": "sig"})
    false.keys, false.token = [fresh], lambda claims: signed(claims, fresh)
    await asking.claims(ATTEMPT, "a code")
    await asking.claims(ATTEMPT, "a code")
    assert false.asked.count("/jwks") == 2
    false.token = headed(kid="unknown")
    with pytest.raises(NotProven):
        await asking.claims(ATTEMPT, "a code")
    assert false.asked.count("/jwks") == 3


@pytest.mark.parametrize(
    "keys",
    [
        [],
        None,
        "keys",
        [7],
        [{"kty": "oct", "k": "c2VjcmV0", "kid": "r1"}],
        [{"kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "r1"}],
        [{"kty": "RSA", "n": "A" * 20_000, "e": "AQAB", "kid": "r1"}],
        [{"kty": "RSA", "kid": "r1"}],
        [{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "kid": "r1"}],
        [RSA.as_dict(private=False) | {"use": "enc"}],
        [RSA.as_dict(private=True)],
    ],
)
async def test_keys_that_cannot_check_anything_are_none(false: FalseProvider, asking: Provider, keys: Any) -> None:
    false.answers["/jwks"] = JSONResponse({"keys": keys})
    with pytest.raises(NotProven, match="no key"):
        await asking.claims(ATTEMPT, "a code")


async def test_a_key_that_is_not_understood_does_not_spoil_the_others(false: FalseProvider, asking: Provider) -> None:
    strange = [{"kty": "AKP", "alg": "ML-DSA-44", "pub": "x"}, 7, {"kty": "EC", "crv": "P-521"}]
    false.answers["/jwks"] = JSONResponse({"keys": [*strange, RSA.as_dict(private=False)]})
    assert (await asking.claims(ATTEMPT, "a code"))["sub"] == "u-1"


@pytest.mark.parametrize(
    ("path", "answer", "error"),
    [
        ("/.well-known/openid-configuration", JSONResponse({"issuer": "https://evil.example"}), NotProven),
        ("/.well-known/openid-configuration", JSONResponse(["issuer"]), NotProven),
        ("/.well-known/openid-configuration", Response("<html>", 200), NotProven),
        ("/.well-known/openid-configuration", Response("no", 404), NotProven),
        ("/.well-known/openid-configuration", Response("", 503), httpx2.TransportError),
        ("/.well-known/openid-configuration", RedirectResponse("http://127.0.0.1:1/"), Refused),
        ("/token", JSONResponse({"error": "invalid_grant"}, 400), NotProven),
        ("/token", JSONResponse({"access_token": "at"}), NotProven),
        ("/token", JSONResponse({"access_token": "at", "id_token": None}), NotProven),
        ("/token", JSONResponse({"access_token": "at", "id_token": {"alg": "none"}}), NotProven),
        ("/token", JSONResponse([]), NotProven),
        ("/token", Response("[" * 60_000), NotProven),
        ("/token", Response("", 500), httpx2.TransportError),
        ("/token", RedirectResponse("http://127.0.0.1:1/"), Refused),
        ("/jwks", Response("x" * 70_000), Refused),
        ("/jwks", Response("{"), NotProven),
        ("/me", JSONResponse({"sub": "another"}), NotProven),
        ("/me", JSONResponse({}), NotProven),
        ("/me", Response("", 401), NotProven),
    ],
)
async def test_a_provider_that_answers_nonsense_proves_nothing(
    false: FalseProvider, asking: Provider, path: str, answer: Response, error: type[Exception]
) -> None:
    false.answers[path] = answer
    with pytest.raises(error):
        await asking.claims(ATTEMPT, "a code")


@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "jwks_uri"])
@pytest.mark.parametrize("value", [None, 7, "", "file:///etc/passwd", "javascript:alert(1)"])
async def test_a_description_without_what_is_needed_is_none(
    false: FalseProvider, asking: Provider, name: str, value: Any
) -> None:
    false.describes = {name: value}
    with pytest.raises(NotProven, match=name):
        await asking.address_for(ATTEMPT)


async def test_an_endpoint_elsewhere_is_not_called(false: FalseProvider, asking: Provider) -> None:
    false.describes = {"jwks_uri": "http://169.254.169.254/jwks"}
    with pytest.raises(Refused, match=r"169\.254\.169\.254"):
        await asking.claims(ATTEMPT, "a code")


async def test_a_provider_out_of_reach_is_told_apart() -> None:
    async with FalseProvider().serving() as gone:
        issuer = gone.issuer
    asking = Provider(Client(issuer, CLIENT), GuardedTransport(Allowed.of(issuer)))
    with pytest.raises(Unreachable):
        await asking.address_for(ATTEMPT)


@pytest.mark.parametrize(
    ("promised", "named", "holds"),
    [
        (True, "own", True),
        (True, None, False),
        (True, "https://evil.example", False),
        (False, "own", True),
        (False, None, True),
        (False, "https://evil.example", False),
        ("yes", None, True),
    ],
)
async def test_the_issuer_that_comes_along_is_checked(
    false: FalseProvider, asking: Provider, promised: Any, named: str | None, holds: bool
) -> None:
    """RFC 9207."""
    false.describes = {"authorization_response_iss_parameter_supported": promised}
    said = false.issuer if named == "own" else named
    if holds:
        await asking.check_issuer(said)
    else:
        with pytest.raises(NotProven, match="issuer"):
            await asking.check_issuer(said)


async def test_the_way_there_asks_for_a_code_with_pkce_and_nothing_else(asking: Provider) -> None:
    there = httpx2.URL(await asking.address_for(ATTEMPT))
    asked = dict(there.params)
    digest = base64.urlsafe_b64encode(sha256(ATTEMPT.verifier.encode()).digest()).rstrip(b"=").decode()
    assert asked == {
        "response_type": "code",
        "client_id": CLIENT,
        "redirect_uri": ATTEMPT.redirect_uri,
        "scope": "openid profile",
        "state": ATTEMPT.state,
        "nonce": ATTEMPT.nonce,
        "code_challenge": digest,
        "code_challenge_method": "S256",
    }


@pytest.mark.parametrize(
    ("taken", "secret", "basic", "in_form"),
    [
        (["client_secret_basic", "client_secret_post"], SECRET, True, False),
        (["client_secret_post"], SECRET, False, True),
        (None, SECRET, True, False),
        (["none"], None, False, False),
    ],
)
async def test_the_secret_goes_where_the_provider_takes_it(
    false: FalseProvider, taken: list[str] | None, secret: str | None, basic: bool, in_form: bool
) -> None:
    false.describes = {"token_endpoint_auth_methods_supported": taken}
    transport = GuardedTransport(Allowed.of(false.issuer))
    await Provider(Client(false.issuer, CLIENT, secret), transport).claims(ATTEMPT, "a code")
    await transport.aclose()
    [form] = false.forms
    assert ("client_secret" in form) is in_form
    assert false.authorizations[-1].startswith("Basic ") is basic


def test_the_leeway_is_no_more_than_half_a_minute() -> None:
    assert LEEWAY <= 30
    assert set(ALGORITHMS) == {"RS256", "PS256", "ES256"}
