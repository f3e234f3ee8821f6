"""ARP, IPv4, ICMP and UDP: what we encode scapy reads, what scapy encodes we read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import (
    ICMP,
    IP,
    UDP,
    IPOption_LSRR,
    IPOption_Router_Alert,
    IPOption_RR,
    IPOption_Timestamp,
    defragment,
)
from scapy.layers.l2 import ARP

from pynat.errors import Malformed
from pynat.wire import arp, icmp, ipv4, udp
from pynat.wire.arp import Arp
from pynat.wire.icmp import Icmp
from tests.spoiling import samples, sift, spoilt

addresses = st.binary(min_size=4, max_size=4)
macs = st.binary(min_size=6, max_size=6)
words = st.integers(0, 0xFFFF)
payloads = st.binary(max_size=64) | st.sampled_from([bytes(64), b"\xff" * 64, b"\0\xff\xff"])


@given(st.sampled_from([1, 2]), macs, addresses, macs, addresses)
def test_arp_both_ways(op: int, mac: bytes, sender: bytes, to: bytes, target: bytes) -> None:
    ours = Arp(op, mac, sender, to, target)
    theirs = ARP(
        op=op,
        hwsrc=mac.hex(":"),
        psrc=ipv4.dotted(sender),
        hwdst=to.hex(":"),
        pdst=ipv4.dotted(target),
    )
    assert arp.encode(ours) == bytes(theirs)
    assert arp.decode(bytes(theirs)) == ours


@given(addresses, addresses, payloads, words, st.integers(0, 255), st.booleans())
def test_ipv4_both_ways(
    source: bytes, destination: bytes, payload: bytes, ident: int, ttl: int, df: bool
) -> None:
    theirs = IP(
        src=ipv4.dotted(source),
        dst=ipv4.dotted(destination),
        id=ident,
        ttl=ttl,
        proto=99,
        flags="DF" if df else 0,
    )
    data = bytes(theirs / payload)
    ours = ipv4.encode(source, destination, 99, payload, ident=ident, ttl=ttl, dont_fragment=df)
    assert ours == data
    packet = ipv4.decode(memoryview(data + bytes(46)))  # padding is no payload
    assert (packet.source, packet.destination, bytes(packet.payload)) == (
        source,
        destination,
        payload,
    )
    assert (packet.ident, packet.ttl, packet.dont_fragment) == (ident, ttl, df)
    assert (packet.is_fragment, packet.options) == (False, ())


@given(addresses, st.binary(min_size=1, max_size=4000), words, st.integers(68, 1500))
def test_scapy_joins_our_fragments(source: bytes, payload: bytes, ident: int, mtu: int) -> None:
    pieces = list(ipv4.fragments(source, bytes(4), 99, payload, ident=ident, mtu=mtu))
    assert all(len(piece) <= mtu for piece in pieces)
    (packet,) = defragment([IP(piece) for piece in pieces])
    assert bytes(packet.payload) == payload


@given(words, words, addresses, addresses, payloads)
def test_udp_both_ways(
    sport: int, dport: int, source: bytes, destination: bytes, payload: bytes
) -> None:
    header = IP(src=ipv4.dotted(source), dst=ipv4.dotted(destination))
    data = bytes(header / UDP(sport=sport, dport=dport) / payload)
    assert udp.encode(source, sport, destination, dport, payload) == data[20:]
    datagram = udp.decode(ipv4.decode(memoryview(data)))
    assert (datagram.source, datagram.destination, datagram.payload) == (sport, dport, payload)


@given(words, words, payloads)
def test_icmp_both_ways(ident: int, sequence: int, payload: bytes) -> None:
    data = bytes(ICMP(type=8, id=ident, seq=sequence) / payload)
    ours = Icmp(icmp.ECHO_REQUEST, 0, ident, sequence, payload)
    assert icmp.encode(ours) == data
    assert icmp.decode(memoryview(data)) == ours


OPTIONS = [
    bytes(IPOption_RR(length=7, routers=["0.0.0.0"])) + b"\1",
    b"\1" + bytes(IPOption_LSRR(routers=["192.0.2.1"])),
    bytes(IPOption_Timestamp()) + bytes(IPOption_Router_Alert()) + b"\0\0\0\0",
    b"\1\1\1\0",
]


def kinds(options: bytes) -> tuple[int, ...]:
    """RFC 791 3.1, word for word."""
    match options[:1]:
        case b"" | b"\0":
            return ()
        case b"\1":
            return kinds(options[1:])
    return options[0], *kinds(options[options[1] :])


def test_spoilt_options_are_read_or_named() -> None:
    def read(options: bytes) -> None:
        whole = options[:40].ljust((len(options[:40]) + 3) // 4 * 4, b"\0")
        data = bytes(IP(src="192.0.2.1", dst="192.0.2.2", options=whole) / b"payload")
        packet = ipv4.decode(memoryview(data))
        assert packet.options == kinds(whole)
        assert bytes(packet.payload) == b"payload"

    reasons = ["ipv4 option: option", "expected 2 to"]
    sift(samples(OPTIONS, spoilt), read, Malformed, least=0.2, said=reasons)


@pytest.mark.parametrize("bit", range(20 * 8))
def test_every_wrong_bit_of_a_header_is_noticed(bit: int) -> None:
    data = bytearray(ipv4.encode(b"\1\2\3\4", b"\5\6\7\10", 17, b"payload", ident=7))
    data[bit // 8] ^= 0x80 >> bit % 8
    with pytest.raises(Malformed, match=r"version|header length|total length|checksum"):
        ipv4.decode(memoryview(data))
