"""The dashboard's words: complete in both languages, for every event and every state, and readable."""

import re
from datetime import UTC, datetime, timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any, get_args
from uuid import UUID

import pytest

from support import paperwork, sheets
from whistle_escalation.pages import panels
from whistle_escalation.queries import scenes
from whistle_shared.contracts import TYPES
from whistle_shared.contracts.vocabulary import ClockName, Milestone, Satisfaction, SuspensionReason
from whistle_shared.pages import CLOCKS, LANGUAGES, RUNGS, Language, midnight, sentences
from whistle_shared.registry import Regulation

TEMPLATES = sheets.templates("escalation")
CHINESE = re.compile(r"[一-鿿，。；：（）]")
NOW = datetime(2026, 6, 1, 2, 0, tzinfo=UTC)
CLOCK = {"clock": "ack", "side": "department", "department": "CGJ", "due_at": "2026-06-01T01:45:00Z"}
RUNG = {**CLOCK, "rung": 2, "role": "department_head"}
DELIVERY = {"receiver": "department.hosted", "event_id": str(UUID(int=1))}
TASK = {"department": "CGJ", "person": "Wang Min"}
DECIDED = {"department": "CGJ", "reason": "by the duty list", "by": "Zhou"}
SAID: dict[str, list[dict[str, Any]]] = {
    "whistle_blown": [{"facts": {"street": "S01", "title": "Manhole cover missing"}}],
    "whistle_withdrawn": [{"reason": "solved"}],
    "whistle_dispatched": [
        {"tasks": [{"department": code, "role": role} for code, role in tasks]}
        for tasks in ([("CGJ", "lead")], [("CGJ", "lead"), ("GA", "assist")])
    ],
    "whistle_unrouted": [{}],
    "whistle_cancelled": [{"departments": ["CGJ"]}, {"departments": ["CGJ", "GA"]}],
    "task_acknowledged": [TASK],
    "responder_checked_in": [{**TASK, "mode": mode} for mode in ("on_site", "online", "meeting")],
    "progress_logged": [{**TASK, "note": "fenced off\nand lit " * 20}],
    "task_submitted": [{**TASK, "result": "replaced"}],
    "clock_warned": [
        {**CLOCK, "percent": 80},
        {**CLOCK, "percent": 50, "clock": "dispatch", "side": "district", "department": None},
        {**CLOCK, "percent": 50, "clock": "street_verify", "side": "street"},
    ],
    "clock_breached": [CLOCK],
    "escalation_raised": [RUNG, {**RUNG, "rung": 9}],
    "escalation_withdrawn": [
        {**RUNG, "reason": reason} for reason in ("met in time", "cancelled", "the calendar moved the due time")
    ],
    "escalation_resolved": [RUNG],
    "escalation_acknowledged": [{**RUNG, "by": "Zhou"}],
    "deadline_recomputed": [CLOCK],
    "signature_missed": [{"street": "S01", "owed_until": "2026-06-02T01:45:00Z"}],
    "whistle_joined": [{"by": "Zhou"}],
    "whistle_reopened": [
        {"cause": cause, "reason": "it is back"} for cause in ("relapse", "false_completion", "dissatisfied")
    ],
    "whistle_closed": [{"callback": callback} for callback in ("done", "waived")],
    "callback_recorded": [
        {"satisfaction": satisfaction, "waived": waived}
        for satisfaction, waived in (
            *((answer, False) for answer in get_args(Satisfaction)),
            (None, False),
            (None, True),
        )
    ],
    "task_verified": [DECIDED],
    "task_rework_ordered": [{**DECIDED, "reasons": "the cover still rattles"}],
    "task_evaluated": [{**DECIDED, "score": {"total": 91}, "by_default": default} for default in (False, True)],
    "meeting_convened": [{"departments": ["CGJ"]}, {"departments": ["CGJ", "GA"]}],
    "meeting_minuted": [{"minutes": "agreed"}],
    "task_urged": [{**DECIDED, "note": "hurry up"}],
    "task_reminded": [{**DECIDED, "note": "hurry up"}],
    "task_resumed": [{"department": "CGJ", "reason": "the permit is here"}],
    "return_requested": [{**TASK, "reason": "not ours"}],
    "return_decided": [{**DECIDED, "upheld": upheld} for upheld in (True, False)],
    "dispute_opened": [{"department": "CGJ", "clock": {"name": "adjudication"}}],
    "dispute_decided": [{**DECIDED, "upheld": upheld} for upheld in (True, False)],
    "lead_changed": [DECIDED],
    "milestone_reached": [{**TASK, "milestone": milestone} for milestone in get_args(Milestone)],
    "extension_requested": [{**TASK, "clock": "resolve", "reason": "rain", "due_at": "2026-06-02T01:45:00Z"}],
    "extension_decided": [
        {**DECIDED, "clock": "resolve", "granted": granted, "due_at": due}
        for granted, due in ((True, "2026-06-02T01:45:00Z"), (False, None))
    ],
    "suspension_requested": [{**TASK, "reason": "rain"}],
    "suspension_decided": [{**DECIDED, "granted": granted} for granted in (True, False)],
    "score_appealed": [{**TASK, "reason": "we were there"}],
    "score_appeal_decided": [{**DECIDED, "granted": granted} for granted in (True, False)],
    "letter_issued": [{"department": "CGJ", "number": "No. 7", "due_at": "2026-06-02T01:45:00Z"}],
    "letter_replied": [TASK],
    "escalation_repeated": [{**RUNG, "repeat": 2, "stale": stale} for stale in (True, False)],
    "rung_skipped": [RUNG],
    "clock_overlooked": [CLOCK],
    "delivery_stuck": [DELIVERY],
    "delivery_recovered": [{**DELIVERY, "receiver": "escalation"}],
}
words = partial(sheets.words, service="escalation")


def happened(name: str, data: dict[str, Any], title: str | None = "Manhole cover missing") -> Any:
    key = next(key for key in TYPES if sentences.kind(key) == name)
    return SimpleNamespace(
        position=7, key=key, at=NOW, data=data, number="S01-20260601-0001", title=title, street="S01"
    )


def test_every_event_type_is_told_or_left_out_on_purpose() -> None:
    """INVARIANT: every event type that the feed shows has a sentence in both languages."""
    told = {sentences.kind(key) for key in TYPES if key not in scenes.UNTOLD}
    assert told == set(sentences.SENTENCES) == set(SAID)


@pytest.mark.parametrize("name", sorted(SAID))
def test_sentences_are_whole_in_both_languages(name: str) -> None:
    for data in SAID[name]:
        in_chinese = sentences.told(words("zh"), happened(name, data))
        in_english = sentences.told(words("en"), happened(name, data))
        assert CHINESE.search(in_chinese)
        assert not CHINESE.search(in_english)
        for text in (in_chinese, in_english):
            assert "%(" not in text
            assert "\n" not in text
            assert len(text) < 200


def test_a_matter_that_is_not_known_yet_is_told_too() -> None:
    """A withdrawal may overtake the whistle itself."""
    row = happened("whistle_withdrawn", {"reason": "solved"}, title=None)
    row.street = row.number = None
    assert "solved" in sentences.told(words("en"), row)


def test_every_clock_and_rung_has_a_word() -> None:
    assert set(CLOCKS) == set(get_args(ClockName))
    assert [words("zh").rung(rung) for rung in sorted(RUNGS)] == [
        "L1 催办",
        "L2 函告",
        "L3 指挥中心",
        "L4 督办",
        "L5 约谈",
    ]


def test_every_choice_has_its_word_and_no_word_is_left_over() -> None:
    assert [code for code, _ in words("zh").each("suspension")] == [*get_args(SuspensionReason)]
    assert {code for code, _ in words("zh").each("score_part")} == Regulation().scoring.parts.keys()


def test_who_somebody_belongs_to_is_named_in_both_languages() -> None:
    registry = paperwork.pack().registry
    street, department = registry.streets[0], registry.departments[0]
    for language in LANGUAGES:
        named, attribute = words(language, registry), f"name_{language}"
        assert named.organisation(street.code) == getattr(street, attribute)
        assert named.organisation(department.code) == getattr(department, attribute)
        assert named.scope(street.code) == f"{getattr(street, attribute)} {street.code}"
    assert [words(language).organisation("district") for language in LANGUAGES] == ["区级", "District side"]
    assert words("zh").organisation("S99") == words("zh").scope("S99") == "S99"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("scene", ["empty", "full"])
def test_panels_render_whole_in_both_languages(language: Language, scene: str) -> None:
    contents = panels.contents(words(language), EMPTY if scene == "empty" else FULL, NOW)
    frame = {"words": words(language), "now": NOW, "caller": None}
    html = "".join(TEMPLATES.render(language, f"_{name}.html", **frame, **about) for name, about in contents.items())
    assert "%(" not in html
    assert (CHINESE.search(html) is not None) == (language == "zh")
    assert "style=" not in html
    if scene == "full":
        assert {"街道侧", "暂定"} <= set(re.findall(r"[一-鿿]+", html)) or language == "en"


def test_every_number_leads_to_the_list_of_what_it_counts() -> None:
    """INVARIANT: every number leads to the list of what it counts."""
    contents = panels.contents(words("zh"), FULL, NOW)
    frame = {"words": words("zh"), "now": NOW, "caller": None}
    for name in ("figures", "rungs", "places", "departments"):
        html = TEMPLATES.render("zh", f"_{name}.html", **frame, **contents[name])
        linked = re.sub(r"<a .*?</a>", "", html, flags=re.DOTALL)
        assert not re.findall(r">\s*[1-9][\d.]*%?\s*<", linked), name


def test_today_is_told_beside_last_week_as_far_as_its_day_had_come() -> None:
    figures = panels.contents(words("zh"), FULL, NOW)["figures"]
    assert (figures["blown"].now, figures["blown"].then, figures["blown"].more) == (3, 1, 2)
    assert (figures["open"], figures["late"], figures["nearly"], figures["under_way"]) == (11, 3, 2, 6)
    hours = panels.contents(words("zh"), FULL, NOW)["hours"]
    assert [(h.hour, h.blown, h.last, h.blown_height) for h in hours["hours"] if h.blown or h.last] == [
        (9, 3, 1, 75.0),
        (18, 0, 4, 0.0),
    ]
    assert [h.ahead for h in hours["hours"]] == [False] * 11 + [True] * 13


def test_the_map_is_coloured_by_what_is_overdue_and_else_by_what_is_open() -> None:
    places = panels.contents(words("zh"), FULL, NOW)["places"]
    assert places["grids"] == {"S01-G001": [3, 3, 1], "S01-G002": [1, 1, 0], "S02-G001": [2, 2, 0]}
    assert [(p.code, p.open, p.overdue) for p in places["streets"]] == [("S01", 4, 1), ("S02", 2, 0)]


def test_departments_stand_by_how_they_reported_in_within_the_week() -> None:
    lines = panels.contents(words("zh"), FULL, NOW)["departments"]["departments"]
    assert [(line.code, line.reported_in.percent, line.reported_in.n) for line in lines] == [
        ("CGJ", "0.0", 2),
        ("GA", None, 0),
        ("MZ", None, 0),
    ]


def _clock(**about: Any) -> Any:
    facts = {
        "clock_id": UUID(int=3),
        "number": "S01-20260601-0001",
        "title": "Manhole cover missing",
        "street": "S01",
        "department": "CGJ",
        "side": "department",
        "status": "running",
        "breached_at": None,
        "due_at": NOW,
        "provisional": False,
    }
    return SimpleNamespace(**facts | about)


def _rung(rung: int, **about: Any) -> Any:
    facts = {"rung": rung, "clock": "ack", "acknowledged_at": None, "standing": 5, "status": "open"}
    return _clock(escalation_id=UUID(int=rung), **facts | about)


def _place(street: str, grid: str | None, *numbers: int) -> Any:
    names = ("open", "overdue", "late", "nearly")
    return SimpleNamespace(street=street, grid=grid, **dict(zip(names, numbers, strict=True)))


def _flow(key: str, hour: int, n: int, days: int = 0, *, so_far: bool = True) -> Any:
    at = midnight(NOW) + timedelta(hours=hour, days=-days)
    return SimpleNamespace(key=f"intake.{key}.v1", hour=at, so_far=so_far, n=n)


EMPTY = scenes.Scene(position=0, places=[], duties=[], rungs={}, worst=[], upcoming=[], flow=[], feed=[], stuck=[])
FULL = scenes.Scene(
    position=9,
    places=[
        _place("S01", "S01-G001", 3, 1, 3, 1),
        _place("S01", "S01-G002", 1, 0, 0, 1),
        _place("S02", "S02-G001", 2, 0, 0, 0),
    ],
    duties=[
        SimpleNamespace(department=department, name=name, outcome=outcome, recent=recent, n=2)
        for department, name, outcome, recent in (
            ("CGJ", "ack", "met", True),
            ("CGJ", "arrive", "overdue", True),
            ("CGJ", "arrive", "met", False),
            ("GA", "arrive", "running", True),
            ("MZ", "ack", "running", True),
        )
    ],
    rungs={1: 9, 5: 1, 6: 1},
    worst=[
        _rung(5, standing=1, acknowledged_at=NOW),
        _rung(1, side="street", clock="street_verify", provisional=True),
        _rung(1, side="district", clock="dispatch", department=None),
    ],
    upcoming=[_clock(name="resolve", warned=warned) for warned in (0, 1, 2)],
    flow=[
        _flow("whistle_blown", 9, 3),
        _flow("whistle_blown", 9, 1, 7),
        _flow("whistle_blown", 18, 4, 7, so_far=False),
    ],
    feed=[happened(name, data) for name, said in SAID.items() for data in said],
    stuck=[happened("delivery_stuck", DELIVERY)],
)
