"""The words of the pages in one language: names from the registry, clocks, rungs, spans of time, local times.

Chinese is the source; `locale/en.po` holds the English. Texts in tables here are marked for extraction by `mark`.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from gettext import NullTranslations
from typing import Protocol
from zoneinfo import ZoneInfo

from babel.dates import format_datetime, format_timedelta

from whistle_shared.auth import EVERYWHERE
from whistle_shared.clockwork import parse_limit
from whistle_shared.pages.look import Language
from whistle_shared.registry import Registry

SHANGHAI = ZoneInfo("Asia/Shanghai")


def mark(text: str) -> str:
    """Names a text that is translated when it is shown."""
    return text


# Source of the words: DOMAIN.md sections B and C.6.
CLOCKS = {
    "dispatch": mark("派单"),
    "ack": mark("应哨"),
    "arrive": mark("报到"),
    "contain": mark("先期处置"),
    "first_meeting": mark("首次会商"),
    "plan": mark("报备方案"),
    "resolve": mark("办结"),
    "restore": mark("恢复原状"),
    "street_verify": mark("核查"),
    "evaluate": mark("评价"),
    "adjudication": mark("权责裁定"),
    "suspension_review": mark("缓办复核"),
    "reply": mark("函件回复"),
}
RUNGS = {
    5: mark("约谈"),
    4: mark("督办"),
    3: mark("指挥中心"),
    2: mark("函告"),
    1: mark("催办"),
}
RECEIVERS = {
    "intake": mark("吹哨受理服务"),
    "dispatch": mark("派单服务"),
    "department": mark("部门报到服务"),
    "escalation": mark("计时升级服务"),
}
# vocabulary → value → its word. Source: DOMAIN.md sections B and C, contracts/vocabulary.py.
VOCABULARY: Mapping[str, Mapping[str, str]] = {
    "kind": {
        "appeal": mark("群众诉求哨"),
        "key_work": mark("重点工作哨"),
        "enforcement": mark("综合执法哨"),
        "emergency": mark("应急处置哨"),
    },
    "urgency": {
        "critical": mark("特急"),
        "urgent": mark("紧急"),
        "normal": mark("一般"),
        "long_term": mark("长期"),
    },
    "task_role": {
        "lead": mark("主办"),
        "assist": mark("协办"),
        "co_handle": mark("合办"),
        "street_joint": mark("联办"),
    },
    "presence": {
        "none": mark("无需到场"),
        "online": mark("线上"),
        "meeting": mark("到会"),
        "on_site": mark("到场"),
    },
    "whistle_state": {
        "draft": mark("拟哨"),
        "pending_approval": mark("待审签"),
        "self_handled": mark("街道自办"),
        "joined": mark("已并哨"),
        "blown": mark("已吹哨"),
        "responding": mark("应哨中"),
        "on_scene": mark("已报到"),
        "handling": mark("处置中"),
        "suspended": mark("缓办"),
        "pending_verify": mark("待核查"),
        "pending_evaluation": mark("待评价"),
        "closed": mark("销哨"),
        "withdrawn": mark("撤哨"),
    },
    "task_state": {
        "dispatched": mark("待签收"),
        "acknowledged": mark("已应哨"),
        "arrived": mark("已报到"),
        "working": mark("处置中"),
        "submitted": mark("待核查"),
        "accepted": mark("核查通过"),
        "evaluated": mark("已评价"),
        "closed": mark("销哨"),
        "return_requested": mark("申请退单"),
        "disputed": mark("权责争议"),
        "reassigned": mark("已改派"),
        "suspended": mark("缓办"),
        "rework": mark("返工"),
        "cancelled": mark("已取消"),
    },
    "report_state": {
        "submitted": mark("待受理"),
        "handling": mark("办理中"),
        "handed_up": mark("已上报"),
        "drafted": mark("已拟哨"),
        "handled": mark("已办结"),
        "declined": mark("不予受理"),
        "closed": mark("已销哨"),
        "withdrawn": mark("已撤哨"),
    },
    "milestone": {
        "contain": mark("先期处置"),
        "plan": mark("报备方案"),
        "repair": mark("修复"),
        "restore": mark("恢复原状"),
    },
    "suspension": {
        "funding_approval": mark("资金或立项审批"),
        "lawsuit": mark("诉讼或仲裁"),
        "superior_approval": mark("上级审批"),
        "season_or_weather": mark("季节或天气"),
        "major_event": mark("重大活动"),
        "owner_vote": mark("业主表决"),
        "third_party": mark("依赖第三方"),
    },
    "form": {
        "reminder": mark("催办通知单"),
        "letter": mark("函告"),
        "red_light": mark("亮红灯"),
        "supervision": mark("督办单"),
        "notice": mark("通报"),
        "interview": mark("约谈"),
    },
    "satisfaction": {
        "satisfied": mark("满意"),
        "basically_satisfied": mark("基本满意"),
        "dissatisfied": mark("不满意"),
    },
    "channel": {
        "resident": mark("居民"),
        "informant": mark("信息员"),
        "grid_officer": mark("网格员"),
        "community": mark("社区"),
        "street": mark("街道"),
    },
    "clock_status": {
        "running": mark("计时中"),
        "paused": mark("暂停"),
        "met": mark("按时完成"),
        "met_late": mark("逾期完成"),
        "cancelled": mark("已取消"),
        "voided": mark("已作废"),
    },
    "request": {
        "return": mark("退单"),
        "extension": mark("延期"),
        "suspension": mark("缓办"),
        "appeal": mark("评分复核"),
    },
    "score_part": {
        "arrival": mark("到场及时"),
        "people": mark("人员与权限到位"),
        "handling": mark("处置及时"),
        "result": mark("处置结果"),
        "cooperation": mark("协同配合"),
        "citizen": mark("群众反映"),
    },
    "side": {
        "department": mark("部门侧"),
        "street": mark("街道侧"),
        "district": mark("区级"),
    },
}
WHISTLE_OFFICE = "whistle_office"
# Why something is due then. Source: DOMAIN.md C.7.
ROAD = {
    "natural": mark("自然时间"),
    "work": mark("工作时间"),
    "make_up": mark("调休上班"),
    "start_day": mark("起始日不计"),
    "weekend": mark("周末不计"),
    "day_off": mark("放假不计"),
}
SPANS = {
    "days": mark("%(days)s 天 %(hours)s 小时"),
    "hours": mark("%(hours)s 小时 %(minutes)s 分"),
    "minutes": mark("%(minutes)s 分 %(seconds)s 秒"),
    "seconds": mark("%(seconds)s 秒"),
    "left": mark("还剩 %(span)s"),
    "over": mark("超时 %(span)s"),
}


class Named(Protocol):
    """A row of the registry that has a name in both languages."""

    @property
    def name_zh(self) -> str: ...
    @property
    def name_en(self) -> str: ...


@dataclass(frozen=True)
class Words:
    """What is said in one language about one version of the registry (None: names are not known yet)."""

    language: Language
    texts: NullTranslations
    registry: Registry | None

    def gettext(self, text: str) -> str:
        """The text in this language."""
        return self.texts.gettext(text)

    def ngettext(self, one: str, many: str, n: int) -> str:
        """The form of the text for `n` things."""
        return self.texts.ngettext(one, many, n)

    def of(self, vocabulary: str, value: str) -> str:
        """The word for a value of a vocabulary: `of("urgency", "critical")` → `特急`. A newer one than we know is shown
        as it is."""
        known = VOCABULARY[vocabulary].get(value)
        return value if known is None else self.gettext(known)

    def each(self, vocabulary: str) -> list[tuple[str, str]]:
        """Every value of a vocabulary to choose from, as (value, word)."""
        return [(value, self.gettext(word)) for value, word in VOCABULARY[vocabulary].items()]

    def scope(self, scope: str) -> str:
        """What a scope is called, with its code; the code alone while the registry is not here."""
        if scope == EVERYWHERE:
            return self.gettext("全区")
        name = self.organisation(scope)
        return scope if name == scope else f"{name} {scope}"

    def category(self, code: str | None) -> str:
        """What a sub-category of matters is called."""
        if not code:
            return self.gettext("未定类别")
        known = self.registry.category_by_code.get(code) if self.registry else None
        return code if known is None else self.named(known)

    def clock(self, name: str) -> str:
        """What a clock waits for."""
        return self.gettext(CLOCKS[name])

    def rung(self, rung: int) -> str:
        """`L2 函告`; a rung beyond the known ones keeps its number alone."""
        return f"L{rung} {self.gettext(RUNGS[rung])}" if rung in RUNGS else f"L{rung}"

    def department(self, code: str) -> str:
        """A department's name, or its code while the registry is not here."""
        known = self.registry.department_by_code.get(code) if self.registry else None
        return code if known is None else self.named(known)

    def departments(self, but: Collection[str] = ()) -> list[tuple[str, str]]:
        """The active departments to choose from as (code, name), in the order of the registry."""
        known = self.registry.departments if self.registry else ()
        return [(row.code, self.named(row)) for row in known if row.active and row.code not in but]

    def street(self, code: str) -> str:
        """A street's name, or its code while the registry is not here."""
        known = self.registry.street_by_code.get(code) if self.registry else None
        return code if known is None else self.named(known)

    def organisation(self, code: str) -> str:
        """A street, a department, or `district`; the code while the registry is not here."""
        if code == "district":
            return self.of("side", code)
        name = self.street(code)
        return self.department(code) if name == code else name

    def role(self, code: str) -> str:
        """Whom a rung calls."""
        known = self.registry.rung_by_role.get(code) if self.registry else None
        return code if known is None else self.named(known)

    def rung_roles(self, rung: int) -> str:
        """Whom this rung calls, on whichever side: `区吹哨办`, `分管领导 / 街道办事处主任`."""
        rows = [row for row in self.registry.ladders if row.rung == rung] if self.registry else []
        return " / ".join(dict.fromkeys(map(self.named, rows)))

    def named(self, row: Named) -> str:
        """What a row of the registry is called."""
        return row.name_zh if self.language == "zh" else row.name_en

    def bound(self, side: str, department: str | None, street: str | None) -> str:
        """Who is bound by a clock of this side: the department, the street, or the district whistle office."""
        if side == "street" and street:
            return self.street(street)
        if side == "department" and department:
            return self.department(department)
        return self.role(WHISTLE_OFFICE)

    def receiver(self, name: str) -> str:
        """A service that events go to; an instance is named in brackets."""
        service, _, instance = name.partition(".")
        known = RECEIVERS.get(service)
        word = service if known is None else self.gettext(known)
        if not instance:
            return word
        return self.gettext("%(service)s（%(instance)s）") % {"service": word, "instance": instance}

    def limit(self, text: str) -> str:
        """A limit in words: `4h@work` → `4 个工作小时`."""
        if text.startswith("per_plan"):
            return self.gettext("按报备方案")
        limit = parse_limit(text)
        n = limit.amount
        amounts = {
            ("m", False): self.ngettext("%(n)s 分钟", "%(n)s 分钟", n),
            ("h", False): self.ngettext("%(n)s 小时", "%(n)s 小时", n),
            ("d", False): self.ngettext("%(n)s 天", "%(n)s 天", n),
            ("m", True): self.ngettext("%(n)s 个工作分钟", "%(n)s 个工作分钟", n),
            ("h", True): self.ngettext("%(n)s 个工作小时", "%(n)s 个工作小时", n),
            ("d", True): self.ngettext("%(n)s 个工作日", "%(n)s 个工作日", n),
        }
        return amounts[limit.unit, limit.is_working] % {"n": n}

    def spans(self) -> Mapping[str, str]:
        """How the page's script says how much time is left, or by how much it is over."""
        return {name: self.gettext(text) for name, text in SPANS.items()}

    def moment(self, at: datetime, now: datetime) -> str:
        """A business instant in local time: `10:32` today, else `06-03 10:32`."""
        local = at.astimezone(SHANGHAI)
        return local.strftime("%H:%M" if local.date() == now.astimezone(SHANGHAI).date() else "%m-%d %H:%M")

    def ago(self, at: datetime, now: datetime) -> str:
        """How long ago, or in how long: `3 分钟前`; the page's script goes on counting."""
        return format_timedelta(at - now, add_direction=True, locale=self.language)

    def exactly(self, at: datetime) -> str:
        """A business instant in full, in local time: `2026年6月1日 周一 10:32:05`."""
        pattern = "y年M月d日 EEE HH:mm:ss" if self.language == "zh" else "EEE d MMM y HH:mm:ss"
        return format_datetime(at, pattern, tzinfo=SHANGHAI, locale=self.language)


def iso(at: datetime) -> str:
    """For scripts: UTC, whole milliseconds."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def midnight(now: datetime) -> datetime:
    """The beginning of the local day, UTC."""
    return now.astimezone(SHANGHAI).replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)
