"""Events gone wrong: hypothesis strategies for messages that are random, or nearly right.

A message is made of one event that a service could hear, changed in its structure (a field taken away, doubled, of
another type, out of range) or in its bytes, with headers and a content type that may be as odd.
"""

import gzip
import json
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import uuid_utils.compat
from hypothesis import strategies as st

from whistle_shared.contracts import BATCH, SINGLE, EventData

Raw = dict[str, Any]
ODD: list[Any] = [
    *(None, True, False, 0, -1, 1, 2**31, 2**63, -(2**63) - 1, 2**70, 1e308, -0.0, float("nan"), float("inf")),
    *("", " ", "\x00", "a\x00b", "\ud800", "\u200b", "井" * 300, "x" * 20_000, "0", "null", "*", "../../etc"),
    *("'; drop table whistle; --", "=1+1", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"),
    *("2026-06-01T09:00:00", "2026-06-01T09:00:60Z", "2026-06-01T09:00:00+25:00", "0m@natural", "-5m@natural"),
    *("9999999d@natural", "999999999999d@work", "per_plan@natural", "1e9m@natural", "22:00-22:00"),
    *("00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff", [], {}, [[]], [None], {"": {}}),
]
odd = st.one_of(
    st.sampled_from(ODD),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
        max_leaves=8,
    ),
).map(deepcopy)


@dataclass(frozen=True)
class Message:
    """What is put into a queue."""

    body: bytes
    sender: str
    headers: dict[str, Any]
    content_type: str


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every path that leads to something inside."""
    children: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        children = list(value.items())
    elif isinstance(value, list):
        children = list(enumerate(value))
    return [place for name, child in children for place in [(*path, name), *places(child, (*path, name))]]


@st.composite
def changed(draw: st.DrawFn, raws: st.SearchStrategy[Raw]) -> Raw:
    """An event of which one to three places are not as they were."""
    raw = deepcopy(draw(raws))
    raw["id"] = str(uuid_utils.compat.uuid7())
    for _ in range(draw(st.integers(1, 3))):
        inside = places(raw)
        if not inside:
            break
        *way, last = draw(st.sampled_from(inside))
        holder: Any = raw
        for step in way:
            holder = holder[step]
        match draw(st.integers(0, 3)):
            case 0:
                holder.pop(last)
            case 1 if isinstance(holder, list):
                holder.extend(deepcopy(holder) * draw(st.integers(1, 20)))
            case 2 if isinstance(holder, dict):
                holder[draw(st.text(max_size=12))] = holder[last]
            case _:
                holder[last] = draw(odd)
    return raw


@st.composite
def said(draw: st.DrawFn, models: list[type[EventData]], now: str, known: list[Raw]) -> Raw:
    """An event whose data has the form of its contract and any content, mostly about something that is there."""
    model = draw(st.sampled_from(models))
    service = model.key.split(".")[0]
    producer = draw(st.sampled_from(_INSTANCES)) if service == "department" else service
    schema = model.model_json_schema()
    data = draw(formed(schema, schema.get("$defs", {})))
    about = draw(st.sampled_from(known))["data"]
    if draw(st.integers(0, 3)):
        data |= {name: about[name] for name in data.keys() & about.keys() & {"whistle_id", "task_id", "department"}}
    subject = str(data.get("whistle_id", uuid_utils.compat.uuid7()))
    return {
        "specversion": "1.0",
        "id": str(uuid_utils.compat.uuid7()),
        "type": model.key,
        "source": "/whistle/" + producer.replace(".", "/", 1),
        "subject": subject,
        "time": now,
        "datacontenttype": "application/json",
        "correlationid": str(uuid_utils.compat.uuid7()),
        "subjectversion": draw(st.integers(0, 5)),
        "data": data,
    }


def formed(schema: Raw, defs: dict[str, Raw]) -> st.SearchStrategy[Any]:
    """Any value that has the form of a JSON schema such as pydantic writes them."""
    if "$ref" in schema:
        return st.deferred(lambda: formed(defs[schema["$ref"].rpartition("/")[2]], defs))
    if "anyOf" in schema:
        return st.one_of(*(formed(one, defs) for one in schema["anyOf"]))
    if "enum" in schema or "const" in schema:
        return st.sampled_from(schema.get("enum", [schema.get("const")]))
    return _of_type(schema, defs)


def _of_type(schema: Raw, defs: dict[str, Raw]) -> st.SearchStrategy[Any]:
    match schema.get("type"):
        case "string":
            return _text(schema)
        case "integer":
            return st.integers(schema.get("minimum", -3), schema.get("maximum", 2**33))
        case "number":
            return st.floats(schema.get("minimum", -1e6), schema.get("maximum", 1e6))
        case "boolean":
            return st.booleans()
        case "array":
            return st.lists(formed(schema.get("items", {}), defs), max_size=3)
        case "object":
            fields = {name: formed(inner, defs) for name, inner in schema.get("properties", {}).items()}
            required = {name: fields.pop(name) for name in schema.get("required", ()) if name in fields}
            return st.fixed_dictionaries(required, optional=fields)
    return odd


def _text(schema: Raw) -> st.SearchStrategy[str]:
    match schema.get("format"):
        case "uuid":
            return st.uuids(version=4).map(str)
        case "date-time":
            return st.datetimes().map(lambda at: at.isoformat() + "Z")
    if "pattern" in schema:
        return st.sampled_from(["CGJ", "GA", "S01", "0701", "NOPE", "a.b"])
    return st.one_of(st.text(min_size=schema.get("minLength", 0), max_size=30), st.sampled_from(_LIMITS))


_INSTANCES = ["department.hosted", "department.ga"]
_LIMITS = ["5m@natural", "0m@natural", "3d@work", "9999999d@natural", "1d@work", "", "22:00-07:00", "2026-10-10"]
headers = st.fixed_dictionaries(
    {},
    optional={
        "x-attempt": st.sampled_from(["abc", -1, 2**40, 8, 9, None, True, 3.5]),
        "x-origin-queue": st.sampled_from(["escalation.in", "parking", "amq.x", "", 7]),
        "x-sent-ms": st.sampled_from(["soon", -1, 2**62, 0, None]),
        "x-reason": st.text(max_size=30),
        "CC": st.sampled_from([["to.CGJ"], ["to.CGJ", "to.GA"], []]),
    },
)
# Only bytes that are no event of ours any more are of another content type: what else it says is not looked at.
kinds = st.sampled_from([SINGLE] * 8 + [BATCH, "application/json", "text/plain", "", "application/cloudevents"])


def as_bytes(raw: Any, escaped: bool) -> bytes:
    """JSON as a foreign producer might write it: NaN, lone surrogates, integers of any size."""
    return json.dumps(raw, ensure_ascii=escaped).encode("utf-8", "surrogatepass")


@st.composite
def spoilt(draw: st.DrawFn, body: bytes) -> bytes:
    """Bytes of which some are not as they were."""
    at = draw(st.integers(0, len(body)))
    match draw(st.integers(0, 6)):
        case 0:
            return body[:at]
        case 1:
            return body[:at] + draw(st.binary(max_size=8)) + body[at:]
        case 2:
            return body[:at] + draw(st.binary(min_size=1, max_size=1)) + body[at + 1 :]
        case 3:
            return gzip.compress(body)
        case 4:
            return b"\xef\xbb\xbf" + body
        case 5:
            return body.decode("utf-8", "replace").encode("gbk", "replace")
    return body.decode("utf-8", "replace").encode("utf-16")


@st.composite
def messages(draw: st.DrawFn, raws: list[Raw], models: list[type[EventData]], now: str) -> Message:
    """Something for a queue whose service hears these events (real ones) and these models."""
    event = st.one_of(changed(st.sampled_from(raws)), said(models, now, raws))
    kind, batch = draw(kinds), draw(st.integers(0, 9)) == 0
    raw: Any = draw(st.lists(event, min_size=1, max_size=4)) if batch else draw(event)
    body = as_bytes(raw, draw(st.booleans()))
    if draw(st.integers(0, 5)) == 0:
        body = draw(spoilt(body))
    sender = _producer(raw) if draw(st.integers(0, 9)) else draw(st.sampled_from(["", "intake", "ctl", "a\x00b"]))
    return Message(body, sender, draw(headers), BATCH if batch else kind)


def _producer(raw: Any) -> str:
    """Who would have said it."""
    one = raw[0] if isinstance(raw, list) else raw
    source = str(one.get("source", "")).encode("utf-8", "replace").decode()
    return source.removeprefix("/whistle/").replace("/", ".", 1)[:100]
