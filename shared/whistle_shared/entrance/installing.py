"""The one call by which a service gets its entrance, and with it what its pages stand on."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Request, Response

from whistle_shared.auth import Caller
from whistle_shared.entrance import (
    accounts_page,
    audit_page,
    own_account,
    own_second_factor,
    sign_in,
    single_sign_on,
    tokens_page,
)
from whistle_shared.entrance.doorkeeper import Doorkeeper
from whistle_shared.pages import Live, PageRoute, Place, elsewhere, home_path, mark, pages_for, visitor
from whistle_shared.runtime import Service

_PACKAGE = Path(__file__).parent
_PLACES = (
    Place("/admin/accounts", mark("账号"), "users", "account.manage"),
    Place("/admin/tokens", mark("令牌"), "key", "account.manage"),
    Place("/admin/audit", mark("审计"), "clipboard-list", "audit.read"),
)


def install(service: Service, package: Path | None = None, places: Sequence[Place] = ()) -> Live:
    """Give a service its entrance. `package`: where the service's own `templates/` and `locale/` lie; `places`: its
    pages, in the order of the header, after those of whoever administers. Returns the service's live pages, for it to
    add its topics."""
    live = pages_for(service, [folder for folder in (package, _PACKAGE) if folder is not None], (*_PLACES, *places))
    service.app.state.doorkeeper = Doorkeeper(service)
    for room in (sign_in, own_account, own_second_factor, accounts_page, tokens_page, audit_page):
        service.app.include_router(room.router)
    single_sign_on.install(service)
    if not any(place.path == "/" for place in places):
        service.app.include_router(_beginning)
    return live


_beginning = APIRouter(tags=["entrance"], route_class=PageRoute, include_in_schema=False)


@_beginning.get("/")
async def begin(request: Request, caller: Annotated[Caller, visitor()]) -> Response:
    """On to the first page that is theirs."""
    return elsewhere(request, home_path(request, caller))
