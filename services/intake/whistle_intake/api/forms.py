"""What is said to intake about a matter."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, JsonValue

from whistle_intake import commands, domain
from whistle_shared.auth import Caller
from whistle_shared.contracts.intake import Location
from whistle_shared.contracts.vocabulary import Code, Kind, LongText, ShortText, Title, Urgency
from whistle_shared.errors import Invalid
from whistle_shared.privacy import masked_values
from whistle_shared.web import Reason, Strict

EXAMPLE: dict[str, JsonValue] = {
    "kind": "emergency",
    "urgency": "urgent",
    "street": "S01",
    "grid": "S01-G001",
    "category": "0701",
    "title": "井盖缺失",
    "description": "人行道上一处井盖缺失，夜间无照明，行人有坠落危险。",
    "place": "东门路 12 号门前",
    "beyond_power_reason": "井盖权属不明，街道无权处置地下管线。",
    "departments": [],
    "location": {"latitude": 39.9163, "longitude": 116.3972},
    "photos": [],
}


class Point(Strict):
    """A point, WGS 84, degrees."""

    latitude: Annotated[float, Field(ge=-90, le=90)]
    longitude: Annotated[float, Field(ge=-180, le=180)]


class DraftForm(Strict):
    """What somebody says about a matter."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    kind: Kind
    urgency: Urgency
    street: Code
    grid: Code | None = None
    category: Code | None = Field(None, description="Sub-category; without one the district whistle office routes")
    title: Title
    description: LongText
    place: ShortText
    beyond_power_reason: Annotated[Reason, Field(description="Why the street cannot do it alone")]
    departments: list[Code] = Field(
        default_factory=list, max_length=20, description="Departments wanted; the first leads"
    )
    cross_district: bool = Field(default=False, description="Responders outside the district are needed")
    location: Point | None = None
    photos: list[Annotated[UUID, Field(strict=False)]] = Field(
        default_factory=list, max_length=20, description="Photos that were added by somebody of yours"
    )

    def matter(self, caller: Caller) -> domain.Matter:
        """The matter as this caller says it: a department calls for itself, at any street's place. It goes to many, so
        people's numbers are blotted out.

        Raises Invalid when the street or the grid is another's.
        """
        initiator = caller.scope if caller.of_department else None
        if initiator is None and not caller.covers(self.street):
            raise Invalid("street", f"street {self.street!r} is not yours")
        if caller.grid not in (None, self.grid):
            raise Invalid("grid", f"yours is {caller.grid!r} and no other")
        apart = ("departments", "location", "photos")
        said = {name: masked_values(getattr(self, name)) for name in DraftForm.model_fields if name not in apart}
        return domain.Matter(
            **said,
            departments=tuple(dict.fromkeys(self.departments)),
            initiator=initiator,
            location=located(self.location),
            photos=tuple(dict.fromkeys(self.photos)),
        )


class Submission(Strict):
    """Handing a draft up."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"override_reason": "需断路施工，街道无权审批"}]})

    override_reason: Reason | None = Field(
        None, description="Why it is beyond the street although it is on the street's own duty list"
    )
    distinct_reason: Reason | None = Field(
        None, description="Why it is a matter of its own although others are like it; nobody looks for them then"
    )

    @property
    def reasons(self) -> commands.Reasons:
        return commands.Reasons(self.override_reason, self.distinct_reason)


class RaiseWhistle(DraftForm, Submission):
    """What a street says when it blows: draft and submission in one."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})


class Rejection(Strict):
    """Why a street leader does not sign, and what becomes of it."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"outcome": "self_handled", "reason": "街道可自行处置"}]})

    outcome: Literal["self_handled", "draft"]
    reason: Reason


class Joining(Strict):
    """Which open whistle a draft becomes part of."""

    whistle_id: Annotated[UUID, Field(strict=False)]


class Withdrawal(Strict):
    """Why it is taken back."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "居民已自行解决"}]})

    reason: Reason


class Reopening(Strict):
    """Why a closed whistle begins again."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"cause": "relapse", "reason": "同一井盖再次缺失"}]})

    cause: Literal["relapse", "false_completion"]
    reason: Reason


class DuplicateCheck(Strict):
    """What to look for before anything is drafted. Without grid and point nothing is looked for."""

    street: Code
    category: Code
    title: Title
    description: LongText
    grid: Code | None = None
    location: Point | None = None

    def probe(self) -> domain.Probe:
        return domain.Probe(self.street, self.category, self.grid, located(self.location), self.title, self.description)


def located(point: Point | None) -> Location | None:
    """The point as events carry it."""
    return None if point is None else Location(latitude=point.latitude, longitude=point.longitude)
