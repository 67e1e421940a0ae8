"""A parked message as the operator sees it: what it is, where it was going, who said it, and why it was set aside.

Everything in a message's headers was written by somebody else and may be of any type; nothing here trusts it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from aio_pika.abc import AbstractIncomingMessage

from whistle_ctl.settings import OPERATOR
from whistle_ctl.topology import is_work_queue


@dataclass(frozen=True, slots=True)
class Parked:
    """One parked message. `id`: its message id, or else its body's hash. `queue` is "" when no queue of ours is named.

    `sender`: who said it, as far as the broker or the queue's own service vouched for it. `parked_at`: wall time.
    """

    id: str
    type: str
    queue: str
    sender: str
    reason: str
    attempts: int
    parked_at: datetime | None
    content_type: str
    body: bytes

    def text(self) -> str:
        """The body as text; bytes that are none are written out."""
        return self.body.decode("utf-8", errors="backslashreplace")


@dataclass(frozen=True, slots=True)
class Selection:
    """Which parked messages are meant. `reason`: a part of it; `limit` 0 is no limit."""

    id: str = ""
    reason: str = ""
    since: datetime | None = None
    limit: int = 0

    def admits(self, parked: Parked) -> bool:
        """Whether the message is meant. One that does not say when it was parked is not left out for it."""
        return (
            self.id in ("", parked.id)
            and self.reason.casefold() in parked.reason.casefold()
            and (self.since is None or parked.parked_at is None or parked.parked_at >= self.since)
        )


def read(message: AbstractIncomingMessage) -> Parked:
    """What the message says about itself."""
    headers = dict(message.headers)
    death = _last_death(headers)
    queue = _first_text(headers.get("x-origin-queue"), death.get("queue"))
    return Parked(
        id=message.message_id or f"sha256-{sha256(message.body).hexdigest()[:16]}",
        type=message.type or "",
        queue=queue if is_work_queue(queue) else "",
        sender=_sender(message, queue),
        reason=_first_text(headers.get("x-reason"), death.get("reason")) or "unknown",
        attempts=_number(headers.get("x-attempt")),
        parked_at=_instant(headers.get("x-sent-ms"), death.get("time")),
        content_type=message.content_type or "",
        body=message.body,
    )


def _sender(message: AbstractIncomingMessage, queue: str) -> str:
    """INVARIANT: only a copy that the queue's own service or the operator made may name another sender than itself.

    Without this a service could park a message in another's name and have the operator's replay vouch for it.
    """
    if message.user_id and message.user_id in (queue.removesuffix(".in"), OPERATOR):
        return _first_text(message.headers.get("x-sender")) or message.user_id
    return message.user_id or ""


def _last_death(headers: Mapping[str, Any]) -> Mapping[str, Any]:
    """The broker's own note on a message that it dead-lettered itself; the newest comes first."""
    deaths = headers.get("x-death")
    first = deaths[0] if isinstance(deaths, list) and deaths else None
    return first if isinstance(first, Mapping) else {}


def _first_text(*values: Any) -> str:
    return next((value for value in values if isinstance(value, str) and value), "")


def _number(value: Any) -> int:
    return value if isinstance(value, int) and value >= 0 else 0


def _instant(sent_ms: Any, died: Any) -> datetime | None:
    """A broker's note of death is newer than what the sender wrote."""
    if isinstance(died, datetime):
        return died if died.tzinfo else died.replace(tzinfo=UTC)
    try:
        return datetime.fromtimestamp(sent_ms / 1000, UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return None
