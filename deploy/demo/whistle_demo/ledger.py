"""What the cast has done and been answered: the one side of the count that does not come from the services' stores."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

from whistle_demo.scenario import Planned

Step = Literal["acknowledgement", "arrival", "progress", "submission"]


@dataclass(slots=True)
class Ledger:
    """`raised`: whistles answered 201. `acknowledged`: task → whistle of the acknowledgements answered 200.

    `told`: whistles that a story was told of. `problems`: refusals that the script does not expect, in words.
    """

    raised: dict[UUID, Planned] = field(default_factory=dict)
    numbers: dict[UUID, str] = field(default_factory=dict)
    acknowledged: dict[UUID, UUID] = field(default_factory=dict)
    steps: Counter[Step] = field(default_factory=Counter)
    withdrawn: set[UUID] = field(default_factory=set)
    routed: set[UUID] = field(default_factory=set)
    told: set[UUID] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)
