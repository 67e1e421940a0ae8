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
CREATE TABLE dispatch (
    whistle_id UUID NOT NULL,
    round INTEGER NOT NULL,
    state TEXT NOT NULL,
    reason TEXT NOT NULL,
    facts JSONB,
    flags JSONB NOT NULL,
    dispatched_at TIMESTAMP WITH TIME ZONE,
    whistle_due_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (whistle_id),
    CONSTRAINT dispatch_state CHECK (state in ('awaiting_triage', 'dispatched', 'closed', 'cancelled')),
    CONSTRAINT dispatch_facts CHECK (facts is not null or state = 'cancelled')
);
CREATE INDEX dispatch_by_state ON dispatch (state, whistle_id);
CREATE TABLE dispute (
    dispute_id UUID NOT NULL,
    request_id UUID NOT NULL,
    whistle_id UUID NOT NULL,
    cause TEXT NOT NULL,
    opened_at TIMESTAMP WITH TIME ZONE NOT NULL,
    due_at TIMESTAMP WITH TIME ZONE NOT NULL,
    state TEXT NOT NULL,
    decided_at TIMESTAMP WITH TIME ZONE,
    decided_by TEXT NOT NULL,
    reason TEXT NOT NULL,
    upheld BOOLEAN,
    on_site BOOLEAN NOT NULL,
    precedent_id UUID,
    PRIMARY KEY (dispute_id),
    CONSTRAINT dispute_cause CHECK (cause in ('second_return', 'undecided', 'transfer_cap')),
    CONSTRAINT dispute_state CHECK (state in ('open', 'decided', 'lapsed')),
    UNIQUE (request_id)
);
CREATE INDEX dispute_by_whistle ON dispute (whistle_id);
CREATE INDEX dispute_on_desk ON dispute (state, dispute_id);
CREATE TABLE precedent (
    precedent_id UUID NOT NULL,
    dispute_id UUID NOT NULL,
    whistle_id UUID NOT NULL,
    category TEXT,
    department TEXT NOT NULL,
    assist JSONB NOT NULL,
    rule TEXT NOT NULL,
    decided_at TIMESTAMP WITH TIME ZONE NOT NULL,
    decided_by TEXT NOT NULL,
    adopted_at TIMESTAMP WITH TIME ZONE,
    adopted_by TEXT,
    adopted_version INTEGER,
    PRIMARY KEY (precedent_id)
);
CREATE INDEX precedent_by_category ON precedent (category, decided_at);
CREATE TABLE request (
    request_id UUID NOT NULL,
    whistle_id UUID NOT NULL,
    round INTEGER NOT NULL,
    task_id UUID NOT NULL,
    kind TEXT NOT NULL,
    asked JSONB NOT NULL,
    asked_at TIMESTAMP WITH TIME ZONE NOT NULL,
    state TEXT NOT NULL,
    decide_by TIMESTAMP WITH TIME ZONE,
    decided_at TIMESTAMP WITH TIME ZONE,
    decided_by TEXT NOT NULL,
    reason TEXT NOT NULL,
    granted_until TIMESTAMP WITH TIME ZONE,
    cycle INTEGER,
    resumed_at TIMESTAMP WITH TIME ZONE,
    score JSONB,
    PRIMARY KEY (request_id),
    CONSTRAINT request_kind CHECK (kind in ('return', 'extension', 'suspension', 'appeal')),
    CONSTRAINT request_state CHECK (state in ('pending', 'disputed', 'refused', 'upheld', 'lapsed')),
    CONSTRAINT request_decide_by CHECK (decide_by is null or (kind = 'return' and state = 'pending'))
);
CREATE INDEX request_by_whistle ON request (whistle_id);
CREATE INDEX request_on_desk ON request (kind, state, request_id);
CREATE INDEX request_undecided ON request (decide_by) WHERE decide_by is not null;
CREATE TABLE task (
    task_id UUID NOT NULL,
    whistle_id UUID NOT NULL,
    round INTEGER NOT NULL,
    department TEXT NOT NULL,
    role TEXT NOT NULL,
    presence TEXT NOT NULL,
    origin TEXT NOT NULL,
    title TEXT NOT NULL,
    item_limit TEXT NOT NULL,
    reason TEXT NOT NULL,
    ended_at TIMESTAMP WITH TIME ZONE,
    raised_at TIMESTAMP WITH TIME ZONE,
    excluded BOOLEAN NOT NULL,
    PRIMARY KEY (task_id),
    CONSTRAINT task_role CHECK (role in ('lead', 'assist', 'co_handle', 'street_joint')),
    CONSTRAINT task_presence CHECK (presence in ('none', 'online', 'meeting', 'on_site')),
    CONSTRAINT task_once UNIQUE (whistle_id, round, department, origin)
);
CREATE INDEX task_silent ON task (whistle_id) WHERE raised_at is not null;
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
