"""What one profile remembers between starts: its node name, its ports and its secrets (`state.json`, mode 0600).

INVARIANT: ports and secrets are chosen once, at the first start, and stay; a port that another program has
taken since is replaced, and only that one.
"""

import base64
import json
import os
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path

from whistle_local import ports


@dataclass
class State:
    """The content of `state.json`; `folder` is where it lies."""

    folder: Path
    node: str
    ports: dict[str, int] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)

    def port(self, name: str) -> int:
        """The recorded port of that name, chosen now if there is none or another program has taken it."""
        known = self.ports.get(name)
        if known is None or not ports.is_free(known):
            self.ports[name] = ports.choose(taken=self.ports.values())
        return self.ports[name]

    def secret(self, name: str) -> str:
        """The recorded secret of that name (letters and digits only: safe in URLs and configuration files)."""
        return self.secrets.setdefault(name, secrets.token_hex(16))

    def key(self, name: str) -> str:
        """The recorded key of that name: 32 random bytes in URL-safe base64."""
        return self.secrets.setdefault(name, base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())

    def save(self) -> None:
        """Writes `state.json` whole or not at all."""
        content = {key: value for key, value in asdict(self).items() if key != "folder"}
        write_private(self.folder / "state.json", json.dumps(content, indent=1) + "\n")


def load(folder: Path) -> State:
    """The state of the profile in that folder; a new one (not yet saved) if it was never started."""
    file = folder / "state.json"
    if file.exists():
        return State(folder=folder, **json.loads(file.read_text("utf-8")))
    return State(folder=folder, node=f"whistle-{secrets.token_hex(4)}@localhost")


def write_private(file: Path, text: str, mode: int = 0o600) -> None:
    """Replaces a file by this text, readable by its owner only; a crash leaves the old one or the new one."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(file.name + ".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8") as out:
        out.write(text)
    draft.replace(file)
