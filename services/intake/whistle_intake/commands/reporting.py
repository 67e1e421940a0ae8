"""Reports (一键报事): taken in, decided about by grid, community or street, rated by whoever made them."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from whistle_intake import domain, store
from whistle_intake.commands.blowing import draft_whistle
from whistle_shared import photos
from whistle_shared.auth import Caller, Forbidden, Role
from whistle_shared.contracts.intake import ReportRated, ReportSubmitted, ReportTriaged
from whistle_shared.contracts.vocabulary import ReportChannel, ReportOutcome
from whistle_shared.db import Unit
from whistle_shared.errors import Invalid, NotFound

_CHANNELS: dict[Role, ReportChannel] = {
    "informant": "informant",
    "grid_officer": "grid_officer",
    "community": "community",
    "street_initiator": "street",
    "street_approver": "street",
}
_LEVELS: dict[ReportChannel, domain.Desk] = {"grid_officer": "grid", "community": "community", "street": "street"}


@dataclass(frozen=True, slots=True)
class Draft:
    """The whistle that is drafted from a report: its new id, what is said of it, its wish for a number."""

    whistle_id: UUID
    matter: domain.Matter
    wish: store.Numbers


@dataclass(frozen=True, slots=True)
class Said:
    """What somebody says becomes of a report. `note`: for colleagues; `answer`: for whoever reported."""

    outcome: ReportOutcome
    note: str = ""
    answer: str = ""


def channel_of(caller: Caller | None) -> ReportChannel:
    """By whom a report comes: a resident has no role."""
    return "resident" if caller is None else _CHANNELS[caller.role]


def level_of(caller: Caller) -> domain.Desk | None:
    """Up to which desk a caller decides about reports; None for whoever only looks or only reports."""
    channel = _CHANNELS.get(caller.role)
    return None if channel is None else _LEVELS.get(channel)


def submit_report(
    unit: Unit, new: domain.Report, code_tag: str, sealed: store.Sealed, shown: Sequence[UUID] = ()
) -> domain.Report:
    """Take a report in, with its photos. Raises Invalid for a photo that is not theirs."""
    owner = photos.RESIDENT if new.channel == "resident" else new.street
    photos.claim(unit, shown, owner, domain.subject_of(new.report_id))
    store.add_report(unit, new, code_tag, sealed)
    store.say_of_report(
        unit,
        ReportSubmitted(
            report_id=new.report_id,
            street=new.street,
            grid=new.grid,
            category=new.category,
            channel=new.channel,
            target=new.target,
        ),
        new,
    )
    return new


def triage_report(unit: Unit, report_id: UUID, caller: Caller, said: Said, draft: Draft | None = None) -> domain.Report:
    """Say what becomes of a report; `draft` where that is a whistle: it is drafted as any other.

    Raises NotFound (also for another street's or grid's), Conflict, IllegalTransition, and what drafting raises.
    """
    known = of_place(unit, report_id, caller)
    level = level_of(caller)
    if level is None:
        raise Forbidden(f"role {caller.role!r} decides about no report")
    whistle_id = None if draft is None else draft.whistle_id
    after = domain.triage(known, said.outcome, level, unit.now, whistle_id)
    if draft is not None:
        if draft.matter.street != known.street:
            raise Invalid("draft.street", f"the report is about street {known.street!r}")
        draft_whistle(unit, draft.whistle_id, draft.matter, caller, draft.wish)
    turn = domain.Turn(after.turns, unit.now, said.outcome, after.desk, caller.name, said.note, said.answer)
    store.save_report(unit, after)
    store.add_turn(unit, report_id, turn, whistle_id)
    store.say_of_report(
        unit,
        ReportTriaged(
            report_id=report_id,
            street=after.street,
            outcome=said.outcome,
            whistle_id=whistle_id,
            by=caller.name,
        ),
        after,
    )
    return after


def rate_report(unit: Unit, report_id: UUID, rating: domain.Rating) -> domain.Report:
    """Say how it went. A repetition changes nothing. Raises NotFound, IllegalTransition and Conflict."""
    known = store.report(unit, report_id)
    after = domain.rate(known, rating, unit.now)
    if after == known:
        return known
    store.save_report(unit, after)
    store.say_of_report(
        unit,
        ReportRated(
            report_id=report_id,
            street=after.street,
            whistle_id=after.whistle_id,
            contacted=rating.contacted,
            solved=rating.solved,
            satisfaction=rating.satisfaction,
        ),
        after,
    )
    return after


def of_place(unit: Unit, report_id: UUID, caller: Caller) -> domain.Report:
    """A loaded report of this caller's. Raises NotFound."""
    known = store.report(unit, report_id)
    if not caller.covers_place(known.street, known.grid):
        raise NotFound(f"report {report_id}")
    return known
