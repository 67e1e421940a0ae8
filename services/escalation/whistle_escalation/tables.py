"""escalation's tables. `clock.next_at` is what the timer claims by; `event_log` is append-only."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData()

matter = Table(
    "matter",
    metadata,
    Column("whistle_id", Uuid, primary_key=True),
    Column("round", Integer),
    Column("number", Text),
    Column("title", Text),
    Column("street", Text),
    Column("grid", Text),
    Column("kind", Text),
    Column("urgency", Text),
    Column("category", Text),
    Column("terms", Text, nullable=False),  # JSON, only ever read as a whole
    Column("marks", JSONB, nullable=False),
    Column("cancelled_at", DateTime(timezone=True)),
    Index("matter_grid", "grid"),
    Index("matter_of_street", "street", "grid", "whistle_id"),
)

task = Table(
    "task",
    metadata,
    Column("task_id", Uuid, primary_key=True),
    Column("whistle_id", Uuid, nullable=False),
    Column("department", Text, nullable=False),
    Column("terms", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("round", Integer, nullable=False),
    Column("called_at", DateTime(timezone=True)),
    Column("calendar_version", Integer, nullable=False),
    Column("registry_version", Integer, nullable=False),
    Column("active_at", DateTime(timezone=True)),
    Column("marks", JSONB, nullable=False),
    Index("task_whistle", "whistle_id"),
)

clock = Table(
    "clock",
    metadata,
    Column("clock_id", Uuid, primary_key=True),
    Column("whistle_id", Uuid, nullable=False),
    Column("task_id", Uuid),
    Column("department", Text),
    Column("name", Text, nullable=False),
    Column("side", Text, nullable=False),
    Column("terms", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("started_at", DateTime(timezone=True), nullable=False),
    Column("due_at", DateTime(timezone=True), nullable=False),
    Column("provisional", Boolean, nullable=False),
    Column("calendar_version", Integer, nullable=False),
    Column("registry_version", Integer, nullable=False),
    Column("cycle", Integer, nullable=False),
    Column("warned", Integer, nullable=False),
    Column("climbed", Integer, nullable=False),
    Column("rungs", Integer, nullable=False),
    Column("breached_at", DateTime(timezone=True)),
    Column("last_fired_at", DateTime(timezone=True)),
    Column("stopped_at", DateTime(timezone=True)),
    Column("next_at", DateTime(timezone=True)),
    CheckConstraint("status in ('running', 'paused', 'met', 'met_late', 'cancelled', 'voided')", name="clock_status"),
    CheckConstraint("side in ('department', 'district', 'street')", name="clock_side"),
    CheckConstraint("status = 'running' or next_at is null", name="clock_stopped_never_fires"),
    Index("clock_whistle", "whistle_id"),
    Index("clock_next", "next_at", postgresql_where=text("next_at is not null")),
    # What the pages ask for: whatever is under way, and what of it is late, in the order of due times; whose duties
    # fell into some days.
    Index("clock_open", "due_at", "clock_id", postgresql_where=text("status in ('running', 'paused')")),
    Index(
        "clock_late",
        "due_at",
        "clock_id",
        postgresql_where=text("status = 'running' and breached_at is not null"),
    ),
    Index("clock_duty", "started_at", "department", postgresql_where=text("name in ('ack', 'arrive')")),
    Index(
        "clock_provisional",
        "calendar_version",
        postgresql_where=text("provisional and status in ('running', 'paused')"),
    ),
    # What the watchdog asks for: a clock that runs and that nobody will look at. It is empty.
    Index(
        "clock_overlooked",
        "clock_id",
        postgresql_where=text("status = 'running' and next_at is null and (breached_at is null or climbed < rungs)"),
    ),
)

escalation = Table(
    "escalation",
    metadata,
    Column("escalation_id", Uuid, primary_key=True),
    Column("clock_id", Uuid, nullable=False),
    Column("rung", Integer, nullable=False),
    Column("whistle_id", Uuid, nullable=False),
    Column("task_id", Uuid),
    Column("department", Text),
    Column("clock", Text, nullable=False),
    Column("side", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("form", Text, nullable=False),
    Column("due_at", DateTime(timezone=True), nullable=False),
    Column("rung_at", DateTime(timezone=True), nullable=False),
    Column("fired_at", DateTime(timezone=True), nullable=False),
    Column("degraded", Boolean, nullable=False),
    Column("people", JSONB, nullable=False),
    Column("raised_by", Text),
    Column("raised_reason", Text),
    Column("status", Text, nullable=False),
    Column("ended_at", DateTime(timezone=True)),
    Column("reason", Text),
    Column("acknowledged_at", DateTime(timezone=True)),
    Column("acknowledged_by", Text),
    Column("repeated", Integer, nullable=False),
    Column("next_at", DateTime(timezone=True)),
    CheckConstraint("status in ('open', 'withdrawn', 'resolved')", name="escalation_status"),
    CheckConstraint("status = 'open' or next_at is null", name="escalation_ended_never_repeats"),
    UniqueConstraint("clock_id", "rung", name="escalation_once"),
    Index("escalation_whistle", "whistle_id"),
    # The highest rung first, on it the longest overdue.
    Index("escalation_open", text("rung desc"), "due_at", "escalation_id", postgresql_where=text("status = 'open'")),
    Index("escalation_ended", "ended_at", "escalation_id", postgresql_where=text("ended_at is not null")),
    Index("escalation_next", "next_at", postgresql_where=text("next_at is not null")),
)

letter = Table(
    "letter",
    metadata,
    Column("letter_id", Uuid, primary_key=True),
    Column("number", Text, nullable=False, unique=True),
    Column("form", Text, nullable=False),
    Column("whistle_id", Uuid, nullable=False),
    Column("task_id", Uuid, nullable=False),
    Column("department", Text, nullable=False),
    Column("escalation_id", Uuid),
    Column("text", Text, nullable=False),
    Column("issued_at", DateTime(timezone=True), nullable=False),
    Column("issued_by", Text, nullable=False),
    Column("reply_due_at", DateTime(timezone=True), nullable=False),
    Column("replied_at", DateTime(timezone=True)),
    Column("replied_by", Text),
    Column("reply", Text),
    Index("letter_whistle", "whistle_id"),
    Index("letter_issued", "issued_at", "letter_id"),
    Index("letter_owed", "reply_due_at", "letter_id", postgresql_where=text("replied_at is null")),
)

# Letters are numbered within a year and a form.
letter_counter = Table(
    "letter_counter",
    metadata,
    Column("year", Integer, primary_key=True),
    Column("form", Text, primary_key=True),
    Column("last", Integer, nullable=False),
)

event_log = Table(
    "event_log",
    metadata,
    Column("position", BigInteger, Identity(), primary_key=True),
    Column("event_id", Uuid, nullable=False, unique=True),
    Column("key", Text, nullable=False),
    Column("producer", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("received_at", DateTime(timezone=True), nullable=False),
    Column("data", JSONB, nullable=False),
    Index("event_log_subject", "subject", "position"),
    # What the dashboard asks for every second, each a sliver of the log.
    Index(
        "event_log_flow",
        "key",
        "at",
        postgresql_where=text(
            "key in ('intake.whistle_blown.v1', 'intake.whistle_closed.v1', 'department.responder_checked_in.v1', "
            "'escalation.clock_breached.v1', 'escalation.escalation_raised.v1')"
        ),
    ),
    Index("event_log_delivery", "position", postgresql_where=text("key ~ '[.]delivery_'")),
)


# The projection of the measures: what the log says of each whistle and each task (`facts`), and what that contributes
# to the measures (`counts`, zeros left out). Both can be made anew from the log.
measure_whistle = Table(
    "measure_whistle",
    metadata,
    Column("whistle_id", Uuid, primary_key=True),
    Column("street", Text, nullable=False),
    Column("number", Text, nullable=False),
    Column("began_at", DateTime(timezone=True)),
    Column("facts", JSONB, nullable=False),
    Column("counts", JSONB, nullable=False),
    Index("measure_whistle_began", "began_at"),
)

measure_task = Table(
    "measure_task",
    metadata,
    Column("task_id", Uuid, primary_key=True),
    Column("whistle_id", Uuid, nullable=False),
    Column("department", Text, nullable=False),
    Column("street", Text, nullable=False),
    Column("number", Text, nullable=False),
    Column("began_at", DateTime(timezone=True)),
    Column("facts", JSONB, nullable=False),
    Column("counts", JSONB, nullable=False),
    Index("measure_task_began", "began_at"),
    Index("measure_task_whistle", "whistle_id"),
)

# Published boards, append-only. `position`: up to where the log had been heard.
board = Table(
    "board",
    metadata,
    Column("board_id", Uuid, primary_key=True),
    Column("period", Text, nullable=False),
    Column("units", Text, nullable=False),
    Column("published_at", DateTime(timezone=True), nullable=False),
    Column("published_by", Text, nullable=False),
    Column("formulas_version", Text, nullable=False),
    Column("registry_version", Integer, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("rows", JSONB, nullable=False),
    CheckConstraint("units in ('department', 'street')", name="board_units"),
    Index("board_period", "period", "units", "board_id"),
)

# Who is told of what. `due_at` is business time, for quiet hours are; `next_at` technical: when to look again, and
# while it is being sent, until when that may take.
notice = Table(
    "notice",
    metadata,
    Column("notice_id", Uuid, primary_key=True),
    Column("cause_id", Uuid, nullable=False),
    Column("kind", Text, nullable=False),
    Column("whistle_id", Uuid, nullable=False),
    Column("task_id", Uuid),
    Column("clock_id", Uuid),
    Column("escalation_id", Uuid),
    Column("organisation", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("pressing", Boolean, nullable=False),
    Column("facts", JSONB, nullable=False),
    Column("made_at", DateTime(timezone=True), nullable=False),
    Column("due_at", DateTime(timezone=True), nullable=False),
    Column("next_at", DateTime(timezone=True), nullable=False),
    Column("state", Text, nullable=False),
    Column("ended_at", DateTime(timezone=True)),
    CheckConstraint("kind in ('task', 'warning', 'rung', 'again')", name="notice_kind"),
    CheckConstraint(
        "state in ('waiting', 'sending', 'delivered', 'covered', 'unknown', 'failed', 'nowhere', 'dropped')",
        name="notice_state",
    ),
    CheckConstraint("(ended_at is null) = (state in ('waiting', 'sending'))", name="notice_ended"),
    Index("notice_due", "due_at", postgresql_where=text("state in ('waiting', 'sending')")),
    Index("notice_escalation", "escalation_id", postgresql_where=text("escalation_id is not null")),
    Index("notice_whistle", "whistle_id"),
    Index("notice_old", "next_at", postgresql_where=text("ended_at is not null")),
    Index("notice_trouble", "ended_at", postgresql_where=text("state in ('unknown', 'failed', 'nowhere')")),
)

# Every attempt, on record before anything is sent: the proof. Times are technical.
notice_try = Table(
    "notice_try",
    metadata,
    Column("try_id", Uuid, primary_key=True),
    Column("notice_id", Uuid, nullable=False),
    Column("cause_id", Uuid, nullable=False),
    Column("channel_id", Uuid, nullable=False),
    Column("channel", Text, nullable=False),
    Column("began_at", DateTime(timezone=True), nullable=False),
    Column("ended_at", DateTime(timezone=True)),
    Column("outcome", Text),
    Column("receipt", Text),
    CheckConstraint(
        "outcome in ('delivered', 'failed', 'rejected', 'gone', 'refused', 'unknown')", name="notice_try_outcome"
    ),
    Index("notice_try_notice", "notice_id"),
    Index("notice_try_cause", "cause_id", "channel_id"),
)

# How somebody, or a duty desk, is reached, in the order of `position`. What leads there is sealed.
notice_channel = Table(
    "notice_channel",
    metadata,
    Column("channel_id", Uuid, primary_key=True),
    Column("account_id", Uuid),
    Column("organisation", Text),
    Column("role", Text),
    Column("position", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("added_at", DateTime(timezone=True), nullable=False),
    Column("added_by", Text, nullable=False),
    Column("verified_at", DateTime(timezone=True)),
    Column("failing_since", DateTime(timezone=True)),
    Column("fault", Text),
    CheckConstraint("kind in ('apprise', 'push')", name="notice_channel_kind"),
    CheckConstraint(
        "num_nulls(organisation, role) = case when account_id is null then 0 else 2 end", name="notice_channel_owner"
    ),
    Index("notice_channel_account", "account_id", postgresql_where=text("account_id is not null")),
    Index("notice_channel_desk", "organisation", "role", postgresql_where=text("account_id is null")),
)

# When somebody does not want to be told of what can wait (`22:00-07:00`, local time).
notice_hours = Table(
    "notice_hours",
    metadata,
    Column("account_id", Uuid, primary_key=True),
    Column("quiet", Text, nullable=False),
)
