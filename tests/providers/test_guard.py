"""Which addresses are fetched from, in every way that they can be written."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from chalicelib.providers.transport.ssrf_guard import ForbiddenAddress, check_addresses, may_be_reached

PUBLIC = ["8.8.8.8", "193.200.171.13", "172.15.0.1", "172.32.0.1", "100.128.0.1", "223.255.255.255", "2606:4700::1111"]
PUBLIC += ["2001:4860:4860::8888", "2a01:e0a::1", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"]
PRIVATE = ["127.0.0.1", "127.255.255.254", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1"]
PRIVATE += ["100.127.255.255", "198.18.0.1", "198.19.255.255", "::1", "fc00::1", "fd12:3456::1", "::ffff:10.0.0.1"]
PRIVATE += [
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "64:ff9b::a00:1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
    "2002:c0a8:101::1",
]
NEVER = ["0.0.0.0", "0.1.2.3", "169.254.169.254", "169.254.0.1", "192.0.0.170", "192.0.2.1", "198.51.100.1"]
NEVER += ["203.0.113.9", "192.88.99.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255", "::", "fe80::1"]
NEVER += ["fe80::1%eth0", "febf::1", "fec0::1", "ff02::1", "2001:db8::1", "2001::1", "2001:0:4136:e378::", "100::1"]
NEVER += ["::7f00:1", "::10.0.0.1", "::ffff:0:127.0.0.1", "64:ff9b:1::7f00:1", "::ffff:169.254.169.254", "3fff::1"]
NEVER += ["64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1", "fd00:ec2::254", "::ffff:0.0.0.0", "4000::1", "5f00::1"]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_allowed(address: str) -> None:
    for allow_private in (False, True):
        check_addresses([address], allow_private=allow_private)


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_allowed_only_if_configured(address: str) -> None:
    check_addresses([address], allow_private=True)
    with pytest.raises(ForbiddenAddress, match="allow_private"):
        check_addresses([address], allow_private=False)


@pytest.mark.parametrize("address", NEVER)
def test_other_addresses_are_never_allowed(address: str) -> None:
    for allow_private in (False, True):
        with pytest.raises(ForbiddenAddress, match="nothing is fetched from"):
            check_addresses([address], allow_private=allow_private)


@pytest.mark.parametrize("address", [*PUBLIC, *PRIVATE, *NEVER])
def test_the_guard_is_at_least_as_strict_as_ipaddress(address: str) -> None:
    parsed = ip_address(address.partition("%")[0])
    if may_be_reached(parsed, allow_private=False):
        assert not parsed.is_multicast
        # Python's versions differ in mapped or translated ranges.
        assert parsed.is_global or address.startswith(("::ffff:", "64:ff9b:"))
        assert not parsed.is_reserved or address.startswith(("::ffff:", "64:ff9b:"))


def test_one_forbidden_address_among_several_forbids_the_host() -> None:
    with pytest.raises(ForbiddenAddress):
        check_addresses(["8.8.8.8", "127.0.0.1"], allow_private=False)
    with pytest.raises(ForbiddenAddress):
        check_addresses(["127.0.0.1", "169.254.169.254"], allow_private=True)
