"""Finds a RabbitMQ to run: an installed one, or the distribution's packages unpacked under `.local/packages/`.

Unpacking needs no root and starts nothing: packages are fetched with `apt-get download` and opened with
`dpkg-deb -x`, and none of their install scripts runs.
INVARIANT: a folder `.local/packages/rabbitmq` is complete or absent.
"""

import fcntl
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from whistle_local.errors import StackError

ADVICE = (
    "install RabbitMQ (package rabbitmq-server; on macOS `brew install rabbitmq`), "
    "or give the address of a running one in AMQP_URL and RABBITMQ_MANAGEMENT_URL"
)
# The first is the script itself; the one that Debian and the RPMs put on the PATH changes user before it.
INSTALLED = ("/usr/lib/rabbitmq/bin/rabbitmq-server",)
MORE_PATH = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin", "/opt/homebrew/bin", "/usr/lib/erlang/bin")


@dataclass(frozen=True)
class RabbitInstallation:
    """Where the programs are, and the environment in which they find their Erlang and their libraries."""

    server: Path
    epmd: Path
    environment: dict[str, str]


def rabbitmq(packages: Path) -> RabbitInstallation:
    """The RabbitMQ of this machine; unpacks the distribution's packages into that folder if none is installed.

    Raises StackError with one sentence that says what to install.
    """
    return _installed() or _unpacked(packages / "rabbitmq") or _unpack_once(packages)


def _unpack_once(packages: Path) -> RabbitInstallation:
    """Two commands that start at the same time unpack once: the second waits for the first and finds its work done."""
    packages.mkdir(parents=True, exist_ok=True)
    with (packages / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _unpacked(packages / "rabbitmq") or _unpack(packages)


def _installed() -> RabbitInstallation | None:
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), *MORE_PATH])
    itself = (name for name in INSTALLED if os.access(name, os.X_OK))
    server = next(itself, shutil.which("rabbitmq-server", path=path))
    erlang = shutil.which("erl", path=path)
    if server is None or erlang is None:
        return None
    beside = Path(erlang).resolve().parent
    epmd = shutil.which("epmd", path=path) or next(map(str, beside.glob("../erts-*/bin/epmd")), None)
    return RabbitInstallation(Path(server), Path(epmd), {"PATH": path}) if epmd else None


def _unpacked(root: Path) -> RabbitInstallation | None:
    server = next(root.glob("usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin/rabbitmq-server"), None)
    epmd = next(root.glob("usr/lib/erlang/erts-*/bin/epmd"), None)
    if server is None or epmd is None:
        return None
    environment = {"PATH": f"{root}/usr/lib/erlang/bin{os.pathsep}{os.environ.get('PATH', os.defpath)}"}
    libraries = sorted({str(file.parent) for file in root.glob("usr/lib/*-linux-*/*.so.*")})
    if libraries:
        environment["LD_LIBRARY_PATH"] = os.pathsep.join(libraries)
    return RabbitInstallation(server, epmd, environment)


def _unpack(packages: Path) -> RabbitInstallation:
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise StackError(f"no rabbitmq-server found: {ADVICE}")
    print("fetching RabbitMQ from the distribution's packages…", file=sys.stderr)
    if " " in str(packages):
        raise StackError(f"RabbitMQ's scripts cannot run from a path with a space ({packages}): {ADVICE}")
    draft = packages / "rabbitmq.new"
    archives = packages / "archives"
    for folder in (draft, archives):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    for archive in _fetch_with_dependencies("rabbitmq-server", archives):
        _run("dpkg-deb", "-x", str(archive), str(draft))
    _write_relocatable_erl(draft / "usr/lib/erlang/bin/erl")
    shutil.rmtree(archives)
    shutil.rmtree(packages / "rabbitmq", ignore_errors=True)
    draft.rename(packages / "rabbitmq")
    installation = _unpacked(packages / "rabbitmq")
    if installation is None:
        raise StackError(f"the distribution's rabbitmq-server package has an unknown layout: {ADVICE}")
    return installation


def _write_relocatable_erl(script: Path) -> None:
    """The distribution's script names /usr/lib/erlang whatever the environment says."""
    script.write_text(
        "#!/bin/sh\n"
        'ROOTDIR=$(cd "$(dirname "$(readlink -f "$0")")/.." && pwd)\n'
        'BINDIR=$(echo "$ROOTDIR"/erts-*/bin)\n'
        "EMU=beam PROGNAME=erl\n"
        "export ROOTDIR BINDIR EMU PROGNAME\n"
        'exec "$BINDIR/erlexec" "$@"\n'
    )


def _fetch_with_dependencies(package: str, archives: Path) -> list[Path]:
    """Downloads the package with its Erlang parts and those shared libraries that this machine lacks."""
    options = _apt_options(package, archives)
    wanted, fetched = {package}, dict[str, Path]()
    while wanted:
        _run("apt-get", *options, "download", "--quiet", *sorted(wanted), folder=archives)
        fetched |= {name: next(archives.glob(f"{name}_*.deb")) for name in wanted}
        wanted = {name for new in wanted for name in _needs(fetched[new])} - fetched.keys()
    return list(fetched.values())


def _apt_options(package: str, archives: Path) -> list[str]:
    """The system's package lists, or private and fresh ones where those are missing or too old to download from."""
    system = ["-o", "APT::Sandbox::User=root"]
    try:
        _run("apt-get", *system, "download", "--quiet", package, folder=archives)
        return system
    except StackError:
        for part in ("lists/partial", "archives/partial"):
            (archives / "apt" / part).mkdir(parents=True, exist_ok=True)
        private = [*system, "-o", f"Dir::State={archives}/apt", "-o", f"Dir::Cache={archives}/apt"]
        _run("apt-get", *private, "update", "--quiet")
        return private


def _needs(archive: Path) -> Iterable[str]:
    for clause in _run("dpkg-deb", "-f", str(archive), "Depends").split(","):
        name = re.split(r"[\s(|:]", clause.strip())[0]
        if name.startswith("erlang-") or (name.startswith("lib") and not _is_installed(name)):
            yield name


def _is_installed(name: str) -> bool:
    query = ["dpkg-query", "--show", "--showformat=${db:Status-Status}", name]
    return subprocess.run(query, capture_output=True, text=True, check=False).stdout.startswith("installed")


def _run(*command: str, folder: Path | None = None) -> str:
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        reason = (result.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise StackError(f"`{' '.join(command[:1] + command[-2:])}` failed ({reason}): {ADVICE}")
    return result.stdout
