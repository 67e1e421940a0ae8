"""Makes the virtual environment with the standard library only: `python3 deploy/local/make_environment.py .venv`.

Debian and Ubuntu split the part of Python that puts pip into an environment off into the package python3-venv.
Where it is missing, pip comes from the host's pip, or else from the distribution's package python3-pip-whl,
downloaded and unpacked beside the environment: neither needs root and nothing is installed on the machine.
"""

import shutil
import subprocess
import sys
import tempfile
import venv
from importlib.util import find_spec
from pathlib import Path

OLDEST = (3, 11)


def main(folder: Path) -> str | None:
    """Makes the environment; returns what is wrong, in one sentence, if it cannot."""
    if sys.version_info < OLDEST:
        return f"Python {OLDEST[0]}.{OLDEST[1]} or newer is needed, this is {sys.version.split()[0]}: set PYTHON=…"
    has_ensurepip = find_spec("ensurepip") is not None
    venv.create(folder, clear=True, symlinks=True, with_pip=has_ensurepip)
    python = folder / "bin" / "python"
    if has_ensurepip or _pip_from_host(python) or _pip_from_distribution(python):
        return None
    shutil.rmtree(folder)
    return "this Python cannot make virtual environments: install the package python3-venv (or python3-pip)"


def _pip_from_host(python: Path) -> bool:
    return find_spec("pip") is not None and _succeeds(
        sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "pip"
    )


def _pip_from_distribution(python: Path) -> bool:
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        return False
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if not _succeeds("apt-get", "download", "--quiet", "python3-pip-whl", folder=folder):
            state = ["-o", f"Dir::State={folder}", "-o", f"Dir::Cache={folder}", "-o", "APT::Sandbox::User=root"]
            (folder / "lists" / "partial").mkdir(parents=True)
            (folder / "archives" / "partial").mkdir(parents=True)
            _succeeds("apt-get", *state, "update", "--quiet")
            _succeeds("apt-get", *state, "download", "--quiet", "python3-pip-whl", folder=folder)
        for archive in folder.glob("*.deb"):
            _succeeds("dpkg-deb", "-x", str(archive), str(folder))
        wheel = next(folder.glob("usr/share/python-wheels/pip-*.whl"), None)
        return wheel is not None and _succeeds(
            str(python), f"{wheel}/pip", "install", "--quiet", "--no-index", str(wheel)
        )


def _succeeds(*command: str, folder: Path | None = None) -> bool:
    return subprocess.run(command, cwd=folder, check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
