"""The engine of Schemathesis with all its phases, which follows an answer into the next request (`make fuzz`)."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from fuzz.conftest import Tally
from fuzz.test_http import CHECKS, WHO, known_ids
from support.city import City
from support.entrance import opened

MORE = ("unsupported_method", "ignored_auth")


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
        *(f"{address}/openapi.json", "--max-time", str(int(seconds)), "--checks", checks, "--exclude-path", "/live"),
        # The program cannot write spreadsheets; the short run sends what is none.
        *("--exclude-path", "/api/v1/registry/spreadsheet"),
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


@pytest.mark.parametrize("producer", WHO)
async def test_no_sequence_of_requests_makes_a_service_fail(
    city: City, producer: str, tmp_path: Path, seconds: float, tally: Tally
) -> None:
    ids, token = await known_ids(city), await city.token(producer, *WHO[producer])
    async with opened(city, producer) as entrance:
        config = configuration(ids, token)
        report = await engine_run(entrance.address, tmp_path / "run", config, seconds / len(WHO))
    counted = report["test_cases"]
    tally.add(f"HTTP {producer} in sequence", counted["generated"], counted["with_failures"] + counted["errored"])
    assert not report["failures"], report["said"]
    assert not report["errors"], report["said"]
    await city.expects_nothing_parked()
