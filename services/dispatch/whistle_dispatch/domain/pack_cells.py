"""What each cell of a pack's tables may say, one check per column; no row and no other table is looked at here.

`CELLS` are the columns that a table must have, `OPTIONAL` those it may have: one that is not there reads as empty,
and an empty cell is the default.
"""

import re
from collections.abc import Callable, Mapping
from typing import get_args

from pydantic import BaseModel

from whistle_dispatch.domain.pack_text import name_reason, number_reason, quoted
from whistle_shared.contracts.dispatch import Section
from whistle_shared.contracts.vocabulary import Kind, PolicyClock, Presence, RungForm, Side, TaskRole, Urgency
from whistle_shared.registry import Department, Duty, DutyPerson, Street
from whistle_shared.worktime import Limit

Check = Callable[[str], str | None]

CLOCKS: tuple[PolicyClock, ...] = get_args(PolicyClock)
NEEDED_CLOCKS: tuple[PolicyClock, ...] = ("dispatch", "ack", "resolve")
URGENCIES: tuple[Urgency, ...] = get_args(Urgency)
NO_CLOCK = "-"
_PER_PLAN = "per_plan@natural"
_MOST_REPEATS = 99
_HEAVIEST = 100


def parts_of(cell: str) -> list[str]:
    """The entries of a cell that holds several, parted by ';'."""
    return [part.strip() for part in cell.split(";")] if cell else []


def limit_reason(cell: str) -> str | None:
    """Why this text is not a limit such as `4h@work`, or None."""
    try:
        Limit.parse(cell)
    except ValueError as error:
        return str(error)
    return None


def _like(pattern: str, meaning: str) -> Check:
    whole = re.compile(pattern, re.ASCII)
    return lambda cell: None if whole.fullmatch(cell) else f"{quoted(cell)} is not {meaning}"


def _one_of(words: object) -> Check:
    legal = get_args(words)
    return lambda cell: None if cell in legal else f"{quoted(cell)} is not one of {', '.join(legal)}"


def _as_in(model: type[BaseModel], field: str) -> Check:
    return _one_of(model.model_fields[field].annotation)


def _or_empty(check: Check) -> Check:
    return lambda cell: check(cell) if cell else None


def _several(check: Check) -> Check:
    def checked(cell: str) -> str | None:
        parts = parts_of(cell)
        twice = sorted({part for part in parts if parts.count(part) > 1})
        wrong = next(filter(None, map(check, parts)), None)
        if wrong:
            return f"{wrong}; several are parted by ';'"
        return f"{', '.join(twice)} is named twice" if twice else None

    return checked


def _policy_limit(cell: str) -> str | None:
    return limit_reason(cell) if cell not in ("", NO_CLOCK) else None


def _resolve_limit(cell: str) -> str | None:
    return None if cell == _PER_PLAN else _policy_limit(cell)


def _repeats(cell: str) -> str | None:
    return number_reason(int(cell) if re.fullmatch(r"\d{1,9}", cell, re.ASCII) else cell, 1, _MOST_REPEATS)


def _quiet(cell: str) -> str | None:
    if reason := _hours(cell):
        return reason
    begin, end = cell.split("-")
    return f"{quoted(cell)} ends when it begins" if begin == end else None


def _word(cell: str) -> str | None:
    return name_reason(cell) or (f"{quoted(cell)} has one character; a word needs two" if len(cell) < 2 else None)


def _weight(cell: str) -> str | None:
    if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", cell, re.ASCII) and 0 < float(cell) <= _HEAVIEST:
        return None
    return f"{quoted(cell)} is not a weight: a number above 0, at most {_HEAVIEST}, such as 1.5"


_code = _like(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}", "a code: letters, digits, '.', '_' and '-', at most 32")
# A department's and a street's code become a word of a routing key and the first part of a whistle's number.
_routable = _like(r"[A-Za-z0-9][A-Za-z0-9_]{0,15}", "a code: letters, digits and '_', at most 16")
# An instance is part of the name of a queue, a database and a role.
_instance = _like(r"[a-z][a-z0-9_]{0,30}", "an instance: small letters, digits and '_', at most 31")
_flag = _like(r"(?i:true|false)", "true or false")
_rung = _like(r"[1-9]", "a rung from 1 to 9")
_time = r"([01]\d|2[0-3]):[0-5]\d"
_hours = _like(rf"{_time}-{_time}", "hours such as 22:00-07:00")
_names: dict[str, Check] = {"name_zh": name_reason, "name_en": name_reason}
_limits: dict[str, Check] = {**dict.fromkeys(CLOCKS, _policy_limit), "resolve": _resolve_limit}

CELLS: Mapping[Section, Mapping[str, Check]] = {
    "departments": {"code": _routable, **_names, "org_type": _code, "instance": _instance, "active": _flag},
    "streets": {"code": _routable, **_names},
    "grids": {"code": _code, "street": _routable, "name_zh": name_reason},
    "categories": {
        "code": _code,
        "major": _code,
        "major_zh": name_reason,
        "major_en": name_reason,
        **_names,
        "lead": _or_empty(_routable),
        "assist": _or_empty(_several(_routable)),
        "default_kind": _one_of(Kind),
        "default_urgency": _one_of(Urgency),
    },
    "policies": {
        "kind": _one_of(Kind),
        "urgency": _one_of(Urgency),
        "presence": _or_empty(_one_of(Presence)),
        **_limits,
    },
    "ladders": {
        "side": _one_of(Side),
        "rung": _rung,
        "role": _code,
        **_names,
        "form": _one_of(RungForm),
        **{f"delay_{urgency}": _or_empty(limit_reason) for urgency in URGENCIES},
    },
    "people": {
        "organisation": _routable,
        "role": _code,
        "grid": _or_empty(_code),
        "name": name_reason,
        "hours": _as_in(DutyPerson, "hours"),
    },
    "duties": {
        "code": _code,
        "level": _as_in(Duty, "level"),
        **_names,
        "categories": _or_empty(_several(_code)),
        "department": _or_empty(_routable),
    },
    "keywords": {"word": _word, "category": _code},
}
OPTIONAL: Mapping[Section, Mapping[str, Check]] = {
    "departments": {
        "desk": _or_empty(_as_in(Department, "desk")),
        "hours": _or_empty(_as_in(Department, "hours")),
    },
    "streets": {"approval": _or_empty(_as_in(Street, "approval"))},
    "policies": {"role": _or_empty(_one_of(TaskRole))},
    "ladders": {"every": _or_empty(limit_reason), "repeats": _or_empty(_repeats), "quiet": _or_empty(_quiet)},
    "keywords": {"weight": _or_empty(_weight)},
}
NOTES: Mapping[Section, tuple[str, ...]] = {"policies": ("basis",)}
"""Columns for the reader of the file; nothing of them is loaded."""

KEYS: Mapping[Section, tuple[str, ...]] = {
    "departments": ("code",),
    "streets": ("code",),
    "grids": ("code",),
    "categories": ("code",),
    "policies": ("kind", "urgency", "role"),
    "ladders": ("side", "rung"),
    "people": ("organisation", "role", "grid", "name"),
    "duties": ("code",),
    "keywords": ("word", "category"),
}
MAY_BE_MISSING: tuple[Section, ...] = ("people", "duties", "keywords")
"""Tables without which a pack is whole: nobody is named, no duty is listed, only the catalogue's names speak."""
