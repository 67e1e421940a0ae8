"""A clock's state diagram: what the documents show is what the code does, fact by fact in the order of happening."""

from typing import Any

from support import paperwork
from support.casebook import Case
from support.desk import CALL, KEY_CALL, Desk, minutes, withdrawn
from support.paperwork import WHISTLE
from whistle_escalation import domain
from whistle_shared.contracts import Event, dispatch

DAY = 24 * 60
CASE = Case(KEY_CALL, "CGJ")
EMERGENCY = Case(CALL, "CGJ")


def replaced(case: Case, at: float) -> Event[Any]:
    """The district upheld the department's return: its task ends."""
    said = (
        KEY_CALL.model_dump()
        | case.about
        | {"tasks": (), "terms": {}, "upheld": True, "reason": "不属其职责", "by": "办"}
    )
    ended = ({"task_id": case.task.task_id, "department": case.code},)
    return paperwork.event(
        dispatch.ReturnDecided.model_validate(said | {"request_id": WHISTLE, "ended": ended}), minutes(at)
    )


def rework(case: Case, submitted: float) -> list[Event[Any]]:
    """Handed in, sent back, and handed in again a day later each."""
    first, back, again = (minutes(submitted + n * DAY) for n in range(3))
    return [case.submitted(first), case.reworked(back, first, None), case.submitted(again, 2)]


BEGUN = [CASE.called(minutes(0)), CASE.acknowledged(minutes(10)), CASE.arrived(minutes(90))]
RESTING = [*BEGUN, CASE.suspended(minutes(DAY))]
STORIES: dict[str, list[Event[Any]]] = {
    "in time, sent back, resumed": [*RESTING, CASE.resumed(minutes(2 * DAY)), *rework(CASE, 3 * DAY)],
    "late, sent back": [*BEGUN, *rework(CASE, 60 * DAY)],
    "late throughout": [EMERGENCY.called(minutes(0)), EMERGENCY.acknowledged(minutes(600))],
    "handed in while it rests": [*RESTING, CASE.submitted(minutes(2 * DAY))],
    "withdrawn": [*BEGUN, withdrawn(minutes(DAY))],
    "withdrawn while it rests": [*RESTING, withdrawn(minutes(2 * DAY))],
    "replaced": [*BEGUN, replaced(CASE, DAY)],
    "replaced while it rests": [*RESTING, replaced(CASE, 2 * DAY)],
}


def test_the_diagram_is_what_every_road_shows() -> None:
    seen = set()
    for story in STORIES.values():
        desk = Desk()
        for event in story:
            before = {clock.clock_id: clock.status for clock in desk.matter.clocks.values()}
            desk.watches(event.time)
            desk.hears(event)
            after = {clock.clock_id: clock.status for clock in desk.matter.clocks.values()}
            seen |= {(was, after[key]) for key, was in before.items() if after[key] != was}
    assert seen == {(source, target) for _, source, target in domain.MOVES}
