"""The only wiring of intake."""

from functools import partial

import whistle_intake
from whistle_intake import api, consumers, pages, store, timers
from whistle_intake.settings import Settings
from whistle_shared import photos
from whistle_shared.runtime import Service, make_time
from whistle_shared.timers import Timer
from whistle_shared.timesource import TimeSource


def build(settings: Settings, time: TimeSource | None = None) -> Service:
    """The intake service; tests pass a time source of their own."""
    service = Service(
        "intake",
        whistle_intake.__doc__ or "",
        settings,
        time or make_time(settings),
        load=lambda unit, works: store.load(service.replica, unit, works),
        shows=store.shown,
        handlers=consumers.SUBSCRIPTIONS,
        admits=lambda event: consumers.admits(service.replica, event),
    )
    service.ready_checks.append(partial(api.registry_missing, service))
    timer = Timer(
        timers.Secretary(service.group).fire, service.consumer.caught_up_to, service.time, settings.grace_seconds
    )
    service.duties["timer"] = timer.run
    service.duties["keeper"] = timers.Keeper(service, settings).run
    pages.install(service)
    photos.install(service, reports=True)
    for router in api.routers:
        service.app.include_router(router)
    return service
