"""Formal letters: their numbers, their words, and the clock under which a reply is owed. Source: DOMAIN.md C.6.

INVARIANT: a letter names the limit that it is about, and says that it has passed only when it has.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

from whistle_escalation.domain.clocks import Clock
from whistle_escalation.domain.facts import About
from whistle_shared.contracts.dispatch import ClockSpec, LadderStep
from whistle_shared.contracts.vocabulary import ClockName, RungForm
from whistle_shared.worktime import SHANGHAI

WARN_PERCENT = (50, 80)
_SIGNS: dict[RungForm, str] = {"letter": "函", "supervision": "督", "notice": "通", "interview": "约"}
_WORDS: dict[RungForm, str] = {
    "letter": "关于“{title}”（{number}）的函：{standing}。请抓紧办理，并于{due}前书面回复。",
    "supervision": "督办单：“{title}”（{number}）{standing}，现予督办。请说明原因与措施，并于{due}前书面回复。",
    "notice": "通报：“{title}”（{number}）{standing}，现予通报。请于{due}前书面报告整改情况。",
    "interview": "约谈通知：“{title}”（{number}）{standing}，请主要负责人参加约谈，并于{due}前书面说明情况。",
}
_LIMITS: dict[ClockName, str] = {
    "ack": "应哨",
    "arrive": "报到",
    "contain": "先期处置",
    "first_meeting": "首次会商",
    "plan": "报备方案",
    "resolve": "办结",
    "restore": "恢复原状",
}


@dataclass(frozen=True, slots=True)
class Owed:
    """A letter that is to be written: for a rung (`escalation_id`), or by hand with a `text` of its own."""

    whistle_id: UUID
    task_id: UUID
    form: RungForm
    by: str
    escalation_id: UUID | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Series:
    """Letters are numbered within a year and a form."""

    year: int
    form: RungForm

    @classmethod
    def at(cls, now: datetime, form: RungForm) -> "Series":
        """The series of a letter written now (business, local year)."""
        return cls(now.astimezone(SHANGHAI).year, form)

    def number(self, serial: int) -> str:
        """`督〔2026〕7号`."""
        return f"{_SIGNS[self.form]}〔{self.year}〕{serial}号"


def is_letter(form: RungForm) -> bool:
    """Whether a rung of this form goes out in writing."""
    return form in _SIGNS


def letter_id(whistle_id: UUID, number: str) -> UUID:
    """A number is given once, so it names the letter."""
    return uuid5(whistle_id, f"letter/{number}")


def words(form: RungForm, about: About | None, clock: Clock | None, now: datetime, due: datetime) -> str:
    """What the letter of a rung says, in Chinese. `clock`: the one that climbed; `due`: until when a reply is owed."""
    title, number = (about.title, about.number) if about is not None else ("…", "…")
    return _WORDS[form].format(title=title, number=number, standing=_standing(clock, now), due=_when(due))


def _standing(clock: Clock | None, now: datetime) -> str:
    """How the clock stands, a department's own."""
    if clock is None:
        return "尚未办结"
    return f"{_LIMITS.get(clock.name, '办理')}时限{'已' if clock.due_at <= now else '将'}于{_when(clock.due_at)}届满"


def _when(at: datetime) -> str:
    local = at.astimezone(SHANGHAI)
    return f"{local.year}年{local.month}月{local.day}日 {local:%H:%M}"


def reply_terms(limit: str, ladder: tuple[LadderStep, ...]) -> ClockSpec:
    """The terms of the clock under which a reply is owed."""
    return ClockSpec(
        name="reply",
        side="department",
        limit=limit,
        warn_percent=WARN_PERCENT,
        pausable=False,
        extendable=False,
        ladder=ladder,
    )
