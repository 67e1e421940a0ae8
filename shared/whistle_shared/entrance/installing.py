"""The one call by which a service gets its entrance."""

from pathlib import Path

from fastapi import Request, Response
from starlette.staticfiles import StaticFiles

from whistle_shared.auth import Right
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
from whistle_shared.runtime import Service
from whistle_shared.web import Templates, elsewhere

_PACKAGE = Path(__file__).parent


def install(service: Service, package: Path | None = None, home: tuple[Right, str] | None = None) -> None:
    """Give a service its entrance. `package`: where the service's own `templates/`, `locale/` and `static/` lie;
    `home`: the page that whoever has this right sees first (path without a query)."""
    packages = [folder for folder in (package, _PACKAGE) if folder is not None]
    service.app.state.templates = Templates(*packages)
    service.app.state.home = home
    service.app.state.doorkeeper = Doorkeeper(service)
    for room in (sign_in, own_account, own_second_factor, accounts_page, tokens_page, audit_page):
        service.app.include_router(room.router)
    single_sign_on.install(service)
    if home is None:
        service.app.get("/", include_in_schema=False)(_to_account)
    service.app.mount("/static", _Static([folder / "static" for folder in packages]), name="static")


async def _to_account(request: Request) -> Response:
    """A service without pages of its own begins with one's own account."""
    return elsewhere(request, "/account")


class _Static(StaticFiles):
    """Files of several folders under one address; the first that has it gives it."""

    def __init__(self, folders: list[Path]) -> None:
        super().__init__(directory=folders[0])
        self.all_directories = list(folders)
