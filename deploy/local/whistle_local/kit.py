"""`python -m whistle_local.kit`: builds what browsers get of `shared/kit` and the templates (see its build.mjs)."""

import subprocess
import sys
from pathlib import Path

from whistle_local.errors import StackError
from whistle_local.node import NODE, alone, packages

_PATIENCE = 600
_LONGEST_BUILD = 120


def kit_packages(project: Path = Path()) -> Path:
    """The folder whose `node_modules` the kit is built with; fetched when it is not there. Raises StackError."""
    return packages(project / "shared" / "kit", project / ".local", "kit", _PATIENCE)


def build(project: Path = Path()) -> None:
    """Make `shared/whistle_shared/pages/static` from its sources, or leave it when they have not changed.

    Raises StackError with what build.mjs says is wrong: an icon that does not exist, a script that cannot be read.
    """
    folder = kit_packages(project)
    program = (project / "shared" / "kit" / "build.mjs").resolve()
    with alone(project / ".local" / "kit-build.lock"):
        built = subprocess.run(
            [NODE, program], cwd=folder, stderr=subprocess.PIPE, text=True, timeout=_LONGEST_BUILD, check=False
        )
    if built.returncode != 0:
        raise StackError(f"the pages' kit cannot be built: {built.stderr.strip()}")


def main() -> int:
    """Build, and print the sizes of what is new."""
    try:
        build()
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
