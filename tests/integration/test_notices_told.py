"""Notices from beginning to end: the city's events, people's channels set by themselves, messages at a provider."""

import json
from collections.abc import AsyncIterator

import httpx
import pytest_asyncio

from support.city import City
from support.entrance import Entrance
from support.notice_office import NoticeOffice, at_work
from support.waiting import until
from support.window import PASSWORD, account_of, somebody
from whistle_escalation.notices.channels import Owner

ALARM = "A_resident_would_not_say_this"


@pytest_asyncio.fixture
async def office(city: City) -> AsyncIterator[NoticeOffice]:
    async with at_work(city) as opened:
        yield opened


async def test_a_task_a_warning_and_a_rung_reach_the_people_on_duty(city: City, office: NoticeOffice) -> None:
    """INVARIANT: whatever is fired is told once; what was over in time is not told."""
    await office.reaches(Owner(organisation="CGJ", role="handler"), "/handlers")
    deputy = Owner(await office.person("李映雪", "CGJ", "department_head"))
    await office.reaches(deputy, "/deputy")
    whistle = await city.street("S01").blows(category="0701")
    (task,) = await office.box.expects("/handlers")
    assert task["title"] == f"新任务 {whistle.number}"
    await city.passes(minutes=16)
    await city.expects_escalation(department="CGJ", rung=1)
    (rung,) = await office.box.expects("/deputy")
    assert rung["title"] == f"L1 催办 {whistle.number}"
    found = await city.watch.escalations(department="CGJ", rung=1)
    asked = await city.call(
        "escalation", "GET", f"/api/v1/notices?escalation_id={found[0]['escalation_id']}", role="inspector", scope="*"
    )
    assert asked.status_code == 200, asked.text
    told = [(row["name"], row["state"], [made["outcome"] for made in row["attempts"]]) for row in asked.json()]
    assert ("李映雪", "delivered", ["delivered"]) in told


async def test_people_set_their_own_channels(city: City, office: NoticeOffice, entrance: Entrance) -> None:
    """INVARIANT: what leads to somebody (a webhook's address with its key, a browser's subscription) is stored sealed,
    and no answer, page or log shows more of it than its label."""
    me, other = await somebody(office.service, "handler", "CGJ"), await somebody(office.service, "handler", "CGJ")
    secret = office.box.address(f"/own?+X-Key={ALARM}")
    async with browser_of(entrance) as mine, browser_of(entrance) as theirs:
        await sign_in(mine, (await account_of(office.service, me)).username)
        await sign_in(theirs, (await account_of(office.service, other)).username)
        added = await mine.post("/api/v1/notices/channels", json={"kind": "apprise", "secret": secret})
        assert added.status_code == 201, added.text
        assert ALARM not in added.text
        assert added.json()["verified_at"] is None
        again = await mine.post("/api/v1/notices/channels", json={"kind": "apprise", "secret": secret})
        assert again.json()["channel_id"] == added.json()["channel_id"]
        path = f"/api/v1/notices/channels/{added.json()['channel_id']}"
        for act in ("test", "promotion", "removal"):
            assert (await theirs.post(f"{path}/{act}", json={})).status_code == 404
        assert (await mine.post(f"{path}/test", json={})).json()["outcome"] == "delivered"
        page = await mine.get("/account/notices")
        assert page.status_code == 200
        assert ALARM not in page.text
        assert "已验证" in page.text
        second = await mine.post(
            "/api/v1/notices/channels", json={"kind": "apprise", "secret": office.box.address("/b")}
        )
        order = (await mine.post(f"/api/v1/notices/channels/{second.json()['channel_id']}/promotion", json={})).json()
        assert order["channels"][0]["channel_id"] == second.json()["channel_id"]
        office.box.answers["/b"] = [500]
        failed = await mine.post(f"/api/v1/notices/channels/{second.json()['channel_id']}/test", json={})
        assert failed.status_code == 409
        gone = (await mine.post(f"{path}/removal", json={})).json()
        assert [row["channel_id"] for row in gone["channels"]] == [second.json()["channel_id"]]
        for wrong in ("syslog://", "json://10.0.0.1/x?verify=no", "words"):
            answer = await mine.post("/api/v1/notices/channels", json={"kind": "apprise", "secret": wrong})
            assert answer.status_code == 422, wrong
        subscription = json.dumps({"endpoint": "https://push.example.net/x", "keys": {}, "ours": ""})
        assert (
            await mine.post("/api/v1/notices/channels", json={"kind": "push", "secret": subscription})
        ).status_code == 422
        assert (await mine.post("/api/v1/notices/hours", json={"quiet": "25:00-07:00"})).status_code == 422
        assert (await mine.post("/api/v1/notices/hours", json={"quiet": "22:00-07:00"})).json()[
            "quiet"
        ] == "22:00-07:00"
    stored = await office.rows("select sealed from notice_channel")
    assert not any(ALARM.encode() in row.sealed for row in stored)
    await until(lambda: _noted(office), "the audit")
    assert not await office.rows("select 1 from audit where asked::text like :what", what=f"%{ALARM}%")


async def test_a_label_shows_nobodys_address_and_the_account_leads_there(
    city: City, office: NoticeOffice, entrance: Entrance
) -> None:
    """INVARIANT: a label shows nobody's number or address whole."""
    me = await somebody(office.service, "handler", "CGJ")
    async with browser_of(entrance) as mine:
        await sign_in(mine, (await account_of(office.service, me)).username)
        assert 'href="/account/notices"' in (await mine.get("/account")).text.partition("<main")[2]
        mail = {"kind": "apprise", "secret": "mailtos://duty:secret@smtp.example.cn?to=wang@example.cn"}
        added = await mine.post("/api/v1/notices/channels", json=mail)
        assert added.json()["label"] == "E-Mail · mailtos://d***@smtp.example.cn/w***@example.cn"
        assert "wang@" not in (await mine.get("/account/notices")).text


async def _noted(office: NoticeOffice) -> bool:
    query = "select action from audit where action like 'escalation.%channel%' or action like 'escalation.add_own%'"
    return bool(await office.rows(query))


async def test_an_administrator_sets_the_desks_of_their_scope(city: City, office: NoticeOffice) -> None:
    asked = {"role": "administrator", "scope": "CGJ"}
    body = {"kind": "apprise", "secret": office.box.address("/desk")}
    path = "/api/v1/notices/desks/CGJ/handler/channels"
    added = await city.call("escalation", "POST", path, json=body, **asked)
    assert added.status_code == 201, added.text
    elsewhere = await city.call("escalation", "POST", path.replace("CGJ", "ZFJ"), json=body, **asked)
    unknown = await city.call("escalation", "POST", path.replace("handler", "nobody"), json=body, **asked)
    assert (elsewhere.status_code, unknown.status_code) == (404, 404)
    tried = await city.call(
        "escalation", "POST", f"/api/v1/notices/channels/{added.json()['channel_id']}/test", **asked
    )
    assert tried.status_code == 200, tried.text
    assert len(await office.box.expects("/desk")) == 1


def browser_of(entrance: Entrance) -> httpx.AsyncClient:
    """A browser whose requests come from the service's own pages."""
    headers = {"origin": entrance.address}
    return httpx.AsyncClient(base_url=entrance.address, headers=headers, timeout=30, trust_env=False)


async def sign_in(browser: httpx.AsyncClient, username: str) -> None:
    answer = await browser.post("/sign-in", data={"username": username, "password": PASSWORD})
    assert answer.status_code == 303, answer.text
