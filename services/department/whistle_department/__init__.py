"""department owns execution: received, acknowledged, arrived, progress, submitted; one instance serves one or many.

Publishes `tasks_received`, `task_acknowledged`, `responder_checked_in`, `progress_logged`, `task_submitted`. Consumes
the registry, what dispatch calls it to and cancels, and what escalation says about the clocks of its tasks.
"""
