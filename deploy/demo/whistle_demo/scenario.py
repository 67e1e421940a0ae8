"""What is raised: whistles planned in advance, from the script beside this file or from a file of messages.

INVARIANT: a plan follows from its source and the pack alone (fixed hashes, no chance), so that two runs raise the same.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

from whistle_demo.messages import Message
from whistle_demo.pack import Pack

TITLE_LIMIT = 200
DESCRIPTION_LIMIT = 10_000
_SCRIPT = Path(__file__).with_name("whistles.csv")


@dataclass(frozen=True, slots=True)
class Planned:
    """One whistle to be raised. `after`: business time after the opening; `key`: its idempotency key.

    `departments`: named by the street, the first leads. `routed_to`: what the district whistle office decides for a
    whistle that finds no route by itself; empty for such a whistle: it stays with the office. `withdrawn_after`:
    business time from raising to withdrawal; zero: at once, whether or not departments have been called. `story`: what
    happens to it beyond that (stories.py), in words; "": nothing.
    """

    key: str
    after: timedelta
    street: str
    grid: str | None
    kind: str
    urgency: str
    category: str | None
    departments: tuple[str, ...]
    withdrawn_after: timedelta | None
    routed_to: tuple[str, ...]
    title: str
    description: str
    place: str
    beyond_power: str
    story: str = ""

    def body(self) -> dict[str, object]:
        """The request that raises it."""
        return {
            "kind": self.kind,
            "urgency": self.urgency,
            "street": self.street,
            "grid": self.grid,
            "category": self.category,
            "departments": list(self.departments),
            "title": self.title,
            "description": self.description,
            "place": self.place,
            "beyond_power_reason": self.beyond_power,
        }


def fraction(*words: str) -> float:
    """A fixed number in [0, 1) for these words: the demo's only dice."""
    return int.from_bytes(sha256("/".join(words).encode()).digest()[:8]) / 2**64


def choice(options: Sequence[str], *words: str) -> str:
    """The option that a fixed hash of these words falls on."""
    return options[int(fraction(*words) * len(options))]


def script() -> list[Planned]:
    """The whistles of the demo's own script, in the order in which they are raised."""
    with _SCRIPT.open(encoding="utf-8", newline="") as file:
        return [_scripted(number, row) for number, row in enumerate(csv.DictReader(file), 1)]


def _scripted(number: int, row: dict[str, str]) -> Planned:
    return Planned(
        key=f"script-{number}",
        after=timedelta(minutes=int(row["after"])),
        street=row["street"],
        grid=row["grid"],
        kind=row["kind"],
        urgency=row["urgency"],
        category=row["category"] or None,
        departments=_codes(row["departments"]),
        withdrawn_after=timedelta(minutes=int(row["withdrawn_after"])) if row["withdrawn_after"] else None,
        routed_to=_codes(row["routed_to"]),
        title=row["title"],
        description=row["description"],
        place=row["place"],
        beyond_power=row["beyond_power"],
        story=row["story"],
    )


def _codes(cell: str) -> tuple[str, ...]:
    return tuple(code for code in cell.split(";") if code)


def from_messages(messages: Sequence[Message], pack: Pack) -> list[Planned]:
    """One whistle per message; street and sub-category by a hash of its id, every tenth one without a sub-category."""
    return [_imported(position, message, pack) for position, message in enumerate(messages, 1)]


def _imported(position: int, message: Message, pack: Pack) -> Planned:
    category = None if position % 10 == 0 else choice(sorted(pack.categories.keys() - pack.own), "category", message.id)
    known = pack.categories[category] if category else None
    return Planned(
        key=f"message-{position}-{sha256(message.id.encode()).hexdigest()[:16]}",
        after=timedelta(),
        street=choice(pack.streets, "street", message.id),
        grid=None,
        kind=known.kind if known else "appeal",
        urgency=known.urgency if known else "normal",
        category=category,
        departments=(),
        withdrawn_after=None,
        routed_to=() if known and known.departments else _by_hand(message.id, pack),
        title=" ".join((message.subject or message.body).split())[:TITLE_LIMIT].strip(),
        description=(message.body or message.subject)[:DESCRIPTION_LIMIT],
        place="见来信正文",
        beyond_power="市民来信所反映事项须职能部门处置",
    )


def _by_hand(message_id: str, pack: Pack) -> tuple[str, ...]:
    """The whistle office's decision: two departments for every other whistle; the rest stay on its desk."""
    if fraction("office", message_id) < 0.5:
        return ()
    codes = sorted(code for code, instance in pack.instances.items() if instance)
    first = choice(codes, "office lead", message_id)
    return first, choice([code for code in codes if code != first], "office assist", message_id)
