"""Requests that come at an odd moment, twice, or for what is somebody else's (RELIABILITY.md 4.2; row numbers its).

INVARIANT: bad input is answered with a 4xx that names the field; it never becomes a 5xx.
"""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from support.city import City
from support.refusals import body, names, refused
from support.waiting import until
from whistle_shared.web import cell

LISTS = [
    ("intake", "/whistles"),
    ("intake", "/requests"),
    ("intake", "/reports"),
    ("dispatch", "/dispatches"),
    ("dispatch", "/departments"),
    ("dispatch", "/grids"),
    ("dispatch", "/returns"),
    ("dispatch", "/disputes"),
    ("dispatch", "/precedents"),
    ("dispatch", "/requests"),
    ("dispatch", "/appeals"),
    ("dispatch", "/registry/versions"),
    ("department.hosted", "/tasks"),
    ("department.hosted", "/letters"),
    ("department.hosted", "/meetings"),
    ("escalation", "/clocks"),
    ("escalation", "/escalations"),
    ("escalation", "/letters"),
    ("escalation", "/boards"),
]
QUERIES = {
    "row39 below nothing": "limit=-1",
    "row39 nothing": "limit=0",
    "row39 a thousand million": "limit=1000000000",
    "row39 beyond int8": "limit=99999999999999999999",
    "row39 words": "limit=ten",
    "row39 a fraction": "limit=1.5",
    "row39 a forged cursor": "cursor=forged",
    "row39 a long cursor": "cursor=" + "9" * 400,
    "row39 a cursor beyond int8": f"cursor={2**63}",
    "row39 NUL in a cursor": "cursor=%00",
    "row39 a cursor of braces": "cursor={00000000-0000-0000-0000-00000000000}",
}


@pytest.mark.parametrize("name", QUERIES)
@pytest.mark.parametrize(("producer", "path"), LISTS)
async def test_a_page_that_cannot_be_is_refused(door: City, producer: str, path: str, name: str) -> None:
    role = {"role": "department_head", "scope": "CGJ"} if producer.startswith("department") else {}
    problem = refused(await door.call(producer, "GET", f"/api/v1{path}?{QUERIES[name]}", **role), 422)
    assert names(problem) == [QUERIES[name].partition("=")[0]]


@pytest.mark.parametrize("number", [0, -1, 2**63, 10**30])
async def test_row39_there_is_no_version_of_such_a_number(door: City, number: int) -> None:
    asked = f"/api/v1/registry/versions/{number}"
    assert names(refused(await door.call("dispatch", "GET", asked), 422)) == ["number"]
    body = {"base": 1, "reason": "回到从前"}
    problem = refused(await door.call("dispatch", "POST", f"{asked}/restoration", json=body), 422)
    assert names(problem) == ["number"]


FILTERS = [
    *("state=nonsense", "status=%00", "department=%00", "whistle_id=1", "rung=0", "rung=99999999999999999999"),
    *("name=x", "street=%27%20or%201=1--", "category=%F0%A0%AE%B7", "period=9999-99", "by=x", "form=%00", "flag=%00"),
    *("organisation=%ff", "order=;", "desk=%00", "unknown=1", "state=blown&state=blown"),
]


@pytest.mark.parametrize(("producer", "path"), [*LISTS, ("escalation", "/measures"), ("dispatch", "/people")])
async def test_row39_an_odd_filter_is_ignored_or_refused_but_never_fails(door: City, producer: str, path: str) -> None:
    role = {"role": "department_head", "scope": "CGJ"} if producer.startswith("department") else {}
    for query in FILTERS:
        answer = await door.call(producer, "GET", f"/api/v1{path}?{query}", **role)
        assert answer.status_code in (200, 422), (query, answer.text)


async def test_row39_pages_follow_one_another_without_gaps_or_repeats(city: City) -> None:
    for _ in range(7):
        await city.street("S01").blows()
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        answer = await city.call("intake", "GET", "/api/v1/whistles", params={"limit": 3, **cursor})
        page = answer.json()
        seen += [item["number"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert seen == [f"S01-20260601-{n:04d}" for n in range(7, 0, -1)]


PATHS = {
    "nothing": ("GET", "/api/v1/nothing", 404),
    "another method": ("PATCH", "/api/v1/whistles", 405),
    "NUL for an id": ("GET", "/api/v1/whistles/%00", 422),
    "an id of another form": ("GET", "/api/v1/whistles/1", 422),
    "a way out": ("GET", "/api/v1/whistles/..%2f..%2fetc%2fpasswd", 404),
    "a way out of the files": ("GET", "/static/..%2f..%2f..%2fpyproject.toml", 404),
    "a way out of the documents": ("GET", "/docs/files/..%2f__init__.py", 404),
    "NUL among the files": ("GET", "/static/a%00b", 404),
    "a long name among the files": ("GET", "/static/" + "a" * 5_000, 404),
    "bytes that are no UTF-8": ("GET", "/api/v1/whistles/%ff%fe", 422),
    "a second slash": ("GET", "//api/v1/whistles", 404),
}


@pytest.mark.parametrize("name", PATHS)
async def test_row15_a_path_that_is_none_is_a_problem_document_too(door: City, name: str) -> None:
    method, path, status = PATHS[name]
    answer = await door.call("intake", method, path)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("producer", ["intake", "dispatch", "department.hosted", "department.ga", "escalation"])
async def test_every_service_answers_its_probes_and_describes_itself(door: City, producer: str) -> None:
    client = door.client(producer)
    for path in ("/livez", "/readyz", "/metrics", "/openapi.json", "/docs"):
        answer = await client.get(path)
        assert answer.status_code == 200, (path, answer.text)
    described = (await client.get("/openapi.json")).json()
    assert all(operation.get("summary") for path in described["paths"].values() for operation in path.values())


FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\u3000=1", "＝1+1", "=cmd|' /C calc'!A0"]


@pytest.mark.parametrize("said", FORMULAS, ids=lambda said: f"row16 {said!a}")
def test_a_cell_that_could_be_a_formula_is_a_text(said: str) -> None:
    assert cell(said) == f"'{said}"


async def test_row21_a_department_disabled_between_the_blowing_and_the_dispatch_is_flagged(city: City) -> None:
    """Nobody waits for somebody who is not there any more: the others are called, and the flag says who is missing."""
    closed = [row.model_copy(update={"active": row.code != "CGJ"}) for row in city.pack.registry.departments]
    changed = city.pack.registry.model_copy(update={"departments": tuple(closed)})
    async with city.holding("dispatch") as held:
        whistle = await city.street("S01").blows(departments=["CGJ", "GA"])
    async with city.under(registry=changed):
        await held.arrives()
        dispatch = await city.whistle_office.dispatch(whistle)
        assert [task["department"] for task in dispatch["tasks"]] == ["GA"]
        assert "inactive:CGJ" in dispatch["flags"]
    await city.expects_nothing_parked()


async def test_row24_the_same_key_at_once_is_one_whistle(city: City) -> None:
    street = city.street("S01")
    answers = await asyncio.gather(*(street.tries_to_blow(key="one") for _ in range(100)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["whistle_id"] for answer in answers}) == 1


async def test_row25_the_same_key_for_another_body_is_refused(city: City) -> None:
    """A hundred requests at once, half of them with another body."""
    street = city.street("S01")
    answers = await asyncio.gather(*(street.tries_to_blow(key="one", title=f"t{n % 2}") for n in range(100)))
    made = [answer.json()["whistle_id"] for answer in answers if answer.status_code == 201]
    assert len(made) == 50
    assert len(set(made)) == 1
    for answer in answers:
        if answer.status_code != 201:
            refused(answer, 422)


KEYS = {
    "row26 none": None,
    "row26 empty": b"",
    "row26 too long": b"x" * 201,
    "row26 Chinese": "吹哨".encode(),
    "row26 a space inside": b"a b",
    "row26 a tab inside": b"a\tb",
}


@pytest.mark.parametrize("name", KEYS)
async def test_a_key_that_is_none_is_refused(door: City, name: str) -> None:
    key = KEYS[name]
    headers = [(b"content-type", b"application/json"), *([(b"idempotency-key", key)] if key is not None else [])]
    token = await door.token("intake", "street_initiator", "S01")
    answer = await door.client("intake").post(
        "/api/v1/whistles", content=body(door), headers=[*headers, (b"authorization", f"Bearer {token}".encode())]
    )
    assert names(refused(answer, 400)) == ["Idempotency-Key"]


async def test_row27_who_is_not_called_finds_no_task_and_the_audit_knows(city: City) -> None:
    whistle = await city.street("S01").blows(departments=["CGJ"])
    task = await city.department("CGJ").task(whistle)
    path = f"/api/v1/tasks/{task['task_id']}/acknowledgement"
    answer = await city.call(
        "department.hosted", "POST", path, role="department_head", scope="PSGS", json={"person": "王"}
    )
    refused(answer, 404)
    assert (await city.department("CGJ").task(whistle))["acknowledged_at"] is None
    await until(lambda: _is_noted(city, task["task_id"]), "the refusal to be noted")


async def _is_noted(city: City, task_id: str) -> bool:
    service = city.services["department.hosted"]
    query = "select count(*) from audit where outcome = 'refused' and scope = 'PSGS' and subject = :task"
    async with service.engine.connect() as connection:
        return bool(await connection.scalar(text(query), {"task": task_id}))


async def test_row28_acknowledgements_in_odd_moments(city: City) -> None:
    """Unknown 404, repeated 200 with the first stamp, ended 409, before escalation has armed: accepted."""
    department = city.department("CGJ")
    unknown = await department.calls("POST", f"/tasks/{uuid4()}/acknowledgement", json={"person": "王"})
    refused(unknown, 404)
    refused(await department.calls("POST", "/tasks/not-an-id/acknowledgement", json={"person": "王"}), 422)
    async with city.without("escalation"):
        whistle = await city.street("S01").blows(departments=["CGJ"])
        first = await department.acknowledges(whistle)
    await city.expects_clock(whistle, "ack", "met", department="CGJ")
    await city.passes(minutes=20)
    assert (await department.acknowledges(whistle))["acknowledged_at"] == first["acknowledged_at"]
    await department.arrives(whistle)
    await department.submits(whistle)
    late = await department.steps(whistle, "progress", {"person": "王", "note": "还有"})
    assert refused(late, 409)["state"] == "submitted"


async def test_row28_an_acknowledgement_after_the_escalation_counts_and_the_rung_stays(city: City) -> None:
    whistle = await city.street("S01").blows(departments=["CGJ"])
    await city.passes(minutes=31)
    escalation = await city.expects_escalation(department="CGJ", rung=1)
    await city.department("CGJ").acknowledges(whistle)
    await city.expects_clock(whistle, "ack", "met_late", department="CGJ")
    assert escalation["fired_at"]


async def test_row29_only_the_servers_time_counts(city: City) -> None:
    """An acknowledgement is stamped when it arrives, whatever the client's `Date` says."""
    whistle = await city.street("S01").blows(departments=["CGJ"])
    task = await city.department("CGJ").task(whistle)
    answer = await city.call(
        *("department.hosted", "POST", f"/api/v1/tasks/{task['task_id']}/acknowledgement"),
        role="department_head",
        scope="CGJ",
        json={"person": "王"},
        headers={"date": "Thu, 01 Jan 1970 00:00:00 GMT"},
    )
    stamped = answer.json()["acknowledged_at"]
    assert stamped.startswith((city.time.now() + timedelta()).strftime("%Y-%m-%dT%H:%M"))
