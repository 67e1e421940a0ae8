"""Numbers that tell a person: found as people write them, blotted out, and nothing else touched."""

import json
import logging
import random
from io import StringIO
from time import process_time
from typing import Any
from uuid import UUID

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from whistle_department.api import bodies
from whistle_dispatch.api import disputes, views
from whistle_escalation.api import letters
from whistle_intake.api import forms, meetings, reports, requests, verification
from whistle_shared.observability import configure_logging
from whistle_shared.privacy import masked, masked_name, masked_phone, masked_values, phone_of

FULL = str.maketrans("0123456789", "０１２３４５６７８９")
HAN = str.maketrans("0123456789", "〇一二三四五六七八九")

WRITTEN = [
    ("电话13812345678张三", "电话138****5678张三"),
    ("138 1234 5678", "138****5678"),
    ("138-1234-5678", "138****5678"),
    ("+86 13812345678", "+86 138****5678"),
    ("008613812345678。", "0086138****5678。"),
    ("手机：１３８１２３４５６７８", "手机：１３８****５６７８"),
    ("一三八 一二三四 五六七八", "一三八****五六七八"),
    ("幺三八一二三四五六七八", "幺三八****五六七八"),
    ("tel13812345678", "tel138****5678"),
    ("010-66778899", "010****99"),
    ("（0571）8877 6655 转", "057****55 转"),
    ("身份证11010119900307123X，", "身份证110****3X，"),
    ("１１０１０１１９９００３０７１２３Ｘ", "１１０****３Ｘ"),
    ("110101 1990 0307 1234", "110****34"),
    ("110101900307123", "110****23"),
    ("卡 6222 0212 3456 7890 123", "卡 6222****23"),
    ("邮箱 zhang.san@163.com", "邮箱 z****@163.com"),
    ("微信号：zhang_san88", "微信号：z****"),
    ("微信zhang_san88", "微信z****"),
    ("加vx:abc12345", "加vx:a****"),
    ("WeChat: abc12345", "WeChat: a****"),
    ("QQ 12345678", "QQ 1****"),
]
UNTOUCHED = [
    "S01-20260601-0007",
    "2026-06-01T01:45:00.138123Z",
    "1764000000000",
    "019aa5f0-7c20-7a11-8b22-138123456789",
    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "1381234567813812345678138123456781381234567813812345678138123456",  # a digest may look like anything
    "拨打12345或110",
    "微信群里有人反映",
    "一二三四五楼都停水了",
    "东门路 138 号 12 单元 345 室",
    "39.9163, 116.3972",
]


@pytest.mark.parametrize(("said", "kept"), WRITTEN)
def test_a_number_is_blotted_out_but_for_its_edges(said: str, kept: str) -> None:
    assert masked(said) == kept
    assert masked(kept) == kept, "twice changes nothing more"


@pytest.mark.parametrize("said", UNTOUCHED)
def test_what_is_no_number_of_a_person_stays(said: str) -> None:
    assert masked(said) == said


MOBILE = st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True)
AROUND = st.text(
    st.characters(blacklist_categories=["Nd", "Cs"], blacklist_characters="〇零一二三四五六七八九幺+"), max_size=20
)


@settings(max_examples=300, deadline=None, database=None)
@given(before=AROUND, number=MOBILE, after=AROUND, style=st.sampled_from(["plain", "full", "han", "gaps"]))
def test_no_mobile_number_gets_through(before: str, number: str, after: str, style: str) -> None:
    """INVARIANT: no telephone, identity-card or bank-card number, written as people write it, leaves `masked` whole."""
    ways = {
        "plain": number,
        "full": number.translate(FULL),
        "han": number.translate(HAN),
        "gaps": f"{number[:3]} {number[3:7]}-{number[7:]}",
    }
    said = before + ways[style] + after
    kept = masked(said)
    assert ways[style] not in kept
    assert "****" in kept
    assert len(kept) <= len(said)


@settings(max_examples=200, deadline=None, database=None)
@given(said=st.text(max_size=200))
def test_a_text_never_grows(said: str) -> None:
    assert len(masked(said)) <= len(said)


def test_values_are_masked_however_deep() -> None:
    said = {"a": ["13812345678", {"b": ("x 13812345678",)}], "n": 13812345678, "none": None}
    kept = {"a": ["138****5678", {"b": ["x 138****5678"]}], "n": 13812345678, "none": None}
    assert masked_values(said) == kept


def test_names_and_numbers_are_shown_by_their_edges() -> None:
    assert (masked_name("张三丰"), masked_name("张三")) == ("张**", "张**")
    assert (masked_phone("13812341234"), masked_phone("01066778899")) == ("138****1234", "010****99")


@pytest.mark.parametrize(
    ("said", "digits"),
    [
        ("13812345678", "13812345678"),
        ("１３８ 1234 5678", "13812345678"),
        ("+86 138-1234-5678", "13812345678"),
        ("8613812345678", "13812345678"),
        ("010-66778899", "01066778899"),
        ("(0571) 8877 6655", "057188776655"),
        ("+8601066778899", "01066778899"),
    ],
)
def test_one_number_has_one_way_of_being_kept(said: str, digits: str) -> None:
    assert phone_of(said) == digits


@pytest.mark.parametrize(
    "said",
    ["", "12345", "1381234567", "138123456789", "23812345678", "1381234567a", "66778899", "+1 2025550100", "①③⑧"],
)
def test_what_is_no_number_is_refused_without_repeating_it(said: str) -> None:
    with pytest.raises(ValueError, match="must be a mobile number") as refused:
        phone_of(said)
    assert not said or said not in str(refused.value)


def phone_in_error() -> None:
    raise ValueError("电话 13812345678")


def test_no_log_line_carries_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """INVARIANT: no telephone, identity-card or bank-card number reaches a log line whole, whoever logs it."""
    said = StringIO()
    monkeypatch.setattr("sys.stdout", said)
    before, root = structlog.get_config(), logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers.clear()
    try:
        configure_logging("test")
        log: Any = structlog.get_logger("test")
        try:
            phone_in_error()
        except ValueError:
            log.exception("asked.twice", text="找 １３８１２３４５６７８", deep={"id": ["11010119900307123X"]})
        logging.getLogger("library").warning("called %s", "13812345678")
    finally:
        structlog.contextvars.clear_contextvars()
        structlog.configure(**before)
        root.handlers[:] = handlers
        root.setLevel(level)
    lines = said.getvalue()
    assert "13812345678" not in lines
    assert "１３８１２３４５６７８" not in lines
    assert "11010119900307123X" not in lines
    assert json.loads(lines.splitlines()[0])["event"] == "asked.twice"
    assert "called 138****5678" in lines


def test_a_long_text_is_looked_through_quickly() -> None:
    """Ten thousand characters that nearly are numbers: no pattern may go back and forth over them."""
    rng = random.Random(7)
    for alphabet in ("1 3-8", "0123456789 -", "a.@-", "qQ微信:= ", "+86 (0)"):
        text = "".join(rng.choice(alphabet) for _ in range(10_000))
        began = process_time()
        masked(text)
        assert process_time() - began < 1, alphabet


@pytest.mark.parametrize("end", ["z", " ", "y.", "y-", "z@", "=", "微信", "QQ:", "1 ", "0"])
@pytest.mark.parametrize("beginning", ["", "z@", "微信", "vx", "QQ"])
def test_the_time_grows_as_the_text_does_and_no_faster(beginning: str, end: str) -> None:
    """Long, and always the same: whoever sends it must not hold up everybody else."""
    text = beginning + end * (64 * 1024 // len(end))
    began = process_time()
    masked(text)
    assert process_time() - began < 2


SAID = "居民 13812345678 来电"
BODIES: list[tuple[type[BaseModel], dict[str, Any]]] = [
    (forms.Submission, {"override_reason": SAID, "distinct_reason": SAID}),
    (forms.Rejection, {"outcome": "draft", "reason": SAID}),
    (forms.Withdrawal, {"reason": SAID}),
    (forms.Reopening, {"cause": "relapse", "reason": SAID}),
    (verification.VerifyTask, {"passed": False, "note": SAID}),
    (verification.ScoreTask, {"parts": {}, "basis": SAID}),
    (verification.UrgeTask, {"note": SAID}),
    (verification.ResumeTask, {"reason": SAID}),
    (verification.RecordCallback, {"contacted": True, "note": SAID}),
    (requests.DecideRequest, {"granted": True, "reason": SAID}),
    (
        meetings.ConveneMeeting,
        {"departments": ["GA"], "starts_at": "2026-06-02T14:30:00Z", "place": SAID, "agenda": SAID},
    ),
    (meetings.FileMinutes, {"minutes": SAID, "items": [{"department": "GA", "title": SAID, "limit": "5d@work"}]}),
    (reports.Triage, {"outcome": "handling", "note": SAID, "answer": SAID}),
    (views.Decision, {"reason": SAID}),
    (disputes.DecideDispute, {"upheld": False, "reason": SAID, "precedent": SAID}),
    (bodies.Return, {"person": "王敏", "proper_department": "GA", "reason": SAID}),
    (bodies.Resume, {"person": "王敏", "reason": SAID}),
    (letters.Reminding, {"task_id": str(UUID(int=1)), "note": SAID}),
    (letters.Jumping, {"rung": 2, "reason": SAID}),
]


@pytest.mark.parametrize(("model", "said"), BODIES, ids=[model.__name__ for model, _ in BODIES])
def test_a_reason_that_travels_carries_no_number(model: type[BaseModel], said: dict[str, Any]) -> None:
    """What staff type as a reason goes into events, and with them to other services."""
    read = model.model_validate(said).model_dump_json()
    assert "13812345678" not in read
    assert read.count("居民 138****5678 来电") == str(said).count(SAID)
