"""What a stack needs between infrastructure and services: migrated databases, the topology, the sample district.

All of it is done by `whistlectl`, each command in a process of its own with the env file of the process concerned.
"""

import json
import secrets
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from whistle_local.errors import StackError
from whistle_local.services import SERVICES
from whistle_local.state import write_private

DISTRICT = Path("deploy/district/sample")


@dataclass(frozen=True)
class Holder:
    """Who gets a token of which service process, to work with the sample district."""

    process: str
    role: str
    scope: str

    @property
    def name(self) -> str:
        return f"{self.process} {self.role} {self.scope}"


HOLDERS = (
    Holder("intake", "street_initiator", "S01"),
    # S13 blows only what its leader has signed.
    Holder("intake", "community", "S13"),
    Holder("intake", "street_initiator", "S13"),
    Holder("intake", "street_approver", "S13"),
    Holder("intake", "arbitrator", "*"),
    Holder("dispatch", "arbitrator", "*"),
    Holder("department", "department_head", "CGJ"),
    Holder("department-ga", "department_head", "GA"),
    Holder("escalation", "arbitrator", "*"),
)


PEOPLE = (
    *(Holder(service.name, "administrator", "*") for service in SERVICES),
    Holder("escalation", "arbitrator", "*"),
    Holder("escalation", "street_initiator", "S01"),
    Holder("escalation", "department_head", "CGJ"),
    Holder("escalation", "auditor", "*"),
)
"""Who gets an account, to sign in to the pages; an administrator and an auditor set up a second factor first."""


def prepare(env_folder: Path, project: Path) -> None:
    """Migrates the databases and applies the topology side by side, then loads the project's sample district."""
    district = str(project / DISTRICT)
    _side_by_side(
        [
            *((env_folder / f"{s.name}.env", "migrate", s.module.removeprefix("whistle_")) for s in SERVICES),
            (env_folder / "ctl.env", "topology", "apply", "--pack", district),
        ]
    )
    whistlectl(env_folder / "dispatch.env", "registry", "load", district)


def tokens(file: Path, env_folder: Path) -> dict[str, str]:
    """Tokens to work with, by holder; each made once and then read from that file."""
    found: dict[str, str] = json.loads(file.read_text("utf-8")) if file.exists() else {}
    wanted = [holder for holder in HOLDERS if holder.name not in found]
    if wanted:
        made = _side_by_side(
            (
                *(env_folder / f"{holder.process}.env", "token", "create", "--plain", "--name", "make up"),
                *("--role", holder.role, "--scope", holder.scope),
            )
            for holder in wanted
        )
        found |= {holder.name: token.strip() for holder, token in zip(wanted, made, strict=True)}
        write_private(file, json.dumps(found, indent=1) + "\n")
    return found


def accounts(file: Path, env_folder: Path) -> dict[str, str]:
    """Accounts to sign in with: `username  password` by holder; each made once and then read from that file."""
    found: dict[str, str] = json.loads(file.read_text("utf-8")) if file.exists() else {}
    wanted = [(person, _username(person), _password()) for person in PEOPLE if person.name not in found]
    with ThreadPoolExecutor() as pool:
        for made in [pool.submit(_open_account, env_folder, *each) for each in wanted]:
            made.result()
    if wanted:
        found |= {person.name: f"{username}  {password}" for person, username, password in wanted}
        write_private(file, json.dumps(found, indent=1) + "\n")
    return found


def _username(person: Holder) -> str:
    return person.role if person.scope == "*" else f"{person.role}.{person.scope.lower()}"


def _password() -> str:
    return "-".join(secrets.token_hex(2) for _ in range(4))


def _open_account(env_folder: Path, person: Holder, username: str, password: str) -> None:
    named = ("--role", person.role, "--scope", person.scope, "--name", person.role.replace("_", " "))
    env_file = env_folder / f"{person.process}.env"
    whistlectl(env_file, "account", "create", username, *named, "--password-stdin", said=password)


def whistlectl(env_file: Path, *arguments: str, said: str = "") -> str:
    """Runs one whistlectl command with that env file; returns what it printed. `said`: what it reads. Raises StackError
    if it fails."""
    command = [sys.executable, "-m", "whistle_ctl", "--env-file", str(env_file), *arguments]
    result = subprocess.run(command, input=said, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        said = f"{result.stdout.strip()}\n{result.stderr.strip()}".strip()
        raise StackError(f"`whistlectl {' '.join(arguments)}` with {env_file.name} failed:\n{said}")
    return result.stdout


def _side_by_side(commands: Iterable[tuple[Path | str, ...]]) -> list[str]:
    with ThreadPoolExecutor() as pool:
        running = [pool.submit(whistlectl, Path(first), *map(str, rest)) for first, *rest in commands]
        return [future.result() for future in running]
