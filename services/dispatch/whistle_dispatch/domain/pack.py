"""The district pack: the editable folder that says who is in the district and what its rules are.

`read_pack` reads files and nothing else (the only I/O of this room, so that the door is one module); what is
decided is decided by `parse_pack`, which is pure. Which file may say what: `pack_cells`, `pack_limits`, `pack_rules`
(tables), `pack_regulation`, `pack_map`, `pack_calendar`.
INVARIANT: a pack is whole and right, or it is refused with every mistake found; nothing is half loaded.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from whistle_dispatch.domain.pack_calendar import FILE as CALENDAR_FILE
from whistle_dispatch.domain.pack_calendar import build_calendars
from whistle_dispatch.domain.pack_cells import CELLS
from whistle_dispatch.domain.pack_map import FILE as MAP_FILE
from whistle_dispatch.domain.pack_map import build_map
from whistle_dispatch.domain.pack_regulation import FILE as REGULATION_FILE
from whistle_dispatch.domain.pack_regulation import build_regulation
from whistle_dispatch.domain.pack_rules import build_registry, read_tables
from whistle_dispatch.domain.pack_text import (
    LARGEST_FILE,
    Document,
    PackInvalid,
    Problem,
    name_reason,
    read_toml,
    version_reason,
)
from whistle_shared.contracts import dispatch
from whistle_shared.registry import Polygon, Registry

__all__ = ["Pack", "PackInvalid", "Problem", "parse_pack", "read_pack"]

_PACK_FILE = "pack.toml"


@dataclass(frozen=True, slots=True)
class Pack:
    """A pack that is right, with its own versions: dispatch puts the stored ones in their place.

    `calendars`: one body of `calendar_published` per year, in order of years.
    """

    name: str
    registry: Registry
    calendars: tuple[dispatch.CalendarPublished, ...]


def read_pack(folder: Path) -> Pack:
    """Read and check the pack in `folder`. Raises PackInvalid with every mistake, missing files included."""
    names = [_PACK_FILE, CALENDAR_FILE, REGULATION_FILE, MAP_FILE, *(f"{section}.csv" for section in CELLS)]
    paths = {name: folder / name for name in names}
    paths |= {f"calendar/{path.name}": path for path in folder.glob("calendar/*.json")}
    return parse_pack({name: _bytes(path) for name, path in paths.items() if os.path.lexists(path)})


def parse_pack(files: Mapping[str, bytes | None]) -> Pack:
    """Check a pack given as bytes by file name (`calendar/<year>.json` too); None: there, but not to be read.
    Raises PackInvalid."""
    about = read_toml(_PACK_FILE, files.get(_PACK_FILE), ("name", "version"))
    calendars, hours, calendar_problems = build_calendars(files)
    regulation, regulation_problems = build_regulation(files)
    about_problems = [*about.problems, *_about_problems(about)]
    version = 0 if about_problems else about.values["version"]
    tables = read_tables(files)
    grounds, map_problems = build_map(files, tables["grids"])
    registry, problems = build_registry(version, tables, regulation, hours.minutes_per_day)
    problems += [*about_problems, *calendar_problems, *regulation_problems, *map_problems]
    if problems or registry is None:
        raise PackInvalid(problems)
    return Pack(about.values["name"], _on_the_map(registry, grounds), calendars)


def _on_the_map(registry: Registry, grounds: Mapping[str, Polygon]) -> Registry:
    grids = tuple(grid.model_copy(update={"ground": grounds.get(grid.code)}) for grid in registry.grids)
    return registry.model_copy(update={"grids": grids})


def _about_problems(about: Document) -> list[Problem]:
    checks = {"name": name_reason, "version": version_reason}
    reasons = {key: check(about.values[key]) for key, check in checks.items() if key in about.values}
    return [about.problem(key, reason) for key, reason in reasons.items() if reason]


def _bytes(path: Path) -> bytes | None:
    """The file's bytes, at most one more than a pack's file may have; None when it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(LARGEST_FILE + 1)
    except OSError:
        return None
