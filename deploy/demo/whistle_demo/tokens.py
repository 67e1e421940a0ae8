"""Bearer tokens for the cast, minted before the services start: what an operator does with `whistlectl token create`,
here in one transaction per service process instead of one command per token.
"""

from collections.abc import Sequence

from whistle_shared import auth, db
from whistle_shared.timesource import AffineTime

Holder = tuple[str, str]


async def mint(database_url: str, holders: Sequence[Holder]) -> dict[Holder, str]:
    """A token for each (role, scope) in that process's database."""
    engine = db.make_engine(database_url, pool_size=2, name="demo")
    try:
        async with db.Group(engine, "demo", AffineTime(), _load_nothing, db.Outbox()).unit() as unit:
            return {holder: auth.create_token(unit, " ".join(("demo", *holder)), *holder) for holder in holders}
    finally:
        await engine.dispose()


async def _load_nothing(unit: object, works: object) -> None:
    """Tokens need nothing read beforehand."""
