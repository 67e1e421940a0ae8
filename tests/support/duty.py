"""A service of the city with single sign-on, under whatever settings a test needs."""

from pathlib import Path
from typing import Any

from sqlalchemy import text

from support.city import City
from whistle_shared.outgoing import Caps
from whistle_shared.runtime import Service

ROLES = {"handlers": "handler", "heads": "department_head", "grid": "grid_officer", "it": "administrator@*"}


class Duty:
    """Services of the city with single sign-on, one for each kind of settings; none of them is started."""

    def __init__(self, city: City, issuer: str, folder: Path) -> None:
        self._city = city
        self._issuer = issuer
        self._folder = folder
        self._built: dict[str, Service] = {}

    def service(self, client: str = "whistle", secret: str | None = "secret-of-{}", **settings: Any) -> Service:
        usual: dict[str, Any] = {
            "outgoing_allowed": self._issuer,
            "oidc_issuer": self._issuer,
            "oidc_client_id": client,
            "oidc_asks": "openid profile duty",
            "oidc_roles": ROLES,
        }
        if secret is not None:
            usual["oidc_client_secret_file"] = file = self._folder / client
            file.write_text(secret.format(client) + "\n", "utf-8")
        asked = repr(usual | settings)
        if asked in self._built:
            return self._built[asked]
        service = self._city.build("escalation", **(usual | settings))
        # A machine that is busy with other tests must not look like a provider that is away.
        service.outgoing._caps = Caps(connect=30, total=60)
        self._built[asked] = service
        return service

    async def __aenter__(self) -> "Duty":
        return self

    async def __aexit__(self, *_: object) -> None:
        for service in self._built.values():
            await service.outgoing.aclose()
            await service.engine.dispose()
            await service.command_engine.dispose()


async def refusals(service: Service) -> list[str]:
    """Why single sign-on refused, all of it, the newest first."""
    query = "select after ->> 'reason' from audit where action = 'sign_in_refused' and asked ->> 'how' is not null"
    async with service.engine.connect() as connection:
        return list(await connection.scalars(text(query + " order by audit_id desc")))
