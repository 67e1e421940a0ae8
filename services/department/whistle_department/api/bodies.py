"""What the API is told: the bodies of its commands, strictly read."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BeforeValidator, ConfigDict, Field, StringConstraints

from whistle_shared.contracts.department import PlanStep
from whistle_shared.contracts.vocabulary import (
    ClockName,
    Code,
    LongText,
    Milestone,
    ShortText,
    SuspensionReason,
    Text,
)
from whistle_shared.web import Blotted, Reason, Strict, When


def _text_only(value: object) -> object:
    if isinstance(value, str):
        return value
    raise ValueError("must be text")


Id = Annotated[UUID, BeforeValidator(_text_only), Field(strict=False)]
Person = Annotated[Text, StringConstraints(min_length=1, max_length=100), Field(description="The duty person's name")]
Note = Annotated[LongText, Field(max_length=5000)]


def _example(value: dict[str, Any]) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [value]})


class Acknowledge(Strict):
    """The department takes the task on (应哨)."""

    model_config = _example({"person": "王建国"})

    person: Person


class CheckIn(Strict):
    """A responder reports in (报到)."""

    model_config = _example({"person": "王建国", "place": "东门路 12 号门前", "mode": "on_site", "photo": None})

    person: Person
    place: ShortText
    mode: Literal["on_site", "online", "meeting"]
    photo: Id | None = Field(None, description="A photo that somebody of this department has added")
    meeting_id: Id | None = Field(None, description="The joint meeting that is attended")


class CheckOut(Strict):
    """The last responder leaves (离场)."""

    model_config = _example({"person": "王建国", "note": "现场已恢复通行"})

    person: Person
    note: ShortText | Literal[""] = ""


class LogProgress(Strict):
    """How the work goes."""

    model_config = _example({"person": "王建国", "note": "围挡已设置，正在联系井盖权属单位。"})

    person: Person
    note: Note


class FiledStep(Strict):
    """One step of a plan, with the instant by which it is to be done."""

    name: ShortText
    due_at: When

    def said(self) -> PlanStep:
        return PlanStep(name=self.name, due_at=self.due_at)


class Reach(Strict):
    """The site is secured (contain), the plan filed (plan), the thing repaired or the surface restored."""

    model_config = _example({"person": "王建国", "milestone": "contain", "note": "已关阀并围挡", "plan": []})

    person: Person
    milestone: Milestone
    note: Note | Literal[""] = ""
    plan: list[FiledStep] = Field([], max_length=120, description="Of `plan`: its steps, at most 30 days apart")


class Submit(Strict):
    """The department says its work is done."""

    model_config = _example(
        {"person": "王建国", "result": "井盖已更换并复测牢固。", "evidence": ["019c5a70-5b1c-7c3e-9f0a-3d2b8a6c4e11"]}
    )

    person: Person
    result: Note
    evidence: list[Id] = Field([], max_length=20, description="Photos that somebody of this department has added")


class Return(Strict):
    """The department says that it is not its duty (退单); it cites an item of the duty list or a clause."""

    model_config = _example(
        {
            "person": "王建国",
            "duty": None,
            "basis": "《城市道路管理条例》第二十三条",
            "proper_department": "PSGS",
            "reason": "井盖属排水公司权属",
        }
    )

    person: Person
    duty: Code | None = Field(None, description="An item of the duty list")
    basis: ShortText | None = Field(None, description="A clause; may be left out with an item of the duty list")
    proper_department: Code
    reason: Reason


class Extend(Strict):
    """More time for one clock (延期), asked for before it is due."""

    model_config = _example(
        {"person": "王建国", "clock": "resolve", "due_at": "2026-11-26T10:00:00Z", "reason": "备件次日到货"}
    )

    person: Person
    clock: ClockName
    due_at: When
    reason: Reason


class Suspend(Strict):
    """The task is to stand still (缓办), for a reason of the closed list."""

    model_config = _example(
        {
            "person": "王建国",
            "cause": "superior_approval",
            "until": "2026-12-04T10:00:00Z",
            "reason": "占道施工待市级审批",
        }
    )

    person: Person
    cause: SuspensionReason
    until: When
    reason: Reason


class Resume(Strict):
    """The department works on a suspended task again."""

    model_config = _example({"person": "王建国", "reason": "审批已下达"})

    person: Person
    reason: Annotated[ShortText, Blotted] | Literal[""] = ""


class Appeal(Strict):
    """The department does not accept its score."""

    model_config = _example({"person": "王建国", "reason": "到场时间以签到记录为准"})

    person: Person
    reason: Reason


class Reply(Strict):
    """The answer to a formal letter (函告回复)."""

    model_config = _example({"person": "王建国", "reply": "已增派人员，今日 18 时前完成。"})

    person: Person
    reply: Note


class HandOver(Strict):
    """One shift hands over to the next (交接班): what lies open is listed by the service."""

    model_config = _example({"person": "王建国", "successor": "李敏", "note": "东门路井盖已围挡，备件明早到。"})

    person: Person
    successor: Annotated[Person, Field(description="Who is to take over")]
    note: Note | Literal[""] = ""


class TakeOver(Strict):
    """The next shift has read what lies open, and takes it over."""

    model_config = _example({"person": "李敏", "tasks": ["019c5a70-5b1c-7c3e-9f0a-3d2b8a6c4e11"]})

    person: Person
    tasks: list[Id] = Field([], max_length=500, description="Every task of the hand-over that is still open")
