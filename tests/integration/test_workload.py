"""The heads' view counts all that lies in a department's hands, and shows the first few of what is late or nearly."""

from collections import Counter
from gettext import NullTranslations
from typing import Any
from uuid import UUID

from support.city import City
from whistle_department import queries
from whistle_department.pages import rows
from whistle_shared.auth import Caller
from whistle_shared.db import reaching
from whistle_shared.pages import Words

_PLAIN: dict[str, Any] = {"kind": "appeal", "urgency": "normal", "departments": ["CGJ"]}
_HEAD = Caller(UUID(int=1), "王局长", "department_head", "CGJ")


async def test_counts_hold_all_and_rows_the_first_few(city: City) -> None:
    for number in range(3):
        whistle = await city.street("S01").blows("0701", departments=["CGJ"], distinct_reason=f"另一处 {number}")
        await city.settles()
        await city.department("CGJ").acknowledges(whistle, "王敏")
    for hours in (2, 3, 2):
        for number in range(3):
            whistle = await city.street("S01").blows("0701", distinct_reason=f"第 {number} 处", **_PLAIN)
        await city.settles()
        await city.department("CGJ").acknowledges(whistle, "李强")
        await city.passes(hours=hours)
    engine, now = city.services["department.hosted"].engine, city.time.now()
    with reaching("CGJ"):
        shares = await queries.shares(engine, _HEAD, now, 1)
        everything = await queries.in_hand(engine, _HEAD, 200)
    registry = city.services["department.hosted"].replica.registry
    listed = rows.rows(Words("zh", NullTranslations(), registry), everything, now, "CGJ")
    whose = [("" if row.state == "dispatched" else row.person, row.chip.state if row.chip else "") for row in listed]
    known, like = Counter(name for name, _ in whose), Counter(whose)
    assert {share.person: (share.in_hand, share.late, share.nearly) for share in shares} == {
        name: (known[name], like[name, "late"], like[name, "nearly"]) for name in known
    }
    assert known == {"王敏": 3, "李强": 3, "": 6}
    assert like["王敏", "late"] == 3
    assert min(like["", "late"], like["", "nearly"]) > 1
    assert {share.person: len(share.first) for share in shares} == {"王敏": 1, "": 2, "李强": 0}
    earliest = next(share for share in shares if share.person == "王敏")
    assert [one.due_at for one in earliest.first] == [min(one.due_at for one in everything if one.due_at)]
