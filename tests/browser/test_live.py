"""A change in one service stands on the open page of another before anybody wonders. `make bench-pages` measures it;
here the limit is generous, for machines that do other things beside."""

from statistics import median

from browser.conftest import Visitor
from support import promptness
from support.city import City

_GENEROUS = 5.0


async def test_a_change_in_intake_is_soon_on_a_page_of_escalation(visitor: Visitor, city: City) -> None:
    async with visitor.signed_in("/", role="arbitrator") as page:
        spans = await promptness.measured(city, page, 3)
    assert median(spans) < _GENEROUS, promptness.told(spans)
