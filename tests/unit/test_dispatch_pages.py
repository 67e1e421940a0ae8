"""The whistle office's pages: what waits and in which order, the two sides of a dispute, the registry in words."""

from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid5

import pytest

from support import paperwork, sheets
from support.clockface import MONDAY
from whistle_dispatch import domain
from whistle_dispatch.domain.terms import Rules
from whistle_dispatch.pages import matter, registry, waiting
from whistle_dispatch.queries.desk import Case, Kind, Waiting
from whistle_shared.contracts.department import ExtensionRequested, ReturnRequested, SuspensionRequested

PACK = paperwork.pack()
RULES = Rules(PACK.registry, paperwork.replica().calendar())
WHISTLE = UUID(int=7)
HOUR = timedelta(hours=1)
words = partial(sheets.words, registry=PACK.registry)


def waits(kind: Kind, *, since: int = 0, due: int | None = None, **more: Any) -> Waiting:
    """Something that has waited since an hour, due at another."""
    at = None if due is None else MONDAY + due * HOUR
    facts = paperwork.facts(kind="appeal", urgency="normal")
    return Waiting(kind, uuid5(WHISTLE, f"{kind}{since}{due}"), WHISTLE, facts, MONDAY + since * HOUR, at, **more)


def contents(*found: Waiting, now: int = 0, only: Kind | None = None) -> dict[str, Any]:
    by_kind: dict[Kind, list[Waiting]] = {}
    for one in found:
        by_kind.setdefault(one.kind, []).append(one)
    return waiting.contents(words(), by_kind, RULES, MONDAY + now * HOUR, only)


# -- the desk


def test_what_is_decided_first_comes_first_and_what_has_no_clock_last() -> None:
    found = contents(
        waits("appeal", since=-9, department="CGJ", reason="x"),
        waits("extension", due=30, department="CGJ", reason="x"),
        waits("dispute", due=3, department="CGJ", reason="second_return"),
        waits("return", due=2, department="CGJ", reason="x"),
        waits("appeal", since=-20, department="GA", reason="x"),
        waits("silent", since=-1, department="PSGS"),
    )
    assert [row.kind for row in found["queue"]["rows"]] == [
        "silent",
        "return",
        "dispute",
        "extension",
        "appeal",
        "appeal",
    ]
    assert found["queue"]["rows"][-1].since > found["queue"]["rows"][-2].since


def test_an_unrouted_whistle_is_due_by_its_dispatch_clock() -> None:
    (row,) = contents(waits("unrouted"))["queue"]["rows"]
    (clock,) = domain.triage_clock(paperwork.facts(kind="appeal", urgency="normal"), RULES)
    assert clock.schedule is not None
    assert row.due_at == clock.schedule.due_at
    assert row.address == f"/whistles/{WHISTLE}"


def test_tiles_count_every_kind_also_when_one_is_looked_at() -> None:
    found = contents(
        waits("return", due=-1, department="CGJ"), waits("return", due=5, department="CGJ"), only="dispute"
    )
    tiles = {tile.kind: (tile.n, tile.late) for tile in found["tiles"]["tiles"]}
    assert tiles["return"] == (2, 1)
    assert tiles["dispute"] == (0, 0)
    assert found["queue"]["rows"] == []


def test_a_long_desk_shows_the_most_urgent_and_says_how_many_more_there_are() -> None:
    many = [waits("return", due=hour, department="CGJ", reason="x") for hour in range(80, 0, -1)]
    whole = contents(*many)
    assert [row.due_at for row in whole["queue"]["rows"]] == [MONDAY + hour * HOUR for hour in range(1, 51)]
    assert whole["queue"]["more"] == 30
    assert {tile.kind: tile.n for tile in whole["tiles"]["tiles"]}["return"] == 80
    one_kind = contents(*many, only="return")["queue"]
    assert (len(one_kind["rows"]), one_kind["more"]) == (80, 0)


@pytest.mark.parametrize(("now", "state"), [(0, "normal"), (5, "half"), (8, "nearly"), (10, "late"), (11, "late")])
def test_a_decision_stands_as_its_time_passes(now: int, state: str) -> None:
    assert waiting.standing(MONDAY, MONDAY + 10 * HOUR, MONDAY + now * HOUR) == state


def test_without_a_clock_nothing_is_late() -> None:
    assert waiting.standing(MONDAY, None, MONDAY + 1000 * HOUR) == "normal"


@pytest.mark.parametrize(
    ("category", "cross", "told"),
    [(None, False, "没有选定类别"), ("0701", True, "跨区"), ("0701", False, "井盖缺失破损")],
)
def test_why_nobody_follows_is_said(category: str | None, cross: bool, told: str) -> None:
    assert told in waiting.unrouted_because(words(), category, cross)


# -- a case


def returned(department: str, to: str, because: str, **more: Any) -> domain.Request:
    task = uuid5(WHISTLE, department)
    asked = ReturnRequested(
        whistle_id=WHISTLE,
        task_id=task,
        department=department,
        by="x",
        person="王敏",
        request_id=uuid5(task, "return"),
        basis="第二十三条",
        proper_department=to,
        reason=because,
    )
    return domain.Request(asked, MONDAY, 1, **more)


def case(*requests: domain.Request, dispute: domain.Dispute | None = None) -> Case:
    tasks = (domain.Task(uuid5(WHISTLE, "ZFJ"), "ZFJ", "lead", "on_site", "reassigned-1"),)
    asked = {request.asked.request_id: request for request in requests}
    known = domain.Dispatch(WHISTLE, "dispatched", 1, paperwork.facts(), tasks=tasks, requests=asked)
    return Case(known, requests[-1], dispute, ())


def test_both_sides_of_a_dispute_are_heard() -> None:
    first = returned("CGJ", "ZFJ", "占道经营", state="upheld", reason="改派执法局", decided_at=MONDAY)
    second = returned("ZFJ", "CGJ", "市政施工遗留", state="disputed")
    own, other = matter.claims(words(), case(first, second), PACK.registry)
    assert [text for _, _, text in own.words] == ["第二十三条", "市政施工遗留"]
    assert [text for _, _, text in other.words] == ["第二十三条", "占道经营", "改派执法局"]
    assert ("分类目录", "主办") in other.points
    assert (own.role, other.role) == ("主办", "未参与")


def test_a_return_is_due_by_its_own_time_and_a_dispute_by_its_clock() -> None:
    asked = returned("ZFJ", "CGJ", "x", decide_by=MONDAY + HOUR)
    state = matter.request_state(words(), case(asked), RULES, MONDAY)
    assert (state["clock"], state["due_at"], state["outcome"].word) == ("审核", MONDAY + HOUR, "待决定")
    dispute = domain.Dispute(uuid5(WHISTLE, "d"), asked.asked.request_id, "undecided", MONDAY, MONDAY + 2 * HOUR)
    state = matter.request_state(words(), case(asked, dispute=dispute), RULES, MONDAY)
    assert (state["clock"], state["due_at"], state["outcome"].word) == ("权责裁定", MONDAY + 2 * HOUR, "待裁定")


def test_what_is_decided_has_no_clock_any_more() -> None:
    asked = returned("ZFJ", "CGJ", "x", state="refused", decided_at=MONDAY, decided_by="陈", reason="先办后议")
    state = matter.request_state(words(), case(asked), RULES, MONDAY)
    assert (state["due_at"], state["clock"], state["decision"]) == (None, "", "先办后议")


def test_a_suspension_that_runs_is_looked_at_again() -> None:
    said = {"whistle_id": WHISTLE, "task_id": uuid5(WHISTLE, "ZFJ"), "department": "ZFJ", "by": "x", "person": "李"}
    suspension = SuspensionRequested(
        **said,
        request_id=uuid5(WHISTLE, "s"),
        cause="lawsuit",
        until=MONDAY + 1440 * HOUR,
        number=1,
        decider="district",
        reason="待判决",
    )
    runs = domain.Request(suspension, MONDAY, 1, "upheld", decided_at=MONDAY, granted_until=MONDAY + 1440 * HOUR)
    state = matter.request_state(words(), case(runs), RULES, MONDAY)
    assert (state["clock"], state["due_at"]) == ("缓办复核", MONDAY + timedelta(days=30))
    duties = matter.duties_of(words(), case(runs).dispatch)
    assert [duty.resting for duty in duties] == [str(suspension.request_id)]
    extension = ExtensionRequested(
        **said,
        request_id=uuid5(WHISTLE, "e"),
        clock="resolve",
        current_due_at=MONDAY + HOUR,
        due_at=MONDAY + 9 * HOUR,
        number=2,
        decider="district",
        reason="备件",
    )
    state = matter.request_state(words(), case(domain.Request(extension, MONDAY, 1)), RULES, MONDAY)
    assert (state["clock"], state["due_at"]) == ("办结", MONDAY + HOUR)


def test_a_department_that_was_silent_is_shown_until_it_is_replaced() -> None:
    known = case(returned("ZFJ", "CGJ", "x")).dispatch
    (task,) = known.tasks
    silent = replace(known, tasks=(replace(task, raised_at=MONDAY),))
    assert [duty.silent_since for duty in matter.duties_of(words(), silent)] == [MONDAY]
    ended = replace(known, tasks=(replace(task, raised_at=MONDAY, ended_at=MONDAY),))
    assert [(duty.silent_since, duty.ended) for duty in matter.duties_of(words(), ended)] == [(None, True)]


def test_who_is_stopped_is_not_offered() -> None:
    offered = dict(words().departments(but=["CGJ"]))
    assert "CGJ" not in offered
    assert set(offered) == {row.code for row in PACK.registry.departments if row.active} - {"CGJ"}


def test_limits_are_previewed_by_task() -> None:
    waiting_one = domain.Dispatch(WHISTLE, "awaiting_triage", 1, paperwork.facts(kind="appeal", urgency="normal"))
    planned = domain.route_by_hand(waiting_one, ["CGJ", "GA"], MONDAY, RULES)
    facts = waiting_one.facts
    assert facts is not None
    told = matter.limits_of(words(), planned, facts)
    assert [(task["role"], task["presence"]) for task in told] == [("主办", "到场"), ("协办", "到场")]
    assert ("应哨", "4 个工作小时") in [clock[:2] for clock in told[0]["clocks"]]


# -- the registry


@pytest.mark.parametrize(
    ("sheet", "column", "cell", "told"),
    [
        ("policies", "kind", "appeal", "群众诉求哨"),
        ("policies", "role", "assist", "协办"),
        ("policies", "ack", "4h@work", "4 个工作小时"),
        ("policies", "ack", "-", "不计时"),
        ("policies", "resolve", "per_plan@natural", "按报备方案"),
        ("ladders", "delay_normal", "", "立即"),
        ("categories", "assist", "PSGS;GA", "排水公司、公安分局"),
        ("people", "organisation", "S01", "采薇街道"),
        ("people", "organisation", "district", "区级"),
        ("days", "off", "false", "上班"),
        ("regulation", "value", "4h@work", "4 个工作小时"),
        ("regulation", "value", "50", "50"),
    ],
)
def test_a_cell_in_words(sheet: str, column: str, cell: str, told: str) -> None:
    assert registry.shown(words(), sheet, column, cell) == told


def test_every_sheet_and_every_column_has_its_words() -> None:
    for sheet, columns in domain.SHEETS.items():
        assert sheet in registry.NAMES
        for column in columns:
            assert registry.column_name(words(), sheet, column) != column, (sheet, column)
    grouped = [sheet for _, sheets in registry.GROUPS for sheet in sheets]
    assert sorted(grouped) == sorted(domain.SHEETS)


def test_rows_are_found_by_code_and_by_words() -> None:
    book = domain.book_of(PACK)
    by_code = registry.found(words(), "categories", book["categories"], "0701")
    assert [line.cells["code"] for line in by_code] == ["0701"]
    led = registry.found(words(), "categories", book["categories"], "排水公司")
    assert led
    assert all("PSGS" in (line.cells["lead"], *line.cells["assist"].split(";")) for line in led)
    assert len(registry.found(words(), "streets", book["streets"], " ")) == len(book["streets"])


def test_the_address_of_a_row_keeps_empty_parts_of_its_key() -> None:
    assert registry.address("policies", ("appeal", "normal", "")) == "/registry/policies/row?key=appeal&key=normal&key="


def test_a_form_offers_what_there_is() -> None:
    (line,) = (one for one in domain.book_of(PACK)["categories"] if one.cells["code"] == "0701")
    fields = {field.name: field for field in registry.fields(words(), "categories", line.cells)}
    offered = fields["lead"].options
    assert offered is not None
    assert ("PSGS", "排水公司") in offered
    assert fields["assist"].options is None
    settings = registry.fields(words(), "regulation", {"setting": "scoring.default", "value": "80"})
    assert [(field.name, field.value) for field in settings] == [("value", "80")]


def test_differences_are_told_in_words() -> None:
    changed, gone = registry.told(
        words(),
        [
            domain.Difference("policies", ("appeal", "normal", ""), {"ack": "4h@work"}, {"ack": "2h@work"}),
            domain.Difference("keywords", ("井盖", "0701"), {"word": "井盖", "category": "0701", "weight": ""}, None),
        ],
    )
    assert (changed.sheet, changed.key, changed.how) == ("时限", "群众诉求哨 · 一般", "changed")
    assert changed.cells == [("应哨", "4 个工作小时", "2 个工作小时")]
    assert gone.how == "removed"
