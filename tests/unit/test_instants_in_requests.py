"""An instant in a request is written out, with its offset; a number, also one in quotes, is none."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from whistle_department.api.bodies import Instant
from whistle_intake.api.decided import Moment

KINDS = [Instant, Moment]
NONE = [1780000000, "1780000000", "1780000000.5", "-1780000000", "2026-06-02", "2026-06-02T10:00:00", "", None]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("said", NONE)
def test_what_is_no_instant_is_refused(kind: Any, said: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(kind).validate_python(said)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("said", ["2026-06-02T10:00:00+08:00", "2026-06-02T02:00:00Z"])
def test_an_instant_is_kept_in_utc(kind: Any, said: str) -> None:
    assert TypeAdapter(kind).validate_python(said).isoformat() == "2026-06-02T02:00:00+00:00"
