"""The history of what was in force, and indexes for what the pages list."""

from alembic import op

revision = "0002"
down_revision = "0001"

_SCHEMA = """
CREATE TABLE edition (
    number BIGINT GENERATED ALWAYS AS IDENTITY,
    registry_version INTEGER NOT NULL,
    calendar_version INTEGER NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    by TEXT NOT NULL,
    reason TEXT NOT NULL,
    how TEXT NOT NULL,
    PRIMARY KEY (number),
    CONSTRAINT edition_how CHECK (how in ('load', 'change', 'import', 'restoration', 'adoption')),
    CONSTRAINT edition_once UNIQUE (registry_version, calendar_version)
);
INSERT INTO edition (registry_version, calendar_version, at, by, reason, how)
SELECT version, coalesce((SELECT max(version) FROM calendar_year), 0), now(), '', '', 'load'
FROM (SELECT DISTINCT version FROM registry_part ORDER BY version) AS kept;
CREATE INDEX dispatch_by_number ON dispatch ((facts ->> 'number'));
CREATE INDEX dispatch_of_month ON dispatch (dispatched_at) WHERE dispatched_at is not null;
CREATE INDEX request_granted ON request (granted_until)
    WHERE kind = 'suspension' and state = 'upheld' and resumed_at is null;
"""


def upgrade() -> None:
    for statement in _SCHEMA.split(";\n"):
        if statement.strip():
            op.execute(statement)
