"""The AsyncAPI 3.0 document: a channel per event type and one for what is addressed to a department."""

from collections.abc import Iterator
from typing import Any

from whistle_ctl.asyncapi.entries import SERVICES, Entry, entries
from whistle_ctl.asyncapi.examples import example_event
from whistle_ctl.asyncapi.schemas import ENVELOPE, HEADERS, HERE, message, payloads
from whistle_shared.contracts import BATCH, SINGLE
from whistle_shared.messaging import EVENTS, queue_of

Document = dict[str, Any]
_BINDING = "0.3.0"
_ADDRESSED = "to.department"
_ABOUT = f"""Everything the services of Whistle (吹哨报到) say to one another.

One topic exchange, `{EVENTS}`; the routing key is the event type. Messages are persistent, confirmed by the broker
and delivered at least once: a consumer knows an event again by its `id`. Several events of one type that are sent
together travel as one batch (`{BATCH}`, a JSON array of the events described here).

An event with awaited receipts is sent again, with the same id, until an event of each consumer named answers it
(`causationid`). Models are additive for ever: fields are added, never changed or removed; anything else is `v2`
beside `v1`. An unknown type is parked.

Events marked as addressed reach a department instance only through a carbon copy with the routing key
`to.<department>`: it sees what concerns the departments it serves, and nothing else."""


def document() -> Document:
    """The whole document as plain JSON values. Pure: it depends on the code alone."""
    everything = list(entries())
    addressed = [entry for entry in everything if entry.addressed]
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Whistle 吹哨报到: events",
            "version": "1.0.0",
            "description": _ABOUT,
            "tags": [{"name": service} for service in SERVICES],
        },
        "defaultContentType": SINGLE,
        "servers": {"broker": _SERVER},
        "channels": {
            **{entry.key: _channel(entry) for entry in everything},
            _ADDRESSED: _addressed_channel(addressed),
        },
        "operations": dict(operation for entry in everything for operation in _operations(entry)),
        "components": {
            "messages": {entry.key: _message(entry) for entry in everything},
            "schemas": {"CloudEvent": ENVELOPE, "Headers": HEADERS, **payloads(everything)},
            "securitySchemes": {
                "user": {"type": "userPassword", "description": "One broker user per service or department instance."}
            },
            "channelBindings": {"events": {"amqp": _EXCHANGE}},
            "operationBindings": {"send": {"amqp": _SENDING}, "receive": {"amqp": _RECEIVING}},
        },
    }


_SERVER: Document = {
    "host": "localhost:5672",
    "pathname": "/whistle",
    "protocol": "amqp",
    "protocolVersion": "0.9.1",
    "description": "RabbitMQ 4; host and credentials are settings.",
    "security": [{"$ref": "#/components/securitySchemes/user"}],
}


_EXCHANGE: Document = {
    "is": "routingKey",
    "exchange": {"name": EVENTS, "type": "topic", "durable": True, "autoDelete": False, "vhost": "whistle"},
    "bindingVersion": _BINDING,
}
_SENDING: Document = {"deliveryMode": 2, "mandatory": True, "bindingVersion": _BINDING}
_RECEIVING: Document = {"ack": True, "bindingVersion": _BINDING}


def _channel(entry: Entry) -> Document:
    return {
        "address": entry.key,
        "title": _title(entry),
        "description": entry.when,
        "messages": {entry.key: {"$ref": f"#/components/messages/{entry.key}"}},
        "tags": [{"name": entry.producer}],
        "bindings": {"$ref": "#/components/channelBindings/events"},
    }


def _addressed_channel(addressed: list[Entry]) -> Document:
    return {
        "address": "to.{department}",
        "title": "Addressed to a department",
        "description": "The carbon copies of addressed events, one routing key per department.",
        "parameters": {"department": {"description": "A department's code.", "examples": ["CGJ", "GA"]}},
        "messages": {entry.key: {"$ref": f"#/components/messages/{entry.key}"} for entry in addressed},
        "tags": [{"name": "department"}],
        "bindings": {"$ref": "#/components/channelBindings/events"},
    }


def _message(entry: Entry) -> Document:
    described = entry.when + (f" Receipts awaited from: {entry.receipts}." if entry.receipts else "")
    return {
        "name": entry.key,
        "title": _title(entry),
        "description": described,
        "contentType": SINGLE,
        "headers": {"$ref": f"{HERE}Headers"},
        "payload": message(entry),
        "correlationId": {"location": "$message.payload#/correlationid"},
        "tags": [{"name": entry.producer}],
        "bindings": {"amqp": {"messageType": entry.key, "bindingVersion": _BINDING}},
        "examples": [{"name": entry.name, "payload": example_event(entry)}],
        "x-producer": entry.producer,
        "x-consumers": list(entry.consumers),
        "x-addressed": entry.addressed,
    }


def _operations(entry: Entry) -> Iterator[tuple[str, Document]]:
    yield f"{entry.producer}.sends.{entry.key}", _operation(entry, "send", entry.producer, entry.key)
    for consumer in entry.consumers:
        channel = _ADDRESSED if entry.addressed and consumer == "department" else entry.key
        yield f"{consumer}.receives.{entry.key}", _operation(entry, "receive", consumer, channel)


def _operation(entry: Entry, action: str, service: str, channel: str) -> Document:
    queue = queue_of("department.<instance>" if service == "department" else service)
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "summary": f"{service} says it" if action == "send" else f"{service} hears it in the queue `{queue}`",
        "messages": [{"$ref": f"#/channels/{channel}/messages/{entry.key}"}],
        "tags": [{"name": service}],
        "bindings": {"$ref": f"#/components/operationBindings/{action}"},
    }


def _title(entry: Entry) -> str:
    return entry.name.replace("_", " ").capitalize()
