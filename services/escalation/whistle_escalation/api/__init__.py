"""escalation over HTTP, a file per noun: clocks and their ladder, letters and reminders,
measures and boards, notices."""

from fastapi import APIRouter

from whistle_escalation.api import clocks, explaining, letters, measures, notices

router = APIRouter()
router.include_router(clocks.router)
router.include_router(explaining.router)
router.include_router(letters.router)
router.include_router(measures.router)
router.include_router(notices.router)

__all__ = ["router"]
