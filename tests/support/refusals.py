"""Requests that no client would send, and what a refusal looks like."""

import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx

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


async def report_raw(city: City, said: Body) -> httpx.Response:
    """POST /reports as a resident."""
    headers = {"content-type": "application/json", "idempotency-key": uuid4().hex}
    return await city.client("intake").post("/api/v1/reports", content=as_json(said), headers=headers)


def as_json(said: Any) -> bytes:
    """JSON with integers of any size."""
    return json.dumps(said, ensure_ascii=False).encode()


def body(city: City, **changes: Any) -> bytes:
    """What street S01 would say, with changes."""
    return as_json(city.street("S01").says() | changes)


REPORT: Body = {
    "grid": "S01-G001",
    "category": "0701",
    "text": "楼下井盖不见了，晚上没有灯。",
    "target": "grid",
    "location": {"latitude": 39.9163, "longitude": 116.3972},
    "photos": [],
    "contact": {"name": "王女士", "phone": "13800138000"},
}


def refused(answer: httpx.Response, *statuses: int) -> Body:
    """A problem document with one of these statuses."""
    assert answer.status_code in statuses, (answer.status_code, answer.text[:300])
    assert answer.headers["content-type"] == "application/problem+json"
    problem: Body = answer.json()
    assert problem["status"] == answer.status_code
    assert problem["title"]
    assert problem["detail"]
    return problem


def names(problem: Body) -> list[str]:
    """The fields at fault."""
    return [error["field"] for error in problem.get("errors") or []]
