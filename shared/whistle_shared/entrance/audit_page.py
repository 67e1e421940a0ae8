"""The auditor's pages: `/admin/audit`, what was done by whom, how far the chain vouches for it, and all of it as CSV.

INVARIANT: whoever takes a copy of the audit stands in it.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, TypeVar, get_args
from urllib.parse import urlencode
from uuid import UUID

import orjson
from fastapi import APIRouter, Request, Response

from whistle_shared import audit
from whistle_shared.auth import Caller
from whistle_shared.db import Outcome, Unit
from whistle_shared.errors import NotFound
from whistle_shared.pages import PageRoute, render, texts_of, visitor
from whistle_shared.runtime import Here, deed_of
from whistle_shared.timesource import utc_text, wall_now
from whistle_shared.web import sheet
from whistle_shared.worktime import SHANGHAI

router = APIRouter(tags=["entrance"], route_class=PageRoute, include_in_schema=False)
Auditor = Annotated[Caller, visitor("audit.read")]
_PAGE = 50
_USUAL = timedelta(days=7)
_MOST = 200
_FIELDS = ("since", "until", "who", "action", "subject", "outcome", "correlation", "address", "before")
_LOCAL = "%Y-%m-%dT%H:%M"
_LARGEST = 2**63
_T = TypeVar("_T")
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
COLUMNS = (
    *("audit_id", "at", "business_at", "actor", "name", "role", "scope", "action", "subject", "outcome", "address"),
    *("correlation_id", "asked", "before", "after"),
)


@dataclass(slots=True)
class Form:
    """The filters as they were typed, what they mean, and which of them cannot be read."""

    said: dict[str, str]
    search: audit.Search
    before: int | None = None
    wrong: set[str] = field(default_factory=set)

    def address(self, path: str = "/admin/audit", **more: object) -> str:
        """The same search at another place; `before` belongs to one page of it."""
        said = {name: value for name, value in (self.said | {"before": ""} | more).items() if value}
        return f"{path}?{urlencode(said)}"


def read_form(params: Mapping[str, str]) -> Form:
    """The search that an address names; of what is not named everything, of the last seven days."""
    said = {name: params.get(name, "").strip()[:_MOST] for name in _FIELDS}
    now = wall_now()
    said["since"] = said["since"] or (now - _USUAL).astimezone(SHANGHAI).strftime(_LOCAL)
    wrong = {name for name, value in said.items() if "\0" in value}

    def read(name: str, reader: Callable[[str], _T]) -> _T | None:
        if not said[name] or name in wrong:
            return None
        try:
            return reader(said[name])
        except (ValueError, OverflowError):
            wrong.add(name)
            return None

    wanted = audit.Search(
        since=read("since", _instant) or now,
        until=read("until", _instant) or now + timedelta(minutes=1),
        who=read("who", str),
        action=read("action", str),
        subject=read("subject", str),
        outcome=read("outcome", _outcome),
        correlation_id=read("correlation", UUID),
        address=read("address", str),
    )
    return Form(said, wanted, read("before", _id), wrong)


def _instant(text: str) -> datetime:
    """What a browser's field for a local time gives, in Shanghai."""
    return datetime.strptime(text[:16], _LOCAL).replace(tzinfo=SHANGHAI).astimezone(UTC)


def _outcome(text: str) -> Outcome:
    return OUTCOMES[OUTCOMES.index(text)]


def _id(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) < _LARGEST):
        raise ValueError(text)
    return int(text)


@router.get("/admin/audit")
async def look(request: Request, service: Here, caller: Auditor) -> Response:
    """The newest rows that fit, fifty at a time, and how far the chain is."""
    form = read_form(request.query_params)
    rows: list[Any] = []
    async with service.engine.connect() as connection:
        standing = await audit.standing(connection)
        if not form.wrong:
            rows = await audit.find(connection, form.search, form.before, _PAGE)
    further = form.address(before=rows[-1].audit_id) if len(rows) == _PAGE else None
    return render(
        request,
        "audit.html",
        422 if form.wrong else 200,
        form=form,
        errors={name: _wrong(request, name) for name in form.said if name in form.wrong},
        rows=rows,
        further=further,
        chain=standing,
        outcomes=OUTCOMES,
        second=second,
        late=standing.waiting is not None and wall_now() - standing.waiting > audit.UNLINKED,
    )


@router.get("/admin/audit/export")
async def export_audit(request: Request, service: Here, caller: Auditor) -> Response:
    """All rows that fit, as CSV, the newest first. The export is noted before its first byte is sent."""
    caller.needs("export")
    form = read_form(request.query_params)
    if form.wrong:
        raise NotFound("no such search")
    asked = {name: value for name, value in form.said.items() if value}
    await service.command(_nothing, request, deed=replace(deed_of(request, None), asked=asked))
    name = f"audit-{service.name}-{wall_now().astimezone(SHANGHAI):%Y%m%d-%H%M%S}.csv"
    return sheet(name, COLUMNS, _cells(audit.find_all(service.engine, form.search)))


@router.get("/admin/audit/{audit_id}")
async def look_at_one(audit_id: str, request: Request, service: Here, caller: Auditor) -> Response:
    """One row, before and after side by side, and its place in the chain."""
    try:
        wanted = _id(audit_id)
    except ValueError:
        raise NotFound("no such row") from None
    async with service.engine.connect() as connection:
        found = await audit.find_one(connection, wanted)
    if found is None:
        raise NotFound("no such row")
    row, link = found
    return render(
        request, "audit_row.html", row=row, link=link, changes=changes(row.before, row.after), said=said, second=second
    )


def _nothing(unit: Unit) -> None:
    """To read changes nothing; that it was read is noted."""


async def _cells(rows: AsyncIterator[Any]) -> AsyncIterator[list[object]]:
    async for row in rows:
        yield [_plain(getattr(row, name)) for name in COLUMNS]


def _plain(value: Any) -> object:
    if isinstance(value, datetime):
        return utc_text(value)
    return orjson.dumps(value).decode() if isinstance(value, (dict, list)) else value


def changes(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> list[tuple[str, str, str]]:
    """What a deed changed: (name, before, after), by name."""
    old, new = before or {}, after or {}
    return [(name, said(old.get(name)), said(new.get(name))) for name in sorted({*old, *new})]


def said(value: Any) -> str:
    """A kept value for a reader."""
    if value is None:
        return "—"
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def second(at: datetime) -> str:
    """An instant to the second, in Shanghai."""
    return at.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")


def _wrong(request: Request, name: str) -> str:
    texts = texts_of(request)
    return {
        "since": texts.gettext("起始时间无法识别。"),
        "until": texts.gettext("截止时间无法识别。"),
        "correlation": texts.gettext("关联号是 36 位的编号。"),
    }.get(name, texts.gettext("这一项无法识别。"))
