"""Which of the addresses that ask are proxies, and which count as one."""

import re
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Networks = Sequence[IPv4Network | IPv6Network]

UNIX_SOCKET = "unix"  # has no address to name
# What one household or company is given of IPv6.
IPV6_PREFIX = 64
# As proxies write it; without brackets an IPv6 address has no port.
WITH_PORT = re.compile(
    r"(?:\[(?P<bracketed>[^\[\]]+)\](?::\d{1,5})?|(?P<plain>[^:]+):\d{1,5})"
)


def networks_of(words: Sequence[str]) -> Networks:
    """The networks among the words of `TRUSTED_PROXIES`."""
    return [ip_network(word) for word in words if word != UNIX_SOCKET]


def is_within(text: str, networks: Networks) -> bool:
    """Whether the text is an address of one of the networks."""
    if not is_address(text):
        return False
    address = ip_address(text)
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return any((mapped or address) in network for network in networks)


def is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def without_port(text: str) -> str:
    """The address of "1.2.3.4:5678" or "[::1]:80"; any other text as it is."""
    found = WITH_PORT.fullmatch(text)
    return text if found is None else found["bracketed"] or found["plain"]


def normalized_address(address: str) -> str:
    """The network that counts as one address; as it is where it is none (a socket)."""
    if not is_address(address):
        return address[:50]
    read = ip_address(address)
    if not isinstance(read, IPv6Address):
        return str(read)
    if read.ipv4_mapped is not None:
        return str(read.ipv4_mapped)
    return str(ip_network((int(read), IPV6_PREFIX), strict=False))
