"""ID tokens: good ones, and those that a good provider never makes (RELIABILITY.md 4.2, row 30)."""

import base64
import hmac
import json
from collections.abc import Callable
from hashlib import sha256
from typing import Any

from joserfc.jwk import ECKey, RSAKey

from support.false_provider import CLIENT, EC, RSA, signed, signed_text

Making = Callable[[dict[str, Any]], str]
STRANGER = RSAKey.generate_key(2048, {"kid": "r1"})
OWN = ECKey.generate_key("P-256", {"kid": "mine"})


def part(said: Any) -> str:
    raw = said if isinstance(said, bytes) else json.dumps(said).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def raw(header: Any, claims: Any, signature: bytes = b"") -> str:
    return f"{part(header)}.{part(claims)}.{part(signature)}"


def by_public_key(claims: dict[str, Any]) -> str:
    """HS256, and the key is what everybody can fetch: the classic confusion of a verifier that believes `alg`."""
    said = f"{part({'alg': 'HS256', 'kid': 'r1'})}.{part(claims)}"
    return f"{said}.{part(hmac.digest(RSA.as_pem(private=False), said.encode(), sha256))}"


def but(**changes: Any) -> Making:
    """A token that is right but for these claims; None: without it."""

    def make(claims: dict[str, Any]) -> str:
        changed = claims | {name: value(claims) if callable(value) else value for name, value in changes.items()}
        return signed({name: value for name, value in changed.items() if value is not None})

    return make


def headed(key: Any = RSA, algorithm: str = "RS256", **header: Any) -> Making:
    """A token that is right but for its header or its key."""
    return lambda claims: signed(claims, key, algorithm, **header)


BAD: dict[str, Making] = {
    "alg none": lambda claims: raw({"alg": "none"}, claims),
    "alg nOnE": lambda claims: raw({"alg": "nOnE", "kid": "r1"}, claims),
    "alg none, two parts": lambda claims: raw({"alg": "none", "kid": "r1"}, claims).rstrip("."),
    "HS256 by the public key": by_public_key,
    "no alg": lambda claims: raw({"kid": "r1"}, claims, b"x"),
    "alg a list": lambda claims: raw({"alg": ["RS256"], "kid": "r1"}, claims, b"x"),
    "RS512": headed(algorithm="RS512"),
    "ES256 by the kid of an RSA key": lambda claims: signed(claims, EC, "ES256", kid="r1"),
    "another's signature": headed(STRANGER),
    "spoilt signature": lambda claims: signed(claims)[:-4] + "AAAA",
    "no signature": lambda claims: signed(claims).rpartition(".")[0] + ".",
    "wrong aud": but(aud="another"),
    "wrong aud in a list": but(aud=["another"]),
    "empty aud": but(aud=[]),
    "no aud": but(aud=None),
    "aud an object": but(aud={"whistle": 1}),
    "two audiences, issued to nobody": but(aud=[CLIENT, "another"]),
    "issued to another": but(aud=[CLIENT, "another"], azp="another"),
    "wrong iss": but(iss="https://evil.example"),
    "iss with a slash": but(iss=lambda claims: claims["iss"] + "/"),
    "iss a list": but(iss=lambda claims: [claims["iss"]]),
    "no iss": but(iss=None),
    "expired": but(exp=lambda claims: claims["iat"] - 31),
    "no exp": but(exp=None),
    "exp a text": but(exp="2999"),
    "exp true": but(exp=True),
    "exp NaN": but(exp=float("nan")),
    "exp infinite": but(exp=float("inf")),
    "nbf": but(nbf=lambda claims: claims["iat"] + 90),
    "iat to come": but(iat=lambda claims: claims["iat"] + 90),
    "no iat": but(iat=None),
    "no sub": but(sub=None),
    "empty sub": but(sub=""),
    "sub a number": but(sub=7),
    "sub too long": but(sub="x" * 256),
    "sub not ASCII": but(sub="张伟"),
    "sub with a line break": but(sub="a\nb"),
    "no nonce": but(nonce=None),
    "wrong nonce": but(nonce="another"),
    "nonce a list": but(nonce=lambda claims: [claims["nonce"]]),
    "wrong at_hash": but(at_hash="AAAA"),
    "at_hash a number": but(at_hash=7),
    "unknown kid": headed(kid="unknown"),
    "kid a path": headed(kid="../../../../dev/null"),
    "kid an address": headed(kid="https://evil.example/key"),
    "kid SQL": headed(kid="r1' or '1'='1"),
    "kid a number": lambda claims: raw({"alg": "RS256", "kid": 7}, claims, b"x"),
    "no kid among two keys": lambda claims: raw({"alg": "RS256"}, claims, b"x"),
    "crit": lambda claims: raw({"alg": "RS256", "kid": "r1", "crit": ["exp"]}, claims, b"x"),
    "crit that is understood": headed(crit=["b64"], b64=True),
    "jku": headed(jku="https://evil.example/jwks"),
    "x5u": headed(x5u="https://evil.example/x5u"),
    "its own key": headed(OWN, "ES256", kid="e1", jwk=OWN.as_dict(private=False)),
    "an access token": headed(typ="at+jwt"),
    "two dots": lambda claims: "..",
    "empty": lambda claims: "",
    "three letters": lambda claims: "a.b.c",
    "five parts": lambda claims: signed(claims) + ".x.y",
    "not ASCII": lambda claims: "张.伟.吹",
    "deep payload": lambda claims: signed_text(b"[" * 9_000),
    "claims no JSON": lambda claims: signed_text(b"hello"),
    "deep header": lambda claims: raw(b"[" * 300, claims, b"x"),
    "claims a list": lambda claims: signed_text(json.dumps([claims]).encode()),
    "claims beyond numbers": lambda claims: signed_text(b'{"exp": 1e999}'),
    "20 KB": but(fill="x" * 20_000),
}
"""Each is wrong in one thing."""
