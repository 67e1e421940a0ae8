"""The definitions document is pure: what it binds, what it allows, and how a broker that differs is told apart."""

import base64
import re
from collections import Counter
from copy import deepcopy
from hashlib import sha256
from itertools import chain
from typing import Any

import pytest

from support.places import SAMPLE
from whistle_ctl.errors import Refused
from whistle_ctl.topology import Document, document_of, drift, instances, is_work_queue, read_passwords, reads_of
from whistle_dispatch.domain import read_pack
from whistle_shared.contracts import TYPES
from whistle_shared.messaging import DEAD_LETTERS, EVENTS, PARKING, RETRY_TIERS
from whistle_shared.registry import Registry

USERS = ("intake", "dispatch", "escalation", "department.hosted", "department.ga")
PASSWORDS = {user: f"password of {user}" for user in (*USERS, "ctl")}


@pytest.fixture(scope="module")
def registry() -> Registry:
    return read_pack(SAMPLE).registry


@pytest.fixture
def document(registry: Registry) -> Document:
    return document_of(registry, PASSWORDS)


def keys_of(document: Document, queue: str) -> list[str]:
    return [b["routing_key"] for b in document["bindings"] if (b["source"], b["destination"]) == (EVENTS, queue)]


def permission_of(document: Document, user: str) -> dict[str, str]:
    [found] = [permission for permission in document["permissions"] if permission["user"] == user]
    return dict(found)


# -- what is bound ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("service", ["intake", "dispatch", "escalation"])
def test_every_subscription_of_a_service_is_bound_to_its_queue_once(document: Document, service: str) -> None:
    keys = keys_of(document, f"{service}.in")
    assert keys
    assert Counter(keys) == Counter(reads_of(service))


@pytest.mark.parametrize("instance", ["hosted", "ga"])
def test_a_department_instance_gets_addressed_events_by_address_only(document: Document, instance: str) -> None:
    keys = keys_of(document, f"department.{instance}.in")
    by_type = [key for key in keys if not key.startswith("to.")]
    assert by_type
    assert Counter(by_type) == Counter(reads_of("department"))
    assert not [key for key in by_type if TYPES[key].addressed]


def test_every_event_type_has_a_reader(document: Document) -> None:
    """An event that reaches no queue is returned by the broker and would stay in the outbox for ever."""
    read = {binding["routing_key"] for binding in document["bindings"] if binding["source"] == EVENTS}
    assert set(TYPES) - read == set()


def test_every_department_is_bound_to_exactly_one_instance(document: Document, registry: Registry) -> None:
    """INVARIANT: every department is bound to exactly one instance's queue, and no active department is left
    without one."""
    addresses = [
        (binding["routing_key"], binding["destination"])
        for binding in document["bindings"]
        if binding["routing_key"].startswith("to.")
    ]
    expected = [(f"to.{row.code}", f"department.{row.instance}.in") for row in registry.departments]
    assert Counter(addresses) == Counter(expected)
    assert max(Counter(key for key, _ in addresses).values()) == 1


def test_a_department_that_is_no_longer_active_still_hears_of_its_running_tasks(registry: Registry) -> None:
    closed = registry.departments[0].model_copy(update={"active": False})
    changed = registry.model_copy(update={"departments": (closed, *registry.departments[1:])})
    assert f"to.{closed.code}" in keys_of(document_of(changed, PASSWORDS), f"department.{closed.instance}.in")


def test_retry_and_parking_are_bound_to_their_exchanges(document: Document) -> None:
    bound = {(b["source"], b["destination"]) for b in document["bindings"] if b["source"] != EVENTS}
    expected = {(f"whistle.retry.{tier}", f"retry.{tier}") for tier in RETRY_TIERS} | {(DEAD_LETTERS, PARKING)}
    assert bound == expected


def test_every_binding_joins_what_the_document_declares(document: Document) -> None:
    exchanges = {entry["name"] for entry in document["exchanges"]}
    queues = {entry["name"] for entry in document["queues"]}
    assert {binding["source"] for binding in document["bindings"]} == exchanges
    assert {binding["destination"] for binding in document["bindings"]} == queues


# -- who is refused -----------------------------------------------------------------------------------------


def test_an_active_department_without_an_instance_is_refused_by_name(registry: Registry) -> None:
    moved = registry.departments[3].model_copy(update={"instance": "far_away"})
    changed = registry.model_copy(update={"departments": (*registry.departments[:3], moved)})
    with pytest.raises(Refused, match=rf"{moved.code} \(instance 'far_away'\)"):
        instances(changed, PASSWORDS)
    closed = moved.model_copy(update={"active": False})
    assert instances(registry.model_copy(update={"departments": (closed,)}), PASSWORDS)


def test_a_service_without_a_password_is_refused_by_name(registry: Registry) -> None:
    with pytest.raises(Refused, match="escalation"):
        instances(registry, {user: word for user, word in PASSWORDS.items() if user != "escalation"})


def test_an_instance_whose_queue_no_policy_would_cover_is_refused_by_name(registry: Registry) -> None:
    with pytest.raises(Refused, match=r"department\.Far Away"):
        instances(registry, {**PASSWORDS, "department.Far Away": "x"})


@pytest.mark.parametrize("source", ["{", "[]", '{"intake": 5}', '{"intake": ""}', "no/such/file.json"])
def test_passwords_that_cannot_be_read_are_refused(source: str) -> None:
    with pytest.raises(Refused, match="WHISTLE_BROKER_PASSWORDS"):
        read_passwords(source)


# -- what a user may do -------------------------------------------------------------------------------------


@pytest.mark.parametrize("user", USERS)
def test_a_service_can_neither_configure_nor_read_or_write_what_is_not_its_own(document: Document, user: str) -> None:
    allowed = permission_of(document, user)
    names = [entry["name"] for entry in chain(document["queues"], document["exchanges"])]
    foreign = ["amq.default", "amq.topic", "whistleXev", f"{user}.in".replace(".", "X"), f"x{user}.in"]
    assert not [name for name in [*names, *foreign] if re.search(allowed["configure"], name)]
    assert [name for name in [*names, *foreign] if re.search(allowed["read"], name)] == [f"{user}.in"]
    writable = [name for name in [*names, *foreign] if re.search(allowed["write"], name)]
    assert writable == [entry["name"] for entry in document["exchanges"]]


@pytest.mark.parametrize("user", USERS)
def test_a_service_may_say_its_own_events_only_and_address_them(document: Document, user: str) -> None:
    [allowed] = [found for found in document["topic_permissions"] if found["user"] == user]
    assert (allowed["exchange"], re.search(allowed["read"], "to.GA")) == (EVENTS, None)
    own = {key for key in TYPES if key.split(".")[0] == user.split(".", maxsplit=1)[0]}
    assert own
    assert {key for key in TYPES if re.search(allowed["write"], key)} == own
    bound = {binding["routing_key"] for binding in document["bindings"] if binding["source"] == EVENTS}
    assert {key for key in bound if re.search(allowed["write"], key)} - own == {k for k in bound if k.startswith("to.")}
    for foreign in (
        "",
        "#",
        "*",
        "to.",
        "to.#",
        "x.to.GA",
        f"{user}",
        f"x{min(own)}",
        f"{min(own)}.x",
        f"{min(own)}\n",
    ):
        assert not re.search(allowed["write"].replace("$", r"\Z"), foreign), foreign


def test_the_operator_alone_is_administrator_and_may_do_everything(document: Document) -> None:
    assert {user["name"]: user["tags"] for user in document["users"]} == {
        **{user: [] for user in USERS},
        "ctl": ["administrator"],
    }
    allowed = permission_of(document, "ctl")
    assert (allowed["configure"], allowed["write"], allowed["read"]) == (".*", ".*", ".*")


def test_passwords_travel_as_salted_hashes_that_do_not_change_from_one_time_to_the_next(registry: Registry) -> None:
    document = document_of(registry, PASSWORDS)
    assert document == document_of(registry, PASSWORDS)
    assert not [word for word in PASSWORDS.values() if word in str(document)]
    for user in document["users"]:
        raw = base64.b64decode(user["password_hash"])
        assert raw[4:] == sha256(raw[:4] + PASSWORDS[user["name"]].encode()).digest()


# -- policies -----------------------------------------------------------------------------------------------


def test_each_queue_falls_under_exactly_one_policy(document: Document) -> None:
    for queue in document["queues"]:
        matching = [policy["name"] for policy in document["policies"] if re.search(policy["pattern"], queue["name"])]
        assert len(matching) == 1, (queue["name"], matching)
        assert (matching == ["work"]) == is_work_queue(queue["name"])


def test_an_instance_with_any_name_that_a_pack_may_give_is_a_work_queue() -> None:
    assert is_work_queue("department.some_long_name2.in")
    for foreign in ("parking", "retry.5s", "department..in", "department.a.b.in", "intake.in.x", "x.intake.in", ""):
        assert not is_work_queue(foreign)


def test_nothing_that_is_full_is_thrown_away(document: Document) -> None:
    assert {policy["definition"]["overflow"] for policy in document["policies"]} == {"reject-publish"}
    work = next(policy["definition"] for policy in document["policies"] if policy["name"] == "work")
    assert (work["dead-letter-exchange"], work["dead-letter-strategy"]) == (DEAD_LETTERS, "at-least-once")


# -- drift --------------------------------------------------------------------------------------------------


def without(document: Document, kind: str, index: int) -> Document:
    changed = deepcopy(document)
    del changed[kind][index]
    return changed


def test_a_broker_that_has_what_is_wanted_shows_no_drift(document: Document) -> None:
    newer: dict[str, Any] = deepcopy(document)
    for queue in newer["queues"]:
        queue["arguments"]["x-told-by-a-newer-broker"] = 1
    assert list(drift(document, newer)) == []


@pytest.mark.parametrize(
    "kind", ["users", "permissions", "topic_permissions", "exchanges", "queues", "bindings", "policies"]
)
def test_each_thing_that_is_missing_is_named(document: Document, kind: str) -> None:
    for index, entry in enumerate(document[kind]):
        found = list(drift(document, without(document, kind, index)))
        name = entry.get("name") or entry.get("user") or entry.get("destination")
        assert any(line.startswith("missing: ") and name in line for line in found), (entry, found)


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        ("users", "password_hash", "other"),
        ("users", "tags", ["management"]),
        ("permissions", "configure", ".*"),
        ("topic_permissions", "write", ".*"),
        ("exchanges", "type", "direct"),
        ("queues", "arguments", {"x-queue-type": "classic"}),
        ("policies", "pattern", ".*"),
        ("policies", "definition", {}),
    ],
)
def test_each_thing_that_is_otherwise_is_named_with_what_differs(
    document: Document, kind: str, field: str, value: object
) -> None:
    changed = deepcopy(document)
    changed[kind][0][field] = value
    assert any(line.startswith("different: ") and field in line for line in drift(document, changed))


def test_bindings_of_yesterdays_pack_are_drift_and_those_of_others_are_not(document: Document) -> None:
    changed = deepcopy(document)
    old = {**changed["bindings"][0], "destination": "department.hosted.in", "routing_key": "to.OLD"}
    foreign = {**old, "destination": "somebody-elses-queue"}
    elsewhere = {**old, "vhost": "other"}
    changed["bindings"] += [old, foreign, elsewhere]
    assert list(drift(document, changed)) == ["too much: binding of department.hosted.in to whistle.ev by 'to.OLD'"]


def test_a_queue_that_no_instance_reads_is_drift(document: Document) -> None:
    changed = deepcopy(document)
    changed["queues"].append({**changed["queues"][0], "name": "department.closed.in"})
    changed["queues"].append({**changed["queues"][0], "name": "somebody-elses-queue"})
    assert list(drift(document, changed)) == ["too much: queue department.closed.in: no instance reads it"]
