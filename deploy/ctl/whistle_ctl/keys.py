"""`whistlectl keys`: the key file of one process (WHISTLE_KEYS_FILE), from which it seals, signs and tags.

INVARIANT: a key that was in a key file stays in it, also through a power failure: what it sealed can be opened.
"""

import os
from pathlib import Path
from typing import Annotated

import typer

from whistle_ctl.errors import Refused
from whistle_shared.keyring import Keyring, new_key
from whistle_shared.stores import settle

app = typer.Typer(no_args_is_help=True, help="The key file of one service process (WHISTLE_KEYS_FILE).")


@app.command("new")
def new_command(
    file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The key file to put it into, as its newest.")
    ] = None,
) -> None:
    """Make a key: print it, or put it on top of FILE, which is made if it is not there. Restart the process then."""
    if file is None:
        typer.echo(new_key())
        return
    typer.echo(f"{file} holds {put_on_top(file)} key(s); the newest seals and signs, the others still open and verify")


def put_on_top(file: Path) -> int:
    """Add a new key as the newest of a key file; returns how many there are. Raises Refused for a file that is none.

    The file is replaced whole, readable by its owner only.
    """
    try:
        before = file.read_text("utf-8") if file.exists() else ""
        if before.strip():
            Keyring.of(file)
    except (OSError, ValueError) as error:
        raise Refused(f"{file} is no key file: {error}") from None
    text = f"{new_key()}\n{before}"
    draft = file.with_name(f"{file.name}.new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
        out.write(text)
    if file.exists():
        kept = file.stat()
        os.chown(draft, kept.st_uid, kept.st_gid)
        draft.chmod(kept.st_mode & 0o777)
    settle(draft)
    draft.replace(file)
    settle(file.parent)
    return len([line for line in text.splitlines() if line.strip() and not line.strip().startswith("#")])
