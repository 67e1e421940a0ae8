"""What the environment asks for: INPUT, KEEP and the four settings of business time."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from whistle_demo.stage import Times

OPENING = "2026-03-09T09:00:00+08:00"
RATE = "240"
# Long enough for the third rung of an urgent clock (its half hour and four hours after it, EVENTS.md section 5) and for
# the first breaches of four working hours, which begin before the noon break and end after it.
LENGTH = timedelta(hours=5, minutes=45)


class BadOption(Exception):
    """An option cannot be read; the message names it."""


@dataclass(frozen=True, slots=True)
class Options:
    """`input`: a file of messages to raise instead of the script. `keep`: leave the stack running."""

    times: Times
    input: Path | None
    keep: bool

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "Options":
        """From environment variables. Raises BadOption."""
        opening = _instant(environment, "WHISTLE_TIME_ANCHOR_BUSINESS", OPENING)
        end = _instant(environment, "WHISTLE_TIME_UNTIL", (opening + LENGTH).isoformat())
        if end <= opening:
            raise BadOption("WHISTLE_TIME_UNTIL must be later than WHISTLE_TIME_ANCHOR_BUSINESS")
        return cls(
            times=Times(opening, end, _rate(environment)),
            input=Path(environment["INPUT"]) if environment.get("INPUT") else None,
            keep=environment.get("KEEP", "") not in ("", "0"),
        )


def _instant(environment: Mapping[str, str], name: str, default: str) -> datetime:
    text = environment.get(name) or default
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise BadOption(f"{name}={text} is not an ISO instant such as {OPENING}") from None
    if instant.tzinfo is None:
        raise BadOption(f"{name}={text} has no offset, for example {OPENING}")
    return instant


def _rate(environment: Mapping[str, str]) -> float:
    text = environment.get("WHISTLE_TIME_RATE") or RATE
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0 < rate <= 3600:
        raise BadOption(f"WHISTLE_TIME_RATE={text} is not a number above 0 and up to 3600")
    return rate
