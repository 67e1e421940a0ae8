"""An instant in a request is written out, with its offset; a number, also one in quotes, is none."""

import pytest
from pydantic import TypeAdapter, ValidationError

from whistle_shared.web import When

NONE = [
    1780000000,
    "1780000000",
    "1780000000.5",
    "-1780000000",
    "2026-06-02",
    "2026-06-02T10:00:00",
    "9999-12-31T23:59:59-12:00",
    "",
    None,
]


@pytest.mark.parametrize("said", NONE)
def test_what_is_no_instant_is_refused(said: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(When).validate_python(said)


@pytest.mark.parametrize("said", ["2026-06-02T10:00:00+08:00", "2026-06-02T02:00:00Z"])
def test_an_instant_is_kept_in_utc(said: str) -> None:
    assert TypeAdapter(When).validate_python(said).isoformat() == "2026-06-02T02:00:00+00:00"
