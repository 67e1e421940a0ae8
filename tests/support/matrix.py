"""Who may do what, route by route, as people who know the mechanism would write it down: the table of the matrix.

It knows nothing of the programs' own table of roles and rights. A route's rows say which roles may (`who`), about which
object of the story (`about`), with which body, and what they are answered then (`gives`). For everybody else follows:
no credential 401 (or the way to the sign-in page), another role 403, another street, grid or department 404.

`api` takes tokens and nothing else; `resident` also takes those who show nothing at all, `code` only the tracking code
of a report; a `page` takes sessions and sends others to sign in; a `stream`, and what is loaded into a page, takes
sessions and sends nobody anywhere.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from support.rows import (
    ADMINISTRATOR,
    APPROVER,
    ARBITRATOR,
    AUDITOR,
    BLOWERS,
    CLOCK_READERS,
    DRAFTERS,
    EVERYBODY,
    FORM,
    INFORMANT,
    INSPECTOR,
    LOOKERS,
    NEIGHBOURHOOD,
    OFFICE,
    PUBLIC,
    READERS,
    REGISTRY_READERS,
    SPEAKERS,
    STREET_DESK,
    STREET_SIDE,
    WITHDRAWERS,
    WORKERS,
    Row,
    Table,
    beginning,
    form,
    live,
    one,
    page,
    step,
)
from support.story import GRID, STREET

REASON = {"reason": "情况属实"}
NOTE = {"person": "王敏", "note": "已到场"}
SAID = {
    "kind": "appeal",
    "urgency": "normal",
    "street": STREET,
    "grid": GRID,
    "category": "0701",
    "title": "井盖缺失",
    "description": "人行道上一处井盖缺失。",
    "place": "东门路 12 号门前",
    "beyond_power_reason": "井盖权属不明。",
}
UNKNOWN = SAID | {"category": "9999"}
AT_HOME = SAID | {"street": "{own_street}", "grid": "{own_grid}"}
ALIKE = {name: SAID[name] for name in ("street", "grid", "category", "title", "description")}
INSTANT = "2026-06-20T09:00:00+08:00"
MARKS = {"parts": {}, "veto": False, "basis": "处置及时"}
UPHELD = {"upheld": True, "departments": ["PSGS"], "reason": "职责清单第 12 项"}
GRANTED = {"granted": True, "reason": "情况属实"}

ANYWHERE: Table = {
    "GET /livez": (PUBLIC,),
    "GET /readyz": (PUBLIC,),
    "GET /metrics": (PUBLIC,),
    "GET /openapi.json": (PUBLIC,),
    "HEAD /openapi.json": (PUBLIC,),
    "GET /docs": (PUBLIC,),
    "GET /docs/start.js": (PUBLIC,),
    "GET /docs/files/*": (PUBLIC,),
    "GET /static/*": (PUBLIC,),
    "GET /map.json": (PUBLIC,),
}

FROM_ELSEWHERE = (Row(door="public", gives=403, body="", kind=FORM, elsewhere=True),)
ENTRANCE: Table = {
    "GET /sign-in": (PUBLIC,),
    "POST /sign-in": FROM_ELSEWHERE,
    "GET /sign-in/second-factor": (Row(door="public", gives="303 to sign in"),),
    "POST /sign-in/second-factor": FROM_ELSEWHERE,
    "POST /sign-out": FROM_ELSEWHERE,
    "GET /account": page(EVERYBODY),
    "GET /account/password": page(EVERYBODY),
    "POST /account/password": form(EVERYBODY, gives=403, elsewhere=True),
    "POST /account/sessions": form(EVERYBODY, body="session=00000000-0000-0000-0000-000000000000"),
    "GET /account/second-factor": page(EVERYBODY),
    "POST /account/second-factor": form(EVERYBODY),
    "POST /account/second-factor/codes": form(EVERYBODY),
    "POST /account/second-factor/end": form(EVERYBODY),
    "GET /admin/accounts": page(ADMINISTRATOR),
    "GET /admin/accounts/new": page(ADMINISTRATOR),
    "POST /admin/accounts/new": form(ADMINISTRATOR, gives=422),
    "GET /admin/accounts/{account_id}": page(ADMINISTRATOR, "administered"),
    "POST /admin/accounts/{account_id}/person": form(
        ADMINISTRATOR, "administered", 303, f"name=somebody&role=community&scope={STREET}"
    ),
    **{
        f"POST /admin/accounts/{{account_id}}/{act}": form(ADMINISTRATOR, "administered")
        for act in ("disable", "enable", "second-factor", "sessions")
    },
    "POST /admin/accounts/{account_id}/password": form(ADMINISTRATOR, "administered", 200),
    "GET /admin/tokens": page(ADMINISTRATOR),
    "POST /admin/tokens": form(ADMINISTRATOR, gives=422),
    "POST /admin/tokens/{token_id}/revoke": form(ADMINISTRATOR, "administered"),
    "GET /admin/audit": page(AUDITOR),
    "GET /admin/audit/export": page(AUDITOR),
    "GET /admin/audit/{audit_id}": page(AUDITOR, "audited"),
}
# Settings of a service with single sign-on. No provider answers there: nothing but this machine's own discard port.
WITH_PROVIDER: Mapping[str, Any] = {
    "oidc_issuer": "http://127.0.0.1:9",
    "oidc_client_id": "whistle",
    "oidc_roles": {"duty": "operations@*"},
    "outgoing_allowed": "http://127.0.0.1:9",
}
SINGLE_SIGN_ON: Table = {
    "GET /sso": (Row(door="public", gives="303 to sign in"),),
    "GET /sso/callback": (Row(door="public", gives=403),),
    "GET /sso/sign-out": (PUBLIC,),
}
ONWARD: Table = {"GET /": (Row(door="public", gives="303 to sign in"),)}
SIGNED = (Row(about="nothing", door="public", gives=404),)
REPORTERS = INFORMANT | STREET_SIDE
REPORT = {"street": STREET, "grid": GRID, "text": "楼下井盖不见了。"}

REPORTS: Table = {
    "POST /api/v1/reports": one(
        REPORTERS, "place", 422, REPORT, door="resident", strange=422, harmless=REPORT | {"category": "9999"}
    ),
    "POST /api/v1/report-suggestions": (Row(door="public", body={"text": "楼下井盖不见了。"}),),
    "GET /api/v1/reports/progress": (Row(door="code"),),
    "POST /api/v1/reports/progress/rating": (
        Row(door="code", body={"contacted": True, "solved": True, "satisfaction": "satisfied"}),
    ),
    "GET /api/v1/reports": one(STREET_SIDE | LOOKERS),
    "GET /api/v1/reports/{report_id}": one(STREET_SIDE | LOOKERS, "report"),
    "POST /api/v1/reports/{report_id}/triage": one(
        STREET_SIDE, "report", 409, {"outcome": "declined", "answer": "不属实"}
    ),
    "POST /api/v1/reports/{report_id}/contact": one(STREET_SIDE, "report", 200, {"reason": "电话核实"}),
    "GET /report": (PUBLIC,),
    "GET /report/streets/{street}": (Row(about="mapped", door="public"),),
    "GET /report/progress": (PUBLIC,),
    "GET /report/progress/steps": (Row(door="code"),),
    "GET /manifest.webmanifest": (PUBLIC,),
    "GET /sw.js": (PUBLIC,),
    "GET /desk": page(STREET_SIDE | LOOKERS),
    "GET /desk/{report_id}": page(STREET_SIDE | LOOKERS, "report"),
    "GET /desk/{report_id}/photos": one(STREET_SIDE | LOOKERS, "report", door="stream"),
    "POST /api/v1/people/{person_id}/erasure": one(APPROVER, "erased", 200, {"reason": "本人申请"}),
}

STREET_PAGES: Table = {
    "GET /whistles": page(READERS),
    "GET /whistles/over": page(READERS),
    "GET /whistles/column/{code}": (Row(READERS, "column", door="page", strange=200),),
    "GET /whistles/{whistle_id}": (Row(READERS, "whistle", door="page"), Row(READERS, "called", door="page")),
    "GET /whistles/{whistle_id}/photos": one(READERS, "whistle", door="stream"),
    "GET /blow": page(DRAFTERS),
    "GET /blow/ground": one(DRAFTERS, door="stream", query=f"street={STREET}"),
    "GET /blow/here": one(DRAFTERS, door="stream", query="latitude=39.9&longitude=116.4"),
    "GET /blow/foresight": one(DRAFTERS, door="stream", query=f"street={STREET}&kind=appeal&urgency=normal"),
    "GET /approvals": page(APPROVER),
}

INTAKE: Table = {
    **ENTRANCE,
    **live(
        desk=Row(STREET_SIDE | LOOKERS, query="about=mine"),
        board=Row(READERS),
        approvals=Row(APPROVER),
        whistle=Row(READERS, "whistle", query="about={whistle_id}+hour"),
    ),
    **STREET_PAGES,
    **ONWARD,
    **REPORTS,
    "POST /api/v1/photos": (Row(INFORMANT | STREET_SIDE | WORKERS, None, 415, {}, "resident"),),
    "GET /photos/{photo_id}": SIGNED,
    "GET /api/v1/whistles": one(READERS),
    "GET /api/v1/whistles/{whistle_id}": (Row(READERS, "whistle"), Row(READERS, "called")),
    "POST /api/v1/whistles": one(BLOWERS, "place", 422, SAID, strange=422, harmless=UNKNOWN),
    "POST /api/v1/drafts": one(DRAFTERS, "place", 422, SAID, strange=422, harmless=UNKNOWN),
    "PUT /api/v1/whistles/{whistle_id}": step(DRAFTERS, AT_HOME),
    "POST /api/v1/whistles/{whistle_id}/submission": step(BLOWERS, {}),
    "POST /api/v1/whistles/{whistle_id}/joining": step(BLOWERS, {"whistle_id": "{whistle_id}"}),
    "POST /api/v1/whistles/{whistle_id}/withdrawal": step(
        WITHDRAWERS, REASON, 200, refuses=NEIGHBOURHOOD | {"section_head"}
    ),
    "POST /api/v1/whistles/{whistle_id}/reopening": step(BLOWERS, REASON | {"cause": "relapse"}),
    "POST /api/v1/whistles/{whistle_id}/approval": step(APPROVER),
    "POST /api/v1/whistles/{whistle_id}/rejection": step(APPROVER, REASON | {"outcome": "draft"}),
    "POST /api/v1/duplicate-checks": one(READERS, "place", 200, ALIKE, strange=422),
    "POST /api/v1/suggestions": one(READERS, None, 200, {"title": "井盖缺失", "description": "井盖缺失"}),
    "POST /api/v1/whistles/{whistle_id}/tasks/{task_id}/verification": one(
        STREET_DESK, "whistle", 409, {"passed": True}
    ),
    "POST /api/v1/whistles/{whistle_id}/tasks/{task_id}/score": one(STREET_DESK, "whistle", 409, MARKS),
    "POST /api/v1/whistles/{whistle_id}/tasks/{task_id}/urge": one(STREET_DESK, "whistle", 409, {"note": "请尽快"}),
    "POST /api/v1/tasks/{task_id}/resumption": one(STREET_DESK, "whistle", 409, REASON),
    "POST /api/v1/whistles/{whistle_id}/callback": one(STREET_DESK, "whistle", 409, {"contacted": False}),
    "GET /api/v1/whistles/{whistle_id}/meetings": one(STREET_DESK | LOOKERS, "whistle"),
    "POST /api/v1/whistles/{whistle_id}/meetings": one(
        STREET_DESK, "whistle", 409, {"departments": ["CGJ"], "starts_at": INSTANT, "place": "会议室", "agenda": "会商"}
    ),
    "POST /api/v1/meetings/{meeting_id}/minutes": one(STREET_DESK, "meeting", 409, {"minutes": "议定"}),
    "GET /api/v1/requests": one(STREET_DESK | LOOKERS),
    "POST /api/v1/requests/{request_id}/decision": one(STREET_DESK, "request", 409, GRANTED),
}

DISPATCH: Table = {
    **ENTRANCE,
    **live(
        desk=Row(LOOKERS),
        whistle=Row(LOOKERS, "whistle", query="about={whistle_id}"),
        request=Row(LOOKERS, "longer", query="about={request_id}"),
    ),
    "GET /": beginning(LOOKERS),
    "GET /whistles": page(LOOKERS),
    "GET /whistles/{whistle_id}": page(LOOKERS, "whistle"),
    "GET /whistles/{whistle_id}/limits": one(LOOKERS, "whistle", door="stream"),
    "GET /requests/{request_id}": page(LOOKERS, "longer"),
    "GET /disputes/{dispute_id}": page(LOOKERS, "dispute"),
    "GET /precedents": page(LOOKERS),
    "GET /registry": page(LOOKERS),
    "GET /registry/{sheet}": page(LOOKERS, "sheet"),
    "GET /registry/{sheet}/row": (Row(LOOKERS, "sheet", door="page", query="key=0701"),),
    "GET /registry/{sheet}/new": page(ARBITRATOR, "sheet"),
    "GET /registry/{sheet}/preview": one(ARBITRATOR, "sheet", door="stream"),
    "GET /registry/import": page(ARBITRATOR),
    "GET /registry/versions": page(LOOKERS),
    "GET /registry/versions/{number}": page(LOOKERS, "edition"),
    "GET /registry/versions/{number}/preview": one(ARBITRATOR, "edition", door="stream"),
    "GET /api/v1/registry/versions": one(LOOKERS),
    "GET /api/v1/registry/versions/{number}": one(LOOKERS, "edition"),
    "POST /api/v1/registry/versions/{number}/restoration": one(ARBITRATOR, "edition", 409, REASON | {"base": 0}),
    "POST /api/v1/registry/changes": one(
        ARBITRATOR, None, 409, REASON | {"base": 0, "sheet": "streets", "key": [STREET], "cells": {}}
    ),
    "GET /api/v1/registry/spreadsheet": one(LOOKERS),
    "POST /api/v1/registry/spreadsheet": one(ARBITRATOR, None, 415, {}, query="base=0&reason=x"),
    **{
        f"GET /api/v1/{room}": one(REGISTRY_READERS)
        for room in ("departments", "streets", "grids", "categories", "policies", "ladders", "duties", "regulation")
    },
    **{
        f"GET /api/v1/{desk}": one(LOOKERS)
        for desk in ("people", "dispatches", "returns", "disputes", "precedents", "requests", "appeals")
    },
    "GET /api/v1/dispatches/{whistle_id}": one(LOOKERS, "whistle"),
    "POST /api/v1/dispatches/{whistle_id}/routing": one(OFFICE, "whistle", 409, {"departments": ["CGJ"]}),
    "POST /api/v1/dispatches/{whistle_id}/lead": one(OFFICE, "whistle", 409, REASON | {"department": "GA"}),
    "POST /api/v1/dispatches/{whistle_id}/tasks": one(OFFICE, "whistle", 409, REASON | {"department": "PSGS"}),
    "POST /api/v1/returns/{request_id}/decision": one(ARBITRATOR, "return", 409, UPHELD),
    "POST /api/v1/disputes/{dispute_id}/decision": one(ARBITRATOR, "dispute", 409, UPHELD),
    "POST /api/v1/precedents/{precedent_id}/adoption": one(ARBITRATOR, "precedent", 409),
    "POST /api/v1/requests/{request_id}/decision": one(OFFICE, "longer", 409, GRANTED),
    "POST /api/v1/tasks/{task_id}/resumption": one(OFFICE, "whistle", 409, REASON),
    "POST /api/v1/appeals/{request_id}/decision": one(ARBITRATOR, "appeal", 409, {"granted": False, "reason": "无误"}),
    "POST /api/v1/tasks/{task_id}/exclusion": one(ARBITRATOR, "closed task", 200, REASON),
}


def department(task: str, letter: str | None) -> Table:
    """An instance of department: the task and the letter of a department that it serves."""
    steps: dict[str, tuple[frozenset[str], dict[str, Any]]] = {
        "acknowledgement": (WORKERS, {"person": "王敏"}),
        "arrival": (WORKERS, {"person": "王敏", "place": "东门路", "mode": "on_site"}),
        "departure": (WORKERS, NOTE),
        "progress": (WORKERS, NOTE),
        "milestones": (WORKERS, {"person": "王敏", "milestone": "contain"}),
        "submission": (WORKERS, {"person": "王敏", "result": "已修复"}),
        "resumption": (WORKERS, {"person": "王敏"}),
        "return": (SPEAKERS, NOTE_OF_RETURN),
        "extension": (SPEAKERS, {"person": "王敏", "clock": "resolve", "due_at": INSTANT, "reason": "备件"}),
        "suspension": (SPEAKERS, {"person": "王敏", "cause": "season_or_weather", "until": INSTANT, "reason": "暴雨"}),
        "appeal": (SPEAKERS, {"person": "王敏", "reason": "到场时间以签到为准"}),
    }
    table = {
        **ENTRANCE,
        **live(
            inbox=Row(WORKERS | LOOKERS),
            task=Row(WORKERS | LOOKERS, task, query="about={task_id}"),
            overview=Row(SPEAKERS),
        ),
        "GET /": beginning(WORKERS | LOOKERS),
        "GET /tasks": page(WORKERS | LOOKERS),
        "GET /tasks/{task_id}": page(WORKERS | LOOKERS, task),
        "GET /tasks/{task_id}/photos": one(WORKERS | LOOKERS, task, door="stream"),
        **{f"GET /{room}": page(WORKERS | LOOKERS) for room in ("letters", "meetings", "print")},
        "GET /handover": page(WORKERS),
        "GET /overview": page(SPEAKERS),
        "GET /api/v1/handovers": one(WORKERS | LOOKERS),
        "POST /api/v1/handovers": one(WORKERS, None, 201, {"person": "王敏", "successor": "李强"}),
        "POST /api/v1/handovers/{handover_id}/acceptance": one(
            WORKERS, "nothing", 404, {"person": "李强", "tasks": []}
        ),
        "POST /api/v1/photos": one(WORKERS | INFORMANT | STREET_SIDE, None, 415, {}),
        "GET /photos/{photo_id}": SIGNED,
        "GET /api/v1/tasks": one(WORKERS | LOOKERS),
        "GET /api/v1/tasks/{task_id}": one(WORKERS | LOOKERS, task),
        "GET /api/v1/letters": one(WORKERS | LOOKERS),
        "GET /api/v1/meetings": one(WORKERS | LOOKERS),
        **{f"POST /api/v1/tasks/{{task_id}}/{name}": one(who, task, 409, body) for name, (who, body) in steps.items()},
    }
    reply = {"person": "王敏", "reply": "已增派人员"}
    answered = one(WORKERS, letter, 409, reply) if letter else one(WORKERS, "nothing", 404, reply)
    return table | {"POST /api/v1/letters/{letter_id}/reply": answered}


NOTE_OF_RETURN = {"person": "王敏", "basis": "《条例》第二十三条", "proper_department": "PSGS", "reason": "非本单位"}

NO_BROWSER = {"kind": "push", "secret": "{}"}
NOTICES: Table = {
    "GET /api/v1/notices": one(CLOCK_READERS, "rung", query="escalation_id={escalation_id}"),
    "GET /api/v1/notices/channels": one(CLOCK_READERS),
    "POST /api/v1/notices/channels": one(CLOCK_READERS, None, 422, NO_BROWSER),
    "POST /api/v1/notices/hours": one(CLOCK_READERS, None, 422, {"quiet": "at night"}),
    **{
        f"POST /api/v1/notices/channels/{{channel_id}}/{act}": one(EVERYBODY, "nothing", 404)
        for act in ("test", "promotion", "removal")
    },
    "GET /api/v1/notices/desks/{organisation}/{role}": one(ADMINISTRATOR, "street's desk"),
    "POST /api/v1/notices/desks/{organisation}/{role}/channels": one(ADMINISTRATOR, "street's desk", 422, NO_BROWSER),
    "GET /account/notices": page(CLOCK_READERS),
    "GET /admin/notices": page(ADMINISTRATOR),
    "GET /push.js": (PUBLIC,),
}
NUMBERS = (
    Row(CLOCK_READERS, "street's numbers", query="by=street&unit=S01"),
    Row(CLOCK_READERS, "department's numbers", query="by=department&unit=CGJ"),
)
ESCALATION: Table = {
    **ENTRANCE,
    **live(dashboard=Row(CLOCK_READERS), clock=Row(CLOCK_READERS, "clock", query="about={clock_id}")),
    **{f"GET /api/v1/{room}": one(CLOCK_READERS) for room in ("clocks", "escalations", "statistics", "letters")},
    "GET /api/v1/clocks/{clock_id}/explanation": one(CLOCK_READERS, "clock"),
    "POST /api/v1/escalations/{escalation_id}/acknowledgement": one(
        STREET_DESK | SPEAKERS | OFFICE | INSPECTOR, "rung", refuses=STREET_DESK
    ),
    "POST /api/v1/reminders": one(
        STREET_DESK | OFFICE | INSPECTOR, "task", 409, {"task_id": "{task_id}", "note": "请尽快到场"}
    ),
    "POST /api/v1/letters": one(
        OFFICE | INSPECTOR, "task", 409, {"task_id": "{task_id}", "form": "letter", "text": "请书面说明"}
    ),
    "POST /api/v1/clocks/{clock_id}/rungs": one(OFFICE | INSPECTOR, "clock", 409, {"rung": 3, "reason": "反映强烈"}),
    "GET /api/v1/measures": one(CLOCK_READERS),
    "GET /api/v1/measures/{name}/tasks": NUMBERS,
    "GET /api/v1/boards": one(CLOCK_READERS),
    "POST /api/v1/boards": one(OFFICE | INSPECTOR, None, 422, {"by": "department", "period": "1"}),
    **NOTICES,
    "GET /": beginning(CLOCK_READERS),
    **{f"GET /{room}": page(CLOCK_READERS) for room in ("clocks", "escalations", "log", "letters", "boards")},
    "GET /clocks/{clock_id}": page(CLOCK_READERS, "clock"),
    "GET /escalations/{escalation_id}": page(CLOCK_READERS, "rung"),
    "GET /letters/{letter_id}": page(CLOCK_READERS, "letter"),
    "GET /letters/new": one(OFFICE | INSPECTOR, "task", door="page", query="task={task_id}"),
    "GET /boards/{board_id}": one(CLOCK_READERS, "nothing", 404, door="page"),
    **{f"GET /statistics{path}": tuple(replace(row, door="page") for row in NUMBERS) for path in ("", "/{name}")},
    "GET /clocks/{clock_id}/why": one(CLOCK_READERS, "clock", door="stream"),
}
