"""Looks at every frame on the guest's wire, and says what is legal but wrong.

It only looks on: it knows nothing of the engine, so that a capture made elsewhere can be looked at
as well. One checker for each protocol follows what both sides send.
"""

from __future__ import annotations

from pynat.config import Config, Network
from pynat.lint.arp import ArpChecker
from pynat.lint.dhcp import DhcpChecker
from pynat.lint.dns import DnsChecker
from pynat.lint.ethernet import EthernetChecker
from pynat.lint.frame import Checker, Finding, decode
from pynat.lint.icmp import IcmpChecker
from pynat.lint.ipv4 import Ipv4Checker
from pynat.lint.span import Span
from pynat.lint.tcp.checker import TcpChecker
from pynat.lint.udp import UdpChecker

NE2000_SPEED = 10  # Mbit/s


class Linter:
    def __init__(self, config: Config, *, with_malformed: bool = False) -> None:
        """with_malformed: also say what is no legal frame, where no router does so."""
        self._with_malformed = with_malformed
        self._network = network = config.network
        self._ethernet = EthernetChecker(network.net)
        self._arp = ArpChecker()
        self._ipv4 = Ipv4Checker(network)
        self._steady = (self._ethernet, self._arp, self._ipv4, UdpChecker())
        self._checkers: list[Checker] = []
        self.begin_anew()

    def begin_anew(self) -> None:
        """Expect nothing of the guest for what it was sent: it has not come to it."""
        network = self._network
        self._arp.expect_nothing()
        self._icmp = IcmpChecker(network.net)
        following = (self._icmp, TcpChecker(network.mtu), DhcpChecker(), DnsChecker())
        self._checkers = [*self._steady, *following]

    def adopt(self, network: Network) -> None:
        """The net of the guest's wire from now on."""
        self._network = network
        self._ethernet.adopt(network.net)
        self._ipv4.adopt(network)
        self._icmp.adopt(network.net)

    def card_speed(self, megabits: int) -> None:
        """What the guest's card says of itself: an NE2000 sends short frames as they are."""
        self._ethernet.card_pads = megabits != NE2000_SPEED

    def from_guest(self, data: bytes, when: float | Span) -> list[Finding]:
        frame = decode(data, when)
        if frame is None:
            return []
        found = [one for checker in self._checkers for one in checker.from_guest(frame)]
        if frame.malformed and self._with_malformed:
            found.append(Finding(frame.malformed.rule, frame.malformed.detail))
        return found

    def to_guest(self, data: bytes, when: float | Span) -> list[Finding]:
        frame = decode(data, when)
        if frame is None:
            return []
        return [one for checker in self._checkers for one in checker.to_guest(frame)]
