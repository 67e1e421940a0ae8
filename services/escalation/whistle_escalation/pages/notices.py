"""Pages about notices: one's own channels, those of duty desks; and the parts that operations and an escalation's page
show: what could not be sent, and the proof of what was. View models are pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy.ext.asyncio import AsyncEngine

from whistle_escalation.notices import channels, store
from whistle_escalation.notices.push import PUSH
from whistle_escalation.pages.routes import Reader
from whistle_escalation.pages.rows import address_of
from whistle_shared.auth import EVERYWHERE, ROLES, Caller
from whistle_shared.errors import NotFound
from whistle_shared.pages import Assets, PageRoute, Words, mark, render, role_name, visitor, words_of
from whistle_shared.registry import Registry
from whistle_shared.runtime import Here

pages = APIRouter(tags=["pages"], route_class=PageRoute, include_in_schema=False)
worker = APIRouter(tags=["pages"])
_DAY = timedelta(days=1)

# State of a notice → its word, the tone of its chip, its icon.
STATES: Mapping[str, tuple[str, str, str]] = {
    "waiting": (mark("等待发送"), "normal", "clock"),
    "sending": (mark("正在发送"), "normal", "send"),
    "delivered": (mark("已送达"), "here", "checks"),
    "covered": (mark("值班渠道已送达"), "here", "checks"),
    "unknown": (mark("是否送达不明"), "late", "help-circle"),
    "failed": (mark("各渠道均未送达"), "late", "alert-triangle"),
    "nowhere": (mark("没有可用渠道"), "paused", "bell-off"),
    "dropped": (mark("事已了结，未发送"), "done", "circle-off"),
}
OUTCOMES: Mapping[str | None, str] = {
    None: mark("正在发送"),
    "delivered": mark("已送达"),
    "failed": mark("未送达"),
    "rejected": mark("被对方拒绝"),
    "gone": mark("渠道已失效"),
    "refused": mark("不在允许外呼的范围"),
    "unknown": mark("结果不明"),
}
# By the scheme of an address as Apprise writes it; another keeps the provider's own name.
_PROVIDERS = {
    "wecombot": mark("企业微信"),
    "dingtalk": mark("钉钉"),
    "feishu": mark("飞书"),
    "mailtos": mark("邮件"),
    "json": mark("自有接口"),
    "jsons": mark("自有接口"),
}


@dataclass(frozen=True, slots=True)
class Attempt:
    """One line of a proof. `at`: technical time."""

    channel: str
    at: datetime
    outcome: str
    ok: bool
    receipt: str


@dataclass(frozen=True, slots=True)
class Proof:
    """Who was told of a rung and what became of it; `again`: of its repetition."""

    who: str
    role: str
    again: bool
    state: str
    tone: str
    icon: str
    due_at: datetime
    attempts: Sequence[Attempt]


def channel_name(words: Words, label: str) -> str:
    """A channel for its reader: the provider, and what of the address is no secret."""
    provider, _, address = label.partition(" · ")
    if provider == PUSH:
        return f"{words.gettext('浏览器推送')} · {address}"
    scheme, _, rest = address.partition("://")
    known = _PROVIDERS.get(scheme)
    return f"{provider if known is None else words.gettext(known)} · {rest.rstrip('/')}"


def role_word(words: Words, role: str) -> str:
    """Whom a role calls: as a ladder names it, else as accounts do."""
    named = words.role(role)
    return role_name(words.language, role) if named == role and role in ROLES else named


def proof_lines(words: Words, found: Iterable[tuple[Any, Sequence[Any]]]) -> list[Proof]:
    """The proofs of a rung: notices with their attempts, in their order."""
    lines = []
    for row, tries in found:
        word, tone, icon = STATES[row.state]
        attempts = [
            Attempt(
                channel_name(words, made.channel),
                made.began_at,
                words.gettext(OUTCOMES[made.outcome]),
                made.outcome == "delivered",
                made.receipt or "",
            )
            for made in tries
        ]
        who = row.name or words.gettext("值班席")
        again = row.kind == "again"
        place = f"{words.organisation(row.organisation)} · {role_word(words, row.role)}"
        lines.append(Proof(who, place, again, words.gettext(word), tone, icon, row.due_at, attempts))
    return lines


async def proofs(engine: AsyncEngine, words: Words, escalation_ids: Sequence[UUID]) -> dict[UUID, list[Proof]]:
    """The proofs of these rungs, by rung, for `_proofs.html` (`proofs`: the list of one)."""
    found = await store.of_escalations(engine, escalation_ids)
    return {
        one: proof_lines(words, [(row, tries) for row, tries in found if row.escalation_id == one])
        for one in escalation_ids
    }


async def panel(engine: AsyncEngine, words: Words, caller: Caller, now: datetime) -> dict[str, Any]:
    """What operations should know of notices, for `_notices.html`: of the last day. Nothing for others than the
    district."""
    found = store.Trouble({}, 0, ())
    if caller.scope == EVERYWHERE:
        found = await store.trouble(engine, now, _DAY)
    return trouble_lines(words, found)


def trouble_lines(words: Words, trouble: store.Trouble) -> dict[str, Any]:
    """`counts`: what could not be sent, by its word; `failing`: channels that fail, the longest first."""
    counts = [
        (words.gettext(STATES[state][0]), STATES[state][2], trouble.counts[state])
        for state in ("failed", "unknown", "nowhere")
        if trouble.counts.get(state)
    ]
    failing = [
        {
            "key": str(row.channel_id),
            "whose": row.name or f"{words.organisation(row.organisation)} · {role_word(words, row.role)}",
            "label": channel_name(words, row.label),
            "since": row.failing_since,
            "fault": row.fault or "",
        }
        for row in trouble.failing
    ]
    return {"counts": counts, "overdue": trouble.overdue, "failing": failing}


# -- pages ----------------------------------------------------------------------------------------------------


@pages.get("/account/notices")
async def own(request: Request, service: Here, caller: Reader) -> Response:
    """One's own channels and quiet hours."""
    async with service.engine.connect() as connection:
        rows = await channels.of_owner(connection, channels.Owner(caller.id))
        quiet = await channels.quiet_of(connection, caller.id)
    key = request.app.state.notices.pusher.public_key
    more = {
        "name_of": partial(channel_name, words_of(request)),
        "quiet": quiet,
        "push_key": key,
        "can_call": bool(service.settings.outgoing_allowed),
    }
    return render(request, "own_notices.html", channels=rows, to="/api/v1/notices/channels", **more)


@pages.get("/admin/notices")
async def desks(
    request: Request,
    service: Here,
    caller: Annotated[Caller, visitor("account.manage")],
    desk: Annotated[str | None, Query(max_length=70)] = None,
) -> Response:
    """The duty desks' channels: `?desk=CGJ/handler`."""
    words = words_of(request)
    known = desk_groups(words, service.replica.registry, caller)
    chosen = desk if any(desk == value for _, values in known for value, _ in values) else None
    if desk and chosen is None:
        raise NotFound(f"desk {desk!r}")
    async with service.engine.connect() as connection:
        counts = await channels.desks(connection)
        rows: Sequence[Any] = ()
        if chosen is not None:
            place, _, role = chosen.partition("/")
            rows = await channels.of_owner(connection, channels.Owner(organisation=place, role=role))
    listed = desk_list(words, counts, caller)
    more = {
        "name_of": partial(channel_name, words),
        "listed_desks": listed,
        "chosen": chosen,
        "can_call": bool(service.settings.outgoing_allowed),
    }
    to = f"/api/v1/notices/desks/{chosen}/channels"
    return render(request, "desk_notices.html", channels=rows, to=to, desks=known, **more)


def desk_groups(words: Words, registry: Registry | None, caller: Caller) -> list[tuple[str, list[tuple[str, str]]]]:
    """Every desk that this administrator may set, by its organisation: (value, name)."""
    if registry is None:
        return []
    by_side: dict[str, list[str]] = {}
    for row in registry.ladders:
        by_side.setdefault(row.side, []).append(row.role)
    upper = set(by_side.get("district", ()))
    roles = {
        "department": ["handler", "section_head", *(r for r in by_side.get("department", ()) if r not in upper)],
        "street": ["street_initiator", "street_approver", *(r for r in by_side.get("street", ()) if r not in upper)],
        "district": list(dict.fromkeys(by_side.get("district", ()))),
    }
    places = [("district", "district")]
    places += [("department", row.code) for row in registry.departments]
    places += [("street", row.code) for row in registry.streets]
    return [
        (words.organisation(code), [(f"{code}/{role}", role_word(words, role)) for role in roles[side]])
        for side, code in places
        if channels.covers_desk(caller, code)
    ]


def desk_list(words: Words, counts: Mapping[tuple[str, str], int], caller: Caller) -> list[tuple[str, str, str, int]]:
    """Desks that have channels: address, organisation, role, how many."""
    return [
        (address_of("", desk=f"{place}/{role}"), words.organisation(place), role_word(words, role), n)
        for (place, role), n in sorted(counts.items())
        if channels.covers_desk(caller, place)
    ]


@worker.get("/push.js", summary="The service worker that shows browser push", response_class=Response)
async def push_worker(request: Request) -> Response:
    """Served from the top, or it could not show anything."""
    assets: Assets = request.app.state.assets
    headers = {
        "Content-Security-Policy": "default-src 'none'; connect-src 'self'; frame-ancestors 'none'",
        "Cache-Control": "no-cache",
    }
    return Response(assets.content("push.js"), media_type="text/javascript; charset=utf-8", headers=headers)
