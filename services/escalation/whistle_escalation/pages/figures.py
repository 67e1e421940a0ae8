"""The measures for people: each figure with its formula in words, what went into it, and n beneath. Pure.

INVARIANT: a figure is never shown without its formula, its inputs, the version of the formulas and its n.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from whistle_escalation import measures
from whistle_escalation.measures import By, Counts, Measure
from whistle_escalation.pages.rows import address_of
from whistle_shared.pages import Words, mark
from whistle_shared.registry import Registry

MEASURES: Mapping[str, str] = {
    "acknowledgement": mark("按时应哨率"),
    "report_in": mark("按时报到率"),
    "on_time": mark("按期办结率"),
    "rework": mark("返工率"),
    "relapse": mark("回潮率"),
    "return_upheld": mark("退单成立率"),
    "dispute_loss": mark("退单不成立率"),
    "suspension": mark("缓办率"),
    "response": mark("响应率"),
    "solved": mark("解决率"),
    "satisfied": mark("满意率"),
    "composite": mark("三率综合"),
    "score": mark("街道评分"),
    "self_handling": mark("街道自办率"),
    "returned_tasks": mark("派错率"),
    "late_verification": mark("核查逾期率"),
    "late_scoring": mark("评分逾期率"),
    "self_closure": mark("撤哨率"),
    "missed_signature": mark("漏签率"),
    "index": mark("综合指数"),
    "whistle_rate": mark("吹哨率"),
    "excluded": mark("不计入考核"),
}
"""Source: DOMAIN.md C.8, docs/measures.md."""
CONTRIBUTIONS: Mapping[str, str] = {
    "acknowledged_in_time": mark("按时应哨"),
    "acknowledgements": mark("应哨时限已见分晓"),
    "arrived_in_time": mark("按时报到"),
    "presences": mark("报到时限已见分晓"),
    "on_time": mark("按期办结"),
    "due": mark("办结时限已见分晓或暂停"),
    "suspended_now": mark("正在缓办"),
    "reworked": mark("返过工"),
    "submitted": mark("提交过办结"),
    "relapsed": mark("回潮"),
    "closed": mark("主办并已销哨"),
    "returns_upheld": mark("退单成立"),
    "returns_refused": mark("退单不成立"),
    "returns": mark("已裁定的退单"),
    "suspended": mark("缓办过"),
    "tasks": mark("计入考核的任务"),
    "contacted": mark("联系上"),
    "callbacks": mark("有效回访"),
    "solved": mark("已解决"),
    "satisfied": mark("满意"),
    "basically_satisfied": mark("基本满意"),
    "score": mark("评分之和"),
    "scored": mark("已评分"),
    "self_handled": mark("领导退回自办"),
    "proposals": mark("自办与吹响的拟哨"),
    "street_returned": mark("退单成立（非其职责）"),
    "street_called": mark("街道所派任务"),
    "verified_late": mark("逾期核查"),
    "verifications": mark("核查"),
    "scored_late": mark("逾期评分"),
    "scorings": mark("应评分"),
    "withdrawn": mark("撤哨"),
    "whistles": mark("吹响的哨"),
    "signatures_missed": mark("逾期未补签"),
    "signatures": mark("应急哨"),
    "called": mark("被派任务"),
    "excluded": mark("不计入考核"),
    "no_shows": mark("应到未到"),
    "false_completions": mark("虚假办结"),
    "reworks": mark("返工次数"),
    "third_failed_checks": mark("第三次及以上核查不通过"),
}
WORSE = {
    "rework",
    "relapse",
    "dispute_loss",
    "suspension",
    "self_handling",
    "returned_tasks",
    "late_verification",
    "late_scoring",
    "self_closure",
    "missed_signature",
}
"""Of these more is worse."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One measure of one unit. `value`: as it is shown; None: nobody counts yet. `inputs`: (what, how many)."""

    name: str
    word: str
    value: str | None
    unit: str
    width: float
    formula: str
    inputs: Sequence[tuple[str, int]]
    n: int
    district: str | None
    worse: bool
    address: str


@dataclass(frozen=True, slots=True)
class UnitLine:
    """One department or street in the list, by its index."""

    code: str
    name: str
    index: str | None
    n: int
    address: str


def unit_name(words: Words, by: By, unit: str) -> str:
    """A department, a street, or the whole district."""
    if unit == measures.DISTRICT:
        return words.gettext("全区")
    return words.department(unit) if by == "department" else words.street(unit)


def formula(words: Words, measure: Measure, registry: Registry) -> str:
    """`按时应哨 ÷ 应哨时限已见分晓`."""
    weights = registry.regulation.assessing
    if measure.name == "composite":
        parts = ((weights.response_weight, "response"), (weights.solved_weight, "solved"))
        parts += ((weights.satisfied_weight, "satisfied"),)  # type: ignore[assignment]
        return " + ".join(f"{weight:g} × {words.gettext(MEASURES[name])}" for weight, name in parts)
    top = [contribution(words, name) for name in measure.numerator]
    top += [f"{weights.basically_satisfied:g} × {contribution(words, name)}" for name in measure.partly]
    bottom = " + ".join(contribution(words, name) for name in measure.denominator)
    less = "".join(f" − {contribution(words, name)}" for name in measure.less)
    return f"{_bracketed(' + '.join(top))} ÷ {_bracketed(bottom + less)}"


def _bracketed(text: str) -> str:
    return f"({text})" if " + " in text or " − " in text else text


def contribution(words: Words, name: str) -> str:
    """What a figure counts, in words."""
    known = CONTRIBUTIONS.get(name)
    return name if known is None else words.gettext(known)


def figures(
    words: Words, by: By, unit: str, period: str, counts: Mapping[str, Counts], registry: Registry
) -> list[Figure]:
    """Every measure of a unit, beside the district's."""
    own = {row["name"]: row for row in measures.number_rows(by, counts.get(unit, {}), registry)}
    whole = {row["name"]: row for row in measures.number_rows(by, counts.get(measures.DISTRICT, {}), registry)}
    asked = {"by": by} if unit == measures.DISTRICT else {"by": by, "unit": unit}
    found = []
    for name, row in own.items():
        measure = measures.MEASURES[name]
        value, sign, width = _shown(name, row["value"])
        found.append(
            Figure(
                name=name,
                word=words.gettext(MEASURES[name]),
                value=value,
                unit=sign,
                width=width,
                formula=formula(words, measure, registry),
                inputs=[
                    (contribution(words, part), counts.get(unit, {}).get(part, 0)) for part in measure.contributions
                ],
                n=row["n"],
                district=_shown(name, whole[name]["value"])[0] if unit != measures.DISTRICT else None,
                worse=name in WORSE,
                address=address_of(f"/statistics/{name}", **asked, period=period),
            )
        )
    return found


def _shown(name: str, value: str | None) -> tuple[str | None, str, float]:
    """A rate as per cent, a score as it is; and how long its bar is of 100."""
    if value is None:
        return None, "", 0.0
    if name == "score":
        return value, "", float(value)
    percent = float(value) * 100
    return f"{percent:.2f}".rstrip("0").rstrip("."), "%", round(min(percent, 100.0), 1)


def units(
    words: Words, by: By, period: str, counts: Mapping[str, Counts], registry: Registry, seen: Sequence[str]
) -> list[UnitLine]:
    """Those that the viewer may see, the best index first; who has none comes last."""
    standings = {standing.unit: measures.index_row(standing) for standing in measures.standings(by, counts, registry)}
    lines = [
        UnitLine(
            code=unit,
            name=unit_name(words, by, unit),
            index=standings[unit]["index"] if unit in standings else None,
            n=standings[unit]["n"] if unit in standings else 0,
            address=address_of("/statistics", by=by, unit=unit, period=period),
        )
        for unit in seen
    ]
    return sorted(lines, key=lambda line: (line.index is None, -float(line.index or 0), line.code))


def index(words: Words, by: By, unit: str, counts: Mapping[str, Counts], registry: Registry) -> dict[str, Any] | None:
    """A unit's index with what it is made of; None when it has nothing to be measured by."""
    row = next((measures.index_row(s) for s in measures.standings(by, counts, registry) if s.unit == unit), None)
    if row is None:
        return None
    weights = registry.regulation.assessing
    own = counts.get(unit, {})
    text = words.gettext("(n × 原始分 + k × 全区均值) ÷ (n + k)")
    if by == "street":
        raw = words.gettext("100 × 七项的平均：吹哨率离合理区间的远近，及 1 减六项占比")
        rate = measures.rate_row(unit, own, registry)
        return row | {"k": weights.shrink, "formula": text, "raw_formula": raw, "deductions": [], **rate}
    parts = (
        (weights.score_weight, words.gettext("街道评分")),
        (100 * weights.on_time_weight, words.gettext("按期办结率")),
        (100 * weights.composite_weight, words.gettext("三率综合")),
        (100 * weights.quality_weight, words.gettext("max(0, 1 − 返工率 − 回潮率)")),
    )
    raw = " + ".join(f"{weight:g} × {name}" for weight, name in parts) + words.gettext(" − 扣分")
    charged = (
        ("no_shows", weights.no_show),
        ("returns_refused", weights.unjustified_refusal),
        ("false_completions", weights.false_completion),
        ("reworks", weights.rework),
        ("third_failed_checks", weights.third_failed_check),
    )
    deductions = [(contribution(words, name), own.get(name, 0), f"{each:g}") for name, each in charged]
    return row | {"k": weights.shrink, "formula": text, "raw_formula": raw, "deductions": deductions}
