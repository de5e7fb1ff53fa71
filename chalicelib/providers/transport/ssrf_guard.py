"""Checks which IP addresses may be connected to: public ones, and private ones only where allowed (SSRF guard).

For URLs that a configuration names: a source's, or a back end's. Providers' base URLs are trusted as configured.

The ranges are IANA's registries of special-purpose addresses (RFC 6890 and its successors), copied here so that the
result does not depend on the version of Python.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from ...domain.errors import RelaisError

_PRIVATE_4 = tuple(
    IPv4Network(text)
    for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "100.64.0.0/10", "198.18.0.0/15")
)
# Link-local is where clouds serve an instance its credentials, so not even `allow_private` permits it.
_NEVER_4 = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",
        "169.254.0.0/16",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
_PRIVATE_6 = (IPv6Network("fc00::/7"), IPv6Network("::1/128"))
_GLOBAL_6 = IPv6Network("2000::/3")
_NEVER_6 = tuple(
    IPv6Network(text) for text in ("2001::/23", "2001:db8::/32", "2620:4f:8000::/48", "3fff::/20", "fd00:ec2::/32")
)
_TRANSLATED = IPv6Network("64:ff9b::/96")
"""Prefix by which an IPv6-only network reaches IPv4 (RFC 6052): the last 32 bits are the IPv4 address."""


Resolve = Callable[[str, int], list[str]]
"""Returns all addresses of a host, as `getaddrinfo` does. Raises OSError or UnicodeError."""


def resolve(host: str, port: int) -> list[str]:
    """Resolves with the system's resolver."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


class ForbiddenAddress(RelaisError):
    """A host with an address that must not be connected to. The text names the kind of address, and no more."""


def check_addresses(addresses: list[str], *, allow_private: bool) -> None:
    """Rejects a host if any of its addresses (as `getaddrinfo` returns them) is forbidden.

    Raises:
        ForbiddenAddress: for the first such address.
    """
    for text in addresses:
        address = ip_address(text.partition("%")[0])
        if not may_be_reached(address, allow_private=True):
            raise ForbiddenAddress("the host's address is one that nothing is fetched from or sent to")
        if not allow_private and not may_be_reached(address, allow_private=False):
            raise ForbiddenAddress("the host's address is not public: allow_private = true would allow it")


def may_be_reached(address: IPv4Address | IPv6Address, *, allow_private: bool) -> bool:
    """Returns whether an address is public, or private and allowed; checks an embedded IPv4 address as well."""
    if isinstance(address, IPv4Address):
        private = any(address in network for network in _PRIVATE_4)
        return (allow_private or not private) and not any(address in network for network in _NEVER_4)
    inner = _inside(address)
    if inner is not None:
        return may_be_reached(inner, allow_private=allow_private)
    if any(address in network for network in _NEVER_6):
        return False
    return address in _GLOBAL_6 or (allow_private and any(address in network for network in _PRIVATE_6))


def _inside(address: IPv6Address) -> IPv4Address | None:
    """Returns the embedded IPv4 address: mapped, 6to4 or translated. (Teredo is never allowed.)"""
    if address in _TRANSLATED:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour
