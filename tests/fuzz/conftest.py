"""How long the fuzzers go on (WHISTLE_FUZZ_MINUTES, set by `make fuzz`; else briefly), and what they tell last."""

import os
from dataclasses import dataclass, field
from typing import Any

import pytest

MINUTES = float(os.environ.get("WHISTLE_FUZZ_MINUTES", "0"))


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
    """How long one fuzzer may go on: a third of the minutes asked for is each fuzzer's, a few seconds by default."""
    return MINUTES * 60 / 6 if MINUTES else 0.0


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if MINUTES and "fuzz" in item.path.parts:
            item.add_marker(pytest.mark.timeout(MINUTES * 60 + 300))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if not TALLY.cases:
        return
    terminalreporter.section("fuzzing")
    for what, cases in TALLY.cases.items():
        terminalreporter.write_line(f"{what:28} {cases:>9,} cases  {TALLY.failures[what]:>5,} failures")
    total, failed = sum(TALLY.cases.values()), sum(TALLY.failures.values())
    terminalreporter.write_line(f"{'all':28} {total:>9,} cases  {failed:>5,} failures")
