"""intake owns the matter: whistles, their numbers, withdrawal, and every decision the street takes.

Publishes `intake.whistle_blown.v1`, `intake.whistle_withdrawn.v1`. Consumes the registry and, for the timeline, what
dispatch, the departments and escalation say about its whistles.
"""
