"""Which addresses on the network may be called: the setting `outgoing_allowed`, read once.

Entries with commas between, each `[http://]HOST[:PORT] [in NETWORK …]`:

    idp.example.cn                                that host by https on port 443, at public addresses only
    *.hooks.example.cn                            any name below hooks.example.cn, but not hooks.example.cn itself
    oa.example.cn:8443 in 10.2.0.0/16             that host on port 8443, in that network only
    http://127.0.0.1:9000                         plain http, which only an entry that says so allows; this very address

Nothing is allowed that no entry names.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx2

from whistle_shared.outgoing.addresses import Address, Network, address_of, is_public, network_of
from whistle_shared.outgoing.refused import Refused

_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that may be called. `host` is in lower case and ASCII; `networks` empty: public addresses only."""

    scheme: str
    host: str
    port: int
    networks: tuple[Network, ...] = ()

    def names(self, host: str) -> bool:
        """Whether a host's name is meant."""
        if self.host.startswith("*."):
            return host.endswith(self.host[1:]) and len(host) > len(self.host[1:])
        return host == self.host

    def admits(self, address: Address) -> bool:
        """Whether the host may be reached there."""
        if self.networks:
            return any(address in network for network in self.networks)
        return is_public(address)


class Allowed:
    """All entries. Raises ValueError naming the entry that cannot be."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._entries = tuple(entries)

    @classmethod
    def of(cls, setting: str) -> "Allowed":
        """From the setting; an empty one allows nothing."""
        return cls(_entry(text.strip()) for text in setting.split(",") if text.strip())

    def entry_for(self, url: httpx2.URL) -> Entry:
        """The entry by which this address may be called. Raises Refused that says what is wrong with it."""
        if url.scheme not in _PORTS:
            raise Refused(f"{url.scheme or 'no'} scheme: only https is called")
        if url.userinfo:
            raise Refused(f"{url.host}: an address with a user or password in it")
        host, port = _host_of(url), url.port or _PORTS[url.scheme]
        named = [entry for entry in self._entries if entry.names(host)]
        found = next((entry for entry in named if (entry.scheme, entry.port) == (url.scheme, port)), None)
        if found is None:
            asked = f"{url.scheme}://{host}:{port}"
            raise Refused(f"{asked} is not in outgoing_allowed" + (", though the host is" if named else ""))
        return found

    def place(self, host: str, port: int) -> Entry:
        """The entry by which a host may be reached at a port, for what does not speak HTTP. Raises Refused."""
        found = next((entry for entry in self._entries if entry.port == port and entry.names(host.lower())), None)
        if found is None:
            raise Refused(f"{host}:{port} is not in outgoing_allowed")
        return found

    def check(self, url: str) -> None:
        """For an address somebody types in: refuse now what would be refused later. Names are not resolved here.

        Raises Refused.
        """
        self.entry_for(_parsed(url))


def _parsed(url: str) -> httpx2.URL:
    try:
        return httpx2.URL(url)
    except (httpx2.InvalidURL, UnicodeError) as error:
        raise Refused(f"not an address: {error}") from None


def _host_of(url: httpx2.URL) -> str:
    """The host in one spelling. Raises Refused for an address in any but its canonical one."""
    host = url.raw_host.decode("ascii").lower()
    if not host:
        raise Refused("an address without a host")
    if not _looks_numeric(host):
        return host
    try:
        return str(address_of(host))
    except ValueError:
        raise Refused(f"{host}: an IP address not written in its plain form") from None


def _looks_numeric(host: str) -> bool:
    """As browsers decide it: IPv6, or a last label that is a number, hexadecimal too; then it is no name."""
    last = host.rstrip(".").rpartition(".")[2]
    return ":" in host or last.isdigit() or last.startswith("0x")


def _entry(text: str) -> Entry:
    where, *rest = text.split()
    if rest[:1] not in ([], ["in"]) or rest == ["in"]:
        raise ValueError(f"outgoing_allowed: {text!r}: after the host comes nothing, or `in` and networks")
    try:
        scheme, host, port = _where(where)
        networks = tuple(map(network_of, rest[1:]))
        if not networks and _looks_numeric(host):
            networks = (network_of(host),)
    except (ValueError, httpx2.TransportError, httpx2.InvalidURL) as error:
        raise ValueError(f"outgoing_allowed: {text!r}: {error}") from None
    return Entry(scheme, host, port, networks)


def _where(where: str) -> tuple[str, str, int]:
    """`*.hooks.example.cn:8443` → scheme, host and port."""
    parts = urlsplit(where if "://" in where else f"https://{where}")
    if parts.path or parts.query or parts.fragment or parts.username is not None or parts.scheme not in _PORTS:
        raise ValueError("an entry is [http://]HOST[:PORT]")
    name = parts.hostname or ""
    wild = name.startswith("*.")
    below = name.removeprefix("*.")
    if "*" in below or (wild and "." not in below):
        raise ValueError("`*.` stands in front of a name of at least two labels, and nowhere else")
    host = _host_of(_parsed(f"{parts.scheme}://[{below}]" if ":" in below else f"{parts.scheme}://{below}"))
    if wild and _looks_numeric(host):
        raise ValueError("`*.` does not go with an IP address")
    return parts.scheme, "*." + host if wild else host, parts.port or _PORTS[parts.scheme]
