"""What people are answered: a body that must have come with the right status, and a whistle as it was blown."""

from dataclasses import dataclass
from typing import Any

import httpx


@dataclass(frozen=True, slots=True)
class Blown:
    """A whistle as its street was answered."""

    whistle_id: str
    number: str
    category: str | None
    view: dict[str, Any]


def expect(answer: httpx.Response, *statuses: int) -> dict[str, Any]:
    """The body of an answer that must have one of these statuses (default 200)."""
    assert answer.status_code in (statuses or (200,)), f"{answer.status_code}: {answer.text}"
    body: dict[str, Any] = answer.json()
    return body
