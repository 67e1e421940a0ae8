"""The auditor's pages at a service of the city, and the table they take away."""

import csv
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from html import unescape
from io import StringIO
from uuid import uuid4

import pytest
import pytest_asyncio
from sqlalchemy import text

from support.auditing import audited, deed, newest
from support.city import City
from support.waiting import until
from support.window import Window, somebody, window
from whistle_shared import audit
from whistle_shared.db import note
from whistle_shared.entrance.audit_page import COLUMNS, read_form
from whistle_shared.runtime import Service
from whistle_shared.timesource import wall_now
from whistle_shared.web import cell

FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "　＝1", "＋1", "－1", "＠x", "\ufeff=1"]


@pytest_asyncio.fixture(loop_scope="session")
async def service(city: City) -> Service:
    return city.services["dispatch"]


@pytest_asyncio.fixture(loop_scope="session")
async def desk(service: Service) -> AsyncIterator[Window]:
    """An auditor's browser, signed in."""
    auditor = await somebody(service, "auditor", second_factor=True)
    async with window(service, auditor) as opened:
        yield opened


async def written(service: Service, *deeds: tuple[str, str], **more: object) -> int:
    """Rows by (action, name); returns the id of the newest."""
    async with service.group.unit() as unit:
        for action, name in deeds:
            note(
                unit, deed(action, name=name, **more), "done", {"state": "old", "same": 1}, {"state": "new", "same": 1}
            )
    return await newest(service)


def shown(page: str) -> str:
    """A page's text without its tags."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", page)))


async def test_nobody_but_the_auditor_sees_it(service: Service) -> None:
    async with window(service) as stranger:
        answer = await stranger.get("/admin/audit")
        assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=%2Fadmin%2Faudit")
    inspector = await somebody(service, "inspector")
    async with window(service, inspector) as other:
        for path in ("/admin/audit", "/admin/audit/export", "/admin/audit/1"):
            assert (await other.get(path)).status_code == 403, path
    [refused] = [row for row in await audited(service, "action = 'dispatch.look'") if row.name == "inspector 值班"][-1:]
    assert (refused.outcome, refused.role) == ("refused", "inspector")


@pytest.mark.parametrize(("language", "heading"), [("zh", "前后对照"), ("en", "Before and after")])
async def test_a_row_is_found_and_opened(service: Service, desk: Window, language: str, heading: str) -> None:
    action = f"toy.{uuid4().hex}"
    row = await written(service, (action, "菜园街道"))
    page = (await desk.get(f"/admin/audit?action={action}&lang={language}")).text
    assert f'href="/admin/audit/{row}"' in page
    assert "菜园街道" in shown(page)
    opened = (await desk.get(f"/admin/audit/{row}?lang={language}")).text
    assert heading in opened
    assert "state old new" in shown(opened)
    assert "same" not in shown(opened)


async def test_the_filters_find_what_they_name(service: Service, desk: Window) -> None:
    mark = uuid4().hex
    action, subject = f"toy.{mark}", str(uuid4())
    first = await written(service, (action, "张 100%_甲"), subject=subject, address="203.0.113.9")
    second = await written(service, (action, "李乙"))
    [row] = await audited(service, "audit_id = :it", it=second)

    async def found(**asked: object) -> set[int]:
        answer = await desk.get("/admin/audit", params={"action": action} | asked)
        assert answer.status_code == 200, answer.text
        return {int(number) for number in re.findall(r'href="/admin/audit/(\d+)"', answer.text)}

    assert await found() == {first, second}
    assert await found(who="100%_") == {first}
    assert await found(who="乙") == {second}
    assert await found(who=row.actor) == {second}
    assert await found(subject=subject) == {first}
    assert await found(address="203.0.113.") == {first}
    assert await found(correlation=str(row.correlation_id)) == {second}
    assert await found(outcome="refused") == set()
    tomorrow, hour = wall_now() + timedelta(hours=32), timedelta(hours=1)
    assert await found(since=f"{tomorrow:%Y-%m-%dT%H:%M}") == set()
    assert await found(until=f"{tomorrow:%Y-%m-%dT%H:%M}") == {first, second}
    local = wall_now() + timedelta(hours=8)
    assert await found(until=f"{local - hour:%Y-%m-%dT%H:%M}") == set()
    assert await found(since=f"{local - hour:%Y-%m-%dT%H:%M}") == {first, second}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("since", "yesterday"), ("until", "0000-01-01T00:00"), ("since", "0001-01-01T00:00"), ("outcome", "maybe")),
        *(("correlation", "1"), ("who", "a\0b"), ("before", "-1"), ("before", str(2**63)), ("before", "１")),
    ],
)
async def test_what_cannot_be_read_is_said_and_not_guessed(desk: Window, name: str, value: str) -> None:
    answer = await desk.get("/admin/audit", params={name: value})
    assert answer.status_code == 422
    assert (await desk.get("/admin/audit/export", params={name: value})).status_code == 404


@pytest.mark.parametrize("path", ["0", "99999999999", str(2**63), "x", "１", "-1"])
async def test_a_row_that_is_not_there_is_a_page_that_says_so(desk: Window, path: str) -> None:
    assert (await desk.get(f"/admin/audit/{path}")).status_code == 404


async def test_pages_follow_one_another_without_a_gap(service: Service, desk: Window) -> None:
    action = f"toy.{uuid4().hex}"
    await written(service, *((action, f"第 {n} 个") for n in range(120)))
    seen: list[int] = []
    path: str | None = f"/admin/audit?action={action}"
    while path:
        page = (await desk.get(path)).text
        seen += [int(number) for number in re.findall(r'<a href="/admin/audit/(\d+)"', page)]
        further = re.search(r'href="(/admin/audit\?[^"]*before=[^"]*)"', page)
        path = unescape(further[1]) if further else None
    assert len(seen) == 120
    assert seen == sorted(set(seen), reverse=True)


@pytest.mark.parametrize("said", FORMULAS)
def test_no_cell_begins_like_a_formula(said: str) -> None:
    """Row 16 of the bad-input matrix. INVARIANT: no cell begins like a formula, whatever somebody wrote into it."""
    assert cell(said) == f"'{said}"


@pytest.mark.parametrize("said", ["", "1", "a=b", "井盖", "'=1", 5, None])
def test_other_cells_stay_as_they_are(said: object) -> None:
    assert cell(said) == ("" if said is None else str(said))


async def test_the_export_has_every_row_and_stands_in_the_audit_itself(service: Service, desk: Window) -> None:
    """INVARIANT: whoever takes a copy of the audit stands in it."""
    action = f"toy.{uuid4().hex}"
    await written(service, *((action, f"{said}{n}") for n in range(60) for said in FORMULAS))
    start = await newest(service)
    answer = await desk.get("/admin/audit/export", params={"action": action})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert re.fullmatch(
        r'attachment; filename="audit-dispatch-\d{8}-\d{6}\.csv"', answer.headers["content-disposition"]
    )
    head, *rows = csv.reader(StringIO(answer.content.decode("utf-8-sig"), newline=""))
    assert tuple(head) == COLUMNS
    assert len(rows) == 60 * len(FORMULAS)
    names = {row[COLUMNS.index("name")] for row in rows}
    assert names == {f"'{said}{n}" for n in range(60) for said in FORMULAS}
    assert not any(value.startswith(("=", "+", "-", "@")) for row in rows for value in row)
    [told] = await audited(service, "audit_id > :start and action = 'dispatch.export_audit'", start=start)
    assert (told.role, told.outcome, told.asked["action"]) == ("auditor", "done", action)


async def test_the_page_says_how_far_the_chain_is(service: Service, desk: Window) -> None:
    await written(service, ("toy.linked", "x"))

    async def linked() -> bool:
        async with service.engine.connect() as connection:
            return (await audit.standing(connection)).waiting is None

    await until(linked, "all rows to be linked")
    said = shown((await desk.get("/admin/audit")).text)
    assert "相符 刚核验了最近" in said
    assert "有误" not in said


async def test_the_page_says_when_a_recent_row_was_edited(city: City, service: Service, desk: Window) -> None:
    row = await written(service, ("toy.edited", "before"))

    async def linked() -> bool:
        return bool(await audited(service, f"audit_id in (select audit_id from audit_link) and audit_id = {row}"))

    await until(linked, "the row to be linked")
    async with city.owner("dispatch").begin() as connection:
        for statement in (
            "alter table audit disable trigger append_only",
            f"update audit set name = 'after' where audit_id = {row}",
            "alter table audit enable trigger append_only",
        ):
            await connection.execute(text(statement))
    try:
        assert f"第 {row} 号记录与链不符" in shown((await desk.get("/admin/audit")).text)
    finally:
        async with city.owner("dispatch").begin() as connection:
            for statement in (
                "alter table audit disable trigger append_only",
                f"update audit set name = 'before' where audit_id = {row}",
                "alter table audit enable trigger append_only",
            ):
                await connection.execute(text(statement))


def test_a_search_without_a_time_is_of_the_last_seven_days() -> None:
    form = read_form({})
    assert timedelta(days=6, hours=23) < wall_now() - form.search.since < timedelta(days=7, minutes=2)
    assert form.address(before=7).endswith("&before=7")
    assert "before" not in form.address()
