"""Packets in fragments, put together once all of one has come (RFC 791 3.2)."""

from __future__ import annotations

from pynat.lint.bounded import Bounded
from pynat.wire.ipv4 import Ipv4

MAX_PACKETS = 16  # that are not whole yet

Key = tuple[bytes, int, int]  # addresses, protocol, identification


class Pieces:
    def __init__(self) -> None:
        self._packets: Bounded[Key, dict[int, bytes]] = Bounded(MAX_PACKETS)  # pieces by offset
        self._ends: Bounded[Key, int] = Bounded(MAX_PACKETS)

    def add(self, packet: Ipv4) -> bytes | None:
        """The payload of the whole packet, if this was the last of it that was missing."""
        key = packet.ends, packet.protocol, packet.ident
        pieces = self._packets.get(key)
        if pieces is None:
            pieces = self._packets[key] = {}
        pieces[packet.offset] = bytes(packet.payload)
        if not packet.more:
            self._ends[key] = packet.offset + len(packet.payload)
        whole = b"".join(pieces[at] for at in sorted(pieces))
        if len(whole) != self._ends.get(key):
            return None
        del self._packets[key], self._ends[key]
        return whole
