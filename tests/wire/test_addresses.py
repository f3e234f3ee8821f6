from __future__ import annotations

from ipaddress import ip_address

import pytest

from pynat.wire import ethernet, versions
from pynat.wire.addresses import (
    UNSPECIFIED,
    FourTuple,
    address_text,
    end_text,
    is_group_of_link,
    is_host,
    is_loopback,
    is_multicast,
    is_unicast,
    loopback,
)

KINDS = (is_host, is_loopback, is_multicast, is_unicast, is_group_of_link)


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
        ("224.0.0.1", {is_multicast, is_group_of_link}),
        ("224.0.1.1", {is_multicast}),
        ("239.255.255.250", {is_multicast}),
        ("240.0.0.1", set()),
        ("255.255.255.255", set()),
        ("::", {is_unicast}),
        ("::1", {is_unicast, is_loopback}),
        ("fe80::1", {is_unicast, is_host}),
        ("2001:db8::1", {is_unicast, is_host}),
        ("ff01::1", {is_multicast, is_group_of_link}),
        ("ff12::1", {is_multicast, is_group_of_link}),
        ("ff05::2", {is_multicast}),
        ("ff0e::101", {is_multicast}),
    ],
)
def test_what_kind_an_address_is(address: str, kinds: set[object]) -> None:
    packed = ip_address(address).packed
    assert {kind for kind in KINDS if kind(packed)} == kinds


def test_a_four_tuple_is_found_by_what_a_packet_has_of_it() -> None:
    guest, remote = bytes((10, 0, 0, 2)), bytes((192, 0, 2, 7))
    assert FourTuple((guest, 0x1234), (remote, 80)).key == guest + remote + b"\x12\x34\0\x50"


@pytest.mark.parametrize(
    ("address", "end"),
    [("192.0.2.7", "192.0.2.7:80"), ("2001:db8::7", "[2001:db8::7]:80"), ("::1", "[::1]:80")],
)
def test_an_address_is_written_as_its_length_says(address: str, end: str) -> None:
    packed = ip_address(address).packed
    assert (address_text(packed), end_text((packed, 80))) == (address, end)


@pytest.mark.parametrize(
    ("address", "is_nobodys"), [("0.0.0.0", True), ("::", True), ("0.0.0.1", False), ("::1", False)]
)
def test_an_address_may_be_nobodys(address: str, is_nobodys: bool) -> None:
    assert (ip_address(address).packed in UNSPECIFIED) is is_nobodys


@pytest.mark.parametrize("like", ["192.0.2.7", "2001:db8::7"])
def test_each_version_has_a_loopback(like: str) -> None:
    packed = ip_address(like).packed
    assert len(loopback(packed)) == len(packed)
    assert is_loopback(loopback(packed))


@pytest.mark.parametrize(
    ("address", "mac"),
    [
        ("224.0.0.1", "01:00:5e:00:00:01"),
        ("239.255.128.7", "01:00:5e:7f:80:07"),
        ("ff02::1:ff00:7", "33:33:ff:00:00:07"),
    ],
)
def test_a_group_has_a_mac_address(address: str, mac: str) -> None:
    assert ethernet.text(ethernet.group(ip_address(address).packed)) == mac


# ---------------------------------------------------------------- packets that are only quoted
UDP_PACKET = bytes.fromhex("4600002000010000401100000a000002c000020701020304") + bytes(
    (0x12, 0x34, 0, 80, 0, 8, 0, 0)
)


@pytest.mark.parametrize("start", [0, 3])
def test_a_packet_is_outlined_where_it_lies(start: int) -> None:
    version = versions.BY_NUMBER[4]
    found = version.outline(bytes(start) + UDP_PACKET + b"padding", start)
    assert found is not None
    assert (found.source, found.destination) == (UDP_PACKET[12:16], UDP_PACKET[16:20])
    assert (found.protocol, found.is_later) == (17, False)
    assert (found.body, found.end) == (start + 24, start + 32)


def test_what_is_too_short_has_no_outline() -> None:
    assert versions.outline(b"") is None
    assert versions.outline(UDP_PACKET[:19]) is None
    assert versions.in_frame(bytes(12) + b"\x08\x00" + UDP_PACKET[:19]) is None
    assert versions.in_frame(bytes(12) + b"\x86\xdd" + UDP_PACKET) is None


@pytest.mark.parametrize(
    ("packet", "name"),
    [
        (UDP_PACKET, "udp 10.0.0.2:4660 > 192.0.2.7:80"),
        (b"\x56" + UDP_PACKET[1:], "udp 10.0.0.2:4660 > 192.0.2.7:80"),
        (UDP_PACKET[:27], "udp 10.0.0.2 > 192.0.2.7"),
        (UDP_PACKET[:6] + b"\0\1" + UDP_PACKET[8:], "udp 10.0.0.2 > 192.0.2.7"),
        (UDP_PACKET[:9] + b"\x32" + UDP_PACKET[10:], "protocol 50 10.0.0.2 > 192.0.2.7"),
        (UDP_PACKET[:19], "19 bytes of IPv4"),
    ],
)
def test_a_packet_is_named_as_far_as_its_bytes_go(packet: bytes, name: str) -> None:
    assert versions.named(packet) == name
    assert versions.named_in(bytes(12) + b"\x08\x00" + packet) == name
    assert versions.named_in(bytes(12) + b"\x08\x06" + packet) == ""


def test_frames_of_one_flow_are_known_by_their_ends() -> None:
    def key(packet: bytes, kind: bytes = b"\x08\x00") -> bytes:
        return versions.flow_key(bytes(12) + kind + packet)[0]

    def answered(packet: bytes) -> bytes:
        ends = packet[16:20] + packet[12:16]
        return packet[:12] + ends + packet[20:24] + packet[26:28] + packet[24:26] + packet[28:]

    without_options = b"\x45" + UDP_PACKET[1:20] + UDP_PACKET[24:]
    assert key(UDP_PACKET) == key(without_options)
    assert key(UDP_PACKET) != key(UDP_PACKET[:24] + b"\0\1" + UDP_PACKET[26:])
    assert versions.reverse(key(UDP_PACKET)) == key(answered(UDP_PACKET))
    assert key(UDP_PACKET, b"\x08\x06") == (bytes(12) + b"\x08\x06" + UDP_PACKET)[6:38]
