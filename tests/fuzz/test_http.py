"""Schemathesis against every service's own description, over HTTP on this machine, with a fitting token.

No answer may be a server error, of an undocumented status or of another shape than is documented, and no operation
that says it takes a token may answer without one.
"""

import asyncio
import random
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi import checks as shapes

from fuzz.conftest import MINUTES, Tally
from support.city import City
from support.entrance import opened

WHO = {
    "intake": ("street_approver", "S01"),
    "dispatch": ("arbitrator", "*"),
    "department.hosted": ("department_head", "CGJ"),
    "department.ga": ("handler", "GA"),
    "escalation": ("inspector", "*"),
}
BRIEF = ("intake", "dispatch", "department.hosted", "escalation")
EACH = 2
"""Cases of every operation and mode; the long run goes on for minutes (test_http_long.py)."""
CHECKS = [
    not_a_server_error,
    shapes.status_code_conformance,
    shapes.content_type_conformance,
    shapes.response_schema_conformance,
    shapes.response_headers_conformance,
]
_KEPT = frozenset({"GET /live"})


@schemathesis.serializer("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")
def _as_bytes(_: Any, value: Any) -> bytes:
    """What is no spreadsheet, as bytes."""
    return value if isinstance(value, bytes) else str(value).encode()


async def known_ids(city: City) -> list[str]:
    """Ids of things that are there: without them everything would end at "there is no such whistle"."""
    street, department = city.street("S01"), city.department("CGJ")
    whistle = await street.blows(departments=["CGJ", "GA"])
    draft = await street.drafts()
    await department.acknowledges(whistle)
    await city.passes(hours=5)
    tasks = [await department.task(whistle), await city.department("GA").task(whistle)]
    clocks = await city.watch.clocks(whistle_id=whistle.whistle_id)
    escalations = await city.watch.escalations()
    ids = [whistle.whistle_id, draft.whistle_id, *(task["task_id"] for task in tasks)]
    return ids + [c["clock_id"] for c in clocks[:2]] + [e["escalation_id"] for e in escalations[:2]]


def cases_of(operation: Any, mode: GenerationMode, number: int) -> list[Any]:
    """Some cases of one operation; none where nothing can be wrong with a request."""
    found: list[Any] = []

    @settings(
        max_examples=number,
        database=None,
        deadline=None,
        derandomize=not MINUTES,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def collect(case: Any) -> None:
        found.append(case)

    try:
        collect()
    except Unsatisfiable:
        return []
    return found


def knock(described: dict[str, Any], address: str, token: str, ids: list[str]) -> tuple[int, list[str]]:
    """A few cases of everything; returns how many, and what was wrong. Runs in a thread: it waits for answers."""
    schema: Any = schemathesis.openapi.from_dict(described)
    dice, tried, wrong = random.Random(None if MINUTES else 0), 0, []
    for found in schema.get_all_operations():
        operation = found.ok()
        if operation.label in _KEPT:
            continue
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            for case in cases_of(operation, mode, EACH):
                for name in case.path_parameters or ():
                    if name.endswith("_id") and dice.random() < 0.6:
                        case.path_parameters[name] = dice.choice(ids)
                tried += 1
                try:
                    headers = {"Authorization": f"Bearer {token}"}
                    case.call_and_validate(base_url=address, headers=headers, checks=CHECKS)
                except FailureGroup as failed:
                    wrong.append(f"{case.as_curl_command()}\n" + "\n".join(str(each) for each in failed.exceptions))
    return tried, wrong


async def test_no_request_makes_a_service_fail(city: City, tally: Tally) -> None:
    ids, faults = await known_ids(city), []
    for producer in BRIEF:
        described = city.services[producer].app.openapi()
        token = await city.token(producer, *WHO[producer])
        async with opened(city, producer) as entrance:
            tried, wrong = await asyncio.to_thread(knock, described, entrance.address, token, ids)
        tally.add(f"HTTP {producer}", tried, len(wrong))
        faults += wrong
        assert tried > 2 * len(described["paths"])
        assert not city.services[producer].failed.is_set()
    assert not faults, "\n\n".join(faults)
    await city.expects_nothing_parked()
