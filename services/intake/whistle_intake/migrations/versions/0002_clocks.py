"""Time under a whistle, and what the street's lists are ordered by."""

from alembic import op

revision = "0002"
down_revision = "0001"

_SCHEMA = """
CREATE TABLE clock (
    clock_id UUID NOT NULL,
    whistle_id UUID NOT NULL,
    task_id UUID,
    name TEXT NOT NULL,
    status TEXT NOT NULL,
    status_version BIGINT NOT NULL,
    due_at TIMESTAMP WITH TIME ZONE,
    due_version BIGINT NOT NULL,
    provisional BOOLEAN NOT NULL,
    warned INTEGER NOT NULL,
    rungs JSONB NOT NULL,
    PRIMARY KEY (clock_id),
    CONSTRAINT clock_status CHECK (status in ('running', 'paused', 'met', 'met_late', 'cancelled', 'voided'))
);
CREATE INDEX clock_whistle ON clock (whistle_id);
ALTER TABLE whistle ADD COLUMN due_at TIMESTAMP WITH TIME ZONE;
CREATE INDEX whistle_board ON whistle (street, state, due_at, whistle_id);
CREATE INDEX whistle_board_of_district ON whistle (state, due_at, whistle_id);
CREATE INDEX whistle_unsigned_by_street ON whistle (street, signature_due_at) WHERE signature in ('owed', 'missed')
"""


def upgrade() -> None:
    for statement in _SCHEMA.split(";\n"):
        op.execute(statement)
