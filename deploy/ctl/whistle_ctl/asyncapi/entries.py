"""What there is to say of each event type: who says it, when, who hears it, whose receipt ends its re-sending."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from inspect import getdoc

from whistle_shared.contracts import TYPES, EventData

SERVICES = ("intake", "dispatch", "department", "escalation")
_RECEIPT = re.compile(r"\s*\bReceipts?: ([^.]+)\.")


@dataclass(frozen=True, slots=True)
class Entry:
    """One event type. `when` and `receipts` are the two parts of the model's docstring; `consumers` subscribe to it."""

    key: str
    model: type[EventData]
    producer: str
    name: str
    when: str
    receipts: str
    consumers: tuple[str, ...]

    @property
    def addressed(self) -> bool:
        """Whether department instances get it only where it is addressed to their departments (EVENTS.md R7)."""
        return self.model.addressed


def entries() -> Iterator[Entry]:
    """Every event type, producer by producer."""
    subscribed = {service: _subscriptions(service) for service in SERVICES}
    for key, model in TYPES.items():
        producer, name, _ = key.split(".")
        when, receipts = _told(model)
        consumers = tuple(service for service in SERVICES if model in subscribed[service])
        yield Entry(key, model, producer, name, when, receipts, consumers)


def _subscriptions(service: str) -> set[type[EventData]]:
    return set(import_module(f"whistle_{service}.consumers").SUBSCRIPTIONS)


def _told(model: type[EventData]) -> tuple[str, str]:
    """A docstring without its sentence about receipts, and what that sentence names."""
    doc = " ".join((getdoc(model) or "").split())
    found = _RECEIPT.search(doc)
    return _RECEIPT.sub("", doc).strip(), found[1] if found else ""
