"""Tracking codes: short, unambiguous, of 60 secret bits, and forgiving about how they are typed."""

import secrets

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from uuid_utils.compat import uuid7

from whistle_intake import domain, store
from whistle_intake.domain.tracking import ALPHABET
from whistle_shared.keyring import Keyring, new_key

SECRETS = st.binary(min_size=8, max_size=24)
CODE = domain.code_of(bytes(range(1, 9)))


@settings(max_examples=300, deadline=None, database=None)
@given(secret=SECRETS)
def test_a_code_is_read_as_it_was_written(secret: bytes) -> None:
    code = domain.code_of(secret)
    assert [len(part) for part in code.split("-")] == [4, 4, 5]
    assert domain.code_in(code) == code
    for typed in (code.lower(), code.replace("-", ""), code.replace("-", " "), f" {code} ", code.replace("-", "－")):
        assert domain.code_in(typed) == code
    assert domain.code_in(code.translate({ord(c): chr(ord(c) + 0xFEE0) for c in ALPHABET})) == code
    assert domain.code_in(code.replace("0", "O").replace("1", "l")) == code


@settings(max_examples=200, deadline=None, database=None)
@given(secret=SECRETS, place=st.integers(0, 12), other=st.sampled_from(ALPHABET))
def test_every_single_slip_shows(secret: bytes, place: int, other: str) -> None:
    bare = domain.code_of(secret).replace("-", "")
    slipped = bare[:place] + other + bare[place + 1 :]
    assert (domain.code_in(slipped) is None) == (slipped != bare)


@pytest.mark.parametrize(
    "typed", ["", "7K4M", CODE + "0", CODE[:-1], CODE.replace(CODE[0], "U"), "井盖" * 7, "\0" * 13]
)
def test_what_cannot_be_a_code_is_none(typed: str) -> None:
    assert domain.code_in(typed) is None


def test_all_sixty_bits_are_used() -> None:
    """Each of the twelve places takes every character of the alphabet, and short secrets are refused."""
    seen = [set[str]() for _ in range(12)]
    for _ in range(2_000):
        for place, character in enumerate(domain.code_of(secrets.token_bytes(8)).replace("-", "")[:12]):
            seen[place].add(character)
    assert seen == [set(ALPHABET)] * 12
    with pytest.raises(ValueError, match="60 bits"):
        domain.code_of(b"seven..")


def test_a_code_is_made_anew_whichever_key_made_it() -> None:
    """INVARIANT: a code is kept nowhere: it is made anew from the report's id and the process's keys."""
    old, new = new_key(), new_key()
    report_id = uuid7()
    before, after, without = Keyring(old), Keyring(new, old), Keyring(new)
    code = store.new_code(before, report_id)
    tag = store.code_tags(before, code)[0]
    assert store.code_again(after, report_id, tag) == code
    assert tag in store.code_tags(after, code)
    assert store.code_again(without, report_id, tag) is None
    assert store.new_code(without, report_id) != code
    assert code.replace("-", "") not in tag


def test_a_number_leads_to_persons_and_a_tag_to_no_number() -> None:
    """24 bits: hundreds of numbers share one, so what an old backup keeps of an erased one names nobody."""
    keyring = Keyring(new_key())
    tags = {store.phone_tags(keyring, f"138{n:08d}")[0] for n in range(2_000)}
    assert {len(tag) for tag in tags} == {4}
    assert len(tags) > 1_900
