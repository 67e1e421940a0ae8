"""Events of *department* instances: execution, and nothing decided."""

from typing import ClassVar, Literal
from uuid import UUID

from whistle_shared.contracts.vocabulary import Code, DeliveryEvent, EventData, Round, Text


class TasksReceived(EventData):
    """An instance holds these tasks: the receipt for `whistle_dispatched` and `whistle_cancelled`."""

    key: ClassVar[str] = "department.tasks_received.v1"
    whistle_id: UUID
    round: Round
    instance: Code
    departments: tuple[Code, ...]


class TaskEvent(EventData):
    """What every event about one task says."""

    whistle_id: UUID
    task_id: UUID
    department: Code
    by: Text
    person: Text


class TaskAcknowledged(TaskEvent):
    """A named duty person accepted the task (应哨). Receipt: escalation."""

    key: ClassVar[str] = "department.task_acknowledged.v1"


class ResponderCheckedIn(TaskEvent):
    """A responder reported in (报到). Receipt: escalation."""

    key: ClassVar[str] = "department.responder_checked_in.v1"
    place: Text
    mode: Literal["on_site", "online", "meeting"]
    photo: Text | None = None


class ProgressLogged(TaskEvent):
    """A note on the work under way."""

    key: ClassVar[str] = "department.progress_logged.v1"
    note: Text


class TaskSubmitted(TaskEvent):
    """The department says its work is done. Receipt: escalation."""

    key: ClassVar[str] = "department.task_submitted.v1"
    result: Text
    evidence: tuple[Text, ...] = ()


class DeliveryStuck(DeliveryEvent):
    """No receipt for two minutes: the matter is shown to operations while it is sent again."""

    key: ClassVar[str] = "department.delivery_stuck.v1"


class DeliveryRecovered(DeliveryEvent):
    """The receipt of a stuck event arrived after all."""

    key: ClassVar[str] = "department.delivery_recovered.v1"
