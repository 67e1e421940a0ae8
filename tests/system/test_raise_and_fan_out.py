"""A street blows, and everybody concerned is called: raise, repeat, refuse, fan out, route by hand."""

from support.city import City

MANHOLE = ["CGJ", "PSGS", "GSGS", "TXGS", "GDGS"]


async def test_one_whistle_calls_five_departments_and_one_of_them_leads(city: City) -> None:
    whistle = await city.street("S01").blows(category="0701")

    tasks = await city.expects_tasks(whistle, MANHOLE)

    assert [task["role"] for task in tasks] == ["lead", "assist", "assist", "assist", "assist"]
    for code in MANHOLE:
        clock = await city.expects_clock(whistle, "ack", department=code)
        assert clock["due_at"] == "2026-06-01T01:15:00Z"
    await city.expects_in_timeline(whistle, "whistle_dispatched")
    await city.expects_nothing_parked()
