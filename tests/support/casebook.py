"""What escalation hears of a task's life, each as one call: steps, milestones, suspensions, verification."""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from support import paperwork
from support.desk import instance_of
from support.paperwork import WHISTLE
from whistle_shared.contracts import Event, department, dispatch, intake
from whistle_shared.contracts.dispatch import WhistleDispatched
from whistle_shared.contracts.intake import WhistleFacts


class Case:
    """The events about one department's task under a call."""

    def __init__(self, call: WhistleDispatched, code: str) -> None:
        self.call, self.code = call, code
        (self.task,) = [task for task in call.tasks if task.department == code]
        self.about = {"whistle_id": WHISTLE, "task_id": self.task.task_id, "department": code}

    def called(self, at: datetime) -> Event[Any]:
        return paperwork.event(self.call, at)

    def _by_department(self, model: Any, at: datetime, **said: Any) -> Event[Any]:
        data = model(**self.about, by="值班室", person="王建国", **said)
        return paperwork.event(data, at, instance_of(self.code))

    def acknowledged(self, at: datetime) -> Event[Any]:
        return self._by_department(department.TaskAcknowledged, at)

    def arrived(self, at: datetime) -> Event[Any]:
        return self._by_department(department.ResponderCheckedIn, at, place="采薇路 12 号", mode="on_site")

    def attended(self, at: datetime) -> Event[Any]:
        """Somebody sits in a meeting while presence elsewhere is asked for."""
        said = {"place": "会议室", "mode": "meeting", "meeting_id": uuid5(WHISTLE, "meeting"), "arrival": False}
        return self._by_department(department.ResponderCheckedIn, at, **said)

    def progress(self, at: datetime) -> Event[Any]:
        return self._by_department(department.ProgressLogged, at, note="已围挡")

    def reached(self, at: datetime, milestone: str, *plan: datetime) -> Event[Any]:
        steps = tuple(department.PlanStep(name=f"第 {n} 步", due_at=due) for n, due in enumerate(plan, 1))
        return self._by_department(department.MilestoneReached, at, milestone=milestone, plan=steps)

    def submitted(self, at: datetime, attempt: int = 1) -> Event[Any]:
        return self._by_department(department.TaskSubmitted, at, result="已修复", attempt=attempt)

    def replied(self, at: datetime, letter_id: UUID) -> Event[Any]:
        return self._by_department(department.LetterReplied, at, letter_id=letter_id, reply="已整改")

    def resumed(self, at: datetime, by: str = "department") -> Event[Any]:
        if by == "department":
            return self._by_department(department.TaskResumed, at)
        model = intake.TaskResumed if by == "street" else dispatch.TaskResumed
        return paperwork.event(model(**self.about, reason="条件具备", by="值班长"), at)

    def suspended(
        self, at: datetime, cycle: int = 101, *, granted: bool = True, by: str = "street", request: str = "1"
    ) -> Event[Any]:
        model = intake.SuspensionDecided if by == "street" else dispatch.SuspensionDecided
        return paperwork.event(
            model(
                **self.about,
                request_id=uuid5(WHISTLE, f"suspension/{request}"),
                granted=granted,
                cycle=cycle,
                reason="等待上级批复",
                by="值班长",
            ),
            at,
        )

    def extended(
        self, at: datetime, due_at: datetime | None, clock: str = "resolve", *, by: str = "street", request: str = "1"
    ) -> Event[Any]:
        model = intake.ExtensionDecided if by == "street" else dispatch.ExtensionDecided
        return paperwork.event(
            model(
                **self.about,
                request_id=uuid5(WHISTLE, f"extension/{request}"),
                granted=due_at is not None,
                clock=clock,
                due_at=due_at,
                reason="雨天无法施工",
                by="值班长",
            ),
            at,
        )

    def passed(self, at: datetime, attempt: int = 1) -> Event[Any]:
        return paperwork.event(intake.TaskVerified(**self.about, attempt=attempt, by="街道"), at)

    def reworked(
        self, at: datetime, submitted_at: datetime, verify_due_at: datetime | None, attempt: int = 1
    ) -> Event[Any]:
        data = intake.TaskReworkOrdered(
            **self.about,
            attempt=attempt,
            submitted_at=submitted_at,
            verify_due_at=verify_due_at,
            reasons="仍有积水",
            by="街道",
        )
        return paperwork.event(data, at)

    def evaluated(self, at: datetime, revision: int = 1) -> Event[Any]:
        score = {"parts": {"result": 30}, "total": 90}
        data = intake.TaskEvaluated(**self.about, revision=revision, score=score, basis="及时", by="街道")
        return paperwork.event(data, at)

    def urged(self, at: datetime) -> Event[Any]:
        return paperwork.event(intake.TaskUrged(**self.about, note="请尽快到场", by="采薇街道"), at)

    def leads(self, at: datetime, previous: "Case") -> Event[Any]:
        data = dispatch.LeadChanged(
            **self.about,
            previous_task_id=previous.task.task_id,
            previous_department=previous.code,
            reason="职责调整",
            by="区吹哨办",
        )
        return paperwork.event(data, at)

    def replaced(self, at: datetime) -> Event[Any]:
        """The task is taken away by an upheld return, and nobody new is called."""
        task_id, call = self.task.task_id, self.call
        data = dispatch.ReturnDecided(
            **self.about,
            round=1,
            facts=call.facts,
            whistle_due_at=call.whistle_due_at,
            tasks=(),
            terms={},
            registry_version=1,
            calendar_version=1,
            request_id=uuid5(WHISTLE, "return"),
            upheld=True,
            ended=(dispatch.EndedTask(task_id=task_id, department=self.code),),
            reason="职责清单第 12 项",
            by="区吹哨办",
        )
        return paperwork.event(data, at)


def minuted(at: datetime, round_: int = 1) -> Event[Any]:
    data = intake.MeetingMinuted(
        meeting_id=uuid5(WHISTLE, "meeting"),
        whistle_id=WHISTLE,
        round=round_,
        minutes="议定分工",
        attended=("CGJ",),
        items=(),
        by="采薇街道",
    )
    return paperwork.event(data, at)


def closed(at: datetime, round_: int = 1) -> Event[Any]:
    return paperwork.event(intake.WhistleClosed(whistle_id=WHISTLE, round=round_, callback="done"), at)


def reopened(at: datetime, facts: WhistleFacts, round_: int = 2) -> Event[Any]:
    data = intake.WhistleReopened(
        whistle_id=WHISTLE, round=round_, facts=facts, departments=("CGJ",), cause="relapse", reason="又坏了", by="街道"
    )
    return paperwork.event(data, at)
