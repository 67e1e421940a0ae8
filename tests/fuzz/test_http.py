"""Schemathesis against every service's own description, over HTTP on this machine, with a fitting token.

No answer may be a server error, of an undocumented status or of another shape than is documented, and no operation
that says it takes a token may answer without one.
"""

import asyncio
import json
import random
import sys
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi import checks as shapes

from fuzz.conftest import MINUTES, Tally
from support.city import City
from support.entrance import Entrance

WHO = {
    "intake": ("street_approver", "S01"),
    "dispatch": ("arbitrator", "*"),
    "department.hosted": ("department_head", "CGJ"),
    "department.ga": ("handler", "GA"),
    "escalation": ("inspector", "*"),
}
EACH = 3
"""Cases of every operation and mode in the brief run; the long one goes on for minutes."""
CHECKS = [
    not_a_server_error,
    shapes.status_code_conformance,
    shapes.content_type_conformance,
    shapes.response_schema_conformance,
    shapes.response_headers_conformance,
]
MORE = ("unsupported_method", "ignored_auth")
_KEPT = frozenset({"GET /events"})


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
    dice, tried, wrong = random.Random(), 0, []
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
    for producer, who in WHO.items():
        entrance = Entrance(city, producer)
        await entrance.open()
        try:
            described = city.services[producer].app.openapi()
            token = await city.token(producer, *who)
            tried, wrong = await asyncio.to_thread(knock, described, entrance.address, token, ids)
        finally:
            await entrance.close()
        tally.add(f"HTTP {producer}", tried, len(wrong))
        faults += wrong
        assert tried > 3 * len(described["paths"])
        assert not city.services[producer].failed.is_set()
    assert not faults, "\n\n".join(faults)
    await city.expects_nothing_parked()


# -- the long run: the engine with all its phases, which follows what one answer says into the next request


def configuration(ids: list[str], token: str) -> str:
    names = ("whistle_id", "task_id", "request_id", "clock_id", "escalation_id", "meeting_id", "letter_id", "report_id")
    lines = [
        f'headers = {{ Authorization = "Bearer {token}" }}',
        "[generation]",
        "allow-x00 = true",
        'database = "none"',
        "[dictionaries.known]",
        f"values = {json.dumps(ids)}",
        "[parameters]",
        *(f'"path.{name}" = {{ dictionary = "known", probability = 0.6 }}' for name in names),
    ]
    return "\n".join(lines) + "\n"


def prepared(folder: Path, config: str) -> Path:
    """A folder for one run; returns where its report will be."""
    folder.mkdir()
    (folder / "schemathesis.toml").write_text(config, encoding="utf-8")
    return folder / "report.json"


async def engine_run(address: str, folder: Path, config: str, seconds: float) -> dict[str, Any]:
    """Run Schemathesis for about so long; its report, with what it printed as `said`."""
    report = await asyncio.to_thread(prepared, folder, config)
    checks = ",".join([*(check.__name__ for check in CHECKS), *MORE])
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(folder / "schemathesis.toml"), "run"),
        *(f"{address}/openapi.json", "--max-time", str(int(seconds)), "--checks", checks, "--exclude-path", "/events"),
        *("--continue-on-failure", "--no-color", "--warnings", "off", "--suppress-health-check", "all"),
        *("--report", "json", "--report-json-path", str(report)),
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    text = said.decode(errors="replace")
    assert await asyncio.to_thread(report.exists), text
    return {**json.loads(await asyncio.to_thread(report.read_text)), "said": text}


@pytest.mark.skipif(not MINUTES, reason="only in the long run (make fuzz)")
@pytest.mark.parametrize("producer", WHO)
async def test_no_sequence_of_requests_makes_a_service_fail(
    city: City, producer: str, tmp_path: Path, seconds: float, tally: Tally
) -> None:
    entrance = Entrance(city, producer)
    ids, token = await known_ids(city), await city.token(producer, *WHO[producer])
    await entrance.open()
    try:
        config = configuration(ids, token)
        report = await engine_run(entrance.address, tmp_path / "run", config, seconds / len(WHO))
    finally:
        await entrance.close()
    counted = report["test_cases"]
    tally.add(f"HTTP {producer} in sequence", counted["generated"], counted["with_failures"] + counted["errored"])
    assert not report["failures"], report["said"]
    assert not report["errors"], report["said"]
    await city.expects_nothing_parked()
