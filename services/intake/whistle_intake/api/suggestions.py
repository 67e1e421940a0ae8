"""Which sub-category does this matter belong to? Proposed with reasons, never applied by itself."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from whistle_intake.api.registry import registry_of
from whistle_intake.domain.suggestion import Suggestion, suggest
from whistle_shared.auth import Caller
from whistle_shared.contracts.vocabulary import Kind, LongText, Title, Urgency
from whistle_shared.registry import Registry
from whistle_shared.runtime import Here, may
from whistle_shared.web import PROBLEMS, Strict, StrictRoute

router = APIRouter(prefix="/api/v1", tags=["drafts"], route_class=StrictRoute, responses=PROBLEMS)


class Question(Strict):
    """What somebody has written so far."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"title": "井盖缺失", "description": "人行道上一处井盖缺失，行人有坠落危险。"}]}
    )

    title: Title
    description: LongText


class SuggestionView(BaseModel):
    """A sub-category that the text speaks for, with what goes with it by default."""

    category: str
    name_zh: str
    name_en: str
    lead: str | None
    default_kind: Kind
    default_urgency: Urgency
    score: float = Field(description="Above 0, below 1, to compare with the others; no probability")
    reasons: list[str] = Field(description="The words that spoke for it, the strongest first")


class SuggestionList(BaseModel):
    """The likeliest first, three at most; none where no word speaks for any."""

    items: list[SuggestionView]


class Sentence(Strict):
    """What a resident has written so far."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"text": "楼下井盖不见了，晚上没有灯。"}]})

    text: Annotated[LongText, Field(max_length=2000)]


class NamedCategory(BaseModel):
    """A sub-category that a resident may choose."""

    category: str
    name_zh: str
    name_en: str


class NamedCategories(BaseModel):
    """The likeliest first, three at most; none where no word speaks for any."""

    items: list[NamedCategory]


@router.post("/report-suggestions", tags=["reports"], summary="Suggest a sub-category to whoever reports")
async def suggest_to_resident(body: Sentence, service: Here) -> NamedCategories:
    """For residents, who show nothing; each address has a budget. What they write is kept nowhere."""
    registry = registry_of(service)
    found = [registry.category_by_code[each.category] for each in suggest(registry, "", body.text)]
    return NamedCategories(
        items=[NamedCategory(category=each.code, name_zh=each.name_zh, name_en=each.name_en) for each in found]
    )


@router.post("/suggestions", summary="Suggest a sub-category")
async def suggest_category(
    body: Question, caller: Annotated[Caller, may("whistle.read")], service: Here
) -> SuggestionList:
    """From the title and the text, by the catalogue's names and the district's keyword list."""
    registry = registry_of(service)
    found = suggest(registry, body.title, body.description)
    return SuggestionList(items=[_shown(each, registry) for each in found])


def _shown(found: Suggestion, registry: Registry) -> SuggestionView:
    category = registry.category_by_code[found.category]
    return SuggestionView(
        category=found.category,
        name_zh=category.name_zh,
        name_en=category.name_en,
        lead=category.lead,
        default_kind=category.default_kind,
        default_urgency=category.default_urgency,
        score=found.score,
        reasons=list(found.reasons),
    )
