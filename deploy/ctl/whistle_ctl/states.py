"""`whistlectl states`: the state diagrams, made from the moves that the services' domains declare.

INVARIANT: a diagram shows every state that its code knows and no other; a test makes the page anew and compares.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from whistle_department import domain as department
from whistle_dispatch import domain as dispatch
from whistle_escalation import domain as escalation
from whistle_intake import domain as intake
from whistle_shared.contracts.vocabulary import ClockStatus

Move = tuple[str, str, str]
_HEAD = """# States

Made by `whistlectl states docs` from the code; do not edit. Who decides what, and which clock it starts or stops, is in
[events.md](events.md) and [mechanism.md](mechanism.md).
"""


@dataclass(frozen=True, slots=True)
class Machine:
    """One diagram. `moves`: (what happens, from, to). `starts`: where it begins. `names`: the states in Chinese."""

    title: str
    about: str
    states: Any
    moves: Iterable[Move]
    starts: tuple[str, ...]
    names: Mapping[str, str]


MACHINES: tuple[Machine, ...] = (
    Machine(
        "哨单 · Whistle (intake)",
        "What is stored is the stage; from *blown* to *pending_evaluation* the state follows from the tasks of the"
        " round, so a move may be skipped and a late responder never blocks the others.",
        intake.State,
        (*intake.STEPS, *intake.DERIVED),
        ("draft", "blown"),
        {
            "draft": "拟哨",
            "pending_approval": "待审签",
            "self_handled": "街道自办",
            "joined": "并入",
            "blown": "已吹哨",
            "responding": "应哨中",
            "on_scene": "已报到",
            "handling": "处置中",
            "suspended": "缓办",
            "pending_verify": "待核查",
            "pending_evaluation": "待评价",
            "closed": "销哨",
            "withdrawn": "撤哨",
        },
    ),
    Machine(
        "报到任务 · Task (department)",
        "The state follows from what was done and decided; while a request is pending every clock runs on.",
        department.State,
        department.MOVES,
        ("dispatched",),
        {
            "dispatched": "待签收",
            "acknowledged": "已应哨",
            "arrived": "已报到",
            "working": "处置中",
            "submitted": "待核查",
            "accepted": "核查通过",
            "evaluated": "已评价",
            "closed": "已办结",
            "return_requested": "退单待定",
            "disputed": "权责争议",
            "reassigned": "已改派",
            "suspended": "缓办",
            "rework": "返工",
            "cancelled": "已取消",
        },
    ),
    Machine(
        "报事 · Report (intake)",
        "From *drafted* on the state follows the whistle. A report goes up, from the grid to the community to the"
        " street, and never down.",
        intake.ReportState,
        (*intake.REPORT_STEPS, *intake.REPORT_FOLLOWS),
        ("submitted",),
        {
            "submitted": "待办",
            "handling": "办理中",
            "handed_up": "已上报",
            "drafted": "已拟哨",
            "handled": "已办结",
            "declined": "不予受理",
            "closed": "已销哨",
            "withdrawn": "已撤哨",
        },
    ),
    Machine(
        "派单 · Dispatch (dispatch)",
        "Who is responsible; tasks may join or be replaced while it is *dispatched*.",
        dispatch.State,
        dispatch.MOVES,
        ("awaiting_triage", "dispatched", "cancelled"),
        {"awaiting_triage": "待区办派单", "dispatched": "已派单", "closed": "已销哨", "cancelled": "已撤销"},
    ),
    Machine(
        "时钟 · Clock (escalation)",
        "Warnings, the breach and the rungs happen while it is *running* and change nothing about that.",
        ClockStatus,
        escalation.MOVES,
        ("running",),
        {
            "running": "计时",
            "paused": "暂停",
            "met": "按时",
            "met_late": "逾期完成",
            "cancelled": "取消",
            "voided": "作废",
        },
    ),
)


def page() -> str:
    """The whole page in Markdown."""
    return "\n".join([_HEAD, *map(_section, MACHINES)])


def _section(machine: Machine) -> str:
    declared = [f'    state "{machine.names[state]} {state}" as {state}' for state in get_args(machine.states)]
    begins = [f"    [*] --> {state}" for state in machine.starts]
    joined: dict[tuple[str, str], list[str]] = {}
    for label, source, target in machine.moves:
        joined.setdefault((source, target), []).append(label)
    moves = [f"    {a} --> {b}: {' / '.join(dict.fromkeys(labels))}" for (a, b), labels in joined.items()]
    left = {source for _, source, _ in machine.moves}
    ends = [f"    {state} --> [*]" for state in get_args(machine.states) if state not in left]
    lines = ["```mermaid", "stateDiagram-v2", *declared, *begins, *moves, *ends, "```"]
    return f"## {machine.title}\n\n{machine.about}\n\n" + "\n".join(lines) + "\n"


def command(
    docs: Annotated[Path, typer.Argument(metavar="DIR", help="The folder that gets states.md.")],
) -> None:
    """Write states.md, the state diagrams, into DIR."""
    file = docs / "states.md"
    file.write_text(page(), encoding="utf-8")
    typer.echo(f"{file}")
