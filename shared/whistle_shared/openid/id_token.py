"""Reading an ID token: whether the provider signed it, for us, for this attempt, now (OpenID Connect Core 3.1.3.7)."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import ECKey, Key, KeySet, RSAKey
from joserfc.jws import JWSRegistry

from whistle_shared.openid.claims import is_subject

ALGORITHMS = ("RS256", "PS256", "ES256")
LEEWAY = 30
"""Seconds by which the provider's clock and ours may differ."""
_RSA_BITS = range(2048, 8192 + 1)
_MOST_TOKEN = 16 * 1024
# What a header that means us no good can make the parsers raise, beside their own errors.
_MALFORMED = (JoseError, ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError)


class NotProven(Exception):
    """The provider's word does not hold. The message says why, for the audit; it quotes no token."""


class UnknownKey(NotProven):
    """The token names a key which is not among the provider's, as far as we know."""


def keys_of(document: Mapping[str, Any]) -> KeySet:
    """The keys in a JWKS that can check our algorithms; others are passed over. Raises NotProven when none is left."""
    listed = document.get("keys")
    found = [key for item in (listed if isinstance(listed, list) else []) if (key := _key(item)) is not None]
    if not found:
        raise NotProven("the provider publishes no key that can check a signature")
    return KeySet(found)


def _key(item: Any) -> Key | None:
    if not isinstance(item, dict) or item.get("use", "sig") != "sig" or "d" in item:
        return None
    try:
        if item.get("kty") == "EC" and item.get("crv") == "P-256":
            return ECKey.import_key(item)
        if item.get("kty") == "RSA" and _bits(item["n"]) in _RSA_BITS:
            return RSAKey.import_key(item)
    except _MALFORMED:
        return None
    return None


def _bits(number: str) -> int:
    try:
        return int.from_bytes(base64.urlsafe_b64decode(number + "=" * (-len(number) % 4))).bit_length()
    except binascii.Error:
        return 0


def read_id_token(
    token: object, keys: KeySet, *, issuer: str, client_id: str, nonce: str, access_token: str, now: int
) -> dict[str, Any]:
    """The claims of a token that holds. `now`: seconds since 1970. Raises NotProven, and UnknownKey."""
    if not isinstance(token, str) or not token.isascii() or len(token) > _MOST_TOKEN:
        raise NotProven("the ID token is missing, too long, or none at all")
    try:
        registry = JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)
        read = jwt.decode(token, keys, registry=registry)
        _check_header(read.header)
        options = {"iss": {"essential": True, "value": issuer}, "aud": {"essential": True, "value": client_id}}
        checks = {"nonce": nonce, "client_id": client_id, "access_token": access_token}
        claims = CodeIDToken(read.claims, read.header, options, checks)
        claims.validate(now=now, leeway=LEEWAY)
    except InvalidKeyIdError as error:
        raise UnknownKey("the ID token names a key that the provider does not publish") from error
    except _MALFORMED as error:
        raise NotProven(f"the ID token does not hold: {str(error)[:200]}") from error
    if not is_subject(claims["sub"]):
        raise NotProven("the ID token names no subject that can be one")
    return dict(claims)


def _check_header(header: Mapping[str, Any]) -> None:
    """INVARIANT: a key comes from the provider's own list and from nowhere that a token points to."""
    for name in ("crit", "b64", "jku", "jwk", "x5u"):
        if name in header:
            raise NotProven(f"the ID token's header has {name!r}")
    if header.get("typ", "JWT").upper() != "JWT":
        raise NotProven("the ID token is a token of another kind")
