"""The district's settings of the mechanism, with their defaults. Source: DOMAIN.md sections B and C, EVENTS.md
section 5.

Limits are in the pack's notation (`4h@work`). Every number that decides something about people is here, not in code.
"""

from typing import Annotated, Literal

from pydantic import Field

from whistle_shared.contracts.vocabulary import Code, Frozen, Text, Urgency

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0, le=100_000)]


class Blowing(Frozen):
    """Before a whistle is blown, and when a matter comes back."""

    signature_limit: Text = "24h@natural"
    duplicate_metres: Count = 100
    duplicate_days: Count = 7
    duplicate_similarity: Share = 0.4
    relapse_days: Count = 30


class Returning(Frozen):
    """Returns and disputes. An urgency without a window knows no return: act first, argue later."""

    windows: dict[Urgency, Text] = Field({"urgent": "2h@natural", "normal": "1d@work", "long_term": "1d@work"})
    decide_within: Text = "4h@work"
    adjudication: Text = "1d@work"
    transfer_cap: Count = 2


class MoreTime(Frozen):
    """Extension and suspension. `percent` of the original limit, each time; the street grants the first and
    suspensions up to `street_suspension`, the district the rest."""

    percent: Annotated[int, Field(ge=1, le=100)] = 50
    extensions: Count = 2
    street_suspension: Text = "10d@work"
    review: Text = "30d@natural"


class Climbing(Frozen):
    """The ladder beside its rungs: an acknowledged rung without progress for `stale_after` is raised again; a letter
    is to be answered within `letter_reply`."""

    stale_after: Text = "4h@work"
    letter_reply: Text = "2d@work"


class Scoring(Frozen):
    """The street's score of a task: `parts` with their maxima (100 together), the mark that stands when the street is
    late, and how long a department may appeal."""

    parts: dict[Code, Count] = Field(
        {"arrival": 20, "people": 10, "handling": 20, "result": 30, "cooperation": 10, "citizen": 10}
    )
    default: Annotated[int, Field(ge=0, le=100)] = 80
    appeal_window: Text = "3d@work"


class Assessing(Frozen):
    """The measures. A period is a month or a quarter that begins on `first_day`; the band: whistles per grid and
    period below or above which a street is looked at; `shrink`: how many tasks' worth the district's mean weighs."""

    period: Literal["month", "quarter"] = "quarter"
    first_day: Annotated[int, Field(ge=1, le=28)] = 1
    band_low: Annotated[float, Field(ge=0)] = 0.05
    band_high: Annotated[float, Field(ge=0)] = 3.0
    response_weight: Share = 0.1
    solved_weight: Share = 0.5
    satisfied_weight: Share = 0.4
    basically_satisfied: Share = 0.9
    score_weight: Share = 0.40
    on_time_weight: Share = 0.25
    composite_weight: Share = 0.20
    quality_weight: Share = 0.15
    no_show: Annotated[float, Field(ge=0)] = 2
    unjustified_refusal: Annotated[float, Field(ge=0)] = 1
    false_completion: Annotated[float, Field(ge=0)] = 1
    rework: Annotated[float, Field(ge=0)] = 0.2
    third_failed_check: Annotated[float, Field(ge=0)] = 0.5
    shrink: Count = 5


class Regulation(Frozen):
    """All settings of the mechanism; what a pack leaves out keeps its default."""

    blowing: Blowing = Blowing()
    returning: Returning = Returning()
    more_time: MoreTime = MoreTime()
    climbing: Climbing = Climbing()
    scoring: Scoring = Scoring()
    assessing: Assessing = Assessing()
