"""The header before a frame that leaves work to the other end: virtio 1.2, 5.1.6 (virtio_net_hdr).

 0  1  flags: 1 = the checksum is partial
 1  1  what the frame is to be cut into: 0 nothing, 1 segments of TCP over IPv4, 5 UDP datagrams
 2  2  bytes of all headers
 4  2  bytes of data in each piece
 6  2  where in the frame its checksum begins to count
 8  2  where the checksum is, from there on
10     the frame

The numbers have the machine's byte order. A partial checksum is the sum of the pseudo-header alone;
whoever completes it adds everything behind `start`. A frame that is to be cut is one long packet of
up to 64 KiB: the lengths in its headers are its own. The header may ask for pieces of one byte, and
so for 60,000 frames; what Linux itself sends is far from that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from struct import Struct
from typing import NamedTuple

from pynat.errors import Malformed
from pynat.wire import ethernet, ip, ipv4, tcp, udp
from pynat.wire.checksum import finish, ones_sum, pseudo_header
from pynat.wire.frame_run import FrameRun
from pynat.wire.ipv4 import Ipv4
from pynat.wire.tcp import FIN, PSH, Options, SegmentRun

HEADER = Struct("=BBHHHH")
NOTHING = bytes(HEADER.size)  # left to do: the frame is as a wire carries it

PARTIAL = 1
TCP, UDP = 1, 5
MIN_SEGMENT = 8  # bytes of data: Linux's TCP_MIN_SND_MSS, 48, less 40 of options
MAX_DATAGRAMS = 128  # of one frame: Linux's UDP_MAX_SEGMENTS
_BEFORE_DATA = ethernet.HEADER.size + ipv4.HEADER_SIZE + udp.HEADER.size

Frame = bytes | memoryview


class Offload(NamedTuple):
    flags: int
    kind: int
    headers: int
    size: int
    start: int
    field: int


def split(data: bytes) -> tuple[Offload, memoryview]:
    return Offload._make(HEADER.unpack_from(data)), memoryview(data)[HEADER.size :]


def asks_too_much(offload: Offload, frame: Frame) -> bool:
    """More, or smaller, pieces than Linux ever makes."""
    if offload.kind == TCP:
        return 0 < offload.size < MIN_SEGMENT
    data = len(frame) - _BEFORE_DATA
    return offload.kind == UDP and 0 < offload.size * MAX_DATAGRAMS < data


def uncut(offload: Offload, frame: Frame) -> list[bytes]:
    """With whole checksums, but a run of segments as one long segment."""
    return cut(offload, frame) if offload.kind == UDP else [_completed(offload, frame)]


def cut(offload: Offload, data: Frame) -> list[bytes]:
    """The frames that a wire would carry. What cannot be cut is for others to refuse."""
    frame = _completed(offload, data)
    pieces = _CUT.get(offload.kind)
    if pieces is None or not offload.size:
        return [frame]
    at = ethernet.packet_at(frame)
    try:
        packet = ipv4.decode(memoryview(frame)[at:])
        return [
            frame[:at] + ipv4.resized(packet.header, len(piece), ident) + piece
            for ident, piece in enumerate(pieces(packet, offload.size), packet.ident)
        ]
    except Malformed:
        return [frame]


def _completed(offload: Offload, frame: Frame) -> bytes:
    at = offload.start + offload.field
    if not offload.flags & PARTIAL or at + 2 > len(frame):
        return bytes(frame)
    check = finish(ones_sum(frame[offload.start :])) or 0xFFFF
    return b"".join((frame[:at], check.to_bytes(2, "big"), frame[at + 2 :]))


def _segments(packet: Ipv4, size: int) -> list[bytes]:
    """FIN and PSH are the last one's alone."""
    whole = tcp.decode(packet)
    behind = len(packet.payload) - len(whole.payload)
    options = Options(block=bytes(packet.payload[tcp.HEADER_SIZE : behind]))
    head = replace(whole, flags=whole.flags & ~(FIN | PSH), payload=b"", options=options)
    run = SegmentRun(head, [whole.payload], whole.flags, size=size)
    return tcp.encode_run(packet.source, packet.destination, run).frames()


def _datagrams(packet: Ipv4, size: int) -> Iterator[bytes]:
    whole = udp.decode(packet)
    source, destination = (packet.source, whole.source), (packet.destination, whole.destination)
    for at in range(0, len(whole.payload), size):
        yield udp.encode(*source, *destination, whole.payload[at : at + size])


def long_frames(run: FrameRun) -> FrameRun:
    """The run in as few frames as can be, to be cut by the other end, with partial checksums."""
    link, header = run.start[: ethernet.HEADER.size], run.start[-ipv4.HEADER_SIZE :]
    before = len(run.start) + len(run.header)
    most = (ipv4.MAX_PACKET - before + len(link)) // run.size * run.size

    def start(length: int) -> bytes:
        kind, size = (TCP, run.size) if length > len(run.header) + run.size else (0, 0)
        mine = HEADER.pack(PARTIAL, kind, before, size, len(run.start), tcp.CHECKSUM_AT)
        return mine + link + ipv4.resized(header, length, ident=0)

    base = pseudo_header(header[12:16], header[16:], ip.TCP, len(run.header)) % 0xFFFF
    return run._replace(base=base, size=max(most, run.size), partial=True).behind(start)


_CUT: dict[int, Callable[[Ipv4, int], Iterable[bytes]]] = {TCP: _segments, UDP: _datagrams}
