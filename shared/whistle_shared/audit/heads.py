"""Heads: once a day the chain's end is signed, so that it can be kept where nobody here can reach it.

A head says: up to this position the chain had this digest when the day was over. Whoever holds it and the public key
notices when anything before it was changed, by whomever, the database's owner and its superuser included.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from whistle_shared.audit.chain import Link
from whistle_shared.db.tables import audit_head
from whistle_shared.keyring import Keyring, is_signed, key_id


@dataclass(frozen=True, slots=True)
class Head:
    """The chain of one service at the end of one day (wall time, Asia/Shanghai)."""

    service: str
    day: date
    position: int
    digest: bytes
    key_id: str
    signature: bytes

    def is_signed_by(self, keys: Mapping[str, Ed25519PublicKey]) -> bool:
        """Whether one of these keys made the signature."""
        key = keys.get(self.key_id)
        said = _message(self.service, self.day, self.position, self.digest)
        return key is not None and is_signed(key, self.signature, said)


def sign(keyring: Keyring, service: str, day: date, tail: Link) -> Head:
    """The head of a day, with the newest key."""
    name, signature = keyring.sign(_message(service, day, tail.position, tail.digest))
    return Head(service, day, tail.position, tail.digest, name, signature)


def _message(service: str, day: date, position: int, digest: bytes) -> bytes:
    return f"whistle audit head\n{service}\n{day.isoformat()}\n{position}\n{digest.hex()}\n".encode()


async def heads_of(connection: AsyncConnection, service: str) -> list[Head]:
    """The heads that a service's database holds, the oldest first."""
    t = audit_head.c
    rows = await connection.execute(
        select(t.day, t.position, t.digest, t.key_id, t.signature).order_by(t.day, t.position)
    )
    return [Head(service, *row) for row in rows]


def as_line(head: Head) -> str:
    """A head as a line of JSON, to be kept elsewhere."""
    about: dict[str, Any] = {"service": head.service, "day": head.day, "position": head.position}
    signed = {"digest": head.digest.hex(), "key_id": head.key_id, "signature": head.signature.hex()}
    return orjson.dumps(about | signed).decode()


def of_line(line: str) -> Head:
    """What `as_line` wrote. Raises ValueError."""
    try:
        said = orjson.loads(line)
        return Head(
            str(said["service"]),
            date.fromisoformat(said["day"]),
            int(said["position"]),
            bytes.fromhex(said["digest"]),
            str(said["key_id"]),
            bytes.fromhex(said["signature"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"is not the line of a head: {error!r}") from None


def public_line(public: Ed25519PublicKey) -> str:
    """A public key as it is handed on: its id, and its 32 bytes in base64."""
    return f"{key_id(public)} {base64.b64encode(public.public_bytes_raw()).decode()}"


def public_of_line(line: str) -> Ed25519PublicKey:
    """The key of such a line, or of its base64 alone. Raises ValueError."""
    *name, text = line.split() or [""]
    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        raise ValueError("is not a public key: 32 bytes in base64") from None
    if name and name != [key_id(key)]:
        raise ValueError(f"the key is {key_id(key)}, not {' '.join(name)}")
    return key
