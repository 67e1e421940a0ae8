"""Where things lie, found from this file and not from the folder the tests are started in."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ("intake", "dispatch", "department", "escalation")
SAMPLE = ROOT / "deploy" / "district" / "sample"
# Tests that run side by side (pytest-xdist) have a broker and a database for each worker.
_WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")
PROFILE = ROOT / ".local" / "-".join(filter(None, (os.environ.get("WHISTLE_TEST_PROFILE", "test"), _WORKER)))


def migrations(service: str) -> Path:
    """The folder of a service's migrations."""
    return ROOT / "services" / service / f"whistle_{service}" / "migrations" / "versions"


def package(service: str) -> Path:
    """The folder of a service's package."""
    return ROOT / "services" / service / f"whistle_{service}"


ENTRANCE = ROOT / "shared" / "whistle_shared" / "entrance"
"""The package whose templates, texts and static files the pages of every service stand on."""
