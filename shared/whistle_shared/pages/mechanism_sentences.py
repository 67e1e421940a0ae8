"""The feed's sentences about requests, decisions, verification and the ladder's finer parts. Pure.

Each type has one text, or one for each answer that its event may give.
"""

from collections.abc import Callable, Mapping
from typing import Any

from whistle_shared.pages.words import mark

Variant = Callable[[Mapping[str, Any]], str]

MILESTONES = {
    "contain": mark("完成先期处置"),
    "plan": mark("报备了处置方案"),
    "repair": mark("完成修复"),
    "restore": mark("恢复了原状"),
}

PLAIN: dict[str, str] = {
    "signature_missed": mark("%(street)s应急吹哨逾期未补签：%(title)s"),
    "whistle_joined": mark("%(street)s将另一报告并入此哨：%(title)s"),
    "task_verified": mark("街道核查%(department)s的处置，通过：%(title)s"),
    "task_rework_ordered": mark("街道核查未通过，%(department)s返工（%(reasons)s）：%(title)s"),
    "meeting_minuted": mark("%(street)s提交了会商纪要：%(title)s"),
    "task_urged": mark("%(by)s催办%(department)s（%(note)s）：%(title)s"),
    "task_reminded": mark("已向%(department)s发出催办（%(note)s）：%(title)s"),
    "task_resumed": mark("%(department)s的缓办结束，恢复计时：%(title)s"),
    "return_requested": mark("%(department)s申请退单（%(reason)s）：%(title)s"),
    "dispute_opened": mark("%(department)s的职责有争议，等待区吹哨办裁定：%(title)s"),
    "lead_changed": mark("改由%(department)s主办（%(reason)s）：%(title)s"),
    "extension_requested": mark("%(department)s申请延长%(clock)s时限（%(reason)s）：%(title)s"),
    "suspension_requested": mark("%(department)s申请缓办（%(reason)s）：%(title)s"),
    "score_appealed": mark("%(department)s对评分提出复核（%(reason)s）：%(title)s"),
    "letter_replied": mark("%(department)s已回复函件（%(person)s）：%(title)s"),
    "letter_issued": mark("已向%(department)s发出 %(number)s：%(title)s"),
    "rung_skipped": mark("%(rung)s无人值守（%(role)s），由上一级接替，%(who)s%(clock)s超时：%(title)s"),
    "clock_overlooked": mark("值守程序补上了漏看的时限，%(who)s的%(clock)s：%(title)s"),
}


def _granted(data: Mapping[str, Any]) -> str:
    return "granted" if data["granted"] else "refused"


VARIED: dict[str, tuple[Variant, dict[str, str]]] = {
    "whistle_reopened": (
        lambda data: str(data["cause"]),
        {
            "relapse": mark("问题回潮，重新吹哨：%(title)s"),
            "false_completion": mark("查实虚假办结，重新吹哨：%(title)s"),
            "dissatisfied": mark("回访不满意，重新吹哨：%(title)s"),
        },
    ),
    "whistle_closed": (
        lambda data: str(data["callback"]),
        {
            "done": mark("销哨，已回访：%(title)s"),
            "waived": mark("销哨，免回访：%(title)s"),
        },
    ),
    "task_evaluated": (
        lambda data: "by_default" if data["by_default"] else "scored",
        {
            "scored": mark("街道评价%(department)s，%(total)s 分：%(title)s"),
            "by_default": mark("街道逾期未评，%(department)s按默认记 %(total)s 分：%(title)s"),
        },
    ),
    "callback_recorded": (
        lambda data: "waived" if data["waived"] else str(data["satisfaction"] or "unreached"),
        {
            "waived": mark("%(street)s免于回访：%(title)s"),
            "unreached": mark("%(street)s回访，未联系上：%(title)s"),
            "satisfied": mark("%(street)s回访，满意：%(title)s"),
            "basically_satisfied": mark("%(street)s回访，基本满意：%(title)s"),
            "dissatisfied": mark("%(street)s回访，不满意：%(title)s"),
        },
    ),
    "extension_decided": (
        _granted,
        {
            "granted": mark("同意%(department)s的%(clock)s时限延至 %(due)s：%(title)s"),
            "refused": mark("不同意%(department)s延长%(clock)s时限（%(reason)s）：%(title)s"),
        },
    ),
    "suspension_decided": (
        _granted,
        {
            "granted": mark("同意%(department)s缓办，停止计时：%(title)s"),
            "refused": mark("不同意%(department)s缓办（%(reason)s）：%(title)s"),
        },
    ),
    "score_appeal_decided": (
        _granted,
        {
            "granted": mark("评分复核成立，%(department)s将重新记分：%(title)s"),
            "refused": mark("评分复核不成立，%(department)s维持原分（%(reason)s）：%(title)s"),
        },
    ),
    "return_decided": (
        lambda data: "upheld" if data["upheld"] else "refused",
        {
            "upheld": mark("%(department)s退单成立，改派他部门（%(reason)s）：%(title)s"),
            "refused": mark("%(department)s退单不成立，继续办理（%(reason)s）：%(title)s"),
        },
    ),
    "dispute_decided": (
        lambda data: "upheld" if data["upheld"] else "refused",
        {
            "upheld": mark("争议裁定：%(department)s不承担，改派他部门（%(reason)s）：%(title)s"),
            "refused": mark("争议裁定：仍由%(department)s办理（%(reason)s）：%(title)s"),
        },
    ),
    "milestone_reached": (
        lambda data: str(data["milestone"]),
        {name: mark("%(department)s%(milestone)s：%(title)s") for name in MILESTONES},
    ),
    "escalation_repeated": (
        lambda data: "stale" if data["stale"] else "unseen",
        {
            "stale": mark("知悉后仍无进展，再次报告 %(rung)s，%(who)s%(clock)s超时：%(title)s"),
            "unseen": mark("%(rung)s尚无人知悉，第 %(repeat)s 次重报，%(who)s%(clock)s超时：%(title)s"),
        },
    ),
}
