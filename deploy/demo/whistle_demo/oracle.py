"""Who must get a task: the independent answer, from the plans and the pack alone. Pure. Source: EVENTS.md section 4.

INVARIANT: what is expected comes from the plans and the pack; no service is asked or imported, so that a mistake of
theirs cannot become ours.
"""

from collections import Counter
from collections.abc import Iterable
from uuid import UUID

from whistle_demo.pack import Pack
from whistle_demo.scenario import Planned

Pair = tuple[UUID, int, str, str]
"""Whistle, round, department, and how its task came about (EVENTS.md R9)."""


def departments(planned: Planned, pack: Pack) -> frozenset[str]:
    """Every active department that must get a task: those the street named, else those of the sub-category, else
    those the whistle office decides on."""
    route = pack.categories[planned.category].departments if planned.category else ()
    return frozenset(planned.departments or route or planned.routed_to) & pack.instances.keys()


def later(planned: Planned) -> frozenset[tuple[str, str]]:
    """Department and origin of the tasks that its story adds to a whistle."""
    name, *named = planned.story.split() or ("",)
    origins = {"return": "reassigned-1", "meet": "meeting-1"}
    return frozenset({(named[-1], origins[name])}) if name in origins else frozenset()


def called(planned: Planned, pack: Pack) -> frozenset[str]:
    """Every department that gets a task sooner or later."""
    return departments(planned, pack) | {department for department, _ in later(planned)}


def needs_office(planned: Planned, pack: Pack) -> bool:
    """Whether the whistle comes to the district whistle office's desk."""
    return not planned.departments and not (planned.category and pack.categories[planned.category].departments)


def pairs(raised: Iterable[tuple[UUID, Planned]], undispatched: frozenset[UUID], pack: Pack) -> set[Pair]:
    """What is owed for every whistle that was answered 201. `undispatched`: whistles whose withdrawal overtook their
    dispatch and which therefore owe no task."""
    return {
        (whistle, 1, department, origin)
        for whistle, planned in raised
        if whistle not in undispatched
        for department, origin in {(code, "routed") for code in departments(planned, pack)} | later(planned)
    }


def seen_again(seen: Iterable[object]) -> int:
    """How many of these were seen before."""
    return sum(count - 1 for count in Counter(seen).values())
