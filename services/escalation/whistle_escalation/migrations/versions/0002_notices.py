"""Notices to people, written out: history must not import living code."""

from alembic import op

revision = "0002"
down_revision = "0001"

_SCHEMA = """
CREATE TABLE notice (
    notice_id UUID NOT NULL,
    cause_id UUID NOT NULL,
    kind TEXT NOT NULL,
    whistle_id UUID NOT NULL,
    task_id UUID,
    clock_id UUID,
    escalation_id UUID,
    organisation TEXT NOT NULL,
    role TEXT NOT NULL,
    name TEXT NOT NULL,
    pressing BOOLEAN NOT NULL,
    facts JSONB NOT NULL,
    made_at TIMESTAMP WITH TIME ZONE NOT NULL,
    due_at TIMESTAMP WITH TIME ZONE NOT NULL,
    next_at TIMESTAMP WITH TIME ZONE NOT NULL,
    state TEXT NOT NULL,
    ended_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (notice_id),
    CONSTRAINT notice_kind CHECK (kind in ('task', 'warning', 'rung', 'again')),
    CONSTRAINT notice_state CHECK (state in ('waiting', 'sending', 'delivered', 'covered', 'unknown', 'failed', 'nowhere', 'dropped')),
    CONSTRAINT notice_ended CHECK ((ended_at is null) = (state in ('waiting', 'sending')))
);
CREATE INDEX notice_due ON notice (due_at) WHERE state in ('waiting', 'sending');
CREATE INDEX notice_escalation ON notice (escalation_id) WHERE escalation_id is not null;
CREATE INDEX notice_trouble ON notice (ended_at) WHERE state in ('unknown', 'failed', 'nowhere');
CREATE INDEX notice_whistle ON notice (whistle_id);
CREATE TABLE notice_channel (
    channel_id UUID NOT NULL,
    account_id UUID,
    organisation TEXT,
    role TEXT,
    position INTEGER NOT NULL,
    kind TEXT NOT NULL,
    label TEXT NOT NULL,
    language TEXT NOT NULL,
    sealed BYTEA NOT NULL,
    added_at TIMESTAMP WITH TIME ZONE NOT NULL,
    added_by TEXT NOT NULL,
    verified_at TIMESTAMP WITH TIME ZONE,
    failing_since TIMESTAMP WITH TIME ZONE,
    fault TEXT,
    PRIMARY KEY (channel_id),
    CONSTRAINT notice_channel_kind CHECK (kind in ('apprise', 'push')),
    CONSTRAINT notice_channel_owner CHECK (num_nulls(organisation, role) = case when account_id is null then 0 else 2 end)
);
CREATE INDEX notice_channel_account ON notice_channel (account_id) WHERE account_id is not null;
CREATE INDEX notice_channel_desk ON notice_channel (organisation, role) WHERE account_id is null;
CREATE TABLE notice_hours (
    account_id UUID NOT NULL,
    quiet TEXT NOT NULL,
    PRIMARY KEY (account_id)
);
CREATE TABLE notice_try (
    try_id UUID NOT NULL,
    notice_id UUID NOT NULL,
    cause_id UUID NOT NULL,
    channel_id UUID NOT NULL,
    channel TEXT NOT NULL,
    began_at TIMESTAMP WITH TIME ZONE NOT NULL,
    ended_at TIMESTAMP WITH TIME ZONE,
    outcome TEXT,
    receipt TEXT,
    PRIMARY KEY (try_id),
    CONSTRAINT notice_try_outcome CHECK (outcome in ('delivered', 'failed', 'rejected', 'gone', 'refused', 'unknown'))
);
CREATE INDEX notice_try_cause ON notice_try (cause_id, channel_id);
CREATE INDEX notice_try_notice ON notice_try (notice_id);
"""


def upgrade() -> None:
    for statement in _SCHEMA.split(";"):
        if statement.strip():
            op.execute(statement)
