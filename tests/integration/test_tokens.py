"""Tokens: hashed at rest, with a role and a scope, ended by revocation or by time."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy.exc import DBAPIError

from support.sabotage import failing_updates
from support.waiting import until
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
        revoke_token(unit, caller.id)
    seconds[0] += 5.1
    with pytest.raises(Unauthenticated):
        await tokens.caller(token)


@pytest.mark.parametrize(
    ("role", "scope"),
    [
        ("handler", "CGJ,PSGS"),
        ("street_approver", ""),
        ("mayor", "*"),
        ("street_initiator", "*"),
        ("department_head", "*"),
    ],
)
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
    role = "operations" if scope == "*" else "street_initiator"
    caller: Caller = await Tokens(workshop.engine("intake")).caller(await make(workshop, role, scope))
    assert caller.covers(owner) is covered


async def test_a_role_that_may_not_is_told_which_right_it_takes(workshop: Workshop) -> None:
    caller = await Tokens(workshop.engine("intake")).caller(await make(workshop))
    caller.needs("whistle.blow")
    with pytest.raises(Forbidden, match=r"'street_initiator' may not do this; it takes the right 'whistle.sign'"):
        caller.needs("whistle.sign")


async def test_a_token_that_names_a_grid_covers_no_other_and_one_that_names_a_section_is_no_narrower(
    workshop: Workshop,
) -> None:
    async with workshop.group().unit() as unit:
        made = {
            role: create_token(unit, role, role, scope, part=part)
            for role, scope, part in (
                ("grid_officer", "S01", "S01-G001"),
                ("handler", "CGJ", "路灯科"),
                ("community", "S01", None),
            )
        }
    tokens = Tokens(workshop.engine("intake"))
    officer, handler, community = [await tokens.caller(token) for token in made.values()]
    assert [officer.covers_place("S01", grid) for grid in ("S01-G001", "S01-G002", None)] == [True, False, False]
    assert not officer.covers_place("S02", "S01-G001")
    assert (handler.part, handler.grid) == ("路灯科", None)
    assert all(community.covers_place("S01", grid) for grid in ("S01-G001", None))


async def test_a_token_ends_within_a_year(workshop: Workshop) -> None:
    """INVARIANT: a token ends with its last day or by being revoked; nobody can make one that never ends."""
    await make(workshop)
    [row] = await workshop.rows("intake", "select expires_at from api_token")
    assert timedelta(days=364) < row.expires_at - wall_now() <= timedelta(days=365)
    with pytest.raises(ValueError, match="within 365 days"):
        await make(workshop, lasts=timedelta(days=366))


async def used(workshop: Workshop) -> tuple[datetime | None, str | None]:
    """When and from where the only token was last used, by its row."""
    [row] = await workshop.rows("intake", "select used_at, used_from from api_token")
    return row.used_at, row.used_from


async def test_a_tokens_last_use_is_noted_later_and_never_by_the_request(workshop: Workshop) -> None:
    """INVARIANT: noting that a token was used costs a request nothing: a duty writes it down."""
    token, tokens, group = await make(workshop), Tokens(workshop.engine("intake")), workshop.group()
    await tokens.caller(token, "192.0.2.1")
    await tokens.caller(token, "192.0.2.2")
    assert await used(workshop) == (None, None)
    await tokens.note_uses(group)
    at, address = await used(workshop)
    assert at is not None
    assert timedelta(0) < wall_now() - at < timedelta(minutes=1)
    assert address == "192.0.2.2"
    await tokens.note_uses(group)
    assert await used(workshop) == (at, address), "unused since"
    with pytest.raises(Unauthenticated):
        await tokens.caller("wst_unknown", "192.0.2.3")
    await tokens.note_uses(group)
    assert await used(workshop) == (at, address)


async def test_a_process_that_is_late_does_not_set_a_last_use_back(workshop: Workshop) -> None:
    token, group = await make(workshop), workshop.group()
    late, early = Tokens(workshop.engine("intake")), Tokens(workshop.engine("intake"))
    await late.caller(token, "192.0.2.1")
    await early.caller(token, "192.0.2.2")
    await early.note_uses(group)
    await late.note_uses(group)
    assert (await used(workshop))[1] == "192.0.2.2"


async def test_a_use_that_could_not_be_noted_is_noted_the_next_time(workshop: Workshop) -> None:
    token, tokens = await make(workshop), Tokens(workshop.engine("intake"))
    await tokens.caller(token, "192.0.2.1")
    async with failing_updates(workshop.engine("intake"), "api_token", "57P01"):
        with pytest.raises(DBAPIError):
            await tokens.note_uses(workshop.group())
    await tokens.note_uses(workshop.group())
    assert (await used(workshop))[1] == "192.0.2.1"


async def test_a_running_service_notes_uses_by_itself_and_at_its_end(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens_module, "_EVERY", 0.05)
    token, service = await make(workshop), await workshop.start("intake")
    await service.tokens.caller(token, "192.0.2.1")

    async def noted() -> bool:
        return (await used(workshop))[1] == "192.0.2.1"

    await until(noted, "the use to be noted")
    monkeypatch.setattr(tokens_module, "_EVERY", 3600)
    await workshop.stop(service)
    service = await workshop.start("intake")
    await service.tokens.caller(token, "192.0.2.2")
    await workshop.stop(service)
    assert (await used(workshop))[1] == "192.0.2.2"
