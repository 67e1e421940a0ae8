"""The peer: the same durable journey as a competent team would build it with Celery 5, RabbitMQ and PostgreSQL.

`door` accepts a whistle over HTTP (token, idempotency key, whistle and outbox row in one transaction) and publishes a
task with a confirm after the commit; `pipeline` dispatches it and has five tasks and their clocks written to the
department's and to escalation's database. Each of the three steps has its own quorum queue, acknowledges late and
writes each table with one idempotent statement.

What it leaves out is in its favour: no whistle number, no event log, no receipts, no timeline, no working time.
"""
