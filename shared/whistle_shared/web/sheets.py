"""Rows as a file for a spreadsheet: CSV in UTF-8, told to the browser piece by piece.

INVARIANT: no cell begins like a formula, whatever somebody wrote into it: a spreadsheet would carry it out.
"""

import csv
from collections.abc import AsyncIterator, Iterable, Sequence
from io import StringIO

from fastapi.responses import StreamingResponse

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_LINES = 200


def cell(value: object) -> str:
    """A value as a cell: what a spreadsheet could take for a formula gets an apostrophe before it."""
    said = "" if value is None else str(value)
    return f"'{said}" if said.lstrip(" \u00a0\u3000\ufeff").startswith(_FORMULA) else said


def sheet(name: str, head: Sequence[str], rows: AsyncIterator[Iterable[object]]) -> StreamingResponse:
    """The download of a file of this name (ASCII). `rows` are asked for as the browser takes them."""
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "no-store",
        "X-Accel-Buffering": "no",
    }
    return StreamingResponse(_written(head, rows), media_type="text/csv; charset=utf-8", headers=headers)


async def _written(head: Sequence[str], rows: AsyncIterator[Iterable[object]]) -> AsyncIterator[str]:
    page = StringIO()
    writer = csv.writer(page)
    page.write("\ufeff")  # or Excel would not believe that it is UTF-8
    writer.writerow(head)
    waiting = 1
    async for row in rows:
        writer.writerow([cell(value) for value in row])
        waiting += 1
        if waiting == _LINES:
            yield page.getvalue()
            page.seek(0)
            page.truncate()
            waiting = 0
    yield page.getvalue()
