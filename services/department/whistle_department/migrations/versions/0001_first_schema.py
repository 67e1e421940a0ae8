"""The first schema, written out: history must not import living code."""

from alembic import op

revision = "0001"
down_revision = None

_SCHEMA = """
CREATE TABLE account (
    account_id UUID NOT NULL,
    username TEXT NOT NULL,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    scope TEXT NOT NULL,
    part TEXT,
    password TEXT,
    must_change BOOLEAN NOT NULL,
    password_at TIMESTAMP WITH TIME ZONE,
    second_factor BYTEA,
    second_factor_at TIMESTAMP WITH TIME ZONE,
    second_factor_step BIGINT,
    recovery JSONB NOT NULL,
    issuer TEXT,
    subject TEXT,
    failures INTEGER NOT NULL,
    locked_until TIMESTAMP WITH TIME ZONE,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    created_by TEXT NOT NULL,
    disabled_at TIMESTAMP WITH TIME ZONE,
    signed_in_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (account_id),
    CONSTRAINT account_single_sign_on UNIQUE (issuer, subject),
    CONSTRAINT account_issuer CHECK (num_nulls(issuer, subject) in (0, 2)),
    CONSTRAINT account_second_factor CHECK ((second_factor_at is null) or (second_factor is not null)),
    UNIQUE (username)
);
CREATE TABLE api_token (
    token_id UUID NOT NULL,
    name TEXT NOT NULL,
    digest BYTEA NOT NULL,
    role TEXT NOT NULL,
    scope TEXT NOT NULL,
    part TEXT,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    revoked_at TIMESTAMP WITH TIME ZONE,
    used_at TIMESTAMP WITH TIME ZONE,
    used_from TEXT,
    PRIMARY KEY (token_id),
    UNIQUE (digest)
);
CREATE TABLE audit (
    audit_id BIGINT GENERATED ALWAYS AS IDENTITY,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    business_at TIMESTAMP WITH TIME ZONE NOT NULL,
    actor TEXT NOT NULL,
    name TEXT NOT NULL,
    role TEXT,
    scope TEXT,
    action TEXT NOT NULL,
    subject TEXT,
    outcome TEXT NOT NULL,
    address TEXT NOT NULL,
    correlation_id UUID NOT NULL,
    asked JSONB NOT NULL,
    before JSONB,
    after JSONB,
    PRIMARY KEY (audit_id),
    CONSTRAINT audit_outcome CHECK (outcome in ('done', 'refused', 'failed'))
);
CREATE INDEX audit_actor ON audit (actor, audit_id);
CREATE INDEX audit_at ON audit (at);
CREATE INDEX audit_subject ON audit (subject, audit_id);
CREATE TABLE audit_link (
    position BIGINT NOT NULL,
    audit_id BIGINT NOT NULL,
    digest BYTEA NOT NULL,
    PRIMARY KEY (position),
    UNIQUE (audit_id)
);
CREATE TABLE audit_head (
    day DATE NOT NULL,
    position BIGINT NOT NULL,
    digest BYTEA NOT NULL,
    key_id TEXT NOT NULL,
    signature BYTEA NOT NULL,
    made_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (day)
);
CREATE TABLE web_session (
    digest BYTEA NOT NULL,
    session_id UUID NOT NULL,
    account_id UUID NOT NULL,
    opened_at TIMESTAMP WITH TIME ZONE NOT NULL,
    used_at TIMESTAMP WITH TIME ZONE NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    ends_at TIMESTAMP WITH TIME ZONE NOT NULL,
    second_factor BOOLEAN NOT NULL,
    address TEXT NOT NULL,
    agent TEXT NOT NULL,
    PRIMARY KEY (digest),
    UNIQUE (session_id)
);
CREATE INDEX web_session_account ON web_session (account_id);
CREATE TABLE calendar_year (
    version INTEGER NOT NULL,
    year INTEGER NOT NULL,
    body JSONB NOT NULL,
    PRIMARY KEY (version, year)
);
CREATE TABLE idempotency (
    caller TEXT NOT NULL,
    key TEXT NOT NULL,
    digest TEXT NOT NULL,
    status INTEGER NOT NULL,
    body TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (caller, key)
);
CREATE INDEX idempotency_created_at ON idempotency (created_at);
CREATE TABLE inbox (
    event_id UUID NOT NULL,
    digest BYTEA,
    receipt_id UUID,
    seen_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (event_id)
);
CREATE TABLE outbox (
    event_id UUID NOT NULL,
    key TEXT NOT NULL,
    subject TEXT NOT NULL,
    addressed_to JSONB NOT NULL,
    body TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (event_id)
);
CREATE INDEX outbox_created_at ON outbox (created_at);
CREATE TABLE outbox_due (
    event_id UUID NOT NULL,
    receiver TEXT NOT NULL,
    next_at TIMESTAMP WITH TIME ZONE NOT NULL,
    since TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    tries INTEGER DEFAULT '0' NOT NULL,
    stuck BOOLEAN DEFAULT 'false' NOT NULL,
    PRIMARY KEY (event_id, receiver)
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX outbox_due_next_at ON outbox_due (next_at);
CREATE TABLE photo (
    photo_id UUID NOT NULL,
    owner TEXT NOT NULL,
    subject TEXT,
    sealed BOOLEAN NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    digest BYTEA NOT NULL,
    added_by TEXT NOT NULL,
    added_at TIMESTAMP WITH TIME ZONE NOT NULL,
    deleted_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (photo_id)
);
CREATE INDEX photo_subject ON photo (subject);
CREATE INDEX photo_unclaimed ON photo (added_at) WHERE subject is null and deleted_at is null;
CREATE TABLE registry_part (
    version INTEGER NOT NULL,
    section TEXT NOT NULL,
    part INTEGER NOT NULL,
    sections JSONB NOT NULL,
    rows JSONB NOT NULL,
    PRIMARY KEY (version, section, part)
);
CREATE TABLE subject_version (
    subject TEXT NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (subject)
);
CREATE TABLE clock (
    task_id UUID NOT NULL,
    name TEXT NOT NULL,
    whistle_id UUID NOT NULL,
    due_at TIMESTAMP WITH TIME ZONE,
    due_version BIGINT NOT NULL,
    provisional BOOLEAN,
    status TEXT,
    status_version BIGINT NOT NULL,
    warned_percent INTEGER NOT NULL,
    breached_at TIMESTAMP WITH TIME ZONE,
    department TEXT,
    PRIMARY KEY (task_id, name),
    CONSTRAINT clock_status CHECK (status in ('running', 'paused', 'met', 'met_late', 'cancelled', 'voided')),
    CONSTRAINT clock_status_version CHECK ((status is null) = (status_version = 0)),
    CONSTRAINT clock_due_version CHECK ((due_at is null) = (due_version = 0)),
    CONSTRAINT clock_warned_percent CHECK (warned_percent between 0 and 100)
);
CREATE INDEX clock_whistle ON clock (whistle_id);
CREATE TABLE entry (
    position BIGINT GENERATED BY DEFAULT AS IDENTITY,
    event_id UUID NOT NULL,
    whistle_id UUID NOT NULL,
    task_id UUID,
    step TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    version BIGINT NOT NULL,
    by TEXT,
    person TEXT,
    detail JSONB NOT NULL,
    PRIMARY KEY (event_id),
    CONSTRAINT entry_step CHECK (step in ('acknowledgement', 'arrival', 'departure', 'progress', 'milestones', 'submission', 'return', 'extension', 'suspension', 'resumption', 'appeal', 'cancellation', 'closing', 'decision', 'dispute', 'evaluation', 'exclusion', 'handover', 'reminder', 'rework', 'skipped_rung', 'verification')),
    CONSTRAINT entry_task CHECK ((task_id is null) = (step in ('cancellation', 'closing'))),
    UNIQUE (position)
);
CREATE INDEX entry_whistle ON entry (whistle_id, position);
CREATE TABLE escalation (
    escalation_id UUID NOT NULL,
    whistle_id UUID NOT NULL,
    task_id UUID NOT NULL,
    clock TEXT NOT NULL,
    rung INTEGER NOT NULL,
    role TEXT,
    form TEXT,
    status TEXT NOT NULL,
    raised_at TIMESTAMP WITH TIME ZONE,
    acknowledged_at TIMESTAMP WITH TIME ZONE,
    acknowledged_by TEXT,
    ended_at TIMESTAMP WITH TIME ZONE,
    reason TEXT,
    repeats INTEGER NOT NULL,
    PRIMARY KEY (escalation_id),
    CONSTRAINT escalation_rung CHECK (rung >= 1),
    CONSTRAINT escalation_status CHECK (status in ('open', 'withdrawn', 'resolved')),
    CONSTRAINT escalation_ended CHECK ((status = 'open') = (ended_at is null)),
    CONSTRAINT escalation_repeats CHECK (repeats >= 0)
);
CREATE INDEX escalation_whistle ON escalation (whistle_id);
CREATE TABLE invitation (
    meeting_id UUID NOT NULL,
    department TEXT NOT NULL,
    whistle_id UUID NOT NULL,
    starts_at TIMESTAMP WITH TIME ZONE NOT NULL,
    place TEXT NOT NULL,
    agenda TEXT NOT NULL,
    by TEXT NOT NULL,
    convened_at TIMESTAMP WITH TIME ZONE NOT NULL,
    attended_at TIMESTAMP WITH TIME ZONE,
    person TEXT,
    PRIMARY KEY (meeting_id, department),
    CONSTRAINT invitation_attended CHECK (num_nulls(attended_at, person) in (0, 2))
);
CREATE INDEX invitation_newest_of_department ON invitation (department, starts_at, meeting_id);
CREATE TABLE letter (
    letter_id UUID NOT NULL,
    whistle_id UUID NOT NULL,
    task_id UUID NOT NULL,
    department TEXT NOT NULL,
    number TEXT NOT NULL,
    form TEXT NOT NULL,
    text TEXT NOT NULL,
    by TEXT NOT NULL,
    issued_at TIMESTAMP WITH TIME ZONE NOT NULL,
    reply_due_at TIMESTAMP WITH TIME ZONE NOT NULL,
    replied_at TIMESTAMP WITH TIME ZONE,
    person TEXT,
    reply TEXT,
    PRIMARY KEY (letter_id),
    CONSTRAINT letter_replied CHECK (num_nulls(replied_at, person, reply) in (0, 3))
);
CREATE INDEX letter_newest_of_department ON letter (department, issued_at, letter_id);
CREATE INDEX letter_task ON letter (task_id);
CREATE TABLE task (
    task_id UUID NOT NULL,
    whistle_id UUID NOT NULL,
    round INTEGER NOT NULL,
    department TEXT NOT NULL,
    called_as TEXT NOT NULL,
    presence TEXT NOT NULL,
    origin TEXT NOT NULL,
    action_item TEXT NOT NULL,
    people JSONB NOT NULL,
    terms JSONB NOT NULL,
    dispatched_at TIMESTAMP WITH TIME ZONE NOT NULL,
    return_until TIMESTAMP WITH TIME ZONE,
    state TEXT NOT NULL,
    due_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (task_id),
    CONSTRAINT task_round CHECK (round >= 1),
    CONSTRAINT task_called_as CHECK (called_as in ('lead', 'assist', 'co_handle', 'street_joint')),
    CONSTRAINT task_presence CHECK (presence in ('none', 'online', 'meeting', 'on_site')),
    CONSTRAINT task_state CHECK (state in ('dispatched', 'acknowledged', 'arrived', 'working', 'submitted', 'accepted', 'evaluated', 'closed', 'return_requested', 'disputed', 'reassigned', 'suspended', 'rework', 'cancelled')),
    CONSTRAINT task_nothing_due CHECK (due_at is null or state not in ('accepted', 'evaluated', 'closed', 'reassigned', 'cancelled')),
    CONSTRAINT task_once UNIQUE (whistle_id, round, department, origin)
);
CREATE INDEX task_due ON task (department, due_at, task_id) WHERE due_at IS NOT NULL;
CREATE INDEX task_newest ON task (dispatched_at, task_id);
CREATE INDEX task_newest_of_department ON task (department, dispatched_at, task_id);
CREATE TABLE whistle (
    whistle_id UUID NOT NULL,
    round INTEGER NOT NULL,
    facts JSONB NOT NULL,
    PRIMARY KEY (whistle_id, round)
);
"""
_APPEND_ONLY = """
CREATE OR REPLACE FUNCTION append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION USING MESSAGE = tg_table_name || ' only grows', ERRCODE = 'restrict_violation'; END
$$
"""
_REFUSING = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
FOR EACH STATEMENT EXECUTE FUNCTION append_only()
"""
_REACH = "current_setting('whistle.departments', true)"
_OWN = f"department = any ((select string_to_array({_REACH}, ','))::text[])"
_UNDER = "exists (select from task t where t.whistle_id = {0}.whistle_id and {1})"
_WALLS = {
    "task": _OWN,
    "letter": _OWN,
    "invitation": _OWN,
    "whistle": _UNDER.format("whistle", "t.round = whistle.round"),
    "entry": _UNDER.format(
        "entry",
        "(t.task_id = entry.task_id or step in ('cancellation', 'closing', 'handover') or step = 'decision' and detail ? 'ended')",
    ),
    "clock": _UNDER.format("clock", "(t.task_id = clock.task_id or breached_at is not null)"),
    "escalation": "exists (select from task t where t.task_id = escalation.task_id)",
}


def upgrade() -> None:
    for statement in _SCHEMA.split(";"):
        if statement.strip():
            op.execute(statement)
    op.execute(_APPEND_ONLY)
    for table in ("audit", "audit_link", "audit_head"):
        op.execute(_REFUSING.format(table=table))
    for table, seen in _WALLS.items():
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY wall ON {table} USING ((select {_REACH}) = '*' or {seen})")
