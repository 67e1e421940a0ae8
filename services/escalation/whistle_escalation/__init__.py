"""escalation owns time and the record: every clock, its warnings, its breach, the rungs it climbs, and the event log.

Publishes clocks armed and changed, warnings, breaches, escalations raised, ended and acknowledged. Consumes every
producer.
"""
