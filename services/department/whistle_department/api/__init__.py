"""department over HTTP: the tasks of the departments served here, the steps on them, requests, letters, meetings,
hand-overs.

INVARIANT: only a department's own people move its task; the district looks and no more.
"""

from fastapi import APIRouter

from whistle_department.api import handovers, letters, requests, steps, tasks
from whistle_department.api.tasks import registry_missing

router = APIRouter()
for room in (tasks, steps, requests, letters, handovers):
    router.include_router(room.router)

__all__ = ["registry_missing", "router"]
