"""dispatch over HTTP: the registry to read, and the district whistle office's desk.

INVARIANT: only the district decides; operations looks and nobody else does.
"""

from fastapi import APIRouter

from whistle_dispatch.api import assessment, dispatches, disputes, registry, requests, returns, revisions

router = APIRouter()
for room in (registry, revisions, dispatches, returns, disputes, requests, assessment):
    router.include_router(room.router)
