"""`python -m whistle_demo`, from the project's root: plays the demo, prints what happened, writes the summary.

Exit code 0: nothing lost, nothing doubled, all queues empty, nothing else wrong; 1: printed why; 2: cannot begin.
"""

import asyncio
import json
import os
import sys
from contextlib import ExitStack
from pathlib import Path
from time import monotonic

from rich.console import Console

from whistle_demo import count, messages, pack, play, scenario, show, stage
from whistle_demo.client import Refused
from whistle_demo.options import BadOption, Options
from whistle_demo.pack import Pack
from whistle_demo.scenario import Planned
from whistle_local import Stack, StackError

PROFILE = Path(".local/demo")
DISTRICT = Path("deploy/district/sample")
_PLAIN_WIDTH = 120


def main() -> int:
    """Runs the demo as the environment asks; returns the exit code."""
    console = Console() if sys.stdout.isatty() else Console(width=_PLAIN_WIDTH)
    try:
        options = Options.read(os.environ)
        district = pack.read(DISTRICT)
        plans = _plans(options.input, district, console)
        return _run(options, district, plans, console)
    except Refused as refused:
        console.print(f"[red]{refused}", highlight=False, soft_wrap=True)
        return 1
    except (BadOption, messages.BadFile, StackError, OSError) as error:
        console.print(f"[red]{error}", highlight=False, soft_wrap=True)
        return 2
    except KeyboardInterrupt:
        console.print("已中断，全部进程已停止 interrupted; everything has been stopped")
        return 130


def _plans(file: Path | None, district: Pack, console: Console) -> list[Planned]:
    if file is None:
        return scenario.script()
    read, skipped = messages.read(file)
    console.print(f"{file}: {len(read)} messages, {len(skipped)} rows left out")
    for reason in skipped[:5]:
        console.print(f"  {reason}")
    return scenario.from_messages(read, district)


def _run(options: Options, district: Pack, plans: list[Planned], console: Console) -> int:
    began = monotonic()
    with ExitStack() as exits:
        stack = exits.enter_context(Stack(PROFILE))

        def tell(text: str) -> None:
            console.print(f"{monotonic() - began:4.0f} s  {text}", soft_wrap=True)

        set_up = stage.build(stack, Path(), district, options.times, tell)
        tell(f"就绪 ready; {len(plans)} whistles to raise, business time × {options.times.rate:g}")
        _dashboard(set_up, console)
        with show.Progress(console, len(plans)) as progress:
            seen, ledger = asyncio.run(play.perform(set_up, plans, district, progress))
        summary, faults = count.summarise(seen, ledger, district, monotonic() - began)
        _write(summary)
        for table in show.tables(seen, ledger, district, summary):
            console.print(table)
        show.faults(console, faults)
        console.print(f"小结 summary: {PROFILE / 'summary.json'}", soft_wrap=True)
        if options.keep:
            _dashboard(set_up, console)
            exits.pop_all()
            console.print(f"保持运行 left running; stop it with: {_how_to_stop()}", soft_wrap=True)
    return 1 if faults else 0


def _dashboard(set_up: stage.Stage, console: Console) -> None:
    username, password = set_up.watcher
    sign_in = f"用户名 username {username}  密码 password {password}"
    console.print(f"看板 dashboard {set_up.addresses['escalation']}/  {sign_in}", soft_wrap=True, highlight=False)


def _how_to_stop() -> str:
    return f"{Path(sys.executable)} -m whistle_local --profile {PROFILE.name} down"


def _write(summary: count.Summary) -> None:
    (PROFILE / "summary.json").write_text(json.dumps(summary.as_json(), indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    sys.exit(main())
