"""Formal letters: their numbers, their words, and the clock under which a reply is owed. Source: DOMAIN.md C.6."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

from whistle_escalation.domain.facts import About
from whistle_shared.contracts.dispatch import ClockSpec, LadderStep
from whistle_shared.contracts.vocabulary import RungForm
from whistle_shared.worktime import SHANGHAI

WARN_PERCENT = (50, 80)
_SIGNS: dict[RungForm, str] = {"letter": "函", "supervision": "督", "notice": "通", "interview": "约"}
_WORDS: dict[RungForm, str] = {
    "letter": "关于“{title}”（{number}）的函：该事项已超过办理时限。请抓紧办理，并于{due}前书面回复。",
    "supervision": "督办单：“{title}”（{number}）逾期未结，现予督办。请说明原因与措施，并于{due}前书面回复。",
    "notice": "通报：“{title}”（{number}）逾期未结，现予通报。请于{due}前书面报告整改情况。",
    "interview": "约谈通知：“{title}”（{number}）长期逾期未结，请主要负责人参加约谈，并于{due}前书面说明情况。",
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


def words(form: RungForm, about: About | None, due: datetime) -> str:
    """What the letter of a rung says, in Chinese. `due`: until when a reply is owed."""
    local = due.astimezone(SHANGHAI)
    when = f"{local.year}年{local.month}月{local.day}日 {local:%H:%M}"
    title, number = (about.title, about.number) if about is not None else ("…", "…")
    return _WORDS[form].format(title=title, number=number, due=when)


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
