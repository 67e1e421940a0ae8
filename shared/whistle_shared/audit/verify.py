"""Walks a chain from its beginning to its end and names what is wrong with it, in constant memory.

Every digest is reckoned anew from the row and the stored digest before it, so one edited row is one fault and what
comes after it is still examined. Pages are read one by one: a walk holds up nobody and may take as long as it takes.
"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from whistle_shared.audit.chain import COLUMNS, NOTHING, Link, digest_of
from whistle_shared.audit.heads import Head, heads_of
from whistle_shared.db.tables import audit, audit_link
from whistle_shared.timesource import utc_text, wall_now

PURGED = "audit.purge"
"""The action by which old rows are ended; its row names the position up to which."""
UNLINKED = timedelta(minutes=10)
"""How long a row may wait for its link."""
_PAGE = 1000
_MOST = 100


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong. `audit_id`: the row it is about, if it is about one; `position`: where in the chain."""

    what: str
    audit_id: int | None = None
    position: int | None = None

    def __str__(self) -> str:
        row = "" if self.audit_id is None else f"row {self.audit_id}"
        place = "" if self.position is None else f"position {self.position}"
        return f"{' at '.join(part for part in (row, place) if part) or 'the chain'}: {self.what}"


@dataclass(slots=True)
class Report:
    """What a walk found. `rows` were reckoned anew, `heads` compared; `after`: the purged beginning ends there."""

    rows: int = 0
    heads: int = 0
    after: int = 0
    last: Link = NOTHING
    found: int = 0
    faults: list[Fault] = field(default_factory=list)

    def add(self, what: str, audit_id: int | None = None, position: int | None = None) -> None:
        """One fault more; the first hundred are kept."""
        self.found += 1
        if len(self.faults) < _MOST:
            self.faults.append(Fault(what, audit_id, position))


async def verify(
    engine: AsyncEngine,
    service: str,
    keys: Mapping[str, Ed25519PublicKey],
    kept: Sequence[Head] = (),
    *,
    unlinked: timedelta = UNLINKED,
) -> Report:
    """Examine a service's whole audit. `kept`: heads from elsewhere, which count beside those of the database.

    `keys`: the public keys that are believed, by their ids.
    """
    async with engine.connect() as connection:
        stored = await heads_of(connection, service)
        walk = _Walk(service, keys, list(dict.fromkeys([*stored, *kept])))
        for head in kept:
            if head not in stored:
                walk.report.add(f"the head of {head.day} is not in the database as it was kept", position=head.position)
        async for link, row, following in _links(connection):
            if row is None and walk.report.last == NOTHING:
                await walk.begins_after(connection, link)
            else:
                walk.takes(link, row, following)
        walk.ends()
        await _look_for_unlinked(connection, walk.report, unlinked)
        return walk.report


class _Walk:
    def __init__(self, service: str, keys: Mapping[str, Ed25519PublicKey], heads: Sequence[Head]) -> None:
        self.report = Report()
        self._heads: dict[int, list[Head]] = {}
        for head in heads:
            if head.service != service:
                self.report.add(f"the head of {head.day} is {head.service}'s, not {service}'s")
            elif head.key_id not in keys:
                self.report.add(f"the head of {head.day} is signed with the key {head.key_id}, which is not given")
            elif not head.is_signed_by(keys):
                self.report.add(f"the signature of the head of {head.day} is wrong", position=head.position)
            else:
                self._heads.setdefault(head.position, []).append(head)

    async def begins_after(self, connection: AsyncConnection, anchor: Link) -> None:
        """The chain begins with a link whose row is gone: purged up to a head, or it was removed."""
        is_head = any(head.digest == anchor.digest for head in self._heads.get(anchor.position, ()))
        if not is_head or not await _was_purged(connection, anchor.position):
            what = "was removed" if anchor.position == 1 else "was removed with all before it, and not by a purge"
            self.report.add(what, anchor.audit_id, anchor.position)
        self.report.after = anchor.position
        self._passes(anchor)

    def takes(self, link: Link, row: Any, following: int | None) -> None:
        """The next link with its row (None: there is none) and the id that the link after it names."""
        before, report = self.report.last, self.report
        whole = link.position == before.position + 1
        if not whole:
            missing = f"{before.position + 1} to {link.position - 1}"
            report.add(f"the links at positions {missing} were removed", position=before.position + 1)
        if link.audit_id <= before.audit_id or (following is not None and following <= link.audit_id):
            report.add("was moved to another place in the chain", link.audit_id, link.position)
        elif row is None:
            report.add("was removed", link.audit_id, link.position)
        elif whole:
            report.rows += 1
            if digest_of(before.digest, row) != link.digest:
                report.add("was edited: it has not the digest it was linked with", link.audit_id, link.position)
        self._passes(link)

    def _passes(self, link: Link) -> None:
        for head in self._heads.pop(link.position, ()):
            self.report.heads += 1
            if head.digest != link.digest:
                what = f"the head of {head.day} vouches for another digest: the chain was made anew before it"
                self.report.add(what, link.audit_id, link.position)
        self.report.last = link

    def ends(self) -> None:
        """What was vouched for but is not there."""
        last = self.report.last.position
        for position in sorted(self._heads):
            for head in self._heads[position]:
                if position > last:
                    what = (
                        f"the tail is missing: the head of {head.day} vouches for {position} rows, the chain has {last}"
                    )
                    self.report.add(what, position=last + 1)


async def _links(connection: AsyncConnection) -> AsyncIterator[tuple[Link, Any, int | None]]:
    """Every link in order with its row (None: gone) and the row that the link after it names."""
    t = audit_link.c
    query = select(t.position, t.audit_id.label("linked"), t.digest, *COLUMNS)
    query = query.join_from(audit_link, audit, t.audit_id == audit.c.audit_id, isouter=True)
    waiting: tuple[Link, Any] | None = None
    position = 0
    while True:
        page = query.where(t.position > position).order_by(t.position).limit(_PAGE)
        rows = (await connection.execute(page)).all()
        await connection.rollback()
        for row in rows:
            link = Link(row.position, row.linked, row.digest)
            if waiting is not None:
                yield *waiting, link.audit_id
            waiting = (link, None if row.audit_id is None else row)
        if len(rows) < _PAGE:
            break
        position = rows[-1].position
    if waiting is not None:
        yield *waiting, None


async def _was_purged(connection: AsyncConnection, position: int) -> bool:
    a = audit.c
    to = a.after["position"].astext == str(position)
    said = select(a.audit_id).where(a.action == PURGED, a.outcome == "done", to)
    return await connection.scalar(said.limit(1)) is not None


async def _look_for_unlinked(connection: AsyncConnection, report: Report, patience: timedelta) -> None:
    a, t = audit.c, audit_link.c
    last = report.last.audit_id
    late = or_(a.audit_id <= last, a.at < wall_now() - patience)
    query = select(a.audit_id, a.at).join_from(audit, audit_link, a.audit_id == t.audit_id, isouter=True)
    rows: Iterable[Any] = await connection.execute(
        query.where(t.audit_id.is_(None), late).order_by(a.audit_id).limit(_MOST)
    )
    for row in rows:
        if row.audit_id <= last:
            report.add("was put in afterwards: it lies before the chain's end and was never linked", row.audit_id)
        else:
            report.add(
                f"waits for its link since {utc_text(row.at)}: is any process of the service running?", row.audit_id
            )
