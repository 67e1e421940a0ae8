"""A district in the middle of a working day: whistles in every state and on every rung, reports, requests, letters,
meetings, boards. What the pages are looked at with: a screenshot, an accessibility check, a measurement.

It is Wednesday 2026-06-03, a little before eleven; what happens afterwards is the test's own affair.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from io import BytesIO
from typing import Any
from uuid import UUID

from PIL import Image, ImageDraw, ImageFilter
from sqlalchemy import text

from support import gallery
from support.answers import Blown, expect
from support.city import City
from support.clockface import local
from support.reporters import Neighbourhood, Reported
from support.stack import PROCESSES
from support.waiting import until
from support.window import OPERATOR, PASSWORD
from whistle_shared.auth import Person, create_account, create_token, hash_password, open_session

STREET, GRID = "S01", "S01-G001"
_MORNING = local(2026, 6, 3, 8, 30)
_NOT_ALIKE = {"distinct_reason": "地点不同，不是同一处"}
Names = dict[str, str]


@dataclass
class Stage:
    """`things`: the path's parameters by kind, and by service and kind where each has its own; `code`: of a report
    that has been dealt with; `asking`: of one that waits for its rating."""

    city: City
    things: dict[str, Names] = field(default_factory=dict)
    code: str = ""
    _sessions: dict[tuple[str, str, str, str | None], tuple[str, str]] = field(default_factory=dict)

    def names(self, service: str, kind: str) -> Names:
        """What to put into an address."""
        return self.things.get(f"{service} {kind}") or self.things[kind]

    async def session(self, service: str, role: str, scope: str, part: str | None = None) -> tuple[str, str]:
        """The cookie of somebody who is signed in, with the second factor: name and value."""
        key = (service, role, scope, part)
        if key not in self._sessions:
            producer = PROCESSES[service]
            async with self.city.services[producer].group.unit() as unit:
                person = Person(_NAMES.get(role, role), role, scope, part)
                username = f"{role.replace('_', '.')}-{len(self._sessions)}.stage"
                account_id = await create_account(
                    unit, OPERATOR, username, person, password=hash_password(PASSWORD), must_change=False
                )
                about = {"address": "10.20.0.7", "agent": _AGENT}
                secret = await open_session(unit, account_id, second_factor=True, **about)
            self._sessions[key] = (f"whistle-{producer.replace('.', '-')}", secret)
        return self._sessions[key]


_AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36"
_NAMES = {
    "grid_officer": "周岚",
    "community": "何静",
    "street_initiator": "孙立",
    "street_approver": "梁主任",
    "handler": "王建国",
    "section_head": "赵敏",
    "department_head": "陈局长",
    "dispatcher": "区吹哨办值班室",
    "arbitrator": "林岳",
    "inspector": "督查室",
    "operations": "指挥中心",
    "administrator": "系统管理员",
    "auditor": "审计员",
}


_GIVEN = {"measure": {"name": "index"}, "column": {"code": "working"}, "sheet": {"sheet": "departments"}}
"""What is there whatever happens."""


async def set_stage(city: City) -> Stage:
    """Let two days and a morning happen. Takes about half a minute."""
    stage = Stage(city, dict(_GIVEN))
    await _over(stage)
    city.time.set(_MORNING)
    await city.has_fired()
    await _morning(stage)
    await _at_work(stage)
    await _asked(stage)
    await _neighbours(stage)
    await _just_now(stage)
    await city.settles()
    await _administered(stage)
    return stage


# -- Monday and Tuesday: what is over --------------------------------------------------------------------------------


async def _over(stage: Stage) -> None:
    """Whistles that went all the way, so that there is something to measure, and a decided dispute."""
    city = stage.city
    over = [
        await _goes_all_the_way(stage, "S01", "1901", "GA", "棋牌室深夜噪声扰民", grid="S01-G002"),
        await _goes_all_the_way(stage, "S01", "0201", "HW", "采薇里东侧暴露垃圾"),
        await _goes_all_the_way(stage, "S02", "0702", "CGJ", "鹿鸣路连续三盏路灯不亮"),
        await _goes_all_the_way(stage, "S03", "0703", "CGJ", "学校门口路面坑槽"),
        await _goes_all_the_way(stage, "S04", "0802", "JJ", "消防通道被机动车占用"),
        await _goes_all_the_way(stage, "S05", "1207", "YL", "街心绿地垃圾成堆", quality=12),
    ]
    stage.things["closed"] = {"whistle_id": over[0].whistle_id}
    await _begins_again(stage, over[1], "HW")
    await city.department("GA").appeals(over[0])
    withdrawn = await city.street("S02").blows("0307", departments=["CGJ"], title="共享单车占用盲道")
    await city.settles()
    await city.street("S02").withdraws(withdrawn)
    await _decided_dispute(stage)


async def _begins_again(stage: Stage, whistle: Blown, code: str) -> None:
    """Called a minute later, so that the newest of the department's tasks is known to be this one."""
    await stage.city.passes(minutes=1)
    await stage.city.street(STREET).reopens(whistle)

    async def called() -> bool:
        return bool((await stage.city.department(code).task(whistle))["round"] == 2)

    await until(called, f"{code} to be called again")
    await _brings(stage, whistle, code, "at work")


async def _goes_all_the_way(stage: Stage, street: str, category: str, lead: str, title: str, **how: Any) -> Blown:
    """Blown, done, verified, scored, and the reporter is satisfied."""
    marks = {"quality": how.pop("quality")} if "quality" in how else {}
    office = stage.city.street(street)
    whistle = await office.blows(category, departments=[lead], title=title, **_PLAIN, **_NOT_ALIKE, **how)
    await _brings(stage, whistle, lead, "submitted")
    await office.verifies(whistle, lead)
    parts = dict(stage.city.pack.registry.regulation.scoring.parts)
    lower = {name: max(0, parts[name] - mark) for name, mark in marks.items() if name in parts}
    await office.scores(whistle, lead, **lower)
    await office.calls_back(whistle)
    await stage.city.expects_state(whistle, "closed")
    return whistle


def _somewhere(street: str, number: int) -> dict[str, str]:
    """One of a street's first 30 grids."""
    return {"grid": f"{street}-G{number % 30 + 1:03}"}


_PLAIN = {"kind": "appeal", "urgency": "normal"}


async def _decided_dispute(stage: Stage) -> None:
    """A duty that was disputed and decided, with a rule for the next time."""
    city = stage.city
    whistle = await city.street("S06").blows("0701", departments=["CGJ"], title="背街雨水井盖破损", **_PLAIN)
    await city.department("CGJ").acknowledges(whistle)
    await city.department("CGJ").returns(whistle, to="PSGS", reason="井内为排水管线，权属单位为排水公司")
    await city.passes(hours=5)
    stage.things["return"] = {
        "request_id": (await city.whistle_office.finds("returns", "pending", "CGJ"))["request_id"]
    }
    await city.passes(hours=20)
    await city.whistle_office.decides_dispute(whistle, "PSGS", precedent="雨水井盖由排水公司主办")
    (precedent,) = await city.whistle_office.precedents("0701")
    async with city.under():
        await city.whistle_office.adopts(precedent["precedent_id"])
    async with city.services["dispatch"].engine.connect() as connection:
        edition = (await connection.execute(text("select max(number)::text from edition"))).scalar_one()
    stage.things |= {"precedent": {"precedent_id": precedent["precedent_id"]}, "edition": {"number": edition}}


# -- Wednesday morning: what is late ---------------------------------------------------------------------------------

# Minutes after half past eight, street, department, title. Nobody acknowledges any of these within five minutes, and of
# what is due between two of the steps one rung is climbed at a time.
_UNHEARD = (
    (0, "S01", "CGJ", "东门路 12 号门前井盖缺失"),
    (70, "S03", "PSGS", "棠棣北里雨水井盖塌陷"),
    (95, "S02", "CGJ", "鹿鸣小学门口井盖破损"),
    (121, "S07", "TXGS", "湛露大街通信井盖松动"),
    (138, "S01", "GDGS", "采薇里电力井盖缺失"),
)
_STEPS = (0, 6, 21, 36, 66, 70, 76, 91, 95, 101, 106, 116, 121, 126, 131, 136, 138, 140)


async def _morning(stage: Stage) -> None:
    """Emergencies that nobody acknowledges, until each stands on a rung of its own."""
    for step in _STEPS:
        stage.city.time.set(_MORNING + timedelta(minutes=step))
        await stage.city.has_fired()
        for at, street, department, title in _UNHEARD:
            if at == step:
                about: dict[str, Any] = {
                    "urgency": "critical",
                    "departments": [department],
                    "title": title,
                } | _NOT_ALIKE
                whistle = await stage.city.street(street).blows("0701", **about)
                stage.things.setdefault("late", {"whistle_id": whistle.whistle_id})
    highest = (await stage.city.watch.escalations(whistle_id=stage.things["late"]["whistle_id"]))[-1]
    stage.things["escalation"] = {"escalation_id": highest["escalation_id"]}
    stage.things["clock"] = {"clock_id": highest["clock_id"]}
    (letter, *_) = await stage.city.watch.letters()
    stage.things["letter"] = {"letter_id": letter["letter_id"]}
    board = await stage.city.watch.publishes()
    stage.things["board"] = {"board_id": board["board_id"]}


# -- Wednesday: what is at work --------------------------------------------------------------------------------------


async def _at_work(stage: Stage) -> None:
    """One whistle with several departments in different states, with photos; and one in each further state."""
    city, street = stage.city, stage.city.street(STREET)
    shown = await gallery.adds(city, scene())
    whistle = await street.blows(
        "0706",
        grid=GRID,
        title="采薇路与东门路口路面塌陷",
        description="早高峰后路口东南角沥青路面塌陷，约 2 米见方、深半米，有自来水外冒，已用锥桶围挡。",
        place="采薇路与东门路交叉口东南角",
        photos=[shown["photo_id"]],
        departments=["CGJ", "GSGS", "PSGS", "RQGS", "JJ"],
    )
    stage.things["whistle"] = {"whistle_id": whistle.whistle_id}
    await city.settles()
    for code, state in (("CGJ", "at work"), ("GSGS", "submitted"), ("JJ", "arrived"), ("PSGS", "acknowledged")):
        await _brings(stage, whistle, code, state)
    stage.things["task"] = {"task_id": (await city.department("CGJ").task(whistle))["task_id"]}
    await street.urges(whistle, "RQGS", "抢修队伍已到，请速到场关阀确认")
    meeting = await street.convenes(whistle, ["CGJ", "GSGS"], city.time.now() + timedelta(hours=3))
    stage.things["meeting"] = {"meeting_id": meeting["meeting_id"], "whistle_id": whistle.whistle_id}
    for code, category, state, title in (
        ("HW", "0204", "submitted", "采薇里垃圾桶站满溢"),
        ("JT", "0801", "acknowledged", "采薇路小学周边停车难"),
        ("ZFJ", "0301", "arrived", "东门早市占道经营"),
        ("XF", "1701", "at work", "三单元消防通道堆物"),
        ("GA", "1902", "acknowledged", "夜市口聚众喧哗"),
    ):
        here = _somewhere(STREET, int(category))
        other = await street.blows(category, departments=[code], title=title, **_NOT_ALIKE, **here)
        await _brings(stage, other, code, state)
        if code == "GA":
            stage.things["department-ga task"] = {"task_id": (await city.department("GA").task(other))["task_id"]}
    for code, title in (("CGJ", "便道砖破损多处"), ("YL", "行道树枯枝")):
        checked = await street.blows("0704", departments=[code], title=title, **_PLAIN, **_NOT_ALIKE)
        await _brings(stage, checked, code, "submitted")
        await street.verifies(checked, code)
    await street.scores(checked, "YL")


async def _brings(stage: Stage, whistle: Blown, code: str, state: str) -> None:
    """A department's task comes to a state: `acknowledged`, `arrived`, `at work`, `submitted`."""
    department = stage.city.department(code)
    await department.acknowledges(whistle, "王建国")
    if state == "acknowledged":
        return
    producer, head = department.instance, {"role": "department_head", "scope": code}
    photo = (await gallery.adds(stage.city, scene(code), producer=producer, **head))["photo_id"]
    said = {"person": "李强", "place": "采薇路与东门路口", "mode": "on_site", "photo": photo}
    expect(await department.steps(whistle, "arrival", said))
    if state == "arrived":
        return
    await department.logs(whistle, "已设置围挡并疏导交通，正在查漏")
    if state == "submitted":
        done = (await gallery.adds(stage.city, scene(f"{code} done"), producer=producer, **head))["photo_id"]
        said = {"person": "李强", "result": "破损处已修复，现场已清理并恢复通行。", "evidence": [done]}
        expect(await department.steps(whistle, "submission", said))


async def _asked(stage: Stage) -> None:
    """Whatever waits for a decision: returns, disputes, more time, appeals, a signature, a routing."""
    city, street = stage.city, stage.city.street(STREET)
    disputed = await city.street("S08").blows("0701", departments=["CGJ"], title="菁莪广场检修井盖权属不清", **_PLAIN)
    await city.department("CGJ").acknowledges(disputed)
    await city.department("CGJ").returns(disputed, to="TXGS", reason="井内为通信线缆，应由通信公司维护")
    longer = await street.blows("1006", departments=["SW"], title="立交桥下积水", **_NOT_ALIKE)
    await city.department("SW").acknowledges(longer)
    await city.department("SW").asks_for_time(longer, city.time.now() + timedelta(hours=30))
    paused = await street.blows("1602", departments=["ZJ"], title="老旧小区下水管线改造")
    await city.department("ZJ").acknowledges(paused)
    await city.department("ZJ").asks_to_suspend(paused, city.time.now() + timedelta(days=30))
    for code, title in ((None, "多个小区要求统一接入养老餐"), (None, "河边夜钓与健步道如何兼顾")):
        await city.street("S09").blows(code, title=title, **_NOT_ALIKE)
    signed = await city.street("S13").drafts("0201", title="白驹河沿岸垃圾清理", departments=["HW"])
    await city.street("S13").submits(signed)
    stage.things["to sign"] = {"whistle_id": signed.whistle_id}
    draft = await street.drafts("0702", title="三号院甬道路灯不亮", grid=GRID)
    stage.things["draft"] = {"whistle_id": draft.whistle_id}
    stage.things["request"] = {"request_id": (await street.request(longer))["request_id"]}
    await city.settles()
    dispute = await _some(stage, "/disputes", "dispute_id")
    stage.things["dispute"] = {"dispute_id": dispute}
    stage.things["longer"] = {"request_id": await _some(stage, "/requests", "request_id")}
    stage.things["unrouted"] = {"whistle_id": (await city.whistle_office.desk())[0]["whistle_id"]}


async def _some(stage: Stage, room: str, name: str) -> str:
    """The newest of one of the district's desks."""
    return str(expect(await stage.city.whistle_office.asks("GET", room))["items"][0][name])


# -- residents -------------------------------------------------------------------------------------------------------


async def _neighbours(stage: Stage) -> None:
    """Reports: new ones, one in hand, one that became a whistle, one that is over and rated, one that asks."""
    people = Neighbourhood(stage.city, STREET, GRID)
    photo = (await gallery.resident_adds(stage.city, scene("report")))["photo_id"]
    report = await people.reports(text="三号院门口甬道的路灯坏了好几天，晚上很黑，老人不敢出门。", photos=[photo])
    stage.things["report"] = {"report_id": report.report_id}
    for words in ("楼道里堆了很多纸箱和电动车，怕着火。", "小区西门外的井盖一踩就响。", "垃圾桶满了两天没人收。"):
        await people.reports(text=words)
    rated = await people.reports(text="单元门口的地砖松了，容易绊倒。")
    await people.triages(rated, "handled", answer="网格员已联系物业更换地砖。")
    expect(await people.tries_to_rate(rated))
    asking = await people.reports(text="健身器材扶手断了。")
    await people.triages(asking, "handled", answer="已联系厂家更换扶手。")
    stage.code = asking.code
    await _becomes_a_whistle(people)


async def _becomes_a_whistle(people: Neighbourhood) -> Reported:
    raised = await people.reports(text="东门路便道上的变压器箱门开着，很危险。")
    await people.drafts(raised, category="1102", departments=["GDGS"], title="便道变压器箱门敞开")
    return raised


# -- a moment ago ----------------------------------------------------------------------------------------------------


async def _just_now(stage: Stage) -> None:
    """Emergencies whose clocks run: one near its end, one past half, one new."""
    for minutes, street, department, title in (
        (5, "S01", "CGJ", "菜市场后巷井盖翘起"),
        (8, "S05", "PSGS", "子衿桥头污水井盖缺失"),
        (0, "S04", "GSGS", "蒹葭路阀门井盖破损"),
    ):
        whistle = await stage.city.street(street).blows(
            "0701", departments=[department], title=title, **_NOT_ALIKE, **_somewhere(street, minutes)
        )
        await stage.city.passes(minutes=minutes)
        stage.things["new"] = {"whistle_id": whistle.whistle_id}


async def _administered(stage: Stage) -> None:
    """For the pages of administrators: an account, a token, a row of the audit, at every service."""
    for service, producer in PROCESSES.items():
        running = stage.city.services[producer]
        async with running.group.unit() as unit:
            person = Person("何静", "community", STREET)
            account_id = await create_account(
                unit, OPERATOR, "he.jing", person, password=hash_password(PASSWORD), must_change=True
            )
            create_token(unit, "大屏", "operations", "*", token_id=UUID(int=1))
        async with running.engine.connect() as connection:
            row = (await connection.execute(text("select max(audit_id)::text from audit"))).scalar_one()
        stage.things[f"{service} account"] = {"account_id": str(account_id)}
        stage.things[f"{service} audit"] = {"audit_id": row}


# -- what a phone took -----------------------------------------------------------------------------------------------


def scene(of: str = "", width: int = 1200, height: int = 900) -> bytes:
    """A picture of a street with a hole in it and two cones beside, differing a little by what it is `of`; done: the
    hole is gone."""
    shift = sum(of.encode()) % 160
    noise = Image.effect_noise((width, height), 34).filter(ImageFilter.GaussianBlur(1.2))
    road = Image.merge("RGB", [noise.point(lambda v, t=t: int(v * 0.35 + t)) for t in (62, 64, 68)])
    pen = ImageDraw.Draw(road)
    pen.polygon([(0, 0), (width, 0), (width, 210), (0, 300)], fill=(168, 158, 144))
    pen.line([(0, 305), (width, 214)], fill=(212, 206, 196), width=16)
    for left in range(-100, width, 260):
        pen.polygon([(left, 640), (left + 150, 628), (left + 156, 650), (left + 4, 662)], fill=(214, 210, 198))
    x = 420 + shift
    if not of.endswith("done"):
        pen.ellipse((x, 380, x + 360, 560), fill=(98, 92, 84))
        pen.ellipse((x + 14, 392, x + 346, 548), fill=(18, 18, 20))
    for at in (x - 110, x + 400):
        pen.polygon([(at, 570), (at + 38, 420), (at + 76, 570)], fill=(226, 92, 28))
        pen.polygon([(at + 14, 515), (at + 24, 475), (at + 52, 475), (at + 62, 515)], fill=(240, 238, 232))
    file = BytesIO()
    road.filter(ImageFilter.GaussianBlur(0.8)).save(file, "JPEG", quality=82)
    return file.getvalue()
