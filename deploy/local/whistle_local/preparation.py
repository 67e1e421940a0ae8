"""What a stack needs between infrastructure and services: migrated databases, the topology, the sample district.

All of it is done by `whistlectl`, each command in a process of its own with the env file of the process concerned.
"""

import json
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from whistle_local.errors import StackError
from whistle_local.people import Person, people
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


def accounts(folder: Path, env_folder: Path, project: Path, password: str) -> None:
    """Accounts to sign in with, all with this password: one table for each process in `folder`, loaded once."""
    tables: dict[str, list[Person]] = {}
    for person in people(project / DISTRICT):
        tables.setdefault(person.process, []).append(person)
    wanted = {process: _as_csv(persons) for process, persons in tables.items()}
    for process, table in list(wanted.items()):
        file = folder / f"{process}.csv"
        if file.exists() and file.read_text("utf-8") == table:
            del wanted[process]
    with ThreadPoolExecutor() as pool:
        for loaded in [pool.submit(_load, folder, env_folder, *each, password) for each in wanted.items()]:
            loaded.result()


def _as_csv(persons: list[Person]) -> str:
    lines = (f"{one.username},{one.role},{one.scope},,{one.name}\n" for one in persons)
    return "".join(["username,role,scope,part,name\n", *lines])


def _load(folder: Path, env_folder: Path, process: str, table: str, password: str) -> None:
    """What lies under its own name has been loaded."""
    draft = folder / f"{process}.csv.new"
    write_private(draft, table)
    whistlectl(env_folder / f"{process}.env", "account", "load", str(draft), "--password-stdin", said=password)
    draft.replace(folder / f"{process}.csv")


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
