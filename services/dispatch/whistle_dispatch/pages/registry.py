"""The registry's pages: sheets to browse and to edit, what a change does, the history. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args
from urllib.parse import urlencode

from whistle_dispatch import domain
from whistle_dispatch.domain import SHEETS, Cells
from whistle_dispatch.domain.pack_cells import CLOCKS, NO_CLOCK
from whistle_shared.contracts.vocabulary import Kind, Presence, RungForm, Side, TaskRole, Urgency
from whistle_shared.pages import Words, mark

NAMES: Mapping[str, tuple[str, str, str]] = {
    "departments": (mark("部门"), "building", mark("谁能被吹哨，何时值守，由哪个实例服务")),
    "streets": (mark("街道"), "building-community", mark("谁能吹哨，是否要审签")),
    "grids": (mark("网格"), "map-2", mark("街道里最小的单元")),
    "people": (mark("值班人员"), "users", mark("每个岗位上是谁，管哪个网格")),
    "categories": (mark("分类与派单"), "route", mark("每个类别由谁主办、谁协办")),
    "keywords": (mark("关键词"), "tags", mark("哪些词指向哪个类别")),
    "duties": (mark("职责清单"), "clipboard-list", mark("街道的事、配合的事、收回的事")),
    "policies": (mark("时限"), "clock", mark("每种哨多久应、多久到、多久办完")),
    "ladders": (mark("升级阶梯"), "stairs-up", mark("超时之后依次惊动谁")),
    "regulation": (mark("机制参数"), "adjustments", mark("退单、延期、评分、考核的参数")),
    "years": (mark("年份"), "calendar", mark("发布哪些年的日历")),
    "hours": (mark("工作时间"), "clock-hour-9", mark("每天的工作时段和起算规则")),
    "seasons": (mark("季节作息"), "sun", mark("一年中作息不同的一段")),
    "days": (mark("放假与调休"), "calendar-event", mark("与周末不同的日子")),
    "map": (mark("地图"), "map-2", mark("网格的范围")),
}
GROUPS = (
    (mark("谁"), ("departments", "people", "streets", "grids")),
    (mark("派给谁"), ("categories", "keywords", "duties")),
    (mark("多久"), ("policies", "ladders", "regulation")),
    (mark("日历"), ("years", "hours", "seasons", "days")),
)
COLUMNS: Mapping[str, str] = {
    "code": mark("代码"),
    "name_zh": mark("中文名"),
    "name_en": mark("英文名"),
    "name": mark("姓名"),
    "org_type": mark("类型"),
    "instance": mark("服务实例"),
    "active": mark("启用"),
    "desk": mark("值班室"),
    "hours": mark("工作制"),
    "approval": mark("审签"),
    "street": mark("街道"),
    "major": mark("大类代码"),
    "major_zh": mark("大类中文名"),
    "major_en": mark("大类英文名"),
    "lead": mark("主办"),
    "assist": mark("协办"),
    "default_kind": mark("默认哨型"),
    "default_urgency": mark("默认紧急程度"),
    "kind": mark("哨型"),
    "urgency": mark("紧急程度"),
    "role": mark("角色"),
    "presence": mark("到场方式"),
    "side": mark("哪一侧"),
    "rung": mark("级"),
    "form": mark("方式"),
    "delay_critical": mark("特急等多久"),
    "delay_urgent": mark("紧急等多久"),
    "delay_normal": mark("一般等多久"),
    "delay_long_term": mark("长期等多久"),
    "every": mark("每隔多久重复"),
    "repeats": mark("重复次数"),
    "quiet": mark("免扰时段"),
    "organisation": mark("单位"),
    "grid": mark("网格"),
    "level": mark("清单"),
    "categories": mark("类别"),
    "category": mark("类别"),
    "department": mark("部门"),
    "word": mark("词"),
    "weight": mark("权重"),
    "setting": mark("参数"),
    "value": mark("值"),
    "year": mark("年份"),
    "official": mark("已有官方安排"),
    "first": mark("首日"),
    "last": mark("末日"),
    "windows": mark("时段"),
    "date": mark("日期"),
    "off": mark("放假"),
    "corners": mark("边界点数"),
}
LISTED: Mapping[str, tuple[str, ...]] = {
    **SHEETS,
    "departments": ("code", "name_zh", "name_en", "instance", "active", "desk", "hours"),
    "categories": ("code", "name_zh", "name_en", "lead", "assist", "default_kind", "default_urgency"),
    "policies": ("kind", "urgency", "role", "ack", "arrive", "contain", "plan", "resolve"),
    "ladders": ("side", "rung", "name_zh", "name_en", "form", "delay_critical", "delay_urgent", "delay_normal"),
    "duties": ("code", "level", "name_zh", "name_en", "categories", "department"),
}
"""Which columns a list shows; of two names the reader's."""
_YES_NO = {"true": mark("是"), "false": mark("否")}
_HOURS = {"always": mark("全天"), "work": mark("工作时间"), "none": mark("无人")}
VALUES: Mapping[str, Mapping[str, str]] = {
    "active": _YES_NO,
    "official": _YES_NO,
    "off": {"true": mark("放假"), "false": mark("上班")},
    "desk": _HOURS,
    "hours": {name: _HOURS[name] for name in ("always", "work")},
    "approval": {"automatic": mark("直接吹哨"), "review": mark("领导审签")},
    "level": {"basic": mark("街道职责"), "assisting": mark("街道配合"), "taken_back": mark("部门收回")},
}
VOCABULARIES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "kind": ("kind", get_args(Kind)),
    "default_kind": ("kind", get_args(Kind)),
    "urgency": ("urgency", get_args(Urgency)),
    "default_urgency": ("urgency", get_args(Urgency)),
    "presence": ("presence", get_args(Presence)),
    "side": ("side", get_args(Side)),
    "form": ("form", get_args(RungForm)),
}
LIMITS = frozenset({*CLOCKS, "every", *(f"delay_{urgency}" for urgency in get_args(Urgency))})
_DEPARTMENTS = frozenset({"lead", "department"})
HOW = {
    "load": mark("整包装入"),
    "change": mark("逐条修改"),
    "import": mark("表格导入"),
    "restoration": mark("恢复旧版"),
    "adoption": mark("采纳判例"),
}


@dataclass(frozen=True, slots=True)
class Field:
    """One cell of a form. `options` None: free text."""

    name: str
    label: str
    value: str
    options: list[tuple[str, str]] | None
    hint: str
    required: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a list: its address, its cells as they are read."""

    address: str
    cells: list[str]


@dataclass(frozen=True, slots=True)
class Told:
    """A difference in words."""

    sheet: str
    key: str
    how: str
    cells: list[tuple[str, str, str]]


def sheet_name(words: Words, sheet: str) -> str:
    return words.gettext(NAMES[sheet][0]) if sheet in NAMES else sheet


def column_name(words: Words, sheet: str, column: str) -> str:
    """The head of a column."""
    if column in CLOCKS:
        return words.clock(column)
    if sheet == "policies" and column == "role":
        return words.gettext("身份")
    if sheet == "people" and column == "role":
        return words.gettext("岗位")
    if sheet == "days" and column == "name":
        return words.gettext("名称")
    return words.gettext(COLUMNS[column]) if column in COLUMNS else column


def shown(words: Words, sheet: str, column: str, cell: str) -> str:
    """A cell as people read it."""
    if not cell:
        return words.gettext("立即") if column.startswith("delay_") else ""
    if column in VOCABULARIES:
        return words.of(VOCABULARIES[column][0], cell)
    if column in VALUES:
        known = VALUES[column].get(cell)
        return words.gettext(known) if known else cell
    if column in LIMITS:
        return _limit(words, cell)
    if column in _DEPARTMENTS:
        return words.department(cell)
    return _named(words, sheet, column, cell)


def _named(words: Words, sheet: str, column: str, cell: str) -> str:
    """Codes by their names."""
    comma = words.gettext("、")
    match sheet, column:
        case "policies", "role":
            return words.of("task_role", cell)
        case _, "assist":
            return comma.join(words.department(code) for code in cell.split(";"))
        case _, "categories" | "category":
            return comma.join(f"{code} {words.category(code)}" for code in cell.split(";"))
        case "grids", "street":
            return words.street(cell)
        case "people", "organisation":
            return words.organisation(cell)
        case "people", "role":
            return words.role(cell)
        case "regulation", "value" if "@" in cell:
            return _limit(words, cell)
    return cell


def _limit(words: Words, cell: str) -> str:
    if cell == NO_CLOCK:
        return words.gettext("不计时")
    try:
        return words.limit(cell)
    except (ValueError, KeyError):
        return cell


def columns_of(words: Words, sheet: str) -> list[str]:
    """Which columns a list shows in this language."""
    hidden = "name_en" if words.language == "zh" else "name_zh"
    listed = LISTED[sheet]
    both = "name_en" in listed and "name_zh" in listed
    return [column for column in listed if not (both and column == hidden)]


def address(sheet: str, key: Sequence[str]) -> str:
    """The page of one row."""
    return f"/registry/{sheet}/row?{urlencode([('key', part) for part in key])}"


def rows(words: Words, sheet: str, lines: Iterable[domain.Line]) -> list[Row]:
    """Rows of a list."""
    columns = columns_of(words, sheet)
    return [
        Row(
            address(sheet, domain.key_of(sheet, line.cells)),
            [shown(words, sheet, column, line.cells[column]) for column in columns],
        )
        for line in lines
    ]


def found(words: Words, sheet: str, lines: Iterable[domain.Line], wanted: str) -> list[domain.Line]:
    """Those rows that say what is looked for, in code or in words."""
    low = wanted.strip().lower()
    if not low:
        return list(lines)
    return [
        line
        for line in lines
        if any(
            low in cell.lower() or low in shown(words, sheet, column, cell).lower()
            for column, cell in line.cells.items()
        )
    ]


def fields(words: Words, sheet: str, cells: Cells) -> list[Field]:
    """The form of one row."""
    fixed = {"setting"} if sheet in domain.FIXED else set()
    return [
        Field(
            name=column,
            label=column_name(words, sheet, column),
            value=cells.get(column, ""),
            options=_options(words, sheet, column),
            hint=_hint(words, column),
            required=column in domain.KEY_OF[sheet] and column not in ("role", "grid"),
        )
        for column in SHEETS[sheet]
        if column not in fixed
    ]


def _options(words: Words, sheet: str, column: str) -> list[tuple[str, str]] | None:
    nothing = ("", words.gettext("（空）"))
    if column in VOCABULARIES:
        vocabulary, values = VOCABULARIES[column]
        known = [(value, words.of(vocabulary, value)) for value in values]
        return [nothing, *known] if column == "presence" else known
    if column in VALUES:
        return [(value, words.gettext(word)) for value, word in VALUES[column].items()]
    if sheet == "policies" and column == "role":
        roles = [(value, words.of("task_role", value)) for value in get_args(TaskRole)]
        return [("", words.gettext("所有身份")), *roles]
    if column in _DEPARTMENTS and words.registry is not None:
        return [nothing, *((row.code, words.department(row.code)) for row in words.registry.departments)]
    if sheet == "grids" and column == "street" and words.registry is not None:
        return [(row.code, words.street(row.code)) for row in words.registry.streets]
    return None


def _hint(words: Words, column: str) -> str:
    if column in ("assist", "categories"):
        return words.gettext("代码，多个用分号隔开")
    if column == "windows":
        return words.gettext("如 08:30-12:00;13:30-17:30")
    if column == "quiet":
        return words.gettext("如 22:00-07:00")
    return ""


def told(words: Words, differences: Iterable[domain.Difference]) -> list[Told]:
    """Differences in words."""
    return [_told(words, one) for one in differences]


def _told(words: Words, one: domain.Difference) -> Told:
    before, after = one.before or {}, one.after or {}
    how = "added" if one.before is None else "removed" if one.after is None else "changed"
    columns = [column for column in (*SHEETS.get(one.sheet, ()), "corners") if before.get(column) or after.get(column)]
    cells = [
        (
            column_name(words, one.sheet, column),
            shown(words, one.sheet, column, before.get(column, "")) if column in before else "",
            shown(words, one.sheet, column, after.get(column, "")) if column in after else "",
        )
        for column in columns
    ]
    return Told(sheet_name(words, one.sheet), key_words(words, one.sheet, one.key), how, cells)


def key_words(words: Words, sheet: str, key: Sequence[str]) -> str:
    """What a row is called."""
    columns = domain.KEY_OF.get(sheet, ())
    parts = [shown(words, sheet, column, part) for column, part in zip(columns, key, strict=False) if part]
    return " · ".join(parts) or " ".join(key)


def effect(words: Words, draft_effect: domain.Effect) -> dict[str, Any]:
    """What `_effect.html` needs."""
    return {
        "told": told(words, draft_effect.differences[:50]),
        "more": max(0, len(draft_effect.differences) - 50),
        "matters": draft_effect.matters,
        "touched": draft_effect.touched,
        "limits": [
            {
                "pair": " · ".join(
                    (words.of("kind", one.kind), words.of("urgency", one.urgency), words.of("task_role", one.role))
                ),
                "clock": words.clock(one.clock),
                "before": _limit(words, one.before) if one.before else words.gettext("不设"),
                "after": _limit(words, one.after) if one.after else words.gettext("不设"),
                "n": one.n,
            }
            for one in draft_effect.limits
        ],
        "routes": [
            {
                "category": words.category(one.category),
                "before": words.gettext("、").join(map(words.department, one.before)) or words.gettext("由吹哨办派单"),
                "after": words.gettext("、").join(map(words.department, one.after)) or words.gettext("由吹哨办派单"),
                "n": one.n,
            }
            for one in draft_effect.routes
        ],
    }


def fault_lines(words: Words, faults: Iterable[domain.Fault], tell: Any) -> list[dict[str, str]]:
    """Mistakes in words; `tell` says a reason in the reader's language."""
    return [
        {
            "sheet": sheet_name(words, fault.sheet) if fault.sheet else words.gettext("文件"),
            "row": str(fault.row) if fault.row else "",
            "column": column_name(words, fault.sheet, fault.column) if fault.column else "",
            "reason": tell(fault.reason),
        }
        for fault in faults
    ]
