"""Tracking codes such as `7K4M-2PQX-9HTDC`: twelve characters of a secret and one that finds a slip of the pen. Pure.

The alphabet is Crockford's: no I, L, O or U; who writes one all the same is understood.
"""

from uuid import UUID

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_SECRET = 12
_READ = str.maketrans(
    dict(zip("OILoil", "011011", strict=True))
    | {chr(0xFF10 + n): str(n) for n in range(10)}
    | {chr(0xFF21 + n): chr(65 + n) for n in range(26)}
    | dict.fromkeys(" -－—–\u3000\t", "")
)


def code_of(secret: bytes) -> str:
    """The code that the first 60 bits of a secret make. Raises ValueError for a shorter secret."""
    if len(secret) < 8:
        raise ValueError("a tracking code takes 60 bits")
    number = int.from_bytes(secret[:8], "big") >> 4
    plain = "".join(ALPHABET[(number >> shift) & 31] for shift in range(5 * (_SECRET - 1), -1, -5))
    return written(plain + _check(plain))


def written(bare: str) -> str:
    """The thirteen characters as they are shown."""
    return f"{bare[:4]}-{bare[4:8]}-{bare[8:]}"


def code_in(text: str) -> str | None:
    """The code that somebody typed, as it is written; None for what cannot be one."""
    bare = text.translate(_READ).upper().translate(_READ)
    if len(bare) != _SECRET + 1 or not set(bare) <= set(ALPHABET) or _check(bare[:-1]) != bare[-1]:
        return None
    return written(bare)


def _check(plain: str) -> str:
    """Luhn's check character over 32 characters: every single slip shows, and nearly every exchange of neighbours."""
    total = 0
    for place, character in enumerate(reversed(plain)):
        value = ALPHABET.index(character) * (2 - place % 2)
        total += value // 32 + value % 32
    return ALPHABET[-total % 32]


def subject_of(report_id: UUID) -> str:
    """What a report's photos belong to; also the name under which they are shown to whoever holds its code."""
    return f"report:{report_id}"
