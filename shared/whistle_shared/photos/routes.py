"""Photos over HTTP: added as the raw body of a request, looked at by a signed address.

INVARIANT: a photo is shown to the holder of its address and to nobody else; to others it does not exist.
"""

from typing import Annotated, Any, Literal, cast
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from whistle_shared.auth import Caller, Unauthenticated
from whistle_shared.errors import Invalid, NotFound
from whistle_shared.photos.addresses import Ask, Size, is_good, link
from whistle_shared.photos.album import album_of
from whistle_shared.photos.pictures import NoPicture
from whistle_shared.photos.rows import RESIDENT, Photo, resident_at
from whistle_shared.runtime import Here, Service, current_caller, find_session_of
from whistle_shared.web import PROBLEMS, StrictRoute, address_of
from whistle_shared.web.problems import Malformed

_KINDS = ("image/jpeg", "image/png", "image/webp")
_HEADERS = {
    "Cache-Control": "private, max-age=600",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in _KINDS},
    }
}
_PICTURE: dict[int | str, dict[str, Any]] = {
    200: {"description": "The photo", "content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}}}
}
Purpose = Literal["report", "whistle"]

router = APIRouter(tags=["photos"], route_class=StrictRoute)


class AddedPhoto(BaseModel):
    """A photo that was added. Whoever added it can look at it for some minutes; a resident's device has its own."""

    photo_id: UUID
    width: int = Field(description="Pixels, of the photo as it is kept", examples=[2560])
    height: int = Field(examples=[1920])
    address: str | None
    thumbnail: str | None


@router.post(
    "/api/v1/photos",
    status_code=201,
    openapi_extra=_BODY,
    responses=PROBLEMS,
    summary="Add a photo",
)
async def add_photo(
    request: Request,
    service: Here,
    purpose: Annotated[
        Purpose | None,
        Query(description="What it will belong to; by default a report, for those who may draft whistles a whistle"),
    ] = None,
) -> AddedPhoto:
    """The raw bytes of a JPEG, PNG or WebP picture, at most 12 MiB and 50 megapixels. It is made anew: upright, at most
    2560 pixels wide and high, without any of the data that came with it. Name its id within 24 hours, or it is
    deleted."""
    caller = await _who_adds(request, service, purpose)
    sealed = _is_for_report(service, caller, purpose)
    _require_picture(request)
    photo = await _added(service, await request.body(), caller, sealed, request)
    shown = None if caller is None else link(service.keyring, service.name, photo.photo_id, caller)
    return AddedPhoto(
        photo_id=photo.photo_id,
        width=photo.width,
        height=photo.height,
        address=shown and shown.address,
        thumbnail=shown and shown.thumbnail,
    )


async def _who_adds(request: Request, service: Service, purpose: Purpose | None) -> Caller | None:
    """Whoever calls, if they may; None: a resident, where the service takes reports. The browser of somebody who is
    signed in may be a resident's, too: there, only what is for a whistle is theirs."""
    if "authorization" not in request.headers and album_of(service).reports and purpose != "whistle":
        return None
    caller = await current_caller(request, service)
    caller.needs("photo.add")
    return caller


def _is_for_report(service: Service, caller: Caller | None, purpose: Purpose | None) -> bool:
    if not album_of(service).reports:
        if purpose == "report":
            raise Invalid("purpose", "this service takes no reports")
        return False
    return purpose == "report" or (purpose is None and (caller is None or not caller.has("whistle.draft")))


def _require_picture(request: Request) -> None:
    """What a body calls itself must be one of three things; what it is, it shows itself."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in _KINDS:
        raise Malformed(415, f"the content type must be one of {', '.join(_KINDS)}")


async def _added(service: Service, body: bytes, caller: Caller | None, sealed: bool, request: Request) -> Photo:
    stranger = resident_at(service.keyring, address_of(request.scope))
    owner, added_by = (RESIDENT, stranger) if caller is None else (caller.scope, caller.actor)
    try:
        return await album_of(service).add(body, owner=owner, added_by=added_by, sealed=sealed, request=request)
    except NoPicture as refused:
        if refused.unknown_format:
            raise Malformed(415, f"the body {refused}") from None
        raise Invalid("body", str(refused)) from None


@router.get(
    "/photos/{photo_id}", response_class=Response, responses={**_PICTURE, 404: PROBLEMS[404]}, summary="A photo"
)
async def show_photo(
    photo_id: str,
    request: Request,
    service: Here,
    size: Annotated[str, Query(description="`large` or `small`")] = "",
    of: Annotated[str, Query(description="Which service keeps it")] = "",
    until: Annotated[str, Query(description="Unix seconds")] = "",
    holder: Annotated[str, Query(alias="for", description="Who may use this address")] = "",
    tag: Annotated[str, Query(description="The service's signature over all of this")] = "",
) -> Response:
    """By an address that a view gave. Expired, changed, or in somebody else's hands, it leads nowhere (404)."""
    ask = _ask(photo_id, size, of, until, holder)
    if ask is None or not is_good(service.keyring, ask, tag) or not await _is_holder(request, service, ask.holder):
        raise NotFound("there is no such photo")
    data = await album_of(service).read(ask.producer, ask.photo_id, ask.size)
    name = {"Content-Disposition": f'inline; filename="photo-{ask.photo_id}-{ask.size}.jpg"'}
    return Response(data, media_type="image/jpeg", headers=_HEADERS | name)


def _ask(photo_id: str, size: str, of: str, until: str, holder: str) -> Ask | None:
    try:
        return Ask(of, UUID(photo_id), cast(Size, size), int(until), holder)
    except ValueError:
        return None


async def _is_holder(request: Request, service: Service, holder: str) -> bool:
    """A report's address was given in the answer to its tracking code and is all the proof there is; any other takes
    the credential of whom it was made for."""
    if holder.startswith("report:"):
        return True
    caller = await _caller_of(request, service)
    return caller is not None and str(caller.id) == holder


async def _caller_of(request: Request, service: Service) -> Caller | None:
    if "authorization" in request.headers:
        try:
            return await current_caller(request, service)
        except Unauthenticated:
            return None
    session = await find_session_of(request, service)
    return None if session is None or session.owes is not None else session.caller
