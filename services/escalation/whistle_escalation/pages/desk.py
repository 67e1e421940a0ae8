"""The desk of letters (督办): what was written, what was replied, what is overdue; and a letter beside the facts."""

from typing import Annotated, Any, Literal, get_args
from uuid import UUID

from fastapi import APIRouter, Request, Response

from whistle_escalation import domain, queries
from whistle_escalation.pages.routes import OR_EMPTY, ROWS, Cursor, MaybeCode, Reader, units_of
from whistle_escalation.pages.rows import Line, address_of, clock_line, escalation_line
from whistle_escalation.queries import listings
from whistle_escalation.queries.listings import At, LetterState, cursor_of, place_of
from whistle_shared.auth import Caller
from whistle_shared.clockwork import after as later
from whistle_shared.errors import NotFound
from whistle_shared.pages import PageRoute, render, visitor, words_of
from whistle_shared.registry import Regulation
from whistle_shared.runtime import Here, Service

pages = APIRouter(tags=["pages"], route_class=PageRoute, include_in_schema=False)
Form = Literal["letter", "supervision", "notice", "interview"]
FORMS: tuple[Form, ...] = get_args(Form)
_CANDIDATES = 8


@pages.get("/letters")
async def letters(
    request: Request,
    service: Here,
    viewer: Reader,
    state: LetterState = "waiting",
    form: Annotated[Form | None, OR_EMPTY] = None,
    department: MaybeCode = None,
    after: Cursor = None,
) -> Response:
    """Letters; beside them, for whoever may write, the late ones that stand highest."""
    now = service.time.now()
    rows = await listings.letters(service.engine, viewer, state, form, department, now, place_of(after), ROWS)
    query = {"form": form, "department": department}
    last = rows[-1] if rows else None
    return render(
        request,
        "letters.html",
        state=state,
        form=form,
        department=department,
        letters=rows,
        forms=FORMS,
        tabs={one: address_of("/letters", state=one, **query) for one in listings.LETTER_STATES},
        candidates=await _candidates(request, service, viewer) if viewer.has("letter.write") else [],
        more=address_of("/letters", state=state, **query, after=_after(state, last)),
        is_more=len(rows) == ROWS,
        is_first=after is None,
        **units_of(words_of(request), viewer),
    )


def _after(state: LetterState, last: Any) -> str | None:
    if last is None:
        return None
    return cursor_of(At(last.reply_due_at if state in ("waiting", "overdue") else last.issued_at, last.letter_id))


async def _candidates(request: Request, service: Service, viewer: Caller) -> list[Any]:
    """What stands highest of the departments' own lateness."""
    asked = listings.Escalations(side="department")
    rows = await listings.escalations(service.engine, viewer, asked, None, 4 * _CANDIDATES)
    words = words_of(request)
    firsts = {row.task_id: row for row in reversed(rows) if row.task_id is not None}
    standing = sorted(firsts.values(), key=lambda row: (-row.rung, row.due_at))[:_CANDIDATES]
    return [(row.task_id, escalation_line(words, row)) for row in standing]


@pages.get("/letters/new")
async def new_letter(
    request: Request,
    service: Here,
    viewer: Annotated[Caller, visitor("letter.write")],
    task: UUID,
    form: Form = "supervision",
) -> Response:
    """A letter to be written, beside the facts. `form`: its kind, with words to begin from."""
    row = await queries.task(service.engine, viewer, task)
    return render(request, "letter_new.html", form=form, forms=FORMS, **await _facts(request, service, row, form))


@pages.get("/letters/{letter_id}")
async def letter(letter_id: UUID, request: Request, service: Here, viewer: Reader) -> Response:
    """A letter beside the facts, with its reply."""
    found = await queries.letters(service.engine, viewer, {"letter_id": letter_id}, None, 1)
    if not found:
        raise NotFound(f"letter {letter_id}")
    row = await queries.task(service.engine, viewer, found[0].task_id)
    return render(request, "letter.html", letter=found[0], **await _facts(request, service, row, None))


async def _facts(request: Request, service: Service, row: Any, form: Form | None) -> dict[str, Any]:
    """The matter, the task with its clocks, and the words that a new letter of this form begins with."""
    matter = await queries.matter(service.engine, row.whistle_id)
    rows = await queries.letters(service.engine, request.state.caller, {"task_id": row.task_id}, None, 20)
    words = words_of(request)
    own = sorted((c for c in matter.clocks.values() if c.task_id == row.task_id), key=lambda c: c.due_at)
    late = [c for c in own if c.side == "department" and c.status == "running" and c.breached_at is not None]
    about = matter.about
    number, title = (about.number, about.title) if about is not None else ("", "…")
    return {
        "task": matter.tasks.get(row.task_id),
        "department": row.department,
        "about": about,
        "whistle_id": row.whistle_id,
        "clocks": [clock_line(words, Line(c, number, title, row.street)) for c in own if c.status != "voided"],
        "others": sorted(rows, key=lambda one: one.issued_at, reverse=True),
        "draft": _draft(service, about, late[0] if late else None, form) if form is not None else "",
    }


def _draft(service: Service, about: Any, clock: domain.Clock | None, form: Form) -> str:
    regulation = service.replica.registry.regulation if service.replica.registry is not None else Regulation()
    now = service.time.now()
    due = later(now, regulation.climbing.letter_reply, "", service.replica.calendar())
    return domain.words(form, about, clock, now, due)
