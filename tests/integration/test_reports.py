"""Reports at the door: never twice, found by code alone, seen within one's place; contacts shown only on record."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from support.answers import expect
from support.city import City
from support.reporters import NAME, PHONE, WORDS, Neighbourhood, Reported, keys_in


@pytest.fixture
def street(city: City) -> Neighbourhood:
    return Neighbourhood(city)


async def rows(city: City, query: str, **parameters: Any) -> list[Any]:
    async with city.services["intake"].engine.connect() as connection:
        return list((await connection.execute(text(query), parameters)).all())


async def count(city: City, table: str) -> int:
    return int((await rows(city, f"select count(*) from {table}"))[0][0])


# -- never twice ----------------------------------------------------------------------------------------------------


async def test_a_report_that_is_sent_again_is_the_same_report(city: City, street: Neighbourhood) -> None:
    """INVARIANT: a report that is sent again with its key is not taken in twice; the answer is the first one."""
    key = uuid4().hex
    first = await street.tries_to_report(key=key)
    again = await street.tries_to_report(key=key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    assert (await count(city, "report"), await count(city, "person")) == (1, 1)


async def test_twenty_at_once_are_one(city: City, street: Neighbourhood) -> None:
    key, before = uuid4().hex, keys_in(city)
    answers = await asyncio.gather(*(street.tries_to_report(key=key) for _ in range(20)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    assert await count(city, "report") == 1
    await city.settles()
    assert keys_in(city) - before == await names_in_use(city), "the others' keys are gone"


async def names_in_use(city: City) -> set[str]:
    found = await rows(city, "select r.report_id, p.person_id from report r join person p using (person_id)")
    return {str(name) for row in found for name in row}


async def test_an_answer_that_was_lost_loses_nothing(
    city: City, street: Neighbourhood, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stored, but nobody knows: the keys must stay, and the phone sends again."""
    group, key = city.services["intake"].group, uuid4().hex
    do = group.do

    async def does_and_says_nothing(work: Any) -> Any:
        await do(work)
        raise TimeoutError

    with monkeypatch.context() as lossy:
        lossy.setattr(group, "do", does_and_says_nothing)
        assert (await street.tries_to_report(key=key)).status_code == 503
    view = expect(await street.tries_to_report(key=key), 201)
    report = Reported(view["report_id"], view["code"], view)
    assert (await street.sees(report))["text"] == WORDS
    assert (await street.unmasks(report))["phone"] == PHONE
    assert await count(city, "report") == 1


async def test_another_report_takes_another_key(city: City, street: Neighbourhood) -> None:
    key = uuid4().hex
    await street.reports(key=key)
    other = await street.tries_to_report(key=key, text="另一件事")
    assert other.status_code == 422
    contact_only = await street.tries_to_report(key=key, contact={"name": NAME, "phone": "13800000000"})
    assert contact_only.status_code == 422
    assert await count(city, "report") == 1


async def test_a_resident_needs_a_key_of_some_length(city: City, street: Neighbourhood) -> None:
    bare = await city.client("intake").post("/api/v1/reports", json=street.says())
    assert (bare.status_code, bare.json()["errors"][0]["field"]) == (400, "Idempotency-Key")
    assert (await street.tries_to_report(key="short")).status_code == 400
    staff = await street.call("informant", "POST", "/reports", json=street.says())
    assert staff.status_code == 201, "a caller's keys are their own: they need none"


async def test_one_residents_key_is_not_a_colleagues(street: Neighbourhood) -> None:
    key = uuid4().hex
    headers = {"Idempotency-Key": key}
    mine = expect(await street.call("informant", "POST", "/reports", json=street.says(), headers=headers), 201)
    theirs = expect(await street.tries_to_report(key=key), 201)
    assert mine["report_id"] != theirs["report_id"]


# -- what may be said -----------------------------------------------------------------------------------------------

BAD: list[tuple[dict[str, Any], str]] = [
    ({"contact": {"phone": "12345"}}, "contact.phone"),
    ({"contact": {"phone": "①③⑧12345678"}}, "contact.phone"),
    ({"contact": {"name": ""}}, "contact.name"),
    ({"contact": {"wechat": "x"}}, "contact.wechat"),
    ({"text": ""}, "text"),
    ({"text": "\u200b"}, "text"),
    ({"text": "x" * 2001}, "text"),
    ({"text": "a\u0000b"}, "text"),
    ({"grid": "S99-G001"}, "grid"),
    ({"grid": None}, "street"),
    ({"street": "S02"}, "grid"),
    ({"category": "9999"}, "category"),
    ({"target": "mayor"}, "target"),
    ({"photos": [str(uuid4())]}, "photos.0"),
    ({"location": {"latitude": 91.0, "longitude": 0.0}}, "location.latitude"),
]


@pytest.mark.parametrize(("said", "field"), BAD, ids=[field for _, field in BAD])
async def test_what_cannot_be_is_refused_by_its_name(
    city: City, street: Neighbourhood, said: dict[str, Any], field: str
) -> None:
    """Rows 3, 13, 18 and 19 of RELIABILITY.md section 4.2; nothing is left behind, not even a key."""
    before = keys_in(city)
    answer = await street.tries_to_report(**said)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field), answer.text
    assert PHONE not in answer.text
    assert (await count(city, "report"), keys_in(city) - before) == (0, set())


async def test_full_width_digits_are_digits(street: Neighbourhood) -> None:
    written = "１３９ 8765 4321"
    report = await street.reports(contact={"name": NAME, "phone": written})
    assert (await street.unmasks(report))["phone"] == PHONE


async def test_a_report_may_be_wholly_anonymous(street: Neighbourhood) -> None:
    report = await street.reports(contact=None)
    assert (await street.sees(report))["contact"] is None
    assert await street.unmasks(report) == {"name": None, "phone": None, "text": WORDS}
    empty = await street.reports(contact={})
    assert (await street.sees(empty))["has_contact"] is False


@pytest.mark.parametrize(
    ("role", "channel", "desk"),
    [
        ("informant", "informant", "grid"),
        ("grid_officer", "grid_officer", "grid"),
        ("community", "community", "community"),
        ("street_initiator", "street", "street"),
        ("street_approver", "street", "street"),
    ],
)
async def test_whoever_reports_begins_at_their_desk(street: Neighbourhood, role: str, channel: str, desk: str) -> None:
    said = expect(await street.call(role, "POST", "/reports", json={"text": "路灯不亮"}), 201)
    seen = await street.sees(Reported(said["report_id"], said["code"], said), "street_initiator")
    assert (seen["channel"], seen["desk"], seen["street"]) == (channel, desk, "S01")
    other = await street.call(role, "POST", "/reports", json={"text": "x", "street": "S02"})
    assert (other.status_code, other.json()["errors"][0]["field"]) == (422, "street")


@pytest.mark.parametrize("role", ["handler", "department_head"])
async def test_a_department_reports_nothing(city: City, role: str) -> None:
    answer = await city.call("intake", "POST", "/api/v1/reports", role=role, scope="CGJ", json={"text": "x"})
    assert answer.status_code == 403
    bad = await city.client("intake").post("/api/v1/reports", json={"text": "x"}, headers={"authorization": "Bearer x"})
    assert bad.status_code == 401, "a wrong token makes nobody a resident"


# -- the code -------------------------------------------------------------------------------------------------------


async def test_a_code_opens_its_report_and_nothing_else_does(city: City, street: Neighbourhood) -> None:
    report, other = await street.reports(), await street.reports(text="另一件事")
    assert report.code != other.code
    typed = report.code.lower().replace("-", " ")
    assert (await street.tries_to_follow(typed)).json() == await street.follows(report)
    wrong = report.code[:-1] + ("2" if report.code[-1] != "2" else "3")
    for code in (wrong, "7K4M-2PQX-9HTDC", "x", report.report_id):
        answer = await street.tries_to_follow(code)
        assert answer.status_code == 404, code
        assert code not in answer.text
    assert (await city.client("intake").get("/api/v1/reports/progress")).status_code == 422


async def test_a_code_is_kept_nowhere(city: City, street: Neighbourhood) -> None:
    """INVARIANT: neither words, contact nor tracking code of whoever reports are kept in the clear."""
    report = await street.reports(key=uuid4().hex)
    assert (await street.tries_to_rate(report)).status_code == 409
    kept = await rows(city, "select body from idempotency")
    assert report.report_id in kept[0].body
    for table in ("idempotency", "audit", "report", "person", "outbox"):
        for row in await rows(city, f"select t::text as whole from {table} t"):
            for form in (report.code, report.code.replace("-", "")):
                assert form not in row.whole, table


# -- whose it is ----------------------------------------------------------------------------------------------------


async def test_another_streets_or_grids_report_does_not_exist(street: Neighbourhood) -> None:
    """INVARIANT: a caller's commands reach only what its scope covers; the rest does not exist for it (404)."""
    report = await street.reports()
    person_id = (await street.sees(report))["person_id"]
    path = f"/reports/{report.report_id}"
    asked: list[tuple[str, str, dict[str, Any] | None]] = [
        ("GET", path, None),
        ("POST", f"{path}/triage", {"outcome": "handled"}),
        ("POST", f"{path}/contact", {"reason": "x"}),
    ]
    for method, where, body in asked:
        for role, scope, part in (
            ("grid_officer", "S01", "S01-G002"),
            ("grid_officer", "S02", None),
            ("community", "S02", None),
            ("street_approver", "S02", None),
        ):
            answer = await street.call(role, method, where, scope=scope, part=part, json=body)
            assert answer.status_code == 404, (role, scope, part, where)
    erasure = await street.call(
        "street_approver", "POST", f"/people/{person_id}/erasure", scope="S02", json={"reason": "x"}
    )
    assert erasure.status_code == 404
    assert (await street.sees(report))["state"] == "submitted"


async def test_everybody_lists_what_is_theirs(street: Neighbourhood) -> None:
    here = await street.reports()
    beside = await street.reports(grid="S01-G002")
    nowhere = await street.reports(grid=None, street="S01")
    elsewhere = await street.reports(grid="S02-G001")

    async def listed(role: str, scope: str, part: str | None = None, **query: Any) -> set[str]:
        page = expect(await street.call(role, "GET", "/reports", scope=scope, part=part, params=query))
        return {item["report_id"] for item in page["items"]}

    mine, street_all = {here.report_id}, {here.report_id, beside.report_id, nowhere.report_id}
    assert await listed("grid_officer", "S01", "S01-G001") == mine
    assert await listed("community", "S01") == street_all
    assert await listed("operations", "*") == street_all | {elsewhere.report_id}
    await street.triages(here, "handed_up")
    assert await listed("community", "S01", desk="community") == mine
    assert await listed("community", "S01", state=["handed_up", "handled"]) == mine
    assert await listed("community", "S01", state="submitted") == street_all - mine
    page = expect(await street.call("community", "GET", "/reports", params={"limit": 2}))
    rest = expect(await street.call("community", "GET", "/reports", params={"cursor": page["next_cursor"]}))
    assert len(page["items"]) == 2
    assert {item["report_id"] for item in page["items"] + rest["items"]} == street_all


@pytest.mark.parametrize("role", ["informant", "handler", "administrator", "auditor"])
async def test_roles_without_the_right_see_no_report(street: Neighbourhood, role: str) -> None:
    scope = {"handler": "CGJ", "informant": "S01"}.get(role, "*")
    assert (await street.call(role, "GET", "/reports", scope=scope)).status_code == 403


# -- who decides ----------------------------------------------------------------------------------------------------


async def test_what_went_up_is_not_decided_below(street: Neighbourhood) -> None:
    report = await street.reports()
    await street.triages(report, "handed_up")
    below = await street.tries_to_triage(report, "handled")
    assert (below.status_code, "with the community" in below.text) == (409, True)
    await street.triages(report, "handed_up", "community")
    at_street = await street.tries_to_triage(report, "handed_up", "street_initiator")
    assert (at_street.status_code, at_street.json()["legal"]) == (
        409,
        ["handling", "drafted", "handled", "declined"],
    )
    done = await street.triages(report, "declined", "street_initiator", answer="不属于受理范围")
    assert (done["state"], done["steps"]) == ("declined", [])
    assert (await street.follows(report))["answer"] == "不属于受理范围"


async def test_a_decision_that_is_sent_again_is_one_decision(city: City, street: Neighbourhood) -> None:
    report = await street.reports()
    headers = {"Idempotency-Key": uuid4().hex}
    path, body = f"/reports/{report.report_id}/triage", {"outcome": "handling"}
    answers = [await street.call("community", "POST", path, json=body, headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()
    assert await count(city, "report_step") == 1


async def test_a_draft_goes_with_its_outcome_and_stays_in_its_street(street: Neighbourhood) -> None:
    report = await street.reports()
    for said in ({"outcome": "drafted"}, {"outcome": "handled", "draft": street_draft()}):
        answer = await street.call("community", "POST", f"/reports/{report.report_id}/triage", json=said)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "draft")
    elsewhere = {"outcome": "drafted", "draft": street_draft() | {"street": "S02"}}
    answer = await street.call("community", "POST", f"/reports/{report.report_id}/triage", json=elsewhere)
    assert answer.status_code == 422
    assert (await street.sees(report))["state"] == "submitted"


def street_draft() -> dict[str, Any]:
    return {
        "kind": "appeal",
        "urgency": "normal",
        "street": "S01",
        "category": "0701",
        "title": "井盖缺失",
        "description": "井盖缺失。",
        "place": "东门路",
        "beyond_power_reason": "权属不明。",
    }


async def test_a_draft_keeps_no_number_of_a_person(street: Neighbourhood) -> None:
    """What staff write goes to many: numbers are blotted out, also those that somebody copies into a draft."""
    report = await street.reports()
    whistle = await street.drafts(report, description=f"居民电话 {PHONE}，井盖缺失。", place=f"找 {PHONE}")
    facts = whistle.view["facts"]
    assert PHONE not in str(facts)
    assert "139****4321" in facts["description"]


async def test_the_whistle_leads_back_to_whom_to_call(street: Neighbourhood) -> None:
    report = await street.reports()
    whistle = await street.drafts(report)
    assert whistle.view["reports"] == [report.report_id]
    assert (await street.sees(report))["whistle_id"] == whistle.whistle_id
    assert (await street.unmasks(report, "street_initiator"))["phone"] == PHONE


async def test_a_resident_is_proposed_categories(city: City) -> None:
    """Without showing anything; words that speak for none get none, and nobody's words are needed to be told that."""
    client = city.client("intake")
    told = expect(await client.post("/api/v1/report-suggestions", json={"text": WORDS}))["items"]
    assert told[0] == {"category": "0701", "name_zh": "井盖缺失破损", "name_en": "Missing or broken manhole cover"}
    assert len(told) <= 3
    assert expect(await client.post("/api/v1/report-suggestions", json={"text": "？"}))["items"] == []
    assert (await client.post("/api/v1/report-suggestions", json={"text": ""})).status_code == 422


async def test_nobody_is_declined_without_a_reason(street: Neighbourhood) -> None:
    report = await street.reports()
    for answer in ("", "  "):
        refused = await street.tries_to_triage(report, "declined", answer=answer)
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "answer")
    assert (await street.triages(report, "declined", answer="不在受理范围"))["state"] == "declined"
