"""Browser push: a message sealed for one browser (RFC 8291), from a sender whom its push service knows (RFC 8292)."""

import base64
import binascii
import json
import secrets
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from urllib.parse import urlsplit
from uuid import UUID

import httpx2
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDH,
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    derive_private_key,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from whistle_escalation.notices.domain import Outcome
from whistle_shared.errors import Invalid
from whistle_shared.keyring import Keyring
from whistle_shared.outgoing import Refused, Unreachable
from whistle_shared.timesource import wall_now

PUSH = "Web Push"
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_RECORD = 4096
_MOST = 3000
_GOOD_FOR = timedelta(hours=12)
_KEPT = timedelta(hours=12)
"""How long a push service keeps a message for a browser that is away."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """Where one browser is reached. `ours`: the public key of ours that it was made for, as it stands in the page."""

    endpoint: str
    key: bytes
    auth: bytes
    ours: str

    @classmethod
    def of(cls, text: str) -> "Subscription":
        """From the JSON that a browser gives, with `ours` beside it. Raises Invalid."""
        try:
            said = json.loads(text)
            keys = said["keys"]
            found = cls(said["endpoint"], _decoded(keys["p256dh"]), _decoded(keys["auth"]), said["ours"])
            EllipticCurvePublicKey.from_encoded_point(SECP256R1(), found.key)
            fits = bool(urlsplit(found.endpoint).hostname) and len(found.auth) == 16 and isinstance(found.ours, str)
        except (ValueError, KeyError, TypeError, AttributeError, binascii.Error):
            fits = False
        if not fits:
            raise Invalid("secret", "is no subscription of a browser")
        return found

    @property
    def label(self) -> str:
        """The push service's name; the rest of the address is a secret."""
        return f"{PUSH} · {urlsplit(self.endpoint).hostname}"


def sealed_for(
    to: Subscription, message: bytes, *, ours: EllipticCurvePrivateKey | None = None, salt: bytes | None = None
) -> bytes:
    """The body of a push message, aes128gcm in one record. Source: RFC 8291 sections 3.4 and 4, RFC 8188."""
    ours, salt = ours or generate_private_key(SECP256R1()), salt or secrets.token_bytes(16)
    theirs = EllipticCurvePublicKey.from_encoded_point(SECP256R1(), to.key)
    mine = point_of(ours)
    shared = _derive(ours.exchange(ECDH(), theirs), to.auth, b"WebPush: info\0" + to.key + mine, 32)
    key = _derive(shared, salt, b"Content-Encoding: aes128gcm\0", 16)
    nonce = _derive(shared, salt, b"Content-Encoding: nonce\0", 12)
    head = salt + _RECORD.to_bytes(4, "big") + bytes([len(mine)]) + mine
    return head + AESGCM(key).encrypt(nonce, message[:_MOST] + b"\x02", None)


def _derive(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(SHA256(), length, salt, info).derive(secret)


def point_of(key: EllipticCurvePrivateKey) -> bytes:
    """A public key as an uncompressed point."""
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


class Pusher:
    """Sends to browsers in the name of this service. `contact`: whom a push service may write to, an https or mailto
    address."""

    def __init__(self, keyring: Keyring, client: httpx2.AsyncClient, contact: str) -> None:
        keys = [_private(secret) for secret in keyring.secrets_for("web push")]
        self._keys = {_encoded(point_of(key)): key for key in keys}
        self._client = client
        self._contact = contact

    @property
    def public_key(self) -> str:
        """What a browser is given when it subscribes."""
        return next(iter(self._keys))

    async def send(
        self, to: Subscription, cause: UUID, message: dict[str, str], *, pressing: bool
    ) -> tuple[Outcome, str]:
        """(outcome, receipt). `cause` names what it tells of: browsers show one message for it, the newest."""
        key = self._keys.get(to.ours)
        if key is None:
            return "gone", "made for a key that is here no more"
        text = json.dumps({**message, "tag": str(cause)}, ensure_ascii=False).encode()
        headers = {
            "Authorization": f"vapid t={self._token(key, to.endpoint)}, k={to.ours}",
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": f"{int(_KEPT.total_seconds())}",
            "Topic": _encoded(sha256(cause.bytes).digest()[:24]),
            "Urgency": "high" if pressing else "normal",
        }
        try:
            answer = await self._client.post(to.endpoint, content=sealed_for(to, text), headers=headers)
        except Refused as error:
            return "refused", str(error)
        except Unreachable as error:
            return "unknown" if error.connected else "failed", str(error)
        return _outcome(answer.status_code), f"{answer.status_code} {answer.headers.get('location', '')[-60:]}".strip()

    def _token(self, key: EllipticCurvePrivateKey, endpoint: str) -> str:
        """A JWT by ES256 for the endpoint's origin (RFC 8292 section 2)."""
        place = urlsplit(endpoint)
        claims = {
            "aud": f"{place.scheme}://{place.netloc}",
            "exp": int((wall_now() + _GOOD_FOR).timestamp()),
            "sub": self._contact,
        }
        signed = ".".join(_encoded(json.dumps(part).encode()) for part in ({"typ": "JWT", "alg": "ES256"}, claims))
        r, s = decode_dss_signature(key.sign(signed.encode(), ECDSA(SHA256())))
        return f"{signed}.{_encoded(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def _outcome(status: int) -> Outcome:
    if status < 300:
        return "delivered"
    if status in (404, 410):
        return "gone"
    return "failed" if status >= 500 or status in (408, 429) else "rejected"


def _private(secret: bytes) -> EllipticCurvePrivateKey:
    return derive_private_key(int.from_bytes(secret, "big") % (_ORDER - 1) + 1, SECP256R1())


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
