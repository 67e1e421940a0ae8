"""Whoever reported: blotted out wherever they are seen, shown in full on record only, and nothing without the vault."""

from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import text

from support.answers import expect
from support.city import City
from support.reporters import NAME, PHONE, WORDS, Neighbourhood, Reported


@pytest.fixture
def street(city: City) -> Neighbourhood:
    return Neighbourhood(city)


async def rows(city: City, query: str, **parameters: Any) -> list[Any]:
    async with city.services["intake"].engine.connect() as connection:
        return list((await connection.execute(text(query), parameters)).all())


async def test_a_contact_is_blotted_out_wherever_it_is_seen(street: Neighbourhood) -> None:
    """INVARIANT: a name or a number of whoever reported is shown blotted out; only unmasking, which is recorded."""
    report = await street.reports(text=f"{WORDS} 电话 {PHONE}")
    for role in ("grid_officer", "community", "street_initiator", "street_approver"):
        seen = await street.sees(report, role)
        assert seen["contact"] == {"name": "诸**", "phone": "139****4321"}
        assert seen["text"] == f"{WORDS} 电话 139****4321"
        assert NAME not in str(seen)
        assert PHONE not in str(seen)
    listed = expect(await street.call("operations", "GET", "/reports", scope="*"))
    assert (PHONE in str(listed), NAME in str(listed)) == (False, False)


async def test_unmasking_takes_a_reason_and_stands_in_the_audit_first(
    city: City, street: Neighbourhood, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = await street.reports()
    path = f"/reports/{report.report_id}/contact"
    assert (await street.call("community", "POST", path, json={})).status_code == 422
    assert (await street.call("operations", "POST", path, scope="*", json={"reason": "x"})).status_code == 403
    assert await street.unmasks(report, reason="核实位置") == {"name": NAME, "phone": PHONE, "text": WORDS}
    noted = await rows(city, "select * from audit where action = 'intake.unmask_contact' and outcome = 'done'")
    (row,) = [one for one in noted if one.subject == report.report_id]
    assert (row.role, row.scope, row.asked["reason"]) == ("community", "S01", "核实位置")

    def full(*_: Any) -> None:
        raise OSError("no room for another row")

    monkeypatch.setattr("whistle_intake.api.reports.note", full)
    answer = await street.call("community", "POST", path, json={"reason": "x"})
    assert answer.status_code in (500, 503)
    assert PHONE not in answer.text


async def test_nobody_unmasks_one_after_the_other(city: City, street: Neighbourhood) -> None:
    """Whoever copies a whole district's telephone numbers is stopped after a few; so is nobody else."""
    report = await street.reports()
    narrow = city.build("intake", limits={"unmask": 2})
    transport = httpx.ASGITransport(app=narrow.app)
    path, body = f"/api/v1/reports/{report.report_id}/contact", {"reason": "x"}
    bearing = {role: {"authorization": f"Bearer {await city.token('intake', role, 'S01')}"} for role in _READERS}
    async with httpx.AsyncClient(transport=transport, base_url="http://intake") as client:
        asked = [await client.post(path, json=body, headers=bearing["community"]) for _ in range(3)]
        assert [answer.status_code for answer in asked] == [200, 200, 429]
        assert int(asked[-1].headers["retry-after"]) <= 60
        assert (await client.post(path, json=body, headers=bearing["street_approver"])).status_code == 200
        seen = await client.get(f"/api/v1/reports/{report.report_id}", headers=bearing["community"])
        assert seen.status_code == 200, "looking at what is blotted out goes on"
    await narrow.engine.dispose()
    await narrow.command_engine.dispose()


_READERS = ("community", "street_approver")


async def test_a_residents_rating_stands_in_the_audit_without_a_name(city: City, street: Neighbourhood) -> None:
    report = await street.reports()
    await street.triages(report, "handled")
    rated = await street.tries_to_rate(report, solved=False, satisfaction="dissatisfied")
    assert rated.json()["rating"] == {"contacted": True, "solved": False, "satisfaction": "dissatisfied"}
    assert (await street.tries_to_rate(report, solved=False, satisfaction="dissatisfied")).status_code == 200
    assert (await street.tries_to_rate(report)).status_code == 409
    noted = await rows(
        city, "select actor, outcome, subject from audit where action = 'intake.rate_report' order by audit_id"
    )
    mine = [(row.actor, row.outcome) for row in noted if row.subject == report.report_id]
    assert mine == [("resident", "done"), ("resident", "done"), ("resident", "refused")]
    submitted = await rows(city, "select * from audit where action = 'intake.submit_report' and actor = 'resident'")
    (row,) = [one for one in submitted if one.subject == report.report_id]
    assert (row.asked["grid"], "contact" in row.asked, "text" in row.asked) == ("S01-G001", False, False)


async def test_without_the_vault_nothing_is_taken_in_and_nothing_forgotten(
    city: City, street: Neighbourhood, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A report that is not sealed is not stored; whoever asks gets 503 and may ask again."""
    report = await street.reports()
    key = uuid4().hex

    class Gone:
        def __getattr__(self, name: str) -> Any:
            raise OSError("the disk is gone")

    vault = city.services["intake"].vault
    with monkeypatch.context() as without:
        without.setattr(vault, "_store", Gone())
        assert (await street.tries_to_report(key=key)).status_code == 503
        assert (await street.call("community", "GET", f"/reports/{report.report_id}")).status_code == 503
        assert (await _erasure(street, report)).status_code == 503
    assert (await street.tries_to_report(key=key)).status_code == 201
    assert (await street.sees(report))["text"] == WORDS


async def _erasure(street: Neighbourhood, report: Reported) -> httpx.Response:
    found = await rows(street.city, "select person_id from report where report_id = :id", id=report.report_id)  # type: ignore[arg-type]
    path = f"/people/{found[0].person_id}/erasure"
    return await street.call("street_approver", "POST", path, json={"reason": "x"})
