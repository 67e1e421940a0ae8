"""`python -m screens pictures` and `python -m screens access`."""

import argparse
import asyncio
import sys

from screens import access, pictures, setting
from whistle_local import StackError

_DEEDS = {"pictures": pictures.take, "access": access.check}


def main() -> int:
    """Set the stage and look at every page; returns the exit code."""
    parser = argparse.ArgumentParser(prog="screens", description=__doc__)
    parser.add_argument("deed", choices=list(_DEEDS))
    parser.add_argument("--only", default="", metavar="PART", help="pages whose name has this in it")
    asked = parser.parse_args()
    try:
        return asyncio.run(_do(asked.deed, asked.only))
    except StackError as error:
        print(error, file=sys.stderr)
        return 1


async def _do(deed: str, wanted: str) -> int:
    async with setting.onlooker() as onlooker:
        return await _DEEDS[deed](onlooker, wanted)


if __name__ == "__main__":
    sys.exit(main())
