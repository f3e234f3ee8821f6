"""Read a capture back and hold every frame of ours to the RFCs, with scapy as the oracle."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any

from scapy.layers.inet import IP, in4_chksum
from scapy.utils import PcapReader, checksum

from pynat.capture.reading import About, read
from tests.live.network import ROUTER_MAC

ETHERNET, MINIMUM = 14, 60
IPV4, ARP = 0x0800, 0x0806
ICMP, TCP, UDP = 1, 6, 17


def frames(path: Path) -> Iterator[bytes]:
    with PcapReader(str(path)) as reader:
        for packet in reader:
            yield bytes(packet.original)


def verify_capture(path: Path) -> Counter[str]:
    """What went to the guest, by kind. Raises AssertionError for the first wrong frame."""
    kinds: Counter[str] = Counter()
    for number, frame in enumerate(frames(path), 1):
        if frame[6:12] == ROUTER_MAC:
            try:
                kinds[_verify(frame)] += 1
            except AssertionError as error:
                raise AssertionError(f"{path.name}, frame {number}: {error}") from error
    return kinds


def _verify(frame: bytes) -> str:
    assert len(frame) >= MINIMUM or len(frame) > ETHERNET, "too short"
    kind = int.from_bytes(frame[12:14], "big")
    if kind == ARP:
        return "arp"
    assert kind == IPV4, f"EtherType {kind:#06x}"
    return _verify_ip(frame[ETHERNET:])


def _verify_ip(data: bytes) -> str:
    ip: Any = IP(data)
    size = ip.ihl * 4
    assert ip.version == 4
    assert size >= 20
    assert checksum(data[:size]) == 0, "IPv4 header checksum"
    assert ip.len == len(data) or (ip.len < len(data) <= MINIMUM - ETHERNET), (
        f"total length {ip.len} in {len(data)} bytes"
    )
    body = data[size : ip.len]
    if ip.flags.MF or ip.frag:
        return "fragment"
    match ip.proto:
        case 1:
            assert checksum(body) == 0, "ICMP checksum"
            return "icmp"
        case 6:
            assert in4_chksum(TCP, ip, body) == 0, "TCP checksum"
            assert 20 <= (body[12] >> 4) * 4 <= len(body), "TCP data offset"
            return "tcp"
        case 17:
            length, sum_ = struct.unpack_from("!HH", body, 4)
            assert length == len(body), f"UDP length {length} in {len(body)} bytes"
            assert sum_ == 0 or in4_chksum(UDP, ip, body) in (0, 0xFFFF), "UDP checksum"
            return "udp"
    raise AssertionError(f"IPv4 protocol {ip.proto}")


def sent_twice(path: Path) -> int:
    """Bytes of TCP that went to the guest more than once, in streams that do not wrap."""
    tops: dict[bytes, int] = {}
    twice = 0
    for frame in frames(path):
        if frame[6:14] != ROUTER_MAC + IPV4.to_bytes(2, "big") or frame[23] != TCP:
            continue
        segment = frame[ETHERNET + 20 : ETHERNET + int.from_bytes(frame[16:18], "big")]
        size = len(segment) - (segment[12] >> 4) * 4
        end = int.from_bytes(segment[4:8], "big") + size
        top = tops.get(segment[:4], end - size)
        twice += min(size, max(0, top - (end - size)))
        tops[segment[:4]] = max(top, end)
    return twice


def difference(one: Path, other: Path) -> str:
    """The first frame, with its time and comment, in which two pcapng files differ."""
    both = zip_longest(_timed(one), _timed(other))
    for number, (left, right) in enumerate(both, 1):
        if left != right:
            return f"frame {number}:\n{one}: {left}\n{other}: {right}"
    assert one.read_bytes() == other.read_bytes()
    return ""


def _timed(path: Path) -> Iterator[str]:
    with PcapReader(str(path)) as reader:
        for packet in reader:
            said = f"{packet.summary()} {packet.comment} {bytes(packet.original).hex()}"
            yield f"{packet.time:.6f} {said}"


def is_whole(path: Path) -> bool:
    """Whether the last record of a capture ends where the file does."""
    about = About()
    for _ in read(path, about):
        pass
    return not about.ends_early


@dataclass
class Stream:
    """What one TCP connection brought the guest; again: bytes that were sent twice."""

    start: int = 0
    again: int = 0
    pieces: dict[int, bytes] = field(default_factory=dict)

    def add(self, number: int, data: bytes) -> None:
        at = (number - self.start) % (1 << 32)
        self.again += len(data) if at in self.pieces else 0
        self.pieces[at] = max(self.pieces.get(at, b""), data, key=len)

    def joined(self) -> bytes:
        whole = bytearray()
        for at, data in sorted(self.pieces.items()):
            assert at <= len(whole), f"a gap before byte {at}"
            whole[at : at + len(data)] = data
        return bytes(whole)


def streams_to_guest(path: Path, server_port: int) -> list[Stream]:
    """The connections to `server_port`, in the order of their SYN-ACKs."""
    streams: dict[int, Stream] = {}
    for frame in frames(path):
        if frame[6:12] != ROUTER_MAC or frame[12:14] != b"\x08\0" or frame[23] != TCP:
            continue
        size = (frame[14] & 15) * 4
        body = frame[14 + size : 14 + int.from_bytes(frame[16:18], "big")]
        source, guest_port, number = struct.unpack_from("!HHI", body)
        if source != server_port:
            continue
        stream = streams.setdefault(guest_port, Stream())
        if body[13] & 2:
            stream.start = number + 1
        elif data := body[(body[12] >> 4) * 4 :]:
            stream.add(number, data)
    return list(streams.values())
