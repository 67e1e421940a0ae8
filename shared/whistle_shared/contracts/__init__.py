"""What travels between services: the events of each producer, their envelope, and the registry of types.

One file per producer holds its frozen models. Models are additive for ever: anything else is `v2` beside `v1`
(tests/contract holds the snapshots). Data on the wire is CloudEvents 1.0 in JSON.
"""

from whistle_shared.contracts import department, dispatch, escalation, intake, vocabulary
from whistle_shared.contracts.envelope import (
    BATCH,
    SINGLE,
    Event,
    Malformed,
    decode,
    decode_batch,
    encode,
    encode_batch,
)
from whistle_shared.contracts.types import TYPES, event_type
from whistle_shared.contracts.vocabulary import EventData

__all__ = [
    "BATCH",
    "SINGLE",
    "TYPES",
    "Event",
    "EventData",
    "Malformed",
    "decode",
    "decode_batch",
    "department",
    "dispatch",
    "encode",
    "encode_batch",
    "escalation",
    "event_type",
    "intake",
    "vocabulary",
]
