"""The audit as a whole: its chain, the daily heads, the proof that nothing was changed, refusals, search, purging.

The rows themselves are written by `db`, in the transaction of what they tell.
"""

from whistle_shared.audit.chainer import Chainer
from whistle_shared.audit.heads import Head, as_line, heads_of, of_line, public_line, public_of_line
from whistle_shared.audit.purge import Purged, purge_to, purgeable
from whistle_shared.audit.refusals import Refusals
from whistle_shared.audit.search import Search, Standing, audit_waiting, find, find_all, find_one, standing
from whistle_shared.audit.verify import UNLINKED, Fault, Report, verify

__all__ = [
    "UNLINKED",
    "Chainer",
    "Fault",
    "Head",
    "Purged",
    "Refusals",
    "Report",
    "Search",
    "Standing",
    "as_line",
    "audit_waiting",
    "find",
    "find_all",
    "find_one",
    "heads_of",
    "of_line",
    "public_line",
    "public_of_line",
    "purge_to",
    "purgeable",
    "standing",
    "verify",
]
