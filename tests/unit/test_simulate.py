"""`whistlectl simulate` against cases worked out by hand, and against what the live timer does under the same terms."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st

from support import paperwork
from support.clockface import MONDAY
from support.desk import Desk, instance_of, minutes
from support.paperwork import WHISTLE
from support.places import SAMPLE
from whistle_ctl.errors import Refused
from whistle_ctl.rehearsal import Recorded
from whistle_ctl.simulate import COUNTED, Comparison, Line, business, replay
from whistle_ctl.supposed import suppose
from whistle_dispatch.domain import PackInvalid
from whistle_dispatch.domain.terms import Rules
from whistle_shared.contracts import EventData
from whistle_shared.contracts.department import ResponderCheckedIn, TaskAcknowledged, TaskSubmitted
from whistle_shared.contracts.dispatch import WhistleDispatched
from whistle_shared.contracts.intake import TaskReworkOrdered
from whistle_shared.worktime import Calendar

Step = tuple[EventData, datetime]
EMERGENCY = paperwork.dispatched(paperwork.facts(), ["CGJ", "GA"])
APPEAL = paperwork.dispatched(paperwork.facts("appeal", "normal"), ["CGJ"])


def steps(call: WhistleDispatched, department: str, acknowledged: float, arrived: float | None = None) -> list[Step]:
    """So many minutes after nine."""
    about = about_task(call, department)
    said: list[Step] = [(TaskAcknowledged(**about), minutes(acknowledged))]
    if arrived is not None:
        said.append((ResponderCheckedIn(**about, place="东门路", mode="on_site"), minutes(arrived)))
    return said


def about_task(call: WhistleDispatched, department: str) -> dict[str, Any]:
    (task,) = [task for task in call.tasks if task.department == department]
    about = {"whistle_id": WHISTLE, "task_id": task.task_id, "department": department}
    return {**about, "by": "值班室", "person": "王敏"}


# GA answers after forty minutes, CGJ after eleven.
STORY = [*steps(EMERGENCY, "CGJ", 11, 12), *steps(EMERGENCY, "GA", 40, 42)]


def lived(call: WhistleDispatched, said: Iterable[Step], last: datetime) -> list[Recorded]:
    """The record of a whistle that went its way under the sample district's terms, to the end of the record."""
    desk = Desk()
    story = [Recorded(call, MONDAY, "dispatch")]
    desk.hears(paperwork.event(call, MONDAY))
    for data, at in sorted(said, key=lambda step: step[1]):
        desk.watches(at - timedelta(microseconds=1))
        producer = instance_of(data.department) if data.key.startswith("department.") else "intake"  # type: ignore[attr-defined]
        desk.hears(paperwork.event(data, at, producer))
        story.append(Recorded(data, at, producer))
    desk.watches(last)
    return [*story, *(Recorded(data, last, "escalation") for data in desk.said if type(data) in COUNTED)]


def compare(story: list[Recorded], rules: Rules, last: datetime) -> Comparison:
    compared = Comparison()
    replay(WHISTLE, story, rules, last, compared)
    return compared


def fired(compared: Comparison, kind: str, urgency: str, clock: str) -> tuple[list[int], list[int]]:
    """(warnings, breaches, escalations) that happened, and simulated."""
    pair = compared.lines.get(Line(kind, urgency, clock), ({}, {}))
    happened, simulated = ([side.get(what, 0) for what in ("warnings", "breaches", "escalations")] for side in pair)
    return happened, simulated


def edited(tmp_path: Path, file: str, old: str, new: str) -> Path:
    """A file of the sample pack with something else in it."""
    text = (SAMPLE / file).read_text("utf-8")
    assert old in text
    changed = tmp_path / file
    changed.write_text(text.replace(old, new), "utf-8")
    return changed


def test_another_policy_by_hand(tmp_path: Path) -> None:
    """In force: 5 min to acknowledge, so both were late; CGJ had rung 1, GA rungs 1, 2 and 3 at 5, 20 and 35 min.
    Supposed: 30 min, so only GA is late, and was there before rung 2."""
    file = edited(
        tmp_path,
        "policies.csv",
        "emergency,critical,,on_site,5m@natural,5m",
        "emergency,critical,,on_site,5m@natural,30m",
    )
    compared = compare(lived(EMERGENCY, STORY, minutes(45)), suppose(file, paperwork.rules()).rules, minutes(45))
    assert (compared.whistles, compared.tasks) == (1, 2)
    assert fired(compared, "emergency", "critical", "ack") == ([4, 2, 4], [2, 1, 1])
    # The time to arrive is as it was: GA was warned twice, late, and rung 1 fired.
    assert fired(compared, "emergency", "critical", "arrive") == ([2, 1, 1], [2, 1, 1])


def test_a_role_can_be_given_limits_of_its_own(tmp_path: Path) -> None:
    """In force the lead's limits are everybody's. Supposed: GA, who assists, may take 30 min to acknowledge; CGJ, who
    leads, has its 5."""
    assert {task.terms for task in EMERGENCY.tasks} == {"lead@1"}
    row = "emergency,critical,assist,,,30m@natural,,,,,,,,,\n"
    file = edited(tmp_path, "policies.csv", "emergency,urgent,,", f"{row}emergency,urgent,,")
    compared = compare(lived(EMERGENCY, STORY, minutes(45)), suppose(file, paperwork.rules()).rules, minutes(45))
    assert fired(compared, "emergency", "critical", "ack") == ([4, 2, 4], [4, 2, 2])


def test_another_ladder_by_hand(tmp_path: Path) -> None:
    """Rung 2 after 5 min instead of 15: CGJ, who came at 11 min, has it too."""
    file = edited(
        tmp_path,
        "ladders.csv",
        "department,2,department_head,部门主要负责人,Head of the department,letter,15m",
        "department,2,department_head,部门主要负责人,Head of the department,letter,5m",
    )
    compared = compare(lived(EMERGENCY, STORY, minutes(45)), suppose(file, paperwork.rules()).rules, minutes(45))
    assert fired(compared, "emergency", "critical", "ack") == ([4, 2, 4], [4, 2, 5])


def test_another_calendar_by_hand(tmp_path: Path) -> None:
    """4 working hours from nine: until 14:30 with a break from 12:00 to 13:30, until 15:00 with one until 14:00."""
    file = edited(tmp_path, "calendar.toml", '"13:30-17:30"', '"14:00-18:00"')
    story = lived(APPEAL, steps(APPEAL, "CGJ", 5 * 60 + 45), minutes(6 * 60))
    compared = compare(story, suppose(file, paperwork.rules()).rules, minutes(6 * 60))
    assert fired(compared, "appeal", "normal", "ack") == ([2, 1, 1], [2, 0, 0])


def test_a_whole_pack_can_be_supposed(tmp_path: Path) -> None:
    folder = copytree(SAMPLE, tmp_path / "pack")
    edited(
        folder,
        "policies.csv",
        "emergency,critical,,on_site,5m@natural,5m",
        "emergency,critical,,on_site,5m@natural,30m",
    )
    compared = compare(lived(EMERGENCY, STORY, minutes(45)), suppose(folder, paperwork.rules()).rules, minutes(45))
    assert fired(compared, "emergency", "critical", "ack") == ([4, 2, 4], [2, 1, 1])


def test_a_calendar_can_be_supposed_after_several_have_been_published(tmp_path: Path) -> None:
    """What was dispatched under the second version is played under the supposed one."""
    now = paperwork.rules()
    base = Rules(now.registry, Calendar(now.calendar.years, now.calendar.hours, version=2))
    rules = suppose(edited(tmp_path, "calendar.toml", '"13:30-17:30"', '"14:00-18:00"'), base).rules
    call = APPEAL.model_copy(update={"calendar_version": 2})
    submitted = TaskSubmitted(**about_task(APPEAL, "CGJ"), result="已修复")
    story = [Recorded(call, MONDAY, "dispatch"), Recorded(submitted, minutes(6 * 60 + 1), instance_of("CGJ"))]
    compared = compare(story, rules, minutes(60 * 24 * 9))
    assert fired(compared, "appeal", "normal", "ack")[1][:2] == [2, 1]
    assert fired(compared, "appeal", "normal", "street_verify")[1][:2] == [2, 1]


@pytest.mark.parametrize("header", ["side,rung", '"side","rung"', "\ufeffside,rung"])
def test_a_file_is_called_by_its_own_name_and_known_by_its_columns(tmp_path: Path, header: str) -> None:
    file = tmp_path / "what-if.csv"
    ladders = (SAMPLE / "ladders.csv").read_text("utf-8").replace("side,rung", header, 1)
    file.write_text(ladders.replace("department,2,", "department,x,"), "utf-8")
    with pytest.raises(PackInvalid, match=r"^what-if\.csv:3: rung: "):
        suppose(file, paperwork.rules())
    calendar = edited(tmp_path, "calendar.toml", '"13:30-17:30"', '"late"').rename(tmp_path / "shift.toml")
    with pytest.raises(PackInvalid, match=r"^shift\.toml:\d+: windows: "):
        suppose(calendar, paperwork.rules())


@pytest.mark.parametrize("given", ["0001-01-01", "9999-12-31T23:59-10:00", "soon", ""])
def test_an_instant_that_is_none_is_refused(given: str) -> None:
    with pytest.raises(typer.BadParameter, match="is not an instant"):
        business(given)


def test_a_wrong_file_is_refused_with_the_field(tmp_path: Path) -> None:
    file = edited(
        tmp_path,
        "policies.csv",
        "emergency,critical,,on_site,5m@natural,5m@natural",
        "emergency,critical,,on_site,5m@natural,-5m@natural",
    )
    with pytest.raises(PackInvalid, match=r"policies\.csv:2: ack: "):
        suppose(file, paperwork.rules())
    with pytest.raises(Refused, match="cannot be read"):
        suppose(tmp_path / "nothing.csv", paperwork.rules())


def test_a_policy_that_lacks_what_was_blown_is_refused() -> None:
    rules = paperwork.rules()
    policies = tuple(row for row in rules.registry.policies if row.kind != "emergency")
    lacking = Rules(
        paperwork.pack().registry.model_validate({**dict(rules.registry), "policies": policies}), rules.calendar
    )
    with pytest.raises(Refused, match="no row for emergency whistles that are critical"):
        compare(lived(EMERGENCY, [], minutes(1)), lacking, minutes(1))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 60 * 40), min_size=4, max_size=4), st.booleans())
def test_the_same_terms_fire_what_was_fired(paces: list[int], reworked: bool) -> None:
    """INVARIANT: under the terms that were in force a rehearsal fires what was fired."""
    said: list[Step] = []
    for code, (acknowledged, later) in zip(("CGJ", "GA"), (sorted(paces[:2]), sorted(paces[2:])), strict=True):
        said += steps(EMERGENCY, code, acknowledged, acknowledged)
        submitted = minutes(acknowledged + later)
        about = about_task(EMERGENCY, code)
        said.append((TaskSubmitted(**about, result="已修复"), submitted))
        if reworked:
            failed = {name: about[name] for name in ("whistle_id", "task_id", "department")}
            order = TaskReworkOrdered(
                **failed,
                attempt=1,
                submitted_at=submitted,
                verify_due_at=submitted + timedelta(hours=4),
                reasons="未修复",
                by="街道",
            )
            said.append((order, submitted + timedelta(hours=6)))
    last = minutes(60 * 24 * 6)
    compared = compare(lived(EMERGENCY, said, last), paperwork.rules(), last)
    for line, (happened, simulated) in compared.lines.items():
        assert happened == simulated, line
