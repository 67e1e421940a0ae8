"""A report's way (一键报事): from a resident's phone over grid, community and street to the rating."""

import pytest

from support.city import City
from support.reporters import NAME, PHONE, WORDS, Neighbourhood, Reported
from support.waiting import until


@pytest.fixture
def street(city: City) -> Neighbourhood:
    return Neighbourhood(city)


async def test_from_a_phone_to_a_rating(city: City, street: Neighbourhood) -> None:
    report = await street.reports()
    assert (await street.follows(report))["state"] == "submitted"
    assert await street.steps(report) == ["received"]

    await street.triages(report, "handling", answer="网格员下午到现场")
    await street.triages(report, "handed_up", note="需街道协调")
    assert (await street.follows(report))["answer"] == "网格员下午到现场"
    whistle = await street.drafts(report)
    assert (await street.follows(report))["state"] == "drafted"
    assert await street.steps(report) == ["received", "handling", "handed_up", "handed_up"]

    s01, office = city.street("S01"), city.department("CGJ")
    await s01.submits(whistle)
    assert (await street.steps(report))[-1] == "whistle_blown"
    await office.acknowledges(whistle)
    await office.arrives(whistle)
    await _steps_end(street, report, "on_site")
    await office.submits(whistle)
    await city.expects_state(whistle, "pending_verify")
    assert (await street.tries_to_rate(report)).status_code == 409

    await s01.verifies(whistle, "CGJ")
    assert (await street.steps(report))[-1] == "solved"
    await s01.scores(whistle, "CGJ")
    await s01.calls_back(whistle)
    seen = await street.follows(report)
    assert (seen["state"], seen["may_rate"]) == ("closed", True)
    assert [step["name"] for step in seen["steps"]][-2:] == ["solved", "closed"]
    assert NAME not in str(seen)
    assert PHONE not in str(seen)
    assert WORDS not in str(seen)

    rated = (await street.tries_to_rate(report)).json()
    assert (rated["rating"]["satisfaction"], rated["may_rate"]) == ("satisfied", False)
    await city.settles()
    await city.expects_nothing_parked()
    await city.expects_in_timeline(whistle, "report_triaged", "whistle_blown", "whistle_closed", "report_rated")


async def _steps_end(street: Neighbourhood, report: Reported, name: str) -> None:
    async def seen() -> bool:
        return (await street.steps(report))[-1] == name

    await until(seen, f"{name} to be the report's last step")
