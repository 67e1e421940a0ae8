"""CloudEvents 1.0 in structured JSON, one event or a batch of them.

Extensions beside the standard attributes: `correlationid`, `causationid` (the event that this one answers),
`causetime` (that event's business time), `subjectversion` (per producer and subject), `traceparent` (W3C).
`time` is business time (EVENTS.md R1); `subject` is the whistle's id, or `registry`.
"""

from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from typing import Any, Generic, TypeVar
from uuid import UUID

import orjson
from pydantic import TypeAdapter, ValidationError

from whistle_shared.contracts.types import event_type
from whistle_shared.contracts.vocabulary import EventData, Instant
from whistle_shared.timesource import utc_text

SINGLE = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
_SOURCE = "/whistle/"
_instant: TypeAdapter[datetime] = TypeAdapter(Instant)

D_co = TypeVar("D_co", bound=EventData, covariant=True)


class Malformed(Exception):
    """Bytes that are no event of ours; the message says why. Permanent: park, never retry."""


@dataclass(frozen=True, slots=True)
class Event(Generic[D_co]):
    """One event as its consumer sees it. `producer` is `intake`, `dispatch`, `department.<instance>` or `escalation`.

    `sender` is the broker user that published it, checked by the broker. `clock_suspect`: the producer's `time` was
    not believable and `time` holds the receiver's own (EVENTS.md R1). `digest` tells it from another event that was
    given the same id.
    """

    id: UUID
    producer: str
    subject: str
    time: datetime
    data: D_co
    correlation_id: UUID
    causation_id: UUID | None = None
    cause_time: datetime | None = None
    subject_version: int = 0
    traceparent: str | None = None
    sender: str = ""
    clock_suspect: bool = False
    digest: bytes = field(default=b"", compare=False)

    @property
    def key(self) -> str:
        return self.data.key


def encode(event: Event[EventData]) -> bytes:
    """The event's JSON, byte for byte what every delivery of it carries."""
    envelope: dict[str, Any] = {
        "specversion": "1.0",
        "id": str(event.id),
        "type": event.key,
        "source": _SOURCE + event.producer.replace(".", "/", 1),
        "subject": event.subject,
        "time": utc_text(event.time),
        "datacontenttype": "application/json",
        "correlationid": str(event.correlation_id),
        "subjectversion": event.subject_version,
    }
    if event.causation_id is not None:
        envelope["causationid"] = str(event.causation_id)
    if event.cause_time is not None:
        envelope["causetime"] = utc_text(event.cause_time)
    if event.traceparent is not None:
        envelope["traceparent"] = event.traceparent
    envelope["data"] = orjson.Fragment(event.data.model_dump_json())
    return orjson.dumps(envelope)


def encode_batch(bodies: list[bytes]) -> bytes:
    """Several encoded events as one CloudEvents batch."""
    return b"[" + b",".join(bodies) + b"]"


def decode_batch(body: bytes, content_type: str | None) -> list[dict[str, Any]]:
    """The raw envelopes of a message. Raises Malformed when the bytes are not JSON of the announced shape."""
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Malformed(f"body is not JSON: {error}") from None
    raws = parsed if content_type == BATCH else [parsed]
    if not isinstance(raws, list) or not raws or not all(isinstance(raw, dict) for raw in raws):
        raise Malformed(f"body is not {'a batch of' if content_type == BATCH else 'an'} event object")
    return raws


def decode(raw: dict[str, Any], sender: str = "") -> Event[EventData]:
    """One event from its raw envelope. Raises Malformed naming the attribute that is wrong."""
    if raw.get("specversion") != "1.0":
        raise Malformed(f"specversion is {raw.get('specversion')!r}, not '1.0'")
    model = event_type(str(raw.get("type")))
    if model is None:
        raise Malformed(f"type {raw.get('type')!r} is unknown to this build")
    try:
        return Event(
            id=_uuid(raw, "id"),
            producer=_producer(raw),
            subject=_text(raw, "subject"),
            time=_time(raw, "time"),
            data=model.model_validate(raw.get("data")),
            correlation_id=_uuid(raw, "correlationid"),
            causation_id=_uuid(raw, "causationid") if "causationid" in raw else None,
            cause_time=_time(raw, "causetime") if "causetime" in raw else None,
            subject_version=_version(raw),
            traceparent=_text(raw, "traceparent") if "traceparent" in raw else None,
            sender=sender,
            digest=blake2b(orjson.dumps(raw), digest_size=8).digest(),
        )
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise Malformed(f"data of {model.key}: {field}: {first['msg']}") from None
    except (TypeError, ValueError) as error:
        raise Malformed(str(error)) from None


def _text(raw: dict[str, Any], name: str) -> str:
    value = raw.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= 200 or "\x00" in value:
        raise Malformed(f"{name} is missing or not a short text")
    return value


def _version(raw: dict[str, Any]) -> int:
    value = raw.get("subjectversion", 0)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**63:
        raise Malformed("subjectversion is not a count")
    return value


def _uuid(raw: dict[str, Any], name: str) -> UUID:
    try:
        return UUID(_text(raw, name))
    except ValueError:
        raise Malformed(f"{name} is not a UUID") from None


def _time(raw: dict[str, Any], name: str) -> datetime:
    try:
        return _instant.validate_strings(_text(raw, name))
    except ValidationError:
        raise Malformed(f"{name} is not an RFC 3339 time with an offset, of the years 2000 to 2200") from None


def _producer(raw: dict[str, Any]) -> str:
    source = _text(raw, "source")
    if not source.startswith(_SOURCE):
        raise Malformed(f"source {source!r} is not one of ours")
    return source.removeprefix(_SOURCE).replace("/", ".", 1)
