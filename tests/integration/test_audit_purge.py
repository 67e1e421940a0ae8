"""Old rows are ended by policy: whole days, up to a signed head, and what remains verifies.

INVARIANT: nothing is ended that is younger than the policy allows, or that no signed head vouches for.
"""

from datetime import date, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from support.auditing import SERVICE, Auditing, deed
from whistle_ctl import audit as ctl
from whistle_ctl.errors import Refused
from whistle_shared import audit
from whistle_shared.db import Unit
from whistle_shared.timesource import wall_now
from whistle_shared.worktime import SHANGHAI

DAY = date(2026, 6, 1)


async def three_days(auditing: Auditing) -> None:
    for day in range(3):
        await auditing.writes(5)
        await auditing.links()
        await auditing.signs(DAY + timedelta(days=day))
    await auditing.writes(2)
    await auditing.links()


async def test_a_purge_leaves_a_chain_that_verifies_and_a_row_that_tells(auditing: Auditing) -> None:
    await three_days(auditing)
    keys = auditing.keyring.public_keys()
    would = await ctl.purge(auditing.engine, SERVICE, keys, DAY + timedelta(days=2), dry_run=True)
    assert [head.position for head in would] == [5, 10]
    assert (await auditing.verified()).rows == 17

    ended = await ctl.purge(auditing.engine, SERVICE, keys, DAY + timedelta(days=2))
    assert ended == would
    await auditing.links()
    report = await auditing.verified()
    assert (report.found, report.after, report.rows, report.heads) == (0, 10, 9, 2)
    told = await auditing.rows("select name, outcome, after from audit where action = 'audit.purge' order by audit_id")
    assert [(row.outcome, row.after) for row in told] == [
        ("done", {"day": "2026-06-01", "position": 5, "rows": 5}),
        ("done", {"day": "2026-06-02", "position": 10, "rows": 5}),
    ]
    assert await ctl.purge(auditing.engine, SERVICE, keys, DAY + timedelta(days=2)) == []
    with pytest.raises(DBAPIError, match="only grows"):
        async with auditing.engine.begin() as connection:
            await connection.execute(text("delete from audit"))


async def test_everything_may_be_purged_and_the_chain_goes_on(auditing: Auditing) -> None:
    await auditing.writes(5)
    await auditing.links()
    await auditing.signs(DAY)
    await ctl.purge(auditing.engine, SERVICE, auditing.keyring.public_keys(), DAY + timedelta(days=1))
    await auditing.writes(4)
    assert await auditing.links() == 10
    assert await auditing.faults() == []


async def test_nothing_is_purged_from_a_chain_that_does_not_verify(auditing: Auditing) -> None:
    await three_days(auditing)
    await auditing.tampers("update audit set name = 'x' where audit_id = 16")
    with pytest.raises(Refused, match="does not verify"):
        await ctl.purge(auditing.engine, SERVICE, auditing.keyring.public_keys(), DAY + timedelta(days=9))
    assert (await auditing.rows("select count(*) from audit"))[0][0] == 17


async def test_a_purge_needs_the_rights_of_the_owner(auditing: Auditing) -> None:
    await three_days(auditing)
    async with auditing.engine.begin() as connection:
        await connection.execute(text("drop role if exists whistle_audit_app"))
        await connection.execute(text("create role whistle_audit_app"))
        await connection.execute(text("grant all on all tables in schema public to whistle_audit_app"))
    try:
        async with auditing.engine.connect() as connection:
            heads = await audit.heads_of(connection, SERVICE)
        async with auditing.engine.connect() as connection:
            await connection.execute(text("set local role whistle_audit_app"))
            unit = Unit(connection, SERVICE, wall_now(), timedelta())
            with pytest.raises(DBAPIError, match="must be owner"):
                await audit.purge_to(unit, heads[0], deed())
    finally:
        async with auditing.engine.begin() as connection:
            await connection.execute(text("drop owned by whistle_audit_app"))
            await connection.execute(text("drop role whistle_audit_app"))
    assert await auditing.faults() == []


def test_the_law_keeps_the_young_ones() -> None:
    today = wall_now().astimezone(SHANGHAI).date()
    ctl.refuse_too_young(today - timedelta(days=180), 180)
    with pytest.raises(Refused, match="180 days"):
        ctl.refuse_too_young(today - timedelta(days=179), 180)
