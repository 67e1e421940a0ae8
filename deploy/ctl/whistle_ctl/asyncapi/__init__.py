"""`whistlectl asyncapi`: the description of all events, for machines and for people, made from the running code.

Owns `docs/asyncapi.json` (AsyncAPI 3.0) and `docs/events.md`: payloads come from the contracts' models, consumers from
the services' SUBSCRIPTIONS, exchange and headers from the messaging package.
INVARIANT: the committed files say what the code does; a test makes them anew and compares.
"""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from whistle_ctl.asyncapi.catalogue import catalogue
from whistle_ctl.asyncapi.document import document

__all__ = ["catalogue", "command", "document", "files"]


def command(
    docs: Annotated[Path, typer.Argument(metavar="DIR", help="The folder that gets the two files.")],
) -> None:
    """Write asyncapi.json (AsyncAPI 3.0) and events.md (the same for people) into DIR."""
    for name, text in files().items():
        (docs / name).write_text(text, encoding="utf-8")
        typer.echo(f"{docs / name}")


def files() -> dict[str, str]:
    """Both files by name, as they should be now."""
    return {"asyncapi.json": _json(document()), "events.md": catalogue()}


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
