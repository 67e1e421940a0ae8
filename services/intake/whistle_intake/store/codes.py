"""Tracking codes, and the digests by which codes and telephone numbers are found.

INVARIANT: a code is kept nowhere: it is made anew from the report's id and the process's keys, for a repeated answer.
"""

from base64 import urlsafe_b64decode
from uuid import UUID

from whistle_intake import domain
from whistle_shared.keyring import Keyring

_CODE, _DIGEST, _PHONE = "tracking code of a report", "tracking code", "telephone number"
# Four characters of a digest, 24 bits, are shared by hundreds of telephone numbers: what is left of an erased one
# in some backup leads back to none of them.
_PHONE_LENGTH = 4


def new_code(keyring: Keyring, report_id: UUID) -> str:
    """The code of a new report."""
    return _codes(keyring, report_id)[0]


def code_again(keyring: Keyring, report_id: UUID, tag: str) -> str | None:
    """The code that this tag was kept of, whichever key made it; None when that key is gone."""
    return next((code for code in _codes(keyring, report_id) if keyring.is_tag(tag, code.encode(), _DIGEST)), None)


def code_tags(keyring: Keyring, code: str) -> list[str]:
    """What may be kept of a code, the newest key's first: what is kept of a new one."""
    return keyring.tags(code.encode(), _DIGEST)


def phone_tags(keyring: Keyring, phone: str) -> list[str]:
    """What may be kept of a telephone number, the newest key's first: what is kept of a new one."""
    return [tag[:_PHONE_LENGTH] for tag in keyring.tags(phone.encode(), _PHONE)]


def _codes(keyring: Keyring, report_id: UUID) -> list[str]:
    return [domain.code_of(urlsafe_b64decode(tag)) for tag in keyring.tags(report_id.bytes, _CODE)]
