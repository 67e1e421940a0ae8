"""The peer's Celery application: dispatch, then the department's tasks and escalation's clocks, each a step of its own.

Every step may run twice (acks_late, a lost worker) and writes the same rows: ids follow from the whistle's.
"""

# mypy: disable-error-code="untyped-decorator,no-untyped-call,attr-defined"

import os
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import psycopg
from celery import Celery
from kombu import Queue
from psycopg.types.json import Jsonb

from bench import whistles

_QUORUM = {"x-queue-type": "quorum"}
_STEPS = ("dispatch", "receive_tasks", "arm_clocks")
_LIMITS = {
    "ack": timedelta(minutes=15),
    "arrive": timedelta(hours=1),
    "contain": timedelta(hours=4),
    "resolve": timedelta(hours=24),
}
_ROUTES = whistles.routes()

_DISPATCH = """
with ended as (delete from outbox where whistle_id = %s)
insert into dispatch select %s, * from unnest(%s::text[], %s::text[], %s::uuid[]) on conflict do nothing
"""
_RECEIVE = """
with kept as (insert into whistle values(%s, %s) on conflict do nothing)
insert into task select x.task_id, %s, x.department, x.role, 'dispatched', %s
from unnest(%s::uuid[], %s::text[], %s::text[]) as x(task_id, department, role) on conflict do nothing
"""
_ARM = """
insert into clock select x.clock_id, %s, x.task_id, x.name, 'running', %s, x.due_at
from unnest(%s::uuid[], %s::uuid[], %s::text[], %s::timestamptz[]) as x(clock_id, task_id, name, due_at)
on conflict do nothing
"""

app = Celery("peer", broker=os.environ["BENCH_AMQP_URL"])
app.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_ignore_result=True,
    task_queues=[Queue(step, routing_key=step, queue_arguments=_QUORUM) for step in _STEPS],
    task_routes={step: {"queue": step} for step in _STEPS},
    task_create_missing_queues=False,
    worker_prefetch_multiplier=32,
    worker_send_task_events=False,
    worker_enable_remote_control=False,
    broker_pool_limit=8,
    broker_connection_retry_on_startup=True,
    broker_transport_options={"confirm_publish": True},
)

Called = Sequence[tuple[str, str, str]]
"""(task id, department, role) of each task of a whistle."""

_connections: dict[str, psycopg.Connection[Any]] = {}


def _write(database: str, statement: str, *values: object) -> None:
    """Run one statement as one transaction on this worker process's connection."""
    connection = _connections.get(database)
    if connection is None or connection.broken:
        connection = psycopg.connect(os.environ[f"BENCH_{database.upper()}_URL"], autocommit=True)
        _connections[database] = connection
    connection.execute(statement, values)


_again = {"autoretry_for": (psycopg.OperationalError,), "max_retries": None, "retry_backoff": True}


@app.task(name="dispatch", **_again)
def dispatch(whistle_id: str, facts: dict[str, Any], at: str) -> None:
    """Plan the tasks, keep the plan, end the outbox row, and call the two services concerned."""
    codes = _ROUTES[facts["category"]]
    called = [
        (str(uuid5(UUID(whistle_id), code)), code, "lead" if n == 0 else "assist") for n, code in enumerate(codes)
    ]
    ids, departments, roles = map(list, zip(*called, strict=True))
    _write("main", _DISPATCH, whistle_id, whistle_id, departments, roles, ids)
    receive_tasks.apply_async((whistle_id, facts, called, at))
    arm_clocks.apply_async((whistle_id, called, at))


@app.task(name="receive_tasks", **_again)
def receive_tasks(whistle_id: str, facts: dict[str, Any], called: Called, at: str) -> None:
    """The department's side."""
    ids, departments, roles = map(list, zip(*called, strict=True))
    _write("department", _RECEIVE, whistle_id, Jsonb(facts), whistle_id, at, ids, departments, roles)


@app.task(name="arm_clocks", **_again)
def arm_clocks(whistle_id: str, called: Called, at: str) -> None:
    """Escalation's side."""
    start = datetime.fromisoformat(at)
    rows = [
        (uuid5(UUID(task_id), name), task_id, name, start + limit)
        for task_id, _, _ in called
        for name, limit in _LIMITS.items()
    ]
    clock_ids, task_ids, names, dues = map(list, zip(*rows, strict=True))
    _write("escalation", _ARM, whistle_id, start, clock_ids, task_ids, names, dues)
