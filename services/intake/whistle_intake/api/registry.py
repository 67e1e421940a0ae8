"""The registry that requests are checked against."""

from whistle_shared.errors import Unavailable
from whistle_shared.registry import Registry
from whistle_shared.runtime import Service


async def registry_missing(service: Service) -> str | None:
    """Readiness: whistles can be checked only against a registry."""
    return None if service.replica.ready else "the registry has not arrived yet"


def registry_of(service: Service) -> Registry:
    if service.replica.registry is None:
        raise Unavailable("the registry has not arrived yet; try again shortly")
    return service.replica.registry
