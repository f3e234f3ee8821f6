from __future__ import annotations

from ipaddress import ip_address

import pytest

from pynat.wire.addresses import FourTuple, is_host, is_loopback, is_multicast, is_unicast

KINDS = (is_host, is_loopback, is_multicast, is_unicast)


@pytest.mark.parametrize(
    ("address", "kinds"),
    [
        ("0.0.0.0", {is_unicast}),
        ("0.1.2.3", {is_unicast}),
        ("1.0.0.1", {is_unicast, is_host}),
        ("127.0.0.1", {is_unicast, is_loopback}),
        ("127.255.255.254", {is_unicast, is_loopback}),
        ("128.0.0.1", {is_unicast, is_host}),
        ("223.255.255.254", {is_unicast, is_host}),
        ("224.0.0.1", {is_multicast}),
        ("239.255.255.250", {is_multicast}),
        ("240.0.0.1", set()),
        ("255.255.255.255", set()),
        ("::", {is_unicast}),
        ("::1", {is_unicast, is_loopback}),
        ("fe80::1", {is_unicast, is_host}),
        ("2001:db8::1", {is_unicast, is_host}),
        ("ff02::1", {is_multicast}),
    ],
)
def test_what_kind_an_address_is(address: str, kinds: set[object]) -> None:
    packed = ip_address(address).packed
    assert {kind for kind in KINDS if kind(packed)} == kinds


def test_a_four_tuple_is_found_by_what_a_packet_has_of_it() -> None:
    guest, remote = bytes((10, 0, 0, 2)), bytes((192, 0, 2, 7))
    assert FourTuple((guest, 0x1234), (remote, 80)).key == guest + remote + b"\x12\x34\0\x50"
