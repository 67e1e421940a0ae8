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
CREATE TABLE board (
    board_id UUID NOT NULL,
    period TEXT NOT NULL,
    units TEXT NOT NULL,
    published_at TIMESTAMP WITH TIME ZONE NOT NULL,
    published_by TEXT NOT NULL,
    formulas_version TEXT NOT NULL,
    registry_version INTEGER NOT NULL,
    position BIGINT NOT NULL,
    rows JSONB NOT NULL,
    PRIMARY KEY (board_id),
    CONSTRAINT board_units CHECK (units in ('department', 'street'))
);
CREATE INDEX board_period ON board (period, units, board_id);
CREATE TABLE clock (
    clock_id UUID NOT NULL,
    whistle_id UUID NOT NULL,
    task_id UUID,
    department TEXT,
    name TEXT NOT NULL,
    side TEXT NOT NULL,
    terms TEXT NOT NULL,
    status TEXT NOT NULL,
    started_at TIMESTAMP WITH TIME ZONE NOT NULL,
    due_at TIMESTAMP WITH TIME ZONE NOT NULL,
    provisional BOOLEAN NOT NULL,
    calendar_version INTEGER NOT NULL,
    registry_version INTEGER NOT NULL,
    cycle INTEGER NOT NULL,
    warned INTEGER NOT NULL,
    climbed INTEGER NOT NULL,
    rungs INTEGER NOT NULL,
    breached_at TIMESTAMP WITH TIME ZONE,
    last_fired_at TIMESTAMP WITH TIME ZONE,
    stopped_at TIMESTAMP WITH TIME ZONE,
    next_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (clock_id),
    CONSTRAINT clock_status CHECK (status in ('running', 'paused', 'met', 'met_late', 'cancelled', 'voided')),
    CONSTRAINT clock_side CHECK (side in ('department', 'district', 'street')),
    CONSTRAINT clock_stopped_never_fires CHECK (status = 'running' or next_at is null)
);
CREATE INDEX clock_duty ON clock (started_at, department) WHERE name in ('ack', 'arrive');
CREATE INDEX clock_late ON clock (due_at, clock_id) WHERE status = 'running' and breached_at is not null;
CREATE INDEX clock_next ON clock (next_at) WHERE next_at is not null;
CREATE INDEX clock_open ON clock (due_at, clock_id) WHERE status in ('running', 'paused');
CREATE INDEX clock_overlooked ON clock (clock_id) WHERE status = 'running' and next_at is null and (breached_at is null or climbed < rungs);
CREATE INDEX clock_provisional ON clock (calendar_version) WHERE provisional and status in ('running', 'paused');
CREATE INDEX clock_whistle ON clock (whistle_id);
CREATE TABLE escalation (
    escalation_id UUID NOT NULL,
    clock_id UUID NOT NULL,
    rung INTEGER NOT NULL,
    whistle_id UUID NOT NULL,
    task_id UUID,
    department TEXT,
    clock TEXT NOT NULL,
    side TEXT NOT NULL,
    role TEXT NOT NULL,
    form TEXT NOT NULL,
    due_at TIMESTAMP WITH TIME ZONE NOT NULL,
    rung_at TIMESTAMP WITH TIME ZONE NOT NULL,
    fired_at TIMESTAMP WITH TIME ZONE NOT NULL,
    degraded BOOLEAN NOT NULL,
    people JSONB NOT NULL,
    raised_by TEXT,
    raised_reason TEXT,
    status TEXT NOT NULL,
    ended_at TIMESTAMP WITH TIME ZONE,
    reason TEXT,
    acknowledged_at TIMESTAMP WITH TIME ZONE,
    acknowledged_by TEXT,
    repeated INTEGER NOT NULL,
    next_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (escalation_id),
    CONSTRAINT escalation_status CHECK (status in ('open', 'withdrawn', 'resolved')),
    CONSTRAINT escalation_ended_never_repeats CHECK (status = 'open' or next_at is null),
    CONSTRAINT escalation_once UNIQUE (clock_id, rung)
);
CREATE INDEX escalation_next ON escalation (next_at) WHERE next_at is not null;
CREATE INDEX escalation_ended ON escalation (ended_at, escalation_id) WHERE ended_at is not null;
CREATE INDEX escalation_open ON escalation (rung desc, due_at, escalation_id) WHERE status = 'open';
CREATE INDEX escalation_whistle ON escalation (whistle_id);
CREATE TABLE event_log (
    position BIGINT GENERATED BY DEFAULT AS IDENTITY,
    event_id UUID NOT NULL,
    key TEXT NOT NULL,
    producer TEXT NOT NULL,
    subject TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    received_at TIMESTAMP WITH TIME ZONE NOT NULL,
    data JSONB NOT NULL,
    PRIMARY KEY (position),
    UNIQUE (event_id)
);
CREATE INDEX event_log_delivery ON event_log (position) WHERE key ~ '[.]delivery_';
CREATE INDEX event_log_flow ON event_log (key, at) WHERE key in ('intake.whistle_blown.v1', 'intake.whistle_closed.v1', 'department.responder_checked_in.v1', 'escalation.clock_breached.v1', 'escalation.escalation_raised.v1');
CREATE INDEX event_log_subject ON event_log (subject, position);
CREATE TABLE letter (
    letter_id UUID NOT NULL,
    number TEXT NOT NULL,
    form TEXT NOT NULL,
    whistle_id UUID NOT NULL,
    task_id UUID NOT NULL,
    department TEXT NOT NULL,
    escalation_id UUID,
    text TEXT NOT NULL,
    issued_at TIMESTAMP WITH TIME ZONE NOT NULL,
    issued_by TEXT NOT NULL,
    reply_due_at TIMESTAMP WITH TIME ZONE NOT NULL,
    replied_at TIMESTAMP WITH TIME ZONE,
    replied_by TEXT,
    reply TEXT,
    PRIMARY KEY (letter_id),
    UNIQUE (number)
);
CREATE INDEX letter_issued ON letter (issued_at, letter_id);
CREATE INDEX letter_owed ON letter (reply_due_at, letter_id) WHERE replied_at is null;
CREATE INDEX letter_whistle ON letter (whistle_id);
CREATE TABLE letter_counter (
    year INTEGER NOT NULL,
    form TEXT NOT NULL,
    last INTEGER NOT NULL,
    PRIMARY KEY (year, form)
);
CREATE TABLE matter (
    whistle_id UUID NOT NULL,
    round INTEGER,
    number TEXT,
    title TEXT,
    street TEXT,
    grid TEXT,
    kind TEXT,
    urgency TEXT,
    category TEXT,
    terms TEXT NOT NULL,
    marks JSONB NOT NULL,
    cancelled_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (whistle_id)
);
CREATE INDEX matter_grid ON matter (grid);
CREATE TABLE measure_task (
    task_id UUID NOT NULL,
    whistle_id UUID NOT NULL,
    department TEXT NOT NULL,
    street TEXT NOT NULL,
    number TEXT NOT NULL,
    began_at TIMESTAMP WITH TIME ZONE,
    facts JSONB NOT NULL,
    counts JSONB NOT NULL,
    PRIMARY KEY (task_id)
);
CREATE INDEX measure_task_began ON measure_task (began_at);
CREATE INDEX measure_task_whistle ON measure_task (whistle_id);
CREATE TABLE measure_whistle (
    whistle_id UUID NOT NULL,
    street TEXT NOT NULL,
    number TEXT NOT NULL,
    began_at TIMESTAMP WITH TIME ZONE,
    facts JSONB NOT NULL,
    counts JSONB NOT NULL,
    PRIMARY KEY (whistle_id)
);
CREATE INDEX measure_whistle_began ON measure_whistle (began_at);
CREATE TABLE task (
    task_id UUID NOT NULL,
    whistle_id UUID NOT NULL,
    department TEXT NOT NULL,
    terms TEXT NOT NULL,
    role TEXT NOT NULL,
    round INTEGER NOT NULL,
    called_at TIMESTAMP WITH TIME ZONE,
    calendar_version INTEGER NOT NULL,
    registry_version INTEGER NOT NULL,
    active_at TIMESTAMP WITH TIME ZONE,
    marks JSONB NOT NULL,
    PRIMARY KEY (task_id)
);
CREATE INDEX task_whistle ON task (whistle_id);
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


def upgrade() -> None:
    for statement in _SCHEMA.split(";"):
        if statement.strip():
            op.execute(statement)
    op.execute(_APPEND_ONLY)
    for table in ("audit", "audit_link", "audit_head"):
        op.execute(_REFUSING.format(table=table))
