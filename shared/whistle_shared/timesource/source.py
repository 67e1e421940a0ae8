"""The time sources: affine (production and demo) and settable (tests)."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol


def wall_now() -> datetime:
    """Technical time, UTC: relay, retries, leases, inbox window, ids. Never a deadline (EVENTS.md R2)."""
    return datetime.now(UTC)


def utc_text(at: datetime) -> str:
    """RFC 3339 in UTC with microseconds, the one spelling used in events and answers."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class TimeSource(Protocol):
    """Business time of one process."""

    @property
    def rate(self) -> float:
        """Business seconds per wall second."""
        ...

    def now(self) -> datetime:
        """Business now, UTC."""
        ...

    def at(self, wall: datetime) -> datetime:
        """The business instant that belongs to a wall instant, UTC."""
        ...


@dataclass(frozen=True, slots=True)
class AffineTime:
    """`business = anchor_business + rate × (wall − anchor_wall)`, standing still from `until` on.

    With the defaults business time is wall time. `until` (business, UTC) lets a demonstration end: nothing falls
    due after it. Source: EVENTS.md R3.
    """

    anchor_business: datetime | None = None
    anchor_wall: datetime | None = None
    rate: float = 1.0
    until: datetime | None = None

    def now(self) -> datetime:
        return self.at(wall_now())

    def at(self, wall: datetime) -> datetime:
        if self.anchor_business is None or self.anchor_wall is None:
            return wall
        business = self.anchor_business + (wall - self.anchor_wall) * self.rate
        return (business if self.until is None else min(business, self.until)).astimezone(UTC)


@dataclass(slots=True)
class SettableTime:
    """A time source that stands still until a test moves it. Remembers its jumps, so `at` stays truthful."""

    start: datetime
    rate: float = 1.0
    _jumps: list[tuple[datetime, datetime]] = field(default_factory=list)

    def now(self) -> datetime:
        return self._jumps[-1][1] if self._jumps else self.start

    def at(self, wall: datetime) -> datetime:
        passed = [business for moved, business in self._jumps if moved <= wall]
        return passed[-1] if passed else self.start

    def passes(self, span: timedelta) -> datetime:
        """Move business time forward by `span` and return the new now."""
        return self.set(self.now() + span)

    def set(self, business: datetime) -> datetime:
        """Move business time to `business` (UTC) and return it."""
        self._jumps.append((wall_now(), business))
        return business
