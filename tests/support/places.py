"""Where things lie, found from this file and not from the folder the tests are started in."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ("intake", "dispatch", "department", "escalation")
SAMPLE = ROOT / "deploy" / "district" / "sample"
PROFILE = ROOT / ".local" / os.environ.get("WHISTLE_TEST_PROFILE", "test")


def migrations(service: str) -> Path:
    """The folder of a service's migrations."""
    return ROOT / "services" / service / f"whistle_{service}" / "migrations" / "versions"


def package(service: str) -> Path:
    """The folder of a service's package."""
    return ROOT / "services" / service / f"whistle_{service}"
