"""The generated description of all events: up to date with the code, sound as an AsyncAPI 3.0 document, and true.

The document's form is checked against the fixed fields of the specification (source: AsyncAPI 3.0.0, by object);
schemas against JSON Schema draft 07, examples against the schemas and against the contracts themselves.
"""

import json
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator
from pydantic import create_model
from typer.testing import CliRunner

from support.places import ROOT
from whistle_ctl import asyncapi
from whistle_ctl.app import app
from whistle_ctl.asyncapi import entries, examples
from whistle_ctl.topology import reads_of
from whistle_shared.contracts import TYPES, decode
from whistle_shared.messaging import EVENTS

DOCUMENT = asyncapi.document()
SERVICES = ("intake", "dispatch", "department", "escalation")
KEYS = sorted(TYPES)
DOCS = ROOT / "docs"


@pytest.mark.parametrize("name", ["asyncapi.json", "events.md"])
def test_the_committed_files_say_what_the_code_does(name: str) -> None:
    """INVARIANT: the committed files say what the code does. When this fails: `whistlectl asyncapi docs`."""
    assert (DOCS / name).read_text(encoding="utf-8") == asyncapi.files()[name]


def test_the_command_writes_the_same_files(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["asyncapi", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()} == asyncapi.files()


# -- the form -------------------------------------------------------------------------------------------------------

# The fixed fields of each object of AsyncAPI 3.0.0 that the document uses: required, then optional.
FIELDS: dict[str, tuple[set[str], set[str]]] = {
    "document": (
        {"asyncapi", "info"},
        {"id", "servers", "defaultContentType", "channels", "operations", "components"},
    ),
    "info": ({"title", "version"}, {"description", "termsOfService", "contact", "license", "tags", "externalDocs"}),
    "server": (
        {"host", "protocol"},
        {"protocolVersion", "pathname", "description", "title", "summary", "variables", "security", "tags", "bindings"},
    ),
    "channel": (
        set(),
        {"address", "messages", "title", "summary", "description", "servers", "parameters", "tags", "bindings"},
    ),
    "parameter": (set(), {"enum", "default", "description", "examples", "location"}),
    "operation": (
        {"action", "channel"},
        {"title", "summary", "description", "security", "tags", "bindings", "traits", "messages", "reply"},
    ),
    "message": (
        set(),
        {
            *("headers", "payload", "correlationId", "contentType", "name", "title", "summary"),
            *("description", "tags", "externalDocs", "bindings", "examples", "traits"),
        },
    ),
    "example": (set(), {"headers", "payload", "name", "summary"}),
    "correlation": ({"location"}, {"description"}),
    "components": (
        set(),
        {
            *("schemas", "servers", "channels", "operations", "messages", "securitySchemes", "serverVariables"),
            *("parameters", "correlationIds", "replies", "replyAddresses", "externalDocs", "tags", "operationTraits"),
            *("messageTraits", "serverBindings", "channelBindings", "operationBindings", "messageBindings"),
        },
    ),
    "security": ({"type"}, {"description", "name", "in", "scheme", "bearerFormat", "flows", "openIdConnectUrl"}),
    "amqp channel": (set(), {"is", "exchange", "queue", "bindingVersion"}),
    "amqp exchange": (set(), {"name", "type", "durable", "autoDelete", "vhost"}),
    "amqp operation": (
        set(),
        {"expiration", "userId", "cc", "priority", "deliveryMode", "mandatory", "bcc", "timestamp", "ack"}
        | {"bindingVersion"},
    ),
    "amqp message": (set(), {"contentEncoding", "messageType", "bindingVersion"}),
}


def objects() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every object of the document that has fixed fields, with its kind and where it stands."""
    yield "document", "#", DOCUMENT
    yield "info", "info", DOCUMENT["info"]
    parts = DOCUMENT["components"]
    yield "components", "components", parts
    for kind, place in (
        ("server", DOCUMENT["servers"]),
        ("channel", DOCUMENT["channels"]),
        ("operation", DOCUMENT["operations"]),
        ("message", parts["messages"]),
        ("security", parts["securitySchemes"]),
    ):
        for name, found in place.items():
            yield kind, name, found
            for parameter, described in found.get("parameters", {}).items():
                yield "parameter", f"{name}.{parameter}", described
    for name, message in parts["messages"].items():
        yield "correlation", name, message["correlationId"]
        yield "amqp message", name, message["bindings"]["amqp"]
        for example in message["examples"]:
            yield "example", name, example
    for name, binding in parts["channelBindings"].items():
        yield "amqp channel", name, binding["amqp"]
        yield "amqp exchange", name, binding["amqp"]["exchange"]
    for name, binding in parts["operationBindings"].items():
        yield "amqp operation", name, binding["amqp"]


@pytest.mark.parametrize(
    ("kind", "found"), [pytest.param(kind, found, id=f"{kind} {name}") for kind, name, found in objects()]
)
def test_every_object_has_the_fields_of_the_specification(kind: str, found: dict[str, Any]) -> None:
    required, optional = FIELDS[kind]
    own = {name for name in found if not name.startswith("x-")}
    assert required <= own <= required | optional


def references(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for inner in value.values():
            yield from references(inner)
    if isinstance(value, list):
        for inner in value:
            yield from references(inner)


def resolved(reference: str) -> Any:
    """What a reference stands for, one step."""
    found: Any = DOCUMENT
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found


def test_every_reference_leads_somewhere() -> None:
    found = set(references(DOCUMENT))
    assert len(found) > 100
    for reference in found:
        assert reference.startswith("#/")
        assert resolved(reference)


def test_the_names_of_components_are_what_the_specification_allows() -> None:
    for group in DOCUMENT["components"].values():
        assert all(re.fullmatch(r"[A-Za-z0-9._-]+", name) for name in group)


def test_an_operation_names_messages_of_its_own_channel() -> None:
    for operation in DOCUMENT["operations"].values():
        assert operation["action"] in ("send", "receive")
        channel = operation["channel"]["$ref"]
        assert re.fullmatch(r"#/channels/[^/]+", channel)
        assert operation["messages"]
        for message in operation["messages"]:
            assert message["$ref"].startswith(f"{channel}/messages/")


def test_the_parameters_of_an_address_are_described() -> None:
    for channel in DOCUMENT["channels"].values():
        assert set(re.findall(r"\{(\w+)\}", channel["address"])) == set(channel.get("parameters", {}))
    addresses = [channel["address"] for channel in DOCUMENT["channels"].values()]
    assert len(set(addresses)) == len(addresses)


# -- schemas and examples ---------------------------------------------------------------------------------------------


def validator(schema: dict[str, Any]) -> Draft7Validator:
    """A schema of the document, its references resolved within the document."""
    return Draft7Validator({**DOCUMENT, **schema})


@pytest.mark.parametrize("name", sorted(DOCUMENT["components"]["schemas"]))
def test_every_schema_is_sound_and_described(name: str) -> None:
    schema = DOCUMENT["components"]["schemas"][name]
    Draft7Validator.check_schema(schema)
    assert "prefixItems" not in json.dumps(schema)
    assert schema["description"]
    assert "additionalProperties" not in schema, "a reader ignores what it does not know"


@pytest.mark.parametrize("key", KEYS)
def test_every_example_is_an_event_that_schema_and_contracts_accept(key: str) -> None:
    """INVARIANT: every example is an event that the contracts accept."""
    message = DOCUMENT["components"]["messages"][key]
    (example,) = message["examples"]
    assert list(validator(message["payload"]).iter_errors(example["payload"])) == []
    assert set(example["payload"]) == set(DOCUMENT["components"]["schemas"]["CloudEvent"]["properties"])
    event = decode(example["payload"])
    assert (event.key, event.producer.partition(".")[0]) == (key, key.partition(".")[0])


@pytest.mark.parametrize("key", KEYS)
def test_a_schema_refuses_what_the_contracts_refuse(key: str) -> None:
    """A field left out of the example is missed by the schema exactly when the contract asks for it."""
    schema = DOCUMENT["components"]["schemas"][key]
    data = DOCUMENT["components"]["messages"][key]["examples"][0]["payload"]["data"]
    judge = validator(schema)
    assert judge.is_valid(data)
    fields = TYPES[key].model_fields
    assert set(schema["properties"]) == set(data) == set(fields)
    for field, described in fields.items():
        without = {name: value for name, value in data.items() if name != field}
        assert judge.is_valid(without) != described.is_required()
    assert judge.is_valid({**data, "unknown": 1})


def test_a_field_without_an_example_value_is_an_error() -> None:
    stranger = create_model("Stranger", novelty=(int, ...))
    with pytest.raises(KeyError, match="novelty"):
        examples.example_data(stranger)


def test_windows_are_pairs_in_the_words_of_draft_07() -> None:
    windows = DOCUMENT["components"]["schemas"]["dispatch.calendar_published.v1"]["properties"]["windows"]
    assert windows["items"] == {
        "type": "array",
        "items": [{"type": "integer"}, {"type": "integer"}],
        "minItems": 2,
        "maxItems": 2,
    }


# -- the truth --------------------------------------------------------------------------------------------------------


def test_every_type_has_a_channel_on_the_one_exchange() -> None:
    assert set(DOCUMENT["channels"]) == {*TYPES, "to.department"}
    for key in TYPES:
        channel = DOCUMENT["channels"][key]
        assert channel["address"] == key
        assert resolved(channel["bindings"]["$ref"])["amqp"]["exchange"]["name"] == EVENTS


@pytest.mark.parametrize("service", SERVICES)
def test_who_hears_what_is_what_the_broker_is_told(service: str) -> None:
    """The receiving operations of a service are its bindings, as `whistlectl topology` makes them."""
    received = {
        name.removeprefix(f"{service}.receives."): operation["channel"]["$ref"].removeprefix("#/channels/")
        for name, operation in DOCUMENT["operations"].items()
        if name.startswith(f"{service}.receives.")
    }
    assert {key for key, channel in received.items() if channel == key} == set(reads_of(service))
    by_address = {key for key, channel in received.items() if channel != key}
    subscribed = {model.key for model in import_module(f"whistle_{service}.consumers").SUBSCRIPTIONS}
    assert by_address == subscribed - set(reads_of(service))
    assert all(received[key] == "to.department" and TYPES[key].addressed for key in by_address)


def test_every_type_is_said_by_its_producer_and_heard_by_somebody() -> None:
    for entry in entries.entries():
        assert f"{entry.producer}.sends.{entry.key}" in DOCUMENT["operations"]
        assert entry.when
        assert entry.consumers, f"nobody hears {entry.key}"


def test_whoever_owes_a_receipt_hears_the_event_and_is_heard_by_its_producer() -> None:
    """A receipt promised in a docstring can be given: both subscriptions are there (EVENTS.md R6)."""
    heard = {entry.key: entry.consumers for entry in entries.entries()}
    promised = 0
    for entry in entries.entries():
        for service in SERVICES:
            if service in entry.receipts:
                promised += 1
                assert service in entry.consumers, f"{service} owes a receipt for {entry.key} and does not hear it"
                answers = [key for key, consumers in heard.items() if entry.producer in consumers]
                assert any(key.startswith(f"{service}.") for key in answers), (
                    f"{entry.producer} does not hear {service}"
                )
    assert promised >= 8


@pytest.mark.parametrize("key", KEYS)
def test_the_catalogue_has_a_line_for_every_type(key: str) -> None:
    (line,) = [line for line in asyncapi.catalogue().splitlines() if line.startswith(f"| `{key}` |")]
    assert line.count(" | ") == 3
