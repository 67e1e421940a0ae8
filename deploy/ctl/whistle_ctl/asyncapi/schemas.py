"""The payload schemas: the contracts' models as JSON Schema, and the envelope and headers that `encode` and the relay
write around them.

AsyncAPI's own schema dialect is draft 07 and more; pydantic writes draft 2020-12. The one construct that both use and
mean differently (a tuple of fixed length) is translated.
"""

from collections.abc import Iterable
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode
from pydantic_core import core_schema

from whistle_ctl.asyncapi.entries import Entry

Schema = dict[str, Any]
HERE = "#/components/schemas/"


class _Plain(GenerateJsonSchema):
    """Without a title on every field, and with fixed-length tuples in the words of draft 07."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def tuple_schema(self, schema: core_schema.TupleSchema) -> Schema:
        made = super().tuple_schema(schema)
        return {"items" if name == "prefixItems" else name: value for name, value in made.items()}


def payloads(entries: Iterable[Entry]) -> dict[str, Schema]:
    """Schemas by component name: each event's data under its key, each model inside under its own name."""
    found: dict[str, Schema] = {}
    for entry in entries:
        mode: JsonSchemaMode = "serialization"
        schema = entry.model.model_json_schema(ref_template=HERE + "{model}", schema_generator=_Plain, mode=mode)
        for name, inner in {**schema.pop("$defs", {}), entry.key: schema}.items():
            if found.setdefault(name, inner) != inner:
                raise ValueError(f"two models are called {name}")
    return found


def message(entry: Entry) -> Schema:
    """One event with its envelope."""
    source = "department/[a-z0-9_-]+" if entry.producer == "department" else entry.producer
    return {
        "allOf": [
            {"$ref": f"{HERE}CloudEvent"},
            {
                "type": "object",
                "properties": {
                    "type": {"const": entry.key},
                    "source": {"pattern": f"^/whistle/{source}$"},
                    "data": {"$ref": HERE + entry.key},
                },
            },
        ]
    }


def _text(description: str, **more: Any) -> Schema:
    return {"type": "string", "description": description, **more}


ENVELOPE: Schema = {
    "type": "object",
    "description": "CloudEvents 1.0 in structured JSON, with five extension attributes. Unknown attributes and fields "
    "are ignored.",
    "properties": {
        "specversion": {"const": "1.0"},
        "id": _text("UUIDv7. The same event keeps it however often it is sent.", format="uuid"),
        "type": _text("The event type: producer, past participle, version."),
        "source": _text("`/whistle/` and the producer; a department instance is named: `/whistle/department/ga`."),
        "subject": _text("The whistle's id, a report's id, or `registry`.", minLength=1, maxLength=200),
        "time": _text("Business time of the fact, UTC: it alone decides met or late.", format="date-time"),
        "datacontenttype": {"const": "application/json"},
        "correlationid": _text("One per matter's journey through the services.", format="uuid"),
        "causationid": _text("The event that this one answers; to its sender it is the receipt.", format="uuid"),
        "causetime": _text("Business time of that event.", format="date-time"),
        "subjectversion": {
            "type": "integer",
            "minimum": 1,
            "description": "Counts the events of one producer about one subject; never compared between producers.",
        },
        "traceparent": _text("W3C trace context."),
        "data": {"type": "object"},
    },
    "required": [
        "specversion",
        "id",
        "type",
        "source",
        "subject",
        "time",
        "datacontenttype",
        "correlationid",
        "subjectversion",
        "data",
    ],
}

HEADERS: Schema = {
    "type": "object",
    "description": "AMQP headers. `user_id` is set and checked by the broker: nobody can speak for another.",
    "properties": {
        "x-sent-ms": {"type": "integer", "description": "Wall time of sending, milliseconds since 1970."},
        "CC": {
            "type": "array",
            "items": {"type": "string", "pattern": "^to\\."},
            "description": "The departments that must see it, as routing keys `to.<department>`.",
        },
    },
    "required": ["x-sent-ms"],
}
