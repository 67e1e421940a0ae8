"""Quiet hours: a rung that falls into them waits for their end, and nothing else moves."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support import paperwork
from support.clockface import MONDAY, local
from whistle_shared.clockwork import after, awake, rungs, schedule
from whistle_shared.contracts.dispatch import LadderStep


@pytest.mark.parametrize(
    ("quiet", "at", "expected"),
    [
        ("22:00-07:00", local(2026, 6, 1, 21, 59), local(2026, 6, 1, 21, 59)),
        ("22:00-07:00", local(2026, 6, 1, 22, 0), local(2026, 6, 2, 7, 0)),
        ("22:00-07:00", local(2026, 6, 2, 3, 30), local(2026, 6, 2, 7, 0)),
        ("22:00-07:00", local(2026, 6, 2, 7, 0), local(2026, 6, 2, 7, 0)),
        ("12:00-13:30", local(2026, 6, 1, 12, 15), local(2026, 6, 1, 13, 30)),
        ("00:00-06:00", local(2026, 6, 1, 0, 0), local(2026, 6, 1, 6, 0)),
        ("08:00-08:00", local(2026, 6, 1, 8, 0), local(2026, 6, 1, 8, 0)),
        ("", local(2026, 6, 2, 3, 30), local(2026, 6, 2, 3, 30)),
    ],
)
def test_an_instant_in_the_quiet_hours_waits_for_their_end(quiet: str, at: datetime, expected: datetime) -> None:
    assert awake(at, quiet) == expected
    assert awake(at, quiet).utcoffset() == at.utcoffset()


@pytest.mark.parametrize("quiet", ["22-07", "24:00-07:00", "7:00-8:00", "22:60-07:00", "x"])
def test_hours_that_cannot_be_read_are_refused(quiet: str) -> None:
    with pytest.raises(ValueError, match="quiet hours"):
        awake(MONDAY, quiet)


MINUTE_OF_DAY = st.integers(0, 1439)


@given(at=st.integers(0, 10 * 1440), opens=MINUTE_OF_DAY, closes=MINUTE_OF_DAY)
def test_quiet_hours_against_a_minute_counter(at: int, opens: int, closes: int) -> None:
    """The oracle walks minute by minute until one is outside."""
    midnight = local(2026, 6, 1)
    quiet = f"{opens // 60:02}:{opens % 60:02}-{closes // 60:02}:{closes % 60:02}"

    def lies_in(minute: int) -> bool:
        of_day = minute % 1440
        return opens <= of_day < closes if opens <= closes else of_day >= opens or of_day < closes

    expected = at
    while lies_in(expected):
        expected += 1
    start = midnight + timedelta(minutes=at)
    assert awake(start, quiet) == midnight + timedelta(minutes=expected)


def test_dispatch_and_escalation_show_the_same_rungs_with_their_quiet_hours() -> None:
    ladder = (
        LadderStep(rung=1, role="deputy_head", form="reminder", delay="", quiet="22:00-07:00"),
        LadderStep(rung=2, role="department_head", form="letter", delay="1h@natural", quiet="22:00-07:00"),
        LadderStep(rung=3, role="whistle_office", form="red_light", delay="2h@natural"),
    )
    calendar = paperwork.replica().calendar()
    start = local(2026, 6, 1, 20, 30)
    shown = schedule(start, "1h@natural", (50,), ladder, calendar)
    due = local(2026, 6, 1, 21, 30)
    assert shown.due_at == due
    assert shown.rung_at == (due, local(2026, 6, 2, 7), local(2026, 6, 1, 23, 30)) == rungs(due, ladder, calendar)


def test_a_delay_counts_in_its_own_unit_before_the_quiet_hours() -> None:
    calendar = paperwork.replica().calendar()
    friday = local(2026, 6, 5, 17)
    assert after(friday, "1h@work", "", calendar) == local(2026, 6, 8, 9)
    assert after(friday, "1h@work", "08:00-10:00", calendar) == local(2026, 6, 8, 10)
    assert after(friday, "", "", calendar) == friday
