"""What a command may ask for beside its whistle."""

from dataclasses import dataclass
from uuid import UUID

from whistle_intake import domain
from whistle_intake.store.numbers import Numbers


@dataclass(frozen=True, slots=True)
class Wants:
    """`number`: the whistle is new, nothing of it is stored, and it is to have a number. `like`: whistles that may be
    like this new matter; `likes`: … like the stored one. `report`: a stored report that it is about; it is locked as
    `Work.also`."""

    number: Numbers | None = None
    like: domain.Probe | None = None
    likes: bool = False
    report: UUID | None = None
