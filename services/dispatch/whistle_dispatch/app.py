"""The only wiring of dispatch."""

import whistle_dispatch
from whistle_dispatch import api, consumers, pages, store, timers
from whistle_dispatch.settings import Settings
from whistle_shared.runtime import Service, make_time
from whistle_shared.timers import Timer
from whistle_shared.timesource import TimeSource


def build(settings: Settings, time: TimeSource | None = None) -> Service:
    """The dispatch service; tests pass a time source of their own."""
    service = Service(
        "dispatch",
        whistle_dispatch.__doc__ or "",
        settings,
        time or make_time(settings),
        load=lambda unit, works: store.load(service.replica, unit, works),
        shows=store.shown,
        handlers=consumers.SUBSCRIPTIONS,
        admits=lambda event: consumers.admits(service.replica, event),
    )
    umpire = timers.Umpire(service.group, service.replica)
    timer = Timer(umpire.fire, service.consumer.caught_up_to, service.time, settings.grace_seconds)
    service.duties["timer"] = timer.run
    pages.install(service)
    service.app.include_router(api.router)
    return service
