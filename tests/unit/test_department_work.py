"""What a department files on the way, and what the street says of its work."""

import pytest

from support import paperwork
from support.clockface import MONDAY, local
from support.worksite import DAY, Worksite, at_work, called, files, reaches, submits, wrong
from whistle_department import commands, domain
from whistle_shared.contracts.department import MilestoneReached, PlanStep, ScoreAppealed, TaskSubmitted
from whistle_shared.contracts.dispatch import ScoreAppealDecided
from whistle_shared.contracts.intake import TaskEvaluated, TaskReworkOrdered, TaskVerified
from whistle_shared.contracts.vocabulary import Score
from whistle_shared.errors import IllegalTransition


def a_call() -> Worksite:
    site = Worksite()
    site.hears(called())
    return site


# -- milestones --------------------------------------------------------------------------------------------------


def test_each_milestone_is_reached_once_and_restoring_also_after_the_submission() -> None:
    site = at_work(facts=paperwork.facts())
    for milestone in ("contain", "repair"):
        assert isinstance(reaches(site, milestone), domain.Task)
        with pytest.raises(IllegalTransition) as refused_:
            reaches(site, milestone)
        assert milestone not in refused_.value.legal
    assert isinstance(site.last(), MilestoneReached)
    submits(site)
    with pytest.raises(IllegalTransition):
        files(site, 1)
    assert site.legal() == ("departure", "milestones")
    assert set(reaches(site, "restore").milestones) == {"contain", "repair", "restore"}
    assert site.legal() == ("departure",)


def test_without_a_restore_clock_nothing_is_reached_after_the_submission() -> None:
    site = at_work()
    submits(site)
    with pytest.raises(IllegalTransition):
        reaches(site, "restore")


def test_a_plan_may_be_filed_before_arriving_and_nothing_else() -> None:
    site = a_call()
    site.does(commands.acknowledge_task)
    with pytest.raises(IllegalTransition):
        reaches(site, "contain")
    assert [step.due_at for step in files(site, 30, 60, 90).plan] == [MONDAY + day * DAY for day in (30, 60, 90)]


@pytest.mark.parametrize(
    ("days", "field"),
    [((), "plan"), ((0,), r"plan\.0\.due_at"), ((31,), r"plan\.0\.due_at"), ((3, 2), r"plan\.1\.due_at"),
     ((3, 3), r"plan\.1\.due_at"), ((3, 33.1), r"plan\.1\.due_at")],
)  # fmt: skip
def test_a_plans_steps_lie_ahead_in_order_and_at_most_thirty_days_apart(days: tuple[float, ...], field: str) -> None:
    with wrong(field):
        files(at_work(), *days)


def test_only_a_plan_has_steps() -> None:
    with wrong("plan"):
        reaches(at_work(), "contain", (PlanStep(name="一", due_at=MONDAY + DAY),))


# -- verdicts ----------------------------------------------------------------------------------------------------

SCORE = Score(parts={"arrival": 20, "result": 20}, total=80)


def evaluated(site: Worksite, revision: int = 1) -> TaskEvaluated:
    return TaskEvaluated(**site.about(), revision=revision, score=SCORE, basis="现场核查", by="采薇街道")


def test_after_an_order_to_do_it_again_the_work_is_submitted_once_more() -> None:
    site = at_work()
    submits(site)
    about = site.about() | {"attempt": 1, "by": "采薇街道"}
    order = {"submitted_at": MONDAY, "verify_due_at": None, "reasons": "渗漏未止"}
    site.hears(TaskReworkOrdered.model_validate(about | order))
    task = site.task()
    assert (task.state, task.rework and task.rework.reasons) == ("rework", "渗漏未止")
    assert submits(site).state == "submitted"
    assert isinstance(site.last(), TaskSubmitted)
    assert site.last().attempt == 2
    site.hears(TaskVerified.model_validate(site.about() | {"attempt": 2, "by": "采薇街道"}))
    assert site.task().state == "accepted"


def test_a_score_is_appealed_against_once_within_three_working_days() -> None:
    site = at_work()
    submits(site)
    site.hears(TaskVerified(**site.about(), attempt=1, by="采薇街道"))
    site.hears(evaluated(site))
    evaluation = site.task().evaluation
    assert evaluation is not None
    assert evaluation.appeal_until == local(2026, 6, 4, 17, 30)
    site.now = local(2026, 6, 4, 17, 30)
    site.does(commands.appeal, reason="到场时间以签到记录为准")
    asked = site.last()
    assert isinstance(asked, ScoreAppealed)
    assert asked.revision == 1
    with pytest.raises(IllegalTransition):
        site.does(commands.appeal, reason="再次")
    more = {"request_id": asked.request_id, "granted": True, "reason": "属实", "by": "区吹哨办", "revision": 1}
    site.hears(ScoreAppealDecided.model_validate(site.about() | more))
    site.hears(evaluated(site, 2))
    task = site.task()
    assert (task.state, task.evaluation and task.evaluation.revision) == ("evaluated", 2)
    assert task.asked("appeal")[0].state == "granted"


def test_an_appeal_comes_too_late_after_its_window() -> None:
    site = at_work()
    submits(site)
    site.hears(TaskVerified(**site.about(), attempt=1, by="采薇街道"))
    site.hears(evaluated(site))
    site.now = local(2026, 6, 4, 17, 31)
    with pytest.raises(IllegalTransition):
        site.does(commands.appeal, reason="过期")
