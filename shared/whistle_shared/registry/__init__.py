"""The registry as a value: departments, streets, grids, categories with routing, policies, ladders, the map. Pure.

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
from whistle_shared.registry.shapes import Edge, Polygon, Ring, area_of, box_of, edges_of, label_of, oriented

__all__ = [
    "Category",
    "Department",
    "Duty",
    "DutyPerson",
    "Edge",
    "Grid",
    "Hours",
    "Keyword",
    "Ladder",
    "LadderRung",
    "Policy",
    "Polygon",
    "Registry",
    "Regulation",
    "Ring",
    "Street",
    "area_of",
    "box_of",
    "edges_of",
    "label_of",
    "oriented",
    "registry_rows",
]
