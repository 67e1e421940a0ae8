"""Notices without a database: who is told, when, by which channel next; what a browser is sent; what a proof says."""

import base64
import gettext
import json
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args
from uuid import UUID, uuid4

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicKey, derive_private_key
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from support import paperwork, sheets
from support.clockface import MONDAY
from support.desk import CALL, Desk, armed, called, minutes
from whistle_escalation import tables
from whistle_escalation.notices import channels, domain, push
from whistle_escalation.notices.courier import Trace, Unfit, opened
from whistle_escalation.notices.domain import Channel, Outcome, Step, Try, Waiting
from whistle_escalation.notices.wording import Wording
from whistle_escalation.pages import notices as pages
from whistle_shared.errors import Invalid
from whistle_shared.keyring import Keyring, new_key
from whistle_shared.pages.templating import translations_from
from whistle_shared.worktime import SHANGHAI

PACKAGE = Path(pages.__file__).parent.parent
A, B = Channel(UUID(int=1), "apprise", "a"), Channel(UUID(int=2), "apprise", "b")
BROWSER = Channel(UUID(int=3), "push", "browser")


def waiting(
    *channels: Channel, tries: tuple[tuple[Channel, Outcome], ...] = (), over: bool = False, **others: Any
) -> Waiting:
    made = [Try(channel.channel_id, outcome) for channel, outcome in tries]
    return Waiting(over, channels, made, {UUID(int=int(name[1:])): end for name, end in others.items()})


# -- by which channel next ------------------------------------------------------------------------------------


def test_the_first_channel_is_tried_first_and_the_next_when_it_has_failed_often_enough() -> None:
    assert domain.decide(waiting(A, B)) == Step("sending", A)
    assert domain.decide(waiting(A, B, tries=((A, "failed"),) * 2)) == Step("sending", A)
    assert domain.decide(waiting(A, B, tries=((A, "failed"),) * domain.ATTEMPTS)) == Step("sending", B)


@pytest.mark.parametrize("outcome", ["rejected", "gone", "refused"])
def test_what_is_refused_for_good_is_not_asked_again(outcome: Outcome) -> None:
    assert domain.decide(waiting(A, B, tries=((A, outcome),))) == Step("sending", B)


def test_a_notice_without_a_way_says_so_and_one_whose_ways_all_failed_says_that() -> None:
    assert domain.decide(waiting()) == Step("nowhere")
    assert domain.decide(waiting(A, tries=((A, "rejected"),))) == Step("failed")


def test_after_an_unknown_end_nothing_else_is_tried() -> None:
    """INVARIANT: after an attempt whose outcome nobody knows, nothing is tried but the same channel, and that only if
    it shows the same thing once."""
    assert domain.decide(waiting(A, B, tries=((A, "unknown"),))) == Step("unknown")
    assert domain.decide(waiting(BROWSER, B, tries=((BROWSER, "unknown"),))) == Step("sending", BROWSER)
    tried_out = waiting(BROWSER, B, tries=((BROWSER, "unknown"), (BROWSER, "failed"), (BROWSER, "failed")))
    assert domain.decide(tried_out) == Step("unknown")


def test_one_channel_is_told_of_one_thing_once() -> None:
    """INVARIANT: one channel is told of one thing once, whoever it stands behind."""
    assert domain.decide(waiting(A, _1="delivered")) == Step("covered", A)
    assert domain.decide(waiting(A, _1="unknown")) == Step("unknown", A)
    assert domain.decide(waiting(A, _1=None)) == Step("waiting")
    assert domain.decide(waiting(A, _1="failed")) == Step("sending", A)


def test_what_is_over_is_told_to_nobody() -> None:
    assert domain.decide(waiting(A, over=True)) == Step("dropped")
    assert domain.decide(waiting(A, over=True, tries=((A, "unknown"),))) == Step("unknown")


def test_a_failure_rests_longer_each_time_and_hands_over_at_once() -> None:
    rests = [domain.after("failed", "apprise", n) for n in (1, 2, 3)]
    assert rests == [("waiting", domain.PAUSES[0]), ("waiting", domain.PAUSES[1]), ("waiting", timedelta(0))]
    assert domain.after("rejected", "apprise", 1) == ("waiting", timedelta(0))
    assert domain.after("unknown", "apprise", 1)[0] == "unknown"
    assert domain.after("unknown", "push", 1) == ("waiting", domain.PAUSES[0])
    assert domain.after("delivered", "push", 2)[0] == "delivered"


def test_quiet_hours_hold_what_can_wait() -> None:
    night = datetime(2026, 6, 1, 23, 0, tzinfo=SHANGHAI)
    morning = datetime(2026, 6, 2, 7, 0, tzinfo=SHANGHAI)
    assert domain.due_at(night, "22:00-07:00", pressing=False) == morning
    assert domain.due_at(night, "22:00-07:00", pressing=True) == night
    assert domain.due_at(night, "", pressing=False) == night


# -- who is told ----------------------------------------------------------------------------------------------


def notices_of(desk: Desk, act: Any) -> list[dict[str, Any]]:
    """The notices that a piece of work writes."""
    kept: list[dict[str, Any]] = []
    make = desk.unit

    def unit(at: datetime) -> Any:
        made = make(at)
        keep = made.keep

        def noting(table: Any, **row: Any) -> None:
            if table is tables.notice:
                kept.append(row | {"facts": json.loads(row["facts"])})
            keep(table, **row)

        made.keep = noting  # type: ignore[method-assign]
        return made

    desk.unit = unit  # type: ignore[method-assign]
    act()
    return kept


def test_a_new_task_is_told_to_whoever_the_dispatch_names_or_to_the_desk() -> None:
    desk = Desk()
    made = notices_of(desk, lambda: desk.hears(called()))
    assert {(row["organisation"], row["role"]) for row in made} == {(task.department, "handler") for task in CALL.tasks}
    named = {(task.department, name) for task in CALL.tasks for name in task.people or ("",)}
    assert {(row["organisation"], row["name"]) for row in made} == named
    assert {row["kind"] for row in made} == {"task"}
    again = notices_of(desk, lambda: desk.hears(called()))
    assert {row["notice_id"] for row in again} == {row["notice_id"] for row in made}


def test_half_time_is_told_to_the_handler_and_nearly_up_to_the_section_head() -> None:
    desk = armed()
    ack = desk.clock("ack", "GDGS")
    spec = desk.matter.spec(ack.terms, "ack")
    assert spec is not None
    assert spec.schedule is not None
    half, nearly = spec.schedule.warn_at[:2]
    first = [row for row in notices_of(desk, lambda: desk.looks(half)) if row["clock_id"] == ack.clock_id]
    then = [row for row in notices_of(desk, lambda: desk.looks(nearly)) if row["clock_id"] == ack.clock_id]
    assert {(row["kind"], row["organisation"], row["role"]) for row in first} == {("warning", "GDGS", "handler")}
    assert {(row["kind"], row["role"]) for row in then} == {("warning", "section_head")}


def test_a_rung_is_told_to_everybody_whom_it_calls_and_once() -> None:
    """INVARIANT: (thing, person) is written once, whatever is heard or fired again."""
    desk = armed()
    made = notices_of(desk, lambda: desk.watches(minutes(40)))
    rungs = [row for row in made if row["kind"] == "rung"]
    raised = {e.escalation_id for e in desk.matter.escalations.values()}
    assert {row["escalation_id"] for row in rungs} == raised
    assert len({row["notice_id"] for row in made}) == len(made)
    assert all(row["state"] == "waiting" and row["facts"]["rung"] for row in rungs)


# -- what it says ---------------------------------------------------------------------------------------------


def wording() -> Wording:
    english = translations_from(PACKAGE / "locale" / "en.po")
    shared = translations_from(Path(tables.__file__).parents[3] / "shared/whistle_shared/pages/locale/en.po")
    english.add_fallback(shared)
    return Wording({"zh": gettext.NullTranslations(), "en": english}, {"escalation": "https://e.example.cn"})


def notice(kind: str, **facts: Any) -> SimpleNamespace:
    said = {"number": "S01-20260601-0001", "title": "井盖缺失", "street": "S01", "department": "CGJ", "clock": "ack"}
    return SimpleNamespace(
        kind=kind,
        organisation="CGJ",
        name="赵文清",
        escalation_id=UUID(int=7) if kind in ("rung", "again") else None,
        clock_id=UUID(int=8),
        task_id=UUID(int=9),
        facts=said | {"due_at": "2026-06-01T01:30:00Z", "side": "department"} | facts,
    )


def test_a_notice_says_what_by_when_and_where_to_look() -> None:
    now, registry = MONDAY, paperwork.replica().registry
    task = wording().message(notice("task"), registry, "zh", now)
    assert task["title"] == "新任务 S01-20260601-0001"
    assert "赵文清" in task["body"]
    assert "请在 09:30 前应哨" in task["body"]
    rung = wording().message(notice("rung", rung=2, role="department_head", form="letter"), registry, "zh", now)
    assert rung["title"] == "L2 函告 S01-20260601-0001"
    assert rung["address"] == "https://e.example.cn/escalations/00000000-0000-0000-0000-000000000007"
    assert rung["body"].endswith(rung["address"])
    warning = wording().message(notice("warning", percent=80), registry, "zh", now)
    assert "时限已过 80%" in warning["body"]


def test_english_notices_have_no_chinese_of_ours() -> None:
    texts = wording()
    for kind, facts in (
        ("task", {}),
        ("warning", {"percent": 50}),
        ("rung", {"rung": 1}),
        ("again", {"rung": 1, "stale": True}),
    ):
        said = texts.message(notice(kind, **facts), None, "en", MONDAY)
        plain = (said["title"] + said["body"]).replace("井盖缺失", "").replace("赵文清", "")
        assert plain.isascii() or not any("\u4e00" <= ch <= "\u9fff" for ch in plain), plain
    assert not any("\u4e00" <= ch <= "\u9fff" for ch in texts.trial("en")["body"])


# -- the courier ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "accepted", "outcome"),
    [
        ([("answered", "200")], True, "delivered"),
        ([("answered", "200 {}")], False, "failed"),
        ([("rejected", "403")], False, "rejected"),
        ([("failed", "503")], False, "failed"),
        ([("answered", "200"), ("unknown", "ReadTimeout")], False, "unknown"),
        ([("refused", "not allowed"), ("failed", "ConnectionError")], False, "refused"),
        ([], False, "failed"),
    ],
)
def test_what_may_have_arrived_is_unknown_and_nothing_else(
    said: list[tuple[str, str]], accepted: bool, outcome: str
) -> None:
    assert Trace(said).outcome(accepted)[0] == outcome


def test_somebody_reached_without_a_word_is_unknown() -> None:
    assert Trace(connected=True).outcome(False)[0] == "unknown"


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")  # a plugin of Apprise asks for it
@pytest.mark.parametrize(
    "address",
    [
        "syslog://",
        "dbus://",
        "windows://",
        "mailto://user:password@example.cn",
        "mailtos://user:password@example.cn?mode=insecure",
        "jsons://example.cn/?verify=no",
        "jsons://example.cn/?retry=3",
        "mailtos://user:password@example.cn?to=a@example.cn,b@example.cn",
        "nothing://example.cn",
        "just words",
        "json://[",
    ],
)
def test_an_address_that_shows_it_to_nobody_or_to_several_or_unchecked_is_none(address: str) -> None:
    with pytest.raises(Unfit):
        opened(address)


# -- browser push ---------------------------------------------------------------------------------------------


def plain(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_a_push_message_is_sealed_as_in_rfc_8291_section_5() -> None:
    to = push.Subscription(
        "https://push.example.net/push/JzLQ3raZJfFBR0aqvOMsLrt54w4rJUsV",
        plain("BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"),
        plain("BTBZMqHH6r4Tts7J_aSIgg"),
        "",
    )
    ours = derive_private_key(int.from_bytes(plain("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"), "big"), SECP256R1())
    body = push.sealed_for(
        to, b"When I grow up, I want to be a watermelon", ours=ours, salt=plain("DGv6ra1nlYgDCS1FRnbzlw")
    )
    assert body == plain(
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3"
        "jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
    )


def a_browser(ours: str) -> str:
    key = derive_private_key(4711, SECP256R1())
    keys = {
        "p256dh": base64.urlsafe_b64encode(push.point_of(key)).decode().rstrip("="),
        "auth": "BTBZMqHH6r4Tts7J_aSIgg",
    }
    return json.dumps({"endpoint": "https://push.example.net/x", "keys": keys, "ours": ours, "expirationTime": None})


async def test_a_push_service_can_check_who_sends() -> None:
    """RFC 8292: the token is for the endpoint's origin and signed by the key that the browser was given."""
    asked: list[httpx2.Request] = []

    def answers(request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        return httpx2.Response(201, headers={"location": "https://push.example.net/m/1"})

    async with httpx2.AsyncClient(transport=httpx2.MockTransport(answers)) as client:
        pusher = push.Pusher(Keyring(new_key()), client, "mailto:duty@example.cn")
        to = push.Subscription.of(a_browser(pusher.public_key))
        cause = uuid4()
        assert await pusher.send(to, cause, {"title": "t", "body": "b"}, pressing=True) == (
            "delivered",
            "201 https://push.example.net/m/1",
        )
        other = push.Subscription.of(a_browser("of another key"))
        assert (await pusher.send(other, cause, {"title": "t", "body": "b"}, pressing=True))[0] == "gone"
    token, key = asked[0].headers["authorization"].removeprefix("vapid t=").split(", k=")
    head, claims, signature = token.split(".")
    said = json.loads(plain(claims))
    assert (said["aud"], said["sub"]) == ("https://push.example.net", "mailto:duty@example.cn")
    raw = plain(signature)
    der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    public = EllipticCurvePublicKey.from_encoded_point(SECP256R1(), plain(key))
    public.verify(der, f"{head}.{claims}".encode(), ECDSA(SHA256()))
    assert len(asked) == 1
    assert asked[0].headers["urgency"] == "high"
    assert len(asked[0].headers["topic"]) <= 32


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(201, "delivered"), (404, "gone"), (410, "gone"), (429, "failed"), (503, "failed"), (400, "rejected")],
)
async def test_what_a_push_service_answers(status: int, outcome: str) -> None:
    transport = httpx2.MockTransport(lambda request: httpx2.Response(status))
    async with httpx2.AsyncClient(transport=transport) as client:
        pusher = push.Pusher(Keyring(new_key()), client, "mailto:duty@example.cn")
        to = push.Subscription.of(a_browser(pusher.public_key))
        assert (await pusher.send(to, uuid4(), {"title": "t"}, pressing=False))[0] == outcome


def test_a_key_that_was_changed_still_serves_the_browsers_it_was_given_to() -> None:
    old, new = new_key(), new_key()
    before = push.Pusher(Keyring(old), None, "").public_key  # type: ignore[arg-type]
    after = push.Pusher(Keyring(new, old), None, "")  # type: ignore[arg-type]
    assert after.public_key != before
    assert before in after._keys


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"endpoint": 1, "keys": {"p256dh": "", "auth": ""}, "ours": ""}', "null"]
)
def test_what_is_no_subscription_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        push.Subscription.of(text)


@pytest.mark.parametrize(
    ("address", "label"),
    [
        ("mailtos://wang:****@example.cn/", "mailtos://w***@example.cn/"),
        ("mailtos://duty:****@smtp.example.cn/wang%40example.cn", "mailtos://d***@smtp.example.cn/w***@example.cn"),
        ("smseagles://****@host/13800138000", "smseagles://****@host/138****8000"),
        ("dingtalk://a...f/%2B8613800138000/", "dingtalk://a...f/+86138****8000/"),
        ("json://10.1.2.3:8080/duty", "json://10.1.2.3:8080/duty"),
        ("wecombot://6...a/", "wecombot://6...a/"),
    ],
)
def test_a_label_shows_nobodys_number_or_address(address: str, label: str) -> None:
    """INVARIANT: a label shows nobody's number or address whole."""
    assert channels.shown(address) == label
    assert import_module("whistle_escalation.migrations.versions.0003_labels").shown(address) == label


# -- what pages show ------------------------------------------------------------------------------------------
words = partial(sheets.words, registry=paperwork.pack().registry)


def test_a_proof_names_the_person_the_state_and_every_attempt() -> None:
    at = datetime(2026, 6, 1, 1, 0, tzinfo=UTC)
    row = SimpleNamespace(
        state="delivered",
        name="",
        organisation="CGJ",
        role="handler",
        kind="again",
        due_at=at,
        escalation_id=UUID(int=1),
    )
    tries = [
        SimpleNamespace(channel="DingTalk · dingtalk://T...3/", began_at=at, outcome="failed", receipt=None),
        SimpleNamespace(channel="Web Push · push.example.net", began_at=at, outcome="delivered", receipt="200"),
    ]
    (line,) = pages.proof_lines(words(), [(row, tries)])
    assert (line.who, line.again, line.state, line.tone) == ("值班席", True, "已送达", "here")
    assert [(made.outcome, made.ok) for made in line.attempts] == [("未送达", False), ("已送达", True)]
    assert [made.channel for made in line.attempts] == ["钉钉 · T...3", "浏览器推送 · push.example.net"]


def test_every_state_and_every_outcome_has_a_word() -> None:
    assert set(pages.STATES) == set(get_args(domain.State))
    assert set(pages.OUTCOMES) == {None, *get_args(domain.Outcome)}
