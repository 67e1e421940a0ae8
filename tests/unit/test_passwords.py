"""Which passwords will do, what is kept of them, how long failures close an account, the digits of a device. Pure."""

from datetime import UTC, datetime, timedelta
from math import log2
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whistle_shared.auth import LONGEST, SHORTEST, Strangers, initial_password, passwords, weakness
from whistle_shared.auth import second_factor as factor
from whistle_shared.auth.accounts import username_of
from whistle_shared.auth.lockout import FREE, Failures
from whistle_shared.entrance.devices import device_of
from whistle_shared.errors import Invalid
from whistle_shared.keyring import Keyring, Unreadable, new_key

NOW = datetime(2026, 6, 1, 1, 0, tzinfo=UTC)


def test_the_parameters_of_argon2_are_those_of_rfc_9106() -> None:
    assert (passwords.PASSES, passwords.KIB, passwords.LANES) == (3, 65_536, 4)


@pytest.mark.parametrize(
    ("password", "about", "why"),
    [
        ("elevenchars", (), "short"),
        ("ﬁxk7q-2vw9z", (), None),  # a ligature is two letters
        ("x" * (LONGEST + 1), (), "long"),
        ("passwordpassword", (), "guessable"),
        ("qwertyuiopasdf", (), "guessable"),
        ("aaaaaaaaaaaaaaaa", (), "guessable"),
        ("zhangsanfeng-zhangsanfeng", ("zhangsanfeng", "张三丰"), "guessable"),
        ("Wang Jianguo Wang", ("wangjg", "Wang Jianguo"), "guessable"),
        ("张三丰张三丰张三丰张三丰！", ("zhangsan", "张三丰"), "guessable"),
        ("吹哨报到吹哨报到吹哨报到", (), "guessable"),
        ("granite lamp over seven rivers", (), None),
        ("秋天的西山红叶比春天的花好看", (), None),
        ("no rules of composition here", ("zhang",), None),
        ("k7#" * 42, (), "guessable"),
    ],
)
def test_length_and_guessing_decide_and_nothing_else(password: str, about: tuple[str, ...], why: str | None) -> None:
    assert weakness(password, about) == why


@settings(deadline=None, max_examples=50)
@given(st.text(min_size=0, max_size=200))
def test_whatever_is_typed_is_judged(password: str) -> None:
    assert weakness(password, ("zhang", "")) in (None, "short", "long", "guessable")


def test_initial_passwords_will_do_and_never_come_twice() -> None:
    made = {initial_password() for _ in range(500)}
    assert len(made) == 500
    assert {weakness(password) for password in made} == {None}
    assert all(len(password) >= SHORTEST for password in made)


def test_a_password_is_one_however_it_is_written() -> None:
    kept = passwords.hash_password("Åse går på ｆｕｌｌ width")
    assert passwords.is_password(kept, "Åse går på full width")
    assert not passwords.is_password(kept, "åse går på full width")
    assert not passwords.is_password("", "x")


def test_failures_close_for_longer_and_longer_and_for_an_hour_at_most() -> None:
    failed, spans = Failures(), []
    for _ in range(FREE - 1):
        failed = failed.and_one_more(NOW)
        assert failed.locked_for(NOW) is None
    for _ in range(20):
        failed = failed.and_one_more(NOW)
        spans.append(failed.locked_for(NOW))
    minutes = [span.total_seconds() / 60 for span in spans if span]
    assert minutes == [1, 2, 4, 8, 16, 32] + [60] * 14


def test_a_day_after_the_last_closing_all_is_forgotten() -> None:
    failed = Failures(12, NOW)
    assert failed.and_one_more(NOW + timedelta(hours=23)).count == 13
    assert failed.and_one_more(NOW + timedelta(hours=25)) == Failures(1)


def test_strangers_are_many_and_only_so_many_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("whistle_shared.auth.lockout._MOST_STRANGERS", 3)
    strangers = Strangers()
    for name in ("a", "b", "c", "a", "d"):
        strangers.fails(name, NOW)
    assert [strangers.failures(name).count for name in "abcd"] == [2, 0, 1, 1]
    for _ in range(9):
        strangers.fails("d", NOW)
    assert strangers.failures("d").count == FREE


@pytest.mark.parametrize(
    ("typed", "spelt"), [(" Wang.Min ", "wang.min"), ("ＷＡＮＧ", "wang"), ("Straße", "strasse"), ("王建国", "王建国")]
)
def test_a_username_is_one_however_it_is_typed(typed: str, spelt: str) -> None:
    """INVARIANT: a username is one account's however it is typed (NFKC, case folded)."""
    assert username_of(typed) == spelt == username_of(spelt)


@pytest.mark.parametrize("typed", ["", "a", "x" * 65, "two words", "a/b", "a\x00b", "<b>", "%"])
def test_what_is_no_username_is_refused(typed: str) -> None:
    with pytest.raises(Invalid):
        username_of(typed)


def test_a_secret_opens_for_its_own_account_only() -> None:
    keyring, secret = Keyring(new_key()), factor.new_secret()
    sealed = factor.seal_secret(keyring, UUID(int=1), secret)
    assert factor.open_secret(keyring, UUID(int=1), sealed) == secret
    with pytest.raises(Unreadable):
        factor.open_secret(keyring, UUID(int=2), sealed)


def test_digits_belong_to_a_step_and_one_before_and_after() -> None:
    """The vectors of RFC 6238, appendix B (SHA-1, the last six digits)."""
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    at = datetime.fromtimestamp(1111111109, UTC)
    assert factor.step_of(secret, "081804", at) == 1111111109 // 30
    assert factor.step_of(secret, "08 18 04", at + timedelta(seconds=30)) == 1111111109 // 30
    assert factor.step_of(secret, "081804", at - timedelta(seconds=30)) == 1111111109 // 30
    assert factor.step_of(secret, "081804", at + timedelta(seconds=65)) is None
    for wrong in ("", "8180", "0818040", "٠٨١٨٠٤", "abcdef", "081804\x00"):
        assert factor.step_of(secret, wrong, at) is None


def test_a_recovery_code_is_used_up_and_belongs_to_one_account() -> None:
    codes = factor.new_recovery_codes()
    assert len(set(codes)) == 10
    kept = [factor.digest_of_code(UUID(int=1), code) for code in codes]
    assert not set(kept) & set(codes)
    left = factor.left_without(UUID(int=1), kept, codes[4].upper())
    assert left == kept[:4] + kept[5:]
    assert factor.left_without(UUID(int=1), left or [], codes[4]) is None
    assert factor.left_without(UUID(int=2), kept, codes[0]) is None
    assert factor.left_without(UUID(int=1), kept, "") is None


def test_a_recovery_code_is_too_long_to_be_found_from_its_digest() -> None:
    """OWASP ASVS 5.0, 6.5.2: what is kept by a fast digest has 112 bits or more."""
    letters = "".join(code.replace("-", "") for _ in range(50) for code in factor.new_recovery_codes())
    each = len(factor.new_recovery_codes()[0].replace("-", ""))
    assert each * log2(len(set(letters))) >= 112


def test_the_picture_for_a_camera_has_no_style() -> None:
    picture = factor.picture_of(factor.new_secret(), "王建国", "Whistle intake")
    assert picture.startswith("<svg ")
    assert "style" not in picture
    assert "http" not in picture


@pytest.mark.parametrize(
    ("agent", "shown"),
    [
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/130.0 Safari/537.36", "Chrome · Windows"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/130.0 Safari/537.36 Edg/130.0", "Edge · Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) MicroMessenger/8.0", "微信 · iPhone"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 14_0) AppleWebKit/605 Version/18 Safari/605", "Safari · macOS"),
        ("Mozilla/5.0 (Linux; Android 14; HarmonyOS) Chrome/114 Mobile Safari", "Chrome · HarmonyOS"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko Firefox/132.0", "Firefox · Linux"),
        ("curl/8.5.0 " + "x" * 100, ("curl/8.5.0 " + "x" * 100)[:60]),
        ("", ""),
    ],
)
def test_a_device_is_named_so_that_people_know_it_again(agent: str, shown: str) -> None:
    assert device_of(agent) == shown
