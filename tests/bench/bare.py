"""The yardstick: the least that FastAPI and asyncpg must do to keep one whistle: validate, insert one row, answer."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import asyncpg
from fastapi import FastAPI
from pydantic import BaseModel

SCHEMA = (
    "create table whistle(whistle_id uuid primary key, kind text, urgency text, street text, grid text, category text, "
    "title text, description text, place text, beyond_power_reason text, blown_at timestamptz not null default now())"
)
_INSERT = "insert into whistle values($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"


class Whistle(BaseModel):
    kind: str
    urgency: str
    street: str
    grid: str
    category: str
    title: str
    description: str
    place: str
    beyond_power_reason: str


@asynccontextmanager
async def _pool(app: FastAPI) -> AsyncIterator[None]:
    async with asyncpg.create_pool(os.environ["BENCH_DATABASE_URL"], min_size=10, max_size=10) as pool:
        app.state.pool = pool
        yield


app = FastAPI(lifespan=_pool)


@app.post("/api/v1/whistles", status_code=201)
async def raise_whistle(body: Whistle) -> dict[str, str]:
    whistle_id = uuid4()
    await app.state.pool.execute(_INSERT, whistle_id, *body.model_dump().values())
    return {"whistle_id": str(whistle_id)}
