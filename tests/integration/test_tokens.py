"""Tokens: hashed at rest, with a role and a scope, ended by revocation or by time."""

from datetime import timedelta

import pytest

from support.workshop import Workshop
from whistle_shared.auth import Caller, Forbidden, Tokens, Unauthenticated, create_token, revoke_token
from whistle_shared.auth import tokens as tokens_module
from whistle_shared.timesource import wall_now


async def make(
    workshop: Workshop, role: str = "street_initiator", scope: str = "S01", lasts: timedelta | None = None
) -> str:
    """A token at intake."""
    async with workshop.group().unit() as unit:
        return create_token(unit, "值班室", role, scope, wall_now() + lasts if lasts else None)


async def test_a_token_is_its_holder_and_only_its_digest_is_kept(workshop: Workshop) -> None:
    token = await make(workshop)
    caller = await Tokens(workshop.engine("intake")).caller(token)
    assert (caller.name, caller.role, caller.scope) == ("值班室", "street_initiator", "S01")
    [row] = await workshop.rows("intake", "select t::text as everything from api_token t")
    assert token not in row.everything
    assert token.removeprefix("wst_") not in row.everything


@pytest.mark.parametrize("token", [None, "", "wst_unknown", "x" * 201, "令牌", "wst_\x00"])
async def test_what_is_no_token_opens_nothing(workshop: Workshop, token: str | None) -> None:
    with pytest.raises(Unauthenticated):
        await Tokens(workshop.engine("intake")).caller(token)


async def test_an_expired_token_opens_nothing(workshop: Workshop) -> None:
    expired = await make(workshop, lasts=timedelta(seconds=-1))
    valid = await make(workshop, lasts=timedelta(hours=1))
    with pytest.raises(Unauthenticated):
        await Tokens(workshop.engine("intake")).caller(expired)
    assert (await Tokens(workshop.engine("intake")).caller(valid)).name == "值班室"


async def test_a_revoked_token_is_forgotten_within_five_seconds(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = [1_000.0]
    monkeypatch.setattr(tokens_module, "monotonic", lambda: seconds[0])
    token, tokens = await make(workshop), Tokens(workshop.engine("intake"))
    caller = await tokens.caller(token)
    async with workshop.group().unit() as unit:
        revoke_token(unit, caller.token_id)
    seconds[0] += 5.1
    with pytest.raises(Unauthenticated):
        await tokens.caller(token)


@pytest.mark.parametrize(("role", "scope"), [("mayor", "*"), ("street_initiator", "*"), ("department_head", "*")])
async def test_a_token_that_makes_no_sense_is_not_made(workshop: Workshop, role: str, scope: str) -> None:
    with pytest.raises(ValueError, match=role):
        await make(workshop, role, scope)
    assert await workshop.count("intake", "api_token") == 0


@pytest.mark.parametrize(
    ("scope", "owner", "covered"),
    [("S01", "S01", True), ("S01", "S02", False), ("*", "S02", True), ("S01", "*", False)],
)
async def test_a_scope_covers_its_own_or_everything(workshop: Workshop, scope: str, owner: str, covered: bool) -> None:
    """INVARIANT: a caller sees and changes only what its scope covers; the rest does not exist for it (404)."""
    role = "district" if scope == "*" else "street"
    caller: Caller = await Tokens(workshop.engine("intake")).caller(await make(workshop, role, scope))
    assert caller.covers(owner) is covered


async def test_a_role_that_may_not_is_told_who_may(workshop: Workshop) -> None:
    caller = await Tokens(workshop.engine("intake")).caller(await make(workshop))
    with pytest.raises(Forbidden, match="district or operations"):
        caller.needs("district", "operations")
