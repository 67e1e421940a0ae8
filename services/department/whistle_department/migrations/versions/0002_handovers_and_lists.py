"""Hand-overs of the duty desk, and indexes for what the pages list."""

from alembic import op

revision = "0002"
down_revision = "0001"

_SCHEMA = """
CREATE TABLE handover (
    handover_id UUID NOT NULL,
    department TEXT NOT NULL,
    offered_at TIMESTAMP WITH TIME ZONE NOT NULL,
    offered_by UUID NOT NULL,
    person TEXT NOT NULL,
    successor TEXT NOT NULL,
    note TEXT NOT NULL,
    tasks JSONB NOT NULL,
    replaced_at TIMESTAMP WITH TIME ZONE,
    accepted_at TIMESTAMP WITH TIME ZONE,
    accepted_by UUID,
    accepted_person TEXT,
    PRIMARY KEY (handover_id),
    CONSTRAINT handover_accepted CHECK (num_nulls(accepted_at, accepted_by, accepted_person) in (0, 3)),
    CONSTRAINT handover_once CHECK (replaced_at is null or accepted_at is null),
    CONSTRAINT handover_to_somebody_else CHECK (accepted_by is null or accepted_by <> offered_by)
);
CREATE INDEX handover_newest_of_department ON handover (department, offered_at, handover_id);
CREATE INDEX task_due_anywhere ON task (due_at, task_id) WHERE due_at IS NOT NULL;
CREATE INDEX task_in_hand ON task (department, state, due_at, task_id) WHERE state in ('dispatched', 'acknowledged',
    'arrived', 'working', 'return_requested', 'disputed', 'suspended', 'rework');
CREATE INDEX entry_appealed ON entry (at) WHERE step = 'appeal';
CREATE INDEX entry_scored ON entry (at) WHERE step = 'evaluation';
alter table handover enable row level security, force row level security;
create policy wall on handover using ((select current_setting('whistle.departments', true)) = '*' or department = any ((select string_to_array(current_setting('whistle.departments', true), ','))::text[]));
"""


def upgrade() -> None:
    for statement in _SCHEMA.split(";\n"):
        if statement.strip():
            op.execute(statement)
