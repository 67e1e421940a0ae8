"""Working time over the turn of the year: without an official calendar a due time is provisional, never an error."""

import json
from datetime import datetime
from pathlib import Path
from shutil import copytree

from support.city import City
from support.clockface import local
from support.people import Blown
from support.places import SAMPLE
from whistle_dispatch.domain import read_pack


async def blown_in_december(city: City) -> Blown:
    """A key work (30 working days to resolve) blown on 2026-12-28 at 10:00."""
    city.time.set(local(2026, 12, 28, 10))
    whistle = await city.street("S01").blows("0101", kind="key_work", urgency="normal", departments=["ZFJ"])
    await city.settles()
    return whistle


async def test_a_due_time_in_a_year_without_an_official_calendar_is_provisional(city: City) -> None:
    whistle = await blown_in_december(city)
    resolve = await city.expects_clock(whistle, "resolve", department="ZFJ")
    assert (resolve["provisional"], resolve["due_at"][:4]) == (True, "2027")
    assert (await city.expects_clock(whistle, "ack", department="ZFJ"))["provisional"] is False
    assert (await city.department("ZFJ").task(whistle))["state"] == "dispatched"


async def test_a_published_calendar_moves_provisional_due_times_and_says_so(city: City, tmp_path: Path) -> None:
    whistle = await blown_in_december(city)
    before = await city.expects_clock(whistle, "resolve", department="ZFJ")

    official = read_pack(_with_2027(tmp_path, days_off=["2027-01-01", "2027-01-04", "2027-01-05"])).calendars
    async with city.under(calendars=official):
        await city.passes(seconds=1)
        entries = await city.expects_in_timeline(whistle, "whistle_dispatched", "deadline_recomputed")
        after = await city.expects_clock(whistle, "resolve", department="ZFJ")
        task = await city.department("ZFJ").task(whistle)
        shown = (await city.department("ZFJ").calls("GET", f"/tasks/{task['task_id']}")).json()

    moved = next(e["data"] for e in entries if e["event"] == "escalation.deadline_recomputed.v1")
    assert (after["provisional"], moved["provisional"]) == (False, False)
    assert moved["previous_due_at"] == before["due_at"]
    assert moved["due_at"] == after["due_at"] > before["due_at"]
    assert {c["name"]: c["due_at"] for c in shown["clocks"]}["resolve"] == after["due_at"]


async def test_a_make_up_workday_counts_and_a_holiday_does_not(city: City) -> None:
    """2026-09-20 (a Sunday) is worked for the National Day holiday of 2026-10-01 to 07. Source: the notice of 2026."""
    city.time.set(local(2026, 9, 18, 10))
    whistle = await city.street("S01").blows("0101", kind="key_work", urgency="normal", departments=["ZFJ"])
    acknowledge = await city.expects_clock(whistle, "ack", department="ZFJ")
    assert acknowledge["due_at"] == local(2026, 9, 20, 17, 30).strftime("%Y-%m-%dT%H:%M:%SZ")


async def test_in_summer_the_summer_hours_count(city: City, tmp_path: Path) -> None:
    """Four working hours from three in the afternoon: until 18:30 that day, and half an hour of the next."""
    city.time.set(local(2026, 6, 1, 15))
    async with city.under(calendars=read_pack(_with_summer(tmp_path)).calendars):
        whistle = await city.street("S01").blows("0701", kind="appeal", urgency="normal", departments=["CGJ"])
        clock = await city.expects_clock(whistle, "ack", department="CGJ")
        assert datetime.fromisoformat(clock["due_at"]) == local(2026, 6, 2, 9)
        task = await city.department("CGJ").sees(whistle)
        assert {c["name"]: c["due_at"] for c in task["clocks"]}["ack"] == clock["due_at"]
        spans = [span for span in (await city.watch.explanation(clock))["spans"] if span["counted"]]
        assert [datetime.fromisoformat(span["end"]) for span in spans] == [
            local(2026, 6, 1, 18, 30),
            local(2026, 6, 2, 9),
        ]
        assert "15:00–18:30" in await city.watch.says_why(clock)


def _with_summer(tmp_path: Path) -> Path:
    """The sample pack with other hours from June to September."""
    folder = tmp_path / "pack"
    copytree(SAMPLE, folder)
    with (folder / "calendar.toml").open("a", encoding="utf-8") as file:
        file.write('[[seasons]]\nfirst = "06-01"\nlast = "09-30"\nwindows = ["08:30-12:00", "14:30-18:30"]\n')
    return folder


def _with_2027(tmp_path: Path, days_off: list[str]) -> Path:
    """The sample pack with an official 2027 in which these days are off."""
    folder = tmp_path / "pack"
    copytree(SAMPLE, folder)
    (folder / "calendar").mkdir(exist_ok=True)
    days = [{"name": "元旦", "date": day, "isOffDay": True} for day in days_off]
    (folder / "calendar" / "2027.json").write_text(
        json.dumps({"year": 2027, "papers": ["https://example.org/2027"], "days": days}), "utf-8"
    )
    return folder
