"""The terms that `simulate` supposes: those in force, with what a file or a pack folder puts in their place."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncConnection

from whistle_ctl.errors import Refused
from whistle_dispatch.domain import PackInvalid, Problem, read_pack
from whistle_dispatch.domain.pack_calendar import FILE as CALENDAR_FILE
from whistle_dispatch.domain.pack_calendar import build_calendars
from whistle_dispatch.domain.pack_cells import CELLS
from whistle_dispatch.domain.pack_rules import build_registry, read_tables
from whistle_dispatch.domain.pack_text import LARGEST_FILE, Sheet
from whistle_dispatch.domain.terms import Rules
from whistle_shared.contracts.dispatch import CalendarPublished, Section
from whistle_shared.registry import Registry
from whistle_shared.replica import Replica
from whistle_shared.worktime import Calendar, CalendarYear, HoursProfile

_LADDER_COLUMNS = {b"side", b"rung"}


@dataclass(frozen=True, slots=True)
class Supposed:
    """`rules` to replay by; `changed` names what is not as it is in force."""

    rules: Rules
    changed: str


async def in_force(connection: AsyncConnection) -> Rules:
    """The newest registry and calendar that escalation holds. Raises Refused before the first."""
    held = Replica()
    await held.refresh(connection)
    if held.registry is None or not held.ready:
        raise Refused("no whole registry is here yet")
    return Rules(held.registry, held.calendar())


def suppose(file: Path, base: Rules) -> Supposed:
    """`base` with what the file says: a policies or ladders table, a calendar.toml, or a whole pack folder. Raises
    Refused for what cannot be read and PackInvalid with every mistake."""
    if file.is_dir():
        pack = read_pack(file)
        return Supposed(Rules(pack.registry, _calendar(pack.calendars, base)), f"the pack {pack.name}")
    data = _read(file)
    if file.suffix == ".toml":
        return Supposed(Rules(base.registry, _calendar_of(file, data, base)), "the calendar")
    header = {cell.strip(b' "\r') for cell in data.removeprefix(b"\xef\xbb\xbf").partition(b"\n")[0].split(b",")}
    section: Section = "ladders" if header >= _LADDER_COLUMNS else "policies"
    return Supposed(Rules(_with_table(base, section, file, data), base.calendar), f"the {section}")


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(LARGEST_FILE + 1)
    except OSError as error:
        raise Refused(f"{file} cannot be read: {error.strerror}") from None


def _called(file: Path, known_as: str, problems: Iterable[Problem]) -> PackInvalid:
    """The mistakes, in the file's own name."""
    return PackInvalid([replace(one, file=file.name) if one.file == known_as else one for one in problems])


def _calendar_of(file: Path, data: bytes, base: Rules) -> Calendar:
    beside = {f"calendar/{path.name}": _read(path) for path in file.parent.glob("calendar/*.json")}
    published, _, problems = build_calendars({CALENDAR_FILE: data, **beside})
    if problems:
        raise _called(file, CALENDAR_FILE, problems)
    return _calendar(published, base)


def _calendar(published: tuple[CalendarPublished, ...], base: Rules) -> Calendar:
    """It stands for every version on record, so its own is the newest."""
    return Calendar(
        years={year.year: CalendarYear.from_dict(year.model_dump()) for year in published},
        hours=HoursProfile.from_dict(published[-1].model_dump()),
        version=base.calendar.version,
    )


def _with_table(base: Rules, section: Section, file: Path, data: bytes) -> Registry:
    """One table, judged by the pack's own rules; the tables that were not given are taken as not known."""
    sheets = {name: Sheet(f"{name}.csv", (), (), whole=False) for name in CELLS}
    sheets[section] = read_tables({f"{section}.csv": data})[section]
    minutes = base.calendar.hours.minutes_per_day
    registry, problems = build_registry(base.registry.version, sheets, base.registry.regulation, minutes)
    if registry is None:
        raise _called(file, f"{section}.csv", problems)
    kept = {name: getattr(base.registry, name) for name in Registry.model_fields}
    return Registry.model_validate({**kept, section: getattr(registry, section)})
