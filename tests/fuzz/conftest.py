"""How long the fuzzers go on (WHISTLE_FUZZ_MINUTES, set by `make fuzz`), and what they tell last. Without it they go on
briefly and with the same cases every time: what a change has broken shows, and what it has not does not."""

import os
from dataclasses import dataclass, field

import pytest

MINUTES = float(os.environ.get("WHISTLE_FUZZ_MINUTES", "0"))
collect_ignore = [] if MINUTES else ["test_http_long.py"]


@dataclass
class Tally:
    """Cases tried and failures, by what was tried."""

    cases: dict[str, int] = field(default_factory=dict)
    failures: dict[str, int] = field(default_factory=dict)

    def add(self, what: str, cases: int, failures: int) -> None:
        self.cases[what] = self.cases.get(what, 0) + cases
        self.failures[what] = self.failures.get(what, 0) + failures


TALLY = Tally()


@pytest.fixture(scope="session")
def tally() -> Tally:
    """What is told when all is over."""
    return TALLY


@pytest.fixture(scope="session")
def seconds() -> float:
    """How long HTTP and the broker are each tried; 0: a few cases of everything."""
    return MINUTES * 30


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if MINUTES and "fuzz" in item.path.parts:
            item.add_marker(pytest.mark.timeout(MINUTES * 60 + 300))


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    """The last lines of all, after pytest's own."""
    for what, cases in TALLY.cases.items():
        print(f"{what:34} {cases:>9,} cases  {TALLY.failures[what]:>5,} failures")
    if TALLY.cases:
        total, failed = sum(TALLY.cases.values()), sum(TALLY.failures.values())
        print(f"{'all':34} {total:>9,} cases  {failed:>5,} failures")
