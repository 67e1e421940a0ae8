"""The call-back (回访): whoever reported the matter is asked. Pure."""

from dataclasses import dataclass
from datetime import datetime

from whistle_shared.contracts.vocabulary import Satisfaction
from whistle_shared.errors import Invalid


@dataclass(frozen=True, slots=True)
class Callback:
    """One call-back of a round. `contacted` False: not reached; `waived`: nobody is to be asked, for the reason noted.

    `solved`, `satisfaction`: what was answered.
    """

    round: int
    contacted: bool
    solved: bool | None
    satisfaction: Satisfaction | None
    waived: bool
    note: str
    by: str
    at: datetime

    @property
    def settled(self) -> bool:
        """Nobody needs to call again."""
        return self.contacted or self.waived

    @property
    def dissatisfied(self) -> bool:
        """The matter is to be taken up again."""
        return self.contacted and (self.solved is False or self.satisfaction == "dissatisfied")


def check(callback: Callback) -> None:
    """Raises Invalid where the answers do not go with whether anybody was reached."""
    answers = {"solved": callback.solved, "satisfaction": callback.satisfaction}
    if callback.waived and callback.contacted:
        raise Invalid("waived", "whoever was reached was asked: there is nothing to waive")
    if callback.waived and not callback.note:
        raise Invalid("note", "say why nobody is to be asked")
    for field, answer in answers.items():
        if callback.contacted and answer is None:
            raise Invalid(field, "is missing: the reporter was reached")
        if not callback.contacted and answer is not None:
            raise Invalid(field, "nobody was reached who could have said so")
