"""dispatch owns responsibility: the registry, and which department has which task under which terms.

Publishes the registry, the calendars, `whistle_dispatched`, `whistle_unrouted`, `whistle_cancelled`. Consumes
`intake.whistle_blown.v1`, `intake.whistle_withdrawn.v1`, and the receipts of the departments and of escalation.
"""
