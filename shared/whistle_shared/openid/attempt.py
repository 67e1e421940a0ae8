"""One attempt to sign in: what the browser keeps, sealed, between going to the provider and coming back."""

import secrets
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

import orjson

from whistle_shared.keyring import Keyring, Unreadable

LASTING = timedelta(minutes=10)
_PURPOSE = "single sign-on"


@dataclass(frozen=True, slots=True)
class Attempt:
    """`state` and `nonce` tie the way back and the token to it, `verifier` the code (PKCE). `then`: where to go after;
    `began_at`: wall time, UTC."""

    state: str
    nonce: str
    verifier: str
    redirect_uri: str
    then: str
    began_at: datetime

    @classmethod
    def begun(cls, redirect_uri: str, then: str, now: datetime) -> "Attempt":
        """A new one: three times 256 random bits."""
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        return cls(state, nonce, verifier, redirect_uri, then, now)

    def sealed(self, keyring: Keyring) -> str:
        """What goes into the cookie: nobody can read or make it but this service."""
        return keyring.seal(orjson.dumps(asdict(self)), _PURPOSE).hex()

    @classmethod
    def opened(cls, keyring: Keyring, sealed: str, now: datetime) -> "Attempt | None":
        """What `sealed` made, if it is from here and not too old; else None."""
        try:
            said = orjson.loads(keyring.open(bytes.fromhex(sealed), _PURPOSE))
        except (ValueError, Unreadable):
            return None
        attempt = cls(**said | {"began_at": datetime.fromisoformat(said["began_at"])})
        return attempt if now - LASTING < attempt.began_at <= now else None
