"""From claims to a person: what maps, what does not, and that nothing is given by default."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from whistle_shared.keyring import Keyring, new_key
from whistle_shared.openid import LASTING, Attempt, NotMapped, Rules, identity_of

RULES = Rules(
    {
        "heads": "department_head",
        "staff": "handler",
        "grid": "grid_officer",
        "it": "administrator@*",
        "inspection": "inspector",
    }
)
NOW = datetime(2026, 6, 1, 1, 0, tzinfo=UTC)


def claims(*groups: str, **more: Any) -> dict[str, Any]:
    return {"sub": "u1", "name": "张伟", "groups": list(groups)} | more


@pytest.mark.parametrize(
    ("said", "role", "scope", "part"),
    [
        (claims("staff", whistle_scope="CGJ"), "handler", "CGJ", None),
        (claims("staff", "heads", whistle_scope=["CGJ"]), "department_head", "CGJ", None),
        (claims("other", "grid", whistle_scope="S01", whistle_part="S01-3"), "grid_officer", "S01", "S01-3"),
        (claims("it"), "administrator", "*", None),
        (claims("it", whistle_scope="CGJ"), "administrator", "*", None),
        (claims("inspection", whistle_scope="CGJ"), "inspector", "*", None),
        (claims() | {"groups": "staff", "whistle_scope": "CGJ"}, "handler", "CGJ", None),
    ],
)
def test_a_claim_gives_a_role_and_a_scope(said: dict[str, Any], role: str, scope: str, part: str | None) -> None:
    person = RULES.person_of(said)
    assert (person.name, person.role, person.scope, person.part) == ("张伟", role, scope, part)


@pytest.mark.parametrize(
    "said",
    [
        claims(),
        claims("other"),
        claims("staff "),
        claims("STAFF", whistle_scope="CGJ"),
        {"sub": "u1", "name": "张伟"},
        claims() | {"groups": None},
        claims() | {"groups": {"staff": True}},
        claims() | {"groups": [["staff"], 7]},
        claims("staff"),
        claims("staff", whistle_scope=""),
        claims("staff", whistle_scope=" "),
        claims("staff", whistle_scope="*"),
        claims("staff", whistle_scope=["CGJ", "GA"]),
        claims("staff", whistle_scope=7),
        claims("grid", whistle_scope="S01", whistle_part=["a", "b"]),
    ],
)
def test_no_claim_no_role(said: dict[str, Any]) -> None:
    """INVARIANT: no claim, no role: nothing is given that neither a claim nor the operator's mapping names."""
    with pytest.raises(NotMapped):
        RULES.person_of(said)


def test_an_administrators_scope_is_never_supplied() -> None:
    with pytest.raises(NotMapped, match="exactly one scope"):
        Rules({"it": "administrator"}).person_of(claims("it"))


def test_a_claim_may_lie_deeper_and_a_name_with_dots_is_a_name_first() -> None:
    deep = Rules({"staff": "handler"}, "realm_access.roles", "https://city.example.cn/scope")
    said = {"sub": "u", "realm_access": {"roles": ["staff"]}, "https://city.example.cn/scope": "CGJ"}
    assert deep.person_of(said).scope == "CGJ"


@pytest.mark.parametrize("given", ["boss", "handler@*", "administrator@", "inspector@CGJ", ""])
def test_a_mapping_that_cannot_be_is_refused_at_the_start(given: str) -> None:
    with pytest.raises(ValueError, match="oidc_roles: 'x'"):
        Rules({"x": given})


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ({"amr": ["pwd", "mfa"]}, True),
        ({"acr": "mfa"}, True),
        ({"amr": ["pwd"]}, False),
        ({"amr": "pwd", "acr": 2}, False),
        ({}, False),
    ],
)
def test_a_second_factor_counts_only_where_the_provider_says_so(said: dict[str, Any], shown: bool) -> None:
    assert RULES.shows_second_factor(said) is shown


def test_a_name_is_found_and_fit_to_be_shown() -> None:
    said = claims("it") | {"name": " 张\u202e伟\n" + "x" * 100, "preferred_username": "zw"}
    assert RULES.person_of(said).name == "张伟" + "x" * 78
    assert RULES.person_of(said | {"name": 7}).name == "zw"


def test_usernames_are_told_apart_by_issuer_and_subject() -> None:
    one = identity_of("https://a.example.cn", {"sub": "u1", "preferred_username": "Zhang.Wei!"})
    assert one[0] == "u1"
    assert one[1].startswith("Zhang.Wei@sso-")
    others = [
        identity_of("https://b.example.cn", {"sub": "u1", "preferred_username": "Zhang.Wei"}),
        identity_of("https://a.example.cn", {"sub": "u2", "preferred_username": "Zhang.Wei"}),
        identity_of("https://a.example.cn", {"sub": "u3"}),
    ]
    assert len({one[1], *(username for _, username in others)}) == 4
    assert all(len(username) <= 64 for _, username in others)


def test_an_attempt_is_read_back_by_its_keyring_and_in_time_only() -> None:
    ours, theirs = Keyring(new_key()), Keyring(new_key())
    attempt = Attempt.begun("https://duty.example.cn/sso/callback", "/wall", NOW)
    sealed = attempt.sealed(ours)
    assert Attempt.opened(ours, sealed, NOW + LASTING - timedelta(seconds=1)) == attempt
    assert Attempt.opened(ours, sealed, NOW + LASTING) is None
    assert Attempt.opened(ours, sealed, NOW - timedelta(seconds=1)) is None
    assert Attempt.opened(theirs, sealed, NOW) is None
    for broken in ("", "00", "zz", sealed[:-2], sealed[2:], sealed[:-2] + "00"):
        assert Attempt.opened(ours, broken, NOW) is None
    assert attempt.state not in sealed
    assert len({attempt.state, attempt.nonce, attempt.verifier}) == 3
