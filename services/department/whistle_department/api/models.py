"""What is said over HTTP: requests, strict, and views with their examples."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from whistle_department import domain
from whistle_shared.contracts.intake import WhistleFacts
from whistle_shared.contracts.vocabulary import (
    ClockName,
    ClockStatus,
    EscalationStatus,
    Kind,
    LongText,
    Presence,
    RungForm,
    ShortText,
    TaskRole,
    Text,
    Urgency,
)
from whistle_shared.web import Strict

Person = Annotated[Text, StringConstraints(min_length=1, max_length=100), Field(description="The duty person's name")]

At = Annotated[datetime, Field(examples=["2026-11-23T01:12:30.000000Z"])]
Department = Annotated[str, Field(examples=["CGJ"])]
Rung = Annotated[int, Field(description="Step of the ladder", examples=[1])]
LadderRole = Annotated[str, Field(description="Whom the rung calls", examples=["deputy_head"])]


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
    photo: ShortText | None = Field(None, description="Reference to a stored photo, never the photo itself")


class LogProgress(Strict):
    """How the work goes."""

    model_config = _example({"person": "王建国", "note": "围挡已设置，正在联系井盖权属单位。"})

    person: Person
    note: Annotated[LongText, Field(max_length=5000)]


class Submit(Strict):
    """The department says its work is done."""

    model_config = _example(
        {"person": "王建国", "result": "井盖已更换并复测牢固。", "evidence": ["photo/2026/11/23/0007-1.jpg"]}
    )

    person: Person
    result: Annotated[LongText, Field(max_length=5000)]
    evidence: list[ShortText] = Field([], max_length=20, description="References to stored evidence")


class TaskView(BaseModel):
    """One department's duty under a whistle, and how far it has come."""

    task_id: UUID
    whistle_id: UUID
    round: int = Field(examples=[1])
    department: Department
    role: TaskRole
    presence: Presence
    origin: str = Field(examples=["routed"])
    state: domain.State
    legal_steps: list[domain.Step] = Field(description="The steps that are open now")
    person: str | None = Field(description="Who acknowledged", examples=["王建国"])
    dispatched_at: At
    acknowledged_at: At | None
    arrived_at: At | None
    progressed_at: At | None = Field(description="The latest note")
    submitted_at: At | None
    cancelled_at: At | None
    cancel_reason: str | None = Field(examples=["居民已自行解决"])
    due_at: At | None = Field(description="What runs out first, overdue or not")


class BannerView(BaseModel):
    """The most serious thing about the task's time."""

    level: Literal["warned", "breached", "escalated"]
    clock: ClockName
    due_at: At | None
    percent: int | None = Field(description="Of a warning: how much of the limit has passed", examples=[80])
    rung: Rung | None = Field(description="Of an escalation: the highest open rung")
    role: LadderRole | None = Field(description="Of an escalation: whom the rung calls")
    acknowledged: bool = Field(description="Of an escalation: the one it calls has seen it")


class TaskItem(TaskView):
    """A task in a list, with what its whistle is about in brief."""

    number: str = Field(examples=["S01-20261123-0007"])
    kind: Kind
    urgency: Urgency
    street: str = Field(examples=["S01"])
    title: str = Field(examples=["井盖缺失"])
    place: str = Field(examples=["东门路 12 号门前"])
    banner: BannerView | None


class TaskPage(BaseModel):
    items: list[TaskItem]
    next_cursor: str | None = Field(examples=["5f0c7a526d0b5c1e9f550d9c2b7a1e11"])


class ClockView(BaseModel):
    """One time limit of the task as last heard."""

    name: ClockName
    limit: str = Field(description="As in the policy; empty when it is not known here", examples=["30m@natural"])
    status: ClockStatus | None = Field(description="null: has not started")
    due_at: At | None
    provisional: bool = Field(description="The due time rests on a year without an official calendar")
    warned_percent: int = Field(description="The highest warning given for this due time, or 0", examples=[80])
    breached_at: At | None


class EscalationView(BaseModel):
    """One rung that was climbed. Fields are null where their event has not arrived yet."""

    escalation_id: UUID
    clock: ClockName
    rung: Rung
    role: LadderRole | None
    form: RungForm | None
    status: EscalationStatus
    raised_at: At | None
    acknowledged_at: At | None
    acknowledged_by: str | None = Field(examples=["CGJ 值班手机"])
    ended_at: At | None
    reason: str | None = Field(examples=["the clock was met late"])


class StepView(BaseModel):
    """One step that was taken, in business time."""

    step: domain.Step
    at: At
    by: str = Field(description="Name of the token that was used", examples=["CGJ 值班手机"])
    person: str = Field(examples=["王建国"])
    detail: dict[str, Any] = Field(
        description="What else was said: place, mode, photo, note, result, evidence",
        examples=[{"place": "东门路 12 号门前", "mode": "on_site"}],
    )


class TaskDetail(TaskView):
    """A task with everything the department knows of it."""

    facts: WhistleFacts
    banner: BannerView | None
    clocks: list[ClockView]
    escalations: list[EscalationView]
    history: list[StepView]
