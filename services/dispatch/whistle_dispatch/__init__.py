"""dispatch owns responsibility: the registry, and which department has which task under which terms.

Publishes the registry, the calendars, `whistle_dispatched`, `whistle_unrouted`, `whistle_cancelled`, and what the
district whistle office decides: returns, disputes, the lead, second extensions, long suspensions, score appeals,
exclusions. Consumes from intake whistles blown, reopened, withdrawn and closed and meetings minuted; from the
departments what they ask of the district; from escalation the rung of the whistle office; and everybody's receipts.
"""
