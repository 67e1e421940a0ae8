"""department owns execution: received, acknowledged, arrived, in progress, submitted.

One running instance serves one department or many. Publishes `tasks_received`, `task_acknowledged`,
`responder_checked_in`, `progress_logged`, `task_submitted`. Consumes the registry, what dispatch calls for
and cancels, and what escalation says about the clocks of its tasks.
"""
