"""Following a whistle: everything that happened to it, in order, from events only."""

from support.city import City


async def test_the_timeline_tells_the_whole_story(city: City) -> None:
    whistle = await city.street("S01").blows("0701", departments=["CGJ", "GA"])
    await city.passes(minutes=8)
    cgj, ga = city.department("CGJ"), city.department("GA")
    await cgj.acknowledges(whistle, person="王敏")
    await city.passes(minutes=8)
    await ga.acknowledges(whistle, person="赵刚")
    await city.passes(minutes=10)
    await cgj.arrives(whistle)
    await ga.arrives(whistle)
    await city.passes(minutes=10)
    await cgj.logs(whistle, "已设置围挡")
    await ga.logs(whistle, "已疏导交通")
    await city.passes(minutes=10)
    await cgj.submits(whistle)
    await ga.submits(whistle)

    seen = await city.expects_state(whistle, "pending_verify")
    told = [(e["event"].split(".")[1], e["data"].get("department")) for e in seen["timeline"]]
    for step in ("task_acknowledged", "responder_checked_in", "progress_logged", "task_submitted"):
        assert [d for key, d in told if key == step] == ["CGJ", "GA"], step
    assert ("clock_warned", "CGJ") in told
    assert ("clock_breached", "GA") in told
    assert ("escalation_raised", "GA") in told
    assert ("escalation_resolved", "GA") in told
    assert ("escalation_raised", "CGJ") not in told
    assert [e["at"] for e in seen["timeline"]] == sorted(e["at"] for e in seen["timeline"])
    people = {task["department"]: (task["state"], task["person"]) for task in seen["tasks"]}
    assert people == {"CGJ": ("submitted", "王敏"), "GA": ("submitted", "赵刚")}


async def test_the_state_follows_the_departments(city: City) -> None:
    whistle = await city.street("S01").blows("0701", departments=["CGJ", "GA"])
    lead, assist = city.department("CGJ"), city.department("GA")
    await city.expects_state(whistle, "blown")
    await assist.acknowledges(whistle)
    await city.expects_state(whistle, "responding")
    await assist.arrives(whistle)
    await city.settles()
    await city.expects_state(whistle, "responding")
    await lead.acknowledges(whistle)
    await lead.arrives(whistle)
    await city.expects_state(whistle, "on_scene")
    await lead.logs(whistle)
    await city.expects_state(whistle, "handling")
    await lead.submits(whistle)
    await city.settles()
    await city.expects_state(whistle, "handling")
    await assist.submits(whistle)
    await city.expects_state(whistle, "pending_verify")


async def test_the_department_sees_its_own_history_and_its_clocks(city: City) -> None:
    whistle = await city.street("S01").blows("0701", departments=["GA"])
    department = city.department("GA")
    await city.passes(minutes=16)
    await department.acknowledges(whistle, person="赵刚")
    await department.arrives(whistle)
    await city.settles()
    task = await department.task(whistle)
    detail = (await department.calls("GET", f"/tasks/{task['task_id']}")).json()
    assert [(step["step"], step["person"]) for step in detail["history"]] == [
        ("acknowledgement", "赵刚"),
        ("arrival", "李强"),
    ]
    assert {c["name"]: c["status"] for c in detail["clocks"]}["ack"] == "met_late"
    assert [(e["rung"], e["status"]) for e in detail["escalations"]] == [(1, "resolved")]
    assert detail["facts"]["title"] == "井盖缺失"


async def test_steps_out_of_order_are_refused_with_the_legal_ones(city: City) -> None:
    whistle = await city.street("S01").blows("0701", departments=["GA"])
    department = city.department("GA")
    early = await department.steps(whistle, "arrival", {"person": "李", "place": "这里", "mode": "on_site"})
    assert (early.status_code, early.json()["legal"]) == (409, ["acknowledgement", "return"])
    first = await department.acknowledges(whistle, person="赵刚")
    await city.passes(minutes=5)
    again = await department.acknowledges(whistle, person="别人")
    assert (again["acknowledged_at"], again["person"]) == (first["acknowledged_at"], "赵刚")
    await city.settles()
    skipped = await department.steps(whistle, "submission", {"person": "李", "result": "好了"})
    assert (skipped.status_code, skipped.json()["legal"]) == (409, ["arrival", "milestones", "extension", "return"])
