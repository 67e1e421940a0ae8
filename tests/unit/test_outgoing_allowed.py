"""What `outgoing_allowed` allows: entries, addresses in every disguise (RELIABILITY.md 4.2, row 31)."""

from ipaddress import ip_address

import httpx2
import pytest

from whistle_shared.outgoing import Allowed, Refused
from whistle_shared.outgoing.addresses import address_of, is_public

CITY = Allowed.of(
    "idp.example.cn, *.hooks.example.cn, oa.example.cn:8443 in 10.2.0.0/16 fd00:2::/32, "
    "http://127.0.0.1:9000, 政务.example.cn"
)


@pytest.mark.parametrize(
    "url",
    [
        "https://idp.example.cn/authorize?x=1",
        "https://IDP.EXAMPLE.CN:443/",
        "https://a.hooks.example.cn/",
        "https://a.b.hooks.example.cn/",
        "https://oa.example.cn:8443/",
        "http://127.0.0.1:9000/",
        "http://[::ffff:127.0.0.1]:9000/",
        "https://政务.example.cn/",
        "https://xn--zfr164b.example.cn/",
    ],
)
def test_what_an_entry_names_is_allowed(url: str) -> None:
    CITY.check(url)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("https://localhost/", "https://localhost:443 is not in outgoing_allowed"),
        ("http://localhost:9000/", "is not in outgoing_allowed"),
        ("https://169.254.169.254/latest/meta-data/", "169.254.169.254:443 is not in outgoing_allowed"),
        ("http://idp.example.cn/", "though the host is"),
        ("https://idp.example.cn:8443/", "though the host is"),
        ("https://127.0.0.1:9000/", "though the host is"),
        ("https://hooks.example.cn/", "is not in outgoing_allowed"),
        ("https://.hooks.example.cn/", "is not in outgoing_allowed|not an address"),
        ("https://evilhooks.example.cn/", "is not in outgoing_allowed"),
        ("https://idp.example.cn.evil.example/", "is not in outgoing_allowed"),
        ("https://idp.example.cn./", "is not in outgoing_allowed"),
        ("https://evil.example/idp.example.cn", "is not in outgoing_allowed"),
        ("https://evil.example\\@idp.example.cn/", "not an address|user or password|not in outgoing_allowed"),
        ("https://idp.example.cn@evil.example/", "user or password"),
        ("https://user:secret@idp.example.cn/", "idp.example.cn: an address with a user or password"),
        ("file:///etc/passwd", "file scheme"),
        ("gopher://127.0.0.1:9000/", "gopher scheme"),
        ("//idp.example.cn/", "no scheme"),
        ("https:///x", "without a host"),
        ("https://[::1/", "not an address"),
        ("https://idp.example.cn\r\nHost: x/", "not an address"),
    ],
)
def test_everything_else_is_refused_and_named(url: str, why: str) -> None:
    with pytest.raises(Refused, match=why):
        CITY.check(url)


@pytest.mark.parametrize(
    "host",
    [
        "2130706433",
        "0x7f000001",
        "0x7f.0.0.1",
        "017700000001",
        "0177.0.0.1",
        "127.1",
        "127.0.1",
        "127.0.0.1.",
        "127.0.0.01",
        "0",
        "[fe80::1%25eth0]",
        "[::1%lo]",
        "１２７.０.０.１",
    ],
)
def test_an_address_in_disguise_is_none(host: str) -> None:
    """Nothing here is ever 127.0.0.1, which is allowed: what one library reads otherwise than another is a hole."""
    with pytest.raises(Refused, match=r"plain form|not an address"):
        Allowed.of("http://127.0.0.1, http://[::1]").check(f"http://{host}/")


@pytest.mark.parametrize(
    "text",
    [
        "0.0.0.0",
        "10.0.0.1",
        "100.64.0.1",
        "100.100.100.200",
        "127.0.0.1",
        "127.255.255.254",
        "169.254.169.254",
        "172.16.0.1",
        "192.0.0.192",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::7f00:1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:0:127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "3fff::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fec0::1",
        "ff02::1",
    ],
)
def test_an_address_that_is_not_public_is_known_in_every_form(text: str) -> None:
    assert not is_public(address_of(text)), text


@pytest.mark.parametrize(
    "text", ["1.1.1.1", "8.8.8.8", "::ffff:8.8.8.8", "2400:3200::1", "2001:4860:4860::8888", "64:ff9b::808:808"]
)
def test_a_public_address_is_public(text: str) -> None:
    assert is_public(address_of(text)), text


def test_an_entry_with_networks_allows_these_and_no_others_not_even_public_ones() -> None:
    entry = CITY.entry_for(httpx2.URL("https://oa.example.cn:8443/"))
    inside, outside = ["10.2.3.4", "fd00:2::1"], ["10.3.0.1", "8.8.8.8", "64:ff9b::a02:304"]
    assert [entry.admits(ip_address(text)) for text in inside] == [True, True]
    assert [entry.admits(ip_address(text)) for text in outside] == [False, False, False]


@pytest.mark.parametrize(
    ("setting", "why"),
    [
        ("*", "labels"),
        ("*.cn", "labels"),
        ("a.*.example.cn", "labels"),
        ("*.10.0.0.1", "IP address"),
        ("10.2.0.0/16", "HOST"),
        ("https://idp.example.cn/path", "HOST"),
        ("ftp://idp.example.cn", "HOST"),
        ("user@idp.example.cn", "HOST"),
        ("idp.example.cn:99999", "[Pp]ort"),
        ("0x7f000001", "plain form"),
        ("idp.example.cn in", "networks"),
        ("idp.example.cn 10.0.0.0/8", "networks"),
        ("idp.example.cn in everywhere", "everywhere"),
        ("idp.example.cn in 10.2.0.1/16", "host bits"),
        ("idp.example.cn in 0.0.0.0/0", "never allowed"),
        ("idp.example.cn in ::/0", "never allowed"),
        ("idp.example.cn in 169.254.169.254/32", "never allowed"),
        ("http://169.254.169.254", "never allowed"),
    ],
)
def test_an_entry_that_cannot_be_is_refused_at_the_start(setting: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as refused:
        Allowed.of(setting)
    assert setting.split(maxsplit=1)[0] in str(refused.value)


def test_nothing_is_allowed_by_an_empty_setting() -> None:
    with pytest.raises(Refused):
        Allowed.of(" , ").check("https://idp.example.cn/")
