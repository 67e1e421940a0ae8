"""escalation owns time and the record: every clock, its warnings, its breach, the rungs it climbs, letters, reminders,
and the event log.

Publishes clocks armed and changed, warnings, breaches, escalations raised, repeated, ended and acknowledged, rungs that
nobody could hear, letters, reminders, and clocks that the watchdog found. Consumes every producer.
"""
