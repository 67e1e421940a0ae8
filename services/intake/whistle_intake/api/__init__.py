"""intake over HTTP: one router per subject, one list of them."""

from fastapi import APIRouter

from whistle_intake.api import (
    drafts,
    meetings,
    reading,
    reporting,
    reports,
    requests,
    signing,
    suggestions,
    verification,
    whistles,
)
from whistle_intake.api.registry import registry_missing

__all__ = ["registry_missing", "routers"]

routers: tuple[APIRouter, ...] = (
    whistles.router,
    reading.router,
    drafts.router,
    signing.router,
    suggestions.router,
    verification.router,
    meetings.router,
    requests.router,
    reporting.router,
    reports.router,
)
