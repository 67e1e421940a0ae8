"""Notices over HTTP: one's own channels and quiet hours, those of duty desks, and who was told of a rung."""

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID, uuid4

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, Field

from whistle_escalation import queries
from whistle_escalation.notices import channels, store
from whistle_escalation.notices.domain import NEW_TASK, WARNED_ROLES, ChannelKind, Outcome, State
from whistle_escalation.notices.push import Subscription
from whistle_escalation.notices.sending import Sender
from whistle_shared.auth import Caller, Forbidden
from whistle_shared.clockwork import quiet_hours
from whistle_shared.contracts.vocabulary import Code
from whistle_shared.db import Unit, note
from whistle_shared.errors import Conflict, Invalid, NotFound, Unavailable
from whistle_shared.outgoing import Refused
from whistle_shared.runtime import CurrentCaller, Here, Service, deed_of, may
from whistle_shared.web import PROBLEMS, Strict, StrictRoute

router = APIRouter(prefix="/api/v1/notices", route_class=StrictRoute, responses=PROBLEMS, tags=["notices"])
Own = Annotated[Caller, may("clock.read")]
Administrator = Annotated[Caller, may("account.manage")]
_EXAMPLE = "wecombot://KEY"


class NewChannel(Strict):
    """`secret`: an address as Apprise writes it, or what a browser says when it subscribes, as JSON."""

    kind: ChannelKind
    secret: Annotated[str, Field(min_length=1, max_length=4000, examples=[_EXAMPLE])]
    language: Literal["zh", "en"] = "zh"


class Hours(Strict):
    quiet: Annotated[str, Field(max_length=11, examples=["22:00-07:00"])]


class ChannelView(BaseModel):
    """One way to reach somebody; the first that works is used. Instants are technical time, UTC."""

    channel_id: UUID
    kind: ChannelKind
    label: str = Field(description="What of the address is no secret and nobody's own")
    language: str
    added_at: datetime
    added_by: str
    verified_at: datetime | None = Field(description="Null: no test message has arrived; it is not used")
    failing_since: datetime | None
    fault: str | None = Field(description="What went wrong last")


class ChannelsView(BaseModel):
    channels: list[ChannelView]
    quiet: str = Field(description="Local hours in which only emergencies are sent; empty: none")
    push_key: str = Field(description="The applicationServerKey for a browser that subscribes")


class TrialView(BaseModel):
    """How a test message went."""

    outcome: Outcome
    receipt: str = Field(description="What the provider answered")


class AttemptView(BaseModel):
    channel: str
    began_at: datetime
    ended_at: datetime | None
    outcome: Outcome | None = Field(description="Null: under way")
    receipt: str | None


class NoticeView(BaseModel):
    """Who was told of a rung, or of its repetition. `made_at`, `due_at`: business time; attempts: technical time."""

    notice_id: UUID
    kind: str
    escalation_id: UUID
    organisation: str
    role: str
    name: str = Field(description="Empty: the duty desk")
    state: State
    made_at: datetime
    due_at: datetime
    attempts: list[AttemptView]


# -- who was told ---------------------------------------------------------------------------------------------


@router.get("", summary="Who was told of an escalation, and the proof")
async def list_notices(
    caller: Own, service: Here, escalation_id: Annotated[UUID, Query(description="A rung that was climbed")]
) -> list[NoticeView]:
    await queries.escalation(service.engine, caller, escalation_id)
    found = await store.of_escalations(service.engine, [escalation_id])
    return [_notice(row, tries) for row, tries in found]


def _notice(row: Any, tries: list[Any]) -> NoticeView:
    attempts = [AttemptView.model_validate(made, from_attributes=True) for made in tries]
    plain = {name: getattr(row, name) for name in NoticeView.model_fields if name != "attempts"}
    return NoticeView(**plain, attempts=attempts)


# -- channels -------------------------------------------------------------------------------------------------


@router.get("/channels", summary="One's own channels and quiet hours")
async def own_channels(caller: Own, service: Here) -> ChannelsView:
    return await _channels(service, channels.Owner(caller.id))


@router.post("/channels", status_code=201, summary="Add a channel of one's own")
async def add_own(body: NewChannel, caller: Own, service: Here, request: Request) -> ChannelView:
    """It is used once a test message has arrived."""
    fresh = await _fresh(service, body)
    return await _add(service, request, channels.Owner(_account(caller)), fresh, caller)


@router.post("/hours", summary="One's own quiet hours")
async def set_hours(body: Hours, caller: Own, service: Here, request: Request) -> ChannelsView:
    """Local time, `22:00-07:00`; empty for none. What cannot wait comes all the same."""
    if body.quiet:
        try:
            quiet_hours(body.quiet)
        except ValueError:
            raise Invalid("quiet", "must be two times of the day, 22:00-07:00") from None
    account_id = _account(caller)
    async with service.group.unit() as unit:
        await channels.set_quiet(unit, account_id, body.quiet)
        _noted(unit, request, str(account_id), quiet=body.quiet)
    return await _channels(service, channels.Owner(account_id))


def _account(caller: Caller) -> UUID:
    if caller.means != "account":
        raise Forbidden("people are told, by the account they sign in to; a token is nobody")
    return caller.id


Organisation = Annotated[Code, Path(description="A department's or a street's code, or `district`")]


@router.get("/desks/{organisation}/{role}", summary="The channels of a duty desk")
async def desk_channels(organisation: Organisation, role: Code, caller: Administrator, service: Here) -> ChannelsView:
    return await _channels(service, _desk(service, caller, organisation, role))


@router.post("/desks/{organisation}/{role}/channels", status_code=201, summary="Add a channel to a duty desk")
async def add_to_desk(
    organisation: Organisation, role: Code, body: NewChannel, caller: Administrator, service: Here, request: Request
) -> ChannelView:
    """Whoever cannot be reached is told through their desk."""
    owner = _desk(service, caller, organisation, role)
    return await _add(service, request, owner, await _fresh(service, body), caller)


def _desk(service: Service, caller: Caller, organisation: str, role: str) -> channels.Owner:
    registry = service.replica.registry
    known = registry is not None and (
        organisation in ("district", *registry.department_by_code, *registry.street_by_code)
    )
    if not known or not channels.covers_desk(caller, organisation):
        raise NotFound(f"organisation {organisation}")
    if registry is None or role not in {NEW_TASK, *WARNED_ROLES, *registry.rung_by_role}:
        raise NotFound(f"role {role}")
    return channels.Owner(organisation=organisation, role=role)


@router.post("/channels/{channel_id}/test", summary="Send a test message")
async def try_channel(channel_id: UUID, caller: CurrentCaller, service: Here, request: Request) -> TrialView:
    """From the moment it has arrived the channel is used. 409 when it has not, with what the provider answered."""
    sender: Sender = request.app.state.notices
    async with service.engine.connect() as connection:
        row = await channels.one(connection, caller, channel_id)
    message = sender.wording.trial(row.language)
    outcome, receipt = await sender.deliver(store.channel_of(row), uuid4(), message)
    async with service.group.unit() as unit:
        await store.mark(unit, channel_id, outcome, receipt)
        if outcome == "delivered":
            channels.verified(unit, row)
        _noted(unit, request, str(channel_id), label=row.label, outcome=outcome)
    if outcome != "delivered":
        told = receipt or outcome
        raise Conflict(f"the test message has not arrived: {told}")
    return TrialView(outcome=outcome, receipt=receipt)


@router.post("/channels/{channel_id}/promotion", summary="Use a channel before the one that stands above it")
async def promote(channel_id: UUID, caller: CurrentCaller, service: Here, request: Request) -> ChannelsView:
    async with service.group.unit() as unit:
        row = await channels.one(unit.connection, caller, channel_id)
        await channels.promote(unit, row)
        _noted(unit, request, str(channel_id), label=row.label)
    return await _channels(service, channels.owner_of(row))


@router.post("/channels/{channel_id}/removal", summary="Use a channel no more")
async def remove(channel_id: UUID, caller: CurrentCaller, service: Here, request: Request) -> ChannelsView:
    async with service.group.unit() as unit:
        row = await channels.one(unit.connection, caller, channel_id)
        await channels.remove(unit, row)
        _noted(unit, request, str(channel_id), label=row.label)
    return await _channels(service, channels.owner_of(row))


async def _channels(service: Service, owner: channels.Owner) -> ChannelsView:
    sender: Sender = service.app.state.notices
    async with service.engine.connect() as connection:
        rows = await channels.of_owner(connection, owner)
        quiet = await channels.quiet_of(connection, owner.account_id) if owner.account_id is not None else ""
    return ChannelsView(channels=[_view(row) for row in rows], quiet=quiet, push_key=sender.pusher.public_key)


def _view(row: Any) -> ChannelView:
    return ChannelView.model_validate(row, from_attributes=True)


async def _fresh(service: Service, body: NewChannel) -> channels.Fresh:
    """The channel, if it can be one: a browser behind a push service that `outgoing_allowed` names, or an address that
    Apprise takes. Raises Invalid."""
    if body.kind == "push":
        subscription = Subscription.of(body.secret)
        try:
            service.outgoing.allowed.check(subscription.endpoint)
        except Refused:
            raise Invalid("secret", "is at a push service that outgoing_allowed does not name") from None
        return channels.Fresh("push", subscription.label, body.secret, body.language)
    sender: Sender = service.app.state.notices
    answer = await sender.courier.ask("check", {"address": body.secret})
    if answer["outcome"] == "rejected":
        raise Invalid("secret", answer["receipt"])
    if answer["outcome"] != "fits":
        raise Unavailable("the address cannot be looked at now; try again shortly")
    label = f"{answer['service']} · {channels.shown(answer['label'])}"
    return channels.Fresh("apprise", label, body.secret, body.language)


async def _add(
    service: Service, request: Request, owner: channels.Owner, fresh: channels.Fresh, caller: Caller
) -> ChannelView:
    async with service.group.unit() as unit:
        row = await channels.add(unit, service.keyring, owner, fresh, caller.name)
        _noted(unit, request, str(row.channel_id), label=row.label, kind=row.kind, desk=owner.lock)
    return _view(row)


def _noted(unit: Unit, request: Request, subject: str, **asked: str) -> None:
    note(unit, replace(deed_of(request, subject), asked=asked), "done")
