"""The office's addresses: the desk, whistles, requests, disputes, precedents."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse

from whistle_dispatch import domain, queries, store
from whistle_dispatch.pages import matter, waiting
from whistle_dispatch.queries import desk
from whistle_shared.auth import Caller
from whistle_shared.errors import DomainError, NotFound
from whistle_shared.pages import PageRoute, elsewhere, fragment, live_page, render, visitor, words_of
from whistle_shared.runtime import Here, may
from whistle_shared.web import Cursor, after, next_cursor, said

pages = APIRouter(tags=["pages"], route_class=PageRoute, default_response_class=HTMLResponse)
Reader = Annotated[Caller, visitor("dispatch.read")]
_EACH = 30


@pages.get("/", summary="What waits for the whistle office")
async def queue(request: Request, viewer: Reader, kind: Annotated[desk.Kind | None, Query()] = None) -> Response:
    """By the clock it is decided by; `kind` narrows it."""
    return await live_page(request, "desk.html", "desk", viewer, kind or "", only=kind)


@pages.get("/whistles", summary="Whistles, newest first")
async def whistles(
    request: Request,
    service: Here,
    viewer: Reader,
    state: Annotated[domain.State | Literal[""] | None, Query()] = None,
    number: Annotated[str | None, Query(max_length=40)] = None,
    cursor: Cursor = None,
) -> Response:
    """`number`: the one with this number."""
    words = words_of(request)
    wanted = (number or "").strip() or None
    found = await desk.matters(service.engine, state=state or None, number=wanted, after=after(cursor), limit=_EACH)
    rows = [
        (
            one,
            one.facts,
            matter.of(words, matter.STATES, one.state),
            words.department(one.lead.department) if one.lead else "",
        )
        for one in found
    ]
    states = [(name, words.gettext(word)) for name, (word, _, _) in matter.STATES.items()]
    return render(
        request,
        "office_whistles.html",
        rows=rows,
        state=state,
        states=states,
        number=number or "",
        next_cursor=next_cursor([one.whistle_id for one in found], _EACH),
    )


@pages.get("/whistles/{whistle_id}", summary="One whistle, and what the office can do about it")
async def whistle(whistle_id: UUID, request: Request, service: Here, viewer: Reader) -> Response:
    known, rulings = await desk.matter(service.engine, whistle_id)
    if known.facts is None:
        raise NotFound(f"whistle {whistle_id}")
    words = words_of(request)
    held = {task.department for task in known.active}
    return await live_page(
        request,
        "office_whistle.html",
        "whistle",
        viewer,
        str(whistle_id),
        whistle_id=str(whistle_id),
        state=known.state,
        facts=known.facts,
        said=matter.facts_of(words, known.facts),
        precedents=matter.precedents_of(words, rulings),
        departments=words.departments(),
        others=words.departments(but=held),
        called=[(task.department, words.department(task.department)) for task in known.active if task != known.lead],
        silent=[words.department(task.department) for task in known.active if task.raised_at],
    )


@pages.get("/whistles/{whistle_id}/limits", include_in_schema=False)
async def limits(
    whistle_id: UUID,
    request: Request,
    service: Here,
    reader: Annotated[Caller, may("dispatch.read")],
    departments: Annotated[list[str] | None, Query(alias="departments[]", max_length=20)] = None,
) -> Response:
    """A fragment of a page: who would have which limits if the whistle were routed so."""
    known, _ = await desk.matter(service.engine, whistle_id)
    words, rules = words_of(request), store.rules_now(service.replica)
    wanted = [code for code in dict.fromkeys(departments or ()) if code]
    wrong, tasks = "", []
    if wanted and known.facts is not None:
        try:
            planned = domain.route_by_hand(known, wanted, service.time.now(), rules)
            tasks = matter.limits_of(words, planned, known.facts)
        except DomainError as error:
            wrong = said(str(error)) if words.language == "zh" else str(error)
    return fragment(request, "_limits.html", tasks=tasks, wrong=wrong)


@pages.get("/requests/{request_id}", summary="A request of a department")
async def one_request(request_id: UUID, request: Request, service: Here, viewer: Reader) -> Response:
    """A return, an extension, a suspension or an appeal. One that is disputed is decided as a dispute."""
    case = await desk.case_of_request(service.engine, request_id)
    if case.dispute is not None:
        return elsewhere(request, f"/disputes/{case.dispute.dispute_id}")
    return await _case_page(request, service, viewer, case, "office_request.html")


@pages.get("/disputes/{dispute_id}", summary="A dispute: two claims side by side, precedents beside them")
async def dispute(dispute_id: UUID, request: Request, service: Here, viewer: Reader) -> Response:
    case = await desk.case_of_dispute(service.engine, dispute_id)
    words, registry = words_of(request), store.registry(service.replica)
    own, other = matter.claims(words, case, registry)
    made = await desk.precedents_of(
        service.engine, [case.dispute.precedent_id] if case.dispute and case.dispute.precedent_id else []
    )
    return await _case_page(
        request,
        service,
        viewer,
        case,
        "office_dispute.html",
        claims=[own, other],
        cause=words.gettext(waiting.CAUSES[case.dispute.cause]) if case.dispute else "",
        dispute=case.dispute,
        made=matter.precedents_of(words, made.values()),
    )


async def _case_page(
    request: Request, service: Here, viewer: Caller, case: desk.Case, template: str, **more: object
) -> Response:
    words, registry = words_of(request), store.registry(service.replica)
    facts = case.dispatch.facts
    assert facts is not None
    asked = case.request.asked
    scoring = registry.regulation.scoring
    return await live_page(
        request,
        template,
        "request",
        viewer,
        str(asked.request_id),
        case=case,
        asked=asked,
        kind=case.request.kind,
        kind_word=words.of("request", case.request.kind),
        facts=facts,
        said=matter.facts_of(words, facts),
        department=words.department(asked.department),
        duties=matter.duties_of(words, case.dispatch),
        precedents=matter.precedents_of(words, case.precedents),
        departments=words.departments(),
        others=words.departments(but=[asked.department]),
        parts=list(scoring.parts.items()),
        resting=case.request.kind == "suspension" and case.request.state == "upheld" and not case.request.resumed_at,
        **more,
    )


@pages.get("/precedents", summary="Precedents")
async def precedents(
    request: Request,
    service: Here,
    viewer: Reader,
    category: Annotated[str | None, Query(max_length=32)] = None,
    cursor: Cursor = None,
) -> Response:
    """Of one sub-category or of all, the latest decision first."""
    words, registry = words_of(request), store.registry(service.replica)
    found = await queries.precedents(service.engine, category=category or None, after=after(cursor), limit=_EACH)
    return render(
        request,
        "precedents.html",
        rows=matter.precedents_of(words, found),
        category=category,
        categories=[(row.code, words.category(row.code)) for row in registry.categories],
        next_cursor=next_cursor([one.precedent_id for one in found], _EACH),
    )
