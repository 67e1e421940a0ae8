"""Whistle numbers, drawn for a whole batch at a time."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from whistle_intake import domain
from whistle_shared.db import Unit

_DRAW = (
    "insert into street_counter(street, day, last) select * from unnest($1::text[], $2::text[], $3::int[]) "
    "on conflict (street, day) do update set last = street_counter.last + excluded.last returning street, day, last"
)


@dataclass(frozen=True, slots=True)
class Numbers:
    """A work's wish for a whistle number of this street on this business day."""

    street: str
    day: str


async def draw(unit: Unit, wishes: list[Numbers]) -> dict[Numbers, Iterator[int]]:
    """As many serial numbers per street and day as are wished for, in one statement."""
    if not wishes:
        return {}
    counts = Counter(wishes)
    ordered = sorted(counts, key=lambda wish: (wish.street, wish.day))
    drawn = await unit.connection.exec_driver_sql(
        _DRAW, ([w.street for w in ordered], [w.day for w in ordered], [counts[w] for w in ordered])
    )
    lasts = {Numbers(row.street, row.day): row.last for row in drawn}
    return {wish: iter(range(lasts[wish] - counts[wish] + 1, lasts[wish] + 1)) for wish in ordered}


def next_number(unit: Unit, wish: Numbers) -> str:
    """The next number of those drawn for this batch."""
    return domain.number(wish.street, wish.day, next(unit.reference.numbers[wish]))
