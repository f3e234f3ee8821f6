"""Frames like those before, of which only what may be new is looked at.

A segment that carries a connection on (`tcp.find_one`) and a datagram of no protocol of ours
(`udp.decode_one`), on a path that is settled (pynat/lint/paths.py), take a short way: the checkers
of the layers below have nothing to say of them, and only count them. All other frames, and these
where anything is new, are decoded and shown to each checker.
"""

from __future__ import annotations

from pynat.lint.arp import ArpChecker
from pynat.lint.ethernet import MIN_FRAME, EthernetChecker
from pynat.lint.frame import Finding
from pynat.lint.ipv4 import Ipv4Checker
from pynat.lint.paths import Paths
from pynat.lint.span import Span
from pynat.lint.tally import Tally
from pynat.lint.tcp.checker import TcpChecker
from pynat.lint.udp import SERVICES, UdpChecker
from pynat.wire import tcp, udp
from pynat.wire.plain import KEY_AT, key_to_guest

_LOOKED_AT = {0, 53, 67, 68, 69, *SERVICES}  # ports


class ShortWays:
    def __init__(
        self,
        paths: Paths,
        ethernet: EthernetChecker,
        arp: ArpChecker,
        ipv4: Ipv4Checker,
        tcp: TcpChecker,
        udp: UdpChecker,
        tally: Tally,
    ) -> None:
        self._paths = paths
        self._ethernet = ethernet
        self._arp = arp
        self._ipv4 = ipv4
        self._tcp = tcp
        self._udp = udp
        self._tally = tally

    # ------------------------------------------------------------------ from the guest
    def from_guest(self, frame: bytes, when: Span) -> list[Finding] | None:
        """None where it has to go the long way."""
        if not self._paths.is_settled(frame, when):
            return None
        found = tcp.find_one(frame)
        if found is None:
            return self._datagram(frame, when)
        if not self._passes(frame, found[0], when):
            return None
        return self._tcp.goes_on_from_guest(frame, found, when)

    def _datagram(self, frame: bytes, when: Span) -> list[Finding] | None:
        padding = _of_none_of_ours(frame)
        if padding is None or not self._udp.knows(frame[KEY_AT]):
            return None
        if not self._passes(frame, padding, when):
            return None
        self._tally.datagrams_sent += 1
        self._tcp.is_alive(when)
        return []

    def _passes(self, frame: bytes, padding: int, when: Span) -> bool:
        """By Ethernet and IPv4, and is counted there."""
        if len(frame) > MIN_FRAME:  # which has no padding
            return self._ipv4.takes(frame, when)
        if not self._ethernet.is_padded(len(frame)) or not self._ipv4.takes(frame, when):
            return False
        self._ethernet.count(len(frame), padding)
        return True

    # ------------------------------------------------------------------ to the guest
    def to_guest(self, frame: bytes, when: Span) -> list[Finding] | None:
        """None where it has to go the long way."""
        if not self._arp.has_heard_of(frame):
            return None
        if (found := tcp.find_one(frame)) is not None:
            return self._tcp.goes_on_to_guest(frame, found, when)
        if _of_none_of_ours(frame) is None or not self._udp.knows(key_to_guest(frame)):
            return None
        self._tally.datagrams_came += 1
        return []


def _of_none_of_ours(frame: bytes) -> int | None:
    """Bytes of padding, if it is a datagram that no checker looks into."""
    found = udp.decode_one(frame)
    if found is None or found[1] in _LOOKED_AT or found[2] in _LOOKED_AT:
        return None
    return found[0]
