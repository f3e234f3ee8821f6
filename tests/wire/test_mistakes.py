"""A checksum that was made with a known mistake: the mistake is named.

The sums are made here word by word, as a guest's C would.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from struct import pack

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pynat.errors import Malformed
from pynat.wire import ethernet, icmp, ipv4, mistakes, tcp, udp

ENDS = bytes((192, 168, 16, 2, 192, 0, 2, 7))


def words(data: bytes, order: str = "big") -> int:
    data += b"\0" * (len(data) % 2)
    return sum(
        int.from_bytes(data[at : at + 2], "big" if order == "big" else "little")
        for at in range(0, len(data), 2)
    )


def folded(total: int) -> int:
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def right(data: bytes) -> int:
    return 0xFFFF - folded(words(data))


def swap(value: int) -> int:
    return (value & 0xFF) << 8 | value >> 8


def pseudo(length: int, protocol: int = 6) -> bytes:
    return ENDS + pack("!BBH", 0, protocol, length)


Make = Callable[[bytes, int], int]  # segment, its header's length: what the guest stores


def of_sum(total: int) -> int:
    return 0xFFFF - (total & 0xFFFF)


# Mistakes in a TCP segment; the words by which they are named.
TCP: dict[str, tuple[Make, str]] = {
    "not made": (lambda s, h: 0, "none was made"),
    "offload": (lambda s, h: folded(words(pseudo(len(s)))), "only the pseudo-header's sum"),
    "offload without length": (lambda s, h: folded(words(pseudo(0))), "only the pseudo-header's"),
    "swapped": (lambda s, h: swap(right(pseudo(len(s)) + s)), "its bytes are swapped"),
    "no complement": (lambda s, h: 0xFFFF - right(pseudo(len(s)) + s), "the complement"),
    "carries lost": (lambda s, h: of_sum(words(pseudo(len(s)) + s)), "carries of the sum"),
    "carries lost, little-endian": (
        lambda s, h: swap(of_sum(words(pseudo(len(s)) + s, "little"))),
        "carries of the sum",
    ),
    "folded once": (
        lambda s, h: of_sum(
            (words(pseudo(len(s)) + s) & 0xFFFF) + (words(pseudo(len(s)) + s) >> 16)
        ),
        "the carry of that too",
    ),
    "no pseudo-header": (lambda s, h: right(s), "the pseudo-header (RFC 9293 3.1) must be counted"),
    "pseudo-header twice": (
        lambda s, h: right(pseudo(len(s)) + pseudo(len(s)) + s),
        "once, not twice",
    ),
    "length of the data": (lambda s, h: right(pseudo(len(s) - h) + s), "must be header plus data"),
    "length of the packet": (lambda s, h: right(pseudo(len(s) + 20) + s), "without the IPv4 head"),
    "no length": (lambda s, h: right(pseudo(0) + s), "must be header plus data"),
    "length swapped": (lambda s, h: right(pseudo(swap(len(s))) + s), ": its bytes are swapped"),
    "no protocol": (lambda s, h: right(pseudo(len(s), 0) + s), "protocol must be 6"),
    "protocol of UDP": (lambda s, h: right(pseudo(len(s), 17) + s), "not UDP's 17"),
    "protocol in the upper half": (
        lambda s, h: right(ENDS + pack("!BBH", 6, 0, len(s)) + s),
        "in the lower half",
    ),
    "protocol and length in host order": (
        lambda s, h: right(ENDS + pack("<HH", 6, len(s)) + s),
        "their bytes are swapped",
    ),
    "header alone": (lambda s, h: right(pseudo(len(s)) + s[:h]), "not the header alone"),
    "data alone": (lambda s, h: right(pseudo(len(s)) + s[h:]), "not the data alone"),
    "odd byte left out": (
        lambda s, h: right(pseudo(len(s)) + s[: len(s) // 2 * 2]),
        "the last odd byte counts too",
    ),
    "odd byte in the lower half": (
        lambda s, h: right(pseudo(len(s)) + s[:-1] + b"\0" * (len(s) % 2) + s[-1:]),
        "the higher half of its word",
    ),
    "window stored later": (
        lambda s, h: right(pseudo(len(s)) + s[:14] + b"\0\0" + s[16:]),
        "before the window had its value",
    ),
    "sequence number swapped later": (
        lambda s, h: right(pseudo(len(s)) + s[:4] + s[4:8][::-1] + s[8:]),
        "before the sequence number was swapped",
    ),
}

segments = st.builds(
    lambda fields, window, data: pack("!HHIIBBHHH", *fields, 0x50, 0x18, window, 0, 0) + data,
    st.tuples(
        st.integers(1, 0xFFFF),
        st.integers(1, 0xFFFF),
        st.integers(0, 0xFFFFFFFF),
        st.integers(0, 0xFFFFFFFF),
    ),
    st.integers(0, 0xFFFF),
    st.binary(min_size=1, max_size=40) | st.binary(min_size=300, max_size=1460),
)


def decode(protocol: int, data: bytes, behind: bytes = b"") -> bytes:
    """The payload of the segment or datagram."""
    packet = ipv4.encode(ENDS[:4], ENDS[4:], protocol, data)
    frame = ethernet.encode(bytes(6), bytes(6), ethernet.IPV4, packet) + behind
    found = ipv4.decode(memoryview(frame)[14:])
    read: dict[int, Callable[[ipv4.Ipv4], tcp.Segment | udp.Udp]]
    read = {ipv4.TCP: tcp.decode, ipv4.UDP: udp.decode}
    return bytes(read[protocol](found).payload)


def told(protocol: int, data: bytes, at: int, value: int, behind: bytes = b"") -> str:
    """What is said of the data with this checksum."""
    with pytest.raises(Malformed) as caught:
        decode(protocol, data[:at] + value.to_bytes(2, "big") + data[at + 2 :], behind)
    assert f"checksum {value:#06x}, expected" in caught.value.detail
    return caught.value.detail


def with_a_sum_to_fold_twice(segment: bytes) -> bytes:
    """Some bytes longer: where that is rare, a mistake of it would hardly ever be made."""
    total = words(pseudo(len(segment) + 4 + len(segment) % 2) + segment)
    return segment + bytes(len(segment) % 2) + pack("!HH", 0xFFFF - total % 0x10000, 0)


@pytest.mark.parametrize("mistake", TCP)
@given(segment=segments)
def test_a_mistake_in_tcp_is_among_the_explanations(mistake: str, segment: bytes) -> None:
    """Where the numbers are small, others explain the same value as well."""
    make, named = TCP[mistake]
    if mistake == "folded once":
        segment = with_a_sum_to_fold_twice(segment)
    if mistake.startswith("odd byte"):
        segment += b"\1" * (1 - len(segment) % 2)
    value = make(segment, 20)
    assume(value % 0xFFFF != right(pseudo(len(segment)) + segment) % 0xFFFF)
    assert told(ipv4.TCP, segment, 16, value).count(" (RFC 9293 3.1): ") == 1
    found = mistakes.of_transport(segment, ENDS, 6, 20, mistakes.TCP_FIELDS, (20, b""))
    assert any(named in text for other, text in found if other == value)


def test_of_one_byte_of_data_the_odd_byte_is_named() -> None:
    segment = pack("!HHIIBBHHH", 4000, 80, 1, 1, 0x50, 0x18, 1024, 0, 0) + b"k"
    value = right(pseudo(len(segment)) + segment[:-1])
    assert "the last odd byte counts too" in told(ipv4.TCP, segment, 16, value)


def samples(*sizes: int) -> list[bytes]:
    dice = Random(7)
    return [dice.randbytes(size) for size in sizes]


@pytest.mark.parametrize("data", samples(9, 333, 1459), ids=len)
@pytest.mark.parametrize("mistake", TCP)
def test_a_mistake_in_tcp_is_named(mistake: str, data: bytes) -> None:
    make, named = TCP[mistake]
    segment = pack("!HHIIBBHHH", 40_001, 80, 123_456_789, 987_654_321, 0x50, 0x18, 50_000, 0, 0)
    value = make(segment + data, 20)
    if value == right(pseudo(20 + len(data)) + segment + data):
        assert mistake == "folded once"  # which is rarely not enough
    else:
        assert named in told(ipv4.TCP, segment + data, 16, value)


def test_a_sum_that_must_be_folded_twice() -> None:
    segment = pack("!HHIIBBHHH", 40_001, 80, 123_456_789, 987_654_321, 0x50, 0x18, 50_000, 0, 0)
    short = words(pseudo(24) + segment)
    word = next(w for w in range(0xFFFF) if (short + w & 0xFFFF) + (short + w >> 16) >> 16)
    segment += pack("!HH", word, 0)
    value = TCP["folded once"][0](segment, 20)
    assert "the carry of that too" in told(ipv4.TCP, segment, 16, value)


@given(segments)
def test_a_right_checksum_is_taken(segment: bytes) -> None:
    check = right(pseudo(len(segment)) + segment)
    right_one = segment[:16] + check.to_bytes(2, "big") + segment[18:]
    assert decode(ipv4.TCP, right_one) == segment[20:]


def test_the_sentence_of_tcp() -> None:
    segment = pack("!HHIIBBHHH", 40_000, 80, 1000, 0, 0x50, 2, 65_535, 0, 0) + b"1234"
    value = right(pseudo(4) + segment)
    assert told(ipv4.TCP, segment, 16, value) == (
        f"checksum {value:#06x}, expected {value - 20:#06x} (RFC 9293 3.1):"
        " the pseudo-header's length must be header plus data, 24"
    )


def test_the_length_without_options() -> None:
    segment = pack("!HHIIBBHHH", 40_000, 80, 1000, 0, 0x60, 2, 65_535, 0, 0) + b"\2\4\5\xb4"
    value = right(pseudo(20) + segment)
    assert told(ipv4.TCP, segment, 16, value).endswith(
        "must be header plus data, 24, with the 4 bytes of options"
    )


@given(st.binary(min_size=1, max_size=17), st.binary(min_size=2, max_size=9))
def test_padding_that_was_counted_in(data: bytes, behind: bytes) -> None:
    segment = pack("!HHIIBBHHH", 40_000, 80, 1000, 0, 0x50, 0x18, 500, 0, 0) + data
    assume(len(data) % 2 == 0)
    value = right(pseudo(len(segment) + len(behind)) + segment + behind)
    assume(value != right(pseudo(len(segment)) + segment))
    assert told(ipv4.TCP, segment, 16, value, behind).count(" (RFC 9293 3.1): ") == 1
    found = mistakes.of_transport(segment, ENDS, 6, 20, mistakes.TCP_FIELDS, (20, behind))
    assert any(f"padding of {len(behind)} bytes" in text for other, text in found if other == value)


@pytest.mark.parametrize("data", [b"", b"abc"], ids=len)
def test_padding_in_the_packets_length(data: bytes) -> None:
    """Six bytes of it have the sum of TCP's protocol number."""
    segment = pack("!HHIIBBHHH", 40_000, 80, 1000, 0, 0x50, 0x18, 500, 0, 0) + data
    value, padding = right(pseudo(len(segment)) + segment), 26 - len(segment)
    hint = f": {padding} bytes of the frame's padding were counted into IPv4's total length"
    assert told(ipv4.TCP, segment + bytes(padding), 16, value).endswith(hint)


@pytest.mark.parametrize("data", samples(9, 40, 333), ids=len)
def test_a_mistake_in_udp_is_named(data: bytes) -> None:
    length = 8 + len(data)
    datagram = pack("!HHHH", 5000, 53, length, 0) + data
    for value, named in (
        (right(datagram), "the pseudo-header (RFC 9293 3.1) must be counted in"),
        (right(pseudo(length - 8, 17) + datagram), "must be header plus data"),
        (swap(right(pseudo(length, 17) + datagram)), "its bytes are swapped"),
        (folded(words(pseudo(length, 17))), "only the pseudo-header's sum"),
    ):
        assert named in told(ipv4.UDP, datagram, 6, value)


@pytest.mark.parametrize("data", samples(9, 40, 333), ids=len)
def test_a_mistake_in_icmp_is_named(data: bytes) -> None:
    message = pack("!BBHHH", 8, 0, 0, 7, 3) + data
    for value, named in (
        (right(pseudo(len(message), 1) + message), "ICMP has no pseudo-header"),
        (right(message[:8]), "not the header alone"),
        (swap(right(message)), "its bytes are swapped"),
        (0, "none was made"),
    ):
        stored = message[:2] + value.to_bytes(2, "big") + message[4:]
        with pytest.raises(Malformed) as caught:
            icmp.decode(memoryview(stored), ENDS)
        assert named in caught.value.detail


@pytest.mark.parametrize("data", samples(9, 40, 333), ids=len)
def test_a_reply_in_the_buffer_of_its_request(data: bytes) -> None:
    request = right(pack("!BBHHH", 8, 0, 0, 7, 3) + data)
    reply = pack("!BBHHH", 0, 0, 0, 7, 3) + data
    wanted = right(reply)
    for value, named in (
        (request, "it is the request's"),
        (right(reply[:2] + request.to_bytes(2, "big") + reply[4:]), "the request's is counted in"),
        ((request - 0x0800) & 0xFFFF, "plus 0x0800"),
        ((request + 8) & 0xFFFF, "plus 0x0800"),
        ((request + 0x0800) & 0xFFFF, "plus 0x0800"),
    ):
        if value != wanted:
            stored = reply[:2] + value.to_bytes(2, "big") + reply[4:]
            with pytest.raises(Malformed) as caught:
                icmp.decode(memoryview(stored), ENDS)
            assert named in caught.value.detail


@pytest.mark.parametrize("data", samples(9, 40, 333), ids=len)
def test_a_mistake_in_ipv4_is_named(data: bytes) -> None:
    start = pack("!BBHHHBBH", 0x45, 0, 20 + len(data), 0x1234, 0, 64, 17, 0) + ENDS
    early = start[:2] + b"\0\0" + start[4:]
    for value, named in (
        (0, "none was made"),
        (right(start + data), "over the header only"),
        (right(early), "before the total length had its value"),
        (swap(right(start)), "its bytes are swapped"),
        (of_sum(words(start)), "carries of the sum"),
    ):
        stored = start[:10] + value.to_bytes(2, "big") + start[12:] + data
        with pytest.raises(Malformed) as caught:
            ipv4.decode(memoryview(stored))
        assert named in caught.value.detail


def test_what_no_mistake_explains_is_not_explained() -> None:
    message = pack("!BBHHH", 8, 0, 0x1234, 7, 3) + b"abcdefgh"
    with pytest.raises(Malformed) as caught:
        icmp.decode(memoryview(message), ENDS)
    assert caught.value.detail.endswith("(RFC 792)")


@pytest.mark.parametrize(
    ("total", "said"),
    [(0x1D00, ": its bytes are swapped, 29 is meant"), (10, ""), (500, "")],
)
def test_a_swapped_length_is_named(total: int, said: str) -> None:
    packet = ipv4.encode(ENDS[:4], ENDS[4:], 17, b"123456789")
    stored = packet[:2] + total.to_bytes(2, "big") + packet[4:]
    with pytest.raises(Malformed) as caught:
        ipv4.decode(memoryview(stored))
    assert caught.value.detail.endswith(f"(RFC 791 3.1){said}")


# ---------------------------------------------------------------- lengths of the layers around
def refused(
    packet: bytes, behind: bytes = b"", read: Callable[[ipv4.Ipv4], object] = udp.decode
) -> Malformed:
    """Why a packet in a frame with this behind it is not taken."""
    frame = ethernet.encode(bytes(6), bytes(6), ethernet.IPV4, packet) + behind
    with pytest.raises(Malformed) as caught:
        read(ipv4.decode(memoryview(frame)[14:]))
    return caught.value


def icmp_of(packet: ipv4.Ipv4) -> icmp.Icmp:
    return icmp.decode(packet.payload, packet.ends, packet.around)


@pytest.mark.parametrize("behind", [b"", b"\0" * 5])
@pytest.mark.parametrize(
    ("protocol", "read"), [(ipv4.UDP, udp.decode), (ipv4.TCP, tcp.decode), (ipv4.ICMP, icmp_of)]
)
def test_a_total_length_without_the_header(
    protocol: int, read: Callable[[ipv4.Ipv4], object], behind: bytes
) -> None:
    """The datagram's end stands behind the packet's."""
    data = bytes(range(40, 80))
    whole = {
        ipv4.UDP: udp.encode(ENDS[:4], 5000, ENDS[4:], 53, data),
        ipv4.TCP: tcp_segment(data),
        ipv4.ICMP: icmp.encode(icmp.Icmp(8, 0, 7, 3, data)),
    }[protocol]
    header = ipv4.header(ENDS[:4], ENDS[4:], protocol, len(whole) - 20)
    error = refused(header + whole, behind, read)
    assert error.rule.code == "IP004"
    assert "header's 20 bytes" in error.detail


def tcp_segment(data: bytes) -> bytes:
    segment = pack("!HHIIBBHHH", 40_000, 80, 1000, 0, 0x50, 0x18, 500, 0, 0) + data
    return segment[:16] + right(pseudo(len(segment)) + segment).to_bytes(2, "big") + segment[18:]


def test_a_total_length_without_the_header_that_is_below_it() -> None:
    whole = udp.encode(ENDS[:4], 5000, ENDS[4:], 53, b"hello")
    error = refused(ipv4.header(ENDS[:4], ENDS[4:], ipv4.UDP, len(whole) - 20) + whole)
    assert error.rule.code == "IP004"
    assert error.detail.endswith(": the header's 20 bytes must be counted in")


@pytest.mark.parametrize("size", [0, 5, 40])
@pytest.mark.parametrize("with_checksum", [False, True])
def test_a_length_of_udp_without_the_header(size: int, with_checksum: bool) -> None:
    whole = udp.encode(ENDS[:4], 5000, ENDS[4:], 53, bytes(size))
    check = whole[6:8] if with_checksum or size < 8 else b"\0\0"
    packet = ipv4.encode(
        ENDS[:4], ENDS[4:], ipv4.UDP, whole[:4] + pack("!H", size) + check + whole[8:]
    )
    if check == b"\0\0":  # legal; the linter says the rest
        assert udp.decode(ipv4.decode(memoryview(packet))).payload == bytes(size - 8)
        return
    error = refused(packet)
    assert error.rule.code == "UDP001"
    assert error.detail.endswith(
        f"length {size}, expected {size + 8} (RFC 768): the header's 8 bytes must be counted in"
    )


@pytest.mark.parametrize(("before", "after"), [(64, 63), (64, 65), (128, 1), (255, 9)])
def test_a_time_to_live_that_was_changed_afterwards(before: int, after: int) -> None:
    header = bytearray(ipv4.header(ENDS[:4], ENDS[4:], ipv4.UDP, 8, ident=1, ttl=before))
    header[8] = after
    error = refused(bytes(header) + bytes(8))
    assert f": the time to live was changed from {before} to {after} after" in error.detail


@pytest.mark.parametrize(
    ("options", "flags", "meant"),
    [
        ("020405b4", tcp.SYN, "0x60 is meant for a header with 4 bytes of options"),
        ("0402030307", tcp.SYN, "0x70 is meant for a header with 5 bytes of options"),
        ("0101080a0000000100000002", tcp.ACK, "0x80 is meant for a header with 12 bytes of"),
        ("020405b4", tcp.ACK, "0x50 is meant for a header without options"),
        ("47455420", tcp.SYN, "0x50 is meant for a header without options"),
        ("", tcp.SYN, "0x50 is meant for a header without options"),
    ],
)
def test_a_data_offset_that_was_not_set(options: str, flags: int, meant: str) -> None:
    segment = pack("!HHIIBBHHH", 40_000, 80, 1000, 0, 0, flags, 500, 0, 0) + bytes.fromhex(options)
    header = ipv4.header(ENDS[:4], ENDS[4:], ipv4.TCP, len(segment))
    error = refused(header + segment, b"", tcp.decode)
    assert f": it was not set, {meant}" in error.detail


@pytest.mark.parametrize(
    ("offset", "flags", "meant"),
    [
        (0x00, 0x02, "it was not set, 0x50 is meant"),
        (0x05, 0x02, "its halves are swapped, 0x50 is meant"),
        (0x14, 0x02, "words of four bytes are counted, not bytes, 0x50 is meant"),
        (0x18, 0x02, "words of four bytes are counted, not bytes, 0x60 is meant"),
        (0x40, 0x02, "words of four bytes are counted, not bytes, 0x50 is meant"),
        (0x02, 0x60, "bytes 12 and 13 are swapped, 0x60 and 0x02 are meant"),
        (0xF0, 0x02, ""),
        (0x12, 0x02, ""),
    ],
)
def test_a_data_offset_that_cannot_be_has_a_cause(offset: int, flags: int, meant: str) -> None:
    hint = mistakes.in_data_offset(offset, flags)
    assert meant in hint
    assert bool(hint) == bool(meant)
