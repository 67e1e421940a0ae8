"""What an IP address really is: public or not, also where it carries another address inside."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
# Not all Python versions that we run on know these in `is_global`: protocol assignments, 6to4 (which carries any IPv4
# address) and its relays, documentation.
_NOT_PUBLIC: tuple[Network, ...] = tuple(map(ip_network, ("192.0.0.0/24", "192.88.99.0/24", "2002::/16", "3fff::/20")))
_NEVER: tuple[Network, ...] = tuple(
    map(
        ip_network,
        (
            "0.0.0.0/8",
            "169.254.0.0/16",
            "224.0.0.0/3",
            "64:ff9b::/96",
            "2002::/16",
            "fe80::/10",
            "fec0::/10",
            "ff00::/8",
        ),
    )
)


def address_of(text: str) -> Address:
    """The address that a canonical literal names; an IPv4 one mapped into IPv6 (`::ffff:…`) is the IPv4 one.

    Raises ValueError for any other spelling (octal, hexadecimal, short, decimal) and for zone ids.
    """
    if "%" in text:
        raise ValueError("an address with a zone id")
    found = ip_address(text)
    return (isinstance(found, IPv6Address) and found.ipv4_mapped) or found


def is_public(address: Address) -> bool:
    """Whether the whole Internet can reach it, by the IANA registries.

    Of IPv6 only 2000::/3 counts; NAT64's well-known prefix is judged by the IPv4 address it carries (RFC 6052).
    """
    if address in _NAT64:
        return is_public(IPv4Address(int(address) & 0xFFFF_FFFF))
    if any(address in network for network in _NOT_PUBLIC):
        return False
    if isinstance(address, IPv4Address):
        return address.is_global and not address.is_multicast and not address.is_reserved
    return address in _GLOBAL_UNICAST and address.is_global


def network_of(text: str) -> Network:
    """A network in CIDR notation that may be named as allowed.

    Raises ValueError for one that is none, and for one that reaches into link-local (the metadata of clouds lives
    there), multicast, or addresses which carry other addresses; so also for one as wide as everything.
    """
    network = ip_network(text)
    for never in _NEVER:
        if network.version == never.version and network.overlaps(never):
            raise ValueError(f"{network} reaches into {never}, which is never allowed")
    return network
