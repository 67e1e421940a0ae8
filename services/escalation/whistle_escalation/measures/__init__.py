"""The measures of the mechanism, pure: from events to facts (`fold`), from facts to contributions (`counts`), from sums
of contributions to numbers and indices (`formulas`), and to boards by period (`boards`, `periods`).

The live projection and the recomputation from the log call the same functions; docs/measures.md explains each formula.
"""

from whistle_escalation.measures.boards import board, index_row, number_rows, rate_row
from whistle_escalation.measures.counts import (
    OF_WHISTLES,
    Contribution,
    Counts,
    contributions,
    sums,
    task_counts,
    total,
    whistle_counts,
)
from whistle_escalation.measures.fold import FOLDED, about, fold, only_task
from whistle_escalation.measures.formulas import (
    DISTRICT,
    FORMULAS_VERSION,
    LISTS,
    MEASURES,
    By,
    Measure,
    standings,
)
from whistle_escalation.measures.periods import Period, before, holding, named
from whistle_escalation.measures.records import (
    Ledger,
    TaskRecord,
    WhistleRecord,
    empty,
    task_from,
    task_json,
    whistle_from,
    whistle_json,
)

__all__ = [
    "DISTRICT",
    "FOLDED",
    "FORMULAS_VERSION",
    "LISTS",
    "MEASURES",
    "OF_WHISTLES",
    "By",
    "Contribution",
    "Counts",
    "Ledger",
    "Measure",
    "Period",
    "TaskRecord",
    "WhistleRecord",
    "about",
    "before",
    "board",
    "contributions",
    "empty",
    "fold",
    "holding",
    "index_row",
    "named",
    "number_rows",
    "only_task",
    "rate_row",
    "standings",
    "sums",
    "task_counts",
    "task_from",
    "task_json",
    "total",
    "whistle_counts",
    "whistle_from",
    "whistle_json",
]
