"""Who may see and do what: one's own, and nothing else exists.

INVARIANT: a caller sees and changes only what its scope covers; the rest does not exist for it (404).
"""

from uuid import uuid4

import pytest

from support.city import City
from support.people import Blown
from whistle_shared.contracts import EventData
from whistle_shared.contracts.department import ResponderCheckedIn, TaskAcknowledged, TaskSubmitted


async def two_whistles(city: City) -> tuple[Blown, Blown]:
    """One of street S01 for CGJ, one of street S02 for GA."""
    first = await city.street("S01").blows("0701", departments=["CGJ"])
    second = await city.street("S02").blows("0701", departments=["GA"])
    await city.settles()
    return first, second


async def test_a_street_sees_and_withdraws_only_its_own_whistles(city: City) -> None:
    first, second = await two_whistles(city)
    street = city.street("S01")
    assert (await street.tries_to_see(second)).status_code == 404
    assert (await street.tries_to_withdraw(second)).status_code == 404
    assert [w["whistle_id"] for w in await street.lists()] == [first.whistle_id]
    assert (await city.street("S02").sees(second))["state"] == "blown"


async def test_a_department_sees_and_moves_only_its_own_tasks(city: City) -> None:
    """INVARIANT: only a department's own people move its task; the district looks and no more."""
    whistle = await city.street("S01").blows("0701", departments=["CGJ", "PSGS"])
    theirs = await city.department("PSGS").task(whistle)
    mine = city.department("CGJ")
    assert [task["department"] for task in await mine.tasks()] == ["CGJ"]
    path = f"/tasks/{theirs['task_id']}"
    assert (await mine.calls("GET", path)).status_code == 404
    for step, body in (
        ("acknowledgement", {"person": "王敏"}),
        ("arrival", {"person": "王敏", "place": "这里", "mode": "on_site"}),
        ("progress", {"person": "王敏", "note": "好了"}),
        ("submission", {"person": "王敏", "result": "好了"}),
    ):
        assert (await mine.calls("POST", f"{path}/{step}", json=body)).status_code == 404
    assert (await city.department("PSGS").task(whistle))["state"] == "dispatched"


async def test_clocks_and_escalations_are_seen_by_those_they_concern(city: City) -> None:
    first, second = await two_whistles(city)
    await city.passes(minutes=16)
    escalation = await city.expects_escalation(department="GA", rung=1)

    async def sees(role: str, scope: str, path: str) -> set[str]:
        answer = await city.call("escalation", "GET", path, role=role, scope=scope)
        return {item["whistle_id"] for item in answer.json()["items"]}

    for path in ("/api/v1/clocks", "/api/v1/escalations"):
        assert await sees("department_head", "CGJ", path) == {first.whistle_id}
        assert await sees("street_initiator", "S02", path) == {second.whistle_id}
        assert await sees("arbitrator", "*", path) == {first.whistle_id, second.whistle_id}
        assert await sees("department_head", "PSGS", path) == set()
    path = f"/api/v1/escalations/{escalation['escalation_id']}/acknowledgement"
    assert (await city.call("escalation", "POST", path, role="department_head", scope="CGJ")).status_code == 404
    own = await city.call("escalation", "GET", "/api/v1/statistics", role="department_head", scope="CGJ")
    assert [row["department"] for row in own.json()["departments"]] == ["CGJ"]


NOT_FOR = [
    ("intake", "POST", "/api/v1/whistles", "community", "S01"),
    ("intake", "POST", "/api/v1/whistles", "operations", "*"),
    ("intake", "GET", "/api/v1/whistles/{id}", "department_head", "CGJ"),
    ("intake", "GET", "/api/v1/whistles/{id}", "community", "S02"),
    ("intake", "POST", "/api/v1/whistles/{id}/approval", "street_initiator", "S01"),
    ("intake", "POST", "/api/v1/whistles/{id}/approval", "arbitrator", "*"),
    ("intake", "POST", "/api/v1/whistles/{id}/approval", "street_approver", "S02"),
    ("intake", "POST", "/api/v1/whistles/{id}/reopening", "street_initiator", "S02"),
    ("dispatch", "GET", "/api/v1/dispatches", "street_initiator", "S01"),
    ("dispatch", "GET", "/api/v1/dispatches", "department_head", "CGJ"),
    ("dispatch", "POST", "/api/v1/dispatches/{id}/routing", "street_initiator", "S01"),
    ("dispatch", "POST", "/api/v1/dispatches/{id}/routing", "operations", "*"),
    ("department.hosted", "POST", "/api/v1/tasks/{id}/acknowledgement", "arbitrator", "*"),
    ("department.hosted", "POST", "/api/v1/tasks/{id}/acknowledgement", "street_initiator", "S01"),
]


@pytest.mark.parametrize(("producer", "method", "path", "role", "scope"), NOT_FOR)
async def test_a_role_may_not_do_what_is_anothers(
    city: City, producer: str, method: str, path: str, role: str, scope: str
) -> None:
    whistle = await city.street("S01").blows("0701", departments=["CGJ"])
    task = await city.department("CGJ").task(whistle)
    body = {"person": "王敏"} if "tasks" in path else {"departments": ["CGJ"]}
    if path == "/api/v1/whistles":
        body = city.street("S01").says()
    if path.endswith("reopening"):
        body = {"cause": "relapse", "reason": "再次缺失"}
    target = path.format(id=task["task_id"] if "tasks" in path else whistle.whistle_id)
    more = {"json": body, "headers": {"Idempotency-Key": "k"}} if method == "POST" else {}
    answer = await city.call(producer, method, target, role=role, scope=scope, **more)
    assert answer.status_code in (403, 404), answer.text
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("producer", ["intake", "dispatch", "department.hosted", "department.ga", "escalation"])
@pytest.mark.parametrize(
    "header", [None, "Bearer", "Bearer nonsense", "Basic YTpi", "Bearer " + "x" * 5000, "Bearer 吹"]
)
async def test_without_a_token_nothing_is_shown(door: City, producer: str, header: str | None) -> None:
    paths = {"intake": "/whistles", "dispatch": "/dispatches", "escalation": "/clocks"}
    path = "/api/v1" + paths.get(producer, "/tasks")
    headers = [] if header is None else [(b"authorization", header.encode())]
    answer = await door.client(producer).get(path, headers=headers)
    assert (answer.status_code, answer.headers.get("www-authenticate")) == (401, "Bearer")


async def test_a_token_of_one_service_opens_no_other(door: City) -> None:
    token = await door.token("intake", "arbitrator", "*")
    answer = await door.client("dispatch").get("/api/v1/dispatches", headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == 401


async def acknowledged(city: City, whistle: Blown, of: str, says: str) -> list[EventData]:
    """The steps on the task of department `of`, in the name of department `says`."""
    task = await city.department(of).task(whistle)
    about = {"whistle_id": whistle.whistle_id, "task_id": task["task_id"], "department": says, "by": "x", "person": "x"}
    return [
        TaskAcknowledged.model_validate(about),
        ResponderCheckedIn.model_validate(about | {"place": "x", "mode": "on_site"}),
        TaskSubmitted.model_validate(about | {"result": "x"}),
    ]


@pytest.mark.parametrize("says", ["CGJ", "GA"])
async def test_one_instance_cannot_speak_for_anothers_department(city: City, says: str) -> None:
    """EVENTS.md R8: GA's own instance sends steps on CGJ's task, in CGJ's name or in its own. Both are parked."""
    whistle = await city.street("S01").blows("0701", departments=["CGJ", "GA"])
    for step in await acknowledged(city, whistle, of="CGJ", says=says):
        await city.says_as("department.ga", step)

    for _ in range(3):
        await city.expects_parked("CGJ", queue=None)
        await city.expects_parked("CGJ", queue=None)
    await city.expects_clock(whistle, "ack", "running", department="CGJ")
    assert (await city.street("S01").sees(whistle))["state"] == "blown"
    await city.expects_nothing_parked()


async def test_an_instance_speaks_for_its_own_departments(city: City) -> None:
    whistle = await city.street("S01").blows("0701", departments=["CGJ", "GA"])
    steps = await acknowledged(city, whistle, of="GA", says="GA")
    await city.says_as("department.ga", steps[0])
    await city.expects_clock(whistle, "ack", "met", department="GA")
    await city.expects_clock(whistle, "ack", "running", department="CGJ")


async def test_what_is_anothers_and_what_is_nobodys_are_answered_in_the_same_words(city: City) -> None:
    """INVARIANT: what is another street's and what does not exist are answered in the same words."""
    _, second = await two_whistles(city)
    theirs = (await city.department("GA").task(second))["task_id"]
    told = []
    for task_id in (theirs, str(uuid4())):
        path = f"/api/v1/tasks/{task_id}/resumption"
        answer = await city.call(
            "intake", "POST", path, role="street_initiator", scope="S01", json={"reason": "资金已批复"}
        )
        assert answer.status_code == 404
        told.append(answer.json()["detail"].replace(task_id, "…"))
    assert told[0] == told[1]
    meeting = (await city.street("S02").convenes(second, ["GA"]))["meeting_id"]
    body = {"minutes": "议定", "attended": [], "items": []}
    told = []
    for meeting_id in (meeting, str(uuid4())):
        path = f"/api/v1/meetings/{meeting_id}/minutes"
        answer = await city.call("intake", "POST", path, role="street_initiator", scope="S01", json=body)
        assert answer.status_code == 404
        told.append(answer.json()["detail"].replace(meeting_id, "…"))
    assert told[0] == told[1]


async def test_a_page_by_due_time_does_not_end_early_where_its_last_task_is_over(city: City) -> None:
    street = city.street("S01")
    blown = [await street.blows("0701", departments=["CGJ"]) for _ in range(2)]
    await city.settles()
    department = city.department("CGJ")
    query = {"order": "due", "limit": 1}
    page = (await department.calls("GET", "/tasks", params=query)).json()
    (first,) = [whistle for whistle in blown if whistle.whistle_id == page["items"][0]["whistle_id"]]
    await street.withdraws(first)
    await city.settles()
    after = await department.calls("GET", "/tasks", params=query | {"cursor": page["next_cursor"]})
    assert (after.status_code, after.json()["errors"][0]["field"]) == (422, "cursor")
