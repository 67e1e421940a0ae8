"""`python -m whistle_local up | down | status | infrastructure`: the stack of a profile, from the shell."""

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from whistle_local.errors import StackError
from whistle_local.people import JOURNEY, Step
from whistle_local.stack import Infrastructure, Stack


def main() -> int:
    """Runs one command; returns the exit code. A StackError is printed as its one sentence."""
    parser = argparse.ArgumentParser(prog="whistle_local", description=__doc__)
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("--profile", default="stack", help="state folder .local/<profile> (default: stack)")
    arguments = parser.parse_args()
    try:
        COMMANDS[arguments.command](Stack(Path(".local") / arguments.profile))
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def infrastructure(stack: Stack) -> None:
    """Starts broker and database, which go on after this command, and prints their addresses."""

    def start() -> None:
        _print(_addresses(stack.start_infrastructure()))

    _start_or_stop(stack, start)


def up(stack: Stack) -> None:
    """Starts everything, which goes on after this command; prints what programs need, and last what people need."""

    def start() -> None:
        addresses = _addresses(stack.start_infrastructure())
        stack.prepare(Path())
        sites = stack.start_services()
        _print({**sites, **addresses})
        print()
        _print({f"token {holder}": token for holder, token in stack.tokens().items()})
        print()
        _print_journey(sites, stack.accounts(Path()))

    _start_or_stop(stack, start)


def _print_journey(sites: Mapping[str, str], password: str) -> None:
    """A whistle's way through the pages: where each step is done, and as whom."""
    rows = [("page", "sign in as", "to do what"), *(_row(step, sites) for step in JOURNEY)]
    widths = [max(len(row[at]) for row in rows) for at in (0, 1)]
    print(f"A whistle's way through the pages. The password of every account: {password}\n")
    for page, who, what in rows:
        print(f"{page:{widths[0]}}  {who:{widths[1]}}  {what}")


def _row(step: Step, sites: Mapping[str, str]) -> tuple[str, str, str]:
    return sites[step.process] + step.path, ", ".join(step.usernames) or "nobody", step.what


def down(stack: Stack) -> None:
    """Stops everything of this profile."""
    stack.stop()


def status(stack: Stack) -> None:
    """Prints each program's state."""
    _print(stack.states() or {"stack": "not running"})


def _start_or_stop(stack: Stack, start: Callable[[], None]) -> None:
    """A start that fails or is interrupted leaves nothing running."""
    try:
        start()
    except BaseException:
        stack.stop()
        raise


def _addresses(known: Infrastructure) -> dict[str, str]:
    return {
        "database": known.database_admin_url,
        "broker": known.amqp_admin_url,
        "management": known.management_url,
    }


def _print(lines: Mapping[str, str]) -> None:
    for name, value in lines.items():
        print(f"{name:34} {value}")


COMMANDS = {"up": up, "down": down, "status": status, "infrastructure": infrastructure}

if __name__ == "__main__":
    sys.exit(main())
