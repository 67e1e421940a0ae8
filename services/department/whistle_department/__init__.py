"""department owns execution: received, acknowledged, arrived, worked on, submitted; and the requests it never decides.

One running instance serves one department or many. Publishes `tasks_received`, `task_acknowledged`,
`responder_checked_in`, `responder_checked_out`, `progress_logged`, `milestone_reached`, `task_submitted`,
`return_requested`, `extension_requested`, `suspension_requested`, `task_resumed`, `score_appealed`, `letter_replied`.
Consumes the registry, what dispatch calls for, decides and cancels, what intake verifies, scores, convenes and closes,
and what escalation says about the clocks of its tasks.
"""
