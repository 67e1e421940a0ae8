"""A season of whistles as escalation hears of them: thousands of them, always the same for a seed, with everything that
can happen to a task. For the measures, which care about what was said and not about who would say it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from uuid import NAMESPACE_URL, UUID, uuid5

from support.clockface import MONDAY
from whistle_shared.contracts import EventData, department, dispatch, escalation, intake
from whistle_shared.contracts.vocabulary import ClockName, ClockStatus, Kind, Score, Urgency

DEPARTMENTS = ("CGJ", "GA", "PSGS", "GSGS", "TXGS", "GDGS", "ZFJ", "JT")
STREETS = ("S01", "S02", "S03")
HOUR = timedelta(hours=1)
KINDS: tuple[tuple[Kind, Urgency], ...] = (("emergency", "critical"), ("appeal", "normal"), ("key_work", "normal"))


@dataclass(frozen=True, slots=True)
class Said:
    """One event, said at `at` (business)."""

    data: EventData
    at: datetime
    event_id: UUID

    @property
    def own(self) -> bool:
        """Whether escalation says it itself."""
        return self.data.key.startswith("escalation.")


def season(seed: int, whistles: int, begin: datetime = MONDAY) -> Iterator[list[Said]]:
    """The events of each whistle in the order in which they are said."""
    chance = Random(seed)
    for n in range(whistles):
        story = Story(chance, uuid5(NAMESPACE_URL, f"season/{seed}/{n}"), n, begin + n * 20 * timedelta(minutes=1))
        story.play()
        yield sorted(story.said, key=lambda said: (said.at, said.event_id))


@dataclass
class Story:
    """One whistle, played through by chance."""

    chance: Random
    whistle_id: UUID
    n: int
    begun: datetime
    said: list[Said] = field(default_factory=list)
    reassigned: int = 0

    def says(self, data: EventData, at: datetime) -> None:
        self.said.append(Said(data, at, UUID(int=len(self.said))))

    def may(self, percent: int) -> bool:
        return self.chance.randrange(100) < percent

    def play(self) -> None:
        self.street = self.chance.choice(STREETS)
        self.kind, self.urgency = self.chance.choice(KINDS)
        if self.may(40) and not self.handed_up():
            return
        self.round(1, self.begun + HOUR)

    def handed_up(self) -> bool:
        """Whether the street's leader signs."""
        about = {"whistle_id": self.whistle_id, "street": self.street}
        self.says(
            intake.WhistleSubmitted(**about, kind=self.kind, urgency=self.urgency, submitted_by="社区"), self.begun
        )
        if not self.may(25):
            return True
        outcome = "self_handled" if self.may(60) else "draft"
        rejected = intake.WhistleRejected.model_validate({**about, "outcome": outcome, "reason": "自办", "by": "主任"})
        self.says(rejected, self.begun + HOUR / 2)
        return False

    def facts(self, at: datetime) -> intake.WhistleFacts:
        return intake.WhistleFacts(
            number=f"{self.street}-20260601-{self.n:04}",
            kind=self.kind,
            urgency=self.urgency,
            street=self.street,
            title="路面塌陷",
            description="路面塌陷",
            place="采薇路",
            beyond_power_reason="无权处置",
            blown_by="值班长",
            blown_at=at,
            initiator="CGJ" if self.n % 29 == 0 else None,
        )

    def round(self, round_: int, at: datetime) -> None:
        facts = self.facts(at)
        if round_ == 1:
            self.says(intake.WhistleBlown(whistle_id=self.whistle_id, round=1, facts=facts), at)
            if self.kind == "emergency" and self.may(10):
                owed = at + 24 * HOUR
                missed = intake.SignatureMissed(whistle_id=self.whistle_id, street=self.street, owed_until=owed)
                self.says(missed, owed)
        called = self.chance.sample(DEPARTMENTS, self.chance.randint(1, 4))
        tasks = [Duty(self, round_, code, "lead" if code == called[0] else "assist") for code in called]
        self.says(self.call(facts, round_, tasks), at + HOUR / 60)
        ended = max(task.play(at + HOUR / 60) for task in tasks)
        if self.may(8):
            withdrawn = intake.WhistleWithdrawn(
                whistle_id=self.whistle_id, round=round_, reason="重复", withdrawn_by="值班长"
            )
            self.says(withdrawn, ended)
            return
        if len(tasks) > 1 and self.may(5):
            self.hands_over(tasks, ended)
        self.closes(round_, ended + HOUR)

    def call(self, facts: intake.WhistleFacts, round_: int, tasks: "list[Duty]") -> dispatch.WhistleDispatched:
        return dispatch.WhistleDispatched(
            whistle_id=self.whistle_id,
            round=round_,
            facts=facts,
            whistle_due_at=None,
            tasks=tuple(task.called() for task in tasks),
            terms={"lead@1": ()},
            registry_version=1,
            calendar_version=1,
        )

    def hands_over(self, tasks: "list[Duty]", at: datetime) -> None:
        before, after = tasks[0], tasks[1]
        changed = dispatch.LeadChanged(
            **after.about,
            previous_task_id=before.task_id,
            previous_department=before.code,
            reason="牵头调整",
            by="区吹哨办",
        )
        self.says(changed, at - HOUR / 2)

    def closes(self, round_: int, at: datetime) -> None:
        if self.may(85):
            self.says(self.callback(round_), at)
            if self.may(10):
                self.says(self.callback(round_), at + HOUR / 3)
        if not self.may(80):
            return
        self.says(intake.WhistleClosed(whistle_id=self.whistle_id, round=round_, callback="done"), at + HOUR)
        if round_ < 3 and self.may(15):
            cause = self.chance.choice(("relapse", "false_completion", "dissatisfied"))
            again = at + self.chance.randint(2, 500) * HOUR
            facts = self.facts(again)
            more = {"whistle_id": self.whistle_id, "round": round_ + 1, "facts": facts, "cause": cause}
            self.says(intake.WhistleReopened.model_validate({**more, "reason": "回潮", "by": "值班长"}), again)
            self.round(round_ + 1, again)

    def callback(self, round_: int) -> intake.CallbackRecorded:
        contacted = self.may(90)
        answers = {
            "solved": self.may(75) if contacted else None,
            "satisfaction": self.chance.choice(("satisfied", "basically_satisfied", "dissatisfied"))
            if contacted
            else None,
        }
        return intake.CallbackRecorded.model_validate(
            {
                "whistle_id": self.whistle_id,
                "round": round_,
                "street": self.street,
                "contacted": contacted,
                "waived": not contacted and self.may(30),
                "by": "回访员",
                **answers,
            }
        )


@dataclass
class Duty:
    """One department's way through its task."""

    story: Story
    round_: int
    code: str
    role: str
    origin: str = "routed"

    def __post_init__(self) -> None:
        self.task_id = uuid5(self.story.whistle_id, f"{self.round_}/{self.code}/{self.origin}")
        self.about = {"whistle_id": self.story.whistle_id, "task_id": self.task_id, "department": self.code}
        self.step = {**self.about, "by": "值班室", "person": "王敏"}
        self.presence = self.story.chance.choice(("on_site", "on_site", "none"))

    def called(self) -> dispatch.TaskCalled:
        return dispatch.TaskCalled.model_validate(
            {
                "task_id": self.task_id,
                "department": self.code,
                "role": self.role,
                "presence": self.presence,
                "terms": "lead@1",
                "origin": self.origin,
            }
        )

    def clock(
        self, name: ClockName, status: ClockStatus, due: datetime | None, at: datetime, cycle: int = 1
    ) -> datetime:
        change = escalation.ClockChange(clock_id=self.clock_id(name, cycle), name=name, status=status, due_at=due)
        changed = escalation.ClocksChanged(whistle_id=self.story.whistle_id, task_id=self.task_id, changes=(change,))
        self.story.says(changed, at)
        return at

    def clock_id(self, name: str, cycle: int) -> UUID:
        return uuid5(self.task_id, f"{name}/{cycle}")

    def breach(self, name: ClockName, due: datetime, cycle: int = 1) -> None:
        breached = escalation.ClockBreached(
            **self.about,
            clock_id=self.clock_id(name, cycle),
            clock=name,
            side="department",
            due_at=due,
            fired_at=due,
            late_by_seconds=0,
        )
        self.story.says(breached, due + timedelta(seconds=1))

    def stops(self, name: ClockName, start: datetime, hours: float, at: datetime, cycle: int = 1) -> datetime:
        """A clock of so many hours that stops at `at`: in time, or after its breach."""
        due = start + hours * HOUR
        if at > due:
            self.breach(name, due, cycle)
        return self.clock(name, "met" if at <= due else "met_late", due, at, cycle)

    def play(self, start: datetime) -> datetime:
        """Returns when nothing more happens to the task."""
        story = self.story
        if story.may(5):  # nobody ever answers
            self.breach("ack", start + HOUR)
            return start + 3 * HOUR
        at = start + story.chance.randint(1, 90) * HOUR / 60
        story.says(department.TaskAcknowledged(**self.step), at)
        self.stops("ack", start, 1, at)
        if story.may(10) and self.returns(start, at):
            return at + HOUR
        at = self.arrives(start, at)
        if story.may(10):
            taken_up = self.pauses(at)
            if taken_up is None:
                return at + HOUR
            at = taken_up
        if story.may(4):
            excluded = dispatch.TaskExcluded(**self.about, excluded=not story.may(20), reason="不可抗力", by="区吹哨办")
            story.says(excluded, at)
        return self.works(start, at + story.chance.randint(1, 60) * HOUR)

    def arrives(self, start: datetime, at: datetime) -> datetime:
        if self.story.may(10):
            if self.presence != "none":
                self.breach("arrive", start + 2 * HOUR)
            return max(at, start + 2 * HOUR)
        at += self.story.chance.randint(1, 120) * HOUR / 60
        self.story.says(department.ResponderCheckedIn(**self.step, place="东门路", mode="on_site"), at)
        return self.stops("arrive", start, 2, at)

    def returns(self, start: datetime, at: datetime) -> bool:
        """Whether the task goes to somebody else."""
        upheld = self.story.may(50)
        to = "JT" if self.code != "JT" else "ZFJ"
        self.story.reassigned += 1
        other = Duty(self.story, self.round_, to, self.role, f"reassigned-{self.story.reassigned}")
        call = self.story.call(self.story.facts(start - HOUR / 60), self.round_, [other] if upheld else [])
        decided = dispatch.ReturnDecided.model_validate(
            {
                **call.model_dump(),
                **self.about,
                "request_id": uuid5(self.task_id, "return"),
                "upheld": upheld,
                "ended": [{"task_id": self.task_id, "department": self.code}] if upheld else [],
                "lead": other.task_id if upheld and self.role == "lead" else None,
                "reason": "权责清单",
                "by": "区吹哨办",
            }
        )
        self.story.says(decided, at + HOUR / 2)
        if upheld:
            self.clock("resolve", "voided", start + 24 * HOUR, at + HOUR / 2)
            other.works(at + HOUR / 2, at + 9 * HOUR)
        return upheld

    def pauses(self, at: datetime) -> datetime | None:
        """Suspended by the street; most are taken up again, and then this is when."""
        decided = intake.SuspensionDecided(
            **self.about, request_id=uuid5(self.task_id, "pause"), granted=True, reason="待批复", by="街道", cycle=101
        )
        self.story.says(decided, at)
        self.clock("resolve", "paused", at + 20 * HOUR, at)
        if self.story.may(20):
            return None
        return self.clock("resolve", "running", at + 30 * HOUR, at + 10 * HOUR)

    def works(self, start: datetime, at: datetime) -> datetime:
        for attempt in range(1, 6):
            self.story.says(department.TaskSubmitted(**self.step, result="已修复", attempt=attempt), at)
            self.stops("resolve", start, 48, at)
            checked = at + self.story.chance.randint(1, 30) * HOUR
            self.stops("street_verify", at, 24, checked, attempt)
            if not self.story.may(25):
                return self.scored(attempt, checked)
            rework = intake.TaskReworkOrdered(
                **self.about, attempt=attempt, submitted_at=at, verify_due_at=None, reasons="未修复", by="街道"
            )
            self.story.says(rework, checked)
            self.clock("resolve", "running", start + 48 * HOUR, checked)
            at = checked + self.story.chance.randint(1, 20) * HOUR
        return at

    def scored(self, attempt: int, at: datetime) -> datetime:
        self.story.says(intake.TaskVerified(**self.about, attempt=attempt, by="街道"), at)
        by_default = self.story.may(8)
        when = at + (80 if by_default else self.story.chance.randint(1, 70)) * HOUR
        self.stops("evaluate", at, 72, when)
        for revision in (1, 2) if self.story.may(5) else (1,):
            total = 80 if by_default else self.story.chance.randint(40, 100)
            score = Score(parts={"result": 30}, total=total, veto=self.story.may(2))
            evaluated = intake.TaskEvaluated(
                **self.about, revision=revision, score=score, basis="现场核查", by_default=by_default, by="街道"
            )
            self.story.says(evaluated, when + (revision - 1) * HOUR)
        return when + HOUR
