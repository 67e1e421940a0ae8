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

_TASK_ID = "5f0c7a52-6d0b-5c1e-9f55-0d9c2b7a1e11"
_WHISTLE_ID = "019ab2c4-7d10-7b21-8a52-6f1d2c3b4a59"
_TASK: dict[str, Any] = {
    "task_id": _TASK_ID,
    "whistle_id": _WHISTLE_ID,
    "round": 1,
    "department": "CGJ",
    "role": "lead",
    "presence": "on_site",
    "origin": "routed",
    "state": "arrived",
    "legal_steps": ["progress", "submission"],
    "person": "王建国",
    "dispatched_at": "2026-11-23T01:00:00.000000Z",
    "acknowledged_at": "2026-11-23T01:12:30.000000Z",
    "arrived_at": "2026-11-23T01:41:05.000000Z",
    "progressed_at": None,
    "submitted_at": None,
    "cancelled_at": None,
    "cancel_reason": None,
    "due_at": "2026-11-23T09:30:00.000000Z",
}
_BANNER = {
    "level": "escalated",
    "clock": "resolve",
    "due_at": "2026-11-23T09:30:00.000000Z",
    "percent": None,
    "rung": 1,
    "role": "deputy_head",
    "acknowledged": False,
}
_BRIEF = {
    "number": "S01-20261123-0007",
    "kind": "emergency",
    "urgency": "urgent",
    "street": "S01",
    "title": "井盖缺失",
    "place": "东门路 12 号门前",
}
_ITEM = _TASK | _BRIEF | {"banner": _BANNER}
_FACTS = _BRIEF | {
    "grid": "S01-G001",
    "category": "0701",
    "description": "人行道上一处井盖缺失，夜间无照明，行人有坠落危险。",
    "beyond_power_reason": "井盖权属不明，街道无权处置地下管线。",
    "blown_by": "S01 值班室",
    "blown_at": "2026-11-23T00:59:58.000000Z",
}
_CLOCK = {
    "name": "resolve",
    "limit": "1d@work",
    "status": "running",
    "due_at": "2026-11-23T09:30:00.000000Z",
    "provisional": False,
    "warned_percent": 80,
    "breached_at": "2026-11-23T09:30:02.000000Z",
}
_ESCALATION = {
    "escalation_id": "7c1b6a50-21c4-5d1f-8a77-93d1f0a2b6c4",
    "clock": "resolve",
    "rung": 1,
    "role": "deputy_head",
    "form": "reminder",
    "status": "open",
    "raised_at": "2026-11-23T09:30:02.000000Z",
    "acknowledged_at": None,
    "acknowledged_by": None,
    "ended_at": None,
    "reason": None,
}
_STEP = {
    "step": "arrival",
    "at": "2026-11-23T01:41:05.000000Z",
    "by": "CGJ 值班手机",
    "person": "王建国",
    "detail": {"place": "东门路 12 号门前", "mode": "on_site", "photo": None},
}


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
    evidence: Annotated[list[ShortText], Field(max_length=20, description="References to stored evidence")] = []


class TaskView(BaseModel):
    """One department's duty under a whistle, and how far it has come."""

    model_config = _example(_TASK)

    task_id: UUID
    whistle_id: UUID
    round: int
    department: str
    role: TaskRole
    presence: Presence
    origin: str
    state: domain.State
    legal_steps: list[domain.Step] = Field(description="The steps that are open now")
    person: str | None = Field(description="Who acknowledged")
    dispatched_at: datetime
    acknowledged_at: datetime | None
    arrived_at: datetime | None
    progressed_at: datetime | None = Field(description="The latest note")
    submitted_at: datetime | None
    cancelled_at: datetime | None
    cancel_reason: str | None
    due_at: datetime | None = Field(description="What runs out first, overdue or not")


class BannerView(BaseModel):
    """The most serious thing about the task's time."""

    level: Literal["warned", "breached", "escalated"]
    clock: ClockName
    due_at: datetime | None
    percent: int | None = Field(description="Of a warning: how much of the limit has passed")
    rung: int | None = Field(description="Of an escalation: the highest open rung")
    role: str | None = Field(description="Of an escalation: whom the rung called")
    acknowledged: bool


class TaskItem(TaskView):
    """A task in a list, with what its whistle is about in brief."""

    model_config = _example(_ITEM)

    number: str
    kind: Kind
    urgency: Urgency
    street: str
    title: str
    place: str
    banner: BannerView | None


class TaskPage(BaseModel):
    model_config = _example({"items": [_ITEM], "next_cursor": None})

    items: list[TaskItem]
    next_cursor: str | None


class ClockView(BaseModel):
    """One time limit of the task as last heard."""

    name: ClockName
    limit: str = Field(description="As in the policy; empty when it is not known here")
    status: ClockStatus | None = Field(description="null: has not started")
    due_at: datetime | None
    provisional: bool = Field(description="The due time rests on a year without an official calendar")
    warned_percent: int = Field(description="The highest warning given for this due time, or 0")
    breached_at: datetime | None


class EscalationView(BaseModel):
    """One rung that was climbed. Fields are null where their event has not arrived yet."""

    escalation_id: UUID
    clock: ClockName
    rung: int
    role: str | None
    form: RungForm | None
    status: EscalationStatus
    raised_at: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    ended_at: datetime | None
    reason: str | None


class StepView(BaseModel):
    """One step that was taken, in business time."""

    step: domain.Step
    at: datetime
    by: str = Field(description="Name of the token that was used")
    person: str
    detail: dict[str, Any] = Field(description="What else was said: place, mode, photo, note, result, evidence")


class TaskDetail(TaskView):
    """A task with everything the department knows of it."""

    model_config = _example(
        _TASK
        | {
            "facts": _FACTS,
            "banner": _BANNER,
            "clocks": [_CLOCK],
            "escalations": [_ESCALATION],
            "history": [_STEP],
        }
    )

    facts: WhistleFacts
    banner: BannerView | None
    clocks: list[ClockView]
    escalations: list[EscalationView]
    history: list[StepView]
