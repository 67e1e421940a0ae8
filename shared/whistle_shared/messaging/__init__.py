"""Drains the outbox and fills the inbox, through RabbitMQ.

INVARIANT: a message is acknowledged to the broker only after its effect is committed, or after a confirmed copy of
it stands in a retry queue or in parking. What a crash leaves in between is a duplicate, and the inbox absorbs those.
"""

from whistle_shared.messaging.consumer import Consumer, Handler, RetryLater
from whistle_shared.messaging.publisher import Publisher
from whistle_shared.messaging.relay import Relay
from whistle_shared.messaging.topology import (
    DEAD_LETTERS,
    EVENTS,
    PARKING,
    RETRY_TIERS,
    Instance,
    definitions,
    queue_of,
)

__all__ = [
    "DEAD_LETTERS",
    "EVENTS",
    "PARKING",
    "RETRY_TIERS",
    "Consumer",
    "Handler",
    "Instance",
    "Publisher",
    "Relay",
    "RetryLater",
    "definitions",
    "queue_of",
]
