"""Tells which network an IP address belongs to, as far as one sender usually has all of it."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address, ip_network

_IPV4_PREFIX = 24
_IPV6_PREFIX = 56


def network_of(ip: str) -> str | None:
    """Returns the network of an address: its /24, or /56 for IPv6; None for what is no address."""
    try:
        address = ip_address(ip.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is None:
            return str(ip_network((address, _IPV6_PREFIX), strict=False))
        address = address.ipv4_mapped
    return str(ip_network((address, _IPV4_PREFIX), strict=False))
