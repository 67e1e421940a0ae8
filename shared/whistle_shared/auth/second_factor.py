"""The second factor: six digits of a device (TOTP, RFC 6238), or a recovery code when the device is gone.

INVARIANT: six digits and a recovery code are each accepted once.
"""

import hmac
import re
import secrets
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from uuid import UUID

import pyotp
import segno

from whistle_shared.keyring import Keyring

_DRIFT = 1
_CODES = 10
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
_GROUPS, _LETTERS_EACH = 6, 4


def new_secret() -> str:
    """A secret for a device: 160 bits in base32."""
    return pyotp.random_base32()


def seal_secret(keyring: Keyring, account_id: UUID, secret: str) -> bytes:
    """A secret as it is kept: readable by this process, for this account."""
    return keyring.seal(secret.encode(), f"second factor of {account_id}")


def open_secret(keyring: Keyring, account_id: UUID, sealed: bytes) -> str:
    """The secret that was kept. Raises keyring.Unreadable."""
    return keyring.open(sealed, f"second factor of {account_id}").decode()


def step_of(secret: str, code: str, at: datetime) -> int | None:
    """Which step of 30 s these digits belong to, one before or after now included; None when they are wrong.

    Whoever keeps the step and takes none that is not later takes no digits twice.
    """
    digits = re.sub(r"\s", "", code)
    try:
        return pyotp.TOTP(secret).verify_and_get_timecode(digits, for_time=at, valid_window=_DRIFT)
    except pyotp.OTPVerificationError:
        return None


def picture_of(secret: str, username: str, issuer: str) -> str:
    """What a device's camera reads, as inline SVG without any style."""
    address = pyotp.TOTP(secret).provisioning_uri(name=username, issuer_name=issuer)
    return segno.make(address, error="m").svg_inline(
        scale=4, border=4, omitsize=True, dark="#000", light="#fff", svgclass="qr", lineclass=None
    )


def new_recovery_codes() -> tuple[str, ...]:
    """Ten codes of 118 bits, to be shown once: so many that a fast digest of one cannot be tried backwards."""
    return tuple(
        "-".join("".join(secrets.choice(_LETTERS) for _ in range(_LETTERS_EACH)) for _ in range(_GROUPS))
        for _ in range(_CODES)
    )


def digest_of_code(account_id: UUID, code: str) -> str:
    """What is kept of a recovery code, however it was typed."""
    letters = re.sub(r"[^0-9a-z]", "", code.lower())
    return sha256(f"{account_id} {letters}".encode()).hexdigest()


def left_without(account_id: UUID, kept: Sequence[str], code: str) -> list[str] | None:
    """The digests that are left once this code is used; None when it is none of them."""
    digest = digest_of_code(account_id, code)
    left = [known for known in kept if not hmac.compare_digest(known, digest)]
    return left if len(left) < len(kept) else None
