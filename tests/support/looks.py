"""The looks in which pages are looked at. Four are enough: whichever two of language, theme and window are chosen, some
look has them together."""

from collections.abc import Sequence

from support.every_page import View
from support.onlooker import DESK, PHONE, WALL, Look

LOOKS = (
    Look("zh", "light", *DESK),
    Look("en", "dark", *DESK),
    Look("zh", "dark", *PHONE),
    Look("en", "light", *PHONE),
)
ON_THE_WALL = (Look("zh", "dark", *WALL), Look("en", "light", *WALL))


def looks_at(view: View) -> Sequence[Look]:
    """All the looks that a page is made for."""
    return ON_THE_WALL if view.sight.wall else LOOKS


def look_at(view: View, turn: int) -> Look:
    """One of them; another one for the next `turn`."""
    looks = looks_at(view)
    return looks[turn % len(looks)]
