"""The chain over the audit: complete, in order, by one hand at a time, and whatever is done to it is named."""

import asyncio
import random
from contextlib import suppress
from datetime import date, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection
from structlog.testing import capture_logs

from support.auditing import SERVICE, Auditing, deed
from support.waiting import until
from whistle_shared import audit
from whistle_shared.audit import chainer
from whistle_shared.db import metadata as own
from whistle_shared.db import note
from whistle_shared.keyring import Keyring, new_key
from whistle_shared.timesource import wall_now
from whistle_shared.worktime import SHANGHAI

DAY = date(2026, 6, 1)


# -- only growing ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", ["audit", "audit_link", "audit_head"])
@pytest.mark.parametrize("change", ["update {} set {} = {}", "delete from {}", "truncate {}"])
async def test_nobody_changes_deletes_or_truncates_not_even_the_superuser(
    auditing: Auditing, table: str, change: str
) -> None:
    """INVARIANT: these three only grow: a trigger refuses to change, delete or truncate, whoever asks."""
    await auditing.writes(3)
    await auditing.links()
    await auditing.signs(DAY)
    column = {"audit": "name", "audit_link": "digest", "audit_head": "key_id"}[table]
    with pytest.raises(DBAPIError, match=f"{table} only grows"):
        async with auditing.engine.begin() as connection:
            await connection.execute(text(change.format(table, column, column)))
    assert await auditing.faults() == []


# -- linking -----------------------------------------------------------------------------------------------------


async def test_every_row_is_linked_in_the_order_of_the_ids(auditing: Auditing) -> None:
    await auditing.writes(1203)
    assert await auditing.links() == 1203
    report = await auditing.verified()
    assert (report.rows, report.found, report.last.position) == (1203, 0, 1203)


async def test_the_row_of_a_slow_transaction_is_neither_lost_nor_breaks_the_chain(auditing: Auditing) -> None:
    """INVARIANT: a row is linked only when no transaction is left that could still bring an earlier one."""
    await auditing.writes(5)
    async with auditing.engine.connect() as slow:
        await slow.begin()
        drawn = await slow.scalar(
            text(
                "insert into audit(at, business_at, actor, name, action, outcome, address, correlation_id, asked) "
                "values (now(), now(), 'nobody', '', 'slow', 'done', '', gen_random_uuid(), '{}') returning audit_id"
            )
        )
        await auditing.writes(7)
        for _ in range(5):
            await auditing.chainer.advance()
        linked = [row.audit_id for row in await auditing.rows("select audit_id from audit_link order by position")]
        assert all(audit_id < drawn for audit_id in linked)
        await slow.commit()

    assert await auditing.links() == 13
    linked = [row.audit_id for row in await auditing.rows("select audit_id from audit_link order by position")]
    assert linked == sorted(linked)
    assert drawn in linked
    assert await auditing.faults() == []


async def rolled_back(auditing: Auditing) -> None:
    """A transaction that had written its row."""
    with suppress(ZeroDivisionError):
        async with auditing.unit() as unit:
            note(unit, deed(), "done")
            await unit.flush()
            raise ZeroDivisionError


async def test_a_rolled_back_row_leaves_a_gap_in_the_ids_and_none_in_the_chain(auditing: Auditing) -> None:
    await auditing.writes(2)
    await rolled_back(auditing)
    await auditing.writes(2)
    assert await auditing.links() == 4
    assert await auditing.faults() == []


async def test_chainers_and_writers_at_once_make_one_chain(auditing: Auditing) -> None:
    """INVARIANT: rows are linked in the order of their ids, each once, by one process at a time."""
    chainers = [auditing.another_chainer(batch) for batch in (3, 7, 50)]
    writing = asyncio.gather(*(auditing.writes(random.Random(n).randint(1, 9)) for n in range(120)))

    async def link(one: audit.Chainer) -> None:
        while not writing.done():
            await one.advance()
            await asyncio.sleep(0)

    await asyncio.gather(*(link(one) for one in chainers), writing)
    written = (await auditing.rows("select count(*) from audit"))[0][0]
    assert await auditing.links() == written
    assert (await auditing.verified()).found == 0


async def test_a_chainer_that_is_cut_off_in_the_middle_leaves_a_whole_chain(auditing: Auditing) -> None:
    await auditing.writes(40)
    linked: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def hang(connection: AsyncConnection, tail: object) -> None:
        """After the links are written and before they are committed."""
        linked.set_result((await connection.execute(text("select pg_backend_pid()"))).scalar_one())
        await asyncio.Event().wait()

    cut_off = auditing.another_chainer()
    cut_off._sign_yesterday = hang  # type: ignore[method-assign]
    linking = asyncio.create_task(cut_off.advance())
    await auditing.rows("select pg_terminate_backend(:pid)", pid=await asyncio.wait_for(linked, 10))
    linking.cancel()
    await asyncio.gather(linking, return_exceptions=True)
    assert await auditing.rows("select 1 from audit_link") == []
    assert await auditing.links() == 40
    assert await auditing.faults() == []


async def test_a_forged_id_far_ahead_does_not_stop_the_chain_and_is_named(auditing: Auditing) -> None:
    await auditing.writes(3)
    await auditing.tampers(
        "insert into audit overriding system value select 9000000, now() - interval '1 hour', now(), 'nobody', '', "
        "null, null, 'forged', null, 'done', '', gen_random_uuid(), '{}', null, null"
    )
    await auditing.chainer.advance()
    await auditing.writes(3)
    for _ in range(3):
        await auditing.chainer.advance()
    [found] = await auditing.faults()
    assert found.startswith("row 9000000: waits for its link")
    assert (await auditing.verified()).rows == 6


async def test_a_row_that_is_never_linked_is_named_after_ten_minutes(auditing: Auditing) -> None:
    await auditing.writes(1)
    assert await auditing.faults() == []
    [found] = await auditing.faults(unlinked=timedelta(0))
    assert found.startswith("row 1: waits for its link since")


# -- heads -------------------------------------------------------------------------------------------------------


async def test_yesterday_is_signed_once_when_all_of_it_is_linked(auditing: Auditing) -> None:
    await auditing.writes(3)
    await auditing.links()
    await auditing.another_chainer(signing=True).advance()
    await auditing.another_chainer(signing=True).advance()
    async with auditing.engine.connect() as connection:
        [head] = await audit.heads_of(connection, SERVICE)
    yesterday = (wall_now() - timedelta(minutes=2)).astimezone(SHANGHAI).date() - timedelta(days=1)
    assert (head.day, head.position) == (yesterday, 3)
    assert head.is_signed_by(auditing.keyring.public_keys())
    assert not head.is_signed_by(Keyring(new_key()).public_keys())
    assert (await auditing.verified()).heads == 1


async def test_a_head_survives_its_export(auditing: Auditing) -> None:
    await auditing.writes(2)
    await auditing.links()
    head = await auditing.signs(DAY)
    assert audit.of_line(audit.as_line(head)) == head
    [public] = auditing.keyring.public_keys().values()
    assert audit.public_of_line(audit.public_line(public)).public_bytes_raw() == public.public_bytes_raw()
    for line in ("", "{}", '{"service":"intake"}', "[1]", "null", audit.as_line(head).replace("2026-06-01", "x")):
        with pytest.raises(ValueError, match="not the line of a head"):
            audit.of_line(line)
    for line in ("", "abc", "0123456789abcdef " + audit.public_line(public).split()[1]):
        with pytest.raises(ValueError, match="key"):
            audit.public_of_line(line)


# -- what was done to it -----------------------------------------------------------------------------------------

_EDITS = {
    "at": "at + interval '1 microsecond'",
    "business_at": "'infinity'",
    "actor": "'nobody'",
    "name": "name || ' '",
    "role": "null",
    "scope": "'S02'",
    "action": "'intake.other'",
    "subject": "''",
    "outcome": "'refused'",
    "address": "'::1'",
    "correlation_id": "gen_random_uuid()",
    "asked": "jsonb_set(asked, '{part}', '1.50000000000000000000001')",
    "before": "'{}'",
    "after": "'null'",
}


@pytest.mark.parametrize("column", _EDITS)
async def test_an_edited_row_is_named(auditing: Auditing, column: str) -> None:
    """Fault 32 of the matrix: the superuser edits a row; verifying fails at that row. Every column counts."""
    await auditing.writes(20)
    await auditing.links()
    await auditing.tampers(f'update audit set "{column}" = {_EDITS[column]} where audit_id = 7')
    assert await auditing.faults() == ["row 7 at position 7: was edited: it has not the digest it was linked with"]
    await auditing.tampers("update audit set name = 'x' where audit_id = 19")
    assert [fault.split(":")[0] for fault in await auditing.faults()] == [
        "row 7 at position 7",
        "row 19 at position 19",
    ]


def test_every_column_of_a_row_is_tried() -> None:
    assert set(_EDITS) == set(own.tables["audit"].c.keys()) - {"audit_id"}


async def test_a_removed_row_is_named(auditing: Auditing) -> None:
    await auditing.writes(20)
    await auditing.links()
    await auditing.tampers("delete from audit where audit_id in (1, 8)")
    assert await auditing.faults() == ["row 1 at position 1: was removed", "row 8 at position 8: was removed"]


async def test_a_row_removed_with_its_link_is_named(auditing: Auditing) -> None:
    await auditing.writes(20)
    await auditing.links()
    await auditing.tampers("delete from audit where audit_id = 8", "delete from audit_link where audit_id = 8")
    assert await auditing.faults() == ["position 8: the links at positions 8 to 8 were removed"]


async def test_a_removed_beginning_is_named(auditing: Auditing) -> None:
    await auditing.writes(20)
    await auditing.links()
    await auditing.tampers("delete from audit where audit_id < 4", "delete from audit_link where audit_id < 4")
    assert await auditing.faults() == ["position 1: the links at positions 1 to 3 were removed"]
    await auditing.tampers("delete from audit where audit_id = 4")
    assert await auditing.faults() == ["row 4 at position 4: was removed with all before it, and not by a purge"]


async def test_a_beginning_that_was_removed_up_to_a_head_is_no_purge(auditing: Auditing) -> None:
    await auditing.writes(4)
    await auditing.links()
    await auditing.signs(DAY)
    await auditing.writes(4)
    await auditing.links()
    await auditing.tampers("delete from audit where audit_id <= 4", "delete from audit_link where audit_id < 4")
    assert await auditing.faults() == ["row 4 at position 4: was removed with all before it, and not by a purge"]


async def test_a_row_put_into_the_middle_is_named(auditing: Auditing) -> None:
    await auditing.writes(20)
    await auditing.links()
    await auditing.tampers(
        "delete from audit where audit_id = 9",
        "delete from audit_link where audit_id = 9",
        "insert into audit overriding system value select 9, at, business_at, actor, name, role, scope, action, "
        "subject, outcome, address, correlation_id, asked, before, after from audit where audit_id = 10",
    )
    await auditing.chainer.advance()
    found = await auditing.faults()
    assert found[-1] == "row 9: was put in afterwards: it lies before the chain's end and was never linked"


async def test_rows_that_changed_places_are_named(auditing: Auditing) -> None:
    await auditing.writes(20)
    await auditing.links()
    await auditing.tampers(
        "update audit_link set audit_id = -audit_id where audit_id in (7, 8)",
        "update audit_link set audit_id = 15 + audit_id where audit_id < 0",
    )
    found = await auditing.faults()
    assert found[0] == "row 8 at position 7: was moved to another place in the chain"
    assert found[1] == "row 7 at position 8: was moved to another place in the chain"


async def test_an_edited_link_is_named(auditing: Auditing) -> None:
    await auditing.writes(20)
    await auditing.links()
    await auditing.tampers("update audit_link set digest = sha256('x') where position = 5")
    found = await auditing.faults()
    assert [fault.split(":")[0] for fault in found] == ["row 5 at position 5", "row 6 at position 6"]


async def test_a_broken_chain_does_not_stop_the_service(auditing: Auditing, monkeypatch: pytest.MonkeyPatch) -> None:
    await auditing.writes(5)
    await auditing.links()
    await auditing.tampers("update audit_link set position = 6 where position = 2")
    await auditing.writes(1)
    monkeypatch.setattr(chainer, "_BROKEN", 0.0)
    with capture_logs() as said:
        chaining = asyncio.create_task(auditing.chainer.run())

        async def told() -> bool:
            return [line["event"] for line in said].count("audit.chain_broken") >= 2

        await until(told, "it to be logged and tried again")
        assert not chaining.done()
        chaining.cancel()
        await asyncio.gather(chaining, return_exceptions=True)


async def test_a_missing_tail_is_named_by_the_last_head(auditing: Auditing) -> None:
    await auditing.writes(20)
    await auditing.links()
    head = await auditing.signs(DAY)
    await auditing.tampers("delete from audit where audit_id > 17", "delete from audit_link where audit_id > 17")
    wanted = "position 18: the tail is missing: the head of 2026-06-01 vouches for 20 rows, the chain has 17"
    assert await auditing.faults() == [wanted]
    await auditing.tampers("delete from audit_head")
    assert await auditing.faults() == []
    found = await auditing.faults([head])
    assert found == ["position 20: the head of 2026-06-01 is not in the database as it was kept", wanted]


async def test_a_chain_made_anew_is_named_by_a_head_that_was_kept_elsewhere(auditing: Auditing) -> None:
    """Whoever has all rights edits a row, makes the whole chain and the head anew, with a key of their own."""
    await auditing.writes(20)
    await auditing.links()
    kept = await auditing.signs(DAY)
    await auditing.tampers("update audit set name = 'x' where audit_id = 3", "truncate audit_link, audit_head")
    honest, auditing.keyring = auditing.keyring, Keyring(new_key())
    auditing.chainer = auditing.another_chainer()
    await auditing.links()
    await auditing.signs(DAY)
    assert await auditing.faults() == []
    report = await audit.verify(auditing.engine, SERVICE, honest.public_keys(), [kept])
    found = [str(fault) for fault in report.faults]
    assert any("signed with the key" in fault for fault in found)
    assert (
        "row 20 at position 20: the head of 2026-06-01 vouches for another digest: the chain was made anew before it"
        in found
    )


async def test_a_wrong_signature_is_named(auditing: Auditing) -> None:
    await auditing.writes(5)
    await auditing.links()
    await auditing.signs(DAY)
    await auditing.tampers("update audit_head set day = '2026-06-02'")
    assert await auditing.faults() == ["position 5: the signature of the head of 2026-06-02 is wrong"]


async def test_the_head_of_another_service_proves_nothing(auditing: Auditing) -> None:
    await auditing.writes(5)
    await auditing.links()
    await auditing.signs(DAY)
    report = await audit.verify(auditing.engine, "dispatch", auditing.keyring.public_keys())
    assert [str(fault) for fault in report.faults] == ["position 5: the signature of the head of 2026-06-01 is wrong"]
