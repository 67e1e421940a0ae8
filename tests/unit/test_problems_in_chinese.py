"""Problem documents in Chinese: every sentence that the source can say has one, and every one is still said."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from string import Formatter
from typing import Any, Literal, get_args

import httpx
import orjson
import pytest
from babel.messages.pofile import read_po
from fastapi import FastAPI

from support.sayings import LISTED, OF_THEIR_OWN, WORDS_AT, sayable, trees
from whistle_department.domain import task as of_department
from whistle_department.queries import Order
from whistle_dispatch.domain import dispatch as of_dispatch
from whistle_intake.domain import reports as of_reports
from whistle_intake.domain import states as of_whistles
from whistle_intake.domain import tasks as of_tasks
from whistle_shared.auth.roles import ROLES
from whistle_shared.contracts import vocabulary
from whistle_shared.errors import IllegalTransition, NotFound
from whistle_shared.registry import Regulation
from whistle_shared.web import chinese, problems
from whistle_shared.web.limits import BUDGETS


@cache
def catalogue(context: str | None) -> dict[str, str]:
    with chinese.CATALOGUE.open("rb") as file:
        entries = read_po(file, locale="zh", abort_invalid=True)
    return {str(entry.id): str(entry.string) for entry in entries if entry.id and entry.context == context}


def test_every_refusal_has_its_chinese() -> None:
    """INVARIANT: every sentence with which a request can be refused has its Chinese."""
    assert sorted(sayable() - catalogue(None).keys()) == []


def test_no_chinese_is_left_over() -> None:
    assert sorted(catalogue(None).keys() - sayable()) == []


def test_every_kind_of_refusal_is_looked_for() -> None:
    """Also a new one, which would be told under the title of the one that it is made from."""
    known = {*WORDS_AT, *OF_THEIR_OWN}
    made = {
        node.name
        for _, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and {ast.unparse(base) for base in node.bases} & {*known, "DomainError"}
    }
    assert sorted(made - known) == []


def test_what_is_listed_is_still_raised() -> None:
    standing = {(file, ast.unparse(node)) for file, tree in trees() for node in ast.walk(tree)}
    assert [place for place in LISTED if place not in standing] == []


@pytest.mark.parametrize("context", [None, "pack", "word", "kind", "part"])
def test_chinese_names_only_what_the_english_has(context: str | None) -> None:
    for english, told in catalogue(context).items():
        assert re.search(r"[\u4e00-\u9fff]|^\{0:said\}$", told), english
        assert "}{" not in english, "nothing would say where the one ends and the other begins"
        named = {(name, way or "") for _, name, way, _ in Formatter().parse(told) if name is not None}
        assert {name for name, _ in named} <= set(re.findall(r"\{(\d)\}", english)), english
        assert {way for _, way in named} <= chinese._WAYS.keys() | chinese._CODES.keys(), english
        numbers = re.findall(r"\{(\d)\}", english)
        assert numbers == [str(n) for n in range(len(numbers))], english


@pytest.mark.parametrize("context", [None, "pack", "word", "kind", "part"])
def test_no_sentence_is_taken_for_another(context: Literal["pack", "word", "kind", "part"] | None) -> None:
    book = chinese._book("sentence" if context in (None, "pack") else context)
    for english, told in catalogue(context).items():
        values = [f"V{n}" for n in range(english.count("{"))]
        assert book.find(english.format(*values)) == told.format(*map(chinese._Filling, values)), english


WORDS = {
    *get_args(of_whistles.State),
    *(step for step, *_ in of_whistles.STEPS),
    of_whistles.BESIDE,
    *get_args(of_tasks.TaskState),
    *(step for steps in of_tasks.STREET_STEPS.values() for step in steps),
    *get_args(of_reports.ReportState),
    *get_args(of_reports.Desk),
    *get_args(of_reports.Target),
    *get_args(of_department.State),
    *get_args(of_department.Step),
    *get_args(of_dispatch.State),
    *get_args(of_dispatch.RequestState),
    *get_args(of_dispatch.DisputeState),
    *get_args(of_dispatch.RequestKind),
    *get_args(vocabulary.ClockName),
    *get_args(vocabulary.ClockStatus),
    *get_args(vocabulary.Milestone),
    *get_args(vocabulary.Urgency),
    *get_args(vocabulary.Presence),
    *get_args(vocabulary.TaskRole),
    *get_args(vocabulary.Side),
    *get_args(vocabulary.SuspensionReason),
    *get_args(vocabulary.Satisfaction),
    *get_args(vocabulary.EscalationStatus),
    *get_args(vocabulary.RungForm),
    *get_args(Order),
    *("relapse", "false_completion"),
    *(budget.about for budget in BUDGETS.values()),
    *("report", "whistle", "characters", "entries", "street or department"),
    "'appeal', 'key_work', 'enforcement' or 'emergency'",
    *("dispute_decision", "ended", "closed", "reopened", "granted", "rung {0}"),
}


def steps_refused() -> Iterator[str]:
    """The literal steps and states that an IllegalTransition is made of, or that one asks for by name."""
    asking = ("IllegalTransition", "guard", "require_open", "open_task", "open_whistle", "open_matter", "needs")
    for _, tree in trees():
        for node in ast.walk(tree):
            called = ast.unparse(node.func).rpartition(".")[2] if isinstance(node, ast.Call) else ""
            if isinstance(node, ast.Call) and called in asking and "caller.needs" not in ast.unparse(node.func):
                literal = (arg for arg in node.args if not isinstance(arg, ast.JoinedStr))
                leaves = (leaf.value for arg in literal for leaf in ast.walk(arg) if isinstance(leaf, ast.Constant))
                yield from (leaf for leaf in leaves if isinstance(leaf, str))


def test_every_state_and_step_has_its_word_and_no_word_is_left_over() -> None:
    needed = WORDS | set(steps_refused())
    known = catalogue("word").keys()
    assert sorted(needed - known - ROLES.keys()) == []
    assert sorted(known - needed) == []
    assert catalogue("kind").keys() == {*get_args(vocabulary.Kind)}
    assert catalogue("part").keys() == Regulation().scoring.parts.keys()


KINDS = "只能是：群众诉求、重点工作、综合执法、应急处置"


async def told(document: problems.ProblemDocument, accepts: str = "zh-CN") -> tuple[dict[str, Any], dict[str, str]]:
    """What is sent to somebody who accepts this: (the document, its headers)."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    scope = {"type": "http", "headers": [(b"accept-language", accepts.encode())]}
    await document(scope, receive, send)
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    assert int(headers["content-length"]) == len(sent[1]["body"])
    return orjson.loads(sent[1]["body"]), headers


@pytest.mark.parametrize(
    ("accepts", "is_chinese"),
    [
        ("zh", True),
        ("zh-CN,zh;q=0.9,en;q=0.8", True),
        ("ZH-hans-cn", True),
        ("en;q=0.5, zh-TW;q=0.8", True),
        ("fr, zh;q=0.1", True),
        ("", False),
        ("en", False),
        ("en-US,en;q=0.9,zh-CN;q=0.8", False),
        ("en, zh", False),
        ("zh;q=0", False),
        ("*", False),
        ("fr", False),
        ("zh;q=many", False),
        ("zha", False),
        (";q=1,,;;=", False),
    ],
)
async def test_a_problem_speaks_the_language_that_is_preferred(accepts: str, is_chinese: bool) -> None:
    document, headers = await told(problems.problem(404, "Not found", "no such row"), accepts)
    assert document["detail"] == ("没有这条记录" if is_chinese else "no such row")
    assert document["title"] == ("找不到" if is_chinese else "Not found")
    assert headers["vary"] == "Accept-Language"
    assert headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("english", "told"),
    [
        (
            str(IllegalTransition("approval", "closed", ("reopening", "meeting"))),
            "当前状态是“已销哨”，不能“审签”；现在可以：重新吹哨、会商",
        ),
        (
            str(IllegalTransition("rung 3", "met_late", ())),
            "当前状态是“已超时完成”，不能“升级到第 3 级”，现在也没有别的步骤可办；请刷新页面，查看最新情况",
        ),
        (
            "whistle 2026-S01-0001 is closed: only an open one can be joined",
            "哨单 2026-S01-0001 的状态是“已销哨”，只能并入尚未销哨的哨单",
        ),
        (
            "at most 50 % of the limit is added: until 2026-06-01T09:30:00+00:00",
            "最多延长原时限的 50%，最晚到 2026-06-01 17:30",
        ),
        ("must be after 2026-06-01 01:00:00+00:00 and not after soon", "要晚于 2026-06-01 09:00，不能晚于 soon"),
        (
            f"the budget 'report' (30 a minute, {BUDGETS['report'].about}) is spent; try again in 12 s",
            "居民报事太频繁，每分钟最多 30 次，请过 12 秒再试",
        ),
        (
            "there is no policy for appeal whistles that are critical; legal: normal, urgent",
            "“群众诉求”的哨单没有“特急”这个紧急程度；可以选：一般、紧急",
        ),
        ("Input should be 'appeal', 'key_work', 'enforcement' or 'emergency'", KINDS),
        ("role 'grid_officer' decides about no report", "您的角色（网格员）不处理报事，请交网格员、社区或街道办理"),
        ("the username 'closed' is taken", "用户名“closed”已有人使用，请换一个"),
        ('the username "o\'neil" is taken', "用户名“o'neil”已有人使用，请换一个"),
        ("something that nobody has translated", "something that nobody has translated"),
    ],
)
def test_what_stands_in_a_sentence_is_told_in_chinese_too(english: str, told: str) -> None:
    assert chinese.said(english) == told


async def test_faults_of_fields_keep_their_names_and_say_their_reasons_in_chinese() -> None:
    reasons = ["street 'S01' is not yours", "Input should be 'appeal', 'key_work', 'enforcement' or 'emergency'"]
    faults = [{"field": "street", "reason": reasons[0]}, {"field": "kind", "reason": reasons[1]}]
    document, _ = await told(problems.problem(422, "Invalid input", f"street: {reasons[0]}", errors=faults, state="x"))
    assert document == {
        "type": "about:blank",
        "title": "填写有误",
        "status": 422,
        "detail": "street：这条街道（S01）不归您管，请选自己的街道",
        "errors": [
            {"field": "street", "reason": "这条街道（S01）不归您管，请选自己的街道"},
            {"field": "kind", "reason": KINDS},
        ],
        "state": "x",
    }


@pytest.mark.parametrize(
    "text", ["", "'", "{0}", "must be later than ", "must be later than 12", "street '{9:x}' is unknown"]
)
def test_nothing_that_stands_in_a_sentence_breaks_it(text: str) -> None:
    assert isinstance(chinese.said(text), str)


async def test_an_application_answers_in_the_language_that_it_is_asked_in() -> None:
    app = FastAPI()
    problems.install(app)

    @app.get("/whistles")
    async def whistles(limit: int) -> int:
        if limit == 0:
            raise NotFound("whistle 7")
        return limit

    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://door") as client:
        asked = [
            await client.get(path, headers={"Accept-Language": language})
            for path in ("/whistles?limit=x", "/whistles?limit=0", "/nowhere")
            for language in ("zh-CN,zh;q=0.9", "en")
        ]
    assert [answer.json().get("detail", answer.json()["title"]) for answer in asked] == [
        "limit：要填整数",
        "limit: Input should be a valid integer, unable to parse string as an integer",
        "找不到这张哨单，或它不归您查看（编号 7）",
        "whistle 7",
        "没有这个地址",
        "Not Found",
    ]
