"""`report` and what was said of each (`report_step`): where, what kind, with whom, and no word of whoever made it.

`person` is the one table with personal fields, and they are sealed: `contact` by the key named `person_id`, `words` by
the key named `report_id`, both in the vault. `phone_tag` leads to persons by a telephone number: so few bits of a keyed
digest that many numbers share one, and only what `contact` says decides.
"""

from sqlalchemy import Boolean, CheckConstraint, Column, DateTime, Index, Integer, LargeBinary, Table, Text, Uuid, text

from whistle_intake.tables.metadata import metadata

person = Table(
    "person",
    metadata,
    Column("person_id", Uuid, primary_key=True),
    Column("contact", LargeBinary),
    Column("phone_tag", Text),
    Column("contact_erased_at", DateTime(timezone=True)),
    Column("words", LargeBinary),
    Column("words_erased_at", DateTime(timezone=True)),
    CheckConstraint("(contact is null) or (contact_erased_at is null)", name="person_contact"),
    CheckConstraint("(contact is not null) or (phone_tag is null)", name="person_phone"),
    CheckConstraint("(words is null) = (words_erased_at is not null)", name="person_words"),
    Index("person_phone_tag", "phone_tag", postgresql_where=text("phone_tag is not null")),
)

report = Table(
    "report",
    metadata,
    Column("report_id", Uuid, primary_key=True),
    Column("person_id", Uuid, nullable=False, unique=True),
    Column("code_tag", Text, unique=True),
    Column("street", Text, nullable=False),
    Column("grid", Text),
    Column("category", Text),
    Column("channel", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("desk", Text, nullable=False),
    Column("stage", Text, nullable=False),
    Column("submitted_at", DateTime(timezone=True), nullable=False),
    Column("turns", Integer, nullable=False),
    Column("whistle_id", Uuid),
    Column("ended_at", DateTime(timezone=True)),
    Column("contacted", Boolean),
    Column("solved", Boolean),
    Column("satisfaction", Text),
    Column("rated_at", DateTime(timezone=True)),
    CheckConstraint("desk in ('grid', 'community', 'street')", name="report_desk"),
    CheckConstraint(
        "stage in ('submitted', 'handling', 'handed_up', 'drafted', 'handled', 'declined')", name="report_stage"
    ),
    CheckConstraint("num_nulls(contacted, solved, satisfaction, rated_at) in (0, 4)", name="report_rating"),
    Index("report_street", "street", "report_id"),
    # What may still wait on a desk, and what has come lately.
    Index("report_undecided", "street", "report_id", postgresql_where=text("stage not in ('handled', 'declined')")),
    Index("report_time", "street", "submitted_at"),
    Index("report_whistle", "whistle_id", postgresql_where=text("whistle_id is not null")),
)

report_step = Table(
    "report_step",
    metadata,
    Column("report_id", Uuid, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("outcome", Text, nullable=False),
    Column("desk", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("answer", Text, nullable=False),
    Column("whistle_id", Uuid),
)
