"""The chainer: a background duty of every service that links audit rows, and signs the chain's end once a day.

INVARIANT: rows are linked in the order of their ids, each once, by one process at a time; a row is linked only when no
transaction is left that could still bring an earlier one. So a row that lies before the chain's end without a link was
put there by somebody else.

How it is known that nobody is left: whoever writes an audit row holds the table's ROW EXCLUSIVE lock from before the
id is drawn until the transaction is over. Look at the greatest id first, then at the holders; when those have gone,
every row up to that id is there or will never be. Nobody is made to wait for this.
"""

import asyncio
from datetime import date, timedelta
from typing import Any

import structlog
from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from whistle_shared.audit.chain import COLUMNS, Link, digest_of, tail_of
from whistle_shared.audit.heads import sign
from whistle_shared.db.engine import is_passing
from whistle_shared.db.tables import audit, audit_head
from whistle_shared.keyring import Keyring
from whistle_shared.timesource import wall_now
from whistle_shared.worktime import SHANGHAI

log = structlog.get_logger(__name__)
_BATCH = 500
_PAUSE = 1.0
_SOON = 0.1
_BROKEN = 60.0
# Long enough after midnight for whatever was noted before it to be committed and linked.
_LATE = timedelta(minutes=2)
_ALONE = text("select pg_try_advisory_xact_lock(hashtextextended('audit chain', 0))")
# A forged id beyond those that were ever drawn would leave all true rows behind it; it stays unlinked instead.
_NEWEST = text(
    "select coalesce(max(audit_id), 0) from audit "
    "where audit_id <= pg_sequence_last_value(cast(pg_get_serial_sequence('audit', 'audit_id') as regclass))"
)
_WRITERS = text(
    "select virtualtransaction from pg_locks where locktype = 'relation' and mode = 'RowExclusiveLock' and granted "
    "and database = (select oid from pg_database where datname = current_database()) "
    "and relation = cast('audit' as regclass) and pid is distinct from pg_backend_pid()"
)
_LINK = (
    "insert into audit_link(position, audit_id, digest) select * from unnest($1::bigint[], $2::bigint[], $3::bytea[])"
)


class Chainer:
    """One process's part in chaining its service's audit; any number of processes may run one."""

    def __init__(self, engine: AsyncEngine, service: str, keyring: Keyring, batch: int = _BATCH) -> None:
        self._engine = engine
        self._service = service
        self._keyring = keyring
        self._batch = batch
        self._settled = 0
        self._newest = 0
        self._writers: set[str] = set()
        self._signed: date | None = None

    async def run(self) -> None:
        """Link until cancelled."""
        while True:
            try:
                pause = await self.advance()
            except IntegrityError:  # somebody has changed the links: that must not stop the service
                log.exception("audit.chain_broken")
                pause = _BROKEN
            except Exception as error:
                if not is_passing(error):
                    raise
                log.warning("audit.chain_interrupted", error=repr(error)[:200])
                pause = _PAUSE
            await asyncio.sleep(pause)

    async def advance(self) -> float:
        """Link the next batch, if this process is the one that does; returns in how many seconds to come again."""
        async with self._engine.connect() as plain:
            connection = await plain.execution_options(isolation_level="READ COMMITTED")
            async with connection.begin():
                if not await connection.scalar(_ALONE):
                    return _PAUSE
                tail = await tail_of(connection)
                await self._look(connection)
                linked = await self._link(connection, tail) if self._settled > tail.audit_id else []
                if len(linked) == self._batch:
                    return 0.0
                if self._writers:
                    return _SOON
                await self._sign_yesterday(connection, linked[-1] if linked else tail)
                return _PAUSE

    async def _look(self, connection: AsyncConnection) -> None:
        """Learn up to which id nothing can appear any more. Each statement sees what is committed when it begins."""
        if not self._writers:
            self._newest = int(await connection.scalar(_NEWEST) or 0)
            if self._newest > self._settled:
                self._writers = await _writers(connection)
        else:
            self._writers &= await _writers(connection)
        if not self._writers:
            self._settled = self._newest

    async def _link(self, connection: AsyncConnection, tail: Link) -> list[Link]:
        query = select(*COLUMNS).where(audit.c.audit_id > tail.audit_id, audit.c.audit_id <= self._settled)
        rows = await connection.execute(query.order_by(audit.c.audit_id).limit(self._batch))
        links = _links(tail, rows)
        if links:
            columns = ([link.position for link in links], [link.audit_id for link in links])
            await connection.exec_driver_sql(_LINK, (*columns, [link.digest for link in links]))
        return links

    async def _sign_yesterday(self, connection: AsyncConnection, tail: Link) -> None:
        """The head of the last day that is over, once, when all of it is linked; days on which no process ran have
        none."""
        day = (wall_now() - _LATE).astimezone(SHANGHAI).date() - timedelta(days=1)
        if day == self._signed or not tail.position:
            return
        head = sign(self._keyring, self._service, day, tail)
        said = {name: getattr(head, name) for name in ("day", "position", "digest", "key_id", "signature")}
        made = await connection.execute(insert(audit_head).values(**said, made_at=wall_now()).on_conflict_do_nothing())
        self._signed = day
        if made.rowcount:
            log.info("audit.signed", day=day.isoformat(), position=tail.position, digest=tail.digest.hex())


async def _writers(connection: AsyncConnection) -> set[str]:
    """The transactions that may have drawn an id and not brought their rows yet."""
    return set((await connection.execute(_WRITERS)).scalars())


def _links(tail: Link, rows: Any) -> list[Link]:
    links: list[Link] = []
    for row in rows:
        digest = digest_of(tail.digest, row)
        tail = Link(tail.position + 1, int(row.audit_id), digest)
        links.append(tail)
    return links
