"""Bad input over HTTP gets a 4xx that says why, and never a 5xx (RELIABILITY.md section 4.2; the row numbers are its).

INVARIANT: bad input is answered with a 4xx that names the field; it never becomes a 5xx.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import orjson
import pytest

from support.city import City

Body = dict[str, Any]


async def raise_raw(city: City, content: bytes | AsyncIterator[bytes], **headers: str) -> httpx.Response:
    """POST /whistles with exactly this body."""
    about = {"content-type": "application/json", "idempotency-key": uuid4().hex} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    return await city.call(
        "intake", "POST", "/api/v1/whistles", role="street_initiator", scope="S01", content=content, headers=about
    )


def body(city: City, **changes: Any) -> bytes:
    """What street S01 would say, with changes; integers of any size."""
    return json.dumps(city.street("S01").says() | changes, ensure_ascii=False).encode()


def refused(answer: httpx.Response, *statuses: int) -> Body:
    """A problem document with one of these statuses."""
    assert answer.status_code in statuses, (answer.status_code, answer.text[:300])
    assert answer.headers["content-type"] == "application/problem+json"
    problem: Body = answer.json()
    assert problem["status"] == answer.status_code
    assert problem["title"]
    assert problem["detail"]
    return problem


UNREADABLE: dict[str, tuple[bytes, int]] = {
    "1 an empty body": (b"", 422),
    "1 null": (b"null", 422),
    "1 an array": (b"[]", 422),
    "1 a text": (b'"whistle"', 422),
    "2 truncated": (b'{"kind": "emerg', 400),
    "2 trailing": (b"{} {}", 400),
    "4 a lone surrogate": (b'{"title": "\\ud800"}', 400),
    "5 NaN": (b'{"title": NaN}', 400),
    "5 Infinity": (b'{"title": -Infinity}', 400),
    "8 nested 5,000 deep": (b'{"title": ' + b"[" * 5000 + b"]" * 5000 + b"}", 400),
    "9 a byte order mark": (b"\xef\xbb\xbf{}", 400),
    "9 invalid UTF-8": (b'{"title": "\xff\xfe"}', 400),
    "9 GBK": ('{"title": "井盖"}'.encode("gbk"), 400),
}


@pytest.mark.parametrize("name", UNREADABLE)
async def test_what_cannot_be_read_is_refused(door: City, name: str) -> None:
    content, status = UNREADABLE[name]
    refused(await raise_raw(door, content), status)


FIELDS: dict[str, tuple[Body, str]] = {
    "3 NUL": ({"title": "井\x00盖"}, "title"),
    "3 NUL in a code": ({"category": "07\x0001"}, "category"),
    "6 an integer beyond int8": ({"title": 2**70}, "title"),
    "6 an integer beyond int8 as a code": ({"category": 10**30}, "category"),
    "5 1e400": ({"title": 1}, "title"),
    "12 an unknown field": ({"colour": "red"}, "colour"),
    "12 a number for a text": ({"title": 5}, "title"),
    "12 a text for a list": ({"departments": "CGJ"}, "departments"),
    "12 null for a text": ({"title": None}, "title"),
    "12 an object for a text": ({"place": {"a": 1}}, "place"),
    "13 an empty title": ({"title": ""}, "title"),
    "13 a title of spaces": ({"title": " \t\u3000"}, "title"),
    "13 a title of nothing visible": ({"title": "\u200b\u200d\ufeff"}, "title"),
    "13 a title of 201 characters": ({"title": "井" * 201}, "title"),
    "13 a description of 10,001 characters": ({"description": "井" * 10_001}, "description"),
    "13 a place of 501 characters": ({"place": "井" * 501}, "place"),
    "20 twenty-one departments": ({"departments": ["CGJ"] * 21}, "departments"),
    "20 ten thousand departments": ({"departments": [f"D{n}" for n in range(10_000)]}, "departments"),
    "20 an unknown department": ({"departments": ["NOPE"]}, "departments.0"),
    "20 a department of odd signs": ({"departments": ["CGJ; drop table whistle"]}, "departments.0"),
    "20 a code with a newline": ({"category": "0701\n"}, "category"),
    "20 a code beyond its length": ({"grid": "S" * 33}, "grid"),
}


@pytest.mark.parametrize("name", FIELDS)
async def test_a_field_that_is_wrong_is_named(door: City, name: str) -> None:
    changes, field = FIELDS[name]
    problem = refused(await raise_raw(door, body(door, **changes)), 422)
    assert field in [error["field"] for error in problem["errors"]], problem


REASONS: dict[str, tuple[Body, str]] = {
    "an empty title": ({"title": ""}, "must not be empty"),
    "a title of spaces": ({"title": " \t"}, "must contain at least one visible character"),
    "a title that is too long": ({"title": "井" * 201}, "has 201 characters; at most 200 are allowed"),
    "too many departments": ({"departments": ["CGJ"] * 21}, "has 21 entries; at most 20 are allowed"),
}


@pytest.mark.parametrize("name", REASONS)
async def test_the_reason_is_in_words_that_whoever_fills_in_the_field_understands(door: City, name: str) -> None:
    changes, reason = REASONS[name]
    problem = refused(await raise_raw(door, body(door, **changes)), 422)
    assert [error["reason"] for error in problem["errors"]] == [reason]
    assert problem["detail"].endswith(f": {reason}")


@pytest.mark.parametrize("field", ["kind", "urgency", "street", "title", "description", "place", "beyond_power_reason"])
async def test_a_field_that_is_missing_is_named(door: City, field: str) -> None:
    said = door.street("S01").says()
    said.pop(field)
    problem = refused(await raise_raw(door, orjson.dumps(said)), 422)
    assert [error["field"] for error in problem["errors"]] == [field]


async def test_of_a_key_said_twice_the_last_one_counts(city: City) -> None:
    """Row 7: accepted as documented for JSON, the last one wins."""
    said = body(city)[:-1] + b', "title": "last"}'
    assert (await raise_raw(city, said)).json()["facts"]["title"] == "last"


async def test_a_body_over_the_limit_is_refused_whether_or_not_it_is_announced(door: City) -> None:
    """Row 10."""
    large = body(door, description="x" * 300_000)
    refused(await raise_raw(door, large), 413)
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(1000):
            sent += 1
            yield b" " * 16_384

    refused(await raise_raw(door, endless()), 413)
    assert sent >= 17


@pytest.mark.parametrize("announced", ["-1", "1e3", "99999999999999999999", "abc"])
async def test_a_nonsensical_length_is_refused(door: City, announced: str) -> None:
    refused(await raise_raw(door, body(door), content_length=announced), 400, 413)


@pytest.mark.parametrize(
    "headers",
    [
        {"content_type": "text/plain"},
        {"content_type": "application/x-www-form-urlencoded"},
        {"content_type": "multipart/form-data; boundary=x"},
        {"content_type": "application/json; charset=gbk"},
        {"content_type": ""},
        {"content_encoding": "gzip"},
    ],
    ids=str,
)
async def test_another_content_type_is_refused(door: City, headers: dict[str, str]) -> None:
    """Row 11."""
    refused(await raise_raw(door, body(door), **headers), 415)


@pytest.mark.parametrize(
    "said",
    [
        "𠮷野家",
        "👩‍👩‍👧‍👦",
        "a\u202eb\u2066c",
        "①㈱ﬁ",
        "e\u0301 é",
        "'; drop table whistle; --",
        "<script>alert(1)</script>{{7*7}}${7*7}",
        "line\r\nSet-Cookie: a=b\r\n",
        "%s %(name)s {0} :id $1",
        "=1+1",
        "井" * 200,
    ],
    ids=lambda said: ascii(said)[:24],
)
async def test_odd_but_legal_text_is_kept_exactly(city: City, said: str) -> None:
    """Rows 13 to 15."""
    street = city.street("S01")
    whistle = await street.blows(title=said, description=said, place=said)
    facts = (await street.sees(whistle))["facts"]
    assert (facts["title"], facts["description"], facts["place"]) == (said, said, said)
    await city.settles()
    [task] = await city.department("CGJ").tasks()
    assert task["title"] == said
    await city.expects_nothing_parked()


async def test_a_description_may_have_ten_thousand_characters(city: City) -> None:
    whistle = await city.street("S01").blows(description="𠮷" * 10_000)
    assert len((await city.street("S01").sees(whistle))["facts"]["description"]) == 10_000


@pytest.mark.parametrize("name", ["time", "blown_at", "acknowledged_at"])
async def test_a_clients_time_is_not_asked_for(city: City, name: str) -> None:
    """Rows 17 and 29: only the server's time counts, so a time in a body is an unknown field."""
    refused(await raise_raw(city, body(city, **{name: "9999-12-31T23:59:60+25:00"})), 422)
    whistle = await city.street("S01").blows(departments=["CGJ"])
    said = {"person": "王", name: "0001-01-01"}
    refused(await city.department("CGJ").steps(whistle, "acknowledgement", said), 422)


async def test_duplicate_departments_are_one(city: City) -> None:
    """Row 20."""
    whistle = await city.street("S01").blows(departments=["GA", "CGJ", "GA", "CGJ"])
    assert whistle.view["departments_wanted"] == ["GA", "CGJ"]


async def test_the_same_key_at_once_is_one_whistle_and_for_another_body_is_refused(city: City) -> None:
    """Rows 24 and 25, over HTTP and mixed: a hundred requests, half of them with another body."""
    street = city.street("S01")
    answers = await asyncio.gather(*(street.tries_to_blow(key="one", title=f"t{n % 2}") for n in range(100)))
    made = [answer.json()["whistle_id"] for answer in answers if answer.status_code == 201]
    assert len(made) == 50
    assert len(set(made)) == 1
    for answer in answers:
        if answer.status_code != 201:
            refused(answer, 422)


@pytest.mark.parametrize("key", [None, b"", b"x" * 201, "吹哨".encode(), b"a b", b"a\tb"])
async def test_a_key_that_is_none_is_refused(door: City, key: bytes | None) -> None:
    """Row 26."""
    headers = [(b"content-type", b"application/json"), *([(b"idempotency-key", key)] if key is not None else [])]
    token = await door.token("intake", "street_initiator", "S01")
    answer = await door.client("intake").post(
        "/api/v1/whistles", content=body(door), headers=[*headers, (b"authorization", f"Bearer {token}".encode())]
    )
    problem = refused(answer, 400)
    assert [error["field"] for error in problem["errors"]] == ["Idempotency-Key"]


async def test_acknowledgements_in_odd_moments(city: City) -> None:
    """Row 28: unknown 404, repeated 200 with the first stamp, ended 409, before escalation has armed: accepted."""
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


LISTS = [
    ("intake", "/whistles"),
    ("dispatch", "/dispatches"),
    ("dispatch", "/departments"),
    ("dispatch", "/grids"),
    ("department.hosted", "/tasks"),
    ("escalation", "/clocks"),
    ("escalation", "/escalations"),
]
QUERIES = ["limit=-1", "limit=0", "limit=1000000000", "limit=ten", "cursor=forged", "cursor=" + "9" * 400, "cursor=%00"]


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query[:16])
@pytest.mark.parametrize(("producer", "path"), LISTS)
async def test_a_page_that_cannot_be_is_refused(door: City, producer: str, path: str, query: str) -> None:
    """Row 39."""
    role = {"role": "department_head", "scope": "CGJ"} if producer.startswith("department") else {}
    refused(await door.call(producer, "GET", f"/api/v1{path}?{query}", **role), 422)


@pytest.mark.parametrize(("producer", "path"), [*LISTS, ("escalation", "/clocks")])
@pytest.mark.parametrize(
    "query", ["state=nonsense", "status=%00", "department=%00", "whistle_id=1", "rung=0", "name=x"]
)
async def test_an_odd_filter_is_ignored_or_refused_but_never_fails(
    door: City, producer: str, path: str, query: str
) -> None:
    role = {"role": "department_head", "scope": "CGJ"} if producer.startswith("department") else {}
    answer = await door.call(producer, "GET", f"/api/v1{path}?{query}", **role)
    assert answer.status_code in (200, 422), answer.text


async def test_pages_follow_one_another_without_gaps_or_repeats(city: City) -> None:
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


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/api/v1/nothing", 404), ("PATCH", "/api/v1/whistles", 405), ("GET", "/api/v1/whistles/%00", 422)],
)
async def test_a_path_that_is_none_is_a_problem_document_too(door: City, method: str, path: str, status: int) -> None:
    refused_answer = await door.call("intake", method, path)
    assert refused_answer.status_code == status
    assert refused_answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("producer", ["intake", "dispatch", "department.hosted", "department.ga", "escalation"])
async def test_every_service_answers_its_probes_and_describes_itself(door: City, producer: str) -> None:
    client = door.client(producer)
    for path in ("/livez", "/readyz", "/metrics", "/openapi.json", "/docs"):
        answer = await client.get(path)
        assert answer.status_code == 200, (path, answer.text)
        assert answer.headers["x-content-type-options"] == "nosniff"
    described = (await client.get("/openapi.json")).json()
    assert all(operation.get("summary") for path in described["paths"].values() for operation in path.values())
