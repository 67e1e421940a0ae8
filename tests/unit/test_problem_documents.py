"""What a problem document says of the fields at fault."""

import asyncio
from typing import Any, Literal

import orjson
import pytest
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

from whistle_shared.contracts.vocabulary import ShortText
from whistle_shared.web import problems


class Form(BaseModel):
    note: ShortText | Literal[""] = ""
    steps: list[ShortText | Literal[""]] = []
    amounts: dict[str, int] = {}


def faults(given: dict[str, Any]) -> list[dict[str, str]]:
    with pytest.raises(ValidationError) as refused:
        Form.model_validate(given)
    located = [{**item, "loc": ("body", *item["loc"])} for item in refused.value.errors()]
    answer = asyncio.run(problems._invalid(Request({"type": "http"}), RequestValidationError(located)))
    found: list[dict[str, str]] = orjson.loads(answer.body)["errors"]
    return found


def test_a_field_of_two_types_is_named_once_and_by_its_own_name() -> None:
    assert faults({"note": "x" * 501, "steps": ["", "\x00"]}) == [
        {"field": "note", "reason": "has 501 characters; at most 500 are allowed"},
        {"field": "steps.1", "reason": "must not contain the NUL character"},
    ]


def test_at_most_twenty_fields_are_named() -> None:
    found = faults({"amounts": {f"a{n}": "x" for n in range(30)}})
    assert [fault["field"] for fault in found] == [f"amounts.a{n}" for n in range(20)]
