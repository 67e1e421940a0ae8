"""One believable example of every event, put together from one value per field name.

INVARIANT: every example is an event that the contracts accept; a field without a value here is an error.
"""

import types
from datetime import UTC, datetime
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import orjson
from pydantic import BaseModel

from whistle_ctl.asyncapi.entries import Entry
from whistle_shared.contracts import Event, EventData, encode

_WHISTLE = UUID("019aa5f0-7c00-7a11-8b22-000000000001")
_TASK = UUID("5b9c1f52-6a0e-5d61-9d0c-3f0f4c1b7a10")
_TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def _at(hour: int, minute: int = 0) -> datetime:
    """An instant of Sunday 2026-11-22, UTC."""
    return datetime(2026, 11, 22, hour, minute, tzinfo=UTC)


_VALUES: dict[str, Any] = {
    "beyond_power_reason": "街道无开挖和关阀权限",
    "blown_at": _at(1),
    "blown_by": "采薇街道值班长",
    "by": "城市管理局值班室",
    "calendar_version": 3,
    "category": "0701",
    "clock": "ack",
    "clock_id": UUID("0d5a1c5e-3f7e-5b0a-8a49-6a1d2f9b1c20"),
    "date": "2026-10-10",
    "degraded": False,
    "delay": "15m@natural",
    "department": "CGJ",
    "departments": ["CGJ", "GSGS"],
    "description": "路口路面塌陷约两平方米，水管破裂，车辆无法通行。",
    "due_at": _at(1, 5),
    "escalation_id": UUID("7f1f2b0c-55b1-5c7e-9d84-1f6f0f0a3b30"),
    "event_id": UUID("019aa5f0-7c10-7a11-8b22-000000000002"),
    "event_type": "dispatch.whistle_dispatched.v1",
    "evidence": ["019aa5f0-9a20-7c3e-9f0a-3d2b8a6c4e11"],
    "extendable": False,
    "fired_at": _at(1, 6),
    "flags": ["inactive:PSGS"],
    "grid": "S01-G003",
    "instance": "hosted",
    "is_off_day": False,
    "late_by_seconds": 60.0,
    "limit": "5m@natural",
    "name": "ack",
    "note": "已关阀，正在开挖",
    "number": "S01-20261122-0007",
    "official": True,
    "origin": "routed",
    "part": 1,
    "parts": 1,
    "pausable": False,
    "percent": 80,
    "person": "王建国",
    "photo": "019aa5f0-8f11-7b2d-8e1f-5c6d7e8f9a0b",
    "photos": [UUID("019aa5f0-6c11-7d2e-a3b4-c5d6e7f80912")],
    "place": "采薇路与长亭街交口",
    "previous_due_at": _at(1, 4),
    "provisional": False,
    "reason": "重复上报",
    "receiver": "escalation",
    "registry_version": 7,
    "result": "已修复并恢复路面",
    "role": "lead",
    "round": 1,
    "rows": [{"code": "CGJ", "name_zh": "城市管理局", "name_en": "Urban Management Bureau", "instance": "hosted"}],
    "rung": 1,
    "rung_at": _at(1, 5),
    "sections": {"departments": 1},
    "sent_at": _at(1),
    "start_at": _at(1),
    "street": "S01",
    "task_id": _TASK,
    "title": "采薇路路面塌陷",
    "version": 7,
    "warn_at": [_at(1, 2), _at(1, 4)],
    "warn_percent": [50, 80],
    "warned_at": _at(1, 4),
    "whistle_due_at": _at(23),
    "whistle_id": _WHISTLE,
    "windows": [[510, 720], [810, 1050]],
    "agenda": "研判塌陷原因，明确开挖、抢修与道路恢复的分工",
    "arrival": True,
    "assist": ["PSGS"],
    "attempt": 1,
    "attended": ["CGJ", "GSGS"],
    "basis": "《供水管网维护责任清单》第 12 项",
    "callback": "done",
    "contacted": True,
    "current_due_at": _at(23),
    "cycle": 1,
    "dispute_id": UUID("3c1d9d5e-8a55-5f0e-9b4e-6a2d3b7c4d50"),
    "duties": ["B-017"],
    "duty": "T-012",
    "every": "1h@natural",
    "excluded": True,
    "granted": True,
    "initiator": None,
    "joined_id": UUID("019aa5f0-7c50-7a11-8b22-000000000006"),
    "latitude": 39.9042,
    "lead": _TASK,
    "letter_id": UUID("5f0e9b4e-6a2d-5b7c-8d50-3c1d9d5e8a55"),
    "longitude": 116.4074,
    "meeting_id": UUID("019aa5f0-7c60-7a11-8b22-000000000007"),
    "minutes": "供水公司当日关阀抢修，城市管理局三日内恢复路面。",
    "on_site": True,
    "override_reason": "需破路开挖，街道无权限",
    "owed_until": _at(1, 30),
    "people": ["王建国"],
    "precedent_id": UUID("8a55f0e9-b4e6-5a2d-9b7c-4d503c1d9d5e"),
    "previous_department": "GSGS",
    "previous_task_id": UUID("6a0e5d61-9d0c-5f0f-8c1b-7a105b9c1f52"),
    "proper_department": "GSGS",
    "quiet": "22:00-07:00",
    "reasons": "路面仍有高差，未恢复",
    "repeat": 1,
    "repeats": 3,
    "reply": "已增派两组人员，今晚完成。",
    "reply_due_at": _at(9),
    "report_id": UUID("019aa5f0-7c80-7a11-8b22-000000000009"),
    "request_id": UUID("019aa5f0-7c70-7a11-8b22-000000000008"),
    "revision": 1,
    "rule": "供水管破裂引起的路面塌陷由供水公司主办",
    "solved": True,
    "stale": False,
    "starts_at": _at(6),
    "submitted_at": _at(5),
    "submitted_by": "采薇街道值班长",
    "text": "请于时限内办结并书面回复。",
    "total": 88,
    "until": _at(23),
    "upheld": True,
    "verify_due_at": _at(9),
    "veto": False,
    "waived": False,
    "by_default": False,
    "cross_district": False,
    "late": False,
    "years": [2026, 2027],
    "withdrawn_by": "采薇街道值班长",
    "year": 2026,
}
# Where one name means two things, (model, field) decides.
_SPECIAL: dict[tuple[str, str], Any] = {
    ("ActionItem", "limit"): "3d@work",
    ("ActionItem", "title"): "恢复塌陷路面",
    ("CalendarDay", "name"): "国庆节调休",
    ("CalendarSeason", "first"): "06-01",
    ("CalendarSeason", "last"): "09-30",
    ("CalendarSeason", "windows"): [[510, 720], [870, 1110]],
    ("ClocksArmed", "clocks"): 8,
    ("ClockSchedule", "rung_at"): [_at(1, 5)],
    ("EscalationRaised", "role"): "deputy_head",
    ("EscalationResolved", "reason"): "met late",
    ("EscalationWithdrawn", "reason"): "met in time",
    ("ExtensionDecided", "clock"): "resolve",
    ("ExtensionRequested", "clock"): "resolve",
    ("ExtensionRequested", "number"): 1,
    ("LadderStep", "role"): "deputy_head",
    ("LetterIssued", "form"): "letter",
    ("LetterIssued", "number"): "函〔2026〕7号",
    ("PlanStep", "name"): "恢复路面",
    ("ReportTriaged", "by"): "采薇街道第一社区",
    ("ReportTriaged", "outcome"): "drafted",
    ("RungSkipped", "role"): "deputy_head",
    ("Score", "parts"): {"arrival": 18, "people": 9, "handling": 18, "result": 26, "cooperation": 9, "citizen": 8},
    ("SuspensionRequested", "number"): 1,
    ("TaskCalled", "terms"): "lead@1",
    ("TaskCalled", "title"): "",
    ("WhistleUnrouted", "reason"): "the whistle names no sub-category",
}


def example_data(model: type[BaseModel]) -> Any:
    """An instance of a model of the contracts. Raises KeyError for a field that has no example value yet."""
    hints = get_type_hints(model)
    return model.model_validate({name: _value(model.__name__, name, hints[name]) for name in model.model_fields})


def _value(model: str, name: str, of: Any) -> Any:
    if (model, name) in _SPECIAL:
        return _SPECIAL[model, name]
    is_model = isinstance(of, type) and issubclass(of, BaseModel)
    return _VALUES[name] if name in _VALUES and not is_model else _built(name, of)


def _built(name: str, of: Any) -> Any:
    """What its type already says: the first word of a vocabulary, or the values of a model inside."""
    origin, inner = get_origin(of), get_args(of)
    if isinstance(of, type) and issubclass(of, BaseModel):
        return example_data(of)
    if origin is Literal:
        return inner[0]
    if origin in (Union, types.UnionType):
        return _built(name, inner[0])
    if origin is tuple:
        return (_built(name, inner[0]),)
    if origin is dict:
        return {"lead@1": _built(name, inner[1])}
    raise KeyError(f"field {name!r} has no example value")


def _subject(data: EventData) -> str:
    """What the event is about: a report, a whistle, or the registry."""
    return str(getattr(data, "report_id", None) or getattr(data, "whistle_id", "registry"))


def example_event(entry: Entry) -> dict[str, Any]:
    """The event on the wire, as `encode` writes it."""
    data: EventData = example_data(entry.model)
    event = Event(
        id=UUID("019aa5f0-7c20-7a11-8b22-000000000003"),
        producer="department.hosted" if entry.producer == "department" else entry.producer,
        subject=_subject(data),
        time=_at(1, 6),
        data=data,
        correlation_id=UUID("019aa5f0-7c30-7a11-8b22-000000000004"),
        causation_id=UUID("019aa5f0-7c40-7a11-8b22-000000000005"),
        cause_time=_at(1),
        subject_version=4,
        traceparent=_TRACE,
    )
    wire: dict[str, Any] = orjson.loads(encode(event))
    return wire
