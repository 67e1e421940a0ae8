"""What has happened in the city by the time somebody walks through all its doors: one object of every kind, each with
those for whom it exists.

Whatever can be decided is decided and whatever can end has ended, so that whoever may take a step is answered 409 and
nothing changes, however often they knock.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from uuid import uuid4

from support.answers import Blown, expect
from support.city import City
from support.reporters import Neighbourhood
from support.stack import PROCESSES

STREET, GRID = "S01", "S01-G001"
OTHER_STREET, OTHER_GRID = "S02", "S01-G002"
DEPARTMENT, OTHER_DEPARTMENT = "CGJ", "PSGS"
PLAIN = {"kind": "appeal", "urgency": "normal"}


@dataclass(frozen=True, slots=True)
class Thing:
    """An object: the path's parameters that lead to it, and where it lies; without a grid it is the whole street's.
    `departments`: those for whom it exists beside the district and its street (`*`: all)."""

    names: dict[str, str]
    street: str = STREET
    grid: str | None = GRID
    departments: frozenset[str] = frozenset()


@dataclass
class Story:
    """The objects by kind (`there`: and by service); `code`: a resident's tracking code. `listed`: by service, ids that
    its lists show to whoever they exist for; `titles`: of whistles, as the dashboard's feed tells them."""

    things: dict[str, Thing] = field(default_factory=dict)
    there: dict[str, dict[str, Thing]] = field(default_factory=dict)
    listed: dict[str, dict[str, Thing]] = field(default_factory=dict)
    titles: dict[str, Thing] = field(default_factory=dict)
    code: str = ""


async def tell(city: City) -> Story:
    """Let it all happen. Takes some seconds; afterwards nothing is under way."""
    story = Story()
    story.listed |= {producer: {} for producer in PROCESSES.values()}
    story.things |= {
        "place": Thing({}, departments=frozenset({"*"})),
        "mapped": Thing({"street": STREET}, departments=frozenset({"*"})),
        "column": Thing({"code": "blown"}, departments=frozenset({"*"})),
        "nothing": Thing(
            dict.fromkeys(("board_id", "letter_id", "photo_id", "handover_id", "channel_id"), str(uuid4())),
            departments=frozenset({"*"}),
        ),
        "street's numbers": Thing({"name": "index"}, grid=None),
        "street's desk": Thing({"organisation": STREET, "role": "street_director"}, grid=None),
        "department's numbers": Thing({"name": "index"}, street="", departments=frozenset({DEPARTMENT})),
    }
    withdrawn = await _withdrawn(city, story)
    await _closed(city, story)
    await _called_by_department(city, story)
    await _of_others(city, story)
    await _reported(city, story)
    await city.street(STREET).withdraws(withdrawn)
    await city.settles()
    return story


async def _withdrawn(city: City, story: Story) -> Blown:
    """A whistle of the street about which everything is asked, that will be withdrawn."""
    street, department = city.street(STREET), city.department(DEPARTMENT)
    whistle = await street.blows("0701", departments=["CGJ", "GA"], grid=GRID, title="人行道井盖缺失", **PLAIN)
    meeting = await street.convenes(whistle, ["CGJ"])
    await city.passes(hours=6)
    await department.acknowledges(whistle)
    task = await department.task(whistle)
    due = city.time.now()
    await department.asks_for_time(whistle, due + timedelta(days=8))
    await department.asks_to_suspend(whistle, due + timedelta(days=40))
    letter = expect(await city.watch.writes(task), 201)
    await city.settles()
    await department.replies(letter["letter_id"])
    await department.returns(whistle, to="PSGS")
    asked = await city.whistle_office.finds("returns", "pending", "CGJ")
    request = await street.request(whistle)
    longer = await city.whistle_office.finds("requests", "pending", "CGJ")
    await city.passes(hours=20)
    await city.whistle_office.decides_dispute(whistle, precedent="路面塌陷由城管局主办")
    dispute = await city.whistle_office.finds_dispute(whistle, "decided")
    (precedent,) = await city.whistle_office.precedents("0701")
    async with city.under():
        await city.whistle_office.adopts(precedent["precedent_id"])
    editions = expect(await city.call("dispatch", "GET", "/api/v1/registry/versions"))["items"]
    clock = await city.expects_clock(whistle, "ack", "met_late", department="CGJ")
    rung = await city.expects_escalation(rung=1, department="CGJ", status="resolved")
    concerned = frozenset({"CGJ"})
    both = {"whistle_id": whistle.whistle_id, "task_id": task["task_id"]}
    story.things |= {
        "whistle": Thing(both),
        "meeting": Thing({"meeting_id": meeting["meeting_id"]}),
        "request": Thing({"request_id": request["request_id"]}),
        "task": Thing({"task_id": task["task_id"]}, departments=concerned),
        "letter": Thing({"letter_id": letter["letter_id"]}, departments=concerned),
        "return": Thing({"request_id": asked["request_id"]}),
        "longer": Thing({"request_id": longer["request_id"]}),
        "dispute": Thing({"dispute_id": dispute["dispute_id"]}),
        "precedent": Thing({"precedent_id": precedent["precedent_id"]}),
        "edition": Thing({"number": str(editions[0]["number"])}),
        "sheet": Thing({"sheet": "categories"}),
        "clock": Thing({"clock_id": clock["clock_id"]}, departments=concerned),
        "rung": Thing({"escalation_id": rung["escalation_id"]}, departments=concerned),
    }
    lies = Thing({}, departments=frozenset({"CGJ", "GA"}))
    story.titles[whistle.view["facts"]["title"]] = story.listed["escalation"][whistle.whistle_id] = lies
    story.listed["intake"][whistle.whistle_id] = Thing({})
    hosted = (task["task_id"], letter["letter_id"], meeting["meeting_id"])
    story.listed["department.hosted"] |= dict.fromkeys(hosted, Thing({}, street="", departments=concerned))
    return whistle


async def _closed(city: City, story: Story) -> None:
    """A whistle that went all the way, whose score was appealed against in vain."""
    street, department = city.street(STREET), city.department("GA")
    whistle = await street.blows("1901", departments=["GA"], grid=GRID, title="夜间噪声", **PLAIN)
    await department.acknowledges(whistle)
    await department.arrives(whistle)
    await department.submits(whistle)
    await street.verifies(whistle, "GA")
    await street.scores(whistle, "GA")
    await street.calls_back(whistle)
    await city.expects_state(whistle, "closed")
    await department.appeals(whistle)
    appeal = await city.whistle_office.finds("appeals", "pending", "GA")
    await city.whistle_office.decides_appeal("GA")
    task = (await department.task(whistle))["task_id"]
    story.things |= {
        "appeal": Thing({"request_id": appeal["request_id"]}),
        "closed task": Thing({"task_id": task}),
        "task at GA": Thing({"task_id": task}, departments=frozenset({"GA"})),
    }


async def _called_by_department(city: City, story: Story) -> None:
    """A department calls another one, at a place in the street, and takes it back."""
    body = city.street(STREET).says("1902", departments=["GA"], grid=GRID, title="占道施工", **PLAIN)
    head = {"role": "department_head", "scope": DEPARTMENT}
    headers = {"Idempotency-Key": "called-by-a-department"}
    view = expect(await city.call("intake", "POST", "/api/v1/whistles", json=body, headers=headers, **head), 201)
    path = f"/api/v1/whistles/{view['whistle_id']}/withdrawal"
    expect(await city.call("intake", "POST", path, json={"reason": "已自行协调"}, **head))
    story.things["called"] = Thing({"whistle_id": view["whistle_id"]}, departments=frozenset({DEPARTMENT}))


async def _reported(city: City, story: Story) -> None:
    """Residents report: one is declined and has said how it went, one is erased, others live elsewhere."""
    people = Neighbourhood(city)
    report, erased = await people.reports(), await people.reports()
    await people.triages(report, "declined", answer="不属实")
    expect(await people.tries_to_rate(report))
    person = (await people.sees(erased))["person_id"]
    await people.erases(erased)
    story.code = report.code
    story.listed["intake"][report.report_id] = Thing({})
    story.things |= {
        "report": Thing({"report_id": report.report_id}),
        "erased": Thing({"person_id": person}),
    }
    for street, grid in ((OTHER_STREET, "S02-G001"), (STREET, OTHER_GRID)):
        report_id = (await people.reports(street=street, grid=grid)).report_id
        story.listed["intake"][report_id] = Thing({}, street, grid)


async def _of_others(city: City, story: Story) -> None:
    """What no list of the street's, of its grid's or of the department's may show."""
    far = await city.street(OTHER_STREET).blows("0703", departments=[OTHER_DEPARTMENT, "GA"], title="外街道路破损")
    near = await city.street(STREET).blows(
        "0704", departments=[OTHER_DEPARTMENT], grid=OTHER_GRID, title="外网格盲道缺损", **PLAIN
    )
    await city.settles()
    for whistle, street, grid, called in (
        (far, OTHER_STREET, None, (OTHER_DEPARTMENT, "GA")),
        (near, STREET, OTHER_GRID, (OTHER_DEPARTMENT,)),
    ):
        lies = Thing({}, street, grid, frozenset(called))
        story.listed["intake"][whistle.whistle_id] = Thing({}, street, grid)
        story.listed["escalation"][whistle.whistle_id] = story.titles[whistle.view["facts"]["title"]] = lies
        for code in called:
            task = await city.department(code).task(whistle)
            theirs = Thing({}, street="", departments=frozenset({code}))
            story.listed[city.instance_of(code)][task["task_id"]] = theirs
