"""Personal fields on their way into the one table that keeps them, and out of it: sealed each for itself."""

from dataclasses import dataclass
from typing import Any, Literal, get_args
from uuid import UUID

import orjson

from whistle_intake import domain
from whistle_shared.contracts.intake import Location
from whistle_shared.privacy import seal

Kind = Literal["contact", "words"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True, slots=True)
class Sealed:
    """What a new row of `person` holds."""

    words: bytes
    contact: bytes | None
    phone_tag: str | None


def key_name(kind: Kind, person_id: UUID, report_id: UUID) -> UUID:
    """What the key is called that seals this: either can go without the other."""
    return person_id if kind == "contact" else report_id


def purpose_of(kind: Kind) -> str:
    return f"person {kind}"


def seal_words(key: bytes, report_id: UUID, words: domain.Words) -> bytes:
    """What somebody wrote, sealed."""
    at = words.location
    plain = orjson.dumps({"text": words.text, "location": at and at.model_dump()})
    return seal(key, report_id, plain, purpose_of("words"))


def seal_contact(key: bytes, person_id: UUID, contact: domain.Contact) -> bytes:
    """How somebody can be reached, sealed."""
    plain = orjson.dumps({"name": contact.name, "phone": contact.phone})
    return seal(key, person_id, plain, purpose_of("contact"))


def to_words(plain: bytes) -> domain.Words:
    """What `seal_words` sealed, once it is open."""
    said: dict[str, Any] = orjson.loads(plain)
    at = said["location"]
    return domain.Words(said["text"], Location.model_validate(at) if at else None)


def to_contact(plain: bytes) -> domain.Contact:
    """What `seal_contact` sealed, once it is open."""
    return domain.Contact(**orjson.loads(plain))
