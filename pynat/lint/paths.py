"""Between which cards and addresses all has been said that there is to say below TCP and UDP.

Such a *path* is settled: another packet on it changes nothing in the checkers of the layers below,
and they have nothing against it but what it brings along itself (TTL, identification, length,
padding). Each of them says so of a packet (`is_settled`), and it stays so for a while: until a
frame comes that may change it, which is all but segments and datagrams on a settled path.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from pynat.lint.frame import Frame
from pynat.lint.span import Span
from pynat.wire import plain
from pynat.wire.ipv4 import Ipv4

_A_WHILE = 1.0  # seconds
_MANY = 1024  # paths; then all are asked about again
_TELLING = frozenset({53, 67, 68})  # ports of DNS and DHCP
_CARDS = slice(12)  # of a frame


def is_harmless(frame: Frame) -> bool:
    """A segment, or a datagram that tells nobody an address."""
    return frame.tcp is not None or (
        frame.udp is not None and _TELLING.isdisjoint((frame.udp.source, frame.udp.destination))
    )


class Settling(Protocol):
    def is_settled(self, frame: Frame, packet: Ipv4, until: Span) -> bool:
        """Whether up to then nothing can be said of packets with these addresses."""


class Paths:
    def __init__(self, checkers: Sequence[Settling]) -> None:
        self._checkers = checkers
        self._settled: dict[bytes, float] = {}  # until when

    def is_settled(self, frame: bytes, when: Span) -> bool:
        """An untagged one that carries IPv4."""
        return when.last < self._settled.get(frame[_CARDS] + frame[plain.ENDS_AT], 0.0)

    def look(self, frame: Frame) -> None:
        """Before the checkers see it: whether its path is settled, or may unsettle others."""
        if not self._settle(frame):
            self._settled.clear()

    def _settle(self, frame: Frame) -> bool:
        packet, until = frame.ip, frame.when.last + _A_WHILE
        if packet is None or not is_harmless(frame):
            return False
        then = Span(until, until)
        if not all(one.is_settled(frame, packet, then) for one in self._checkers):
            return False
        if len(self._settled) >= _MANY:
            self._settled.clear()
        self._settled[frame.data[_CARDS] + packet.ends] = until
        return True

    def unsettle(self) -> None:
        self._settled.clear()
