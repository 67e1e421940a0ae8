"""The registry as a value: departments, streets, grids, categories with routing, policies, ladders. Pure.

dispatch owns it and publishes it in parts; whoever keeps a copy does so with `whistle_shared.replica`.
"""

from whistle_shared.registry.model import (
    Category,
    Department,
    Duty,
    DutyPerson,
    Grid,
    Hours,
    Keyword,
    Ladder,
    LadderRung,
    Policy,
    Registry,
    Street,
    registry_rows,
)
from whistle_shared.registry.regulation import Regulation

__all__ = [
    "Category",
    "Department",
    "Duty",
    "DutyPerson",
    "Grid",
    "Hours",
    "Keyword",
    "Ladder",
    "LadderRung",
    "Policy",
    "Registry",
    "Regulation",
    "Street",
    "registry_rows",
]
