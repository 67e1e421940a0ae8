"""whistlectl: what an operator or a deploy step does to the system from outside.

Owns: the commands `migrate`, `topology`, `registry`, `token`, `parking`, `outbox`, `suggest`, `measures` and
`simulate`, one file per noun; each command is a thin shell over a function. Publishes nothing of its own: it re-sends
what the services said.
INVARIANT: a command that could lose or repeat something only says what it would do, until it is given `--yes`.
"""
