"""A trace: correlation id and W3C trace context, carried from a request to its events and on to theirs."""

import re
import secrets
from dataclasses import dataclass
from uuid import UUID

import uuid_utils.compat

_TRACEPARENT = re.compile(r"^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$")


@dataclass(frozen=True, slots=True)
class Trace:
    """Correlation id (one per request or firing and all that follows from it) and `traceparent` (one per hop)."""

    correlation_id: UUID
    traceparent: str

    def next_hop(self) -> "Trace":
        """the same trace with a new parent span."""
        return Trace(self.correlation_id, f"{self.traceparent[:36]}{secrets.token_hex(8)}-01")


def new_trace(traceparent: str | None = None, correlation_id: UUID | None = None) -> Trace:
    """Continue the caller's trace when its `traceparent` is valid, else begin one."""
    if traceparent is None or not _TRACEPARENT.match(traceparent):
        traceparent = f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"
    return Trace(correlation_id or uuid_utils.compat.uuid7(), traceparent)
