"""One transaction that collects: the Unit, the outbox and the inbox. The only place that commits.

INVARIANT: an effect, the events it emits and the inbox row of the event that caused it are one transaction.
"""

from whistle_shared.db.audit import Deed, Outcome, note
from whistle_shared.db.engine import among, is_outage, is_passing, is_transient, make_engine, wait_until_up
from whistle_shared.db.group import Group, Work
from whistle_shared.db.idempotency import Answer, Idempotency, KeyReused, keep_forgetting
from whistle_shared.db.migrate import migrate
from whistle_shared.db.outbox import LEASE, Outbox, Outgoing, awaited
from whistle_shared.db.tables import metadata, own_tables
from whistle_shared.db.unit import Unit, columns_of
from whistle_shared.db.walls import EVERYTHING, NOTHING, reach_as, reaching, wall

__all__ = [
    "EVERYTHING",
    "LEASE",
    "NOTHING",
    "Answer",
    "Deed",
    "Group",
    "Idempotency",
    "KeyReused",
    "Outbox",
    "Outcome",
    "Outgoing",
    "Unit",
    "Work",
    "among",
    "awaited",
    "columns_of",
    "is_outage",
    "is_passing",
    "is_transient",
    "keep_forgetting",
    "make_engine",
    "metadata",
    "migrate",
    "note",
    "own_tables",
    "reach_as",
    "reaching",
    "wait_until_up",
    "wall",
]
