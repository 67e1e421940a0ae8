"""dispatch's state diagram: what the documents show is what the code does."""

from collections.abc import Callable
from itertools import product
from typing import Any

from support import paperwork
from support.clockface import MONDAY
from support.office import Office, blown, closed, heard, withdrawn
from support.paperwork import WHISTLE
from whistle_dispatch import commands, domain
from whistle_shared.contracts.intake import WhistleReopened
from whistle_shared.errors import IllegalTransition

_UNROUTED = paperwork.facts("appeal", "normal", category=None)


def _reopens(office: Office, *departments: str) -> None:
    said = {"cause": "relapse", "reason": "复发", "by": "街道", "departments": departments}
    again = WhistleReopened.model_validate(
        {"whistle_id": WHISTLE, "round": office.known.round + 1, "facts": _UNROUTED, **said}
    )
    office.hears(heard(again))


def _routes(office: Office) -> None:
    office.does(lambda sheet: commands.route_whistle(sheet, WHISTLE, ["CGJ"]), MONDAY)


DEEDS: dict[str, Callable[[Office], Any]] = {
    "routing": _routes,
    "withdrawal": lambda office: office.hears(withdrawn()),
    "closing": lambda office: office.hears(closed(office.known.round)),
    "reopening": lambda office: _reopens(office, "CGJ"),
    "reopening without a route": _reopens,
}
# intake says neither: a whistle that nobody was called for is not closed or reopened, and an end is an end.
_NEVER_SAID = {
    *(("closing", state) for state in ("awaiting_triage", "cancelled", "closed")),
    *(
        (deed, state)
        for deed in ("reopening", "reopening without a route")
        for state in ("awaiting_triage", "cancelled")
    ),
    *(("withdrawal", state) for state in ("cancelled", "closed")),
}


def test_the_diagram_is_what_every_road_shows() -> None:
    seen = set()
    for first, *road in product((("GA",), ()), *[DEEDS] * 4):
        office = Office()
        office.hears(blown(_UNROUTED, *first))
        for deed in road:
            state = office.known.state
            if (deed, state) in _NEVER_SAID:
                break
            try:
                DEEDS[str(deed)](office)
            except IllegalTransition:
                break
            seen.add((deed, state, office.known.state))
    assert seen == set(domain.MOVES)
