"""Erasure: what is a person's becomes unreadable, here and wherever copies of it lie.

INVARIANT: the keys go before the rows say that they are gone; whatever happens in between, nothing can be read.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from whistle_intake import domain, store
from whistle_shared import photos
from whistle_shared.db import Deed, note
from whistle_shared.runtime import Service


@dataclass(frozen=True, slots=True)
class Erased:
    """What was erased of a person just now, and how many photos."""

    person_id: UUID
    report_id: UUID
    kinds: tuple[store.Kind, ...]
    photos: int


async def forget(service: Service, person_id: UUID, report_id: UUID, kinds: Iterable[store.Kind], deed: Deed) -> Erased:
    """Erase these of whoever made a report; with the words go its photos. Doing it again erases nothing more.

    Raises Unavailable when keys cannot be reached: then it is to be done again.
    """
    chosen = tuple(kinds)
    for kind in chosen:
        await service.vault.shred(store.key_name(kind, person_id, report_id))
    pictures = await photos.erase(service, domain.subject_of(report_id)) if "words" in chosen else 0
    async with service.group.unit() as unit:
        await unit.lock([str(report_id)])
        gone = await store.blank(unit, person_id, report_id, chosen)
        note(unit, deed, "done", after={"erased": gone, "photos": pictures})
    return Erased(person_id, report_id, tuple(gone), pictures)
