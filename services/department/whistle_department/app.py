"""The only wiring of department."""

from functools import partial

import whistle_department
from whistle_department import api, consumers, pages, store
from whistle_department.settings import Settings
from whistle_shared import photos
from whistle_shared.runtime import Service, make_time
from whistle_shared.timesource import TimeSource


def build(settings: Settings, time: TimeSource | None = None) -> Service:
    """One instance of the department service; tests pass a time source of their own."""
    service = Service(
        f"department.{settings.instance}",
        whistle_department.__doc__ or "",
        settings,
        time or make_time(settings),
        load=lambda unit, works: store.load(service.replica, unit, works),
        shows=store.shown,
        handlers=consumers.SUBSCRIPTIONS,
        walled=True,
    )
    service.ready_checks.append(partial(api.registry_missing, service))
    pages.install(service)
    photos.install(service)
    service.app.include_router(api.router)
    return service
