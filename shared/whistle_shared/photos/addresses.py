"""Addresses of photos: signed, expiring, and worth something only in the hands they were made for.

INVARIANT: an address opens one size of one photo, for its holder, until its time is over; whatever else it is shown
with, the answer is that there is no such photo.
"""

from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlencode
from uuid import UUID

from pydantic import BaseModel, Field

from whistle_shared.auth import Caller
from whistle_shared.keyring import Keyring
from whistle_shared.timesource import wall_now

Size = Literal["large", "small"]
_PURPOSE = "photo address"
# An address lives for one to two steps: whoever looks again within a step gets the same one, and its cached picture.
_STEP = 300


class PhotoLink(BaseModel):
    """A photo in a view. Addresses are relative to this service, made for whoever asked, and live for 5 to 10
    minutes."""

    photo_id: UUID
    address: str | None = Field(description="The photo, at most 2560 pixels wide and high")
    thumbnail: str | None = Field(description="The same, at most 480")
    held_by: str | None = Field(None, description="Where the photo is kept, if it cannot be shown here")


@dataclass(frozen=True, slots=True)
class Ask:
    """What an address asks for. `producer`: who keeps it; `holder`: a caller's id, or `report:<id>`; `until`: Unix
    seconds."""

    producer: str
    photo_id: UUID
    size: Size
    until: int
    holder: str

    @property
    def message(self) -> bytes:
        return f"{self.producer} {self.photo_id} {self.size} {self.until} {self.holder}".encode()


def link(keyring: Keyring, producer: str, photo_id: UUID, holder: Caller | str) -> PhotoLink:
    """A photo's two addresses for one holder."""
    name = str(holder.id) if isinstance(holder, Caller) else holder
    until = (int(wall_now().timestamp()) // _STEP + 2) * _STEP
    large, small = (_address(keyring, Ask(producer, photo_id, size, until, name)) for size in ("large", "small"))
    return PhotoLink(photo_id=photo_id, address=large, thumbnail=small)


def _address(keyring: Keyring, ask: Ask) -> str:
    said = {"size": ask.size, "of": ask.producer, "until": ask.until, "for": ask.holder}
    return f"/photos/{ask.photo_id}?{urlencode(said | {'tag': keyring.tag(ask.message, _PURPOSE)})}"


def is_good(keyring: Keyring, ask: Ask, tag: str) -> bool:
    """Whether this service made the address, and its time is not over."""
    return ask.until > wall_now().timestamp() and keyring.is_tag(tag, ask.message, _PURPOSE)
