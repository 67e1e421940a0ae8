"""Events on their way out: which of them share a message, and what that message looks like."""

from collections import defaultdict
from itertools import pairwise
from typing import cast
from uuid import UUID, uuid4

from aio_pika import Message
from hypothesis import given, settings
from hypothesis import strategies as st

from support import paperwork
from support.clockface import MONDAY
from whistle_shared.contracts import BATCH, SINGLE, decode, decode_batch, encode
from whistle_shared.contracts.intake import WhistleWithdrawn
from whistle_shared.db import Outgoing
from whistle_shared.messaging import Publisher, Relay
from whistle_shared.messaging import relay as insides

MOST_EVENTS, MOST_BYTES = 50, 200_000


def outgoing(key: str = "intake.whistle_blown.v1", to: tuple[str, ...] = (), size: int = 10) -> Outgoing:
    return Outgoing(uuid4(), key, to, b"x" * size)


def coalesced(events: list[Outgoing]) -> list[tuple[str, tuple[str, ...], list[Outgoing]]]:
    return list(insides._coalesced(events))


EVENTS = st.lists(
    st.builds(
        outgoing,
        key=st.sampled_from(["intake.whistle_blown.v1", "dispatch.whistle_dispatched.v1"]),
        to=st.sampled_from([(), ("CGJ",), ("GA",), ("CGJ", "GA")]),
        size=st.sampled_from([1, 500, 60_000, 199_999, 200_000, 200_001, 500_000]),
    ),
    max_size=150,
)


@settings(max_examples=100, deadline=None, database=None)
@given(EVENTS)
def test_every_event_travels_once_with_its_own_kind_in_order(events: list[Outgoing]) -> None:
    """INVARIANT: what is handed over goes out once, to the departments it is for, in the order it was said."""
    messages = coalesced(events)
    asked: dict[tuple[str, tuple[str, ...]], list[UUID]] = defaultdict(list)
    sent: dict[tuple[str, tuple[str, ...]], list[UUID]] = defaultdict(list)
    for event in events:
        asked[event.key, event.to].append(event.event_id)
    for key, to, part in messages:
        assert {(event.key, event.to) for event in part} == {(key, to)}
        sent[key, to] += [event.event_id for event in part]
    assert sent == asked


@settings(max_examples=100, deadline=None, database=None)
@given(EVENTS)
def test_no_message_is_empty_or_larger_than_its_limits(events: list[Outgoing]) -> None:
    for _, _, part in coalesced(events):
        assert 1 <= len(part) <= MOST_EVENTS
        assert len(part) == 1 or sum(len(event.body) for event in part) <= MOST_BYTES


@settings(max_examples=50, deadline=None, database=None)
@given(EVENTS)
def test_no_two_neighbours_would_have_fitted_together(events: list[Outgoing]) -> None:
    """Messages are not split without need: a part and the first event of the next one break a limit."""
    messages = coalesced(events)
    for (key, to, part), (next_key, next_to, following) in pairwise(messages):
        if (key, to) == (next_key, next_to):
            size = sum(len(event.body) for event in (*part, following[0]))
            assert len(part) == MOST_EVENTS or size > MOST_BYTES


def test_nothing_makes_no_message() -> None:
    assert coalesced([]) == []


def test_the_fifty_first_event_begins_a_second_message() -> None:
    assert [len(part) for _, _, part in coalesced([outgoing() for _ in range(101)])] == [50, 50, 1]


def message(to: tuple[str, ...], count: int) -> tuple[Message, list[Outgoing]]:
    data = WhistleWithdrawn(whistle_id=paperwork.WHISTLE, round=1, reason="重复", withdrawn_by="S01")
    events = [paperwork.event(data, MONDAY) for _ in range(count)]
    part = [Outgoing(event.id, event.key, to, encode(event)) for event in events]
    return Relay(cast(Publisher, None), "intake")._message(data.key, to, part), part


def test_one_event_travels_as_it_is() -> None:
    sent, (event,) = message((), 1)
    assert (sent.body, sent.content_type) == (event.body, SINGLE)
    assert (sent.message_id, sent.type, sent.user_id) == (str(event.event_id), event.key, "intake")
    assert sent.delivery_mode == 2, "a message that the broker keeps"
    assert "CC" not in sent.headers


def test_several_events_travel_as_a_batch_that_reads_back_whole() -> None:
    sent, events = message((), 3)
    assert (sent.content_type, sent.message_id) == (BATCH, str(events[0].event_id))
    read = [decode(raw) for raw in decode_batch(sent.body, sent.content_type)]
    assert [event.id for event in read] == [event.event_id for event in events]


def test_the_departments_called_are_named_in_cc_and_the_moment_of_sending_is_noted() -> None:
    sent, _ = message(("CGJ", "GA"), 1)
    assert sent.headers["CC"] == ["to.CGJ", "to.GA"]
    assert isinstance(sent.headers["x-sent-ms"], int)
