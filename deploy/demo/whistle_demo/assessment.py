"""The end of the play: the boards of the period are published, and the numbers proven against the record."""

import asyncio
import json
import os
import sys
from dataclasses import replace
from typing import Any

from whistle_demo.client import Api
from whistle_demo.count import Seen


async def assess(seen: Seen, inspection: Api, database_url: str) -> Seen:
    """The inspection office publishes the department and the street board; then `whistlectl measures recompute`
    reckons everything anew from the event log alone. `database_url`: escalation's. Raises Refused."""
    period = (await inspection.get("/measures"))["period"]["name"]
    boards = [
        await inspection.post("/boards", {"period": period, "by": by}, f"board-{by}") for by in ("department", "street")
    ]
    rows = sum(len(board["rows"]) for board in boards)
    found = await _recomputed(database_url)
    return replace(
        seen,
        board_rows=rows,
        recomputed_equal=found["recomputed_equal"],
        differences=tuple(found.get("differences", ())),
    )


async def _recomputed(database_url: str) -> dict[str, Any]:
    program = (sys.executable, "-m", "whistle_ctl", "measures", "recompute", "--json")
    process = await asyncio.create_subprocess_exec(
        *program, env={**os.environ, "WHISTLE_DATABASE_URL": database_url}, stdout=asyncio.subprocess.PIPE
    )
    printed, _ = await process.communicate()
    said: dict[str, Any] = json.loads(printed) if printed else {"recomputed_equal": False}
    return said
