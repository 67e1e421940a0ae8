"""Why is it due then? One clock's road to its due time in the words of the page. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from babel.dates import format_datetime

from whistle_escalation.domain import Explanation
from whistle_shared.pages import ROAD, SHANGHAI, Words
from whistle_shared.worktime import Span


@dataclass(frozen=True, slots=True)
class Stretch:
    """One day of the road, or a stretch of natural time."""

    day: str
    word: str
    hours: str
    counted: bool
    minutes: int


def contents(words: Words, explanation: Explanation, title: str, number: str) -> dict[str, Any]:
    """What `_why.html` needs."""
    clock = explanation.clock
    return {
        "title": title,
        "number": number,
        "clock": words.clock(clock.name),
        "due": words.exactly(clock.due_at),
        "start": words.exactly(clock.started_at),
        "limit": words.limit(explanation.limit),
        "next_day": explanation.start_rule == "next_day",
        "first_due": words.exactly(explanation.first_due),
        "held_down": explanation.held_down,
        "provisional": clock.provisional,
        "road": road(words, explanation.counted),
        "bends": [
            {
                "kind": bend.kind,
                "at": words.exactly(bend.at),
                "until": words.exactly(bend.until) if bend.until is not None else "",
                "due": words.exactly(bend.due),
            }
            for bend in explanation.bends
        ],
        "paused": words.exactly(explanation.standing_still) if explanation.standing_still is not None else "",
        "ahead": clock.status == "running",
        "warnings": [(percent, words.exactly(at)) for percent, at in explanation.warnings],
        "rungs": [
            (words.rung(rung.step.rung), words.role(rung.step.role), words.exactly(rung.at), bool(rung.quiet_until))
            for rung in explanation.rungs
        ],
        "calendar": clock.calendar_version,
        "registry": clock.registry_version,
    }


def road(words: Words, spans: Sequence[Span]) -> list[Stretch]:
    """The spans day by day."""
    return [_stretch(words, list(of_day)) for _, of_day in groupby(spans, key=_day)]


def _day(span: Span) -> tuple[object, str]:
    return span.start.astimezone(SHANGHAI).date(), span.kind


def _stretch(words: Words, spans: Sequence[Span]) -> Stretch:
    kind, counted = spans[0].kind, spans[0].counted
    worked = sum((span.end - span.start for span in spans), timedelta())
    return Stretch(
        day=_date(words, spans[0].start),
        word=words.gettext(ROAD[kind]),
        hours=_hours(words, spans) if counted else "",
        counted=counted,
        minutes=int(worked.total_seconds() // 60),
    )


def _hours(words: Words, spans: Iterable[Span]) -> str:
    return words.gettext("、").join(_from_to(words, span) for span in spans)


def _from_to(words: Words, span: Span) -> str:
    """Local times, the end with its day where that is another."""
    start, end = span.start.astimezone(SHANGHAI), span.end.astimezone(SHANGHAI)
    if start.date() == end.date():
        return f"{start:%H:%M}–{end:%H:%M}"
    return f"{start:%H:%M} – {_date(words, span.end)} {end:%H:%M}"


def _date(words: Words, at: datetime) -> str:
    pattern = "M月d日 EEE" if words.language == "zh" else "EEE d MMM"
    return format_datetime(at, pattern, tzinfo=SHANGHAI, locale=words.language)
