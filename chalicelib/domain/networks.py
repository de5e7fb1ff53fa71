"""Reduces an IP address to the network that one sender usually has as a whole."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address, ip_network

_IPV4_PREFIX = 24
_IPV6_PREFIX = 56


def network_of(ip: str) -> str | None:
    """Returns the network of an IP address, its /24 or, for IPv6, its /56; None if the text is no IP address."""
    try:
        address = ip_address(ip.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is None:
            return str(ip_network((address, _IPV6_PREFIX), strict=False))
        address = address.ipv4_mapped
    return str(ip_network((address, _IPV4_PREFIX), strict=False))
