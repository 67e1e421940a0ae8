"""From a whistle to tasks and frozen terms, against the sample pack; and dispatch's use cases with a Unit that only
collects."""

import csv
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID, uuid5

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support import paperwork
from support.clockface import MONDAY, SHANGHAI, local
from support.paperwork import WHISTLE
from support.places import SAMPLE
from whistle_dispatch import domain
from whistle_dispatch.domain.terms import Rules, task_terms
from whistle_shared import worktime
from whistle_shared.contracts.dispatch import ClockSpec
from whistle_shared.contracts.intake import WhistleFacts
from whistle_shared.contracts.vocabulary import TaskRole
from whistle_shared.errors import IllegalTransition, Invalid
from whistle_shared.registry import Registry, registry_rows

RULES = paperwork.rules()
AT_DISPATCH = ("ack", "arrive", "contain", "resolve")
SIDES = {"dispatch": "district", "street_verify": "street", "evaluate": "street"}
REVIEWS = [("suspension_review", "street"), ("suspension_review", "district")]


def table(name: str) -> list[dict[str, str]]:
    """A file of the pack as plain text rows: the tests' own reading of it."""
    with (SAMPLE / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


POLICIES = {(row["kind"], row["urgency"]): row for row in table("policies.csv") if not row["role"]}
BY_ROLE = {(row["kind"], row["urgency"], row["role"]): row for row in table("policies.csv") if row["role"]}
CATEGORIES = {row["code"]: row for row in table("categories.csv")}
PAIRS: list[tuple[Any, Any]] = sorted(POLICIES)
ROLES: tuple[TaskRole, ...] = ("lead", "assist", "co_handle", "street_joint")
LIMITS = ("ack", "arrive", "contain", "first_meeting", "plan", "resolve", "restore", "street_verify", "evaluate")


def plan(about: WhistleFacts, wanted: Sequence[str] = (), now: datetime = MONDAY, rules: Rules = RULES) -> domain.Plan:
    planned = domain.plan(WHISTLE, 1, about, wanted, now, rules)
    assert isinstance(planned, domain.Plan), planned
    return planned


def called(planned: domain.Plan) -> list[tuple[str, str]]:
    return [(task.department, task.role) for task in planned.tasks]


@cache
def with_inactive(*codes: str) -> Rules:
    """The sample district after some departments were closed."""
    rows = registry_rows(RULES.registry)
    departments = [{**row, "active": row["code"] not in codes} for row in rows["departments"]]
    return Rules(Registry.from_rows(2, {**rows, "departments": departments}), RULES.calendar)


# -- routing --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", sorted(CATEGORIES))
def test_every_sub_category_of_the_pack_calls_its_departments_the_lead_first(code: str) -> None:
    row = CATEGORIES[code]
    about = paperwork.facts(row["default_kind"], row["default_urgency"], code)  # type: ignore[arg-type]
    if not row["lead"]:
        assert domain.plan(WHISTLE, 1, about, (), MONDAY, RULES) == domain.Unrouted(f"sub-category {code} has no route")
        return
    assist = [(department, "assist") for department in row["assist"].split(";") if department]
    assert called(plan(about)) == [(row["lead"], "lead"), *assist]


def test_the_list_that_the_street_named_wins_over_the_routing_its_first_leads() -> None:
    assert called(plan(paperwork.facts(), ["GA", "CGJ", "GA", "XF", "CGJ"])) == [
        ("GA", "lead"),
        ("CGJ", "assist"),
        ("XF", "assist"),
    ]
    assert called(plan(paperwork.facts(category=None), ["XF"])) == [("XF", "lead")]
    abroad = paperwork.facts().model_copy(update={"cross_district": True})
    assert called(plan(abroad, ["XF"])) == [("XF", "lead")]


def test_a_department_that_is_not_active_is_left_out_and_flagged_and_the_next_leads() -> None:
    rules = with_inactive("CGJ", "GSGS")
    planned = plan(paperwork.facts(), rules=rules)
    assert called(planned)[0] == ("PSGS", "lead")
    assert not {"CGJ", "GSGS"} & {department for department, _ in called(planned)}
    assert planned.flags == ("inactive:CGJ", "inactive:GSGS")
    assert plan(paperwork.facts()).flags == ()


@pytest.mark.parametrize(
    ("about", "wanted", "rules", "reason"),
    [
        (paperwork.facts(category=None), (), RULES, "the whistle names no sub-category"),
        (paperwork.facts(category="9999"), (), RULES, "sub-category 9999 is not in the registry"),
        (
            paperwork.facts().model_copy(update={"cross_district": True}),
            (),
            RULES,
            "a cross-district whistle: the whistle office names the departments",
        ),
        (paperwork.facts(), ("XYZ",), RULES, "none of the departments is active: XYZ"),
        (paperwork.facts(), ("GA",), with_inactive("GA"), "none of the departments is active: GA"),
        (
            paperwork.facts("emergency", "long_term"),
            (),
            RULES,
            "there is no policy for emergency whistles that are long_term",
        ),
    ],
)
def test_a_whistle_that_nobody_follows_from_has_a_reason(
    about: WhistleFacts, wanted: Sequence[str], rules: Rules, reason: str
) -> None:
    """INVARIANT: a whistle is never dropped: it is planned, or it waits at the whistle office with a reason."""
    assert domain.plan(WHISTLE, 1, about, wanted, MONDAY, rules) == domain.Unrouted(reason)


CODES = [row.code for row in RULES.registry.departments]


@settings(max_examples=150, deadline=None, database=None)
@given(
    wanted=st.lists(st.sampled_from([*CODES[:6], "XYZ"]), max_size=8),
    category=st.sampled_from([None, "0701", "9999"]),
    closed=st.sets(st.sampled_from(CODES[:6])),
    pair=st.sampled_from(PAIRS),
)
def test_every_plan_has_one_lead_and_each_department_once(
    wanted: list[str], category: str | None, closed: set[str], pair: tuple[Any, Any]
) -> None:
    """INVARIANT: one task per department, exactly one of them leading."""
    planned = domain.plan(
        WHISTLE, 1, paperwork.facts(*pair, category=category), wanted, MONDAY, with_inactive(*sorted(closed))
    )
    if isinstance(planned, domain.Unrouted):
        assert planned.reason
        return
    departments = [task.department for task in planned.tasks]
    assert len(set(departments)) == len(departments) >= 1
    assert [task.role for task in planned.tasks] == ["lead", *["assist"] * (len(departments) - 1)]
    assert not closed & set(departments)
    assert {task.presence for task in planned.tasks} == {POLICIES[pair]["presence"]}


def test_the_same_task_has_the_same_id_however_often_it_is_planned() -> None:
    """INVARIANT: task = (whistle, round, department, origin) (EVENTS.md R9)."""
    about = paperwork.facts()
    first, again = plan(about), plan(about, now=MONDAY + timedelta(days=3), rules=with_inactive("GA"))
    assert [task.task_id for task in first.tasks] == [task.task_id for task in again.tasks]
    others = [
        domain.plan(uuid5(WHISTLE, "another"), 1, about, (), MONDAY, RULES),
        domain.plan(WHISTLE, 2, about, (), MONDAY, RULES),
    ]
    ids: set[UUID] = set()
    for planned in (first, *others):
        assert isinstance(planned, domain.Plan)
        ids |= {task.task_id for task in planned.tasks}
    assert len(ids) == 3 * len(first.tasks)


# -- frozen terms ---------------------------------------------------------------------------------------------


def limits(pair: tuple[Any, Any], role: str) -> dict[str, str]:
    """The limits of a role, read from the file: what its own row fills in differs, `-` takes the clock away."""
    own = BY_ROLE.get((*pair, role), {})
    filled = {name: own.get(name) or POLICIES[pair][name] for name in LIMITS}
    return {name: limit for name, limit in filled.items() if limit not in ("", "-")}


@pytest.mark.parametrize("start", [MONDAY, local(2026, 6, 5, 17, 20), local(2026, 9, 30, 12, 30), local(2026, 6, 7, 3)])
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("pair", PAIRS)
def test_the_frozen_terms_are_the_policys_limits_on_the_calendar(
    pair: tuple[Any, Any], role: TaskRole, start: datetime
) -> None:
    """INVARIANT: dispatch and escalation show the same instant, that of `worktime` (EVENTS.md R11)."""
    terms = task_terms(*pair, role, start, RULES)
    specs = [spec for spec in terms if spec.name != "suspension_review"]
    reviews = terms[len(specs) :]
    assert {spec.name: spec.limit for spec in specs} == limits(pair, role)
    for spec in specs:
        assert (spec.side, spec.warn_percent) == (SIDES.get(spec.name, "department"), (50, 80))
        assert [(step.rung, step.delay) for step in spec.ladder] == rungs(spec.side, pair[1])
        if spec.name in AT_DISPATCH and spec.limit != "per_plan@natural":
            assert_instants(spec, start)
        else:
            assert spec.schedule is None
    assert [(spec.name, spec.side) for spec in reviews] == (REVIEWS if pair[0] != "emergency" else [])
    assert {(spec.limit, spec.schedule) for spec in reviews} <= {("30d@natural", None)}


def test_the_departments_of_a_round_have_the_limits_of_their_roles() -> None:
    planned = plan(paperwork.facts("key_work", "normal"), ["CGJ", "GA", "YJ"])
    assert set(planned.terms) == {"lead@1", "assist@1"}
    resolve = {name: spec.limit for name, specs in planned.terms.items() for spec in specs if spec.name == "resolve"}
    assert resolve == {"lead@1": "30d@work", "assist@1": "20d@work"}
    assert [spec.name for spec in planned.terms["lead@1"]].count("plan") == 1
    assert "plan" not in [spec.name for spec in planned.terms["assist@1"]]
    assert planned.whistle_due_at == worktime.due(MONDAY, worktime.Limit.parse("30d@work"), RULES.calendar).at


def test_a_role_with_the_leads_limits_shares_the_leads_terms() -> None:
    planned = plan(paperwork.facts(), ["CGJ", "GA", "YJ"])
    assert (set(planned.terms), {planned.named(task) for task in planned.tasks}) == ({"lead@1"}, {"lead@1"})
    differs = plan(paperwork.facts("key_work", "normal"), ["CGJ", "GA", "YJ"])
    assert [differs.named(task) for task in differs.tasks] == ["lead@1", "assist@1", "assist@1"]


def test_working_time_is_every_hour_for_who_works_round_the_clock() -> None:
    """XF's duty unit runs 7 × 24: its own limits count natural time, the street's and the review's do not change."""
    planned = plan(paperwork.facts("key_work", "normal"), ["CGJ", "GA", "XF"])
    names = [planned.named(task) for task in planned.tasks]
    assert names == ["lead@1", "assist@1", "assist@1.24h"]
    told: list[dict[str, str]] = [{spec.name: spec.limit for spec in planned.terms[name]} for name in names[1:]]
    office, round_the_clock = told
    assert (office["ack"], office["resolve"]) == ("1d@work", "20d@work")
    assert (round_the_clock["ack"], round_the_clock["resolve"]) == ("1d@natural", "20d@natural")
    street = ("street_verify", "evaluate", "suspension_review")
    assert [office[name] for name in street] == [round_the_clock[name] for name in street]
    alone = plan(paperwork.facts("key_work", "normal"), ["XF"])
    assert [alone.named(task) for task in alone.tasks] == ["lead@1"]


def test_an_emergency_knows_no_quiet_hours() -> None:
    for pair in PAIRS:
        quiet = {step.quiet for spec in task_terms(*pair, "lead", MONDAY, RULES) for step in spec.ladder}
        assert quiet == ({""} if pair[0] == "emergency" else {"22:00-07:00"})


def test_who_is_on_duty_is_named_for_the_grid_else_for_the_department_else_nobody() -> None:
    rows = registry_rows(RULES.registry)
    person = {"organisation": "CGJ", "role": "handler", "grid": None, "name": "赵文清", "hours": "always"}
    people = [
        person,
        {**person, "grid": "S01-G001", "name": "吴桐"},
        {**person, "role": "deputy_head", "name": "李映雪"},
    ]
    rules = Rules(Registry.from_rows(2, {**rows, "people": people}), RULES.calendar)
    about = paperwork.facts()
    (task,) = plan(about, ["CGJ"]).tasks
    other = plan(about, ["GA"]).tasks[0]
    named = {
        grid: domain.called(task, "lead@1", about.model_copy(update={"grid": grid}), rules).people
        for grid in ("S01-G001", "S01-G002", None)
    }
    assert named == {"S01-G001": ("吴桐",), "S01-G002": ("赵文清",), None: ("赵文清",)}
    assert domain.called(other, "lead@1", about, rules).people == ()


def rungs(side: str, urgency: str) -> list[tuple[int, str]]:
    """A side's rungs and delays, read from the file of ladders."""
    rows = [row for row in table("ladders.csv") if row["side"] == side]
    return [(int(row["rung"]), row[f"delay_{urgency}"]) for row in sorted(rows, key=lambda row: int(row["rung"]))]


def assert_instants(spec: ClockSpec, start: datetime) -> None:
    """The schedule against `worktime`, limit by limit."""
    calendar = RULES.calendar
    limit = worktime.Limit.parse(spec.limit)
    due = worktime.due(start, limit, calendar)
    assert spec.schedule is not None
    assert spec.schedule.start_at == start
    assert (spec.schedule.due_at, spec.schedule.provisional) == (due.at, due.provisional)
    assert list(spec.schedule.warn_at) == worktime.points(start, limit, (50, 80), calendar)
    climbed = [
        worktime.due(due.at, worktime.Limit.parse(step.delay), calendar).at if step.delay else due.at
        for step in spec.ladder
    ]
    assert list(spec.schedule.rung_at) == [
        in_the_morning(at) if step.quiet else at for at, step in zip(climbed, spec.ladder, strict=True)
    ]
    assert start < spec.schedule.warn_at[0] <= spec.schedule.warn_at[1] <= due.at
    assert list(spec.schedule.rung_at) == sorted(spec.schedule.rung_at)


def in_the_morning(at: datetime) -> datetime:
    """The pack's quiet hours are from ten in the evening to seven."""
    there = at.astimezone(SHANGHAI)
    if 7 <= there.hour < 22:
        return at
    return local(there.year, there.month, there.day, 7) + timedelta(days=there.hour >= 22)


def test_some_instants_of_the_pack_worked_out_by_hand() -> None:
    """Monday 2026-06-01 09:00, key work, urgent: 2 working hours to acknowledge, fifteen days to resolve."""
    specs = {spec.name: spec for spec in task_terms("key_work", "urgent", "lead", MONDAY, RULES)}
    ack = specs["ack"].schedule
    assert ack is not None
    assert (ack.due_at, ack.warn_at) == (local(2026, 6, 1, 11), (local(2026, 6, 1, 10), local(2026, 6, 1, 10, 36)))
    assert ack.rung_at == (
        local(2026, 6, 1, 11),
        local(2026, 6, 1, 12),
        local(2026, 6, 1, 15),
        local(2026, 6, 2, 17, 30),
        local(2026, 6, 4, 17, 30),
    )
    resolve = specs["resolve"].schedule
    assert resolve is not None
    assert resolve.due_at == local(2026, 6, 16, 9)


def test_what_a_clock_is_like_does_not_depend_on_the_policy() -> None:
    """Source: DOMAIN.md C.3."""
    for pair in PAIRS:
        for spec in task_terms(*pair, "lead", MONDAY, RULES):
            assert spec.pausable == (spec.name in ("resolve", "restore"))
            assert spec.extendable == (spec.name in ("first_meeting", "plan", "resolve", "restore"))


def test_a_limit_per_plan_waits_for_the_plan() -> None:
    planned = plan(paperwork.facts("key_work", "long_term"))
    (resolve,) = [spec for spec in planned.terms["lead@1"] if spec.name == "resolve"]
    assert (resolve.limit, resolve.schedule, planned.whistle_due_at) == ("per_plan@natural", None, None)


@pytest.mark.parametrize("pair", [pair for pair in PAIRS if POLICIES[pair]["resolve"] != "per_plan@natural"])
def test_the_whistle_is_due_with_the_latest_resolve_of_its_tasks(pair: tuple[Any, Any]) -> None:
    planned = plan(paperwork.facts(*pair))
    limit = worktime.Limit.parse(POLICIES[pair]["resolve"])
    assert planned.whistle_due_at == worktime.due(MONDAY, limit, RULES.calendar).at


@pytest.mark.parametrize("pair", PAIRS)
def test_the_whistle_offices_clock_counts_from_when_the_whistle_was_blown(pair: tuple[Any, Any]) -> None:
    about = paperwork.facts(*pair, category=None, at=MONDAY - timedelta(minutes=3))
    (spec,) = domain.triage_clock(about, RULES)
    assert (spec.name, spec.side, spec.limit) == ("dispatch", "district", POLICIES[pair]["dispatch"])
    assert [(step.rung, step.delay) for step in spec.ladder] == rungs("district", pair[1])
    assert_instants(spec, about.blown_at)


def test_without_a_policy_there_is_no_clock_either() -> None:
    assert domain.triage_clock(paperwork.facts("emergency", "long_term"), RULES) == ()


def test_a_limit_that_touches_a_year_without_official_data_is_provisional_and_no_exception() -> None:
    specs = task_terms("key_work", "normal", "lead", local(2026, 12, 30, 9), RULES)
    provisional = {spec.name: spec.schedule.provisional for spec in specs if spec.schedule}
    assert provisional == {"ack": False, "resolve": True}


# -- routing by hand, cancelling --------------------------------------------------------------------------------


WAITING = domain.Dispatch(WHISTLE, "awaiting_triage", 1, paperwork.facts(category=None), reason="no sub-category")


def test_the_whistle_office_routes_a_waiting_whistle() -> None:
    later = MONDAY + timedelta(hours=2)
    planned = domain.route_by_hand(WAITING, ["GA", "CGJ"], later, RULES)
    assert called(planned) == [("GA", "lead"), ("CGJ", "assist")]
    assert {spec.schedule.start_at for spec in planned.terms["lead@1"] if spec.schedule} == {later}


@pytest.mark.parametrize(
    ("departments", "field"), [(["GA", "XYZ"], "departments.1"), (["XF", "GA"], "departments.0"), ([], "departments")]
)
def test_a_routing_that_cannot_be_names_what_is_wrong(departments: list[str], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        domain.route_by_hand(WAITING, departments, MONDAY, with_inactive("XF"))
    assert refused.value.field == field


@pytest.mark.parametrize("state", ["dispatched", "closed", "cancelled"])
def test_only_a_waiting_whistle_is_routed_by_hand(state: domain.State) -> None:
    settled = domain.Dispatch(WHISTLE, state, 1, paperwork.facts())
    with pytest.raises(IllegalTransition, match=state):
        domain.route_by_hand(settled, ["GA"], MONDAY, RULES)


def test_a_withdrawal_is_remembered_also_of_a_whistle_that_is_not_known_yet() -> None:
    unknown = domain.cancel(domain.Dispatch(WHISTLE, "cancelled"), "重复")
    assert (unknown.state, unknown.reason, unknown.facts, unknown.tasks) == ("cancelled", "重复", None, ())
