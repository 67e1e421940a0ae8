"""Boards are published: what the measures say of a period, kept as it was said."""

import uuid_utils.compat

from whistle_escalation import ledger, measures
from whistle_shared.db import Unit
from whistle_shared.registry import Registry


def publish_board(unit: Unit, wanted: ledger.BoardWanted, registry: Registry, by: str) -> ledger.Row:
    """Append the board of a period; returns its row. A period may be published again: the newest counts."""
    row: ledger.Row = {
        "board_id": uuid_utils.compat.uuid7(),
        "period": wanted.period.name,
        "units": wanted.by,
        "published_at": unit.now,
        "published_by": by,
        "formulas_version": measures.FORMULAS_VERSION,
        "registry_version": registry.version,
        "position": wanted.position,
        "rows": measures.board(wanted.by, wanted.now, wanted.earlier, registry),
    }
    ledger.add_board(unit, row)
    return row
