"""What a department is to do next with a task, and what else it may do. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from whistle_department import domain
from whistle_shared.contracts.vocabulary import Milestone
from whistle_shared.pages import mark

Act = Literal[
    "acknowledgement",
    "arrival",
    "departure",
    "progress",
    "contain",
    "plan",
    "repair",
    "restore",
    "submission",
    "resumption",
    "return",
    "suspension",
    "appeal",
]
# What somebody does, as a button says it.
NAMES: Mapping[Act, str] = {
    "acknowledgement": mark("签收"),
    "arrival": mark("到场报到"),
    "departure": mark("离场"),
    "progress": mark("记录进展"),
    "contain": mark("确认先期处置完成"),
    "plan": mark("填报处置方案"),
    "repair": mark("确认修复完成"),
    "restore": mark("确认恢复原状"),
    "submission": mark("提交办结"),
    "resumption": mark("恢复办理"),
    "return": mark("提出退单"),
    "suspension": mark("申请缓办"),
    "appeal": mark("申请评分复核"),
}
ASKING: tuple[Act, ...] = ("return", "suspension", "appeal")
"""What only whoever speaks for the department may do; more time is asked for beside the clock it is about."""
# Whose turn it is, where it is not the department's.
WAITS: Mapping[domain.State, str] = {
    "return_requested": mark("退单待区吹哨办裁定，裁定前时限照走。"),
    "disputed": mark("权责争议待区吹哨办裁定，裁定前时限照走。"),
    "submitted": mark("已提交，待街道核查。"),
    "accepted": mark("核查通过，待街道评价。"),
    "evaluated": mark("已评价，待销哨。"),
    "closed": mark("已销哨。"),
    "reassigned": mark("已改派其他部门，不再需要处置。"),
    "cancelled": mark("哨单已撤回，不再需要处置。"),
}
MILESTONES: tuple[Milestone, ...] = get_args(Milestone)
_BY_CLOCK: tuple[Milestone, ...] = ("contain", "plan")


@dataclass(frozen=True, slots=True)
class Steps:
    """`first`: the one big button, None when it is somebody else's turn; `others`: what the department may do besides;
    `seldom`: milestones that no clock waits for; `asking`: what only its heads may."""

    first: Act | None
    others: tuple[Act, ...]
    seldom: tuple[Act, ...]
    asking: tuple[Act, ...]


def steps(task: domain.Task, now: datetime) -> Steps:
    """Everything that is open at `now`."""
    open_ = _open(task, now)
    first = next_step(task, now)
    timed: set[str] = {term.name for term in task.terms}
    seldom = tuple(act for act in open_ if act in MILESTONES and act not in timed)
    others = tuple(act for act in open_ if act not in (first, *seldom, *ASKING))
    return Steps(first, others, seldom, tuple(act for act in open_ if act in ASKING))


def _open(task: domain.Task, now: datetime) -> list[Act]:
    acts: list[Act] = []
    for step in domain.legal_steps(task, now):
        if step == "milestones":
            acts += domain.open_milestones(task)
        elif step != "extension":
            acts.append(step)
    return acts


def next_step(task: domain.Task, now: datetime) -> Act | None:
    """Acknowledge, arrive, secure the site and file the plan where a clock waits for it, note how it goes, submit.
    After an order to do it again, submit again. Source: DOMAIN.md C.2."""
    open_ = _open(task, now)
    if task.state in ("return_requested", "disputed"):
        return "acknowledgement" if "acknowledgement" in open_ else None
    timed = {term.name for term in task.terms}
    wanted: list[Act] = ["acknowledgement", "resumption"]
    if task.arrived_at is None and task.presence != "none":
        wanted.append("arrival")
    wanted += [milestone for milestone in _BY_CLOCK if milestone in timed]
    if task.progressed_at is None and not task.attempt:
        wanted.append("progress")
    wanted.append("submission")
    if "restore" in timed:
        wanted.append("restore")
    return next((act for act in wanted if act in open_), None)
