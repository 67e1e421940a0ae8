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
CREATE TABLE callback (
    whistle_id UUID NOT NULL,
    round INTEGER NOT NULL,
    contacted BOOLEAN NOT NULL,
    solved BOOLEAN,
    satisfaction TEXT,
    waived BOOLEAN NOT NULL,
    note TEXT NOT NULL,
    by TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (whistle_id, round)
);
CREATE TABLE evaluation (
    task_id UUID NOT NULL,
    revision INTEGER NOT NULL,
    whistle_id UUID NOT NULL,
    score JSONB NOT NULL,
    basis TEXT NOT NULL,
    by_default BOOLEAN NOT NULL,
    by TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (task_id, revision)
);
CREATE INDEX evaluation_whistle ON evaluation (whistle_id);
CREATE TABLE meeting (
    meeting_id UUID NOT NULL,
    whistle_id UUID NOT NULL,
    round INTEGER NOT NULL,
    departments JSONB NOT NULL,
    starts_at TIMESTAMP WITH TIME ZONE NOT NULL,
    place TEXT NOT NULL,
    agenda TEXT NOT NULL,
    convened_by TEXT NOT NULL,
    convened_at TIMESTAMP WITH TIME ZONE NOT NULL,
    attended JSONB NOT NULL,
    minutes TEXT,
    items JSONB NOT NULL,
    minuted_by TEXT,
    minuted_at TIMESTAMP WITH TIME ZONE,
    calling UUID,
    PRIMARY KEY (meeting_id)
);
CREATE INDEX meeting_whistle ON meeting (whistle_id);
CREATE TABLE person (
    person_id UUID NOT NULL, contact BYTEA, phone_tag TEXT, contact_erased_at TIMESTAMP WITH TIME ZONE,
    words BYTEA, words_erased_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (person_id),
    CONSTRAINT person_contact CHECK ((contact is null) or (contact_erased_at is null)),
    CONSTRAINT person_phone CHECK ((contact is not null) or (phone_tag is null)),
    CONSTRAINT person_words CHECK ((words is null) = (words_erased_at is not null))
);
CREATE INDEX person_phone_tag ON person (phone_tag) WHERE phone_tag is not null;
CREATE TABLE report (
    report_id UUID NOT NULL, person_id UUID NOT NULL, code_tag TEXT,
    street TEXT NOT NULL, grid TEXT, category TEXT, channel TEXT NOT NULL, target TEXT NOT NULL,
    desk TEXT NOT NULL, stage TEXT NOT NULL, submitted_at TIMESTAMP WITH TIME ZONE NOT NULL, turns INTEGER NOT NULL,
    whistle_id UUID, ended_at TIMESTAMP WITH TIME ZONE,
    contacted BOOLEAN, solved BOOLEAN, satisfaction TEXT, rated_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (report_id),
    UNIQUE (person_id),
    UNIQUE (code_tag),
    CONSTRAINT report_desk CHECK (desk in ('grid', 'community', 'street')),
    CONSTRAINT report_stage CHECK (stage in ('submitted', 'handling', 'handed_up', 'drafted', 'handled', 'declined')),
    CONSTRAINT report_rating CHECK (num_nulls(contacted, solved, satisfaction, rated_at) in (0, 4))
);
CREATE INDEX report_street ON report (street, report_id);
CREATE INDEX report_time ON report (street, submitted_at);
CREATE INDEX report_undecided ON report (street, report_id) WHERE stage not in ('handled', 'declined');
CREATE INDEX report_whistle ON report (whistle_id) WHERE whistle_id is not null;
CREATE TABLE report_step (
    report_id UUID NOT NULL, number INTEGER NOT NULL, at TIMESTAMP WITH TIME ZONE NOT NULL, outcome TEXT NOT NULL,
    desk TEXT NOT NULL, by TEXT NOT NULL, note TEXT NOT NULL, answer TEXT NOT NULL, whistle_id UUID,
    PRIMARY KEY (report_id, number)
);
CREATE TABLE request (
    request_id UUID NOT NULL,
    whistle_id UUID NOT NULL,
    task_id UUID NOT NULL,
    department TEXT NOT NULL,
    kind TEXT NOT NULL,
    decider TEXT NOT NULL,
    number INTEGER NOT NULL,
    asked_until TIMESTAMP WITH TIME ZONE NOT NULL,
    reason TEXT NOT NULL,
    asked_by TEXT NOT NULL,
    asked_at TIMESTAMP WITH TIME ZONE NOT NULL,
    clock TEXT,
    current_due_at TIMESTAMP WITH TIME ZONE,
    cause TEXT,
    status TEXT NOT NULL,
    reviews INTEGER NOT NULL,
    granted_until TIMESTAMP WITH TIME ZONE,
    answer TEXT,
    decided_by TEXT,
    decided_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (request_id),
    CONSTRAINT request_kind CHECK (kind in ('extension', 'suspension')),
    CONSTRAINT request_status CHECK (status in ('pending', 'granted', 'refused'))
);
CREATE INDEX request_pending ON request (request_id) WHERE status = 'pending';
CREATE INDEX request_whistle ON request (whistle_id);
CREATE TABLE street_counter (
    street TEXT NOT NULL,
    day TEXT NOT NULL,
    last INTEGER NOT NULL,
    PRIMARY KEY (street, day)
);
CREATE TABLE task (
    task_id UUID NOT NULL,
    whistle_id UUID NOT NULL,
    department TEXT NOT NULL,
    role TEXT,
    called_as TEXT,
    led_at TIMESTAMP WITH TIME ZONE,
    round INTEGER,
    presence TEXT,
    origin TEXT NOT NULL,
    title TEXT NOT NULL,
    called_at TIMESTAMP WITH TIME ZONE,
    acknowledged_at TIMESTAMP WITH TIME ZONE,
    arrived_at TIMESTAMP WITH TIME ZONE,
    progressed_at TIMESTAMP WITH TIME ZONE,
    attempt INTEGER NOT NULL,
    submitted_at TIMESTAMP WITH TIME ZONE,
    reworked INTEGER NOT NULL,
    verified_at TIMESTAMP WITH TIME ZONE,
    vetoed BOOLEAN NOT NULL,
    revision INTEGER NOT NULL,
    evaluated_at TIMESTAMP WITH TIME ZONE,
    suspended_at TIMESTAMP WITH TIME ZONE,
    suspended_by TEXT,
    resumed_at TIMESTAMP WITH TIME ZONE,
    returned_at TIMESTAMP WITH TIME ZONE,
    disputed_at TIMESTAMP WITH TIME ZONE,
    settled_at TIMESTAMP WITH TIME ZONE,
    ended TEXT,
    verify_limit TEXT,
    calendar_version INTEGER,
    person TEXT,
    PRIMARY KEY (task_id)
);
CREATE INDEX task_whistle ON task (whistle_id);
CREATE TABLE timeline (
    position BIGINT GENERATED BY DEFAULT AS IDENTITY,
    event_id UUID NOT NULL,
    whistle_id UUID NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    key TEXT NOT NULL,
    producer TEXT NOT NULL,
    data JSONB NOT NULL,
    PRIMARY KEY (event_id),
    UNIQUE (position)
);
CREATE INDEX timeline_whistle ON timeline (whistle_id, position);
CREATE TABLE whistle (
    whistle_id UUID NOT NULL,
    number TEXT NOT NULL,
    street TEXT NOT NULL,
    initiator TEXT,
    category TEXT,
    grid TEXT,
    latitude DOUBLE PRECISION,
    longitude DOUBLE PRECISION,
    facts JSONB NOT NULL,
    departments JSONB NOT NULL,
    override_reason TEXT,
    distinct_reason TEXT,
    round INTEGER NOT NULL,
    stage TEXT NOT NULL,
    routing TEXT NOT NULL,
    state TEXT NOT NULL,
    drafted_by TEXT,
    submitted_by TEXT,
    signature TEXT,
    signature_due_at TIMESTAMP WITH TIME ZONE,
    signed_by TEXT,
    joined_to UUID,
    blown_at TIMESTAMP WITH TIME ZONE,
    closed_at TIMESTAMP WITH TIME ZONE,
    withdrawn_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (whistle_id),
    CONSTRAINT whistle_round CHECK (round >= 1),
    CONSTRAINT whistle_routing CHECK (routing in ('pending', 'unrouted', 'dispatched')),
    CONSTRAINT whistle_stage CHECK (stage in ('draft', 'pending_approval', 'self_handled', 'joined', 'open', 'closed', 'withdrawn')),
    CONSTRAINT whistle_state CHECK (state in ('draft', 'pending_approval', 'self_handled', 'joined', 'blown', 'responding', 'on_scene', 'handling', 'suspended', 'pending_verify', 'pending_evaluation', 'closed', 'withdrawn')),
    CONSTRAINT whistle_signature CHECK (signature in ('owed', 'given', 'missed', 'late')),
    UNIQUE (number)
);
CREATE INDEX whistle_initiator ON whistle (initiator, whistle_id) WHERE initiator is not null;
CREATE INDEX whistle_near ON whistle (category, stage, latitude) WHERE latitude is not null;
CREATE INDEX whistle_same_grid ON whistle (category, grid, stage, whistle_id) WHERE stage in ('open', 'closed');
CREATE INDEX whistle_street ON whistle (street, whistle_id);
CREATE INDEX whistle_unsigned ON whistle (signature_due_at) WHERE signature = 'owed';
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
