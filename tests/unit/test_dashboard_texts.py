"""The dashboard's words: complete in both languages, for every event and every state, and readable."""

import re
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, get_args
from uuid import UUID

import pytest

from support.places import ENTRANCE, package
from whistle_escalation import queries
from whistle_escalation.pages import panels, sentences
from whistle_escalation.pages.words import CLOCKS, RUNGS, Words
from whistle_shared.contracts import TYPES
from whistle_shared.contracts.vocabulary import ClockName, Milestone, Satisfaction
from whistle_shared.registry import Registry
from whistle_shared.web import LANGUAGES, Language, Templates

PACKAGE = package("escalation")
TEMPLATES = Templates(PACKAGE, ENTRANCE)
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


def words(language: Language, registry: Registry | None = None) -> Words:
    return Words(language, TEMPLATES.texts[language], registry)


def happened(name: str, data: dict[str, Any], title: str | None = "Manhole cover missing") -> Any:
    key = next(key for key in TYPES if sentences.kind(key) == name)
    return SimpleNamespace(
        position=7, key=key, at=NOW, data=data, number="S01-20260601-0001", title=title, street="S01"
    )


def test_every_event_type_is_told_or_left_out_on_purpose() -> None:
    """INVARIANT: every event type that the feed shows has a sentence in both languages."""
    told = {sentences.kind(key) for key in TYPES if key not in queries.UNTOLD}
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


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("scene", ["empty", "full"])
def test_panels_render_whole_in_both_languages(language: Language, scene: str) -> None:
    contents = panels.contents(words(language), EMPTY if scene == "empty" else FULL, NOW)
    assert set(contents) == set(panels.PANELS)
    html = "".join(TEMPLATES.render(language, f"_{name}.html", **about) for name, about in contents.items())
    assert "%(" not in html
    assert (CHINESE.search(html) is not None) == (language == "zh")
    assert "style=" not in html
    if scene == "full":
        assert {"街道侧", "暂定"} <= set(re.findall(r"[一-鿿]+", html)) or language == "en"


def _clock(**about: Any) -> Any:
    facts = {
        "clock_id": UUID(int=3),
        "number": "S01-20260601-0001",
        "title": "Manhole cover missing",
        "street": "S01",
        "department": "CGJ",
        "side": "department",
        "due_at": NOW,
        "provisional": False,
    }
    return SimpleNamespace(**facts | about)


def _rung(rung: int, **about: Any) -> Any:
    facts = {"rung": rung, "clock": "ack", "acknowledged_at": None, "standing": 5}
    return _clock(**facts | about)


EMPTY = queries.Scene(position=0, outcomes=[], rungs={}, worst=[], upcoming=[], blown=0, feed=[], stuck=[])
FULL = queries.Scene(
    position=9,
    outcomes=[
        SimpleNamespace(department=department, name=name, outcome=outcome, n=2)
        for department, name, outcome in (
            ("CGJ", "ack", "met"),
            ("CGJ", "arrive", "overdue"),
            ("GA", "arrive", "nearly"),
            ("MZ", "ack", "running"),
            (None, "dispatch", "running"),
        )
    ],
    rungs={1: 9, 5: 1, 6: 1},
    worst=[
        _rung(5, standing=1, acknowledged_at=NOW),
        _rung(1, side="street", clock="street_verify", provisional=True),
        _rung(1, side="district", clock="dispatch", department=None),
    ],
    upcoming=[_clock(name="resolve", warned=warned) for warned in (0, 1, 2)],
    blown=3,
    feed=[happened(name, data) for name, said in SAID.items() for data in said],
    stuck=[happened("delivery_stuck", DELIVERY)],
)
