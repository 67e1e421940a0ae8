"""What is sealed of people, opened for whoever may see it; whose time is over; who has a telephone number.

Nothing here decides who may see it: that is asked before.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_, case, func, or_, select
from sqlalchemy.ext.asyncio import AsyncEngine

from whistle_intake import domain, store, tables
from whistle_shared.db import among
from whistle_shared.keyring import Keyring
from whistle_shared.privacy import Vault

_r, _p, _w = tables.report.c, tables.person.c, store.COURSE.c
# When a report's matter ended: as a report, or as the whistle that it follows. What is open has not ended.
_ENDED = case((_r.stage == "drafted", func.coalesce(_w.closed_at, _w.withdrawn_at)), else_=_r.ended_at)


@dataclass(frozen=True, slots=True)
class Due:
    """Somebody of whom these are to be erased; their matter ended then."""

    person_id: UUID
    report_id: UUID
    kinds: tuple[store.Kind, ...]
    ended_at: datetime


async def words(vault: Vault, row: Any) -> domain.Words | None:
    """What somebody wrote; None once it is erased. Raises Unavailable and Unreadable."""
    plain = await vault.open(row.report_id, row.words, store.purpose_of("words"))
    return None if plain is None else store.to_words(plain)


async def contact(vault: Vault, row: Any) -> domain.Contact | None:
    """How somebody can be reached; None if they did not say, or once it is erased. Raises Unavailable, Unreadable."""
    plain = await vault.open(row.person_id, row.contact, store.purpose_of("contact"))
    return None if plain is None else store.to_contact(plain)


def _people() -> Select[Any]:
    of = store.followed().join(tables.person, _p.person_id == _r.person_id)
    return select(_p.person_id, _r.report_id, _p.contact, _p.words, _ENDED.label("ended_at")).select_from(of)


async def by_phone(engine: AsyncEngine, vault: Vault, keyring: Keyring, phone: str) -> list[Any]:
    """Everybody who left this number. Its digest leads to few candidates; what each left decides."""
    query = _people().where(_p.phone_tag.in_(store.phone_tags(keyring, phone))).order_by(_r.report_id)
    async with engine.connect() as connection:
        candidates = (await connection.execute(query)).all()
    found = []
    for row in candidates:
        left = await contact(vault, row)
        if left is not None and left.phone == phone:
            found.append(row)
    return found


async def by_id(engine: AsyncEngine, person_id: UUID) -> list[Any]:
    """Whoever has this id: one, or nobody."""
    async with engine.connect() as connection:
        return list((await connection.execute(_people().where(_p.person_id == person_id))).all())


async def due(engine: AsyncEngine, contact_before: datetime, words_before: datetime, limit: int) -> list[Due]:
    """Whose contact or words were to be kept only so long after their matter ended, the longest overdue first. What
    was taken up again has not ended."""
    late_contact = and_(_p.contact.is_not(None), contact_before > _ENDED)
    late_words = and_(_p.words.is_not(None), words_before > _ENDED)
    query = _people().where(or_(late_contact, late_words)).order_by(_ENDED, _r.report_id).limit(limit)
    async with engine.connect() as connection:
        rows = (await connection.execute(query)).all()
    befores: dict[store.Kind, datetime] = {"contact": contact_before, "words": words_before}
    return [Due(row.person_id, row.report_id, _late(row, befores), row.ended_at) for row in rows]


def _late(row: Any, befores: dict[store.Kind, datetime]) -> tuple[store.Kind, ...]:
    return tuple(kind for kind in store.KINDS if getattr(row, kind) is not None and row.ended_at < befores[kind])


def held(row: Any) -> tuple[store.Kind, ...]:
    """What is still there of somebody."""
    return tuple(kind for kind in store.KINDS if getattr(row, kind) is not None)


async def in_use(engine: AsyncEngine, names: Iterable[UUID]) -> set[UUID]:
    """Those of these keys that still have something to open."""
    asked: Sequence[UUID] = list(names)
    contacts = select(_p.person_id).where(among(_p.person_id, asked), _p.contact.is_not(None))
    joined = tables.report.join(tables.person, _p.person_id == _r.person_id)
    texts = select(_r.report_id).select_from(joined).where(among(_r.report_id, asked), _p.words.is_not(None))
    async with engine.connect() as connection:
        return set(await connection.scalars(contacts)) | set(await connection.scalars(texts))
