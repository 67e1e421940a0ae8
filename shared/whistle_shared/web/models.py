"""What every API shares: strict input models, instants in requests, and pages by cursor."""

from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

from fastapi import Query
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from whistle_shared.contracts.vocabulary import Instant, LongText
from whistle_shared.errors import Invalid
from whistle_shared.privacy import masked

Item = TypeVar("Item")


class Strict(BaseModel):
    """Input: unknown fields and wrong types are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def _written(value: object) -> object:
    """A number is no instant, also in quotes, though pydantic would take one."""
    if isinstance(value, str) and value[4:5] == "-":
        return value
    raise ValueError("must be an RFC 3339 time with an offset")


def _as_utc(value: datetime) -> datetime:
    return value.astimezone(UTC)


When = Annotated[
    Instant,
    BeforeValidator(_written),
    AfterValidator(_as_utc),
    Field(strict=False, examples=["2026-11-30T09:30:00Z"]),
]
"""An instant in a request; UTC once it is read."""

Blotted = AfterValidator(masked)
"""For a text that travels: numbers of persons are blotted out as it is read."""

Reason = Annotated[LongText, Field(max_length=2000), Blotted]
"""Why somebody does what they do."""


class Page(BaseModel, Generic[Item]):
    """One page of a list."""

    items: list[Item]
    next_cursor: str | None


class Problem(BaseModel):
    """RFC 9457 problem document."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str | None = None
    errors: list[dict[str, str]] | None = Field(None, description="`[{field, reason}]` where fields are at fault")


def _problem(text: str) -> dict[str, Any]:
    return {"description": text, "model": Problem, "content": {"application/problem+json": {}}}


PROBLEMS: dict[int | str, dict[str, Any]] = {
    400: _problem("The request cannot be read"),
    401: _problem("No valid bearer token"),
    403: _problem("The role may never do this"),
    404: _problem("Not there, or not for this caller"),
    408: _problem("The request did not come in time"),
    409: _problem("Not possible in this state"),
    413: _problem("The body is too large"),
    414: _problem("The address is too long"),
    415: _problem("Not application/json"),
    422: _problem("A field is at fault"),
    429: _problem("A budget is spent; `Retry-After` says when there is a new one"),
    431: _problem("The head of the request is too large"),
    503: _problem("Not available now; try again"),
}

Limit = Annotated[int, Query(ge=1, le=200, description="How many items at most")]
Cursor = Annotated[str | None, Query(max_length=64, description="`next_cursor` of the page before")]


def after(cursor: str | None) -> UUID | None:
    """The id behind a cursor. Raises Invalid for one that is not ours."""
    if cursor is None:
        return None
    try:
        return UUID(hex=cursor)
    except ValueError:
        raise Invalid("cursor", "is not a cursor of this list") from None


def next_cursor(ids: list[UUID], limit: int) -> str | None:
    """The cursor for the page after these, or None when this page was not full."""
    return ids[-1].hex if len(ids) == limit else None
