"""The event catalogue for people: one table per producer."""

from collections.abc import Iterable, Sequence

from whistle_ctl.asyncapi.entries import SERVICES, Entry, entries

_HEAD = """# Event catalogue

Made by `whistlectl asyncapi docs` from the code; do not edit. The same for machines, with schemas and examples:
[asyncapi.json](asyncapi.json).

- The routing key is the event type, `producer.event.vN`; the body is CloudEvents 1.0 in JSON.
- **Heard by**: the services that subscribe. *department* stands for every instance; with → it gets the event only
  where it is addressed to a department it serves (`to.<department>`).
- **Receipt**: whose answer ends the re-sending; — means that the broker's confirm is enough.
"""
_COLUMNS = ("Event", "When", "Heard by", "Receipt")


def catalogue() -> str:
    """The whole page in Markdown."""
    everything = list(entries())
    sections = [_section(service, [e for e in everything if e.producer == service]) for service in SERVICES]
    return "\n".join([_HEAD, *sections])


def _section(service: str, said: Iterable[Entry]) -> str:
    rows = [_row(_COLUMNS), _row(["---"] * len(_COLUMNS)), *map(_line, said)]
    return f"## Said by {service}\n\n" + "\n".join(rows) + "\n"


def _line(entry: Entry) -> str:
    return _row((f"`{entry.key}`", entry.when, ", ".join(_consumers(entry)) or "—", entry.receipts or "—"))


def _consumers(entry: Entry) -> Iterable[str]:
    for consumer in entry.consumers:
        yield f"→ {consumer}" if entry.addressed and consumer == "department" else consumer


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
