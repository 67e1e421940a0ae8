"""What is a resident's own: in the clear nowhere, readable until its key is destroyed, forgotten in time.

INVARIANT: neither words, contact nor tracking code of whoever reports are kept in the clear: not in the stored answer,
not in the audit, not in an event.
"""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import orjson
import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs
from uuid_utils.compat import uuid7

from support import gallery
from support.answers import expect
from support.city import City
from support.places import migrations
from support.reporters import NAME, PHONE, WORDS, Neighbourhood, Reported, keys_in
from support.stack import make_database, migrate_one
from support.yard import Said, whistlectl
from whistle_intake import queries, tables
from whistle_intake.settings import Settings
from whistle_intake.timers import Keeper
from whistle_shared.db import make_engine
from whistle_shared.keyring import Unreadable, open_with
from whistle_shared.privacy import shard_of
from whistle_shared.timesource import wall_now

DAY = timedelta(days=1)


@pytest.fixture
def street(city: City) -> Neighbourhood:
    return Neighbourhood(city)


def keeper(city: City) -> Keeper:
    service = city.services["intake"]
    assert isinstance(service.settings, Settings)
    return Keeper(service, service.settings)


async def person_of(city: City, report: Reported) -> Any:
    """The row behind a report, with what is sealed of it."""
    query = select(tables.person, tables.report.c.report_id).join(
        tables.report, tables.report.c.person_id == tables.person.c.person_id
    )
    async with city.services["intake"].engine.connect() as connection:
        return (await connection.execute(query.where(tables.report.c.report_id == UUID(report.report_id)))).one()


# -- nowhere in the clear -------------------------------------------------------------------------------------------


def forms_of(literal: str) -> list[str]:
    """A text as a table may hold it: as it is, escaped in JSON, in hexadecimal."""
    return [literal, orjson.dumps(literal).decode()[1:-1], _escaped(literal), literal.encode().hex()]


def _escaped(literal: str) -> str:
    return literal.encode("unicode_escape").decode()


async def found_in_the_clear(city: City, *literals: str) -> list[str]:
    """Every table of every database in which one of these stands, in any form."""
    found = []
    for producer in city.services:
        async with city.owner(producer).connect() as connection:
            await connection.execute(text("select set_config('whistle.departments', '*', true)"))
            names = await connection.execute(text("select tablename from pg_tables where schemaname = 'public'"))
            for (table,) in names.all():
                for literal in literals:
                    query = text(f'select count(*) from "{table}" t where t::text like any(:forms)')
                    forms = [f"%{form}%" for form in forms_of(literal)]
                    if (await connection.execute(query, {"forms": forms})).scalar_one():
                        found.append(f"{producer}.{table}: {literal}")
    return found


async def test_nothing_of_a_resident_stands_anywhere_in_the_clear(city: City, street: Neighbourhood) -> None:
    """The whole way of a report, with everything that leaves traces; then all tables of all five databases."""
    words = f"{WORDS} 电话 {PHONE}"
    with capture_logs() as lines:
        key = uuid4().hex
        report = await street.reports(key=key, text=words, category="0701")
        assert (await street.tries_to_report(key=key, text=words, category="0701")).status_code == 201
        assert (await street.tries_to_report(key=key, text="另一件")).status_code == 422
        assert (await street.tries_to_report(text=words, grid="S99-G001")).status_code == 422
        bad = {"text": words, "contact": {"name": NAME, "phone": PHONE + "9"}, "grid": "S01-G001"}
        assert (await street.tries_to_report(bad)).status_code == 422
        assert (await street.call("handler", "POST", "/reports", scope="CGJ", json=street.says())).status_code == 403
        await street.triages(report, "handling", note=f"已致电 {PHONE}", answer=f"稍后致电 {PHONE}")
        await street.unmasks(report, reason=f"核实 {PHONE}")
        whistle = await street.drafts(report, description=f"井盖缺失，联系 {PHONE}", place=f"东门路，{PHONE}")
        await city.street("S01").submits(whistle)
        await city.department("CGJ").acknowledges(whistle)
        await city.settles()
    assert await found_in_the_clear(city, PHONE, NAME, words, report.code, report.code.replace("-", "")) == []
    assert [line for line in lines for said in (PHONE, NAME, WORDS, report.code) if said in str(line)] == []
    assert (await street.unmasks(report)) == {"name": NAME, "phone": PHONE, "text": words}, "and yet it is all there"


async def test_the_search_finds_what_is_there(city: City, street: Neighbourhood) -> None:
    """A search that found nothing ever would prove nothing."""
    report = await street.reports()
    await street.triages(report, "handling", note="备注里的独特词语")
    assert await found_in_the_clear(city, "备注里的独特词语") != []
    assert await found_in_the_clear(city, report.report_id) != []


# -- crypto-shredding -----------------------------------------------------------------------------------------------


async def restored(city: City, *reports: Reported) -> AsyncEngine:
    """A database elsewhere into which a dump of these persons' rows was loaded."""
    url = await make_database(city.infrastructure, "whistle_restored")
    await migrate_one(url, migrations("intake"))
    elsewhere = make_engine(url, pool_size=2)
    ids = [UUID(report.report_id) for report in reports]
    async with city.services["intake"].engine.connect() as live, elsewhere.begin() as copy:
        for table, chosen in (
            (tables.report, tables.report.c.report_id.in_(ids)),
            (
                tables.person,
                tables.person.c.person_id.in_(
                    select(tables.report.c.person_id).where(tables.report.c.report_id.in_(ids))
                ),
            ),
        ):
            rows = (await live.execute(select(table).where(chosen))).mappings()
            await copy.execute(insert(table), [dict(row) for row in rows])
    return elsewhere


async def test_a_dump_from_before_the_erasure_says_nothing_after_it(city: City, street: Neighbourhood) -> None:
    """INVARIANT: once its key is destroyed, nothing that was sealed with it can be read, wherever a copy of it lies."""
    report, other = await street.reports(), await street.reports(text="别处的事")
    service = city.services["intake"]
    elsewhere = await restored(city, report, other)
    try:
        people = {}
        for each in (report, other):
            found = await queries.by_id(elsewhere, (await person_of(city, each)).person_id)
            people[each.report_id] = found[0]
        mine, theirs = people[report.report_id], people[other.report_id]
        before = await queries.words(service.vault, mine)
        assert before is not None
        assert before.text == WORDS, "as long as the key is there a backup is as good as the database"

        erased = await street.erases(report)
        assert (erased["erased"], erased["photos"]) == (["contact", "words"], 0)

        assert await queries.words(service.vault, mine) is None
        assert await queries.contact(service.vault, mine) is None
        assert await queries.by_phone(elsewhere, service.vault, service.keyring, PHONE) == [theirs]
        for name in keys_in(city):
            key = await service.vault.key(UUID(name))
            assert key is not None
            for sealed, purpose in ((mine.words, "person words"), (mine.contact, "person contact")):
                for owner in (mine.report_id, mine.person_id):
                    with pytest.raises(Unreadable):
                        open_with(key, sealed, f"{owner} {purpose}")
        left = await queries.words(service.vault, theirs)
        assert left is not None
        assert left.text == "别处的事", "nobody else's are touched"
    finally:
        await elsewhere.dispose()


async def test_an_erased_person_is_gone_from_every_view(city: City, street: Neighbourhood) -> None:
    photo = await gallery.resident_adds(city)
    report = await street.reports(photos=[photo["photo_id"]])
    shown = (await street.follows(report))["photos"]
    assert [one["photo_id"] for one in shown] == [photo["photo_id"]]
    await street.triages(report, "handling", note=f"找 {NAME}", answer="稍后到")
    erased = await street.erases(report, reason="本人来信")
    assert (erased["erased"], erased["photos"]) == (["contact", "words"], 1)

    seen = await street.sees(report)
    assert (seen["text"], seen["contact"], seen["location"], seen["photos"]) == (None, None, None, [])
    assert [turn["note"] for turn in seen["turns"]] == [""]
    assert (seen["street"], seen["state"], seen["submitted_at"]) == ("S01", "handling", report.view["submitted_at"])
    assert await street.unmasks(report) == {"name": None, "phone": None, "text": None}
    assert (await street.tries_to_follow(report.code)).status_code == 404
    assert gallery.files(city, photo["photo_id"]) == {}
    assert await found_in_the_clear(city, PHONE, NAME, WORDS) == []

    again = await street.erases(report)
    assert (again["erased"], again["photos"]) == ([], 0)
    async with city.services["intake"].engine.connect() as connection:
        query = "select name, role, asked, after from audit where action = 'intake.erase_person' and subject = :id"
        rows = (await connection.execute(text(query), {"id": report.report_id})).all()
    assert [(row.role, row.asked["reason"]) for row in rows] == [
        ("street_approver", "本人来信"),
        ("street_approver", "本人申请"),
    ]
    assert rows[0].after == {"erased": ["contact", "words"], "photos": 1}
    await street.triages(report, "handled", "street_initiator")


async def test_what_was_noted_after_the_words_had_gone_is_erased_as_well(city: City, street: Neighbourhood) -> None:
    """A matter goes on without its words; whoever asks again is forgotten again."""
    report = await street.reports()
    await street.erases(report)
    await street.triages(report, "handling", note=f"找 {NAME}", answer=f"{NAME} 请稍候")
    again = await street.erases(report)
    assert (again["erased"], again["photos"]) == ([], 0)
    assert await found_in_the_clear(city, NAME) == []


async def test_a_crash_between_key_and_row_leaves_nothing_readable(
    city: City, street: Neighbourhood, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INVARIANT: the keys go before the rows say that they are gone; whatever happens then, nothing can be read."""
    report = await street.reports()
    person_id = (await person_of(city, report)).person_id
    path, body = f"/people/{person_id}/erasure", {"reason": "x"}

    def crash(*_: Any) -> Any:
        raise RuntimeError("pulled the plug")

    with monkeypatch.context() as crashing:
        crashing.setattr("whistle_intake.store.blank", crash)
        assert (await street.call("street_approver", "POST", path, json=body)).status_code == 500
    row = await person_of(city, report)
    assert row.words is not None
    assert await queries.words(city.services["intake"].vault, row) is None
    assert (await street.sees(report))["text"] is None
    erased = expect(await street.call("street_approver", "POST", path, json=body))
    assert erased["erased"] == ["contact", "words"], "done again, it is done"


# -- retention ------------------------------------------------------------------------------------------------------


async def test_contact_and_words_are_kept_only_so_long(city: City, street: Neighbourhood) -> None:
    """180 days for the contact, three years for the words, counted from the end; what is open has not ended."""
    done, open_one = await street.reports(), await street.reports(text="还在办")
    await street.triages(done, "handled")
    await city.passes(days=179)
    assert await keeper(city).erase_due() == 0
    await city.passes(days=2)
    assert await keeper(city).erase_due() == 1
    row = await person_of(city, done)
    assert (row.contact, row.phone_tag, row.words is None) == (None, None, False)
    seen = await street.sees(done)
    assert (seen["contact"], seen["has_contact"], seen["text"]) == (None, False, WORDS)
    assert (await street.follows(done))["state"] == "handled"

    await city.passes(days=3 * 365)
    assert await keeper(city).erase_due() == 1
    assert (await person_of(city, done)).words is None
    assert (await street.tries_to_follow(done.code)).status_code == 404
    assert await street.unmasks(open_one) == {"name": NAME, "phone": PHONE, "text": "还在办"}
    names = {str((await person_of(city, done)).person_id), done.report_id}
    assert not names & keys_in(city)


async def test_the_end_of_its_whistle_is_the_end_of_a_report(city: City, street: Neighbourhood) -> None:
    """Withdrawn, it ends; taken up again, it has not ended."""
    report, other = await street.reports(), await street.reports(text="另一件")
    for each in (report, other):
        await city.street("S01").withdraws(await street.drafts(each))
    assert (await street.follows(report))["state"] == "withdrawn"
    assert await street.steps(report) == ["received", "handed_up", "withdrawn"]
    await street.triages(other, "handling", "street_initiator")
    assert (await street.follows(other))["state"] == "handling"
    await city.passes(days=181)
    assert await keeper(city).erase_due() == 1
    assert (await person_of(city, report)).contact is None
    assert (await person_of(city, other)).contact is not None


async def test_a_draft_that_was_joined_follows_the_other_whistle(city: City, street: Neighbourhood) -> None:
    report = await street.reports()
    open_one = await city.street("S01").blows("0701", departments=["CGJ"])
    draft = await street.drafts(report)
    await city.street("S01").joins(draft, open_one)
    assert "whistle_blown" in await street.steps(report)
    await city.settles()
    await city.street("S01").withdraws(open_one)
    assert (await street.follows(report))["state"] == "withdrawn"
    seen = await city.street("S01").sees(open_one)
    assert seen["reports"] == [report.report_id]


async def test_keys_that_open_nothing_are_swept_after_a_day(city: City, street: Neighbourhood) -> None:
    """INVARIANT: a key whose row was never stored, or says that it is erased, is gone within two days."""
    report = await street.reports()
    vault = city.services["intake"].vault
    orphan, young = uuid7(), uuid7()
    for name in (orphan, young):
        await vault.make(name)
    in_use = {report.report_id, str((await person_of(city, report)).person_id)}
    for old in (*in_use, str(orphan)):
        _age(city, old)
    swept = 0
    for name in (UUID(report.report_id), (await person_of(city, report)).person_id, orphan, young):
        swept += await keeper(city).sweep(shard_of(name))
    assert swept >= 1
    left = keys_in(city)
    assert (str(orphan) in left, str(young) in left, in_use <= left) == (False, True, True)


def _age(city: City, name: str) -> None:
    root = Path(urlsplit(city.services["intake"].settings.vault_url).path)
    then = (wall_now() - 2 * DAY).timestamp()
    for file in root.glob(f"??/{name}"):
        os.utime(file, (then, then))


# -- whistlectl -----------------------------------------------------------------------------------------------------


async def person(city: City, *arguments: str) -> Said:
    """`whistlectl person …` with the settings of the intake process."""
    settings = city.services["intake"].settings
    about = {name: str(getattr(settings, name)) for name in ("keys_file", "objects_url", "vault_url")}
    urls = {"database_url": city.infrastructure.database_urls["intake"], "amqp_url": settings.amqp_url}
    anchors = {"time_anchor_business": city.time.now().isoformat(), "time_anchor_wall": wall_now().isoformat()}
    return await whistlectl("person", *arguments, **about, **urls, **anchors)


async def test_everybody_who_left_a_number_is_erased_by_it(city: City, street: Neighbourhood) -> None:
    """INVARIANT: a telephone number that is asked for is written nowhere: not to the audit, not to a log."""
    mine = [await street.reports(), await street.reports(text="又一件")]
    other = await street.reports(contact={"name": "别人", "phone": "13700000000"})
    written = "+86 139-8765-4321"
    looked = await person(city, "erase", "--phone", written, "--reason", "来信第 7 号")
    assert looked.code == 0, looked.err
    assert "nothing was erased" in looked.out
    assert (await street.unmasks(mine[0]))["phone"] == PHONE
    done = await person(city, "erase", "--phone", written, "--reason", "来信第 7 号", "--yes")
    assert done.code == 0, done.err
    for each in mine:
        assert each.report_id in done.out
        assert (await street.sees(each))["text"] is None
    assert (await street.unmasks(other))["phone"] == "13700000000"
    assert (PHONE in done.out, written in done.out) == (False, False)
    again = await person(city, "erase", "--phone", PHONE, "--reason", "x", "--yes")
    assert (again.code, "nobody here" in again.err) == (2, True)
    assert await found_in_the_clear(city, PHONE, written) == []
    async with city.services["intake"].engine.connect() as connection:
        query = "select actor, asked from audit where action = 'intake.erase_person' and subject = any(:ids)"
        rows = (await connection.execute(text(query), {"ids": [each.report_id for each in mine]})).all()
    assert [(row.actor, row.asked) for row in rows] == [("whistlectl", {"reason": "来信第 7 号", "by": "phone"})] * 2


async def test_what_is_due_is_shown_and_one_person_erased_by_id(city: City, street: Neighbourhood) -> None:
    report = await street.reports()
    assert (await person(city, "due")).out == "nothing is due\n"
    await street.triages(report, "handled")
    await city.passes(days=200)
    person_id = str((await person_of(city, report)).person_id)
    due = await person(city, "due")
    assert (person_id in due.out, "contact" in due.out) == (True, True)
    done = await person(city, "erase", "--id", person_id, "--reason", "x", "--yes")
    assert (done.code, "contact, words" in done.out) == (0, True), done.err
    for arguments in ((), ("--phone", PHONE, "--id", person_id), ("--phone", "123"), ("--id", str(UUID(int=0)))):
        refused = await person(city, "erase", "--reason", "x", *arguments)
        assert refused.code == 2
        assert "123" not in refused.err.replace(str(person_id), "")
