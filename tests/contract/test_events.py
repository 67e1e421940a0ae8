"""The events' contract: additive for ever, readable by older readers, and CloudEvents on the wire."""

import importlib.util
import re
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import UUID

import orjson
import pytest

from support.wire import envelope
from whistle_shared.contracts import TYPES, Event, EventData, Malformed, decode, decode_batch, encode, encode_batch
from whistle_shared.contracts.envelope import BATCH

KEYS = sorted(TYPES)
_AT = "2026-06-01T01:00:00.000000Z"
_ID = "019ab2c4-7d10-7b21-8a52-6f1d2c3b4a59"


def _load_snapshots() -> ModuleType:
    """The script beside this file, which is a program of its own."""
    spec = importlib.util.spec_from_file_location("snapshots", Path(__file__).with_name("snapshots.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


snapshots = _load_snapshots()


@pytest.mark.parametrize("key", KEYS)
def test_a_type_grows_only_by_optional_fields_and_its_snapshot_is_current(key: str) -> None:
    old, new = snapshots.kept(key), snapshots.described(TYPES[key])
    assert old is not None, "new type: run `python tests/contract/snapshots.py`"
    assert snapshots.breaks(old, new) == [], "not additive: make it a v2 beside this one"
    assert old == new, "it has grown: run `python tests/contract/snapshots.py`"


def test_no_type_has_gone() -> None:
    known = {file.stem for file in snapshots.FOLDER.glob("*.json")}
    assert known <= set(TYPES), "a published type is read for ever"


def _changed(path: str, change: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """A snapshot and the same with one change at a dotted path (`None`: taken away)."""
    old: dict[str, Any] = snapshots.described(TYPES["intake.whistle_blown.v1"])
    new = deepcopy(old)
    *way, last = path.split("/")
    place = new["schema"]
    for step in way:
        place = place[step]
    if change is None:
        place.pop(last)
    else:
        place[last] = change
    return old, new


@pytest.mark.parametrize(
    ("path", "change", "reason"),
    [
        ("properties/round", None, "data.round is gone"),
        ("properties/round", {"type": "string"}, "data.round has changed"),
        ("required", ["whistle_id", "round", "facts", "departments"], "data.departments has become required"),
        ("required", ["whistle_id", "facts"], "data.round is no longer required"),
        ("$defs/WhistleFacts/properties/urgency", None, "WhistleFacts.urgency is gone"),
        ("$defs/WhistleFacts", None, "WhistleFacts.number is gone"),
        ("type", "array", "data: type has changed"),
    ],
)
def test_what_breaks_a_reader_is_noticed(path: str, change: Any, reason: str) -> None:
    assert reason in snapshots.breaks(*_changed(path, change))


def test_an_added_optional_field_breaks_nobody() -> None:
    assert snapshots.breaks(*_changed("properties/colour", {"type": "string", "default": ""})) == []


@pytest.mark.parametrize("key", KEYS)
def test_what_is_written_is_read_back_the_same(key: str) -> None:
    event = example_event(key)
    [raw] = decode_batch(encode(event), None)
    assert decode(raw) == event


@pytest.mark.parametrize("key", KEYS)
def test_an_older_reader_survives_a_newer_writer(key: str) -> None:
    event = example_event(key)
    raw = orjson.loads(encode(event))
    raw["someextension"] = "new"
    for part in _models_in(raw["data"]):
        part["colour_of_a_later_version"] = {"a": [1]}
    assert decode(raw).data == event.data


@pytest.mark.parametrize("key", KEYS)
def test_a_reader_needs_no_optional_field(key: str) -> None:
    data = _example(TYPES[key].model_json_schema(), TYPES[key].model_json_schema(), optional=False)
    assert TYPES[key].model_validate(data).key == key


@pytest.mark.parametrize("key", KEYS)
def test_on_the_wire_it_is_a_cloud_event(key: str) -> None:
    raw = orjson.loads(encode(example_event(key)))
    assert raw["specversion"] == "1.0"
    assert raw["type"] == key
    assert raw["datacontenttype"] == "application/json"
    assert re.fullmatch(r"/whistle/[a-z]+(/[a-z]+)?", raw["source"])
    assert {"id", "source", "time", "subject", "correlationid", "subjectversion", "data"} <= set(raw)
    assert all(re.fullmatch(r"[a-z0-9]{1,20}", name) for name in raw), "names of CloudEvents attributes"
    assert raw["time"].endswith("Z")


@pytest.mark.parametrize("key", KEYS)
def test_a_types_name_says_who_what_and_which_version(key: str) -> None:
    producer, said, version = key.split(".")
    assert TYPES[key].__module__.endswith(f".{producer}")
    assert re.fullmatch(r"[a-z]+(_[a-z]+)+", said)
    assert re.fullmatch(r"v[1-9]", version)


def test_a_batch_is_read_one_by_one() -> None:
    events = [example_event(key) for key in KEYS]
    raws = decode_batch(encode_batch([encode(event) for event in events]), BATCH)
    assert [decode(raw) for raw in raws] == events


@pytest.mark.parametrize("key", KEYS)
def test_no_text_may_hold_what_the_database_cannot(key: str) -> None:
    """RELIABILITY.md 4.2 row 3: NUL passes JSON and fails in PostgreSQL."""
    raw = orjson.loads(encode(example_event(key)))
    for change in _texts(raw["data"]):
        undo = change("a\x00b")
        with pytest.raises(Malformed):
            decode(raw)
        undo()
    assert decode(raw).key == key


# -- examples from schemas ------------------------------------------------------------------------------------


def example_event(key: str) -> Event[EventData]:
    """An event of this type with every field filled, as its producer would send it."""
    schema = TYPES[key].model_json_schema()
    data = TYPES[key].model_validate(_example(schema, schema))
    producer = key.split(".", maxsplit=1)[0]
    return envelope(
        data,
        producer="department.ga" if producer == "department" else producer,
        time=datetime(2026, 6, 1, 1, tzinfo=UTC),
        causation_id=UUID(_ID),
        cause_time=datetime(2026, 6, 1, tzinfo=UTC),
        traceparent=f"00-{'a' * 32}-{'b' * 16}-01",
    )


def _example(schema: dict[str, Any], whole: dict[str, Any], *, optional: bool = True) -> Any:
    """A value that fits a JSON schema as pydantic writes them; without `optional` the least that fits."""
    if "$ref" in schema:
        return _example(whole["$defs"][schema["$ref"].rpartition("/")[2]], whole, optional=optional)
    if "anyOf" in schema:
        return _example(schema["anyOf"][0], whole, optional=optional)
    if "enum" in schema or "const" in schema:
        return schema.get("const", schema.get("enum", [None])[0])
    if schema.get("type") == "object":
        wanted = schema.get("properties", {}) if optional else schema.get("required", [])
        fields = {name: _example(schema["properties"][name], whole, optional=optional) for name in wanted}
        return fields | _additional(schema, whole, optional=optional)
    if schema.get("type") == "array":
        parts = schema.get("prefixItems") or [schema["items"]]
        return [_example(part, whole, optional=optional) for part in parts]
    return _scalar(schema)


def _additional(schema: dict[str, Any], whole: dict[str, Any], *, optional: bool) -> dict[str, Any]:
    more = schema.get("additionalProperties")
    if not isinstance(more, dict):
        return {}
    names = schema.get("propertyNames", {}).get("enum", ["standard"])
    return {names[0]: _example(more, whole, optional=optional)}


def _scalar(schema: dict[str, Any]) -> Any:
    by_format = {"uuid": _ID, "date-time": _AT}
    by_type = {"string": "CGJ", "integer": 1, "number": 1.5, "boolean": True}
    return by_format.get(schema.get("format", "")) or by_type[schema["type"]]


def _models_in(data: dict[str, Any]) -> list[dict[str, Any]]:
    """The data itself, the facts in it, and the members of its lists (but for the registry's plain rows)."""
    members = [part for name, parts in data.items() if isinstance(parts, list) and name != "rows" for part in parts]
    return [data, *(data[name] for name in ("facts",) if name in data), *(m for m in members if isinstance(m, dict))]


def _texts(value: Any) -> list[Any]:
    """For every text inside: a function that replaces it and returns the way back."""

    def replacing(holder: Any, place: Any) -> Any:
        def replace(text: str) -> Any:
            before, holder[place] = holder[place], text
            return lambda: holder.__setitem__(place, before)

        return replace

    if not isinstance(value, dict | list):
        return []
    places = value.items() if isinstance(value, dict) else enumerate(value)
    found = [replacing(value, place) for place, part in places if isinstance(part, str)]
    return found + [
        change for part in (value.values() if isinstance(value, dict) else value) for change in _texts(part)
    ]
