"""What goes to and comes from a terminal: tables, harmless text, instants."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

import typer

from whistle_shared.timesource import utc_text, wall_now

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def harmless(text: str) -> str:
    """The text with everything that could steer a terminal written out."""
    return "".join(ch if ch.isprintable() else ch.encode("unicode_escape").decode() for ch in text)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows under their heads, in columns."""
    cells = [[harmless(cell) for cell in row] for row in [head, *rows]]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells
    )


def moment(at: datetime | None) -> str:
    """An instant as it is shown."""
    return utc_text(at) if at else "-"


def instant(text: str | datetime) -> datetime:
    """An instant of wall time: ISO 8601 with an offset, or a span ago (`90s`, `30m`, `2h`, `3d`)."""
    if isinstance(text, datetime):
        return text
    span = re.fullmatch(r"(\d{1,6})([smhd])", text)
    if span:
        return wall_now() - timedelta(**{_UNITS[span[2]]: int(span[1])})
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is neither an ISO time nor a span such as 2h") from None
    if at.tzinfo is None:
        raise typer.BadParameter(f"{text!r} has no offset, for example {text}+08:00")
    return at
