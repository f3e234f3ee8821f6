"""Packets in fragments, put together once all of one has come (RFC 791 3.2)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from pynat.errors import Malformed
from pynat.lint.bounded import Bounded
from pynat.lint.frame import Frame, transport
from pynat.wire.ipv4 import MAX_PACKET, TCP, UDP, Ipv4

MAX_PACKETS = 128  # that are not whole yet: more than are under way in one window
MAX_BYTES = 1 << 20  # of all of them
OVERHEAD = 128  # bytes that a fragment costs besides its data
_FRAGMENT = slice(6, 8)  # where a header has offset and flags
_JOINED = {TCP, UDP}  # pings tell in which order they came as well (echo.py)

Between = tuple[bytes, int]  # addresses, protocol
Key = tuple[Between, int]  # and the identification


@dataclass(slots=True)
class _Packet:
    pieces: dict[int, bytes] = field(default_factory=dict)  # by offset
    size: int = 0  # of all of them
    last: int = 0  # the highest offset
    end: int = -1  # not known yet
    is_shuffled: bool = False
    is_mixed: bool = False  # pieces of another packet between the same ends came in between

    @property
    def cost(self) -> int:
        return self.size + OVERHEAD * len(self.pieces)


class Pieces:
    def __init__(self) -> None:
        self._packets: Bounded[Key, _Packet] = Bounded(MAX_PACKETS)
        self._last: Key | None = None  # whose piece came last
        self.is_shuffled = self.is_mixed = False  # of the packet that became whole last
        self._cost = 0  # bytes, or more: of what has come since it was last looked at

    def add(self, packet: Ipv4) -> bytes | None:
        """The payload of the whole packet, if this was the last of it that was missing."""
        between = packet.ends, packet.protocol
        key = between, packet.ident
        self._bound(len(packet.payload) + OVERHEAD)
        kept = self._packets.get(key)
        if kept is None:
            kept = self._packets[key] = _Packet()
        elif self._last is not None and self._last != key and self._last[0] == between:
            kept.is_mixed = True
        self._last = key
        if packet.offset < kept.last and packet.offset not in kept.pieces:
            kept.is_shuffled = True
        kept.last = max(kept.last, packet.offset)
        size = len(packet.payload)
        kept.size += size - len(kept.pieces.get(packet.offset, b""))
        kept.pieces[packet.offset] = bytes(packet.payload)
        if not packet.more:
            kept.end = packet.offset + size
        if kept.size > MAX_PACKET:  # they overlap: whoever sends such means to fill memory
            del self._packets[key]
        if kept.size != kept.end:
            return None
        del self._packets[key]
        self.is_shuffled, self.is_mixed = kept.is_shuffled, kept.is_mixed
        return b"".join(kept.pieces[at] for at in sorted(kept.pieces))

    def _bound(self, cost: int) -> None:
        """The ones that began first make room."""
        self._cost += cost
        if self._cost > MAX_BYTES:
            packets = self._packets
            self._cost = cost + sum(one.cost for one in packets.values())
            while self._cost > MAX_BYTES // 2 and packets:
                self._cost -= packets.pop(next(iter(packets))).cost


def whole(frame: Frame, pieces: Pieces) -> Frame | None:
    """With what is in the packet, if this is the last of its fragments; else None."""
    packet = frame.ip
    if packet is None or not packet.is_fragment or packet.protocol not in _JOINED:
        return None
    payload = pieces.add(packet)
    if payload is None:
        return None
    header = bytearray(packet.header)
    header[_FRAGMENT] = bytes(2)
    data = memoryview(header + payload)
    text = data[len(header) :]
    packet = replace(packet, packet=data, payload=text, is_fragment=False, offset=0, more=False)
    frame = replace(frame, ip=packet)
    try:
        transport(frame, packet)
    except Malformed as error:
        frame.malformed = error
    return frame
