"""Bodies that cannot be read, and values that cannot be, at every route (RELIABILITY.md 4.2; the row numbers are its).

INVARIANT: bad input is answered with a 4xx that names the field; it never becomes a 5xx.
"""

import json
from collections.abc import AsyncIterator, Iterator
from copy import deepcopy
from typing import Any
from uuid import uuid4

import orjson
import pytest

from support.city import City
from support.refusals import Body, as_json, body, names, raise_raw, refused

UNREADABLE: dict[str, tuple[bytes, int]] = {
    "row01 an empty body": (b"", 422),
    "row01 null": (b"null", 422),
    "row01 an array": (b"[]", 422),
    "row01 a text": (b'"whistle"', 422),
    "row01 true": (b"true", 422),
    "row02 truncated": (b'{"kind": "emerg', 400),
    "row02 trailing": (b"{} {}", 400),
    "row02 a comment": (b"{} // x", 400),
    "row02 single quotes": (b"{'kind': 'appeal'}", 400),
    "row04 a lone surrogate": (b'{"title": "\\ud800"}', 400),
    "row04 a lone surrogate in a key": (b'{"\\udfff": 1}', 400),
    "row05 NaN": (b'{"title": NaN}', 400),
    "row05 Infinity": (b'{"title": -Infinity}', 400),
    "row05 1e400": (b'{"location": {"latitude": 1e400, "longitude": 1}}', 400),
    "row06 a number of 5,000 digits": (b'{"title": ' + b"9" * 5000 + b"}", 400),
    "row07 a key said twice": (b'{"title": "a", "title": "b"}', 400),
    "row07 a key said twice, once escaped": (b'{"title": "a", "t\\u0069tle": "b"}', 400),
    "row07 a key said twice inside": (b'{"location": {"latitude": 1, "latitude": 2}}', 400),
    "row08 nested 5,000 deep": (b'{"title": ' + b"[" * 5000 + b"]" * 5000 + b"}", 400),
    "row08 nested 40 deep": (b'{"title": ' + b"[" * 40 + b"]" * 40 + b"}", 400),
    "row08 nested 40 deep in objects": (b'{"a": ' * 40 + b"1" + b"}" * 40, 400),
    "row08 6,000 keys": (as_json({f"k{n}": 1 for n in range(6_000)}), 400),
    "row09 a byte order mark": (b"\xef\xbb\xbf{}", 400),
    "row09 invalid UTF-8": (b'{"title": "\xff\xfe"}', 400),
    "row09 an overlong NUL": (b'{"title": "\xc0\x80"}', 400),
    "row09 a surrogate in UTF-8": (b'{"title": "\xed\xa0\x80"}', 400),
    "row09 GBK": ('{"title": "井盖"}'.encode("gbk"), 400),
    "row09 UTF-16": ('{"title": "井盖"}'.encode("utf-16"), 400),
}


@pytest.mark.parametrize("name", UNREADABLE)
async def test_what_cannot_be_read_is_refused(door: City, name: str) -> None:
    content, status = UNREADABLE[name]
    refused(await raise_raw(door, content), status)


async def test_row07_the_key_that_was_said_twice_is_named(door: City) -> None:
    problem = refused(await raise_raw(door, body(door)[:-1] + b', "title": "last"}'), 400)
    assert "'title' is said twice" in problem["detail"]


async def test_row07_colons_in_texts_are_no_keys(city: City) -> None:
    said = body(city, title='8:30 "title": a:b', description="::::")
    assert (await raise_raw(city, said)).status_code == 201


async def test_row08_nesting_up_to_the_limit_is_judged_by_the_field(door: City) -> None:
    deep: Any = []
    for _ in range(28):
        deep = [deep]
    problem = refused(await raise_raw(door, body(door, title=deep)), 422)
    assert "title" in names(problem)


async def test_row10_a_body_over_the_limit_is_refused_whether_or_not_it_is_announced(door: City) -> None:
    large = body(door, description="x" * 300_000)
    refused(await raise_raw(door, large), 413)
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(1000):
            sent += 1
            yield b" " * 16_384

    refused(await raise_raw(door, endless()), 413)
    assert 17 <= sent < 1000


@pytest.mark.parametrize("announced", ["-1", "1e3", "99999999999999999999", "abc", "1_0", "+5", "0x10"])
async def test_row10_a_nonsensical_length_is_refused(door: City, announced: str) -> None:
    refused(await raise_raw(door, body(door), content_length=announced), 400, 413)


@pytest.mark.parametrize(
    "headers",
    [
        {"content_type": "text/plain"},
        {"content_type": "application/x-www-form-urlencoded"},
        {"content_type": "multipart/form-data; boundary=x"},
        {"content_type": "application/json; charset=gbk"},
        {"content_type": "application/json; charset=utf-16"},
        {"content_type": "application/vnd.api+json"},
        {"content_type": ""},
        {"content_encoding": "gzip"},
        {"content_encoding": "identity, gzip"},
        {"content_encoding": "br"},
    ],
    ids=str,
)
async def test_row11_another_content_type_is_refused(door: City, headers: dict[str, str]) -> None:
    refused(await raise_raw(door, body(door), **headers), 415)


# -- every leaf of every body of every route, by the example that its description gives

ROLES = {
    "intake": [("street_approver", "S01"), ("arbitrator", "*")],
    "dispatch": [("arbitrator", "*")],
    "department.hosted": [("department_head", "CGJ")],
    "escalation": [("inspector", "*")],
}
MUTATIONS: dict[str, bytes] = {
    "row03 NUL": b'"a\\u0000b"',
    "row05 a huge float": b"1e308",
    "row06 beyond int8": b"1180591620717411303424",
    "row12 an object": b'{"a": 1}',
    "row12 a list": b"[[1]]",
    "row12 a number": b"5",
    "row12 a fraction": b"0.5",
    "row12 a truth": b"true",
    "row13 nothing visible": b'"\\u200b\\u200d"',
    "row13 a million characters": b'"' + b"x" * 200_000 + b'"',
    "row17 a distant time": b'"9999-12-31T23:59:59.999999Z"',
}
_MARK = "@@here@@"


def routes(city: City) -> Iterator[tuple[str, str, str, Body]]:
    """Producer, method, path with ids, and an example of its body."""
    for producer in ROLES:
        described = city.services[producer].app.openapi()
        for path, operations in described["paths"].items():
            for method, operation in operations.items():
                content = operation.get("requestBody", {}).get("content", {}).get("application/json")
                if content:
                    model = described["components"]["schemas"][content["schema"]["$ref"].rpartition("/")[2]]
                    yield producer, method.upper(), path, model["examples"][0] if "examples" in model else {}


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, child in children:
        yield from leaves(child, (*path, name))
    if not isinstance(value, dict | list):
        yield path


def with_mark(example: Body, path: tuple[Any, ...]) -> str:
    said = deepcopy(example)
    holder: Any = said
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = _MARK
    return json.dumps(said, ensure_ascii=False)


@pytest.mark.parametrize("name", MUTATIONS)
async def test_no_value_of_any_field_of_any_route_makes_a_service_fail(door: City, name: str) -> None:
    """What has no route of its own above is here all the same: a field that is new is tried out by itself."""
    value, tried = MUTATIONS[name], 0
    for producer, method, path, example in routes(door):
        for place in leaves(example):
            content = with_mark(example, place).encode().replace(f'"{_MARK}"'.encode(), value)
            for role, scope in ROLES[producer]:
                answer = await door.call(
                    *(producer, method, _filled(path)),
                    role=role,
                    scope=scope,
                    content=content,
                    headers={"content-type": "application/json", "idempotency-key": uuid4().hex},
                )
                assert answer.status_code < 500, (producer, path, place, answer.text)
                assert answer.status_code in (201, 200, 400, 403, 404, 409, 422), (path, place, answer.text)
                tried += 1
    assert tried > 100


def _filled(path: str) -> str:
    return "/".join(str(uuid4()) if part.startswith("{") else part for part in path.split("/"))


@pytest.mark.parametrize("field", ["kind", "urgency", "street", "title", "description", "place", "beyond_power_reason"])
async def test_row12_a_field_that_is_missing_is_named(door: City, field: str) -> None:
    said = door.street("S01").says()
    said.pop(field)
    assert names(refused(await raise_raw(door, orjson.dumps(said)), 422)) == [field]
