"""IPv4 packets in pieces (RFC 791 3.2), as a router on the way would send them, in any order.

A packet with options, or one that is a fragment already, goes on as it is. One with DF has no
identification that is worth anything (RFC 6864 4.1), and gets one.
"""

from __future__ import annotations

from random import Random
from struct import pack_into, unpack_from

from pynat.impair.rule import Fragment, Order
from pynat.wire.checksum import finish, ones_sum
from pynat.wire.ethernet import HEADER, is_ipv4

_IP = HEADER.size  # where the packet begins in the frame
_DATA = _IP + 20  # where its payload does, without options
_DF, _MF = 0x4000, 0x2000


class Cutter:
    """Of one direction."""

    def __init__(self, dice: Random) -> None:
        self._dice = dice
        self._ident = dice.randrange(0x10000)

    def cut(self, frame: bytes, rule: Fragment) -> list[bytes]:
        if not _is_whole(frame):
            return [frame]
        length, ident, flags = unpack_from("!HHH", frame, _IP + 2)
        payload = frame[_DATA : _IP + length]
        if flags & _DF:
            self._ident = ident = (self._ident + 1) & 0xFFFF
        step = (rule.size - 20) & ~7
        starts = range(0, len(payload), step)
        pieces = [_piece(frame[:_DATA], payload, start, step, ident) for start in starts]
        if len(pieces) < 2:
            return [frame]
        return self._ordered(pieces, rule.order)

    def _ordered(self, pieces: list[bytes], order: Order) -> list[bytes]:
        match order:
            case Order.BACKWARDS:
                pieces.reverse()
            case Order.SHUFFLED:
                self._dice.shuffle(pieces)
        return pieces


def _is_whole(frame: bytes) -> bool:
    if len(frame) < _DATA or not is_ipv4(frame) or frame[_IP] != 0x45:
        return False
    length, _, flags = unpack_from("!HHH", frame, _IP + 2)
    return not flags & ~_DF and bool(20 < length <= len(frame) - _IP)


def _piece(head: bytes, payload: bytes, start: int, step: int, ident: int) -> bytes:
    """head: of the frame, with the packet's header."""
    data = payload[start : start + step]
    more = _MF if start + step < len(payload) else 0
    piece = bytearray(head)
    pack_into("!HHH", piece, _IP + 2, 20 + len(data), ident, more | start // 8)
    pack_into("!H", piece, _IP + 10, 0)
    pack_into("!H", piece, _IP + 10, finish(ones_sum(bytes(piece[_IP:]))))
    return bytes(piece) + data
