"""What a whistle or a report looks like to the audit, before a command and after it: no word of a resident's."""

from typing import Any
from uuid import UUID

from whistle_intake import domain
from whistle_shared.db import Unit

_SAID = ("kind", "urgency", "category", "grid", "title", "place", "departments")
_STANDING = ("state", "round", "number", "street", "initiator", "signature", "signed_by", "joined_to")
_DESK = ("state", "desk", "street", "grid", "category", "channel", "whistle_id", "contacted", "solved", "satisfaction")


def shown(unit: Unit, subject: UUID) -> dict[str, Any] | None:
    """A loaded whistle or report. None: there is none yet."""
    whistle: domain.Whistle | None = unit.cases.get(subject)
    report: domain.Report | None = unit.reference.reports.get(subject)
    if whistle is not None:
        return _whistle(whistle, unit.reference.matters.get(subject))
    return None if report is None else {name: getattr(report, name) for name in _DESK}


def _whistle(whistle: domain.Whistle, matter: domain.Matter | None) -> dict[str, Any]:
    about = {name: getattr(whistle, name) for name in _STANDING}
    if matter is not None:
        about |= {name: getattr(matter, name) for name in _SAID}
    for task in whistle.tasks.values():
        about[f"task {task.department} {task.task_id}"] = f"{task.state}, scored {task.revision} times"
    for request in whistle.requests.values():
        about[f"request {request.request_id}"] = (request.status, request.granted_until, request.decided_by)
    for meeting in whistle.meetings.values():
        about[f"meeting {meeting.meeting_id}"] = "convened" if meeting.minuted_at is None else "minuted"
    for callback in whistle.callbacks.values():
        about[f"call-back of round {callback.round}"] = (callback.contacted, callback.solved, callback.satisfaction)
    return about
