"""The peer's front door: a whistle is durable, with its outbox row, before it is answered 201."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from hashlib import sha256
from time import monotonic
from typing import Annotated, Any, Literal
from uuid import UUID

import asyncpg
import orjson
import uuid_utils.compat
from anyio import CapacityLimiter, to_thread
from fastapi import FastAPI, Header, HTTPException, Request
from pydantic import BaseModel, ConfigDict, Field

from bench.celery_peer.pipeline import dispatch

_BLOW = """
with fresh as (
    insert into idempotency values($1, $2, $3, $4) on conflict do nothing returning whistle_id
), kept as (
    insert into whistle(whistle_id, facts) select $4, $5::jsonb from fresh
), noted as (
    insert into outbox(whistle_id) select $4 from fresh
)
select whistle_id from fresh
"""
_ANSWERED = "select digest, whistle_id from idempotency where caller = $1 and key = $2"
_LEFT_BEHIND = """
select o.whistle_id, w.facts, w.blown_at from outbox o join whistle w using (whistle_id)
where o.created_at < now() - interval '30 seconds' order by o.created_at limit 100
"""
_REMEMBER = 5.0
_publishers = CapacityLimiter(8)
_callers: dict[bytes, tuple[float, str]] = {}


class Whistle(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    kind: Literal["appeal", "key_work", "enforcement", "emergency"]
    urgency: Literal["critical", "urgent", "normal", "long_term"]
    street: Annotated[str, Field(max_length=32)]
    grid: Annotated[str, Field(max_length=32)]
    category: Annotated[str, Field(max_length=32)]
    title: Annotated[str, Field(min_length=1, max_length=200)]
    description: Annotated[str, Field(min_length=1, max_length=10_000)]
    place: Annotated[str, Field(min_length=1, max_length=500)]
    beyond_power_reason: Annotated[str, Field(min_length=1, max_length=2000)]
    distinct_reason: str | None = None


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with asyncpg.create_pool(os.environ["BENCH_MAIN_URL"], min_size=10, max_size=10) as pool:
        app.state.pool = pool
        sweeping = asyncio.create_task(_sweep(pool))
        yield
        sweeping.cancel()


app = FastAPI(lifespan=_lifespan)


@app.post("/api/v1/whistles", status_code=201)
async def raise_whistle(
    body: Whistle, request: Request, idempotency_key: Annotated[str, Header(min_length=1, max_length=200)]
) -> dict[str, Any]:
    """A repeat with the same key gives the same whistle."""
    pool: asyncpg.Pool = app.state.pool
    caller = await _caller(pool, request.headers.get("authorization", ""))
    facts = body.model_dump()
    digest = sha256(orjson.dumps(facts)).digest()
    whistle_id = uuid_utils.compat.uuid7()
    facts_text = orjson.dumps(facts).decode()
    if await pool.fetchval(_BLOW, caller, idempotency_key, digest, whistle_id, facts_text) is None:
        known = await pool.fetchrow(_ANSWERED, caller, idempotency_key)
        if known["digest"] != digest:
            raise HTTPException(422, "the key was used for another request")
        return {"whistle_id": known["whistle_id"], **facts}
    await _publish(whistle_id, facts, datetime.now(UTC))
    return {"whistle_id": whistle_id, **facts}


async def _caller(pool: asyncpg.Pool, authorization: str) -> str:
    """The token's holder, remembered for five seconds. Raises 401."""
    digest = sha256(authorization.removeprefix("Bearer ").encode()).digest()
    until, caller = _callers.get(digest, (0.0, ""))
    if monotonic() < until:
        return caller
    found = await pool.fetchval("select caller from token where digest = $1", digest)
    if found is None:
        raise HTTPException(401, "unknown token")
    _callers[digest] = (monotonic() + _REMEMBER, found)
    return str(found)


async def _publish(whistle_id: UUID, facts: dict[str, Any], at: datetime) -> None:
    """Celery publishes blockingly, so a few threads do it; if it fails the outbox row is found by the sweep."""
    arguments = (str(whistle_id), facts, at.isoformat())
    try:
        await to_thread.run_sync(lambda: dispatch.apply_async(arguments), limiter=_publishers)
    except dispatch.OperationalError:
        return


async def _sweep(pool: asyncpg.Pool) -> None:
    """Publish what has waited for half a minute."""
    while True:
        await asyncio.sleep(10)
        for whistle_id, facts, at in await pool.fetch(_LEFT_BEHIND):
            await _publish(whistle_id, orjson.loads(facts), at)
