"""Frames that are taken as one segment, and those that must not be."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether

from pynat.wire import ipv4, tcp, udp
from pynat.wire.checksum import ones_sum
from pynat.wire.tcp import Segment, as_segment, find_one, find_run, one_segment
from tests.frames import mended
from tests.frames import udp as datagram
from tests.spoiling import samples, spoilt

MAC = bytes.fromhex("525500a81001")


def frame(seq: int = 1, payload: bytes = b"", /, **fields: Any) -> bytes:
    ip = {key[3:]: fields.pop(key) for key in list(fields) if key.startswith("ip_")}
    to = fields.pop("to", MAC.hex(":"))
    segment = TCP(seq=seq, **{"sport": 1000, "dport": 80, "flags": "A", "ack": 5, **fields})
    packet = IP(**{"src": "10.0.0.2", "dst": "10.9.9.9", **ip}) / segment / payload
    return bytes(Ether(dst=to) / packet)


def run(*frames: bytes, at: int = 0) -> Segment | None:
    found = find_run(list(frames), at, MAC)
    return as_segment(found) if found else None


def stamps(value: int) -> list[tuple[str, Any]]:
    return [("NOP", None), ("NOP", None), ("Timestamp", (value, 7))]


def test_one_frame_is_one_segment() -> None:
    segment = run(frame(9, b"hello", flags="PA", window=77))
    assert segment is not None
    assert str(segment) == "P. 9:14(5) ack 5 win 77"
    assert (segment.source, segment.destination, segment.count) == (1000, 80, 1)
    assert segment.payload == b"hello"


def test_data_in_order_is_one_segment() -> None:
    segment = run(frame(1, b"abc"), frame(4, b"de"), frame(6, b"f", flags="PA"), frame(7, b"g"))
    assert segment is not None
    assert (segment.payload, segment.count, str(segment)[:2]) == (b"abcdef", 3, "P.")


def test_sequence_numbers_wrap_within_a_run() -> None:
    segment = run(frame(2**32 - 2, b"abc"), frame(1, b"de"))
    assert segment is not None
    assert (segment.payload, segment.seq) == (b"abcde", 2**32 - 2)


def test_further_acknowledgements_are_one() -> None:
    segment = run(frame(ack=10), frame(ack=20, window=3), frame(ack=20), frame(ack=30))
    assert segment is not None
    assert (segment.ack, segment.window, segment.count) == (20, 3, 2)


@pytest.mark.parametrize(
    "other",
    [
        frame(5, b"de"),  # a gap
        frame(3, b"cde"),  # an overlap
        frame(4, b"de", ack=6),
        frame(4, b"de", window=9),
        frame(4, b"de", flags="FA"),
        frame(4, b"de", flags="UA"),
        frame(4, b"de", sport=1001),
        frame(4, b"de", chksum=1),
        frame(4, b"de", ip_chksum=1),
        frame(4, b"de", ip_src="10.0.0.3"),
        frame(4, b"de", options=stamps(3)),
        frame(4),
        b"",
    ],
)
def test_what_says_anything_else_begins_anew(other: bytes) -> None:
    segment = run(frame(1, b"abc"), other)
    assert segment is not None
    assert segment.count == 1


def test_another_timestamp_begins_anew() -> None:
    frames = [frame(1, b"a", options=stamps(1)), frame(2, b"b", options=stamps(1))]
    segment = run(*frames, frame(3, b"c", options=stamps(2)))
    assert segment is not None
    assert (segment.count, segment.options.timestamps) == (2, (1, 7))


@pytest.mark.parametrize(
    "odd",
    [
        b"",
        frame()[:53],
        frame(flags="S"),
        frame(flags="R"),
        frame(flags="FA"),
        frame(ip_ttl=1),
        frame(ip_flags="MF"),
        frame(ip_frag=1),
        frame(ip_len=2000),
        frame(ip_len=39),
        frame(ip_version=6),
        frame(dataofs=4),
        frame(dataofs=15),
        frame(options=[("MSS", 1000)]),
        frame(to="ff:ff:ff:ff:ff:ff"),
        frame(chksum=1),
        frame(ip_chksum=1),
    ],
)
def test_what_is_not_common_is_left_to_the_decoder(odd: bytes) -> None:
    assert run(odd) is None


def test_padding_of_the_frame_is_no_data() -> None:
    segment = run(frame(1, b"abc") + bytes(6))
    assert segment is not None
    assert segment.payload == b"abc"


@pytest.mark.parametrize(("frames", "at"), [([], 0), ([frame()], 1), ([frame()], -1)])
def test_there_must_be_such_a_frame(frames: list[bytes], at: int) -> None:
    with pytest.raises(ValueError, match="no such frame"):
        find_run(frames, at, MAC)


def test_what_is_taken_of_spoilt_frames_is_what_the_decoder_reads() -> None:
    """Alone, and behind a frame with which it goes on."""
    before = frame(1, b"before", options=stamps(1))
    valid = [frame(7, b"data", options=stamps(1)), frame(7, b"data"), frame(7, ack=6)]
    taken = joined = 0
    for data in samples(valid, spoilt, 4000):
        whole = mended(data)
        segment, both = run(whole), run(before, whole)
        assert both is not None
        if segment is not None:
            taken += 1
            decoded = tcp.decode(ipv4.decode(memoryview(whole)[14:]))
            assert not decoded.flags & tcp.URG
            decoded.urgent = 0  # which means nothing then
            assert segment == decoded
        if both.count == 2:
            joined += 1
            assert segment is not None
            assert both.payload == b"before" + bytes(segment.payload)
    assert 1000 < taken < 3000
    assert 100 < joined < 1000


def test_what_is_taken_alone_is_what_the_decoder_reads() -> None:
    """And nothing is behind it but padding."""
    valid = [frame(7, b"data", options=stamps(1)), frame(7, b"data"), frame(7, ack=6) + bytes(6)]
    taken = 0
    for data in samples(valid, spoilt, 4000):
        whole = mended(data)
        if (one := find_one(whole)) is not None:
            taken += 1
            packet = ipv4.decode(memoryview(whole)[14:])
            behind = whole[14 + len(packet.packet) :]
            assert (one_segment(one), one[0]) == (tcp.decode(packet), len(behind))
            assert not any(behind)
            assert not whole[46] & 15
    assert 1000 < taken < 3000


def test_of_a_datagram_too() -> None:
    valid = [datagram("10.9.9.9", 80, b"data"), datagram("10.9.9.9", 80, bytes(100))]
    taken = 0
    for data in samples(valid, spoilt, 4000):
        whole = mended(data)
        if (one := udp.decode_one(whole)) is not None:
            taken += 1
            packet = ipv4.decode(memoryview(whole)[14:])
            decoded = udp.decode(packet)
            assert one[1:] == (decoded.source, decoded.destination)
            assert len(packet.payload) == 8 + len(decoded.payload)
            assert not any(whole[14 + len(packet.packet) :])
    assert 1000 < taken < 3000


@given(st.binary(max_size=3000))
def test_sums_are_those_of_words(data: bytes) -> None:
    """RFC 1071 4.1, word by word."""
    total = 0
    padded = data + bytes(len(data) % 2)
    for i in range(0, len(padded), 2):
        total += padded[i] << 8 | padded[i + 1]
        total = (total & 0xFFFF) + (total >> 16)
    assert ones_sum(data) == total
