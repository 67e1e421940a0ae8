"""The only wiring of escalation."""

import whistle_escalation
from whistle_escalation import api, consumers, pages, store, timers
from whistle_escalation.notices.sending import Sender
from whistle_escalation.notices.store import forget_old
from whistle_escalation.notices.wording import Wording
from whistle_escalation.settings import Settings
from whistle_shared.db import keep_forgetting
from whistle_shared.observability import Counter
from whistle_shared.runtime import Service, make_time
from whistle_shared.timers import Timer
from whistle_shared.timesource import TimeSource


def build(settings: Settings, time: TimeSource | None = None) -> Service:
    """The escalation service; tests pass a time source of their own."""
    service = Service(
        "escalation",
        whistle_escalation.__doc__ or "",
        settings,
        time or make_time(settings),
        load=lambda unit, works: store.load(service.replica, unit, works),
        shows=store.shown,
        handlers=consumers.SUBSCRIPTIONS,
        admits=lambda event: consumers.admits(service.replica, event),
    )
    overlooked = Counter(
        "whistle_clocks_overlooked", "Clocks found without a next look", registry=service.meters.registry
    )
    clocks = timers.Clockmaker(service.group, service.replica, overlooked.inc)
    timer = Timer(clocks.fire, service.consumer.caught_up_to, service.time, settings.grace_seconds)
    service.duties["timer"] = timer.run
    service.duties["watchdog"] = clocks.watch
    service.app.include_router(api.router)
    pages.install(service)
    wording = Wording(service.app.state.templates.texts, settings.sites)
    notices = service.app.state.notices = Sender(service, wording, settings.notices_contact)
    service.duties["notices"] = notices.run
    service.duties["old notices"] = lambda: keep_forgetting(service.engine, forget_old, "notices")
    return service
