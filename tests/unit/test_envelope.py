"""The envelope: every event type there and back, and everything that is no event of ours refused by name."""

import types
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from support import paperwork
from support.clockface import MONDAY
from whistle_shared.contracts import (
    BATCH,
    SINGLE,
    TYPES,
    Event,
    EventData,
    Malformed,
    decode,
    decode_batch,
    encode,
    encode_batch,
    event_type,
)
from whistle_shared.contracts import vocabulary as words
from whistle_shared.contracts.intake import WhistleBlown

# -- any value of any type of the contracts ---------------------------------------------------------------------

NAMES = st.text("ABCXYZabcxyz019._-", max_size=31).map(lambda rest: f"A{rest}")
WRITTEN = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
VISIBLE = WRITTEN.map(lambda text: f"吹{text}哨")
TIMES = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
WHOLE = st.integers(-(2**53), 2**53)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | WHOLE | WRITTEN,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(WRITTEN, inner, max_size=2),
    max_leaves=5,
)
KNOWN: list[tuple[object, st.SearchStrategy[Any]]] = [
    (words.Code, NAMES),
    (words.Text, VISIBLE | st.just("")),
    (words.Title, VISIBLE),
    (words.ShortText, VISIBLE),
    (words.LongText, VISIBLE),
    (words.Round, st.integers(1, 10_000)),
    (words.Version, st.integers(0, 2**31 - 1)),
    (words.Attempt, st.integers(1, 10_000)),
    (words.Instant, TIMES),
    (UUID, st.uuids()),
    (bool, st.booleans()),
    (int, WHOLE),
    (float, st.floats(allow_nan=False, allow_infinity=False)),
    (str, WRITTEN),
    (None, st.none()),
    (type(None), st.none()),
    (Any, JSON),
]


def values(of: Any) -> st.SearchStrategy[Any]:
    """Any value of an annotation that the contracts use. A new kind of annotation is an error here, not a gap."""
    for annotation, strategy in KNOWN:
        if of == annotation:
            return strategy
    origin, inner = get_origin(of), get_args(of)
    if origin is Annotated and inner[0] in (int, float):
        return _within(inner[0], inner[1].metadata)
    if origin is Literal:
        return st.sampled_from(inner)
    if origin in (Union, types.UnionType):
        return st.one_of([values(each) for each in inner])
    if origin is tuple:
        if inner[-1] is Ellipsis:
            return st.lists(values(inner[0]), max_size=2).map(tuple)
        return st.tuples(*map(values, inner))
    if origin is dict:
        return st.dictionaries(values(inner[0]), values(inner[1]), max_size=2)
    if isinstance(of, type) and issubclass(of, BaseModel):
        return models(of)
    raise AssertionError(f"no values for {of!r}")


def _within(kind: type[int] | type[float], limits: list[Any]) -> st.SearchStrategy[Any]:
    low, high = (next(getattr(m, name) for m in limits if hasattr(m, name)) for name in ("ge", "le"))
    return st.integers(low, high) if kind is int else st.floats(low, high)


def models(model: type[BaseModel]) -> st.SearchStrategy[Any]:
    hints = get_type_hints(model, include_extras=True)
    return st.builds(model, **{name: values(hints[name]) for name in model.model_fields})


TRACES = st.none() | st.just(f"00-{'ab' * 16}-{'cd' * 8}-01")


def events(model: type[EventData]) -> st.SearchStrategy[Event[Any]]:
    producer = model.key.partition(".")[0]
    instances = (
        st.sampled_from(["department.hosted", "department.ga"]) if producer == "department" else st.just(producer)
    )
    return st.builds(
        Event,
        id=st.uuids(),
        producer=instances,
        subject=st.uuids().map(str) | st.just("registry"),
        time=TIMES,
        data=models(model),
        correlation_id=st.uuids(),
        causation_id=st.none() | st.uuids(),
        cause_time=st.none() | TIMES,
        subject_version=st.integers(0, 2**53),
        traceparent=TRACES,
    )


@pytest.mark.parametrize("key", sorted(TYPES))
@settings(max_examples=20, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_every_type_of_event_reads_back_as_it_was_written(key: str, data: st.DataObject) -> None:
    event = data.draw(events(TYPES[key]))
    (raw,) = decode_batch(encode(event), SINGLE)
    assert decode(raw, sender="someone") == replace(event, sender="someone")


# -- the envelope on the wire -------------------------------------------------------------------------------------

BLOWN = paperwork.event(
    WhistleBlown(whistle_id=paperwork.WHISTLE, round=1, facts=paperwork.facts(), departments=("CGJ",)), MONDAY
)
WHOLE_EVENT = replace(
    BLOWN,
    causation_id=paperwork.WHISTLE,
    cause_time=MONDAY,
    subject_version=3,
    traceparent=f"00-{'ab' * 16}-{'cd' * 8}-01",
)


def raw(event: Event[Any] = WHOLE_EVENT) -> dict[str, Any]:
    envelope: dict[str, Any] = orjson.loads(encode(event))
    return envelope


def test_the_attributes_are_those_of_cloudevents() -> None:
    envelope = raw()
    assert {name: value for name, value in envelope.items() if name not in ("id", "correlationid", "data")} == {
        "specversion": "1.0",
        "type": "intake.whistle_blown.v1",
        "source": "/whistle/intake",
        "subject": str(paperwork.WHISTLE),
        "time": "2026-06-01T01:00:00.000000Z",
        "datacontenttype": "application/json",
        "causationid": str(paperwork.WHISTLE),
        "causetime": "2026-06-01T01:00:00.000000Z",
        "subjectversion": 3,
        "traceparent": f"00-{'ab' * 16}-{'cd' * 8}-01",
    }
    assert all(name.isalnum() and name.islower() and len(name) <= 20 for name in envelope)


def test_what_is_not_known_is_left_out() -> None:
    assert not {"causationid", "causetime", "traceparent"} & set(raw(BLOWN))


def test_an_instance_is_part_of_the_source() -> None:
    envelope = raw(replace(BLOWN, producer="department.ga"))
    assert envelope["source"] == "/whistle/department/ga"
    assert decode(envelope).producer == "department.ga"


def test_an_event_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        BLOWN.data.round = 2


def test_the_same_event_has_the_same_bytes() -> None:
    assert encode(WHOLE_EVENT) == encode(decode(raw()))


# -- what is refused ----------------------------------------------------------------------------------------------

GONE = object()
SHORT = [GONE, None, "", 5, {}, "x" * 201, "a\0b"]
MALFORMED: list[tuple[str, list[object]]] = [
    ("specversion", [GONE, None, "0.3", 1.0]),
    ("type", [GONE, None, "", "intake.whistle_blown", "intake.whistle_blown.v2", "intake.nothing.v1", 7, ["x"]]),
    ("id", [*SHORT, "not-a-uuid"]),
    ("source", [*SHORT, "/other/intake", "whistle/intake"]),
    ("subject", SHORT),
    ("time", [*SHORT, "yesterday", "2026-06-01", "2026-06-01T09:00:00", "2026-13-01T09:00:00Z"]),
    ("correlationid", [*SHORT, "not-a-uuid"]),
    ("causationid", [*SHORT[1:], "not-a-uuid"]),
    ("causetime", [*SHORT[1:], "yesterday", "2026-06-01T09:00:00"]),
    ("subjectversion", [None, "three", "", {}, [], 1.5, True, -1]),
    ("traceparent", [5, {}, ["00"]]),
    ("data", [GONE, None, [], "text", {}]),
]


@pytest.mark.parametrize(("attribute", "value"), [(name, value) for name, wrong in MALFORMED for value in wrong])
def test_an_attribute_that_is_wrong_is_named(attribute: str, value: object) -> None:
    envelope = raw()
    if value is GONE:
        del envelope[attribute]
    else:
        envelope[attribute] = value
    with pytest.raises(Malformed, match=attribute):
        decode(envelope)


WRONG_DATA: list[tuple[str, Callable[[dict[str, Any]], object]]] = [
    ("whistle_id", lambda data: data.update(whistle_id="x")),
    ("whistle_id", lambda data: data.pop("whistle_id")),
    ("round", lambda data: data.update(round=0)),
    ("round", lambda data: data.update(round=10**12)),
    ("round", lambda data: data.update(round="first")),
    ("departments.0", lambda data: data.update(departments=["no code"])),
    ("facts", lambda data: data.update(facts=None)),
    ("facts.kind", lambda data: data["facts"].update(kind="party")),
    ("facts.title", lambda data: data["facts"].update(title="")),
    ("facts.title", lambda data: data["facts"].update(title="a\0b")),
    ("facts.description", lambda data: data["facts"].update(description="x" * 10_001)),
    ("facts.place", lambda data: data["facts"].update(place="\u200b ")),
    ("facts.blown_at", lambda data: data["facts"].update(blown_at="2026-06-01T09:00:00")),
]


@pytest.mark.parametrize(("field", "spoil"), WRONG_DATA)
def test_a_field_of_the_data_that_is_wrong_is_named(field: str, spoil: Callable[[dict[str, Any]], object]) -> None:
    envelope = raw()
    spoil(envelope["data"])
    with pytest.raises(Malformed, match=rf"^data of intake\.whistle_blown\.v1: {field}: ."):
        decode(envelope)


@settings(max_examples=100, deadline=None, database=None)
@given(envelope=st.dictionaries(st.sampled_from([name for name, _ in MALFORMED]), JSON))
def test_whatever_it_is_it_is_an_event_or_malformed(envelope: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        decode(envelope)


@settings(max_examples=200, deadline=None, database=None)
@given(
    attribute=st.sampled_from([name for name, _ in MALFORMED]),
    value=JSON | st.floats(allow_nan=False, allow_infinity=False),
)
def test_one_strange_attribute_is_taken_or_malformed(attribute: str, value: object) -> None:
    with suppress(Malformed):
        assert isinstance(decode({**raw(), attribute: value}), Event)


def test_unknown_fields_are_ignored_at_every_depth() -> None:
    """INVARIANT: an older reader survives a newer writer."""
    envelope = raw()
    envelope |= {"partitionkey": "x", "dataref": {"far": "away"}}
    envelope["data"] |= {"mood": "urgent", "whistle": {"colour": "red"}}
    envelope["data"]["facts"] |= {"weather": ["rain"]}
    assert decode(envelope) == replace(WHOLE_EVENT, sender="")


# -- batches --------------------------------------------------------------------------------------------------------


def test_a_batch_reads_back_in_order() -> None:
    several = [replace(BLOWN, id=UUID(int=n)) for n in range(5)]
    raws = decode_batch(encode_batch([encode(event) for event in several]), BATCH)
    assert [decode(each).id for each in raws] == [event.id for event in several]


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", SINGLE),
        (b"{", SINGLE),
        (b"\xff\xfe", SINGLE),
        (b'{"id": NaN}', SINGLE),
        (b'{"id": 1e400}', SINGLE),
        (b"[" * 100_000, SINGLE),
        (b"null", SINGLE),
        (b'"event"', SINGLE),
        (b"[{}]", SINGLE),
        (b"[{}]", None),
        (b"{}", BATCH),
        (b"[]", BATCH),
        (b"[{}, 1]", BATCH),
        (b"[[]]", BATCH),
    ],
)
def test_bytes_that_are_no_event_are_malformed(body: bytes, content_type: str | None) -> None:
    with pytest.raises(Malformed, match="body"):
        decode_batch(body, content_type)


@pytest.mark.parametrize("content_type", [SINGLE, "application/json", None, ""])
def test_without_the_word_batch_a_body_is_one_event(content_type: str | None) -> None:
    assert decode_batch(b'{"id": 1}', content_type) == [{"id": 1}]


# -- the registry of types ------------------------------------------------------------------------------------------


def test_every_type_is_registered_under_the_key_of_its_producer() -> None:
    everything = {model for model in descendants(EventData) if "key" in vars(model)}
    assert set(TYPES.values()) == everything
    assert len(TYPES) == len(everything)
    for key, model in TYPES.items():
        producer, name, version = key.split(".")
        assert model.__module__ == f"whistle_shared.contracts.{producer}"
        assert (model.key, version) == (key, "v1")
        assert name == "".join(f"_{ch.lower()}" if ch.isupper() else ch for ch in model.__name__).lstrip("_")
        assert event_type(key) is model


def descendants(model: type[EventData]) -> set[type[EventData]]:
    children = set(model.__subclasses__())
    return children.union(*map(descendants, children)) if children else set()


@pytest.mark.parametrize("key", ["", "intake.whistle_blown", "intake.whistle_blown.v2", "INTAKE.WHISTLE_BLOWN.V1"])
def test_a_type_or_a_version_that_this_build_does_not_know_is_unknown(key: str) -> None:
    assert event_type(key) is None


def test_every_text_of_the_contracts_refuses_what_a_database_cannot_keep() -> None:
    """A text field is `Text` or bounded; NUL and text without a visible character are refused in all of them."""
    for alias in (words.Text, words.Title, words.ShortText, words.LongText):
        model = type(
            "Note", (words.Frozen,), {"__annotations__": {"text": Annotated[alias, "as the contracts use it"]}}
        )
        for wrong in ("a\0b", "\u200b", "  "):
            with pytest.raises(ValidationError):
                model(text=wrong)
