"""Bearer tokens for the cast and an account for whoever watches, made before the services start: what an operator does
with `whistlectl token create` and `account create`, here in one transaction per service process.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from whistle_shared import auth, db
from whistle_shared.timesource import AffineTime

Holder = tuple[str, str]


async def mint(database_url: str, holders: Sequence[Holder]) -> dict[Holder, str]:
    """A token for each (role, scope) in that process's database."""
    async with _unit(database_url) as unit:
        return {holder: auth.create_token(unit, " ".join(("demo", *holder)), *holder) for holder in holders}


async def open_account(database_url: str, holder: Holder) -> tuple[str, str]:
    """An account of this role and scope in that process's database; returns its username and its random password."""
    username, password = holder[0], auth.initial_password()
    deed = db.Deed("demo", "demo", None, None, "account.create", None, "")
    async with _unit(database_url) as unit:
        hashed = auth.hash_password(password)
        await auth.create_account(
            unit, deed, username, auth.Person("demo", *holder), password=hashed, must_change=False
        )
    return username, password


@asynccontextmanager
async def _unit(database_url: str) -> AsyncIterator[db.Unit]:
    engine = db.make_engine(database_url, pool_size=2, name="demo")
    try:
        async with db.Group(engine, "demo", AffineTime(), _load_nothing, db.Outbox()).unit() as unit:
            yield unit
    finally:
        await engine.dispose()


async def _load_nothing(unit: object, works: object) -> None:
    """Neither tokens nor accounts need anything read beforehand."""
