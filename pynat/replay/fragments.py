"""Packets to the guest that came in fragments, as a bad wire cuts them: what was sent."""

from __future__ import annotations

from dataclasses import dataclass, field

from pynat.lint.bounded import Bounded
from pynat.lint.frame import Frame, decode
from pynat.log.bad_wire import Key, key_of
from pynat.wire import ethernet, versions
from pynat.wire.ip import Packet
from pynat.wire.ipv4 import Ipv4

_MOST = 256  # packets of which something is missing


@dataclass
class _Packet:
    pieces: dict[int, Ipv4] = field(default_factory=dict)  # by offset
    length: int = 0  # bytes of them
    end: int | None = None  # known from the last one

    def add(self, piece: Ipv4) -> bool:
        """Whether all is there, as far as the lengths say."""
        if piece.offset not in self.pieces:
            self.pieces[piece.offset] = piece
            self.length += len(piece.payload)
        if not piece.more:
            self.end = piece.offset + len(piece.payload)
        return self.length == self.end


class Fragments:
    def __init__(self) -> None:
        self._packets = Bounded[Key, _Packet](_MOST)

    def joined(self, frame: bytes, now: float) -> Frame | None:
        """As it was before; None while something of it is missing."""
        seen = decode(frame, now)
        piece: Packet | None = seen.ip if seen else None
        if not isinstance(piece, Ipv4) or not piece.is_fragment:
            return seen
        key = key_of(piece)
        if key not in self._packets:
            self._packets[key] = _Packet()
        packet = self._packets[key]
        if not packet.add(piece):
            return None
        del self._packets[key]
        payload = b"".join(one.payload for _, one in sorted(packet.pieces.items()))
        encode = versions.of(piece.source).encode
        whole = encode(piece.source, piece.destination, piece.protocol, payload)
        return decode(frame[: ethernet.HEADER.size] + whole, now)
